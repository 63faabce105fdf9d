"""Imports: each row once, whatever happens, and nothing where nothing changed."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from calls import good
from importing import COUNTS, changes, counts, cut_off, events, opened, told, use_small_batches
from made_up import SNAPSHOT, NaturalKeys, Rows, many, request_for, row

from app.imports.report import RowProblem
from app.imports.run import run_import

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

    from app.db import Database
    from app.events.write.store import Store


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few hundred rows are many batches."""
    use_small_batches(monkeypatch)


@pytest.fixture
async def other(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[tuple[Database, Store]]:
    """Another, empty database, in which nothing is disturbed."""
    shutil.copy(sqlite_template, tmp_path / "other.db")
    async with opened(f"sqlite:///{tmp_path / 'other.db'}") as found:
        yield found


def expected(rows: Rows) -> Counter[str]:
    """What a plain script makes of the rows, strictly and leniently."""
    seen: dict[str, Any] = {}
    found: Counter[str] = Counter(rows=len(rows))
    for each in rows:
        if each.get("op") == "skip":
            found["skipped"] += 1
        elif not isinstance(each["best"], int):
            found["refused"] += 1
            found["unreadable"] += 1
        elif each["key"] in seen:
            found["skipped" if seen[each["key"]] == each else "refused"] += 1
        else:
            seen[each["key"]] = each
            found["created"] += 1
            found["flagged"] += each["low"] > each["best"]
    return found


async def test_what_is_in_stays_in_and_what_breaks_a_rule_goes_in_leniently(
    api: httpx.AsyncClient, db: Database, store: Store
) -> None:
    rows, wanted, problems = many(300), expected(many(300)), list[RowProblem]()
    dry = await run_import(db, store, request_for(rows, write=False))
    assert await changes(db) == []

    strict = await run_import(db, store, request_for(rows, problems=problems))
    broken = wanted["flagged"]
    assert (
        counts(strict)
        == counts(dry)
        == {
            **dict.fromkeys(COUNTS, 0),
            **wanted,
            "flagged": 0,
            "created": wanted["created"] - broken,
            "refused": wanted["refused"] + broken,
        }
    )
    assert (dry.problems, dry.id, strict.id) == (strict.problems, None, 1)
    order = [problem for problem in problems if problem.code == "order"]
    assert len(order) == strict.problems_by["order"] == broken
    assert order[0] == replace(order[0], line=7, column="best", value="5", flag=None)
    assert "--lenient" in str(order[0].remedy)
    assert strict.problems_by["duplicate-key"] == wanted["refused"] - wanted["unreadable"]
    assert len(await changes(db)) == strict.created
    assert (strict.cursor_from, strict.cursor) == ("e1-000000000001", f"e1-{strict.created:012}")

    again = await run_import(db, store, request_for(rows))
    assert (again.unchanged, again.created, again.cursor, again.id) == (strict.created, 0, None, 2)
    dry = await run_import(db, store, request_for(rows, lenient=True, write=False))
    lenient = await run_import(db, store, request_for(rows, lenient=True))
    assert (
        counts(lenient)
        == counts(dry)
        == {**counts(again), "created": broken, "flagged": broken, "refused": wanted["refused"]}
    )
    assert {problem.flag for problem in lenient.problems if problem.code == "order"} == {"bounds-order"}
    assert good(await api.get("/v1/events/count"))["count"] == wanted["created"]

    last = await run_import(db, store, request_for(rows))
    assert counts(last) == {**counts(lenient), "created": 0, "unchanged": wanted["created"]}
    assert len(await changes(db)) == wanted["created"]


async def test_what_was_changed_or_deleted_by_hand_stays_so_until_its_row_changes(
    api: httpx.AsyncClient, db: Database, store: Store
) -> None:
    await run_import(db, store, request_for([row(key) for key in "abcd"]))
    held = {key: good(await api.get(f"/v1/events?external_id=made-up:{key}"))["items"][0] for key in "abcd"}
    edited = {**held["a"], "title": "By hand", "external_ids": []}
    good(await api.put(f"/v1/events/{held['a']['id']}", json=edited, headers={"If-Match": '"1"'}))
    for key, reason in (("b", "erroneous"), ("c", "duplicate")):
        assert (await api.delete(f"/v1/events/{held[key]['id']}?reason={reason}")).status_code == 204

    same = await run_import(db, store, request_for([row(key) for key in "abcd"]))
    assert (same.unchanged, same.skipped, same.cursor) == (2, 2, None)

    for write in (False, True):
        report = await run_import(db, store, request_for([row(key, best=4) for key in "abc"], write=write))
        assert (report.updated, report.created, report.skipped) == (1, 1, 1)
    titles = [
        event["title"]
        for event in good(await api.get("/v1/events?external_id=made-up:a&external_id=made-up:b"))["items"]
    ]
    assert titles == ["Attack on Kyiv", "Attack on Kyiv"]
    assert good(await api.get(f"/v1/events/{held['a']['id']}"))["version"] == 3


async def test_an_import_cut_off_anywhere_goes_on_as_if_it_had_not_been(
    db: Database, store: Store, other: tuple[Database, Store]
) -> None:
    chance = random.Random(12)
    releases = [request_for(many(150), lenient=True), request_for(many(150, seed=1), lenient=True)]
    old = [row(str(n), f"Place {n}", n, day="2025-01-01") for n in range(30)]
    new = [row(str(n), f"Corrected {n}" if n % 3 == 0 else f"Place {n}", n, day="2025-01-01") for n in range(5, 40)]
    snapshots = [
        request_for(rows, dataset=NaturalKeys(), layout=SNAPSHOT, tombstone_missing=True) for rows in (old, new)
    ]
    for request in (*releases, *snapshots):
        while (report := await cut_off(db, store, request, chance)) is None:
            pass
        whole = await run_import(*other, request)
        assert told(report) == told(whole)
        assert (report.cursor_from, report.cursor) == (whole.cursor_from, whole.cursor)
        assert await events(db) == await events(other[0])
        assert report.created > 10 or report.updated + report.deleted > 10
    made = await changes(db)
    assert len(set(made)) == len(made) == len(await changes(other[0]))
