"""Subscriptions, deliveries and notices in the database: the statements that find, lock, count and store them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col

from app.auth import Key
from app.db import Database, Statement, Transaction, UtcTime, any_of, array_param
from app.errors import NotFound
from app.subscriptions.tables import (
    DELIVERY_COLUMNS,
    IS_DEAD,
    IS_UNFINISHED,
    NOTICE,
    SUBSCRIPTION,
    SUBSCRIPTION_COLUMNS,
    Delivery,
    Notice,
    StoredDelivery,
    StoredNotice,
    StoredSubscription,
    Subscription,
    SubscriptionHead,
    row_of,
)

UUID_ = sa.Uuid()
# What callers write; the lease is the workers' own.
CALLERS = tuple(name for name in SUBSCRIPTION if name not in {"worker", "token"})

ONE = Statement(sa.select(*SUBSCRIPTION_COLUMNS).where(col(StoredSubscription.id) == sa.bindparam("id", type_=UUID_)))
LOCK = Statement(
    sa.select(*SUBSCRIPTION_COLUMNS)
    .where(col(StoredSubscription.id) == sa.bindparam("id", type_=UUID_))
    .with_for_update()
)
TOUCH = Statement(
    sa.update(SubscriptionHead)
    .values(touched=col(SubscriptionHead.touched) + 1)
    .returning(col(SubscriptionHead.touched))
)
NUMBER_NOTICES = Statement(
    sa.update(SubscriptionHead)
    .values(notices=col(SubscriptionHead.notices) + sa.bindparam("n", type_=sa.BigInteger))
    .returning(col(SubscriptionHead.notices))
)
EARLIEST = Statement(
    sa.select(sa.func.min(col(StoredSubscription.cursor))).where(col(StoredSubscription.status) != "disabled")
)
DELETE = Statement(sa.delete(StoredSubscription).where(col(StoredSubscription.id) == sa.bindparam("id", type_=UUID_)))
ONE_DELIVERY = Statement(sa.select(*DELIVERY_COLUMNS).where(col(StoredDelivery.id) == sa.bindparam("id", type_=UUID_)))
CANCEL = Statement(
    sa.update(StoredDelivery)
    .where(
        col(StoredDelivery.subscription) == sa.bindparam("sub", type_=UUID_), col(StoredDelivery.counted), IS_UNFINISHED
    )
    .values(status="cancelled", next_attempt_at=None)
)
REVIVE = Statement(
    sa.update(StoredDelivery)
    .where(
        col(StoredDelivery.subscription) == sa.bindparam("sub", type_=UUID_),
        IS_DEAD,
        col(StoredDelivery.created_at) >= sa.bindparam("since", type_=UtcTime),
    )
    .values(status="queued", counted=False, tries=0, next_attempt_at=sa.bindparam("now", type_=UtcTime))
)


def count_statement(dialect: str, which: Any) -> Statement:
    """How many deliveries of that sort each of some subscriptions has."""
    of = col(StoredDelivery.subscription)
    counted = sa.select(of, sa.func.count()).where(any_of(of, "ids", dialect), which).group_by(of)
    return Statement(counted)


OPEN = {
    dialect: count_statement(dialect, sa.and_(col(StoredDelivery.counted), IS_UNFINISHED))
    for dialect in ("sqlite", "postgresql")
}
DEAD = {dialect: count_statement(dialect, IS_DEAD) for dialect in ("sqlite", "postgresql")}


class Counts(NamedTuple):
    """How many deliveries of a subscription are not finished, and how many were given up."""

    open: int
    dead: int


def may_see(key: Key, subscription: Subscription) -> bool:
    """Owners see their own, admins every one."""
    return subscription.owner == key.owner or key.may("admin")


def visible(found: Sequence[Any], key: Key) -> Subscription:
    """The subscription of these rows; NotFound when there is none, or it is somebody else's."""
    if not found or not may_see(key, Subscription(*found[0])):
        raise NotFound("There is no subscription with that id.")
    return Subscription(*found[0])


