"""Exports and pages read back as their readers read them: json for JSON and GeoJSON, csv for CSV."""

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import StreamingResponse

from app.events.formats import csv as flat
from app.events.formats import geojson
from app.events.formats.columns import columns_of
from app.events.formats.export import (
    CSV,
    FORMATS,
    GEOJSON,
    MEDIA_TYPES,
    NDJSON,
    PARQUET,
    SLICE_BYTES,
    SLICE_EVENTS,
    csv_header,
    csv_rows,
    export_stream,
    features,
    geojson_page,
    json_page,
    ndjson,
    page_response,
    slices,
)
from app.events.write.commands import SERVER_FIELDS
from app.kinds import FACETS, MEASURES, RESERVED, canonical_json, facets_of, measures_of, parse_event

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "app" / "samples" / "events.json"
RUN = "=+-@\t\r\n＝＋－＠"  # what a spreadsheet takes for the beginning of a formula
WHEN = b"2026-03-01T12:00:00Z"
AS_OF = "e1-000000000042"
EMPTY_MAP = b'{"type":"FeatureCollection","features":[],"next":null,"as_of":"%b"}' % AS_OF.encode()

PLACES: list[dict[str, Any]] = [
    {"name": "Kursk", "country": "RU", "lat": 51.73, "lon": 36.19, "role": "launch"},
    {"name": "Kyiv", "country": "UA", "admin1": "UA-30", "lat": 50.4501, "lon": 30.5234, "role": "target"},
    {"name": "Poltava", "country": "UA", "role": "impact"},
    {"name": "Sea", "lat": -1e-7, "lon": -77.03, "role": "impact"},
]
ATTACK: dict[str, Any] = {
    "kind": "attack",
    "title": "Night attack",
    "started_at": "2025-09-06T18:00:00Z",
    "timezone": "Europe/Kyiv",
    "locations": PLACES,
    "actors": [
        {"name": "Russian Aerospace Forces", "role": "initiator", "type": "state_forces", "country": "RU"},
        {"name": "Ukraine", "role": "target", "type": "government", "country": "UA"},
        {"name": "Kyiv; its suburbs", "role": "target", "type": "civilians"},
    ],
    "casualties": [{"measure": "killed", "group": "civilian", "count": {"low": 2, "best": 4, "high": 5}}],
    "sources": [
        {"publisher": "RFE/RL", "url": "https://example.org/1"},
        {"publisher": "RFE/RL", "url": "https://example.org/2?a;b"},
        {"publisher": "Reuters"},
    ],
    "external_ids": [{"system": "acled", "id": "UKR:1/2"}],
    "tags": ["record", "night"],
    "relations": [{"type": "follows", "event_id": "00000000-0000-7000-8000-000000000001"}],
    "extra": {"column": {"of": ["the", "source"]}},
    "detail": {
        "munitions": [
            {"category": "uav_one_way_attack", "launched": 810, "intercepted": 747},
            {"category": "cruise_missile", "launched": {"low": 9}, "intercepted": 4},
        ],
        "targets": [{"category": "residential"}, {"category": "government_building"}],
    },
}


def stored(event: dict[str, Any], number: int = 1, flags: tuple[str, ...] = ()) -> bytes:
    """The public JSON of the event as the store keeps it."""
    read = parse_event(event, batch=True)
    head = b'{"id":"%b","kind":"%b","version":3,' % (str(UUID(int=number)).encode(), read.kind.encode())
    return head + canonical_json(read, flags)[1:-1] + b',"created_at":"%b","updated_at":"%b"}' % (WHEN, WHEN)


def with_values(**values: Any) -> bytes:
    """An event with these values, whatever a reader of requests would say to them."""
    return orjson.dumps({**orjson.loads(stored(ATTACK)), **values})


def read_csv(text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.decode("utf-8"), newline=""), strict=True))


def row_of(body: bytes) -> dict[str, str]:
    (row,) = read_csv(csv_header() + csv_rows([body]))
    return row


def bare(text: str) -> str:
    """What was there before an apostrophe made it harmless, as docs/export.md says."""
    return text[1:] if text.startswith("'") and flat.FORMULA.match(text[1:]) else text


def split(cell: str) -> list[str]:
    """The values of a list, as docs/export.md says."""
    values = re.findall(r"(?s)(?:[^;\\]|\\.)+", cell)
    return [bare(re.sub(r"(?s)\\(.)", r"\1", value)) for value in values]


