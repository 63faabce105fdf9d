"""A change log in memory, for tests of what stands on it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from app.changes import ChangeLog, ChangeRecord, Head
from app.db.outage_log import OutageLog
from app.errors import Unavailable
from app.kinds import micros

START = datetime(2026, 3, 1, tzinfo=UTC)


def entry(seq: int, *, epoch: int = 1, operation: str = "created", body: bytes | None = None) -> ChangeRecord:
    """A change of an event of its own."""
    at = micros(START + timedelta(seconds=seq))
    return ChangeRecord(
        seq, epoch, str(UUID(int=seq)), 1, "attack", operation, at, body or b'{"n":%d}' % seq, None, None, seq
    )


class MemoryDatabase:
    """What is asked of a database beside its rows."""

    dialect = "sqlite"

    def __init__(self) -> None:
        self.trouble = OutageLog()


class MemoryLog:
    """As much of ChangeLog as readers use; `broken` makes the database fail."""

    gone = ChangeLog.gone

    def __init__(self, changes: int = 0) -> None:
        self.entries = [entry(seq) for seq in range(1, changes + 1)]
        self.epoch = 1
        self.oldest = 0
        self.broken = False
        self.asked = 0
        self.db: Any = MemoryDatabase()

    def write(self, changes: int = 1) -> None:
        """Append."""
        end = len(self.entries)
        self.entries += [entry(seq, epoch=self.epoch) for seq in range(end + 1, end + changes + 1)]

    async def head(self) -> Head:
        self.asked += 1
        if self.broken:
            raise Unavailable("The database is away.")
        return Head(self.epoch, len(self.entries), self.oldest, START)

    async def between(self, after: int, upto: int) -> list[ChangeRecord]:
        if self.broken:
            raise Unavailable("The database is away.")
        return self.entries[after:upto]

    items_between = between

    async def source(self) -> str:
        return '"urn:test"'
