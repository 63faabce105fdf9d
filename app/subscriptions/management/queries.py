"""Pages of subscriptions, of deliveries and of notices."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col

from app.auth import Key
from app.db import Database, Statement, UtcTime, any_of, array_param
from app.errors import NotFound
from app.http.pagination import decode_cursor, encode_cursor
from app.subscriptions.statements import UUID_, may_see
from app.subscriptions.tables import (
    DELIVERY_COLUMNS,
    IS_DEAD,
    IS_UNFINISHED,
    NOTICE_COLUMNS,
    SUBSCRIPTION_COLUMNS,
    UNFINISHED,
    Delivery,
    DeliveryStatus,
    Notice,
    StoredDelivery,
    StoredNotice,
    StoredSubscription,
    Subscription,
)

PLACE = re.compile("([0-9a-f]{32})")
LAST = UUID(int=2**128 - 1)
BEFORE = sa.bindparam("before", type_=UUID_)
LIMIT: Any = sa.bindparam("limit")
SUBSCRIPTIONS = sa.select(*SUBSCRIPTION_COLUMNS).where(col(StoredSubscription.id) < BEFORE)
BY_AGE = col(StoredSubscription.id).desc()
OF_ALL_OWNERS = Statement(SUBSCRIPTIONS.order_by(BY_AGE).limit(LIMIT))
OF_OWNER = Statement(
    SUBSCRIPTIONS.where(col(StoredSubscription.owner) == sa.bindparam("owner")).order_by(BY_AGE).limit(LIMIT)
)
NOTICES = Statement(
    sa.select(*NOTICE_COLUMNS)
    .where(col(StoredNotice.id) > sa.bindparam("after", type_=sa.BigInteger))
    .order_by(col(StoredNotice.id))
    .limit(LIMIT)
)
WITH_SUBSCRIPTION = Statement(
    sa.select(*SUBSCRIPTION_COLUMNS, *DELIVERY_COLUMNS)
    .join_from(StoredDelivery, StoredSubscription, col(StoredDelivery.subscription) == col(StoredSubscription.id))
    .where(col(StoredDelivery.id) == sa.bindparam("id", type_=UUID_))
)


def deliveries_in(dialect: str, narrowing: str) -> Statement:
    """A page of a subscription's deliveries, newest first; what is rare has an index of its own."""
    rare = {"unfinished": [IS_UNFINISHED], "dead": [IS_DEAD], "any": []}[narrowing]
    found = sa.select(*DELIVERY_COLUMNS).where(
        col(StoredDelivery.subscription) == sa.bindparam("sub", type_=UUID_),
        col(StoredDelivery.id) < BEFORE,
        col(StoredDelivery.created_at) >= sa.bindparam("since", type_=UtcTime),
        any_of(col(StoredDelivery.status), "statuses", dialect),
        *rare,
    )
    return Statement(found.order_by(col(StoredDelivery.id).desc()).limit(LIMIT))


DELIVERIES = {
    (dialect, narrowing): deliveries_in(dialect, narrowing)
    for dialect in ("sqlite", "postgresql")
    for narrowing in ("unfinished", "dead", "any")
}


async def list_subscriptions(
    db: Database, key: Key, limit: int, cursor: str | None
) -> tuple[list[Subscription], str | None]:
    """A page of what the key may see, newest first, and the cursor of the next."""
    values = {"before": before(cursor, "subscriptions"), "limit": limit + 1}
    admin = key.may("admin")
    rows = await db.rows(
        OF_ALL_OWNERS if admin else OF_OWNER, values if admin else {**values, "owner": key.owner}, primary=True
    )
    page = [Subscription(*row) for row in rows[:limit]]
    return page, encode_cursor("subscriptions", page[-1].id.hex) if len(rows) > limit else None


async def list_deliveries(
    db: Database, id: UUID, statuses: Sequence[DeliveryStatus], since: datetime, *, limit: int, cursor: str | None
) -> tuple[list[Delivery], str | None]:
    """A page of a subscription's deliveries, newest first, and the cursor of the next."""
    values = {
        "sub": id,
        "statuses": array_param(list(statuses), db.dialect),
        "since": since,
        "before": before(cursor, "deliveries"),
        "limit": limit + 1,
    }
    rows = await db.rows(DELIVERIES[db.dialect, narrowing(statuses)], values, offload=True, primary=True)
    page = [Delivery(*row) for row in rows[:limit]]
    return page, encode_cursor("deliveries", page[-1].id.hex) if len(rows) > limit else None


def narrowing(statuses: Sequence[str]) -> str:
    """The index that holds all of these states."""
    if set(statuses) == {"dead"}:
        return "dead"
    return "unfinished" if set(statuses) <= set(UNFINISHED) else "any"


def before(cursor: str | None, name: str) -> UUID:
    """Where a page begins."""
    return LAST if cursor is None else UUID(decode_cursor(name, PLACE, cursor)[0])


async def find_delivery(db: Database, id: UUID | None, key: Key) -> Delivery:
    """A delivery whose subscription the key may see."""
    rows: list[Any] = [] if id is None else await db.rows(WITH_SUBSCRIPTION, {"id": id}, primary=True)
    width = len(SUBSCRIPTION_COLUMNS)
    if not rows or not may_see(key, Subscription(*rows[0][:width])):
        raise NotFound("There is no delivery with that id.")
    return Delivery(*rows[0][width:])


async def list_notices(db: Database, after: int, limit: int) -> tuple[list[Notice], int | None]:
    """The notices behind one, oldest first, and what to ask for next if there are more."""
    rows = await db.rows(NOTICES, {"after": after, "limit": limit + 1}, primary=True)
    page = [Notice(*row) for row in rows[:limit]]
    return page, page[-1].id if len(rows) > limit else None
