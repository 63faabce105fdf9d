"""A page of the feed: read a bounded stretch of the log, keep what matches, never pass over a change in silence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlmodel import col

from app.changes import AT_ONCE, ENTRY_COLUMNS, Change, Entry
from app.db import Statement, any_of
from app.errors import CursorEpoch, CursorExpired
from app.feed.recent_changes import Piece, encode
from app.kit.offload import aside, in_turns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from app.changes import ChangeLog, Head
    from app.feed.matcher import Matcher, Verdict
    from app.feed.recent_changes import Ring

# One call looks at no more changes than this.
MOST_SCANNED = 10_000
# So much is read and tested without letting other requests run; less where bodies must be parsed.
STRETCH = 1_000
SHORTEST = 200
# So many bytes of bodies are tested at once; more on another thread, so many bodies at a time.
SHORT_BYTES = 256 * 1024
ASIDE = 20

Row = TypeVar("Row")
Write = Callable[[Entry, int, str], Piece]

PACKED = Statement(
    sa.select(col(Change.seq), col(Change.event), col(Change.before), col(Change.after))
    .where(col(Change.seq) > sa.bindparam("after"), col(Change.seq) <= sa.bindparam("upto"))
    .order_by(col(Change.seq))
)


class Page(NamedTuple):
    """Changes as bytes, the sequence up to which the log was read, and whether there is more behind it."""

    pieces: Sequence[Piece]
    next: int
    more: bool


def picked(dialect: str) -> Statement:
    """Changes by their sequences."""
    return Statement(
        sa.select(*ENTRY_COLUMNS).where(any_of(col(Change.seq), "seqs", dialect)).order_by(col(Change.seq))
    )


def bodies_before(dialect: str) -> Statement:
    """The body of the version before each of these changes."""
    now: Any = sa.orm.aliased(Change, name="now")
    was: Any = sa.orm.aliased(Change, name="was")
    same = sa.and_(was.event == now.event, was.version == now.version - 1)
    joined = sa.inspect(now).selectable.join(sa.inspect(was).selectable, same)
    return Statement(sa.select(now.seq, was.body).select_from(joined).where(any_of(now.seq, "seqs", dialect)))


PICKED = {dialect: picked(dialect) for dialect in ("sqlite", "postgresql")}
BODIES_BEFORE = {dialect: bodies_before(dialect) for dialect in ("sqlite", "postgresql")}


class Scanner:
    """Reads pages of the log for one filter, the newest changes from memory where they are there."""

    def __init__(self, log: ChangeLog, matcher: Matcher, ring: Ring, write: Write = encode) -> None:
        """Read this log for this matcher; `write` makes pieces of what memory does not hold."""
        self.log = log
        self.matcher = matcher
        self.ring = ring
        self._write = write

    async def page(self, after: int, limit: int, head: Head, most: int = MOST_SCANNED) -> Page:
        """The matching changes after a sequence, at most `limit`, having looked at no more than `most`.

        An unfiltered page ends at the next multiple of `limit`, so that readers share pages.
        """
        if head.seq <= after:
            return Page([], after, more=False)
        if self.matcher.everything:
            return await self._unfiltered(after, min((after // limit + 1) * limit, head.seq), head)
        await self._learn(head.epoch, head.seq, head)
        if self.matcher.hopeless:
            return Page([], head.seq, more=False)
        return await self._filtered(after, limit, head, min(after + most, head.seq))

    async def among(self, pieces: Sequence[Piece], most: int) -> Sequence[Piece]:
        """The first `most` of these changes, which are in memory, that match."""
        if not pieces:
            return []
        await self._learn(self.ring.epoch, pieces[-1].entry.seq)
        weighed = self._weighed((entry.seq, entry.event, entry.before, entry.after) for entry, *_ in pieces)
        if not weighed:
            return []
        kept = {
            entry.seq for entry in await self._settled([p.entry for p in pieces if p.entry.seq in weighed], weighed)
        }
        return [piece for piece in pieces if piece.entry.seq in kept][:most]

    async def _learn(self, epoch: int, seq: int, head: Head | None = None) -> None:
        """Know all index ids up to a position; CursorEpoch (410) when the database was restored to one before it."""
        if not await self.matcher.learn(self.log.db, epoch, seq):
            head = head or await self.log.head()
            raise self.log.gone(CursorEpoch, "The feed was restored since that cursor; read the list again.", head)

    async def _unfiltered(self, after: int, upto: int, head: Head) -> Page:
        held = self._held(after, upto, head)
        if held is not None:
            return Page(held, upto, upto < head.seq)
        entries = self._unbroken(await self.log.between(after, upto), after, head, lambda entry: entry.seq)
        end = after + len(entries)
        return Page(await self._encoded(entries, head), end, end == upto < head.seq)

    async def _filtered(self, after: int, limit: int, head: Head, upto: int) -> Page:
        found: list[Piece] = []
        stretch = SHORTEST if self.matcher.settles else min(max(2 * limit, SHORTEST), STRETCH)
        while after < upto:
            end = min(after + stretch, upto)
            some, reached = await self._stretch(after, end, limit - len(found), head)
            found += some
            if len(found) == limit:
                last = found[-1].entry.seq
                return Page(found, last, last < head.seq)
            if reached < end:
                return Page(found, reached, more=False)
            after, stretch = end, SHORTEST if self.matcher.settles else STRETCH
            await asyncio.sleep(0)
        return Page(found, upto, upto < head.seq)

    async def _stretch(self, after: int, end: int, most: int, head: Head) -> tuple[Sequence[Piece], int]:
        """The first `most` matches between two sequences, and how far the rows reach without a gap."""
        held = self._held(after, end, head)
        if held is not None:
            return await self.among(held, most), end
        found = await self.log.db.rows(PACKED, {"after": after, "upto": end})
        rows = self._unbroken(found, after, head, lambda row: int(row[0]))
        entries = await self._matching(self._weighed(rows), most)
        return await self._encoded(entries, head), after + len(rows)

    def _held(self, after: int, upto: int, head: Head) -> Sequence[Piece] | None:
        """The changes from memory, if it knows all that happened up to the head."""
        return self.ring.between(after, upto) if self.ring.reaches(head) else None

    async def _encoded(self, entries: Sequence[Entry], head: Head) -> Sequence[Piece]:
        source = await self.log.source()
        return await in_turns(
            lambda entry: self._write(entry, head.epoch, source), entries, lambda entry: len(entry.body)
        )

    def _weighed(self, rows: Iterable[Any]) -> dict[int, Verdict]:
        weigh = self.matcher.weigh
        found = ((seq, weigh(event, before, after)) for seq, event, before, after in rows)
        return {seq: verdict for seq, verdict in found if verdict is not None}

    async def _matching(self, weighed: dict[int, Verdict], most: int) -> list[Entry]:
        """The first `most` of these changes that really match, in order."""
        found: list[Entry] = []
        seqs = list(weighed)
        while seqs and len(found) < most:
            some, seqs = seqs[: most - len(found)], seqs[most - len(found) :]
            entries = [Entry._make(row) for row in await self._read(PICKED, some)]
            found += await self._settled(entries, weighed)
        return found

    async def _settled(self, entries: Sequence[Entry], weighed: dict[int, Verdict]) -> list[Entry]:
        """Those whose state after, or else before, passes what ids could not tell."""
        asked = [entry for entry in entries if self.matcher.is_asked(entry)]
        if not self.matcher.settles:
            return asked
        good = await self._passing([(entry.seq, entry.body) for entry in asked if weighed[entry.seq].after])
        open_ = [entry.seq for entry in asked if entry.seq not in good and weighed[entry.seq].before]
        good |= await self._passing(await self._read(BODIES_BEFORE, open_) if open_ else [])
        return [entry for entry in asked if entry.seq in good]

    async def _passing(self, bodies: Sequence[tuple[int, bytes]]) -> set[int]:
        """The sequences of the bodies that pass; many bytes are read on another thread, a slice at a time."""
        if sum(len(body) for _, body in bodies) <= SHORT_BYTES:
            return self._settle(bodies)
        good: set[int] = set()
        for start in range(0, len(bodies), ASIDE):
            good |= await aside(self._settle, bodies[start : start + ASIDE])
        return good

    def _settle(self, bodies: Iterable[tuple[int, bytes]]) -> set[int]:
        return {seq for seq, body in bodies if self.matcher.settle(body)}

    async def _read(self, statements: dict[str, Statement], seqs: Sequence[int]) -> list[Any]:
        db = self.log.db
        return await db.rows(statements[db.dialect], {"seqs": db.as_list(seqs)}, heavy=len(seqs) > AT_ONCE)

    def _unbroken(self, rows: Sequence[Row], after: int, head: Head, seq: Callable[[Row], int]) -> Sequence[Row]:
        """The rows up to the first gap, so that a lagging replica only ends a page early; 410 if they begin late."""
        if rows and seq(rows[0]) != after + 1:
            raise self.log.gone(CursorExpired, "The feed no longer reaches back to that cursor.", head)
        if not rows or seq(rows[-1]) == after + len(rows):
            return rows
        return [row for place, row in enumerate(rows, after + 1) if seq(row) == place]
