"""Opens streams of server-sent events: within the limits of the server, for as long as the caller's key is good."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from math import inf
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.auth.authentication import ReadKey, client_address, get_caller
from app.auth.keys import find_key
from app.auth.rate_limit import client_network
from app.auth.tables import Key
from app.db import Database, DatabaseDep
from app.db.heavy_queries import HeavyQueryLimiter, QueryBudget
from app.errors import is_head
from app.events.index.readiness import require_indexed
from app.events.read.filter import ChangeFilter
from app.feed.connection_limit import Seat
from app.feed.matcher import Matcher
from app.feed.notifier import NotifierDep
from app.feed.reader import read_start_position
from app.feed.sse import StreamTimingsDep, StreamWriter
from app.feed.stream_format import StreamFormat
from app.http import FromServices, SettingsDep
from app.http.rest_of_response import leave_rest

ABORT = "sitrep.abort"
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no", "x-content-type-options": "nosniff"}
# Makes the writer of a stream, once there is something to send to.
Follow = Callable[[Callable[[bytes], Awaitable[None]]], StreamWriter]
Ask = Callable[[Receive], QueryBudget]


class EventStream(Response):
    """The response that does not end: holds a seat, sends bytes as they come, notices a hang-up."""

    media_type = "text/event-stream"

    def __init__(self, follow: Follow, seat: Seat, ask: Ask) -> None:
        """`seat` may be refused when it is taken; `ask` bounds what the stream reads."""
        self.status_code = 200
        self.background = None
        self.init_headers(HEADERS)
        self._follow = follow
        self._seat = seat
        self._ask = ask

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head, and leave the stream for when the app has returned; HEAD asks for no more."""
        del receive
        self._seat.take()
        is_left = False
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if not is_head(scope):
                abort = scope.get("extensions", {}).get(ABORT)
                leave_rest(scope, partial(stream, follow=self._follow, seat=self._seat, ask=self._ask, abort=abort))
                is_left = True
        finally:
            if not is_left:
                self._seat.leave()


async def stream(
    receive: Receive, send: Send, *, follow: Follow, seat: Seat, ask: Ask, abort: Callable[[], None] | None
) -> None:
    """Serve a stream, then free its seat; a reader that reads nothing for the time limit loses the connection."""

    async def put(data: bytes) -> None:
        await send({"type": "http.response.body", "body": data, "more_body": True})

    ear: asyncio.Task[None] | None = None
    try:
        follower, budget = follow(put), ask(receive)
        del follow, ask  # what the stream was made of is not held while it waits
        ear = asyncio.create_task(listen(receive, follower))
        async with budget:
            await follower.run()
        async with asyncio.timeout(1):
            await send({"type": "http.response.body", "body": b"", "more_body": False})
    except TimeoutError:
        if abort is not None:
            abort()
    finally:
        seat.leave()
        if ear is not None:
            ear.cancel()


async def listen(receive: Receive, follower: StreamWriter) -> None:
    """Wait until the reader hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass
    follower.leave()


class StreamOpener:
    """Opens a stream for the caller of this request; every stream of changes, whatever its format, begins here."""

    def __init__(
        self,
        *,
        request: Request,
        key: ReadKey,
        db: DatabaseDep,
        notifier: NotifierDep,
        settings: SettingsDep,
        timings: StreamTimingsDep,
        questions: Annotated[HeavyQueryLimiter, Depends(FromServices("heavy_queries"))],
    ) -> None:
        self._caller = caller(request, key)
        self._welcome = KeyRevalidator(db, key)
        self._db = db
        self._notifier = notifier
        self._settings = settings
        self._timings = timings
        counted_for = get_caller(request.scope)
        self._ask = partial(questions.ask, lambda: counted_for)

    async def open(self, wanted: ChangeFilter, after: str, form: StreamFormat, *, life_s: float = inf) -> Response:
        """Follow the changes that match from `after` on; it ends after `life_s` at the latest."""
        notifier, log = self._notifier, self._notifier.log
        head = await log.head()
        notifier.notice(head)
        start = head.epoch, await read_start_position(log, head, after, wanted.timezone)
        await require_indexed(self._db, [*wanted.groups, *wanted.barred], stored=True)
        seat = notifier.connections.seat(self._caller, self._settings.sse_max, self._settings.sse_per_key)
        timings = self._timings if life_s >= self._timings.life_s else replace(self._timings, life_s=life_s)
        follow = partial(
            StreamWriter, notifier, Matcher(wanted), start, timings=timings, welcome=self._welcome, form=form
        )
        return EventStream(follow, seat, self._ask)


def caller(request: Request, key: Key) -> str:
    """Who holds the connection: a key, or where a reader without one comes from."""
    return f"key {key.id}" if key.id else f"address {client_network(client_address(request))}"


class KeyRevalidator:
    """Whether the key that opened a stream is still good, so that a revocation ends the stream too."""

    def __init__(self, db: Database, key: Key) -> None:
        """Look this key up."""
        self._db = db
        self._key = key

    async def __call__(self) -> bool:
        """Anonymous readers always are; a key must be neither revoked nor expired."""
        if not self._key.id:
            return True
        found = await find_key(self._db, self._key.id)
        if found is None or found.revoked_at is not None:
            return False
        return found.expires_at is None or found.expires_at > datetime.now(UTC)
