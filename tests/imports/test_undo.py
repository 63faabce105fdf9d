"""Taking imports back: what everybody sees afterwards is what was seen before."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from calls import good, let_moment_pass
from importing import changes, events, use_small_batches
from made_up import SNAPSHOT, NaturalKeys, many, request_for, row

from app.errors import NotFound
from app.imports.run import run_import
from app.imports.undo import Undoing, undo_import

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

    from app.db import Database
    from app.events.write.store import Store
    from app.imports.undo import Done, UndoReport

OF_A_VERSION = ("version", "updated_at")
OF_A_NEW_EVENT = (*OF_A_VERSION, "id", "created_at")
QUESTIONS = (
    "/v1/events/count?since=2025-01-01&until=2025-04-01",
    "/v1/events/count?place=Place%207&killed_min=3",
    "/v1/events/count?external_id=made-up:k77",
    "/v1/stats/series?interval=month&measure=killed",
    "/v1/stats/facets?facet=place&limit=1000",
    "/v1/stats/facets?facet=tag",
)


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few hundred rows are many batches."""
    use_small_batches(monkeypatch)


async def seen(api: httpx.AsyncClient, *, without: Sequence[str] = OF_A_VERSION) -> list[Any]:
    """The events and the answers that a reader gets, but for what tells one version from the next."""
    await let_moment_pass()  # imports write as another process does
    text = (await api.get("/v1/events/export?format=ndjson")).text
    found = [orjson.loads(line) for line in text.splitlines()]
    listed = sorted(str({name: event[name] for name in event if name not in without}) for event in found)
    answers = [good(await api.get(question)) for question in QUESTIONS]
    return [listed, [a if isinstance(a, list) else {**a, "as_of": None} for a in answers]]


async def test_after_undoing_everything_is_as_it_was(
    api: httpx.AsyncClient, db: Database, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = many(120), many(150, seed=1)
    await run_import(db, store, request_for(first, lenient=True))
    before, changed_before = await seen(api), len(await changes(db))
    report = await run_import(db, store, request_for(second, lenient=True))
    assert report.created > 20
    assert report.updated > 90
    assert await seen(api) != before

    chance, plain = random.Random(3), Undoing._undo

    async def undo_then_stop(self: Undoing, page: Sequence[Done], report: UndoReport) -> UndoReport:
        told = await plain(self, page, report)
        if chance.random() < 0.5:
            raise asyncio.CancelledError
        return told

    monkeypatch.setattr(Undoing, "_undo", undo_then_stop)
    stops, undone = 0, None
    while undone is None:
        try:
            undone = await undo_import(db, store, 2, "desk")
        except asyncio.CancelledError:
            stops += 1
    assert stops > 1
    assert (undone.deleted, undone.replaced, undone.left) == (report.created, report.updated, 0)
    assert await seen(api) == before
    assert len(await changes(db)) == changed_before + 2 * (report.created + report.updated)
    assert await undo_import(db, store, 2, "desk") == undone

    same = await run_import(db, store, request_for(first, lenient=True))
    assert (same.created, same.updated, same.unchanged) == (0, 0, len(before[0]))
    again = await run_import(db, store, request_for(second, lenient=True))
    assert (again.created, again.updated, again.unchanged) == (report.created, report.updated, report.unchanged)


async def test_corrected_keys_and_deleted_records_come_back(api: httpx.AsyncClient, db: Database, store: Store) -> None:
    old = [row("", f"Place {n}", n) for n in range(30)]
    new = [row("", f"Corrected {n}" if n % 3 else f"Place {n}", n) for n in range(8, 40)]
    requests = [
        request_for(each, dataset=NaturalKeys(), layout=SNAPSHOT, tombstone_missing=True) for each in (old, new)
    ]
    await run_import(db, store, requests[0])
    before = await seen(api, without=OF_A_NEW_EVENT)
    first = await run_import(db, store, requests[1])

    undone = await undo_import(db, store, 2, "desk")
    assert (
        (undone.deleted, undone.replaced, undone.restored)
        == (first.created, first.updated, first.deleted)
        == (10, 15, 8)
    )
    assert await seen(api, without=OF_A_NEW_EVENT) == before
    assert (await run_import(db, store, requests[0])).unchanged == 30

    assert (await run_import(db, store, requests[1])).updated == 15
    assert len(await events(db)) == 32


async def test_what_was_changed_since_is_left_and_told(api: httpx.AsyncClient, db: Database, store: Store) -> None:
    with pytest.raises(NotFound):
        await undo_import(db, store, 1, "desk")
    await run_import(db, store, request_for([row("a"), row("b")]))
    await run_import(db, store, request_for([row("a", best=5), row("b", best=5), row("c"), row("d"), row("e")]))
    held = {key: good(await api.get(f"/v1/events?external_id=made-up:{key}"))["items"][0] for key in "abcde"}
    for key, tag in (("a", '"2"'), ("c", '"1"')):
        edited = {**held[key], "title": "By hand"}
        good(await api.put(f"/v1/events/{held[key]['id']}", json=edited, headers={"If-Match": tag}))
    for key in "bd":
        assert (await api.delete(f"/v1/events/{held[key]['id']}?reason=erroneous")).status_code == 204

    report = await undo_import(db, store, 2, "desk")
    assert (report.deleted, report.replaced, report.restored, report.left) == (1, 0, 0, 4)
    assert [problem.split(" (")[1] for problem in report.problems] == [
        "a) is left as it is: it was changed since.",
        "b) is left as it is: it was deleted since.",
        "c) is left as it is: it was changed since.",
        "d) is left as it is: it was deleted since.",
    ]
    titles = {event["title"] for event in good(await api.get("/v1/events"))["items"]}
    assert titles == {"By hand"}


async def test_taken_back_newest_first_nothing_is_left(api: httpx.AsyncClient, db: Database, store: Store) -> None:
    for n in range(3):
        await run_import(db, store, request_for([row(key, best=n + 1) for key in "abcdefgh"[: 6 + n]]))

    told = [await undo_import(db, store, id, "desk") for id in (3, 2, 1)]

    assert [(each.deleted, each.replaced, each.left) for each in told] == [(1, 7, 0), (1, 6, 0), (6, 0, 0)]
    assert await events(db) == []
