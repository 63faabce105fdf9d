"""Sweeps up deliveries that nobody asks for any more: finished long ago, or of a subscription that was deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col

from app.db import Statement
from app.kinds import micros
from app.subscriptions.model import StoredDelivery, StoredSubscription

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from app.db import Database, Transaction

# How long a finished delivery can be looked up; dead ones are kept until they are retried.
KEPT = timedelta(days=30)
EVERY_S = 3600.0
CHUNK = 1_000

ID = col(StoredDelivery.id)
# Ids begin with the time at which they were made, so that this reads the beginning of the table only.
OLD = Statement(
    sa.select(ID)
    .where(sa.bindparam("bound", type_=sa.Uuid()) > ID, col(StoredDelivery.status).in_(["delivered", "cancelled"]))
    .limit(CHUNK)
)
ORPHANED = Statement(
    sa.select(ID)
    .where(sa.not_(sa.exists().where(col(StoredSubscription.id) == col(StoredDelivery.subscription))))
    .limit(CHUNK)
)


class Sweeper:
    """Sweeps a little at a time, so that no write waits long for it."""

    def __init__(self, db: Database, now: Callable[[], datetime], ticks: Callable[[], float]) -> None:
        """Begin after a while."""
        self._db = db
        self._now = now
        self._ticks = ticks
        self._next = ticks() + EVERY_S

    async def sweep(self) -> int:
        """Remove one portion if it is time; answers how many rows."""
        if self._ticks() < self._next:
            return 0
        old = await self._db.rows(OLD, {"bound": first_id_at(self._now() - KEPT)}, heavy=True, primary=True)
        found = old or await self._db.rows(ORPHANED, heavy=True, primary=True)

        async def work(tx: Transaction) -> None:
            await tx.delete(StoredDelivery, ("id",), [{"id": id} for (id,) in found])

        await self._db.write(work)
        self._next = self._ticks() + (0 if found else EVERY_S)
        return len(found)


def first_id_at(moment: datetime) -> UUID:
    """No id that was made before the moment is greater (RFC 9562: 48 bits of milliseconds lead)."""
    return UUID(int=micros(moment) // 1000 << 80)
