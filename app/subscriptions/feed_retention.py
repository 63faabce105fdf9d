"""How far back subscriptions still need the feed, so that nothing is trimmed before they have passed it."""

from __future__ import annotations

import sqlalchemy as sa
from sqlmodel import col

from app.db import Database, Statement
from app.subscriptions.tables import StoredSubscription

EARLIEST = Statement(
    sa.select(sa.func.min(col(StoredSubscription.cursor))).where(col(StoredSubscription.status) != "disabled")
)


async def oldest_needed_cursor(db: Database) -> int | None:
    """The cursor that is furthest behind, None where there is none; those that were given up hold nothing back."""
    [(earliest,)] = await db.rows(EARLIEST, primary=True)
    return None if earliest is None else int(earliest)
