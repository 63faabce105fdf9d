"""What a batch costs beside the driver alone, which inserts the same rows into the same tables of a copy."""

from __future__ import annotations

import os
import sqlite3
import time
from operator import itemgetter
from statistics import median
from typing import TYPE_CHECKING, Any, Protocol

import asyncpg

from app.db.sqlite_file import PRAGMAS, ROOMY
from benchmarks.cases import BATCH, batch
from benchmarks.databases import name_in
from benchmarks.load import send
from benchmarks.report import Sent
from benchmarks.servers import Server

if TYPE_CHECKING:
    from collections.abc import Sequence

CASE = "batch / raw inserts"
LIMITS = {"sqlite": 0.35, "postgresql": 0.40}
WARM_UP = 2
EVENTS = 'SELECT event FROM "change" WHERE seq > {seq}'
# Each table that a batch adds to, what of a row is read, and which rows are new since these heights of the log and ids.
NEW_ROWS = {
    "facet_value": ("*", "id > {id}"),
    "event": ("*", f"key IN ({EVENTS})"),
    "change": ("*", "seq > {seq}"),
    "event_facet": ("*", f"event IN ({EVENTS})"),
    "event_point": ("*", f"event IN ({EVENTS})"),
    "event_measure": ("*", f"event IN ({EVENTS})"),
    "external_id": ("*", f"event IN ({EVENTS})"),
    "event_text": ("rowid, text", f"rowid IN ({EVENTS})"),
    "tally": ("*", "true"),
}
POSTGRESQL_ROWS = NEW_ROWS | {"event_text": ("event, text, words::text", f"event IN ({EVENTS})")}
TALLY_KEY = ("kind", "country", "measure", "hours", "period")
TALLY_SUMS = ("events", "low", "best", "high")

Rows = dict[str, list[tuple[Any, ...]]]


class Driver(Protocol):
    """A connection of a bare driver."""

    async def read(self, question: str) -> list[tuple[Any, ...]]:
        """All rows."""

    async def insert(self, rows: Rows) -> None:
        """Insert the rows in one transaction; those of the tally take the place of what is there."""


class Sqlite:
    """The standard library's driver, as safe as Sitrep's."""

    def __init__(self, url: str) -> None:
        self._connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        for pragma in (*PRAGMAS, *ROOMY):
            self._connection.execute(pragma)

    async def read(self, question: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(question).fetchall()

    async def insert(self, rows: Rows) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        for table, some in rows.items():
            names = "(rowid, text)" if table == "event_text" else ""
            marks = ", ".join("?" * len(some[0]))
            self._connection.executemany(f'INSERT OR REPLACE INTO "{table}" {names} VALUES ({marks})', some)  # noqa: S608 (names of ours)
        self._connection.execute("COMMIT")


class Postgresql:
    """asyncpg."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def read(self, question: str) -> list[tuple[Any, ...]]:
        return list(map(tuple, await self._connection.fetch(question)))

    async def insert(self, rows: Rows) -> None:
        async with self._connection.transaction():
            for table, some in rows.items():
                marks = [f"${n + 1}" for n in range(len(some[0]))]
                if table == "event_text":
                    marks[2] += "::text::tsvector"
                sums = ", ".join(f"{name} = excluded.{name}" for name in TALLY_SUMS)
                again = f"ON CONFLICT ({', '.join(TALLY_KEY)}) DO UPDATE SET {sums}" if table == "tally" else ""
                await self._connection.executemany(
                    f'INSERT INTO "{table}" VALUES ({", ".join(marks)}) {again}',  # noqa: S608 (names of ours)
                    some,
                )


async def connect(dialect: str, url: str) -> Driver:
    """A connection of the bare driver."""
    return Sqlite(url) if dialect == "sqlite" else Postgresql(await asyncpg.connect(url))


async def new_rows(dialect: str, source: Driver, target: Driver) -> Rows:
    """What the source has and the target has not, by table and in the order of keys."""
    [(seq,)] = await target.read('SELECT max(seq) FROM "change"')
    [(id,)] = await target.read("SELECT max(id) FROM facet_value")
    found: Rows = {}
    for table, (columns, condition) in (NEW_ROWS if dialect == "sqlite" else POSTGRESQL_ROWS).items():
        where = condition.format(seq=seq, id=id)
        rows = await source.read(f'SELECT {columns} FROM "{table}" WHERE {where}')  # noqa: S608 (numbers)
        found[table] = sorted(rows, key=itemgetter(slice(3)))
    known = set(await target.read("SELECT * FROM tally"))
    found["tally"] = [row for row in found["tally"] if row not in known]
    return {table: rows for table, rows in found.items() if rows}


async def batches_and_raw_inserts(dialect: str, server: Server, key: str, urls: Sequence[str], rounds: int) -> Sent:
    """A batch over HTTP, then its rows once more by the driver alone into the other database, in turns."""
    print(f"{dialect}: {CASE}", flush=True)
    source, target = [await connect(dialect, url) for url in urls]
    own = Server("raw", 0, os.getpid(), name_in(urls[1]) if dialect == "postgresql" else None)
    batches: list[tuple[float, float]] = []
    inserts: list[tuple[float, float]] = []
    rows: Rows = {}
    for _ in range(WARM_UP + rounds):
        request = batch("/v1/events/batch", key, wrapped=True)
        before = server.cpu()
        block = await send(server.port, [request], 1)
        batches.append((server.cpu() - before, block.seconds))
        rows = await new_rows(dialect, source, target)
        assert len(rows["change"]) == BATCH, "the batch was refused"
        before, began = own.cpu(), time.perf_counter()
        await target.insert(rows)
        inserts.append((own.cpu() - before, time.perf_counter() - began))
    ratio = median(raw / ours for (ours, _), (raw, _) in zip(batches[WARM_UP:], inserts[WARM_UP:], strict=True))
    return Sent(dialect, CASE, ratio, LIMITS[dialect], remark(batches, inserts, rows), at_least=True)


def remark(batches: Sequence[tuple[float, float]], inserts: Sequence[tuple[float, float]], rows: Rows) -> str:
    """Both sides' events a second and processor time for one, and how many rows that is."""
    sides = [
        [1000 * median(figures) / BATCH for figures in zip(*side[WARM_UP:], strict=True)] for side in (batches, inserts)
    ]
    (cpu, took), (raw_cpu, raw_took) = sides
    each = sum(map(len, rows.values())) / BATCH
    return f"{1000 / took:,.0f} / {1000 / raw_took:,.0f} a second, {cpu:.3f} / {raw_cpu:.3f} ms, {each:.0f} rows"
