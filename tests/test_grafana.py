"""docs/grafana/sitrep.json asks for what the API gives: each query is made as the Infinity data source would."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from calls import good

from app.kinds import MEASURES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpx import AsyncClient

DASHBOARD: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "docs" / "grafana" / "sitrep.json").read_text(encoding="utf-8")
)
SOURCE = {"type": "yesoreyeram-infinity-datasource", "uid": "${datasource}"}
ACCEPT = "application/json;q=0.9,text/plain"  # what Infinity sends with a query of type json
VARIABLES: dict[str, dict[str, Any]] = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
# What Grafana puts in place of its own variables, with the time range around the samples.
RANGE = {"__from:date:iso": "2025-05-01T00:00:00.000Z", "__to:date:iso": "2025-10-01T00:00:00.000Z"}
CHOSEN = {"interval": "day", "measure": "launched", "zone:percentencode": "Europe%2FKyiv"}
FILTERS = ({"kind:raw": "&", "country:raw": "&"}, {"kind:raw": "&kind=attack", "country:raw": "&country=UA"})


def queries() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every query of the dashboard, and what it is for."""
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target
    for annotation in DASHBOARD["annotations"]["list"]:
        yield annotation["name"], annotation["target"]
    for name, variable in VARIABLES.items():
        if variable["type"] == "query":
            yield name, variable["query"]["infinityQuery"]


QUERIES = dict(queries())
every_query = pytest.mark.parametrize("target", QUERIES.values(), ids=QUERIES)


def address(target: dict[str, Any], values: dict[str, str]) -> str:
    """The address with the variables filled in, written anew as Infinity does."""
    filled = re.sub(r"\$\{([^}]+)\}", lambda found: values[found[1]], target["url"])
    parts = urlsplit(filled)
    return f"{parts.path}?{urlencode(parse_qsl(parts.query))}"


def at(value: Any, path: str) -> Any:
    """What a dotted path leads to; nothing where it leads nowhere."""
    for step in path.split(".") if path else ():
        if isinstance(value, list):
            value = value[int(step)] if int(step) < len(value) else None
        elif isinstance(value, dict):
            value = value[step]
        else:
            return None
    return value


async def rows_of(demo: AsyncClient, target: dict[str, Any], values: dict[str, str]) -> list[dict[str, Any]]:
    """The table that a query makes of the answer."""
    given = {header["key"]: header["value"] for header in target["url_options"].get("headers", ())}
    answer = await demo.get(address(target, values), headers={"Accept": ACCEPT, **given})
    root = at(good(answer), target["root_selector"])
    rows = root if isinstance(root, list) else [root]
    return [{column["text"]: at(row, column["selector"]) for column in target["columns"]} for row in rows]


def fits(value: Any, sort: str) -> bool:
    """The value is what the column says, or missing."""
    if value is None:
        return True
    if sort == "timestamp":
        return datetime.fromisoformat(value).tzinfo is not None
    return isinstance(value, int | float if sort == "number" else str)


@every_query
async def test_a_query_finds_all_its_columns(demo: AsyncClient, target: dict[str, Any]) -> None:
    sorts = {column["text"]: column["type"] for column in target["columns"]}
    for chosen in FILTERS:
        rows = await rows_of(demo, target, {**RANGE, **CHOSEN, **chosen})

        empty = chosen is FILTERS[1] and "facet=stage" in target["url"]  # attacks have no stage
        assert bool(rows) is not empty
        assert all(fits(row[name], sort) for row in rows for name, sort in sorts.items())
        for name in sorts.keys() - {"link"}:  # no sample has the address of a source
            assert empty or any(row[name] is not None for row in rows), name


@pytest.mark.parametrize("chosen", FILTERS)
async def test_the_panels_agree_with_the_count(demo: AsyncClient, chosen: dict[str, str]) -> None:
    values = {**RANGE, **CHOSEN, **chosen}

    [total] = await rows_of(demo, QUERIES["Events"], values)
    by_kind = await rows_of(demo, QUERIES["Events by kind, per ${interval}"], values)
    newest = await rows_of(demo, QUERIES["Newest events"], values)

    assert total["Events"] == sum(row["Events"] for row in by_kind) == len(newest) > 0


async def test_every_interval_and_measure_that_can_be_chosen_is_one(demo: AsyncClient) -> None:
    options = {name: VARIABLES[name]["query"].split(",") for name in ("interval", "measure")}
    [target] = [target for title, target in QUERIES.items() if title.startswith("${measure}")]

    assert options["measure"] == list(MEASURES)
    for name, values in options.items():
        for value in values:
            few = {"__from:date:iso": "2025-09-01T00:00:00.000Z"}
            await rows_of(demo, target, {**RANGE, **few, **CHOSEN, **FILTERS[0], name: value})


async def test_the_choices_are_what_filters_take(demo: AsyncClient) -> None:
    for name in ("kind", "country"):
        target = VARIABLES[name]["query"]["infinityQuery"]
        [computed] = target["computed_columns"]
        start, column = re.fullmatch(r"'(&\w+=)' \+ (\w+)", computed["selector"]).groups()  # type: ignore[union-attr]
        assert computed["text"] == "__value"
        assert VARIABLES[name]["allValue"] == "&"
        for row in await rows_of(demo, target, RANGE):
            good(await demo.get(f"/v1/events/count?{start}{row[column]}"))


def test_the_file_can_be_imported_anywhere() -> None:
    panels = DASHBOARD["panels"]
    texts = json.dumps([panels, DASHBOARD["annotations"], DASHBOARD["templating"]])

    assert "id" not in DASHBOARD
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(target["url"].startswith("/v1/") for target in QUERIES.values())
    assert all(target["parser"] == "backend" and target["datasource"] == SOURCE for target in QUERIES.values())
    assert not re.search(r"https?://", texts)
    known = {*VARIABLES, *RANGE, "__field.labels.kind", "__data.fields.link"}
    used = {name.partition(":")[0] if name not in RANGE else name for name in re.findall(r"\$\{([^}]+)\}", texts)}
    assert used <= known


def test_no_panel_lies_on_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        grid = panel["gridPos"]
        cells = {
            (x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not cells & taken
        assert grid["x"] + grid["w"] <= 24
        taken |= cells