def samples() -> list[bytes]:
    items = json.loads(SAMPLES.read_text(encoding="utf-8"))["items"]
    return [stored(item["event"] | {"relations": []}, number) for number, item in enumerate(items, 1)]


async def pages_of(*pages: list[bytes]) -> AsyncIterator[list[bytes]]:
    for page in pages:
        yield page


async def export(format: str, *pages: list[bytes]) -> list[bytes]:  # noqa: A002 - as in the contract
    return [piece async for piece in export_stream(pages_of(*pages), format, AS_OF)]


async def whole(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


async def test_a_json_page_holds_the_events_byte_for_byte() -> None:
    one, two = stored(ATTACK, 1), stored(ATTACK, 2)

    page = await whole(json_page([one, two], 'cur"sor', AS_OF))

    assert page == b'{"items":[' + one + b"," + two + b'],"next":"cur\\"sor","as_of":"e1-000000000042"}'
    assert json.loads(page)["items"] == [json.loads(one), json.loads(two)]


async def test_an_empty_page_has_all_its_keys() -> None:
    assert await whole(json_page([], None, AS_OF)) == b'{"items":[],"next":null,"as_of":"e1-000000000042"}'
    assert json.loads(await whole(geojson_page([], None, AS_OF))) == {
        "type": "FeatureCollection", "features": [], "next": None, "as_of": AS_OF,
    }  # fmt: skip


def test_each_located_place_is_a_feature_named_after_its_index() -> None:
    body = stored(ATTACK, 7)

    found = [json.loads(feature) for feature in features(body)]

    assert [feature["id"] for feature in found] == [f"{UUID(int=7)}/{n}" for n in (0, 1, 3)]
    assert [feature["geometry"]["coordinates"] for feature in found] == [
        [36.19, 51.73],
        [30.5234, 50.4501],
        [-77.03, -1e-7],
    ]
    assert {feature["geometry"]["type"] for feature in found} == {"Point"}
    assert all(list(feature) == ["type", "id", "geometry", "properties"] for feature in found)


def test_properties_are_the_event_without_what_is_no_use_on_a_map_and_the_place() -> None:
    body = stored(ATTACK)
    event = json.loads(body)
    left_out = {"detail", "extra", "locations"}

    found = [json.loads(feature)["properties"] for feature in features(body)]

    shared = {name: value for name, value in event.items() if name not in left_out}
    assert found == [{**shared, "location": event["locations"][n], "places": 3} for n in (0, 1, 3)]
    assert list(found[0]) == [*shared, "location", "places"]


def long_event(places: int, actors: int, **more: Any) -> dict[str, Any]:
    """An attack at many places with many actors."""
    where = [{"name": f"Place {n}", "country": "UA", "lat": 48.0, "lon": 30.0, "role": "impact"} for n in range(places)]
    who = [{"name": f"Unit {n} {'x' * 100}", "role": "initiator", "type": "state_forces"} for n in range(actors)]
    return {**ATTACK, "locations": where, "actors": who, **more}


@pytest.mark.parametrize(("places", "actors"), [(2, 1000), (16, 1000), (17, 1000), (100, 20), (1000, 1), (1000, 600)])
def test_features_are_in_proportion_to_the_event_and_have_all_their_keys(places: int, actors: int) -> None:
    body = stored(long_event(places, actors, summary="s" * 5000))
    event = json.loads(body)

    written = features(body)

    assert sum(map(len, written)) < (geojson.MAX_GROWTH + 2) * len(body) + 2_000 * places
    found = [json.loads(feature)["properties"] for feature in written]
    assert len(found) == places
    assert {tuple(properties) for properties in found} == {tuple(found[0])}
    assert found[0]["actors"] == event["actors"]
    assert [properties["location"]["name"] for properties in found] == [place["name"] for place in event["locations"]]
    assert {properties["title"] for properties in found} == {event["title"]}
    if places <= geojson.MAX_GROWTH:
        assert all(properties["actors"] == event["actors"] for properties in found)


def test_what_a_line_reader_takes_for_the_end_of_a_line_stays_escaped_on_the_map() -> None:
    body = stored(ATTACK).replace(b"Night attack", b"Night\\u2028attack\\u2029s")

    (first, *_) = features(body)

    assert not {"\u2028", "\u2029"} & set(first.decode())
    assert json.loads(first)["properties"]["title"] == "Night\u2028attack\u2029s"


async def test_large_pages_leave_in_pieces_and_small_ones_whole() -> None:
    body = stored(long_event(1000, 1000))
    large = [body] * 8

    small_answer = await page_response(json_page([body], None, AS_OF), {}, "application/json")
    large_answer = await page_response(json_page(large, None, AS_OF), {}, "application/json")

    assert json.loads(bytes(small_answer.body))["items"] == [json.loads(body)]
    assert isinstance(large_answer, StreamingResponse)
    pieces = [bytes(piece) async for piece in large_answer.body_iterator]  # type: ignore[arg-type]  # they are bytes
    assert max(map(len, pieces)) < 1024 * 1024
    assert json.loads(b"".join(pieces))["items"] == [json.loads(body)] * 8


def test_a_slice_ends_at_so_many_events_or_bytes() -> None:
    bodies = [b"x" * size for size in (10, 131_000, 100, 200_000, 10, *([1] * 60))]

    cut = list(slices(bodies))

    assert [body for part in cut for body in part] == bodies
    assert all(len(part) == 1 or (len(part) <= 50 and sum(map(len, part)) <= SLICE_BYTES) for part in cut)


def test_an_event_without_coordinates_is_no_feature() -> None:
    assert features(stored({**ATTACK, "locations": [PLACES[2]]})) == []


async def test_a_geojson_page_is_a_valid_feature_collection() -> None:
    collection = json.loads(await whole(geojson_page(samples(), "next", AS_OF)))

    assert list(collection) == ["type", "features", "next", "as_of"]
    assert (collection["type"], collection["next"], collection["as_of"]) == ("FeatureCollection", "next", AS_OF)
    assert len({feature["id"] for feature in collection["features"]}) == len(collection["features"]) > 10
    for feature in collection["features"]:
        lon, lat = feature["geometry"]["coordinates"]
        assert -180 <= lon <= 180
        assert -90 <= lat <= 90


def test_ndjson_is_a_line_for_each_event() -> None:
    bodies = samples()

    lines = ndjson(bodies).split(b"\n")

    assert lines == [*bodies, b""]


def test_csv_has_one_line_for_each_event_and_no_byte_order_mark() -> None:
    bodies = samples()

    text = csv_header() + csv_rows(bodies)

    assert text.startswith(b"id,kind,version,")
    assert text.count(b"\n") == text.count(b"\r\n") == len(bodies) + 1
    assert [row["id"] for row in read_csv(text)] == [json.loads(body)["id"] for body in bodies]


def test_no_two_columns_have_one_name() -> None:
    assert len(set(flat.column_names())) == len(flat.column_names())


def test_an_attack_in_columns() -> None:
    row = row_of(stored(ATTACK, flags=("bounds-order",)))

    assert {name: value for name, value in row.items() if value} == {
        "id": str(UUID(int=1)),
        "kind": "attack",
        "version": "3",
        "status": "reported",
        "title": "Night attack",
        "started_at": "2025-09-06T18:00:00Z",
        "time_precision": "instant",
        "timezone": "Europe/Kyiv",
        "country": "UA",
        "admin1": "UA-30",
        "place": "Kyiv",
        "lat": "50.4501",
        "lon": "30.5234",
        "countries": "UA",
        "places": "Kyiv;Poltava;Sea",
        "actors_initiator": "Russian Aerospace Forces",
        "actors_target": r"Ukraine;Kyiv\; its suburbs",
        "killed_low": "2",
        "killed_best": "4",
        "killed_high": "5",
        "launched_low": "819",
        "launched_best": "819",
        "launched_high": "819",
        "intercepted_low": "751",
        "intercepted_best": "751",
        "intercepted_high": "751",
        "attack_state": "carried_out",
        "munition": "uav_one_way_attack;cruise_missile",
        "target": "residential;government_building",
        "publishers": "RFE/RL;Reuters",
        "source_urls": r"https://example.org/1;https://example.org/2?a\;b",
        "external_ids": "acled:UKR:1/2",
        "tags": "record;night",
        "relations": "follows:00000000-0000-7000-8000-000000000001",
        "quality_flags": "bounds-order",
        "created_at": WHEN.decode(),
        "updated_at": WHEN.decode(),
    }


def test_a_table_has_only_the_columns_of_the_kinds_asked() -> None:
    every, (attacks, both) = (
        set(flat.column_names()),
        (set(flat.column_names(kinds)) for kinds in (("attack",), ("attack", "sanction_move"))),
    )

    assert attacks < both < every
    assert {"launched_best", "killed_best", "attack_state", "munition", "detail_type_of_violence"} <= attacks
    assert both - attacks == {
        *(f"targets_listed_{part}" for part in ("low", "best", "high")),
        *("authority", "programme", "stage", "measure_type", "measure_subtype", "ultimate_target"),
        *("sanctioned_country", "sanctioned_entity", "imo", "detail_direction", "detail_is_secondary"),
        *("detail_announced_on", "detail_adopted_on", "detail_effective_on", "detail_expires_on", "detail_reason"),
    }
    assert read_csv(csv_header(("attack",)) + csv_rows([stored(ATTACK)], ("attack",))) == [
        {name: value for name, value in row_of(stored(ATTACK)).items() if name in attacks}
    ]


def test_a_table_for_excel_begins_with_a_byte_order_mark_and_fits_its_cells() -> None:
    places = [{"name": f"{n:04} {'x' * 290}", "country": "UA"} for n in range(200)]
    body, long = stored(ATTACK), stored({**ATTACK, "locations": places})

    text = csv_header(excel=True) + csv_rows([body, long], excel=True)

    assert text.startswith(b"\xef\xbb\xbfid,kind,")
    first, second = read_csv(text.removeprefix(b"\xef\xbb\xbf"))
    assert first == row_of(body)
    assert second["places"] == row_of(long)["places"][: 32_767 - 1] + "…"
    assert {**second, "places": ""} == {**row_of(long), "places": ""}


def test_negative_coordinates_stay_numbers() -> None:
    row = row_of(stored({**ATTACK, "locations": [PLACES[3]]}))

    assert (float(row["lat"]), float(row["lon"])) == (-1e-7, -77.03)


@pytest.mark.parametrize("body", samples(), ids=lambda body: json.loads(body)["title"][:30])
def test_measures_and_facets_are_those_that_filters_and_statistics_know(body: bytes) -> None:
    sent = {name: value for name, value in json.loads(body).items() if name not in SERVER_FIELDS}
    event = parse_event(sent)

    row = row_of(body)

    numbers = {name: tuple(row[f"{name}_{part}"] for part in ("low", "best", "high")) for name in MEASURES}
    known = measures_of(event)
    assert numbers == {name: tuple(map(str, known[name])) if name in known else ("", "", "") for name in MEASURES}
    own = [name for name in FACETS if name not in RESERVED]
    labels = [(name, value.label) for name, value in facets_of(event) if name in own]
    assert sorted(labels) == sorted((name, value) for name in own for value in split(row[name]))


@pytest.mark.parametrize("start", [*RUN, "'=", "''+"])
def test_a_formula_gets_an_apostrophe(start: str) -> None:
    text = f"{start}cmd|' /C calc'!A0"
    (place,) = orjson.loads(stored({**ATTACK, "locations": [PLACES[1]]}))["locations"]

    row = row_of(with_values(title=text, summary=text, locations=[{**place, "name": text}]))

    assert row["title"] == row["summary"] == row["place"] == row["places"] == f"'{text}"


@pytest.mark.parametrize("text", ["Kyiv", "1-2", "a=b", "'quoted'", " = ", "ʼ=", "−5"])
def test_a_harmless_text_stays_as_it_is(text: str) -> None:
    assert row_of(with_values(title=text))["title"] == text


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30) | st.builds(
    lambda start, text: start + text,
    st.sampled_from([*RUN, *"\",;\\'", "'="]),
    st.text("a;\\='", max_size=5),
)


