"""What is kept, for how long it holds, and where the log ends as far as this process knows."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from app.changes import STALE_S, ChangeLog, Head
from app.compression import known_tag
from app.errors import Problem
from app.http import if_none_match
from app.settings import Settings

MAX_BYTES = 64 * 1024 * 1024
OVERHEAD = 2_000  # about what the objects of an entry take beside their text, in bytes
MAX_READ = 2_000  # a log that moved by more changes than this between two looks empties the cache
MAX_TOUCHED = 20_000
OF_CONTENT = frozenset({"content-length", "content-type", "content-encoding"})
TERMS_SCOPE_KEY = "sitrep.kept"

# What an answer depends on beside the events: the address, and what of the header fields makes it another one.
CacheKey = tuple[object, ...]


class Terms(NamedTuple):
    """How long an answer holds: while the log stands still, unless it is of one event or a final page of the feed."""

    until: float = inf
    event: int | None = None
    after: int | None = None


class Question(NamedTuple):
    """A request as the cache reads it; `sent` is its Authorization, `known` its If-None-Match."""

    place: CacheKey
    sent: bytes | None
    known: str | None
    gzip: bool
    token: str | None

    @property
    def known_place(self) -> CacheKey:
        """Where a 304 is kept, until the whole answer is."""
        return (*self.place, self.known)


class Flight(NamedTuple):
    """What is being made, and the position that it will be no older than."""

    place: CacheKey
    era: int
    seq: int


@dataclass(slots=True)
class KeptResponse:
    """An answer as it was sent, with the position of the log that it is no older than."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    etag: str | None
    cache_control: str
    route: str
    terms: Terms
    seq: int

    @property
    def size(self) -> int:
        """How many bytes the answer takes."""
        return sum(len(name) + len(value) for name, value in self.headers) + len(self.body) + OVERHEAD

    def answer(self, asked: Question) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Status, header fields and body; 304 to a reader whose `If-None-Match` has it."""
        if asked.known is None or self.etag is None or self.status != 200:
            return self.status, self.headers, self.body
        tag = self.etag if asked.known == self.etag else known_tag(asked.known, self.etag, gzip=asked.gzip)
        if tag is None:
            return self.status, self.headers, self.body
        headers = [field for field in self.headers if field[0].decode() not in OF_CONTENT]
        return 304, [(name, tag.encode("latin-1") if name == b"etag" else value) for name, value in headers], b""


class ResponseCache:
    """What one process answered, at most `most` bytes; the unused go first.

    Commits of this process come in by `wake`, and hold for every request that begins later. Those of others are found
    by asking where the log ends, at most every `stale_s` seconds.
    """

    def __init__(
        self,
        log: ChangeLog,
        most: int = MAX_BYTES,
        *,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
        stale_s: float = STALE_S,
        then: Callable[[], None] = lambda: None,
    ) -> None:
        """`clock` tells the time of day, `ticks` runs evenly (seconds); `then` is told of commits too."""
        self.log = log
        self.head: Head | None = None
        self.era = 0
        self.flights: dict[Flight, asyncio.Future[KeptResponse | None]] = {}
        self._most = most
        self._clock = clock
        self._ticks = ticks
        self._stale_s = stale_s
        self._then = then
        self._commits = 0
        self._known = (-1, -inf)
        self._looking: asyncio.Task[None] | None = None
        self._size = 0
        self._kept: OrderedDict[CacheKey, KeptResponse] = OrderedDict()
        self._touched: dict[int, int] = {}
        self._horizon = 0

    def wake(self, head: Head) -> None:
        """A commit of this process moved the log up to there; what it erased leaves memory now."""
        self.log.newest = max(self.log.newest, head[:2])
        self._commits += 1
        if self._kept and self._looking is None:
            self._look()
        self._then()

    def is_fresh(self) -> bool:
        """Whether the position is known as well as a request that comes now may expect."""
        commits, at = self._known
        return commits == self._commits and self._ticks() - at < self._stale_s

    async def refresh(self) -> None:
        """Know where the log ends at the time of the call or later; those who ask at once share one look."""
        wanted, since = self._commits, self._ticks() - self._stale_s
        while self._known[0] < wanted or self._known[1] <= since:
            await asyncio.shield(self._looking or self._look())

    async def read_no_older(self) -> bool:
        """Let the calling task read nothing older than the head, from a replica too; tells whether it will."""
        try:
            await self.log.read_no_older()
        except Problem:
            return False
        return True

    def find(self, place: CacheKey) -> KeptResponse | None:
        """The answer that is kept, if it still holds."""
        kept = self._kept.get(place)
        if kept is None:
            return None
        if not self._holds(kept):
            self._drop(place)
            return None
        self._kept.move_to_end(place)
        return kept

    def keep(self, place: CacheKey, kept: KeptResponse) -> None:
        """Keep the newest answer; one that would push out most others is not kept."""
        self._drop(place)
        size = size_of(place, kept)
        if size > self._most // 4:
            return
        self._kept[place] = kept
        self._size += size
        while self._size > self._most:
            self._drop(next(iter(self._kept)))

    def _look(self) -> asyncio.Task[None]:
        self._looking = asyncio.create_task(self._read(), name="look where the log ends")
        self._looking.add_done_callback(self._looked)
        return self._looking

    def _looked(self, task: asyncio.Task[None]) -> None:
        """Look again for a commit that came meanwhile; whoever waits is told of a failure."""
        if not task.cancelled() and task.exception() is None and self._kept and self._known[0] < self._commits:
            self._looking = self._looking or self._look()

    async def _read(self) -> None:
        """Read where the log ends, and which events changed on the way there."""
        known, old = (self._commits, self._ticks()), self.head
        try:
            head = await self.log.head()
            if head != old:
                await self._move(old, head)
            self.head, self._known = head, known
        finally:
            self._looking = None

    async def _move(self, old: Head | None, head: Head) -> None:
        """Learn what changed; where that cannot be told, or the log begins elsewhere, nothing holds any more."""
        if (
            old is None
            or head.epoch != old.epoch
            or head.oldest != old.oldest
            or not old.seq < head.seq <= old.seq + MAX_READ
        ):
            self._clear()
            return
        touched = await self.log.touched(old.seq, head.seq)
        if len(touched) < head.seq - old.seq:  # read from a replica that had not come so far
            self._clear()
            return
        for event, is_erased in touched:
            self._touched[event] = head.seq
            if is_erased:
                self._clear()
        if len(self._touched) > MAX_TOUCHED:
            self._touched.clear()
            self._horizon = head.seq

    def _clear(self) -> None:
        """Forget all, and what is being made now."""
        self.era += 1
        self._kept.clear()
        self._size = 0
        self._touched.clear()  # after a restore the log may end before what is noted here
        self._horizon = 0

    def _holds(self, kept: KeptResponse) -> bool:
        terms, head = kept.terms, self.head
        if head is None:
            return False
        if terms.event is not None:
            return kept.seq >= self._touched.get(terms.event, self._horizon)
        if terms.after is not None:
            return terms.after >= head.oldest
        return kept.seq == head.seq and terms.until > self._clock()

    def _drop(self, place: CacheKey) -> None:
        kept = self._kept.pop(place, None)
        if kept is not None:
            self._size -= size_of(place, kept)


def keep(request: Request, response: Response, terms: Terms = Terms()) -> Response:  # noqa: B008 (immutable)
    """Let the answer be kept, as it leaves; it is 304 to a reader whose `If-None-Match` has it."""
    request.scope[TERMS_SCOPE_KEY] = terms
    etag = response.headers.get("etag")
    if etag is None or not if_none_match(request.headers.get("if-none-match"), etag):
        return response
    headers = {name: value for name, value in response.headers.items() if name not in OF_CONTENT}
    return Response(status_code=304, headers=headers)


def cache_control(settings: Settings, how_long: str) -> dict[str, str]:
    """Tell caches to keep a response: any cache where anyone may read, else only the reader's own."""
    return {"cache-control": f"{'public' if settings.anonymous_read else 'private'}, {how_long}"}


def size_of(place: CacheKey, kept: KeptResponse) -> int:
    """How many bytes an entry takes with its key."""
    return sum(map(sys.getsizeof, place)) + kept.size
