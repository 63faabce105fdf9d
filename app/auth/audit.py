"""The audit trail: who made or revoked what, when and from where."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, bindparam
from sqlmodel import Field, SQLModel, col, select

from app.db import BigKey, Database, Statement, Transaction, UtcTime
from app.http.pagination import decode_cursor, encode_cursor

LIST_NAME = "audit"
PAGE_KEY = re.compile(r"([0-9]{1,18})")
ABOVE_ALL_IDS = 2**63 - 1


class AuditRow(SQLModel, table=True):
    """One deed; rows are only ever added."""

    __tablename__ = "audit"

    id: int | None = Field(default=None, sa_column=Column(BigKey, primary_key=True, autoincrement=True))
    at: datetime = Field(sa_type=UtcTime)
    by: str
    action: str
    subject: str
    address: str


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, as the audit trail names them; the command line has no address."""

    by: str = "cli"
    address: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One row of the trail."""

    id: int
    at: datetime
    by: str
    action: str
    subject: str
    address: str


FIRST_PAGE = Statement(
    select(  # type: ignore[call-overload]  # SQLModel types up to four columns
        AuditRow.id,
        AuditRow.at,
        AuditRow.by,
        AuditRow.action,
        AuditRow.subject,
        AuditRow.address,
    )
    .where(col(AuditRow.id) < bindparam("before"))
    .order_by(col(AuditRow.id).desc())
    .limit(bindparam("limit"))
)


async def record(transaction: Transaction, actor: Actor, action: str, subject: str, at: datetime) -> None:
    """Add one deed, in the transaction that does it. `action` is like `key.created`, `subject` an id."""
    row = {"at": at, "by": actor.by, "action": action, "subject": subject, "address": actor.address}
    await transaction.insert(AuditRow, [row])


async def list_entries(db: Database, limit: int, cursor: str | None = None) -> tuple[list[AuditEntry], str | None]:
    """Give a page of the trail, newest first, and the cursor of the next one if there is more."""
    before = ABOVE_ALL_IDS if cursor is None else int(decode_cursor(LIST_NAME, PAGE_KEY, cursor)[0])
    found = await db.rows(FIRST_PAGE, {"before": before, "limit": limit + 1}, primary=True)
    page = [AuditEntry(*row) for row in found[:limit]]
    return page, encode_cursor(LIST_NAME, page[-1].id) if len(found) > limit else None
