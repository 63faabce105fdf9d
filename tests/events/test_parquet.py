"""Parquet read back by pyarrow, pandas and geopandas: the events of NDJSON, typed, in bounded groups of rows."""

from __future__ import annotations

import gc
import io
import sys
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import geopandas
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from calls import faults, good, written
from specimens import SPECIMENS

from app.events.formats.export import slices
from app.events.formats.parquet import ParquetTable, parquet_stream
from app.kinds import KINDS, format_instant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from httpx import AsyncClient

PLACES = [
    {"name": "Kursk", "country": "RU", "lat": 51.73, "lon": 36.19, "role": "launch"},
    {"name": "Kyiv", "country": "UA", "lat": 50.4501, "lon": 30.5234, "role": "target"},
    {"name": "Odesa", "country": "UA", "lat": 46.48, "lon": 30.73, "role": "impact"},
]


async def exported(api: AsyncClient, query: str) -> bytes:
    answer = await api.get(f"/v1/events/export?{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["as-of"]
    return answer.content


def as_json(value: Any) -> Any:
    """What stands in a row as JSON has it."""
    if isinstance(value, datetime):
        return format_instant(value)
    if isinstance(value, dict):
        return {name: as_json(part) for name, part in value.items()}
    return [*map(as_json, value)] if isinstance(value, list) else str(value) if isinstance(value, date) else value


def event_in(row: dict[str, Any]) -> dict[str, Any]:
    """The event of a row, as docs/export.md says."""
    event: dict[str, Any] = as_json(row)
    event["detail"], event["extra"] = event[event["kind"]], orjson.loads(event["extra"])
    for claim in event["claims"]:
        claim["value"] = orjson.loads(claim["value"])
    return event


@pytest.fixture
async def full(api: AsyncClient) -> AsyncClient:
    """A server with a full event of each kind, an event at several places and one at none."""
    for kind, event in SPECIMENS.items():
        own = [{"system": "test", "id": kind}]
        await written(api, {**event, "relations": [], "external_ids": own})
    plain = {**SPECIMENS["attack"], "external_ids": [], "relations": [], "title": "A\u2028title of = lines"}
    await written(api, {**plain, "locations": PLACES, "started_at": "2025-09-07T01:00:00.123456+03:00"})
    await written(api, {**plain, "locations": [], "extra": {}, "claims": []})
    return api


async def test_each_kind_comes_back_as_ndjson_has_it(full: AsyncClient) -> None:
    events = [orjson.loads(line) for line in (await exported(full, "format=ndjson")).splitlines()]
    assert {event["kind"] for event in events} == set(KINDS)

    for form in ("parquet", "geoparquet"):
        file = pq.ParquetFile(io.BytesIO(await exported(full, f"format={form}")))
        rows = file.read().to_pylist()
        back = [event_in(row) for row in rows]

        assert [{name: row[name] for name in event} for row, event in zip(back, events, strict=True)] == events
        assert all(row[kind] is None for row in rows for kind in KINDS if kind != row["kind"])
        assert {name: row["launched_best"] for row in rows for name in [row["kind"]]} == {
            kind: 814 if kind == "attack" else None for kind in KINDS
        }
        assert rows[0]["munition"] == ["uav_one_way_attack", "cruise_missile"] or rows[0]["kind"] != "attack"
        types = {column.name: column.type for column in file.schema_arrow}
        assert (types["started_at"], types["killed_high"]) == (pa.timestamp("us", "UTC"), pa.int64())
        assert types["sanction_move"].field("effective_on").type == pa.date32()
        assert types["tags"].value_type == types["munition"].value_type == pa.string()
        assert types["locations"].value_type.field("lat").type == pa.float64()
        as_of = good(await full.get("/v1/feed/head"))["head"]
        assert file.metadata.metadata[b"as_of"].decode() == as_of


async def test_filters_and_the_past_hold_and_a_kind_brings_only_its_columns(full: AsyncClient) -> None:
    begin = good(await full.get("/v1/feed?limit=1"))["next"]

    async def table(query: str) -> pd.DataFrame:
        return pd.read_parquet(io.BytesIO(await exported(full, f"format=parquet&{query}")))

    attacks, moves = await table("kind=attack"), await table("kind=sanction_move")
    assert list(attacks["kind"]) == ["attack"] * 3
    assert attacks["launched_best"].sum() == 3 * 814
    assert not {"sanction_move", "targets_listed_best", "authority", "stage"} & set(attacks)
    assert {"sanction_move", "targets_listed_best", "authority", "stage"} < set(moves)
    assert "launched_best" not in moves
    assert str(attacks["started_at"].dt.tz) == "UTC"
    assert len(await table(f"as_of={begin}")) == 1
    assert len(await table("q=nothing")) == 0


async def test_geopandas_finds_an_event_where_the_filters_do(full: AsyncClient) -> None:
    file = await exported(full, "format=geoparquet&kind=attack")
    layer = geopandas.read_parquet(io.BytesIO(file))

    assert layer.crs.to_epsg() == 4326 or layer.crs.to_authority() == ("OGC", "CRS84")
    assert sorted(layer["title"]) == ["A title", *["A\u2028title of = lines"] * 2]
    [places] = [geometry for geometry in layer.geometry if geometry is not None and geometry.geom_type == "MultiPoint"]
    assert [point.coords[:] for point in places.geoms] == [[(30.5234, 50.4501)], [(30.73, 46.48)]]
    assert layer.geometry.isna().sum() == 1
    assert len(layer.explode()) == 3  # a row for each place
    for west, south, east, north in ((30.6, 46, 31, 47), (36, 51, 37, 52), (30, 45, 31, 51)):
        box = f"bbox={west},{south},{east},{north}"
        count = good(await full.get(f"/v1/events/count?kind=attack&{box}"))["count"]
        assert layer.cx[west:east, south:north].shape[0] == count
        read = geopandas.read_parquet(io.BytesIO(file), bbox=(west, south, east, north))
        assert set(read["id"]) >= set(layer.cx[west:east, south:north]["id"])


async def test_without_pyarrow_it_is_said_what_to_install(api: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.json", None)

    for form in ("parquet", "geoparquet"):
        answer = await api.get(f"/v1/events/export?format={form}")

        assert faults(answer) == [("format", "not-installed")]
        assert "sitrep[parquet]" in answer.json()["detail"]
    assert (await api.get("/v1/events/export?format=csv")).status_code == 200


async def test_excel_is_for_csv_alone(demo: AsyncClient) -> None:
    plain = await exported(demo, "format=csv&kind=attack")

    assert await exported(demo, "format=csv&kind=attack&excel=true") == b"\xef\xbb\xbf" + plain
    assert b"sanction" not in plain.splitlines()[0]
    for form in ("", "&format=ndjson", "&format=geojson", "&format=parquet", "&format=geoparquet"):
        assert faults(await demo.get(f"/v1/events/export?excel=true{form}")) == [("excel", "together")]
        assert (await demo.get(f"/v1/events/export?excel=false{form}")).status_code == 200
    assert faults(await demo.get("/v1/events/export?format=csv&excel=yes")) == [("excel", "type")]


async def test_groups_leave_as_they_are_full_and_a_reader_who_leaves_frees_them(full: AsyncClient) -> None:
    bodies = (await exported(full, "format=ndjson")).splitlines()
    group = 3 * sum(map(len, bodies))
    taken = 0

    async def pages(count: int) -> AsyncIterator[list[bytes]]:
        nonlocal taken
        for taken in range(count):  # noqa: B007 (read by the test)
            yield bodies

    stream = parquet_stream(pages(1_000), "e1-000000000001", cut=slices, group_bytes=group)
    first = [await anext(stream) for _ in range(3)]
    assert all(first)
    assert taken < 20
    await stream.aclose()  # type: ignore[attr-defined] # it is a generator
    del stream
    gc.collect()
    assert not [each for each in gc.get_objects() if isinstance(each, ParquetTable)]

    pieces = [piece async for piece in parquet_stream(pages(20), "e1-000000000001", cut=slices, group_bytes=group)]
    file = pq.ParquetFile(io.BytesIO(b"".join(pieces)))
    assert file.num_row_groups >= 3
    assert file.read().num_rows == 20 * len(bodies)
