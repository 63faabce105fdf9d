"""Every reader, however it reads, sees every committed change exactly once and in the same order; two others do not."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import orjson
import pytest
import sqlalchemy as sa
from sqlmodel import col

from app.changes import Change, ChangeLog, PendingChange, append
from app.events.tables import StoredEvent
from app.events.write.idempotency import ResponseData
from app.events.write.parse_commands import read_items
from app.events.write.store import Store
from app.events.write.transaction import WriteRequest
from app.kit.ids import IdSource, key_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from app.db import Database, Transaction

ROOT = Path(__file__).parents[2]
PROCESSES, ROUNDS, CHANGES = 2, 16, 3
TOTAL = PROCESSES * ROUNDS * CHANGES
FROZEN = datetime(2026, 3, 1, tzinfo=UTC)
NEW_ID = IdSource()


async def write_in_another_process(url: str, key: str, name: str) -> list[str]:
    """The change ids that the process was told."""
    script = Path(__file__).with_name("writing_process.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), url, key, name, str(ROUNDS),
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode().split()


async def poll(client: httpx.AsyncClient, question: str) -> list[str]:
    """Read page by page, along `next`."""
    seen: list[str] = []
    after = "e1-000000000000"
    while len(seen) < TOTAL:
        page = (await client.get(f"/v1/feed?after={after}&{question}", timeout=30)).json()
        seen += [item["id"] for item in page["items"]]
        after = page["next"]
        await asyncio.sleep(0.005 if "wait" not in question and not page["has_more"] else 0)
    return seen


async def stream(client: httpx.AsyncClient, question: str, hang_up_after: int) -> list[str]:
    """Follow the stream, hang up now and then, and resume by id."""
    seen: list[str] = []
    last = ""
    while len(seen) < TOTAL:
        count = 0
        headers = {"last-event-id": last} if last else {}
        async with client.stream("GET", f"/v1/feed/stream?{question}", headers=headers, timeout=30) as response:
            async for block in blocks(response):
                last = block["id"]
                if "data" in block:
                    seen.append(orjson.loads(block["data"])["id"])
                    count += 1
                if count == hang_up_after or len(seen) == TOTAL:
                    break
    return seen


async def blocks(response: httpx.Response) -> AsyncIterator[dict[str, str]]:
    block: dict[str, str] = {}
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if line:
            block[name] = value
        elif "id" in block:
            yield block
            block = {}
        else:
            block = {}


async def test_every_reader_sees_every_change_once_and_in_order(
    server: httpx.AsyncClient, db: Database, database_url: str, admin_key: str
) -> None:
    async with asyncio.timeout(60):
        writing = [write_in_another_process(database_url, admin_key, f"w{n}") for n in range(PROCESSES)]
        *told, one, two, three, four, five, six = await asyncio.gather(
            *writing,
            poll(server, "limit=7"),
            poll(server, "limit=5&kind=attack"),
            poll(server, "limit=50&wait=5"),
            poll(server, "limit=3&wait=5&tag=w0&tag=w1"),
            stream(server, "", 10**9),
            stream(server, "kind=attack", 11),
        )
    log = await db.rows(sa.select(col(Change.seq), col(Change.epoch)).order_by(col(Change.seq)))
    truth = [f"e{epoch}-{seq:012d}" for seq, epoch in log]
    assert [seq for seq, _ in log] == list(range(1, TOTAL + 1))
    assert sorted(id_ for ids in told for id_ in ids) == truth
    for seen in (one, two, three, four, five, six):
        assert seen == truth
    assert (await server.get(f"/v1/feed?after={truth[-1]}")).json()["items"] == []


def draft() -> PendingChange:
    new = NEW_ID()
    return PendingChange(key_of(new), new, 1, "attack", "created", datetime.now(UTC), None, b"{}")


@pytest.mark.parametrize("dialect", ["postgresql"])
async def test_control_a_reader_by_sequence_loses_what_commits_late(db: Database, database_url: str) -> None:
    """The same crossing of two transactions: the plain sequence loses a row, the log does not."""
    early, late = [await asyncpg.connect(database_url) for _ in range(2)]
    await early.execute("CREATE TABLE naive (id bigserial PRIMARY KEY)")
    crossing = early.transaction()
    await crossing.start()
    await early.execute("INSERT INTO naive DEFAULT VALUES")
    await late.execute("INSERT INTO naive DEFAULT VALUES")
    naive = await read_naive(late, 0)
    await crossing.commit()
    naive += await read_naive(late, naive[-1])
    committed = [row["id"] for row in await late.fetch("SELECT id FROM naive ORDER BY id")]
    assert (naive, committed) == ([2], [1, 2])
    await early.close()
    await late.close()

    log, held, holding = ChangeLog(db), asyncio.Event(), asyncio.Event()

    async def hold(tx: Transaction) -> None:
        await append(tx, [draft()], datetime.now(UTC))
        holding.set()
        await held.wait()

    async def hurry(tx: Transaction) -> None:
        await append(tx, [draft()], datetime.now(UTC))

    first = asyncio.create_task(db.write(hold))
    await holding.wait()
    second = asyncio.create_task(db.write(hurry))
    await asyncio.sleep(0.05)
    seen = await read_log(log, 0)
    held.set()
    await asyncio.gather(first, second)
    assert seen + await read_log(log, len(seen)) == [1, 2]


async def read_naive(connection: Any, last: int) -> list[int]:
    return [row["id"] for row in await connection.fetch("SELECT id FROM naive WHERE id > $1 ORDER BY id", last)]


async def read_log(log: ChangeLog, after: int) -> list[int]:
    return [entry.seq for entry in await log.between(after, (await log.head()).seq)]


@pytest.mark.parametrize("dialect", ["postgresql"])
async def test_control_under_load_the_plain_sequence_loses_changes(database_url: str) -> None:
    async with asyncpg.create_pool(database_url, min_size=9, max_size=9) as pool:
        await pool.execute("CREATE TABLE naive (id bigserial PRIMARY KEY)")

        async def write(number: int) -> None:
            for turn in range(20):
                async with pool.acquire() as connection, connection.transaction():
                    await connection.execute("INSERT INTO naive DEFAULT VALUES")
                    await asyncio.sleep((number * 7 + turn * 3) % 5 / 1000)

        writers = asyncio.gather(*(write(number) for number in range(8)))
        seen, last = [], 0
        while True:
            done = writers.done()
            async with pool.acquire() as connection:
                seen += await read_naive(connection, last)
            last = seen[-1] if seen else 0
            if done:
                break
        committed = await pool.fetchval("SELECT count(*) FROM naive")
    assert committed == 160
    assert len(seen) < committed


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_control_a_reader_by_time_loses_the_second_change_of_an_instant(db: Database, make_event: Any) -> None:
    """Both changes are committed at one instant, between which both readers read."""
    log = ChangeLog(db)
    store = Store(db, clock=lambda: FROZEN)
    store.start()
    await create(store, make_event())
    by_time, by_log = await read_by_time(db, None), await read_log(log, 0)
    await create(store, make_event())
    by_time += await read_by_time(db, FROZEN)
    by_log += await read_log(log, by_log[-1])
    await store.stop()
    assert len(by_time) == 1
    assert by_log == [1, 2]


async def read_by_time(db: Database, last: datetime | None) -> list[Any]:
    newer = sa.select(col(StoredEvent.id)).order_by(col(StoredEvent.updated_at))
    return await db.rows(newer if last is None else newer.where(col(StoredEvent.updated_at) > last))


async def create(store: Store, event: dict[str, Any]) -> None:
    commands, places = read_items([{"op": "create", "event": event}])
    await store.run(WriteRequest(commands, "test", lambda _results: ResponseData(200), places=places))