async def find_subscription(db: Database, id: UUID, key: Key) -> Subscription:
    """The subscription as it stands."""
    return visible(await db.rows(ONE, {"id": id}, primary=True), key)


async def lock_subscription(tx: Transaction, id: UUID, key: Key) -> Subscription:
    """The subscription, which nobody else changes until the transaction ends."""
    return visible(await tx.rows(LOCK, {"id": id}), key)


async def touch(tx: Transaction) -> int:
    """The number of a change that workers must see; the last lock of the transaction."""
    [(touched,)] = await tx.rows(TOUCH)
    return int(touched)


async def put_subscription(tx: Transaction, subscription: Subscription) -> None:
    """Store what a caller made of a subscription, and let the workers see it."""
    row = row_of(CALLERS, subscription) | {"touched": await touch(tx)}
    await tx.update(StoredSubscription, ("id",), [row])


async def add_notices(tx: Transaction, notices: Sequence[Notice]) -> None:
    """Number and store notices; takes the last lock of the transaction."""
    if not notices:
        return
    [(last,)] = await tx.rows(NUMBER_NOTICES, {"n": len(notices)})
    first = last - len(notices) + 1
    rows = [row_of(NOTICE, notice) | {"id": first + n} for n, notice in enumerate(notices)]
    await tx.insert(StoredNotice, rows)


async def count_deliveries(db: Database, ids: Sequence[UUID]) -> dict[UUID, Counts]:
    """The counts of each subscription."""
    values = {"ids": uuid_list(db, ids)}
    opened = dict(await db.rows(OPEN[db.dialect], values, offload=True, primary=True)) if ids else {}
    dead = dict(await db.rows(DEAD[db.dialect], values, offload=True, primary=True)) if ids else {}
    return {id: Counts(opened.get(id, 0), dead.get(id, 0)) for id in ids}


def uuid_list(db: Database | Transaction, ids: Sequence[UUID]) -> Any:
    """Ids as the one parameter that `any_of` takes; SQLite keeps them as 32 hexadecimal digits."""
    if db.dialect == "sqlite":
        return array_param([id.hex for id in ids], "sqlite")
    return list(ids)


def delivery_rows(*conditions: Any, limit: int | None = None) -> Statement:
    """The unfinished deliveries of a subscription, those that are due first in front."""
    of = col(StoredDelivery.subscription) == sa.bindparam("sub", type_=UUID_)
    found = sa.select(*DELIVERY_COLUMNS).where(of, *conditions, IS_UNFINISHED)
    return Statement(found.order_by(col(StoredDelivery.next_attempt_at), col(StoredDelivery.id)).limit(limit))


COUNTED = delivery_rows(col(StoredDelivery.counted))
# So many put-back deliveries are looked at, at a time.
PUT_BACK_LIMIT = 200
PUT_BACK = delivery_rows(sa.not_(col(StoredDelivery.counted)), limit=PUT_BACK_LIMIT)


async def open_deliveries(db: Database, subscription: UUID) -> list[Delivery]:
    """What the cursor stored and is not finished: at most `max_open`."""
    return [Delivery(*row) for row in await db.rows(COUNTED, {"sub": subscription}, primary=True)]


async def put_back_deliveries(db: Database, subscription: UUID) -> list[Delivery]:
    """The first of those that a retry put back, by when they are due; at most `PUT_BACK_LIMIT`."""
    return [Delivery(*row) for row in await db.rows(PUT_BACK, {"sub": subscription}, primary=True)]


async def oldest_needed_cursor(db: Database) -> int | None:
    """The cursor that is furthest behind, None where there is none; those that were given up hold nothing back."""
    [(earliest,)] = await db.rows(EARLIEST, primary=True)
    return None if earliest is None else int(earliest)
