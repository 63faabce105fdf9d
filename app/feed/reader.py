"""Reads pages of the feed from where a reader begins, filtered, and waits at the end for as long as it wishes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from app.changes import AT_ONCE, ChangeLog, ChangeRecord, Head
from app.changes.facet_index import KEPT, read_blocks
from app.changes.log import BODIES_BEFORE, PACKED, PACKED_AMONG, PICKED, PICKED_ITEMS
from app.db import Statement
from app.errors import CursorAhead, CursorEpoch, CursorExpired, CursorMalformed
from app.events.read.as_of import DATED, read_instant
from app.events.read.filter import ChangeFilter
from app.feed.matcher import Matcher, MatchHint
from app.feed.notifier import MIN_INTERVAL_S, Notifier
from app.feed.recent_changes import EncodedChange, RecentChanges, bare, encode_change
from app.kit.offload import run_in_thread, run_in_turns

# What a position may be refused with.
CURSOR_PROBLEMS = (CursorMalformed, CursorAhead, CursorEpoch, CursorExpired)
# One call looks at no more changes than this.
MAX_SCANNED = 10_000
# So much is read and tested without letting other requests run; less where bodies must be parsed.
STRETCH = 1_000
MIN_STRETCH = 200
# So many bytes of bodies are tested at once; more on another thread, so many bodies at a time.
SHORT_BYTES = 256 * 1024
MIN_OFFLOADED = 20

Row = TypeVar("Row")
Write = Callable[[ChangeRecord, int, str], EncodedChange]


class ChangePage(NamedTuple):
    """Changes as bytes, the sequence up to which the log was read, and whether there is more behind it."""

    pieces: Sequence[EncodedChange]
    next: int
    more: bool


class PageReader:
    """Reads pages of the log for one filter, the newest changes from memory where they are there."""

    def __init__(self, log: ChangeLog, matcher: Matcher, recent: RecentChanges, write: Write = encode_change) -> None:
        """Read this log for this matcher; `write` makes pieces of what memory does not hold."""
        self.log = log
        self.matcher = matcher
        self.recent = recent
        self._write = write

    async def page(self, after: int, limit: int, head: Head, most: int = MAX_SCANNED) -> ChangePage:
        """The matching changes after a sequence, at most `limit`, having gone no further than `most` changes.

        Where no index of the log serves the filter, it goes no further than `MAX_SCANNED`.

        An unfiltered page ends at the next multiple of `limit`, so that readers share pages.
        """
        if head.seq <= after:
            return ChangePage([], after, more=False)
        if self.matcher.everything:
            return await self._unfiltered(after, min((after // limit + 1) * limit, head.seq), head)
        await self._learn(head.epoch, head.seq, head)
        if self.matcher.cannot_match:
            return ChangePage([], head.seq, more=False)
        return await self._filtered(after, limit, head, min(after + most, head.seq))

    async def _learn(self, epoch: int, seq: int, head: Head | None = None) -> None:
        """Know all index ids up to a position; CursorEpoch (410) when the database was restored to one before it."""
        if not await self.matcher.learn(self.log.db, epoch, seq):
            head = head or await self.log.head()
            raise self.log.gone(CursorEpoch, "The feed was restored since that cursor; read the list again.", head)

    async def _unfiltered(self, after: int, upto: int, head: Head) -> ChangePage:
        held = self._held(after, upto, head)
        if held is not None:
            return ChangePage(held, upto, upto < head.seq)
        entries = self._unbroken(await self.log.items_between(after, upto), after, head, lambda entry: entry.seq)
        end = after + len(entries)
        return ChangePage(await self._encoded(entries, head), end, end == upto < head.seq)

    async def _filtered(self, after: int, limit: int, head: Head, upto: int) -> ChangePage:
        slots, begin, blocks = self.matcher.slots, after, KEPT
        if slots:
            await self.recent.by_value.reach(self.log.db, head)
        found: list[EncodedChange] = []
        stretch = MIN_STRETCH if self.matcher.settles else min(max(2 * limit, MIN_STRETCH), STRETCH)
        while after < upto:
            meant = await self._meant(after, upto, head, blocks) if slots else None
            if meant is not None:
                seqs, end = meant
                some, reached = await self._picked(seqs, end, limit - len(found), head)
                blocks *= 4
            elif after - begin >= MAX_SCANNED:
                return ChangePage(found, after, more=True)
            else:
                end = min(after + stretch, upto)
                some, reached = await self._stretch(after, end, limit - len(found), head)
                stretch = MIN_STRETCH if self.matcher.settles else STRETCH
            found += some
            if len(found) == limit:
                last = found[-1].entry.seq
                return ChangePage(found, last, last < head.seq)
            if reached < end:
                return ChangePage(found, reached, more=False)
            after = end
            if after < upto:
                await asyncio.sleep(0)
        return ChangePage(found, upto, upto < head.seq)

    async def _meant(self, after: int, upto: int, head: Head, blocks: int) -> tuple[Iterator[int], int] | None:
        """The changes that the index of the log finds after a sequence, and up to where; None where it has none."""
        newest, slots = self.recent.by_value, self.matcher.slots
        if newest.covers(after, head):
            end = min(upto, newest.end)
            return newest.find(slots, after, end), end
        if after < head.indexed:
            found, end = await read_blocks(self.log.db, slots, after, upto, blocks)
            return (found, end) if end > after else None
        return None

    async def _picked(
        self, seqs: Iterator[int], end: int, most: int, head: Head
    ) -> tuple[Sequence[EncodedChange], int]:
        """The first `most` of these changes that match, and how far a replica has them, else `end`."""
        found: list[EncodedChange] = []
        while len(found) < most:
            some = list(islice(seqs, STRETCH if self.matcher.narrows else most - len(found)))
            if not some:
                break
            held = self.recent.among(some) if self.recent.reaches(head) else None
            if held is not None:
                found += await self._kept(held, most - len(found))
                continue
            if self.matcher.narrows:
                rows = await self._read(PACKED_AMONG, some)
                entries = await self._matching(self._weighed(rows), most - len(found))
            elif self.matcher.slots_suffice:
                rows = await self._read(PICKED_ITEMS, some)
                entries = [ChangeRecord(*row) for row in rows]
            else:
                rows = await self._read(PICKED, some)
                entries = [ChangeRecord._make(row) for row in rows]
                weighed = self._weighed((e.seq, e.event, e.before, e.after) for e in entries)
                entries = await self._settled([e for e in entries if e.seq in weighed], weighed)
            found += await self._encoded(entries, head)
            if len(rows) < len(some):
                missing = min(set(some) - {row[0] for row in rows})
                return [encoded for encoded in found if encoded.entry.seq < missing], missing - 1
        return found, end

    async def _stretch(self, after: int, end: int, most: int, head: Head) -> tuple[Sequence[EncodedChange], int]:
        """The first `most` matches between two sequences, and how far the rows reach without a gap."""
        held = self._held(after, end, head)
        if held is not None:
            return await self._kept(held, most), end
        found = await self.log.db.rows(PACKED, {"after": after, "upto": end})
        rows = self._unbroken(found, after, head, lambda row: int(row[0]))
        entries = await self._matching(self._weighed(rows), most)
        return await self._encoded(entries, head), after + len(rows)

    async def _kept(self, pieces: Sequence[EncodedChange], most: int) -> Sequence[EncodedChange]:
        """The first `most` of these changes, which are in memory, that match."""
        weighed = self._weighed((entry.seq, entry.event, entry.before, entry.after) for entry, *_ in pieces)
        entries = await self._settled([piece.entry for piece in pieces if piece.entry.seq in weighed], weighed)
        kept = {entry.seq for entry in entries}
        return [encoded for encoded in pieces if encoded.entry.seq in kept][:most]

    def _held(self, after: int, upto: int, head: Head) -> Sequence[EncodedChange] | None:
        """The changes from memory, if it knows all that happened up to the head."""
        return self.recent.between(after, upto) if self.recent.reaches(head) else None

    async def _encoded(self, entries: Sequence[ChangeRecord], head: Head) -> Sequence[EncodedChange]:
        source = await self.log.source()
        return await run_in_turns(
            lambda entry: self._write(entry, head.epoch, source), entries, lambda entry: len(entry.body)
        )

    def _weighed(self, rows: Iterable[Any]) -> dict[int, MatchHint]:
        match_hint = self.matcher.match_hint
        found = ((seq, match_hint(event, before, after)) for seq, event, before, after in rows)
        return {seq: hint for seq, hint in found if hint is not None}

    async def _matching(self, weighed: dict[int, MatchHint], most: int) -> list[ChangeRecord]:
        """The first `most` of these changes that really match, in order."""
        found: list[ChangeRecord] = []
        seqs = list(weighed)
        while seqs and len(found) < most:
            some, seqs = seqs[: most - len(found)], seqs[most - len(found) :]
            entries = [ChangeRecord(*row) for row in await self._read(PICKED_ITEMS, some)]
            found += await self._settled(entries, weighed)
        return found

    async def _settled(self, entries: Sequence[ChangeRecord], weighed: dict[int, MatchHint]) -> list[ChangeRecord]:
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
        for start in range(0, len(bodies), MIN_OFFLOADED):
            good |= await run_in_thread(self._settle, bodies[start : start + MIN_OFFLOADED])
        return good

    def _settle(self, bodies: Iterable[tuple[int, bytes]]) -> set[int]:
        return {seq for seq, body in bodies if self.matcher.settle(body)}

    async def _read(self, statements: dict[str, Statement], seqs: Sequence[int]) -> list[Any]:
        db = self.log.db
        return await db.rows(statements[db.dialect], {"seqs": db.as_list(seqs)}, offload=len(seqs) > AT_ONCE)

    def _unbroken(self, rows: Sequence[Row], after: int, head: Head, seq: Callable[[Row], int]) -> Sequence[Row]:
        """The rows up to the first gap, so that a lagging replica only ends a page early; 410 if they begin late."""
        if rows and seq(rows[0]) != after + 1:
            raise self.log.gone(CursorExpired, "The feed no longer reaches back to that cursor.", head)
        if not rows or seq(rows[-1]) == after + len(rows):
            return rows
        return [row for place, row in enumerate(rows, after + 1) if seq(row) == place]


async def read_start_position(log: ChangeLog, head: Head, named: str, timezone: str, parameter: str = "after") -> int:
    """The sequence after which a reader goes on; 410 when the feed no longer reaches back to it.

    A time stands for the last change before it. `parameter` is the name that a refused time is reported under.
    """
    if named == "oldest":
        return head.oldest
    if named == "now":
        return head.seq
    if not DATED.match(named):
        return await log.position(named, head)
    found = await log.before(read_instant(named, timezone, parameter), head, inclusive=False)
    if found < head.oldest:
        raise log.gone(CursorExpired, "The feed no longer reaches back to that time; read the list again.", head)
    return found


async def find_page(
    log: ChangeLog, notifier: Notifier, wanted: ChangeFilter, after: str, *, limit: int, wait: float
) -> tuple[Head, ChangePage]:
    """Read the page after a position as callers name it, and wait for it at the end of the feed."""
    head, start = await log.recent_head(), None
    with suppress(CursorEpoch):  # the log may have been restored a moment ago
        start = await read_start_position(log, head, after, wanted.timezone)
    if start is None or start >= head.seq:  # whoever stands at the end asks for what is new
        head = await log.head()
        start = await read_start_position(log, head, after, wanted.timezone)
    notifier.notice(head)
    if start > head.seq:  # a replica that has not come so far
        head = await log.head(primary=True)
    return await wait_for_page(notifier, wanted, start, head, limit=limit, wait=wait)


async def wait_for_page(
    notifier: Notifier, wanted: ChangeFilter, start: int, head: Head, *, limit: int, wait: float
) -> tuple[Head, ChangePage]:
    """The page after `start`, and the head up to which the log was read; CursorEpoch (410) when that changes."""
    log, clock = notifier.log, asyncio.get_running_loop().time
    deadline = clock() + wait
    reader = PageReader(log, Matcher(wanted), notifier.recent, bare)
    epoch, page = head.epoch, await reader.page(start, limit, head)
    while not (page.pieces or page.more or notifier.draining) and (left := deadline - clock()) > 0:
        await notifier.wait(page.next, left, epoch)
        head = await log.head()
        notifier.notice(head)
        if head.epoch != epoch:
            raise log.gone(CursorEpoch, "The feed was restored since that cursor; read the list again.", head)
        if head.seq <= page.next:  # another server than the notifier asked, and it is behind
            await asyncio.sleep(MIN_INTERVAL_S)
        # What was passed over while waiting counts: the answer is the one that a fresh call would get.
        rest = start + MAX_SCANNED - page.next
        if rest <= 0:
            return head, page._replace(more=head.seq > page.next)
        page = await reader.page(page.next, limit, head, rest)
    return head, page
