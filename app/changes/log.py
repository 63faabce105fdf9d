"""Reads the log, and turns what callers call a position into a sequence."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any

import orjson
import sqlalchemy as sa
from fastapi import Depends
from sqlmodel import col, select

from app.changes.tables import CURSOR_FORM, STALE_S, Change, ChangeRecord, Head, LogHead, format_cursor, parse_cursor
from app.db import Database, Statement, any_of, as_written, id_text
from app.errors import CursorAhead, CursorEpoch, CursorExpired
from app.http import FromServices
from app.kinds import format_micros
from app.kit.json_lines import escape_line_separators

HEAD = Statement(sa.select(*(getattr(LogHead, name) for name in Head._fields)))
INSTANCE = Statement(select(LogHead.instance))
READY: dict[str, Any] = {"id": id_text(col(Change.id)), "time": sa.type_coerce(col(Change.time), sa.BigInteger)}
ENTRY_COLUMNS = tuple(READY.get(name, getattr(Change, name)).label(name) for name in ChangeRecord._fields)
# What a feed item is written from; the others tell whom it matters to.
ITEM_COLUMNS = ENTRY_COLUMNS[: len(ChangeRecord._fields) - len(ChangeRecord._field_defaults)]
TOUCHED = Statement(
    sa.select(col(Change.event), sa.case((col(Change.operation) == "deleted", col(Change.body)))).where(
        col(Change.seq) > sa.bindparam("after"), col(Change.seq) <= sa.bindparam("upto")
    )
)
CHECKPOINT = Statement(
    select(Change.epoch, Change.time, Change.live, Change.digest).where(col(Change.seq) == sa.bindparam("seq"))
)
ERASED = b'"erased":true'
PACKED = Statement(
    sa.select(col(Change.seq), col(Change.event), col(Change.before), col(Change.after))
    .where(col(Change.seq) > sa.bindparam("after"), col(Change.seq) <= sa.bindparam("upto"))
    .order_by(col(Change.seq))
)
# More bodies than this, which may be long, are read on another thread.
AT_ONCE = 100


def between_statement(columns: Sequence[Any]) -> Statement:
    """The changes after one sequence up to and including another."""
    after, upto = col(Change.seq) > sa.bindparam("after"), col(Change.seq) <= sa.bindparam("upto")
    return Statement(sa.select(*columns).where(after, upto).order_by(col(Change.seq)))


def picked_statement(dialect: str, columns: Sequence[Any]) -> Statement:
    """Changes by their sequences."""
    return Statement(sa.select(*columns).where(any_of(col(Change.seq), "seqs", dialect)).order_by(col(Change.seq)))


def bodies_before_statement(dialect: str) -> Statement:
    """The body of the version before each of these changes."""
    now: Any = sa.orm.aliased(Change, name="now")
    was: Any = sa.orm.aliased(Change, name="was")
    same = sa.and_(was.event == now.event, was.version == now.version - 1)
    joined = sa.inspect(now).selectable.join(sa.inspect(was).selectable, same)
    return Statement(sa.select(now.seq, was.body).select_from(joined).where(any_of(now.seq, "seqs", dialect)))


def packed_statement(dialect: str) -> Statement:
    """The packed states of changes by their sequences."""
    columns = (col(Change.seq), col(Change.event), col(Change.before), col(Change.after))
    return Statement(sa.select(*columns).where(any_of(col(Change.seq), "seqs", dialect)).order_by(col(Change.seq)))


PACKED_AMONG = {dialect: packed_statement(dialect) for dialect in ("sqlite", "postgresql")}
PICKED = {dialect: picked_statement(dialect, ENTRY_COLUMNS) for dialect in ("sqlite", "postgresql")}
PICKED_ITEMS = {dialect: picked_statement(dialect, ITEM_COLUMNS) for dialect in ("sqlite", "postgresql")}
ENTRIES_BETWEEN, ITEMS_BETWEEN = between_statement(ENTRY_COLUMNS), between_statement(ITEM_COLUMNS)
BODIES_BEFORE = {dialect: bodies_before_statement(dialect) for dialect in ("sqlite", "postgresql")}


def feed_item(entry: ChangeRecord, source: str) -> bytes:
    """The change as a CloudEvents 1.0 JSON event: feed item, SSE data and push body are these bytes."""
    return item_form(entry.kind, entry.operation, source) % item_values(entry)


@lru_cache(256)
def item_form(kind: str, operation: str, source: str) -> bytes:
    """What the feed items of one sort have in common: a format for `item_values`; `source` is a JSON string."""
    return (
        f'{{"specversion":"1.0","id":"{CURSOR_FORM}","source":{source.replace("%", "%%")},"type":"{kind}.{operation}",'
        f'"subject":"%b","time":"%b","sequence":"%012d","version":%d,"datacontenttype":"application/json",'
        f'"dataschema":"urn:sitrep:kind:{kind}","data":%b}}'
    ).encode()


def item_values(entry: ChangeRecord) -> tuple[int | bytes, ...]:
    """What one feed item has for itself."""
    return (
        entry.epoch,
        entry.seq,
        as_written(entry.id).encode(),
        format_micros(entry.time).encode(),
        entry.seq,
        entry.version,
        escape_line_separators(entry.body),
    )


class ChangeLog:
    """Reads the log and turns what callers call a position into a sequence.

    A replica that has not come up to `newest`, an epoch and a sequence, is passed over.
    """

    def __init__(self, db: Database, source: str | None = None, *, ticks: Callable[[], float] = time.monotonic) -> None:
        """Read from this database; `source` names this instance in feed items, `ticks` runs evenly (seconds)."""
        self.db = db
        self._source = None if source is None else orjson.dumps(source).decode()
        self.newest = (0, 0)
        self._ticks = ticks
        self._seen: tuple[Head, float] | None = None

    async def source(self) -> str:
        """The CloudEvents source as a JSON string, `urn:sitrep:<instance>` unless configured."""
        if self._source is None:
            [(instance,)] = await self.db.rows(INSTANCE)
            self._source = f'"urn:sitrep:{instance}"'
        return self._source

    async def head(self, *, primary: bool = False) -> Head:
        """Where the log ends now; never before a commit of this process, or where a replica had it end earlier.

        What the calling task reads after that is not older.
        """
        self.db.read_from_primary(primary)
        known, since = self.newest, self._ticks()
        head = Head(*(await self.db.rows(HEAD, primary=primary))[0])
        if not primary and head[:2] < self.newest:  # a replica that lags, or a backup that was restored
            self.db.read_from_primary(True)
            known = self.newest
            head = Head(*(await self.db.rows(HEAD, primary=True))[0])
        if head[:2] > self.newest or known == self.newest:  # a commit meanwhile is not forgotten
            self.newest = head[:2]
        self._seen = head, since
        return head

    async def recent_head(self) -> Head:
        """Where the log ended at most `STALE_S` seconds ago; never before a commit of this process.

        It is no ground to refuse a position. Where there is a replica the log is asked, as by `head`.
        """
        if self._seen is not None and not self._has_replica:
            head, since = self._seen
            if head[:2] >= self.newest and self._ticks() - since < STALE_S:
                return head
        return await self.head()

    @property
    def _has_replica(self) -> bool:
        return bool(getattr(self.db, "read_url", None))

    async def read_no_older(self) -> None:
        """Let the calling task read nothing older than the head, from a replica too; without one it costs nothing."""
        if self._has_replica:
            await self.head()

    async def replica_lag(self) -> int | None:
        """How many changes the replica has yet to take over; None where there is none that answers."""
        rows = await self.db.replica_rows(HEAD)
        return max((await self.head(primary=True)).seq - int(rows[0][1]), 0) if rows else None

    async def between(self, after: int, upto: int) -> list[ChangeRecord]:
        """The changes after one sequence up to and including another."""
        return await self._between(ENTRIES_BETWEEN, after, upto)

    async def items_between(self, after: int, upto: int) -> list[ChangeRecord]:
        """The same changes, with no more than feed items are written from."""
        return await self._between(ITEMS_BETWEEN, after, upto)

    async def _between(self, statement: Statement, after: int, upto: int) -> list[ChangeRecord]:
        offload = upto - after > AT_ONCE
        return [
            ChangeRecord(*row) for row in await self.db.rows(statement, {"after": after, "upto": upto}, offload=offload)
        ]

    async def touched(self, after: int, upto: int) -> list[tuple[int, bool]]:
        """The row keys of the events that changed after one sequence up to another, and whether each was erased."""
        rows = await self.db.rows(TOUCHED, {"after": after, "upto": upto})
        return [(event, body is not None and ERASED in body) for event, body in rows]

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
        found = await self.db.rows(CHECKPOINT, {"seq": seq})
        if not found or found[0][0] != epoch:
            raise self.gone(CursorEpoch, "That cursor is not part of this feed's history.", head)
        return seq

    async def before(self, instant: datetime, head: Head, *, inclusive: bool) -> int:
        """The last change before an instant, or at it too; times never go back, so halving finds it."""
        low, high = 0, head.seq
        while low < high:
            middle = (low + high + 1) // 2
            [(_, time, _, _)] = await self.db.rows(CHECKPOINT, {"seq": middle}, primary=True)
            low, high = (middle, high) if time < instant or (inclusive and time == instant) else (low, middle - 1)
        return low

    async def checkpoint(self, seq: int) -> tuple[int, str]:
        """The number of live events and the digest over them at a sequence."""
        found = await self.db.rows(CHECKPOINT, {"seq": seq}, primary=True)
        return (found[0][2], found[0][3].hex()) if found else (0, "0" * 64)

    async def _inside(self, seq: int, head: Head) -> int:
        if seq < head.oldest:
            raise self.gone(CursorExpired, "The feed no longer reaches back to that cursor; read the list again.", head)
        await self._ahead(seq, head)
        return seq

    async def _ahead(self, seq: int, head: Head) -> None:
        if seq > head.seq and seq > (await self.head(primary=True)).seq:  # what follows is read from the primary
            raise CursorAhead("That cursor is ahead of the feed: it was not given out by it.")

    def gone(self, problem: type[CursorEpoch | CursorExpired], detail: str, head: Head) -> CursorEpoch | CursorExpired:
        """A 410 that says where to begin again."""
        return problem(detail, oldest=format_cursor(head.epoch, head.oldest), bootstrap="/v1/events")


ChangeLogDep = Annotated[ChangeLog, Depends(FromServices("log"))]
