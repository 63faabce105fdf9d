"""Workers that are killed, frozen and many: everything is delivered, twice only where it must be, and as it was."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from calls import good
from conftest import client_of
from receivers import KEY, LOOPBACK, becomes, deliveries, receiving, subscribed, write_many
from workers import LONG_S, Crew, crew

from app.subscriptions.delivery.leases import WORKERS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx
    from conftest import MakeApp, MakeEvent

    from app.db import Database


OPEN_TRANSACTIONS = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
"""


@pytest.fixture
async def desk(make_app: MakeApp, admin_key: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that leaves delivery to others."""
    app = await make_app(delivery=False, allow_private_targets=LOOPBACK, secret_key=KEY)
    async with client_of(app, admin_key) as opened:
        yield opened


async def test_killed_twenty_times_a_worker_loses_nothing_and_repeats_the_same_bytes(
    desk: httpx.AsyncClient, database_url: str, make_event: MakeEvent
) -> None:
    kills, count = 20, 2000
    async with receiving() as endpoint, crew(database_url) as workers:
        made = await subscribed(desk, endpoint.url(), push={"max_in_flight": 8})
        ids = await write_many(desk, make_event(), count)
        good(await desk.post(f"/v1/subscriptions/{made['id']}/seek", json={"to": "oldest"}))
        for n in range(kills):
            pid = await workers.start()
            enough = max(len(endpoint.changes) + 1, random.randint(1, (n + 1) * count // (kills + 5)))
            await endpoint.until(lambda wanted=enough: len(endpoint.changes) >= wanted)  # type: ignore[misc]
            workers.kill(pid)
        await workers.start()
        await becomes(desk, made["id"], status="active", open=0, lag=0)
        rows = await deliveries(desk, made["id"])

    bodies: dict[str, set[bytes]] = {}
    for each in endpoint.changes:
        each.verify(made["secret"])
        bodies.setdefault(each.id, set()).add(each.body)
    assert sorted(bodies) == ids
    assert {id: len(found) for id, found in bodies.items() if len(found) > 1} == {}
    assert Counter(row["status"] for row in rows) == {"delivered": count}
    assert Counter(row["change_id"] for row in rows) == Counter(ids), "one delivery a change, whoever stored it"


async def test_four_workers_deliver_each_change_exactly_once_when_nobody_dies(
    desk: httpx.AsyncClient, db: Database, database_url: str, make_event: MakeEvent
) -> None:
    async with receiving() as endpoint, crew(database_url, LONG_S) as workers:
        made = [await subscribed(desk, endpoint.url(f"/{n}"), push={"max_in_flight": 8}) for n in range(8)]
        for _ in range(4):
            await workers.start()
        for each in made:
            await becomes(desk, each["id"], status="active")
        await enlisted(db, 4)
        ids = await write_many(desk, make_event(), 500)
        for each in made:
            await becomes(desk, each["id"], open=0, lag=0)

    assert len(endpoint.changes) == 4000
    assert Counter((each.path, each.id) for each in endpoint.changes) == Counter(
        (f"/{n}", id) for n in range(8) for id in ids
    )


async def test_a_worker_frozen_past_its_lease_is_fenced_off(
    desk: httpx.AsyncClient, db: Database, database_url: str, make_event: MakeEvent
) -> None:
    async with receiving() as endpoint, crew(database_url) as workers:
        made = await subscribed(desk, endpoint.url(), push={"max_open": 50, "max_in_flight": 2})
        first = await workers.start()
        await becomes(desk, made["id"], status="active")
        endpoint.open.clear()
        ids = await write_many(desk, make_event(), 60)
        await endpoint.until(lambda: endpoint.busy == 2)
        await freeze_between_transactions(workers, first, db, database_url)
        await workers.start()
        await endpoint.until(lambda: len(endpoint.changes) >= 4)
        endpoint.open.set()
        await becomes(desk, made["id"], open=0, lag=0)
        before, sent = await deliveries(desk, made["id"]), len(endpoint.changes)
        workers.thaw(first)
        await enlisted(db, 2)  # it wakes up, finds its name gone, and comes back under another
        after = await deliveries(desk, made["id"])

    assert after == before
    assert len(endpoint.changes) == sent
    assert sorted(set(endpoint.ids)) == ids
    assert {row["attempt_count"] for row in after} == {1}
    twice = {id: count for id, count in Counter(endpoint.ids).items() if count > 1}
    assert len(twice) == 2, "only what was under way when it froze"


async def freeze_between_transactions(workers: Crew, pid: int, db: Database, url: str) -> None:
    """Freeze a worker that holds no lock: with one, nobody could write to a SQLite file until it goes on."""
    for _ in range(600):
        workers.freeze(pid)
        if await nobody_is_writing(db, url):
            return
        workers.thaw(pid)
        await asyncio.sleep(0.05)
    message = "the worker never was between two transactions"
    raise AssertionError(message)


async def nobody_is_writing(db: Database, url: str) -> bool:
    """Tell whether no transaction but our own is open."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=0.5)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            return True
    for _ in range(10):
        if not await db.rows(sa.text(OPEN_TRANSACTIONS)):
            return True
        await asyncio.sleep(0.05)
    return False


async def enlisted(db: Database, count: int) -> None:
    """Come back when so many workers are there."""
    for _ in range(600):
        if len(await db.rows(WORKERS)) == count:
            return
        await asyncio.sleep(0.05)
    message = f"there never were {count} workers"
    raise AssertionError(message)
