"""Lets the stored cursors of many subscriptions follow the log in one transaction, where nothing matched."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col

from app.db import Statement, Transaction, any_of
from app.subscriptions.statements import uuid_list
from app.subscriptions.tables import StoredSubscription


class Fence(NamedTuple):
    """What a subscription must still have so that a worker may move its cursor: its lease and its configuration."""

    worker: UUID | None
    token: int
    version: int
    generation: int


def fence_statement(dialect: str) -> Statement:
    """What fences some subscriptions, and their cursors; kept so until the end, locked in one order."""
    id = col(StoredSubscription.id)
    columns = [id, col(StoredSubscription.cursor), *(col(getattr(StoredSubscription, name)) for name in Fence._fields)]
    return Statement(sa.select(*columns).where(any_of(id, "ids", dialect)).order_by(id).with_for_update())


FENCES = {dialect: fence_statement(dialect) for dialect in ("sqlite", "postgresql")}


async def move_cursors(tx: Transaction, fences: dict[UUID, Fence], to: int) -> set[UUID]:
    """Store the cursor of those that are still fenced so and behind it; answers which."""
    rows = await tx.rows(FENCES[tx.dialect], {"ids": uuid_list(tx, list(fences))})
    moved = [id for id, cursor, *fence in rows if cursor < to and Fence(*fence) == fences[id]]
    await tx.update(StoredSubscription, ("id",), [{"id": id, "cursor": to} for id in moved])
    return set(moved)
