"""Exports read back by the programs that people open them with: pandas, and GDAL by geopandas, as QGIS does."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import geopandas
import orjson
import pandas as pd
import pytest
from calls import good, written

if TYPE_CHECKING:
    from collections.abc import Callable

    from httpx import AsyncClient

    MakeEvent = Callable[..., dict[str, Any]]

WINDHOEK = {"name": "Windhoek", "country": "NA", "lat": -22.57, "lon": 17.083611, "role": "venue"}


async def exported(api: AsyncClient, form: str, query: str = "") -> bytes:
    answer = await api.get(f"/v1/events/export?format={form}{query}")
    assert answer.status_code == 200
    return answer.content


async def events_of(api: AsyncClient, query: str = "") -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (await exported(api, "ndjson", query)).splitlines()]


@pytest.mark.parametrize("query", ["", "&kind=attack", "&country=UA&launched_min=100", "&q=istanbul"])
async def test_pandas_reads_the_numbers_that_the_api_gives(demo: AsyncClient, query: str) -> None:
    table = pd.read_csv(io.BytesIO(await exported(demo, "csv", query)), keep_default_na=False, na_values=[""])

    events = await events_of(demo, query)
    count = good(await demo.get(f"/v1/events/count?{query.removeprefix('&')}"))["count"]
    assert len(table) == len(events) == count > 0
    assert list(table["id"]) == [event["id"] for event in events]
    assert list(table["title"]) == [event["title"] for event in events]
    attacks = [event for event in events if event["kind"] == "attack"]
    fired = [munition["launched"] for attack in attacks for munition in attack["detail"]["munitions"]]
    numbers = [estimate["best"] for estimate in fired if estimate is not None and estimate["best"] is not None]
    assert table["launched_best"].sum() == sum(numbers)
    started = pd.to_datetime(table["started_at"], format="ISO8601", utc=True)
    assert [at.isoformat().replace("+00:00", "Z") for at in started] == [event["started_at"] for event in events]


async def test_pandas_takes_namibia_for_a_country_and_no_text_for_a_formula(
    api: AsyncClient, make_event: MakeEvent
) -> None:
    await written(api, make_event(title="=HYPERLINK(1)", summary='Line "two", and ; more', locations=[WINDHOEK]))

    table = pd.read_csv(io.BytesIO(await exported(api, "csv")), keep_default_na=False, na_values=[""])

    [row] = table.to_dict("records")
    assert (row["country"], row["lat"], row["lon"]) == ("NA", -22.57, 17.083611)
    assert row["title"] == "'=HYPERLINK(1)"
    assert row["summary"] == 'Line "two", and ; more'


@pytest.mark.parametrize("query", ["", "&kind=attack", "&bbox=22.1,44.3,40.3,52.4"])
async def test_gdal_reads_a_feature_for_each_located_place(demo: AsyncClient, query: str) -> None:
    layer = geopandas.read_file(io.BytesIO(await exported(demo, "geojson", query)))

    places = [
        (event["id"], event["title"], place["lon"], place["lat"])
        for event in await events_of(demo, query)
        for place in event["locations"]
        if place["lat"] is not None
    ]
    assert layer.crs.to_epsg() == 4326
    assert set(layer.geometry.geom_type) == {"Point"}
    assert list(zip(layer["id"], layer["title"], layer.geometry.x, layer.geometry.y, strict=True)) == places


async def test_gdal_reads_a_fixed_feed_and_a_page_of_the_list(api: AsyncClient, make_event: MakeEvent) -> None:
    now = pd.Timestamp.now(tz="UTC").isoformat()
    made = await written(api, make_event(started_at=now, time_precision="instant", locations=[WINDHOEK]))
    listed = await api.get("/v1/events.geojson")

    for text in (listed.content, (await api.get("/v1/feeds/attacks_day.geojson")).content):
        layer = geopandas.read_file(io.BytesIO(text))

        assert list(layer["title"]) == [made["title"]]
        assert layer.geometry[0].coords[:] == [(17.083611, -22.57)]