@given(title=TEXTS, summary=st.none() | TEXTS, publishers=st.lists(TEXTS, max_size=4))
def test_every_text_comes_back(title: str, summary: str | None, publishers: list[str]) -> None:
    source = orjson.loads(stored(ATTACK))["sources"][0]

    row = row_of(with_values(title=title, summary=summary, sources=[{**source, "publisher": p} for p in publishers]))

    assert (bare(row["title"]), bare(row["summary"])) == (title, summary or "")
    assert split(row["publishers"]) == list(dict.fromkeys(publishers))


@given(texts=st.lists(TEXTS, min_size=1, max_size=3))
def test_no_cell_of_text_begins_as_a_formula(texts: list[str]) -> None:
    actor = orjson.loads(stored(ATTACK))["actors"][0]
    body = with_values(title=texts[0], summary=texts[-1], locations=[], actors=[{**actor, "name": t} for t in texts])

    row = row_of(body)

    assert [cell for cell in row.values() if cell.startswith(tuple(RUN))] == []
    assert [value for value in re.split(r"(?<!\\);", row["actors_initiator"]) if value.startswith(tuple(RUN))] == []


def test_every_column_is_documented() -> None:
    page = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    words = re.findall(r"`([^`\s]+)`", page)

    fixed = [*flat.OWN, *flat.PLACE, *flat.PLACES, *flat.ACTORS, *flat.LINKS, *flat.RECORDED]
    known = [word for word in words[words.index("status") - 3 :] if word in fixed]
    assert list(dict.fromkeys(known)) == fixed
    assert re.findall(r"`(\w+)`", page.split("Measures in their order: ")[1].split("\n\n")[0]) == list(MEASURES)
    facets = re.findall(r"`(\w+)`", page.split("Facets in their order: ")[1])
    assert list(dict.fromkeys(facets)) == list(columns_of().facets)
    fields = re.findall(r"`detail_(\w+)`", page.split("Fields of detail in their order: ")[1].split("\n\n")[0])
    assert fields == list(columns_of().fields)


