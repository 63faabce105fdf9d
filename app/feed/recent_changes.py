"""The newest changes of the log in memory, each encoded once for every reader of this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from app.changes import ChangeRecord, Head, feed_item, format_cursor
from app.changes.facet_index import OpenBlocks
from app.changes.log import item_form, item_values
from app.changes.tables import CURSOR_FORM

DATA = b"\nevent: change\ndata: "
END = b"\n\n"
# What the changes that are kept may have in all; a body is held beside the block that it stands in.
MAX_BYTES = 32 * 1024 * 1024
# How many joined stretches are kept for readers who stand in the same place.
JOINED = 64


class EncodedChange(NamedTuple):
    """A change with its SSE block; the feed item lies within the block, from `start` to `end`."""

    entry: ChangeRecord
    frame: bytes
    start: int
    end: int

    @property
    def item(self) -> bytes:
        """The change as a CloudEvents JSON object."""
        return self.frame[self.start : self.end]


Join = Callable[[Sequence[EncodedChange]], bytes]


def encode_change(entry: ChangeRecord, epoch: int, source: str) -> EncodedChange:
    """Write a change as every reader gets it; `epoch` is the current one, which positions carry."""
    frame = frame_form(entry.kind, entry.operation, source) % (epoch, entry.seq, *item_values(entry))
    return EncodedChange(entry, frame, frame.index(b"{"), len(frame) - len(END))


@lru_cache(256)
def frame_form(kind: str, operation: str, source: str) -> bytes:
    """What the SSE blocks of one sort have in common: a format for the position and `item_values`."""
    return f"id: {CURSOR_FORM}".encode() + DATA + item_form(kind, operation, source) + END


def bare(entry: ChangeRecord, _epoch: int, source: str) -> EncodedChange:
    """A change for those who want the feed item alone."""
    item = feed_item(entry, source)
    return EncodedChange(entry, item, 0, len(item))


def erases(entry: ChangeRecord) -> bool:
    """Whether the change took the bodies of earlier versions away."""
    return entry.operation == "deleted" and b'"erased":true' in entry.body


class RecentChanges:
    """An unbroken run of the newest changes, at most `size` of them, and less where they are long."""

    def __init__(self, size: int, most_bytes: int = MAX_BYTES) -> None:
        """Hold nothing, at the beginning of the log."""
        self.size = size
        self.end = 0
        self.epoch = 0
        self.cleared = 0
        self.by_value = OpenBlocks()
        self._pieces: deque[EncodedChange] = deque()
        self._bytes = 0
        self._most_bytes = most_bytes
        self._joined: dict[tuple[Join, int, int], bytes] = {}

    def clear(self, end: int, epoch: int) -> None:
        """Forget all; the next change to come is the one after `end`, in this epoch."""
        self.epoch = epoch
        self.cleared += 1
        self._pieces.clear()
        self._bytes = 0
        self._joined.clear()
        self.end = end

    def reaches(self, head: Head) -> bool:
        """Ends where the log ends; changes that do not may hold what was erased or restored away since."""
        return (self.epoch, self.end) == (head.epoch, head.seq)

    def add(self, pieces: Iterable[EncodedChange]) -> None:
        """Put the changes that follow the last one."""
        self._joined.clear()
        for encoded in pieces:
            self._pieces.append(encoded)
            self._bytes += len(encoded.frame)
            self.end = encoded.entry.seq
        while len(self._pieces) > self.size or self._bytes > self._most_bytes:
            self._bytes -= len(self._pieces.popleft().frame)

    def between(self, after: int, upto: int) -> Sequence[EncodedChange] | None:
        """The changes after one sequence up to and including another; None when not all of them are here."""
        begin = self.end - len(self._pieces)
        if not begin <= after <= upto <= self.end:
            return None
        return list(islice(self._pieces, after - begin, upto - begin))

    def among(self, seqs: Sequence[int]) -> Sequence[EncodedChange] | None:
        """Single changes, in order; None when not all of them are here."""
        begin = self.end - len(self._pieces)
        if not seqs or seqs[0] <= begin or seqs[-1] > self.end:
            return None
        return [self._pieces[seq - begin - 1] for seq in seqs]

    def joined(self, join: Join, after: int, upto: int) -> bytes | None:
        """Those changes as a stream has them, joined once for all readers who are there."""
        found = self._joined.get((join, after, upto))
        if found is None:
            pieces = self.between(after, upto)
            if pieces is None:
                return None
            found = join(pieces)
            if len(self._joined) < JOINED:
                self._joined[join, after, upto] = found
        return found


def join_frames(pieces: Sequence[EncodedChange]) -> bytes:
    """Write changes as SSE blocks."""
    return b"".join([encoded.frame for encoded in pieces])


def position(epoch: int, seq: int) -> bytes:
    """An SSE block without an event: heartbeat and checkpoint."""
    return b"id: " + format_cursor(epoch, seq).encode() + END
