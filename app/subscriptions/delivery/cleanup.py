"""Sweeps up what nobody asks for any more: old deliveries, those of deleted subscriptions, those without an owner."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col

from app.db import Database, Statement, Transaction
from app.kinds import micros
from app.subscriptions.ownership import disable_ownerless
from app.subscriptions.tables import StoredDelivery, StoredSubscription

# How long a finished delivery can be looked up; dead ones are kept until they are retried.
RETENTION = timedelta(days=30)
CLEANUP_INTERVAL_S = 3600.0
OWNERS_INTERVAL_S = 15.0
CHUNK = 1_000

ID = col(StoredDelivery.id)
IS_FINISHED = sa.text("status IN ('delivered', 'cancelled')")
# Ids begin with the time at which they were made, so that this reads the beginning of the table only.
OLD = Statement(
    sa.select(ID)
    .where(
        col(StoredDelivery.id) < sa.bindparam("bound", type_=sa.Uuid()),
        IS_FINISHED,
    )
    .limit(CHUNK)
)
ORPHANED = Statement(
    sa.select(ID)
    .where(sa.not_(sa.exists().where(col(StoredSubscription.id) == col(StoredDelivery.subscription))))
    .limit(CHUNK)
)


class DeliveryCleanup:
    """Sweeps a little at a time, so that no write waits long for it."""

    def __init__(self, db: Database, now: Callable[[], datetime], ticks: Callable[[], float]) -> None:
        """Begin after a while."""
        self._db = db
        self._now = now
        self._ticks = ticks
        self._owners_at = ticks() + OWNERS_INTERVAL_S
        self._deliveries_at = ticks() + CLEANUP_INTERVAL_S

    async def sweep(self) -> None:
        """Do what it is time for."""
        if self._ticks() >= self._owners_at:
            self._owners_at = self._ticks() + OWNERS_INTERVAL_S
            await disable_ownerless(self._db, self._now())
        if self._ticks() >= self._deliveries_at:
            removed = await delete_old_deliveries(self._db, self._now())
            self._deliveries_at = self._ticks() + (0 if removed else CLEANUP_INTERVAL_S)


async def delete_old_deliveries(db: Database, now: datetime) -> int:
    """Remove one portion; answers how many rows."""
    old = await db.rows(OLD, {"bound": first_id_at(now - RETENTION)}, offload=True, primary=True)
    found = old or await db.rows(ORPHANED, offload=True, primary=True)

    async def work(tx: Transaction) -> None:
        await tx.delete(StoredDelivery, ("id",), [{"id": id} for (id,) in found])

    if found:
        await db.write(work)
    return len(found)


def first_id_at(moment: datetime) -> UUID:
    """No id that was made before the moment is greater (RFC 9562: 48 bits of milliseconds lead)."""
    return UUID(int=micros(moment) // 1000 << 80)
