"""Who delivers what: workers that show they are alive by a beat, and leases that pass from one to another."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col

from app.db import Database, Statement, Transaction, any_of
from app.subscriptions.statements import touch, uuid_list
from app.subscriptions.tables import (
    SUBSCRIPTION_COLUMNS,
    DeliveryWorker,
    StoredSubscription,
    Subscription,
    SubscriptionHead,
)

UUID_ = sa.Uuid()
WORKER = sa.bindparam("me", type_=UUID_)
HELD = col(StoredSubscription.worker)

TOUCHED = Statement(sa.select(col(SubscriptionHead.touched)))
WORKERS = Statement(sa.select(col(DeliveryWorker.id), col(DeliveryWorker.beat)))
HEARTBEAT = Statement(
    sa.update(DeliveryWorker).where(col(DeliveryWorker.id) == WORKER).values(beat=col(DeliveryWorker.beat) + 1)
)
EVICT = Statement(
    sa.delete(DeliveryWorker).where(
        col(DeliveryWorker.id) == WORKER, col(DeliveryWorker.beat) == sa.bindparam("beat", type_=sa.BigInteger)
    )
)
DEREGISTER = Statement(sa.delete(DeliveryWorker).where(col(DeliveryWorker.id) == WORKER))
# What there is to deliver or to ping, and who does.
WANTED = Statement(
    sa.select(col(StoredSubscription.id), HELD).where(
        col(StoredSubscription.mode) == "push",
        sa.or_(
            col(StoredSubscription.status).in_(["active", "failing"]),
            sa.and_(col(StoredSubscription.status) == "pending", col(StoredSubscription.ping_due)),
        ),
    )
)
TOUCHED_SINCE = Statement(
    sa.select(col(StoredSubscription.id)).where(
        col(StoredSubscription.touched) > sa.bindparam("seen", type_=sa.BigInteger), HELD == WORKER
    )
)
STILL_HELD = Statement(sa.select(col(StoredSubscription.id)).where(HELD == WORKER))
HELD_BY_ME = sa.select(col(StoredSubscription.id)).where(HELD == WORKER).order_by(col(StoredSubscription.id))
FREE = Statement(
    sa.update(StoredSubscription)
    .where(col(StoredSubscription.id).in_(HELD_BY_ME.with_for_update()))
    .values(worker=None)
)


def take_statement(dialect: str) -> Statement:
    """Take those of some subscriptions that nobody holds; a worker that was declared dead takes none.

    Rows are locked in one order, and those that others have locked are left to them.
    """
    id = col(StoredSubscription.id)
    free_ones = sa.select(id).where(any_of(id, "ids", dialect), HELD.is_(None)).order_by(id)
    alive = sa.exists().where(col(DeliveryWorker.id) == WORKER)
    taken = sa.update(StoredSubscription).where(id.in_(free_ones.with_for_update(skip_locked=True)), alive)
    return Statement(taken.values(worker=WORKER, token=col(StoredSubscription.token) + 1))


def held_statement(dialect: str) -> Statement:
    """Those of some subscriptions that a worker holds."""
    found = sa.select(*SUBSCRIPTION_COLUMNS)
    return Statement(found.where(any_of(col(StoredSubscription.id), "ids", dialect), HELD == WORKER))


def give_back_statement(dialect: str) -> Statement:
    """Let go of some subscriptions, locked in one order."""
    id = col(StoredSubscription.id)
    some = HELD_BY_ME.where(any_of(id, "ids", dialect)).with_for_update()
    return Statement(sa.update(StoredSubscription).where(id.in_(some)).values(worker=None))


DIALECTS = ("sqlite", "postgresql")
TAKE = {dialect: take_statement(dialect) for dialect in DIALECTS}
MINE = {dialect: held_statement(dialect) for dialect in DIALECTS}
GIVE_BACK = {dialect: give_back_statement(dialect) for dialect in DIALECTS}


class HeartbeatSeen(NamedTuple):
    """The last beat that was seen of a worker, and when it was new, by the evenly running clock of who looked."""

    beat: int
    at: float


def watch_heartbeats(
    known: Mapping[UUID, HeartbeatSeen], beats: Mapping[UUID, int], now: float
) -> dict[UUID, HeartbeatSeen]:
    """What is known of each worker after a look; no clock of another machine is asked."""
    return {
        id: known[id] if id in known and known[id].beat == beat else HeartbeatSeen(beat, now)
        for id, beat in beats.items()
    }


def stalled(known: Mapping[UUID, HeartbeatSeen], me: UUID, now: float, lease_s: float) -> list[UUID]:
    """The workers whose beat has not changed for the length of a lease."""
    return [id for id, sign in known.items() if id != me and now - sign.at > lease_s]


def fair_share(subscriptions: int, workers: int) -> int:
    """How many subscriptions one of so many workers holds at the most."""
    return ceil(subscriptions / max(1, workers))


class Rebalance(NamedTuple):
    """What a worker takes and what it gives back."""

    take: Sequence[UUID]
    release: Sequence[UUID]


def rebalance(wanted: Mapping[UUID, UUID | None], held: Collection[UUID], workers: int, rank: int = 0) -> Rebalance:
    """Share the work out evenly: take what nobody holds, and give back what is more than a fair share.

    `rank` is the worker's place among the workers: each begins elsewhere, so that they do not all take the same.
    """
    share = fair_share(len(wanted), workers)
    mine = [id for id in held if id in wanted]
    free = [id for id, holder in wanted.items() if holder is None]
    begin = rank * share % len(free) if free else 0
    return Rebalance([*free[begin:], *free[:begin]][: max(0, share - len(mine))], mine[share:])


async def register(tx: Transaction, me: UUID, now: datetime) -> None:
    """Appear among the workers."""
    await tx.insert(DeliveryWorker, [{"id": me, "beat": 0, "started_at": now}])


async def evict(tx: Transaction, worker: UUID, beat: int | None) -> bool:
    """Free what a silent worker held, unless it beat again meanwhile; None: one that is not in the table at all."""
    if beat is not None and not await tx.run(EVICT, {"me": worker, "beat": beat}):
        return False
    await free(tx, worker)
    return True


async def free(tx: Transaction, worker: UUID) -> None:
    """Let others take all that a worker holds."""
    if await tx.run(FREE, {"me": worker}):
        await touch(tx)


async def take(tx: Transaction, me: UUID, ids: Sequence[UUID]) -> list[Subscription]:
    """Take what nobody else has taken; answers what is held now."""
    values = {"me": me, "ids": uuid_list(tx, ids)}
    await tx.run(TAKE[tx.dialect], values)
    return [Subscription(*row) for row in await tx.rows(MINE[tx.dialect], values)]


async def give_back(tx: Transaction, me: UUID, ids: Sequence[UUID]) -> None:
    """Let others take these."""
    if await tx.run(GIVE_BACK[tx.dialect], {"me": me, "ids": uuid_list(tx, ids)}):
        await touch(tx)


async def subscriptions_to_deliver(db: Database) -> dict[UUID, UUID | None]:
    """Each subscription that has to be seen to, and who holds it."""
    return dict(await db.rows(WANTED, primary=True))


async def read_held(db: Database, me: UUID, id: UUID) -> Subscription | None:
    """A subscription that this worker holds, as it stands; None when it holds it no longer."""
    rows: list[Any] = await db.rows(MINE[db.dialect], {"me": me, "ids": uuid_list(db, [id])}, primary=True)
    return Subscription(*rows[0]) if rows else None
