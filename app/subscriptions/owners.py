"""Whether an owner still has a key that may subscribe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlmodel import col

from app.auth import ApiKey
from app.auth.model import INCLUDES
from app.db import Statement, UtcTime, any_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from app.db import Database

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
    return set(owners) - {owner for owner, scopes in rows if any("subscribe" in INCLUDES[s] for s in scopes.split())}
