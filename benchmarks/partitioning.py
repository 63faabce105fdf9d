"""Measures what partitioning the change log would bring on PostgreSQL: `python -m benchmarks.partitioning URL`.

URL is the maintenance database of a PostgreSQL with some 20 GB of room. The log is filled straight into the table, as
one table and then in partitions of a million changes, and each is asked the same; docs/decisions/0023 has the result.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time

import asyncpg

from benchmarks.databases import administer

CHANGES = int(os.environ.get("CHANGES", "10_000_000"))
PART = CHANGES // 10
ROUNDS = 200
PAGE = 100
COLUMNS = """
    seq bigint NOT NULL, epoch integer NOT NULL, event bigint NOT NULL, id uuid NOT NULL, version integer NOT NULL,
    kind varchar NOT NULL, operation varchar NOT NULL, time bigint NOT NULL, updated_at bigint NOT NULL, by varchar,
    changed varchar NOT NULL, body bytea NOT NULL, before bytea, after bytea, live bigint NOT NULL,
    digest bytea NOT NULL
"""
# Four versions of each event, far apart; a body of 608 bytes; 48 bytes of index ids before and after.
ROWS = """
    SELECT n, 1, n % {events}, gen_random_uuid(), n / {events} + 1, 'attack', 'updated', n * 1000000, n * 1000000,
    'bench', '[]', convert_to(repeat(md5(n::text), 19), 'UTF8'), decode(repeat(md5(n::text), 3), 'hex'),
    decode(repeat(md5(n::text), 3), 'hex'), n, decode(repeat(md5(n::text), 2), 'hex')
    FROM generate_series($1::bigint, $2::bigint) AS n
""".format(events=CHANGES // 4)  # noqa: S608 (ours)
READ = "SELECT seq, epoch, id, version, kind, operation, time, body, before, after, event FROM change "
FEED = READ + "WHERE seq > $1 AND seq <= $2 ORDER BY seq"
DELETE = f"DELETE FROM change WHERE seq <= {PART}"  # noqa: S608 (ours)
INDEXES = """
    SELECT sum(pg_relation_size(indexrelid)) / 1e9::float8 FROM pg_index JOIN pg_class c ON c.oid = indrelid
    WHERE c.relname LIKE 'change%'
"""
HISTORY = READ + "WHERE event = $1 AND version <= $2 ORDER BY version DESC LIMIT 1"


async def fill(db: asyncpg.Connection, *, parts: bool) -> None:
    """Make the log and fill it, a partition at a time; indexes are there from the first row, as in use."""
    await db.execute("CREATE TABLE log_head (seq bigint NOT NULL)")
    await db.execute("INSERT INTO log_head VALUES ($1)", CHANGES)
    await db.execute(
        f"CREATE TABLE change ({COLUMNS}, PRIMARY KEY (seq)) {'PARTITION BY RANGE (seq)' if parts else ''}"
    )
    # A unique index of a partitioned table must hold the column that parts it, so this one could not stay unique.
    await db.execute(f"CREATE {'' if parts else 'UNIQUE'} INDEX change_event_version ON change (event, version)")
    for first in range(1, CHANGES + 2 * PART, PART) if parts else ():
        await db.execute(
            f"CREATE TABLE change_{first} PARTITION OF change FOR VALUES FROM ({first}) TO ({first + PART})"
        )
    for first in range(1, CHANGES, PART):
        await db.execute(f"INSERT INTO change {ROWS}", first, first + PART - 1, timeout=None)
        await db.execute("CHECKPOINT")
    await db.execute("VACUUM ANALYZE change")


async def once(db: asyncpg.Connection, *statements: str) -> float:
    """How long the statements take, in seconds."""
    begin = time.perf_counter()
    for statement in statements:
        await db.execute(statement, timeout=None)
    return time.perf_counter() - begin


async def append(db: asyncpg.Connection, _: int) -> None:
    """Add a page of changes, as a write does: the head's lock first."""
    async with db.transaction():
        last = await db.fetchval("UPDATE log_head SET seq = seq + $1 RETURNING seq", PAGE)
        await db.execute(f"INSERT INTO change {ROWS}", last - PAGE + 1, last)


async def newest(db: asyncpg.Connection, n: int) -> None:
    """Read a page near the end."""
    await db.fetch(FEED, CHANGES - (n + 1) * PAGE, CHANGES - n * PAGE)


async def deep(db: asyncpg.Connection, n: int) -> None:
    """Read a page anywhere."""
    begin = (n * 7919 % (CHANGES // PAGE)) * PAGE
    await db.fetch(FEED, begin, begin + PAGE)


async def history(db: asyncpg.Connection, n: int) -> None:
    """Read the newest version of an event."""
    await db.fetch(HISTORY, n * 7919 % (CHANGES // 4), 4)


async def compare(logs: list[asyncpg.Connection]) -> dict[str, list[float]]:
    """Ask both logs the same by turns, so that both suffer alike; the best tenth, as others use the machine."""
    found: dict[str, list[float]] = {}
    for name, ask in {
        "append 100 changes, ms": append,
        "page at the head, ms": newest,
        "page at depth, ms": deep,
        "version of an event, ms": history,
    }.items():
        taken: list[list[float]] = [[], []]
        for n in range(ROUNDS):
            for db, times in zip(logs, taken, strict=True):
                begin = time.perf_counter()
                await ask(db, n)
                times.append((time.perf_counter() - begin) * 1000)
        found[name] = [statistics.quantiles(times, n=10)[0] for times in taken]
    found["VACUUM of the whole, s"] = [await once(db, "VACUUM change") for db in logs]
    found["indexes, GB"] = [await db.fetchval(INDEXES) for db in logs]
    whole, parted = logs
    found["let go of the oldest tenth, s"] = [
        await once(whole, DELETE, "VACUUM change"),
        await once(parted, "DROP TABLE change_1"),
    ]
    return found


async def run(url: str) -> None:
    """Fill both, compare them, and print a table."""
    names = ["sitrep_one_table", "sitrep_partitions"]
    head, _, options = url.partition("?")
    logs, filled = [], []
    try:
        for name in names:
            await administer(url, f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
            logs.append(await asyncpg.connect(f"{head.rpartition('/')[0]}/{name}?{options}"))
            begin = time.perf_counter()
            await fill(logs[-1], parts=name == names[1])
            filled.append(time.perf_counter() - begin)
        print(f"| {CHANGES:,} changes | one table | partitions of {PART:,} |\n|---|---|---|")
        for name, (one, parts) in {"fill, s": filled, **await compare(logs)}.items():
            print(f"| {name} | {one:.2f} | {parts:.2f} |")
    finally:
        for db in logs:
            await db.close()
        await administer(url, *(f"DROP DATABASE IF EXISTS {name}" for name in names))


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))
