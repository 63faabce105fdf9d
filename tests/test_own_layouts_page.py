"""The tutorial of docs/own-layouts.md works as it is written there."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

from calls import good

from app.datasets import Draft, ReadOptions, SourceRow, detect
from app.imports.detection import identify
from app.imports.files import open_file
from app.imports.import_request import prepare_import
from app.imports.mapping import read_map
from app.imports.mapping.file import LayoutMap
from app.imports.request import ImportOptions
from app.imports.run import run_import
from app.kinds import broken_rules, measures_of, parse_event

if TYPE_CHECKING:
    import httpx
    from fastapi import FastAPI

    from app.imports.report import ImportReport

PAGE = (Path(__file__).parents[1] / "docs" / "own-layouts.md").read_text(encoding="utf-8")
[TABLE] = re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL)
LAYOUTS = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def test_the_layouts_of_the_tutorial_bring_in_its_table(tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(TABLE), delimiter=";"))
    source = [SourceRow(n, {name: cell or None for name, cell in row.items()}) for n, row in enumerate(rows, 2)]
    lacking, drafts = [], []
    for text in LAYOUTS:
        (tmp_path / "strikes.toml").write_text(text, encoding="utf-8")
        dataset = read_map(tmp_path / "strikes.toml")
        assert [fit.missing for fit in detect([dataset], [list(rows[0])])] == [()]
        drafts = list(dataset.read(source, ReadOptions(dataset.layouts[0])))
        lacking.append(dataset.plan.lacking)
    assert lacking == [
        ("title", "started_at", "detail.munitions.0.category", "sources.0.publisher"),
        ("sources.0.publisher",),
        (),
    ]

    events = [parse_event(draft.event) for draft in drafts if isinstance(draft, Draft)]
    assert [rule.flag for event in events for rule in broken_rules(event)] == []
    assert [(event.title, event.status, event.time_precision) for event in events] == [
        ("Strike on Kyiv", "confirmed", "instant"),
        ("Strike on Kryvyi Rih", "corroborated", "day"),
        ("Strike on Odesa", "reported", "instant"),
        ("Strike on Sloviansk", "confirmed", "day"),
    ]
    assert [event.started_at.isoformat()[:16] for event in events] == [
        "2025-09-07T00:30",
        "2025-09-06T21:00",
        "2025-09-08T11:05",
        "2025-09-08T21:00",
    ]
    assert [measures_of(event) for event in events] == [
        {"killed": (3, 3, 3), "injured": (10, 10, 12), "launched": (24, 24, 24), "intercepted": (21, 21, 21)},
        {"killed": (0, 0, 0), "injured": (5, 5, 5), "launched": (3, 3, 3), "intercepted": (0, 0, 0)},
        {"injured": (2, 2, 2), "launched": (1100, 1100, 1100), "intercepted": (1070, 1070, 1070)},
        {"killed": (1, 1, 1), "injured": (7, 7, 7), "launched": (4, 4, 4)},
    ]
    assert [source.publisher for source in events[0].sources] == ["Example Wire", "City Herald"]
    assert events[0].extra == {}


async def test_the_table_is_imported_again_when_it_has_changed(
    app: FastAPI, api: httpx.AsyncClient, tmp_path: Path
) -> None:
    layout, table = tmp_path / "strikes.toml", tmp_path / "strikes.csv"
    layout.write_text(LAYOUTS[-1].replace('key = "No"', 'key = "No"\nsnapshot = true'), encoding="utf-8")
    services, dataset = app.state.services, read_map(layout)

    async def import_table(text: str) -> ImportReport:
        table.write_text(text, encoding="utf-8")
        with open_file(table) as file:
            found = identify(file, known={dataset.name: dataset})
            request = prepare_import(file, found, by="desk", options=ImportOptions(write=True))
            return await run_import(services.db, services.store, request)

    first = await import_table(TABLE)
    assert (first.created, first.refused, first.problems) == (4, 0, [])
    assert good(await api.get("/v1/events/by-external-id/desk-strikes/1"))["title"] == "Strike on Kyiv"
    series = good(await api.get("/v1/stats/series?interval=month&measure=launched&timezone=Europe/Kyiv"))
    assert [(row["best"], row["count"]) for row in series] == [(1131, 4)]

    later = "".join(line for line in TABLE.replace("rumour", "confirmed").splitlines(keepends=True) if line[0] != "4")
    second = await import_table(later)
    assert (second.updated, second.unchanged, second.created, second.vanished) == (1, 2, 0, 1)
    assert good(await api.get("/v1/events/by-external-id/desk-strikes/3"))["status"] == "corroborated"


def test_the_page_names_every_key_of_a_layout() -> None:
    keys = PAGE.partition("## All keys")[2]
    assert [name for name in LayoutMap.model_fields if f"`{name}`" not in keys and f"`[{name}" not in keys] == []
