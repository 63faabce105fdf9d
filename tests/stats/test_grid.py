"""The grid of a map agrees with the export for the same filter, cell by cell, however it is counted."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

import pytest
import worlds
from calls import faults, good, problem, written
from conftest import client_of
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from app.errors import Invalid
from app.events.index.map_rollup import update_map_rollup
from app.events.tables import EventPoint
from app.events.terms import IndexTerms
from app.events.write.commands import content
from app.http import read_query
from app.kinds import MEASURES, measures_of, parse_event
from app.stats.grid import grid_cells
from app.stats.schemas import GridQuery

if TYPE_CHECKING:
    from conftest import MakeApp, MakeEvent
    from httpx import AsyncClient

    from app.db import Database, Transaction

# The database stays from example to example, so that worlds grow; each example is right for itself.
GROWING = settings(
    max_examples=12,
    phases=(Phase.generate,),  # to shrink worlds takes minutes, and seldom makes them clearer
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# By client, and not by its id, which another is given when it is gone.
WORLDS: WeakKeyDictionary[AsyncClient, list[worlds.Event]] = WeakKeyDictionary()
MEASURED = st.sampled_from([None, "count", *MEASURES])


def cell_of(zoom: int, lat: float, lon: float) -> tuple[int, int]:
    """Row and column as the maps of the web count them (EPSG:3857)."""
    side = 2**zoom * 4
    phi = math.radians(max(-85.06, min(85.06, lat)))
    down = (1 - math.asinh(math.tan(phi)) / math.pi) / 2
    return max(0, min(side - 1, math.floor(down * side))), min(side - 1, math.floor((lon + 180) / 360 * side))


def whole_cells(drawn: tuple[int, tuple[float, float], int, int]) -> worlds.Question:
    """A box of so many whole cells around a place, as the dashboard asks for it: without their eastern edge."""
    zoom, (lat, lon), columns, rows = drawn
    row, column = cell_of(zoom, lat, lon)
    side = 2**zoom * 4

    def north(of_row: int) -> float:
        return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * of_row / side))))

    west, east = column / side * 360 - 180, min(column + columns, side) / side * 360 - 180
    south, top = (-90 if row + rows >= side else north(row + rows)), (90 if row == 0 else north(row))
    return [("bbox", f"{west:.9f},{south:.9f},{east - 1e-8 if east < 180 else east:.9f},{top:.9f}")]


CELLS = st.tuples(st.integers(0, 8), st.sampled_from(worlds.POINTS), st.integers(1, 4), st.integers(1, 4))
ASKED = st.tuples(
    st.one_of(worlds.questions(), worlds.BOXES, CELLS.map(whole_cells), st.just([]), st.just([("kind", "attack")])),
    st.integers(0, 12),
    MEASURED,
)


def in_box(box: str, lat: float, lon: float) -> bool:
    """Inside or on the edge, where -180 is 180."""
    west, south, east, north = map(float, box.split(","))
    span = (east - west) % 360 if west > east else east - west
    return south <= lat <= north and any(0 <= x - west <= span for x in (lon - 360, lon, lon + 360))


def expected(
    events: list[worlds.Event], question: worlds.Question, zoom: int, measure: str | None
) -> dict[tuple[int, int], list[Any]]:
    """By row and column: the events, the sums, and the places that the mean is of."""
    cells: dict[tuple[int, int], list[Any]] = {}
    box = dict(question).get("bbox")
    for event in events:
        places = [
            (p["lat"], p["lon"])
            for p in event["locations"]
            if p["role"] != "launch" and p["lat"] is not None and (box is None or in_box(box, p["lat"], p["lon"]))
        ]
        numbers = measures_of(parse_event(content(event))).get(measure or "")
        for cell in {cell_of(zoom, *place) for place in places}:
            found = cells.setdefault(cell, [0, 0, 0, 0, []])
            found[4] += [place for place in places if cell_of(zoom, *place) == cell]
            for n, number in enumerate((1, *(numbers or (0, 0, 0)))):
                found[n] += number
    return cells


@GROWING
@given(drawn=st.lists(worlds.events(), min_size=1, max_size=5), asked=st.lists(ASKED, min_size=6, max_size=6))
async def test_every_located_event_is_in_its_cells(
    api: AsyncClient, db: Database, drawn: list[worlds.Event], asked: list[tuple[Any, ...]]
) -> None:
    known = WORLDS.setdefault(api, [])
    for event in drawn:
        ids = [{"system": "world", "id": f"{len(known)}:a/b"}]
        known.append(await written(api, {**event, "external_ids": ids}))

    for abstract, zoom, measure in asked:
        question = [pair for pair in worlds.about(known, abstract) if pair[0] != "changed_since"]
        chosen = [("zoom", str(zoom)), *([("measure", measure)] if measure else [])]
        note(urlencode([*question, *chosen]))
        lines = (await api.get(f"/v1/events/export?{urlencode(question)}")).text.splitlines()
        wanted = expected([json.loads(line) for line in lines], question, zoom, measure)

        answer = await api.get(f"/v1/stats/grid?{urlencode([*question, *chosen])}")
        grid = good(answer)

        params = read_query(urlencode([*question, *chosen]).encode(), GridQuery)
        assert grid["as_of"] == answer.headers["as-of"] == good(await api.get("/v1/feed/head"))["head"]
        assert grid["zoom"] == zoom
        for cells in (grid["cells"], await grid_cells(db, params, looked_up=0)):
            assert len(cells) == len(wanted)
            for (_, (*sums, places)), cell in zip(sorted(wanted.items()), cells, strict=True):
                means = [sum(place[n] for place in places) / len(places) for n in (1, 0)]
                assert cell[:2] == pytest.approx(means, abs=2e-6)
                assert cell[2:] == (sums if measure not in {None, "count"} else [sums[0], None, None, None])


async def test_a_cell_is_as_the_contract_shows_it(api: AsyncClient, make_event: MakeEvent) -> None:
    near = {"name": "Here", "lat": 50.5, "lon": 30.5, "role": "impact"}
    places = [near, {**near, "lat": 50.7}, {**near, "lat": -33.9}, {**near, "lon": 31.0, "role": "launch"}]
    launched = {"low": 805, "best": 810, "high": 823}
    munitions = [{"category": "other", "launched": launched}, {"category": "other", "launched": 2**62}]
    for _ in range(3):
        await written(api, make_event(locations=places, detail={"munitions": munitions}))

    answer = good(await api.get("/v1/stats/grid?zoom=4&measure=launched"))

    low, best, high = (3 * (2**62 + number) for number in launched.values())
    assert list(answer) == ["zoom", "cells", "as_of"]
    assert answer["cells"] == [[30.5, 50.6, 3, low, best, high], [30.5, -33.9, 3, low, best, high]]
    assert good(await api.get("/v1/stats/grid?zoom=4&bbox=30,50.6,31,51"))["cells"] == [
        [30.5, 50.7, 3, None, None, None]
    ]


async def test_a_grid_is_read_as_other_statistics_are(make_app: MakeApp, admin_key: str, make_event: MakeEvent) -> None:
    app = await make_app(anonymous_read=True)
    async with client_of(app, admin_key) as writer, client_of(app) as reader, client_of(await make_app()) as stranger:
        await written(writer, make_event())
        first, head = await reader.get("/v1/stats/grid?zoom=3"), await reader.head("/v1/stats/grid?zoom=3")
        again = await reader.get("/v1/stats/grid?zoom=3")
        await written(writer, make_event())
        moved = await reader.get("/v1/stats/grid?zoom=3")
        problem(await stranger.get("/v1/stats/grid?zoom=3"), 401, "unauthorized")

    assert first.headers["cache-control"] == head.headers["cache-control"] == "no-cache"
    assert (head.status_code, head.content, head.headers["as-of"]) == (200, b"", first.headers["as-of"])
    assert again.content == first.content
    assert [sum(cell[2] for cell in good(answer)["cells"]) for answer in (first, moved)] == [1, 2]


async def test_bad_questions_about_a_grid_are_refused(api: AsyncClient) -> None:
    wanted = {
        "": ("zoom", "missing"),
        "zoom=13": ("zoom", "range"),
        "zoom=-1": ("zoom", "range"),
        "zoom=4.5": ("zoom", "type"),
        "zoom=4&zoom=5": ("zoom", "repeated"),
        "zoom=4&measure=dead": ("measure", "enum"),
        "zoom=4&bbox=1,2,3": ("bbox", "numbers"),
        "zoom=4&bbox=1,50,3,40": ("bbox", "range"),
        "zoom=4&as_of=2025-01-01": ("as_of", "unknown-parameter"),
        "zoom=4&changed_since=2025-01-01": ("changed_since", "unknown-parameter"),
        "zoom=4&limit=10": ("limit", "unknown-parameter"),
        "zoom=4&timezone=Mars": ("timezone", "timezone"),
    }
    assert {query: faults(await api.get(f"/v1/stats/grid?{query}")) for query in wanted} == {
        query: [fault] for query, fault in wanted.items()
    }


async def test_more_cells_than_can_be_drawn_are_refused_with_what_would_do(api: AsyncClient, db: Database) -> None:
    places = [(n // 200 / 4, n % 200 / 4) for n in range(20_001)]
    rows = [{"event": n, "n": 0, "lat": lat, "lon": lon, "x": 0.0, "y": 0.0} for n, (lat, lon) in enumerate(places)]

    terms = IndexTerms((), 0, 0, tuple(places), {}, "")

    async def write(tx: Transaction) -> None:
        await update_map_rollup(tx, [(1, "attack", terms)])
        await tx.insert(EventPoint, [{**row, "z": math.sin(math.radians(row["lat"]))} for row in rows])

    await db.write(write)

    assert faults(await api.get("/v1/stats/grid?zoom=12")) == [("zoom", "too-many")]
    for box, fits in (("", 5), ("&bbox=0,0,50,51", 7), ("&bbox=-10,-5,60,60", 7)):
        with pytest.raises(Invalid) as refusal:
            await grid_cells(db, read_query(f"zoom=12{box}".encode(), GridQuery), looked_up=0)
        assert f"ask for zoom {fits} or less" in refusal.value.errors[0].detail
        cells = await grid_cells(db, read_query(f"zoom={fits}{box}".encode(), GridQuery), looked_up=0)
        assert 0 < len(cells) <= 20_000