def test_the_media_types_are_those_of_the_contract() -> None:
    assert MEDIA_TYPES == {
        "ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8", "geojson": "application/geo+json",
        "parquet": "application/vnd.apache.parquet", "geoparquet": "application/vnd.apache.parquet",
    }  # fmt: skip
    assert set(MEDIA_TYPES.values()) == {NDJSON, CSV, GEOJSON, PARQUET}


async def test_an_export_is_the_same_however_it_is_paged() -> None:
    bodies = samples()
    mapless = stored({**ATTACK, "locations": []}, 99)

    for name in FORMATS:
        whole = b"".join(await export(name, [mapless, *bodies]))
        assert whole == b"".join(await export(name, [], [mapless], *([body] for body in bodies), []))


async def test_a_geojson_export_is_the_page_of_all_events() -> None:
    bodies = samples()

    assert b"".join(await export("geojson", bodies[:5], bodies[5:])) == await whole(geojson_page(bodies, None, AS_OF))


@pytest.mark.parametrize(("name", "nothing"), [("ndjson", b""), ("csv", csv_header()), ("geojson", EMPTY_MAP)])
async def test_an_export_of_nothing_is_a_valid_file(name: str, nothing: bytes) -> None:
    assert b"".join(await export(name)) == nothing


async def test_an_export_comes_in_pieces_while_pages_are_read() -> None:
    page = [stored(ATTACK, number) for number in range(SLICE_EVENTS + 1)]
    read = 0

    async def endless() -> AsyncIterator[list[bytes]]:
        nonlocal read
        while True:
            read += 1
            yield page

    stream = export_stream(endless(), "ndjson", AS_OF)

    pieces = [await anext(stream) for _ in range(5)]

    assert [piece.count(b"\n") for piece in pieces] == [SLICE_EVENTS, 1, SLICE_EVENTS, 1, SLICE_EVENTS]
    assert read == 3


