"""Indexes the stored events anew, as this program reads them: all at once, or in portions beside those who write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import col

from app.changes import Change
from app.changes.facet_index import index_further, move_ids
from app.db import (
    Database,
    PostgresTransaction,
    SqliteTransaction,
    Statement,
    Transaction,
    any_of,
    finish,
    is_permanent,
)
from app.errors import SchemaMismatch, Unavailable
from app.events.index.event_rebuild import LearnedIds, next_versions, rebuild_events
from app.events.index.fingerprint import kind_of
from app.events.index.full_text import FTS, TEXT
from app.events.index.readiness import BUILDING, EVERYTHING, READY, STATES, begin_anew, register, require_current
from app.events.index.rollup import count
from app.events.index.writer import IndexWriter, add_estimates
from app.events.tables import (
    EventFacet,
    EventMeasure,
    EventPoint,
    FacetValue,
    HourlyRollup,
    IndexState,
    PastFacet,
    StoredEvent,
)
from app.kinds import KINDS

Progress = Callable[[int, int], None]
# The longest that SQLite waits between two looks whether it may write: so all who wait get their turn.
PAUSE_S = 0.1
MAX_TRIES = 10


def rebuild(connection: sa.Connection, progress: Progress = lambda _done, _of: None) -> None:
    """Rebuild the whole index within the transaction of a migration, which keeps every writer out."""
    plain: Any = connection.connection
    if connection.dialect.name == "sqlite":
        finish(reindex(SqliteTransaction(plain.driver_connection), progress))
    else:
        plain.run_async(lambda driver: reindex(PostgresTransaction(driver), progress))


async def reindex(tx: Transaction, progress: Progress = lambda _done, _of: None) -> None:
    """Forget the index and make it anew; `progress` is told how many of how many changes are done.

    The ids of facet values stay as they are, because changes whose bodies were erased are found by them only. The log
    by facet value is not touched: a migration that comes after it empties it and sets `log_head.indexed` to 0.
    """
    text = FTS if tx.dialect == "sqlite" else TEXT
    for table in (EventFacet, PastFacet, EventPoint, EventMeasure, HourlyRollup, text):
        await tx.run(Statement(sa.delete(table)))
    [(last,)] = await tx.rows(CHANGE_COUNT)
    index, done, after = IndexWriter(), 0, -1
    while versions := await next_versions(tx, after):
        done, after = done + len(versions), versions[-1].event
        memory = LearnedIds()
        rebuilt = await rebuild_events(tx, index, versions, memory, held=False, whole=True)
        await count(tx, rebuilt.counts)
        index.learn(memory.learned)
        progress(done, last)
    await tx.run(RECOUNT)


async def rebuild_online(
    db: Database, progress: Progress = lambda _done, _of: None, *, everything: bool = False
) -> bool:
    """Build what of the index is new or changed, or all of it, beside servers that read and write.

    Each portion is one transaction that notes how far it came, so that whoever is killed goes on from there, and
    several share the work. `progress` is told how many of how many events are done. False when there was nothing to do.
    """
    if everything:
        await db.write(begin_anew)
    if not await db.write(register, alone=True):
        return False
    index, done, total = IndexWriter(), 0, 0
    while (portion := await next_portion(db, index)) is not None:
        index.learn(portion.memory.learned)
        if total:
            done += portion.events
        else:
            values = {"key": portion.last, "kinds": db.as_list(portion.kinds)}
            [(done, total)] = await db.rows(done_statement(db.dialect), values, offload=True, primary=True)
        progress(done, total)
        if db.dialect == "sqlite":
            await asyncio.sleep(PAUSE_S)
    return True


async def index_log_online(db: Database, progress: Progress = lambda _done, _of: None) -> bool:
    """Write what is missing of the log by facet value, beside servers that read and write; whoever is killed goes on.

    `progress` is told how many of how many changes are done. False when there was nothing to do.
    """
    total = left = 0
    while (left := await db.write(index_further)) or total:
        total = total or left
        progress(total - left, total)
        if not left:
            break
        if db.dialect == "sqlite":
            await asyncio.sleep(PAUSE_S)
    return bool(total)


async def next_portion(db: Database, index: IndexWriter) -> Portion | None:
    """Do the next portion; where those who write leave no room for it, try again."""
    for _ in range(MAX_TRIES - 1):
        try:
            return await db.write(Portion(index).run, alone=True)
        except SchemaMismatch:
            raise
        except Unavailable as problem:
            if is_permanent(problem):
                raise
    return await db.write(Portion(index).run, alone=True)


class Portion:
    """The next events of a rebuilding that goes on beside writers."""

    def __init__(self, index: IndexWriter) -> None:
        """Begin with nothing learned."""
        self.index = index
        self.memory = LearnedIds()
        self.kinds = list(KINDS)
        self.last, self.events = -1, 0

    async def run(self, tx: Transaction) -> Portion | None:
        """Index the events that follow the last portion; None when all are done, and all that was built is ready."""
        await require_current(tx)
        building = {name: progress for name, _, state, progress in await tx.rows(STATES) if state == BUILDING}
        if not building:
            return None
        kinds = {kind_of(name) for name in building if name != EVERYTHING}
        narrowed = None if "" in kinds or EVERYTHING in building else sorted(kinds)
        after = min(-1 if progress is None else progress for progress in building.values())
        versions = await next_versions(tx, after, narrowed)
        if not versions:
            await tx.run(BUILT)
            await tx.run(FORGET)
            return None
        self.kinds = narrowed or self.kinds
        self.last, self.events = versions[-1].event, len({version.event for version in versions})
        words = any(name.startswith("text:") for name in building)
        rebuilt = await rebuild_events(tx, self.index, versions, self.memory, words=words, whole=EVERYTHING in building)
        await count(tx, rebuilt.counts)
        await move_ids(tx, rebuilt.moved)
        await add_estimates(tx, self.memory.counted)
        await tx.run(PROGRESS, {"last": self.last})
        return self


CHANGE_COUNT = Statement(sa.select(sa.func.count()).select_from(Change))
RECOUNT = Statement(
    sa.update(FacetValue).values(
        events=sa.select(sa.func.count()).where(col(EventFacet.value) == col(FacetValue.id)).scalar_subquery()
    )
)
LAST = sa.bindparam("last", type_=sa.BigInteger)
PROGRESS = Statement(
    sa.update(IndexState)
    .where(col(IndexState.state) == BUILDING, sa.func.coalesce(col(IndexState.progress), -1) < LAST)
    .values(progress=LAST)
)
FORGET = Statement(sa.delete(IndexState).where(col(IndexState.name) == EVERYTHING))
BUILT = Statement(sa.update(IndexState).where(col(IndexState.state) == BUILDING).values(state=READY, progress=None))


@lru_cache(2)
def done_statement(dialect: str) -> Statement:
    """How many events of some kinds there are, up to one and in all."""
    done = sa.case((col(StoredEvent.key) <= sa.bindparam("key", type_=sa.BigInteger), 1))
    columns = (sa.func.count(done), sa.func.count(col(StoredEvent.key)))
    return Statement(sa.select(*columns).where(any_of(col(StoredEvent.kind), "kinds", dialect)))
