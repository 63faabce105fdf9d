"""Opens streams of server-sent events: within the limits of the server, for as long as the caller's key is good."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from math import inf

from fastapi import Request
from starlette.responses import Response

from app.auth.authentication import ReadKey, client_address
from app.auth.keys import find_key
from app.auth.rate_limit import client_network
from app.auth.tables import Key
from app.db import Database, DatabaseDep
from app.events.index.readiness import require_indexed
from app.events.read.filter import ChangeFilter
from app.feed.matcher import Matcher
from app.feed.notifier import NotifierDep
from app.feed.reader import read_start_position
from app.feed.sse import EventStream, StreamTimingsDep, StreamWriter
from app.feed.stream_format import StreamFormat
from app.http import SettingsDep


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
    ) -> None:
        self._caller = caller(request, key)
        self._welcome = KeyRevalidator(db, key)
        self._db = db
        self._notifier = notifier
        self._settings = settings
        self._timings = timings

    async def open(self, wanted: ChangeFilter, after: str, form: StreamFormat, *, life_s: float = inf) -> Response:
        """Follow the changes that match from `after` on; it ends after `life_s` at the latest."""
        notifier, log = self._notifier, self._notifier.log
        head = await log.head()
        notifier.notice(head)
        start = head.epoch, await read_start_position(log, head, after, wanted.timezone)
        await require_indexed(self._db, [*wanted.groups, *wanted.barred], stored=True)
        slot = notifier.connections.take(self._caller, self._settings.sse_max, self._settings.sse_per_key)
        timings = replace(self._timings, life_s=min(life_s, self._timings.life_s))

        def follow(send: Callable[[bytes], Awaitable[None]]) -> StreamWriter:
            return StreamWriter(
                notifier, Matcher(wanted), start, send, timings=timings, welcome=self._welcome, form=form
            )

        return EventStream(follow, slot)


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
