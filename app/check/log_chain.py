"""Checks the change log as a chain: no gap, no step back in time, and counts and digests that follow from it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from app.changes import Change, LogHead, format_cursor
from app.changes.append import DIGEST_SPACE, version_hash
from app.check.paging import pages
from app.check.report import LOG, Report
from app.check.row_store import RowStore
from app.db import Statement, Transaction

TABLE = sa.inspect(Change).local_table
NAMES = ("seq", "epoch", "id", "version", "operation", "time", "live", "digest")
COLUMNS = tuple(TABLE.c[name] for name in NAMES)
HEADS = Statement(sa.select(*(getattr(LogHead, n) for n in ("epoch", "seq", "oldest", "time", "live", "digest"))))
DIGEST = "digest"
HEAD = "head of the log"


class LogChain:
    """What the changes so far come to."""

    def __init__(self, report: Report, scratch: RowStore) -> None:
        """Before the first change."""
        self.seq = self.epoch = self.live = self.digest = 0
        self.time: Any = None
        self._log = report.part(LOG, derived=False)
        self._digests = report.part(DIGEST)
        self._file = scratch.file
        self._file.execute("CREATE TABLE marks (seq, live, digest)")

    def take(self, row: Any) -> None:
        """The next change."""
        seq, epoch, id, version, operation, time, live, digest = row
        cursor = format_cursor(epoch, seq)
        if seq != self.seq + 1:
            self._log.fault(f"{cursor} follows sequence {self.seq}")
        if epoch < self.epoch:
            self._log.fault(f"{cursor} follows epoch {self.epoch}")
        if self.time is not None and time < self.time:
            self._log.fault(f"{cursor} lies before the change before it in time")
        self.seq, self.epoch, self.time = seq, epoch, time
        self._count(id, version, operation)
        if (live, bytes(digest)) != (self.live, self.digest.to_bytes(32, "big")):
            self._digests.fault(cursor)
            self._file.execute("INSERT INTO marks VALUES (?, ?, ?)", (seq, self.live, self.digest.to_bytes(32, "big")))

    def _count(self, id: Any, version: int, operation: str) -> None:
        if operation != "created":
            self.digest -= version_hash(id, version - 1)
            self.live -= 1
        if operation != "deleted":
            self.digest += version_hash(id, version)
            self.live += 1
        self.digest %= DIGEST_SPACE


async def check_log(tx: Transaction, report: Report, scratch: RowStore) -> LogChain:
    """Walk the log from its first change to its last, and compare the head with what it comes to."""
    chain = LogChain(report, scratch)
    async for rows in pages(tx, COLUMNS, COLUMNS[:1]):
        for row in rows:
            chain.take(row)
    part, heads = report.part(HEAD), await tx.rows(HEADS)
    if len(heads) != 1:
        report.part(LOG, derived=False).fault(f"log_head has {len(heads)} rows")
        return chain
    [(epoch, seq, oldest, time, live, digest)] = heads
    report.cursor = format_cursor(epoch, chain.seq)
    report.events, report.changes = chain.live, chain.seq
    if epoch < chain.epoch:
        report.part(LOG, derived=False).fault(f"the epoch is {epoch}, that of the last change {chain.epoch}")
    expected = (chain.seq, chain.live, chain.digest.to_bytes(32, "big"))
    if (seq, live, bytes(digest)) != expected or oldest > chain.seq or (chain.time is not None and time < chain.time):
        part.fault(
            f"it stands at {format_cursor(epoch, seq)} with {live:,} events or has another digest or time; "
            f"the changes come to {report.cursor} with {chain.live:,}"
        )
    return chain
