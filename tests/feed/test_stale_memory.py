"""What the process remembers of the log never outlives an erasure, a new epoch or a restore."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa
from calls import good, problem, written

from app.changes import ChangeLog, LogHead
from app.changes.epoch import raise_epoch
from app.feed.notifier import Notifier

if TYPE_CHECKING:
    import httpx
    from conftest import MakeEvent
    from fastapi import FastAPI

    from app.changes import Head
    from app.db import Database


async def remembered(api: httpx.AsyncClient, make_event: MakeEvent) -> str:
    """An event that a waiting reader brought into the memory of the process."""
    waiting = asyncio.create_task(api.get("/v1/feed?after=now&wait=5"))
    await asyncio.sleep(0.05)
    made = await written(api, make_event(title="Secret"))
    assert b"Secret" in (await waiting).content
    return str(made["id"])


async def test_an_erased_event_is_not_served_from_memory(api: httpx.AsyncClient, make_event: MakeEvent) -> None:
    await written(api, make_event())
    known = await remembered(api, make_event)
    await api.delete(f"/v1/events/{known}?reason=legal")

    for query in ("limit=1", "limit=10", "limit=10&tag=none", "limit=10&country=UA"):
        page = await api.get(f"/v1/feed?after=e1-000000000001&{query}")
        assert b"Secret" not in page.content


async def test_a_new_epoch_while_nobody_waits_ends_no_later_wait(
    api: httpx.AsyncClient, app: FastAPI, db: Database, make_event: MakeEvent
) -> None:
    await remembered(api, make_event)
    await raise_epoch(db)

    waiting = asyncio.create_task(api.get("/v1/feed?after=now&wait=5"))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await written(api, make_event(title="After"))

    assert good(await waiting)["next"] == "e2-000000000002"


async def test_a_new_epoch_ends_a_wait_of_the_old_one(
    api: httpx.AsyncClient, db: Database, make_event: MakeEvent
) -> None:
    await remembered(api, make_event)
    waiting = asyncio.create_task(api.get("/v1/feed?after=e1-000000000001&wait=50"))
    await asyncio.sleep(0.05)

    async with asyncio.timeout(40):
        await raise_epoch(db)
        problem(await waiting, 410, "cursor-epoch")


class CountingLog(ChangeLog):
    """Counts how often it is asked where it ends."""

    asked = 0

    async def head(self, *, primary: bool = False) -> Head:
        """Count."""
        self.asked += 1
        return await super().head(primary=primary)


async def test_a_log_that_went_back_is_waited_on_in_peace(
    api: httpx.AsyncClient, app: FastAPI, db: Database, make_event: MakeEvent
) -> None:
    for _ in range(3):
        await remembered(api, make_event)
    await db.write(lambda tx: tx.run(sa.update(LogHead).values(seq=1, epoch=2)))
    log = CountingLog(db)
    notifier: Notifier = app.state.services.notifier
    app.state.services, notifier.log = replace(app.state.services, log=log), log

    page = good(await api.get("/v1/feed?after=now&wait=1"))

    assert page == {"items": [], "next": "e2-000000000001", "has_more": False}
    assert log.asked < 20
