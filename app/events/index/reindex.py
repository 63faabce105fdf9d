"""Rebuilds the index of every event from the stored bodies, as this version of the program reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson
import sqlalchemy as sa
from pydantic import ValidationError
from sqlmodel import col

from app.changes import Change
from app.db import PostgresTransaction, SqliteTransaction, Statement, Transaction, any_of, array_param, finish
from app.events.documents import load_event
from app.events.index.facet_rows import FacetRows, Value
from app.events.index.full_text import FTS, TEXT, insert_text
from app.events.index.rollup import count
from app.events.index.writer import IndexWriter, measure_rows, point_rows
from app.events.tables import EventFacet, EventMeasure, EventPoint, FacetValue, HourlyRollup, PastFacet, StoredEvent
from app.events.terms import IndexTerms, index_terms

# Versions that are held in memory at a time; a body has at most 256 KiB.
BATCH = 200
Progress = Callable[[int, int], None]


@dataclass
class Version:
    """A change of the log, and what it changes in the index."""

    seq: int
    event: int
    version: int
    kind: str
    operation: str
    body: bytes
    before: bytes | None
    after: bytes | None
    stands: bool
    terms: IndexTerms | None = None
    erased: bool = False

    def __post_init__(self) -> None:
        """Read the body. One that cannot be read any more keeps the facets that it had."""
        data = orjson.loads(self.body)
        self.erased = data.get("erased", False)
        if "deleted_at" not in data:
            try:
                self.terms = index_terms(load_event(data))
            except ValidationError:
                self.terms = None


@dataclass
class EventState:
    """What a batch learns."""

    learned: dict[Value, int] = field(default_factory=dict)
    counted: Counter[int] = field(default_factory=Counter)


def rebuild(connection: sa.Connection, progress: Progress = lambda _done, _of: None) -> None:
    """Rebuild the index within the transaction of a migration, which keeps every writer out."""
    plain: Any = connection.connection
    if connection.dialect.name == "sqlite":
        finish(reindex(SqliteTransaction(plain.driver_connection), progress))
    else:
        plain.run_async(lambda driver: reindex(PostgresTransaction(driver), progress))


async def reindex(tx: Transaction, progress: Progress = lambda _done, _of: None) -> None:
    """Replay the log from its first change; `progress` is told how many of how many changes are done.

    The ids of facet values stay as they are, because changes whose bodies were erased are found by them only.
    """
    text = FTS if tx.dialect == "sqlite" else TEXT
    for table in (EventFacet, PastFacet, EventPoint, EventMeasure, HourlyRollup, text):
        await tx.run(Statement(sa.delete(table)))
    [(last,)] = await tx.rows(LAST)
    index, done = IndexWriter(), 0
    while rows := await tx.rows(CHANGES, {"after": done}):
        versions = [Version(*row) for row in rows]
        done = versions[-1].seq
        await replay(tx, index, [version for version in versions if not version.erased])
        progress(done, last)
    await tx.run(RECOUNT)


async def replay(tx: Transaction, index: IndexWriter, versions: Sequence[Version]) -> None:
    """Bring the index from the state before these changes to the state after them."""
    memory, rows = EventState(), FacetRows()
    await index.name_values(tx, [version.terms for version in versions if version.terms is not None], memory)
    first = {version.event: version.seq for version in reversed(versions)}
    before = await tx.rows(states_before(tx.dialect), {"seqs": array_param(list(first.values()), tx.dialect)})
    now: dict[int, bytes | None] = dict(before)
    for version in versions:
        version.before = now.get(version.event)
        if version.terms is not None:
            version.after = index.packed(version.terms, memory)
        now[version.event] = version.after
        rows.move(version, memory)
    index.learn(memory.learned)
    await rows.write(tx)
    states = [{"seq": v.seq, "before": v.before, "after": v.after} for v in versions]
    await tx.update(Change, ("seq",), states)
    await write_present(tx, [(v, v.terms) for v in versions if v.stands and v.terms is not None])


async def write_present(tx: Transaction, live: Sequence[tuple[Version, IndexTerms]]) -> None:
    """Write what only the versions that stand now have: time, places, numbers, words, and their part of the tally."""
    times = [
        {"key": version.event, "started_at": terms.started_at, "ends_at": terms.ends_at, "span": terms.span}
        for version, terms in live
    ]
    await tx.update(StoredEvent, ("key",), times)
    await tx.insert(EventPoint, [row for version, terms in live for row in point_rows(version.event, terms)])
    await tx.insert(EventMeasure, [row for version, terms in live for row in measure_rows(version.event, terms)])
    await insert_text(tx, [(version.event, terms) for version, terms in live], [])
    await count(tx, [(1, version.kind, terms) for version, terms in live])


LAST = Statement(sa.select(sa.func.coalesce(sa.func.max(col(Change.seq)), 0)))
CHANGES = Statement(
    sa.select(
        col(Change.seq),
        col(Change.event),
        col(Change.version),
        col(Change.kind),
        col(Change.operation),
        col(Change.body),
        col(Change.before),
        col(Change.after),
        sa.and_(col(StoredEvent.version) == col(Change.version), sa.not_(col(StoredEvent.deleted))).label("stands"),
    )
    .join(StoredEvent, col(StoredEvent.key) == col(Change.event))
    .where(col(Change.seq) > sa.bindparam("after", type_=sa.BigInteger))
    .order_by(col(Change.seq))
    .limit(BATCH)
)
RECOUNT = Statement(
    sa.update(FacetValue).values(
        events=sa.select(sa.func.count()).where(col(EventFacet.value) == col(FacetValue.id)).scalar_subquery()
    )
)


@lru_cache(2)
def states_before(dialect: str) -> Statement:
    """The packed state before each of these changes, by event."""
    now: Any = sa.orm.aliased(Change, name="now")
    was: Any = sa.orm.aliased(Change, name="was")
    same = sa.and_(was.event == now.event, was.version == now.version - 1)
    joined = sa.inspect(now).selectable.join(sa.inspect(was).selectable, same)
    return Statement(sa.select(was.event, was.after).select_from(joined).where(any_of(now.seq, "seqs", dialect)))
