"""The change log: every accepted write appends here, in commit order, and every reader reads from here."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlmodel import Field, SQLModel, col, select

from app.db import BigKey, Statement, UtcTime
from app.db.statements import EPOCH
from app.errors import CursorAhead, CursorEpoch, CursorExpired, CursorMalformed
from app.kinds import format_instant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.db import Database, Transaction

CURSOR = re.compile(r"e([1-9][0-9]{0,8})-([0-9]{12,18})\Z", re.ASCII)
DIGEST_SPACE = 1 << 256
INTERVAL = 16


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


class Head(NamedTuple):
    """Where the log ends, and the lowest position it still serves."""

    epoch: int
    seq: int
    oldest: int
    time: datetime

    @property
    def cursor(self) -> str:
        """The end of the log as a position."""
        return format_cursor(self.epoch, self.seq)


class Entry(NamedTuple):
    """A change as the feed reads it."""

    seq: int
    epoch: int
    id: UUID
    version: int
    kind: str
    operation: str
    time: datetime
    body: bytes
    before: bytes | None
    after: bytes | None
    event: int


@dataclass(slots=True)
class Draft:
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


HEAD = Statement(select(LogHead.epoch, LogHead.seq, LogHead.oldest, LogHead.time))
INSTANCE = Statement(select(LogHead.instance))
ADVANCE = Statement(
    sa.update(LogHead)
    .values(seq=col(LogHead.seq) + sa.bindparam("n", type_=sa.BigInteger))
    .returning(col(LogHead.seq), col(LogHead.epoch), col(LogHead.time), col(LogHead.live), col(LogHead.digest))
)
SETTLE = Statement(
    sa.update(LogHead).values(
        time=sa.bindparam("at", type_=UtcTime),
        live=sa.bindparam("now_live", type_=sa.BigInteger),
        digest=sa.bindparam("now_digest", type_=sa.LargeBinary),
    )
)
ENTRY_COLUMNS = tuple(col(getattr(Change, name)) for name in Entry._fields)
BETWEEN = Statement(
    sa.select(*ENTRY_COLUMNS)
    .where(col(Change.seq) > sa.bindparam("after"), col(Change.seq) <= sa.bindparam("upto"))
    .order_by(col(Change.seq))
)
SCAN = Statement(
    sa.select(col(Change.seq), col(Change.before), col(Change.after))
    .where(col(Change.seq) > sa.bindparam("after"), col(Change.seq) <= sa.bindparam("upto"))
    .order_by(col(Change.seq))
)
MARK = Statement(
    select(Change.epoch, Change.time, Change.live, Change.digest).where(col(Change.seq) == sa.bindparam("seq"))
)


def format_cursor(epoch: int, seq: int) -> str:
    """A position in the log, or the id of the change at it: `e1-000000012345`."""
    return f"e{epoch}-{seq:012d}"


def parse_cursor(text: str) -> tuple[int, int]:
    """The epoch and sequence of a cursor; 400 when it is not one."""
    found = CURSOR.match(text)
    if found is None or (len(found[2]) > 12 and found[2].startswith("0")):  # noqa: PLR2004 (the padded width)
        raise CursorMalformed("That is not a cursor of this feed; one looks like e1-000000012345.")
    return int(found[1]), int(found[2])


def version_hash(id: UUID, version: int) -> int:  # noqa: A002 (the contract's name)
    """What a live version adds to the checkpoint digest."""
    return int.from_bytes(hashlib.sha256(f"{id}:{version}".encode()).digest(), "big")


def digest_step(draft: Draft) -> tuple[int, int]:
    """How a change moves the digest and the number of live events."""
    if draft.operation == "created":
        return version_hash(draft.id, draft.version), 1
    gone = version_hash(draft.id, draft.version - 1)
    if draft.operation == "deleted":
        return -gone, -1
    return version_hash(draft.id, draft.version) - gone, 0


async def append(tx: Transaction, drafts: Sequence[Draft]) -> Head:
    """Give the drafts their places, in order, and store them; the caller commits."""
    [(seq, epoch, time, live, digest)] = await tx.rows(ADVANCE, {"n": len(drafts)})
    at, total, rows = seq - len(drafts), int.from_bytes(digest, "big"), []
    for draft in drafts:
        at, time = at + 1, max(time, draft.updated_at)
        step, born = digest_step(draft)
        total, live = (total + step) % DIGEST_SPACE, live + born
        draft.seq, draft.cursor = at, format_cursor(epoch, at)
        rows.append(change_row(draft, epoch, time, live, total.to_bytes(32, "big")))
    await tx.insert(Change, rows)
    await tx.run(SETTLE, {"at": time, "now_live": live, "now_digest": total.to_bytes(32, "big")})
    return Head(epoch, seq, 0, time)


def change_row(draft: Draft, epoch: int, time: datetime, live: int, digest: bytes) -> dict[str, Any]:
    """A draft with its place."""
    return {
        "seq": draft.seq,
        "epoch": epoch,
        "event": draft.event,
        "id": draft.id,
        "version": draft.version,
        "kind": draft.kind,
        "operation": draft.operation,
        "time": time,
        "updated_at": draft.updated_at,
        "by": draft.by,
        "changed": orjson.dumps(draft.changed).decode(),
        "body": draft.body,
        "before": draft.before,
        "after": draft.after,
        "live": live,
        "digest": digest,
    }


def feed_item(entry: Entry, source: str) -> bytes:
    """The change as a CloudEvents 1.0 JSON event: feed item, SSE data and push body are these bytes."""
    head = (
        f'{{"specversion":"1.0","id":"{format_cursor(entry.epoch, entry.seq)}","source":{source},'
        f'"type":"{entry.kind}.{entry.operation}","subject":"{entry.id}","time":"{format_instant(entry.time)}",'
        f'"sequence":"{entry.seq:012d}","version":{entry.version},"datacontenttype":"application/json",'
        f'"dataschema":"urn:sitrep:kind:{entry.kind}","data":'
    )
    return head.encode() + entry.body + b"}"


class ChangeLog:
    """Reads the log and turns what callers call a position into a sequence."""

    def __init__(self, db: Database, source: str | None = None) -> None:
        """Read from this database; `source` names this instance in feed items."""
        self.db = db
        self._source = None if source is None else orjson.dumps(source).decode()

    async def source(self) -> str:
        """The CloudEvents source as a JSON string, `urn:sitrep:<instance>` unless configured."""
        if self._source is None:
            [(instance,)] = await self.db.rows(INSTANCE)
            self._source = f'"urn:sitrep:{instance}"'
        return self._source

    async def head(self, *, primary: bool = False) -> Head:
        """Where the log ends now."""
        [found] = await self.db.rows(HEAD, primary=primary)
        return Head(*found)

    async def between(self, after: int, upto: int) -> list[Entry]:
        """The changes after one sequence up to and including another."""
        return [Entry(*row) for row in await self.db.rows(BETWEEN, {"after": after, "upto": upto})]

    async def position(self, cursor: str, head: Head) -> int:
        """Where a reader goes on: a cursor of the current epoch inside the log."""
        epoch, seq = parse_cursor(cursor)
        if epoch != head.epoch:
            raise self.gone(CursorEpoch, "The feed was restored since that cursor; read the list again.", head)
        return await self._inside(seq, head)

    async def moment(self, cursor: str, head: Head) -> int:
        """What `as_of` and `at` name: a position of this epoch, or a stored change id of any."""
        epoch, seq = parse_cursor(cursor)
        if epoch == head.epoch:
            await self._ahead(seq, head)
            return seq
        found = await self.db.rows(MARK, {"seq": seq})
        if not found or found[0][0] != epoch:
            raise self.gone(CursorEpoch, "That cursor is not part of this feed's history.", head)
        return seq

    async def before(self, instant: datetime, head: Head, *, inclusive: bool) -> int:
        """The last change before an instant, or at it too; times never go back, so halving finds it."""
        low, high = 0, head.seq
        while low < high:
            middle = (low + high + 1) // 2
            [(_, time, _, _)] = await self.db.rows(MARK, {"seq": middle})
            low, high = (middle, high) if time < instant or (inclusive and time == instant) else (low, middle - 1)
        return low

    async def checkpoint(self, seq: int) -> tuple[int, str]:
        """The number of live events and the digest over them at a sequence."""
        found = await self.db.rows(MARK, {"seq": seq})
        return (found[0][2], found[0][3].hex()) if found else (0, "0" * 64)

    async def _inside(self, seq: int, head: Head) -> int:
        if seq < head.oldest:
            raise self.gone(CursorExpired, "The feed no longer reaches back to that cursor; read the list again.", head)
        await self._ahead(seq, head)
        return seq

    async def _ahead(self, seq: int, head: Head) -> None:
        if seq > head.seq and seq > (await self.head(primary=True)).seq:
            raise CursorAhead("That cursor is ahead of the feed: it was not given out by it.")

    def gone(self, problem: type[CursorEpoch | CursorExpired], detail: str, head: Head) -> CursorEpoch | CursorExpired:
        """A 410 that says where to begin again."""
        return problem(detail, oldest=format_cursor(head.epoch, head.oldest), bootstrap="/v1/events")


def micros_of(instant: datetime) -> int:
    """Microseconds since the Unix epoch."""
    return (instant - EPOCH) // timedelta(microseconds=1)
