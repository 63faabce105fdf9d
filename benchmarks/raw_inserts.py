"""What a batch costs beside the driver alone, which inserts the same rows into the same tables of a copy."""

from __future__ import annotations

import os
import sqlite3
from operator import itemgetter
from statistics import median
from typing import TYPE_CHECKING, Any, Protocol

import asyncpg

from app.changes.facet_index import BLOCK
from app.db.sqlite_file import PRAGMAS, ROOMY
from app.events.index.map_rollup import SUMS as PLACE_SUMS
from app.events.index.map_rollup import MapRollupKey
from app.events.index.rollup import RollupKey, RollupSums
from benchmarks.cases import BATCH, batch
from benchmarks.databases import name_in
from benchmarks.figures import Figure, figure
from benchmarks.load import send
from benchmarks.measure import ratios
from benchmarks.servers import Server

if TYPE_CHECKING:
    from collections.abc import Sequence

ROW = "batch"
WARM_UP = 1
EVENTS = 'SELECT event FROM "change" WHERE seq > {seq}'
# Each table that a batch adds to, what of a row is read, and which rows are new since these heights of the log.
NEW_ROWS = {
    "facet_value": ("*", "id > {id}"),
    "event": ("*", f"key IN ({EVENTS})"),
    "change": ("*", "seq > {seq}"),
    "change_block": ("*", "block > {block}"),
    "event_facet": ("*", f"event IN ({EVENTS})"),
    "event_point": ("*", f"event IN ({EVENTS})"),
    "event_measure": ("*", f"event IN ({EVENTS})"),
    "external_id": ("*", f"event IN ({EVENTS})"),
    "event_text": ("rowid, text", f"rowid IN ({EVENTS})"),
    "tally": ("*", "true"),
    "map_rollup": ("*", "true"),
}
POSTGRESQL_ROWS = NEW_ROWS | {"event_text": ("event, text, words::text", f"event IN ({EVENTS})")}
# The tables whose rows are sums, with the columns of key and sums: a batch changes rows of earlier ones.
SUMS = {
    "tally": (RollupKey._fields, RollupSums._fields),
    "map_rollup": (MapRollupKey._fields, PLACE_SUMS),
}

Rows = dict[str, list[tuple[Any, ...]]]


class Driver(Protocol):
    """A connection of a bare driver."""

    async def read(self, question: str) -> list[tuple[Any, ...]]:
        """All rows."""

    async def insert(self, rows: Rows) -> None:
        """Insert the rows in one transaction; sums take the place of those that are there."""


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
                again = ""
                if table in SUMS:
                    key, sums = SUMS[table]
                    replaced = ", ".join(f"{name} = excluded.{name}" for name in sums)
                    again = f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {replaced}"
                statement = f'INSERT INTO "{table}" VALUES ({", ".join(marks)}) {again}'  # noqa: S608 (names of ours)
                await self._connection.executemany(statement, some)


async def connect(dialect: str, url: str) -> Driver:
    """A connection of the bare driver."""
    return Sqlite(url) if dialect == "sqlite" else Postgresql(await asyncpg.connect(url))


async def new_rows(dialect: str, source: Driver, target: Driver) -> Rows:
    """What the source has and the target has not, by table and in the order of keys."""
    [(seq,)] = await target.read('SELECT max(seq) FROM "change"')
    [(id,)] = await target.read("SELECT max(id) FROM facet_value")
    block = seq // BLOCK - 1
    found: Rows = {}
    for table, (columns, condition) in (NEW_ROWS if dialect == "sqlite" else POSTGRESQL_ROWS).items():
        where = condition.format(seq=seq, id=id, block=block)
        rows = await source.read(f'SELECT {columns} FROM "{table}" WHERE {where}')  # noqa: S608 (numbers)
        found[table] = sorted(rows, key=itemgetter(slice(3)))
    for table in SUMS:
        known = set(await target.read(f'SELECT * FROM "{table}"'))  # noqa: S608 (a name of ours)
        found[table] = [row for row in found[table] if row not in known]
    return {table: rows for table, rows in found.items() if rows}


async def batches_and_raw_inserts(
    dialect: str, servers: tuple[Server, Server], key: str, urls: Sequence[str], rounds: int
) -> Figure:
    """A batch over HTTP, then its rows once more by the driver alone into the other database, in turns.

    The plain way gets a batch of its own, of as many events: its figure is in parts of the rows that Sitrep writes.
    """
    print(f"{dialect}: {ROW}", flush=True)
    source, target = [await connect(dialect, url) for url in urls]
    own = Server("raw", 0, os.getpid(), name_in(urls[1]) if dialect == "postgresql" else None)
    sitrep, plain = servers
    spent: dict[str, list[float]] = {"sitrep": [], "plain": [], "raw": []}
    rows: Rows = {}
    for _ in range(WARM_UP + rounds):
        spent["sitrep"].append(await cost_of(sitrep, batch("/v1/events/batch", key, wrapped=True)))
        spent["plain"].append(await cost_of(plain, batch("/events/batch", key, wrapped=False)))
        rows = await new_rows(dialect, source, target)
        assert len(rows["change"]) == BATCH, "the batch was refused"
        before = own.cpu()
        await target.insert(rows)
        spent["raw"].append(own.cpu() - before)
    ours, other, raw = (spent[name][WARM_UP:] for name in ("sitrep", "plain", "raw"))
    each = sum(map(len, rows.values())) / BATCH
    told = " / ".join(f"{1000 * median(some) / BATCH:.3f}" for some in (ours, other, raw))
    remark = f"Sitrep / plain / raw: {told} ms an event, {each:.0f} rows"
    return figure(ROW, dialect, ratios(raw, ours), {"plain": median(ratios(raw, other))}, remark)


async def cost_of(server: Server, request: bytes) -> float:
    """Seconds of processor time of one request."""
    before = server.cpu()
    await send(server.port, [request], 1)
    return server.cpu() - before
