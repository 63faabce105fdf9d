"""Trims the feed: positions older than the retention are served no longer, while versions and history stay."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlmodel import col

from app.changes.log import ChangeLog
from app.changes.tables import LogHead
from app.db import Database, Statement, Transaction, WriteConflict
from app.errors import Problem

OldestNeeded = Callable[["Database"], Awaitable[int | None]]
TRIM_INTERVAL_S = 3600.0
MOVE_OLDEST = Statement(
    sa.update(LogHead)
    .where(col(LogHead.oldest) < sa.bindparam("to", type_=sa.BigInteger))
    .values(oldest=sa.bindparam("to", type_=sa.BigInteger))
)


async def none_needed(db: Database) -> int | None:
    """Nobody needs any position."""
    del db
    return None


async def trim(log: ChangeLog, retention: timedelta, now: datetime, held_back: OldestNeeded = none_needed) -> int:
    """Move the oldest position past every change older than the retention; answers where it is now.

    `oldest_needed_cursor` tells the first position that somebody still needs.
    """
    head = await log.head(primary=True)
    oldest = await log.before(now - retention, head, inclusive=False)
    needed = await held_back(log.db)
    oldest = oldest if needed is None else min(oldest, needed)

    async def move(tx: Transaction) -> None:
        await tx.run(MOVE_OLDEST, {"to": oldest})

    if oldest > head.oldest:
        await log.db.write(move)
    return max(oldest, head.oldest)


async def trim_periodically(log: ChangeLog, retention: timedelta, held_back: OldestNeeded = none_needed) -> None:
    """Trim every hour until cancelled; a database that is away is tried again the next time."""
    while True:
        try:
            await trim(log, retention, datetime.now(UTC), held_back)
            log.db.trouble.clear("retention")
        except (Problem, WriteConflict) as error:
            log.db.trouble.report("retention", error)
        await asyncio.sleep(TRIM_INTERVAL_S)
