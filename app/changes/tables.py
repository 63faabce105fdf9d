"""The tables of the change log: one counter row, and one row a change."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app.db import BigKey, UtcTime
from app.errors import CursorMalformed

# Epoch and sequence.
Position = tuple[int, int]
CURSOR_FORM = "e%d-%012d"
# How old the knowledge of other processes' writes may be, in seconds.
STALE_S = 0.25
CURSOR = re.compile(r"e([1-9][0-9]{0,8})-([0-9]{12,18})\Z", re.ASCII)


class LogHead(SQLModel, table=True):
    """The one counter row; its lock is the last that a write takes, so sequence is commit order."""

    __tablename__ = "log_head"
    id: int = Field(primary_key=True)
    instance: UUID
    epoch: int
    seq: int = Field(sa_type=sa.BigInteger)
    oldest: int = Field(sa_type=sa.BigInteger)
    time: datetime = Field(sa_type=UtcTime)
    live: int = Field(sa_type=sa.BigInteger)
    digest: bytes
    indexed: int = Field(sa_type=sa.BigInteger, sa_column_kwargs={"server_default": "0"})


class Change(SQLModel, table=True):
    """One version of one event, with its public JSON as bytes; the row of a deletion holds the tombstone."""

    __tablename__ = "change"
    __table_args__ = (sa.Index("change_event_version", "event", "version", unique=True),)
    seq: int = Field(primary_key=True, sa_type=BigKey, sa_column_kwargs={"autoincrement": False})
    epoch: int
    event: int = Field(sa_type=sa.BigInteger)
    id: UUID
    version: int
    kind: str
    operation: str
    time: datetime = Field(sa_type=UtcTime)
    updated_at: datetime = Field(sa_type=UtcTime)
    by: str | None
    changed: str
    body: bytes
    before: bytes | None
    after: bytes | None
    live: int = Field(sa_type=sa.BigInteger)
    digest: bytes


class ChangeBlock(SQLModel, table=True):
    """The changes of a full block of the log that have a facet value before or after them; facet_index.py keeps it."""

    __tablename__ = "change_block"
    __table_args__ = {"sqlite_with_rowid": False}
    value: int = Field(primary_key=True, sa_type=sa.BigInteger, sa_column_kwargs={"autoincrement": False})
    block: int = Field(primary_key=True, sa_type=sa.BigInteger, sa_column_kwargs={"autoincrement": False})
    changes: bytes


class Head(NamedTuple):
    """Where the log ends, the lowest position it still serves, and up to where it can be read by facet value."""

    epoch: int
    seq: int
    oldest: int
    time: datetime
    indexed: int = 0

    @property
    def cursor(self) -> str:
        """The end of the log as a position."""
        return format_cursor(self.epoch, self.seq)


class ChangeRecord(NamedTuple):
    """A change as the feed reads it: `as_written` writes its id, its time is in microseconds since the Unix epoch.

    Those who only write it out need none of the last three fields, which tell whom it matters to.
    """

    seq: int
    epoch: int
    id: str
    version: int
    kind: str
    operation: str
    time: int
    body: bytes
    before: bytes | None = None
    after: bytes | None = None
    event: int = 0


@dataclass(slots=True)
class PendingChange:
    """A change that waits for its place in the log."""

    event: int
    id: UUID
    version: int
    kind: str
    operation: str
    updated_at: datetime
    by: str | None
    body: bytes
    changed: Sequence[str] = ()
    before: bytes | None = None
    after: bytes | None = None
    cursor: str = field(default="", init=False)
    seq: int = field(default=0, init=False)


def format_cursor(epoch: int, seq: int) -> str:
    """A position in the log, or the id of the change at it: `e1-000000012345`."""
    return CURSOR_FORM % (epoch, seq)


def parse_cursor(text: str) -> tuple[int, int]:
    """The epoch and sequence of a cursor; 400 when it is not one."""
    found = CURSOR.match(text)
    if found is None or (len(found[2]) > 12 and found[2].startswith("0")):
        raise CursorMalformed("That is not a cursor of this feed; one looks like e1-000000012345.")
    return int(found[1]), int(found[2])
