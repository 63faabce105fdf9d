"""The layer ahead of FastAPI: gives kept answers to those who may read, and keeps what the app sends."""

from __future__ import annotations

import asyncio
import time
from itertools import chain
from urllib.parse import unquote_to_bytes

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.auth import Authenticator
from app.auth.authentication import REFUSED
from app.auth.feed_token_middleware import FEED_TOKEN_SCOPE_KEY, FIXED_FEEDS, take_token, takes_token
from app.auth.rate_limit import QUOTA_SCOPE_KEY, is_cacheable
from app.errors import Problem
from app.errors.middleware import LIMITS, OF_BODY
from app.http import base_url, prefers_gzip
from app.metrics import Metrics, template
from app.response_cache.cache import TERMS_SCOPE_KEY, Flight, KeptResponse, Question, ResponseCache

OF_READER = frozenset({b"ratelimit", b"ratelimit-policy"})
PATHS = frozenset(
    {
        "/v1/events",
        "/v1/events.geojson",
        "/v1/events.atom",
        "/v1/events/count",
        "/v1/feed",
        "/v1/stats/series",
        "/v1/stats/facets",
        "/v1/stats/grid",
    }
)
ONE_EVENT = "/v1/events/"
ID_LENGTH = len(ONE_EVENT) + 36
ADDRESSED = (".atom", ".geojson")


class ResponseCacheMiddleware:
    """Wraps the whole app: gives kept answers to those who may read; what is not kept goes through the app.

    Of those who ask the same at once one goes, the others wait for its answer. A caller whom the authenticator does not
    know by heart is looked up here; a refusal is told by the app.
    """

    def __init__(
        self, app: ASGIApp, cache: ResponseCache, access: Authenticator, metrics: Metrics, *, by_origin: bool
    ) -> None:
        """`by_origin`: answers differ by the Origin that asks."""
        self.app = app
        self._cache = cache
        self._access = access
        self._metrics = metrics
        self._by_origin = by_origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = read_question(scope, by_origin=self._by_origin) if scope["type"] == "http" else None
        if asked is None or not await self._answer(asked, scope, receive, send):
            await self.app(scope, receive, send)

    async def _answer(self, asked: Question, scope: Scope, receive: Receive, send: Send) -> bool:
        """Send the answer and tell whether that was possible."""
        begin, cache = time.perf_counter(), self._cache
        try:
            if not cache.is_fresh():
                await cache.refresh()
        except Problem:  # the app tells what is wrong with the database
            return False
        kept = cache.find(asked.place) or (cache.find(asked.known_place) if asked.known is not None else None)
        if kept is None and (scope["method"] != "GET" or cache.head is None):
            return False
        if kept is None and cache.head is not None:
            flight = Flight(asked.known_place, cache.era, cache.head.seq)
            others = cache.flights.get(flight)
            if others is None:
                await self._make(flight, asked, scope, receive, send)
                return True
            kept = await asyncio.shield(others)
        if kept is None:
            return False
        fields = self._access.readmit(scope, asked.sent) if asked.token is None else None
        if fields is None:
            fields = await self._admit(asked, scope)
        if fields is None:
            return False
        status, headers, body = kept.answer(asked)
        if fields and not is_cacheable(kept.cache_control):
            headers = [*headers, *((name.lower().encode(), value.encode()) for name, value in fields.items())]
        self._metrics.count(scope["method"], kept.route, status, time.perf_counter() - begin)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
        return True

    async def _admit(self, asked: Question, scope: Scope) -> dict[str, str] | None:
        """Look the caller up: the header fields of its quota, or None; then the app tells why not."""
        fields: dict[str, str] = {}
        own = {**scope, QUOTA_SCOPE_KEY: fields}
        if asked.token is not None:
            own[FEED_TOKEN_SCOPE_KEY] = asked.token
        try:
            await self._access.admit(HTTPConnection(own), "read", anonymous=True)
        except Problem as refusal:
            scope[REFUSED] = refusal
            return None
        return fields

    async def _make(self, flight: Flight, asked: Question, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app answer, and keep what it sends if a route said how long it holds."""
        cache = self._cache
        future = cache.flights[flight] = asyncio.get_running_loop().create_future()
        head: Message = {}
        is_as_new = False

        def land(kept: KeptResponse | None) -> None:
            if not future.done():
                del cache.flights[flight]
                future.set_result(kept)

        async def watch(message: Message) -> None:
            nonlocal head
            if future.done():
                await send(message)
            elif message["type"] != "http.response.start":
                kept = None
                if is_as_new and flight.era == cache.era and not message.get("more_body"):
                    kept = as_kept(scope, head, message.get("body", b""), flight.seq)
                    cache.keep(asked.place if kept.status == 200 else asked.known_place, kept)
                land(kept)
                await send(head)
                await send(message)
            elif message["status"] in {200, 304} and TERMS_SCOPE_KEY in scope:
                head = message  # held back: what is kept is as the app sent it, and waits for no reader who is slow
            else:
                land(None)
                await send(message)

        try:
            is_as_new = await cache.read_no_older()
            await self.app(scope, receive, watch)
        finally:
            land(None)


def as_kept(scope: Scope, head: Message, body: bytes, seq: int) -> KeptResponse:
    """Take what was sent as what will be sent to others."""
    headers = [field for field in head["headers"] if field[0].lower() not in OF_READER]
    fields = {name: value.decode("latin-1") for name, value in headers}
    etag, cache_control = fields.get(b"etag"), fields.get(b"cache-control", "")
    return KeptResponse(
        head["status"], headers, body, etag, cache_control, template(scope), scope[TERMS_SCOPE_KEY], seq
    )


def read_question(scope: Scope, *, by_origin: bool) -> Question | None:
    """What a request asks, if its answer may be one that is kept."""
    path, query = scope["path"], scope["query_string"]
    is_fixed = path.startswith(FIXED_FEEDS)
    if not (path in PATHS or is_fixed or (len(path) == ID_LENGTH and path.startswith(ONE_EVENT))):
        return None
    pairs, method = scope["headers"], scope["method"]
    headers = dict(pairs)
    if (
        method not in {"GET", "HEAD"}
        or len(headers) < len(pairs)
        or not OF_BODY.isdisjoint(headers)
        or len(query) > LIMITS.address
        or sum(map(len, chain.from_iterable(pairs))) + 4 * len(pairs) > LIMITS.headers
        or (path == "/v1/feed" and b"wait" in unquote_to_bytes(query))
    ):
        return None
    token = None
    if query and takes_token(path):
        own = {"query_string": query}
        try:
            taken = take_token(own)
        except Problem:
            return None
        if taken and not is_fixed:  # the address of its next page has the token
            return None
        token = own.get(FEED_TOKEN_SCOPE_KEY)
    accepted, known = headers.get(b"accept-encoding"), headers.get(b"if-none-match")
    gzip = prefers_gzip(accepted.decode("latin-1")) if accepted else None
    base = base_url(scope) if path.endswith(ADDRESSED) else None
    origin = headers.get(b"origin") if by_origin else None
    place = path, b"" if is_fixed else query, gzip, base, origin, token is not None
    told = None if known is None else known.decode("latin-1")
    return Question(place, headers.get(b"authorization"), told, gzip is not None, token)
