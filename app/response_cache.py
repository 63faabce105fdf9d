"""Answers that are kept while the log stands still: who asks the same again gets the same bytes, ahead of FastAPI."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from math import inf
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Request
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.auth import Authenticator
from app.auth.heavy_query_middleware import get_caller
from app.changes import ChangeLog, Head
from app.compression import StaticResponse
from app.db.heavy_queries import HeavyQueryLimiter, interruptible
from app.http import FromServices, base_url, if_none_match
from app.settings import Settings

MAX_BYTES = 64 * 1024 * 1024
OVERHEAD = 2_000  # about what the objects of an entry take beside their text, in bytes
OF_CONTENT = ("content-length", "content-type")

FIXED_FEEDS = "/v1/feeds/"
ADDRESSED = (".atom", ".geojson")

# What an answer depends on beside the events: path, query, and the base address where the answer has addresses in it.
CacheKey = tuple[str, bytes, str]
# Where the log stood: its epoch, its last sequence and its time, which a repair moves on.
Position = tuple[int, int, datetime | None]


class CachedResponse(NamedTuple):
    """An answer, and until when it holds (seconds since the epoch) as long as the log stands still."""

    until: float
    response: StaticResponse
    route: Any

    @property
    def size(self) -> int:
        """How many bytes the answer takes: header fields, body and the gzip form, if there is one."""
        response = self.response
        headers = sum(len(name) + len(value) for name, value in response.raw_headers)
        return headers + len(response.body) + response.compressed.size + OVERHEAD

    def told(self, known: str | None) -> Response:
        """The answer, or 304 to a reader whose `If-None-Match` has it."""
        etag = self.response.headers.get("etag")
        if etag is None or not if_none_match(known, etag):
            return self.response
        headers = {name: value for name, value in self.response.headers.items() if name not in OF_CONTENT}
        return Response(status_code=304, headers=headers)


class ResponseCache:
    """What one process answered since the last change, at most `most` bytes; the unused go first.

    Where the log ends is asked for each time, so an answer is never older than the database; when it has moved, all
    of them go. Those who ask the same while it is being made wait for one answer.
    """

    def __init__(
        self,
        log: ChangeLog,
        most: int = MAX_BYTES,
        clock: Callable[[], float] = time.time,
        questions: HeavyQueryLimiter | None = None,
    ) -> None:
        self._log = log
        self._questions = questions or HeavyQueryLimiter()
        self._most = most
        self._clock = clock
        self._position: Position = (0, 0, None)
        self._size = 0
        self._kept: OrderedDict[CacheKey, CachedResponse] = OrderedDict()
        self._making: dict[tuple[CacheKey, Position], asyncio.Task[CachedResponse]] = {}
        self._waiting: Counter[asyncio.Task[CachedResponse]] = Counter()

    async def standing(self, scope: Scope) -> CachedResponse | None:
        """The answer to this request, if one is kept that still holds."""
        place = cache_key(scope)
        if place not in self._kept:
            return None
        self._notice(await self._log.head())
        return self._find(place)

    async def respond(
        self, request: Request, make: Callable[[Head], Awaitable[Response]], until: float = inf
    ) -> Response:
        """Make the answer from what the database has at this position or later, and keep it."""
        place, head = cache_key(request.scope), await self._log.head()
        self._notice(head)
        kept = self._find(place) or await self._made(request, place, head, make, until)
        return kept.told(request.headers.get("if-none-match"))

    def _notice(self, head: Head) -> None:
        """Forget what was answered before the log moved."""
        if position(head) != self._position:
            self._position = position(head)
            self._kept.clear()
            self._size = 0

    def _find(self, place: CacheKey) -> CachedResponse | None:
        kept = self._kept.get(place)
        if kept is None or kept.until <= self._clock():
            return None
        self._kept.move_to_end(place)
        return kept

    async def _made(
        self, request: Request, place: CacheKey, head: Head, make: Callable[[Head], Awaitable[Response]], until: float
    ) -> CachedResponse:
        key = place, position(head)
        task = self._making.get(key)
        if task is None:

            async def work() -> CachedResponse:
                try:
                    async with self._questions.ask(lambda: get_caller(request.scope)):
                        kept = CachedResponse(until, StaticResponse(await make(head)), request.scope.get("route"))
                finally:
                    if self._making.get(key) is task:
                        del self._making[key]
                if self._position == key[1]:
                    self._keep(place, kept)
                return kept

            task = self._making[key] = asyncio.create_task(work(), name="answer to keep")
            task.add_done_callback(consume_exception)
        return await self._wait_for(task, key)

    async def _wait_for(self, task: asyncio.Task[CachedResponse], key: tuple[CacheKey, Position]) -> CachedResponse:
        """Wait for the answer; when the last one who waits has left, it is made no further."""
        self._waiting[task] += 1
        try:
            with interruptible(timed=False):
                return await asyncio.shield(task)
        finally:
            self._waiting[task] -= 1
            if not self._waiting[task]:
                del self._waiting[task]
                if not task.done():
                    task.cancel()
                    self._making.pop(key, None)

    def _keep(self, place: CacheKey, kept: CachedResponse) -> None:
        """Keep the newest answer to a question; one that would push out most others is not kept."""
        self._drop(place)
        size = size_of(place, kept)
        if size > self._most // 4:
            return
        self._kept[place] = kept
        self._grow(place, kept, size)
        kept.response.compressed.on_ready(partial(self._grow, place, kept))

    def _grow(self, place: CacheKey, kept: CachedResponse, size: int) -> None:
        """Count what an entry takes more, and let go of the unused beyond the bound."""
        if self._kept.get(place) is not kept:
            return
        self._size += size
        while self._size > self._most:
            self._drop(next(iter(self._kept)))

    def _drop(self, place: CacheKey) -> None:
        kept = self._kept.pop(place, None)
        if kept is not None:
            self._size -= size_of(place, kept)


ResponseCacheDep = Annotated[ResponseCache, Depends(FromServices("response_cache"))]


class ResponseCacheMiddleware:
    """Wraps an ASGI app: gives a kept answer to those who may read, and leaves all else to the app."""

    def __init__(self, app: ASGIApp, kept: ResponseCache, access: Authenticator) -> None:
        self.app = app
        self._kept = kept
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = await self._kept.standing(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        if found is None:
            await self.app(scope, receive, send)
            return
        scope["route"] = found.route
        connection = HTTPConnection(scope)
        await self._access.admit(connection, "read", anonymous=True)
        await found.told(connection.headers.get("if-none-match"))(scope, receive, send)


def cache_control(settings: Settings, how_long: str) -> dict[str, str]:
    """Tell caches to keep a response: any cache where anyone may read, else only the reader's own."""
    return {"cache-control": f"{'public' if settings.anonymous_read else 'private'}, {how_long}"}


def cache_key(scope: Scope) -> CacheKey:
    """Return what is asked; fixed feeds take no parameters, and only feeds have addresses in them."""
    path = scope["path"]
    query = b"" if path.startswith(FIXED_FEEDS) else scope["query_string"]
    return path, query, base_url(scope) if path.endswith(ADDRESSED) else ""


def position(head: Head) -> Position:
    """Where the log ends."""
    return head.epoch, head.seq, head.time


def size_of(place: CacheKey, kept: CachedResponse) -> int:
    """How many bytes an entry takes with its key."""
    return sum(map(sys.getsizeof, place)) + kept.size


def consume_exception(task: asyncio.Task[CachedResponse]) -> None:
    """A refusal goes to those who wait; that all of them left is no fault."""
    if not task.cancelled():
        task.exception()
