"""Begins an epoch: what an operator does after a backup was restored, so that no old cursor is followed in silence."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlmodel import col

from app.auth.audit import Actor, record
from app.changes.tables import LogHead
from app.db import Database, Statement, Transaction

RAISE_EPOCH = Statement(sa.update(LogHead).values(epoch=col(LogHead.epoch) + 1).returning(col(LogHead.epoch)))


async def raise_epoch(db: Database, by: str = "cli") -> int:
    """Begin the next epoch, with its audit row, and answer its number; stored change ids keep theirs."""
    now = datetime.now(UTC)

    async def work(transaction: Transaction) -> int:
        [(raised,)] = await transaction.rows(RAISE_EPOCH)
        await record(transaction, Actor(by), "epoch.raised", f"e{raised}", now)
        return int(raised)

    return await db.write(work)
