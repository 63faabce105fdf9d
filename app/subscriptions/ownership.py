"""Whether owners still have a key that may subscribe, and what becomes of subscriptions whose owner has none."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import col

from app.auth import ApiKey
from app.auth.tables import IMPLIED_SCOPES
from app.db import Database, Statement, Transaction, UtcTime, any_of
from app.subscriptions.statements import LOCK, add_notices, put_subscription
from app.subscriptions.tables import SUBSCRIPTION_COLUMNS, Notice, StoredSubscription, Subscription

WITHOUT_KEY = "The owner has no valid key left that may subscribe."


def valid_keys(dialect: str) -> Statement:
    """Owners and scopes of the keys that are neither revoked nor expired, for some owners."""
    now = sa.bindparam("now", type_=UtcTime)
    living = sa.or_(col(ApiKey.expires_at).is_(None), col(ApiKey.expires_at) > now)
    found = sa.select(col(ApiKey.owner), col(ApiKey.scopes)).where(any_of(col(ApiKey.owner), "owners", dialect))
    return Statement(found.where(col(ApiKey.revoked_at).is_(None), living))


VALID_KEYS = {dialect: valid_keys(dialect) for dialect in ("sqlite", "postgresql")}


async def owners_without_key(db: Database, owners: Collection[str], now: datetime) -> set[str]:
    """Those of some owners who may subscribe no more."""
    values = {"owners": db.as_list(sorted(owners)), "now": now}
    rows = await db.rows(VALID_KEYS[db.dialect], values, primary=True)
    return set(owners) - {
        owner for owner, scopes in rows if any("subscribe" in IMPLIED_SCOPES[s] for s in scopes.split())
    }


# What no worker holds: pull subscriptions, and those that wait for a ping or are paused.
UNHELD = Statement(
    sa.select(*SUBSCRIPTION_COLUMNS).where(
        sa.or_(
            col(StoredSubscription.status).in_(["pending", "paused"]),
            sa.and_(col(StoredSubscription.mode) == "pull", col(StoredSubscription.status) == "active"),
        )
    )
)


async def disable_ownerless(db: Database, now: datetime) -> int:
    """Disable what no worker holds and nobody could go on with; answers how many."""
    found = [Subscription(*row) for row in await db.rows(UNHELD, primary=True)]
    owners = {subscription.owner for subscription in found}
    gone = await owners_without_key(db, owners, now) if owners else set()
    ownerless = [subscription for subscription in found if subscription.owner in gone]

    return sum([await disable_one(db, subscription, now) for subscription in ownerless])


async def disable_one(db: Database, subscription: Subscription, now: datetime) -> bool:
    """Disable it, unless somebody was faster; one a transaction, whose last lock is that of the counters."""

    async def work(tx: Transaction) -> bool:
        rows = await tx.rows(LOCK, {"id": subscription.id})
        if not rows or Subscription(*rows[0]) != subscription:
            return False
        await put_subscription(tx, replace(subscription, status="disabled", disabled_reason="no-key", ping_due=False))
        await add_notices(tx, [Notice("subscription.disabled", subscription.id, None, now, WITHOUT_KEY)])
        return True

    return await db.write(work)
