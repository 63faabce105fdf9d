"""Tells operators of sources that have fallen silent, and of those that are back, as notices."""

from __future__ import annotations

import asyncio
from datetime import datetime

import sqlalchemy as sa
import structlog
from sqlmodel import col

from app.auth.keys import utc_now
from app.db import Database, Statement, Transaction, WriteConflict
from app.errors import Problem
from app.sources.tables import SourceState, StoredSource, read_states
from app.subscriptions.statements import add_notices
from app.subscriptions.tables import Notice

INTERVAL_S = 60.0
MARK = Statement(
    sa.update(StoredSource)
    .where(
        col(StoredSource.name) == sa.bindparam("called"),
        col(StoredSource.told_stale) != sa.bindparam("stale", type_=sa.Boolean()),
    )
    .values(told_stale=sa.bindparam("stale", type_=sa.Boolean()))
)
log = structlog.get_logger(__name__)


async def tell_staleness(db: Database, now: datetime) -> None:
    """Give a notice about each source that has become stale, or is so no longer; of several processes one does."""
    changed = [source for source in await read_states(db) if source.is_stale(now) != source.told_stale]

    async def work(tx: Transaction) -> list[Notice]:
        notices = [
            describe(source, now)
            for source in changed
            if await tx.run(MARK, {"called": source.name, "stale": source.is_stale(now)})
        ]
        await add_notices(tx, notices)
        return notices

    for notice in await db.write(work) if changed else []:
        log.warning("a source's freshness has changed", type=notice.type, detail=notice.detail)


def describe(source: SourceState, now: datetime) -> Notice:
    """Say in a sentence what has become of a source."""
    if not source.is_stale(now):
        return Notice("source.recovered", None, None, now, f"The source {source.name} is current again.")
    minutes = int((now - (source.alive_at or source.added_at)).total_seconds() // 60)
    told = f"The source {source.name} has been silent for {minutes:,} minutes."
    return Notice("source.stale", None, None, now, f"{told} {source.last_problem or ''}".strip())


async def tell_staleness_periodically(db: Database) -> None:
    """Look every minute until cancelled; a database that is away is tried again the next time."""
    while True:
        await asyncio.sleep(INTERVAL_S)
        try:
            await tell_staleness(db, utc_now())
            db.trouble.clear("sources")
        except (Problem, WriteConflict) as error:
            db.trouble.report("sources", error)