FIFTH = '''
"""A ceasefire."""

from typing import ClassVar

from app.kinds.base import Estimate, Facet, Kind, Measure, optional_field


class Ceasefire(Kind):
    """A pause."""

    name: ClassVar = "ceasefire"
    plural: ClassVar = "ceasefires"
    title: ClassVar = "Ceasefire"
    breaches: Estimate | None = optional_field("How often it was broken.")
    monitor: str | None = optional_field("Who watches.")
    facets: ClassVar = (
        Facet("monitor", "Who watches.", lambda event: [event.detail.monitor]),
        Facet("summary", "A facet with the name of a column.", lambda event: ["short"]),
    )
    totals: ClassVar = (
        Measure("breaches", "How often.", lambda event: event.detail.breaches and event.detail.breaches.numbers()),
    )
'''
WRITE = """
import sys
from app.events.formats.export import csv_header, csv_rows
sys.stdout.buffer.write(csv_header() + csv_rows([sys.stdin.buffer.read()]))
"""


def test_the_columns_of_a_fifth_kind_follow_from_its_file(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "app", tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__", "dashboard"))
    (tmp_path / "app" / "kinds" / "ceasefire.py").write_text(FIFTH, encoding="utf-8")
    detail = {"breaches": {"low": None, "best": 7, "high": 9, "qualifier": "unknown"}, "monitor": "OSCE"}
    body = with_values(kind="ceasefire", detail=detail)

    run = subprocess.run([sys.executable, "-c", WRITE], cwd=tmp_path, input=body, capture_output=True, check=True)  # noqa: S603 - our own Python

    (row,) = read_csv(run.stdout)
    assert [row[f"breaches_{part}"] for part in ("low", "best", "high")] == ["7", "7", "9"]
    assert (row["monitor"], row["summary"], row["facet_summary"]) == ("OSCE", "", "short")
    assert set(flat.column_names()) < set(row)
