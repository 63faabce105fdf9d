"""Imports: each row once, whatever happens, and nothing where nothing changed."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import socket
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from calls import good
from importing import COUNTS, bodies, changes, counts, cut_off, events, opened, runs, told, use_small_batches
from made_up import SNAPSHOT, NaturalKeys, Rows, many, request_for, row

from app.errors import ImportRunning
from app.imports import lease
from app.imports.report import ImportReport, RowProblem
from app.imports.run import run_import

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import httpx

    from app.datasets.base import Record
    from app.db import Database
    from app.events.write.store import Store
    from app.imports.request import ImportRequest

MADE_UP = Path(__file__).with_name("made_up.py")
ROOT = MADE_UP.parents[2]
# `make nightly` kills an import of 50,000 rows 20 times.
ROWS, KILLS = int(os.environ.get("IMPORT_ROWS", "700")), int(os.environ.get("IMPORT_KILLS", "2"))


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


async def test_a_killed_import_goes_on_with_its_file(
    database_url: str, db: Database, store: Store, other: tuple[Database, Store]
) -> None:
    size, chance, kills = ROWS, random.Random(9), 0
    command = [sys.executable, str(MADE_UP), database_url, str(size)]
    while True:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        left = chance.randrange(2, size // 50 // (KILLS + 1)) if kills < KILLS else size
        while left and await process.stdout.readline():
            left -= 1
        if not left:
            await asyncio.sleep(chance.random() / 50)
            process.kill()
            kills += 1
        code = await process.wait()
        process._transport.close()  # type: ignore[attr-defined]  # or the loop warns of it
        if not code:
            break
    assert kills == KILLS
    whole = await run_import(*other, request_for(many(size), lenient=True))
    assert await events(db) == await events(other[0])
    made = await changes(db)
    assert len(set(made)) == len(made) == whole.created
    again = await run_import(db, store, request_for(many(size), lenient=True))
    assert (again.id, again.unchanged, again.created) == (2, whole.created, 0)


async def test_of_two_processes_one_imports_a_dataset(
    db: Database, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = request_for(many(150))
    refused: list[str] = []

    async def import_too(_report: ImportReport) -> None:
        with pytest.raises(ImportRunning) as refusal:
            await run_import(db, store, request)
        refused.append(refusal.value.detail)

    tasks: list[asyncio.Task[None]] = []
    await run_import(
        db, store, request, lambda report: None if tasks else tasks.append(asyncio.create_task(import_too(report)))
    )
    await tasks[0]
    assert "Import 1 of this dataset runs in another process" in refused[0]

    async def take_over(_report: ImportReport) -> ImportReport:
        monkeypatch.setattr(lease, "HELD_HERE", set())  # as if this process were another, and the first dead
        return await run_import(db, store, second)

    second = request_for(many(150, seed=1))
    begun: list[asyncio.Task[ImportReport]] = []
    with pytest.raises(ImportRunning, match="took this import over"):
        await run_import(
            db, store, second, lambda report: None if begun else begun.append(asyncio.create_task(take_over(report)))
        )
    report = await begun[0]
    assert (report.id, report.rows) == (2, len(many(150)))
    made = await changes(db)
    assert len(set(made)) == len(made)


async def test_a_later_snapshot_is_all_that_is_left_of_an_older_one(
    api: httpx.AsyncClient, db: Database, store: Store, other: tuple[Database, Store]
) -> None:
    old = [row(f"k{n}", f"Place {n}", n) for n in range(20)]
    new = [row(f"k{n}", f"Place {n}", n + n % 2) for n in range(5, 25)]
    await run_import(db, store, request_for(old, layout=SNAPSHOT))

    partial: list[tuple[Rows, dict[str, Any], str]] = [
        (new, {"limit": 3}, "--limit"),
        ([*new, row("k30", best="many")], {}, "could not be read"),
        ([], {}, "no record"),
    ]
    for rows, options, why in partial:
        request = request_for(rows, layout=SNAPSHOT, tombstone_missing=True, **options)
        for each in (replace(request, options=replace(request.options, write=False)), request):
            report = await run_import(db, store, each)
            assert (report.vanished, report.deleted) == (0, 0)
            assert why in report.notes[0]

    kept = await run_import(db, store, request_for(new, layout=SNAPSHOT))
    assert (kept.vanished, kept.deleted) == (5, 0)
    [note] = kept.notes
    assert note.startswith("Gone from the file, by row id and title: k0 (Attack on ")
    assert note.endswith(").")
    assert [key in note for key in ("k1 (", "k2 (", "k3 (", "k4 (")] == [True] * 4
    for write in (False, True):
        report = await run_import(db, store, request_for(new, layout=SNAPSHOT, write=write, tombstone_missing=True))
        assert (report.vanished, report.deleted, report.unchanged) == (5, 5, 20)
    assert (await run_import(db, store, request_for(new, layout=SNAPSHOT))).vanished == 0
    await run_import(*other, request_for(new, layout=SNAPSHOT))
    assert await events(db, "version") == await events(other[0], "version")
    assert (await run_import(db, store, request_for(old, layout=SNAPSHOT))).created == 5


async def test_a_corrected_key_is_the_same_event(db: Database, store: Store, other: tuple[Database, Store]) -> None:
    natural = NaturalKeys()

    def snapshot(*rows: dict[str, Any], **options: Any) -> ImportRequest:
        return request_for(list(rows), dataset=natural, layout=SNAPSHOT, **options)

    old = [row("", "Kyiv", 1), row("", "Lviv", 2), row("", "Odesa", 3), row("", "Sumy", 3)]
    new = [row("", "Kiev", 1), row("", "Lviv", 2), row("", "Izmail", 3), row("", "Reni", 3), row("", "Dnipro", 4)]
    await run_import(db, store, snapshot(*old))
    ids = {event["title"]: event["id"] for event in await bodies(db)}

    cut = await run_import(db, store, snapshot(*new, limit=4))
    assert (cut.created, cut.updated, cut.problems_by) == (0, 0, {"needs-whole-file": 3})
    for write in (False, True):
        report = await run_import(db, store, snapshot(*new, tombstone_missing=True, write=write))
        assert (report.created, report.updated, report.unchanged, report.deleted) == (3, 1, 1, 2)
    found = {event["title"]: event for event in await bodies(db)}
    assert found["Attack on Kiev"]["id"] == ids["Attack on Kyiv"]
    assert found["Attack on Kiev"]["external_ids"] == [{"system": "natural-keys", "id": "2025-09-07 Kiev 1"}]
    await run_import(*other, snapshot(*new))
    assert await events(db, "version") == await events(other[0], "version")
    assert (await run_import(db, store, snapshot(*new))).unchanged == 5


async def test_a_delta_removes_and_a_file_that_breaks_off_is_told(db: Database, store: Store) -> None:
    delta = [row("a"), row("b"), row("a", op="delete"), row("a", best=4), row("c", op="delete"), row("c", op="delete")]
    report = await run_import(db, store, request_for(delta))
    assert (report.created, report.deleted, report.skipped, report.refused) == (3, 1, 2, 0)
    assert sorted(event["casualties"][0]["count"]["best"] for event in await bodies(db)) == [3, 4]

    request = request_for(many(150))

    def broken() -> Iterator[Record]:
        yield from islice(request.records(), 50)
        raise EOFError("the archive ends in the middle")

    with pytest.raises(EOFError):
        await run_import(db, store, replace(request, records=broken))
    whole = await run_import(db, store, request)
    assert (whole.id, whole.unchanged > 20, whole.created > 60) == (3, True, True)
    assert [tuple(run) for run in await runs(db)] == [
        ("done", "[]"),
        ("failed", '["The file could not be read to its end: the archive ends in the middle"]'),
        ("done", "[]"),
    ]


def test_a_process_of_this_machine_is_asked_whether_it_lives_and_another_believed_for_a_while() -> None:
    now, token = datetime(2025, 9, 8, tzinfo=UTC), uuid4()

    def is_alive(holder: str, seen_s_ago: int, held: UUID | None = token) -> bool:
        seen = now - timedelta(seconds=seen_s_ago)
        return lease.AtWork(3, held, holder, seen, "running", "", "", "").is_alive(now)

    here = socket.gethostname()
    assert is_alive("elsewhere 1", 29)
    assert not is_alive("elsewhere 1", 30)
    assert is_alive(f"{here} {os.getppid()}", 29)
    assert not is_alive(f"{here} {2**22 + 1}", 0)
    assert not is_alive(f"{here} {os.getpid()}", 0)
    assert not is_alive("elsewhere 1", 0, None)
