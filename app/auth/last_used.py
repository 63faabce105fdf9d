"""When keys and feed tokens were last used: noted once a minute and key, off the path of the request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import structlog

from app.auth.keys import record_use
from app.auth.tables import StoredKey
from app.db import Database

RECORD_INTERVAL = timedelta(minutes=1)
CLOSE_TIMEOUT_S = 1.0
CAPACITY = 10_000

log = structlog.get_logger(__name__)


class LastUsedRecorder:
    """Gathers the uses of keys and writes them in the background; a failing write is only logged."""

    def __init__(
        self, db: Database, write: Callable[[Database, Mapping[str, datetime]], Awaitable[None]] = record_use
    ) -> None:
        """Have `write` store the instants by the ids of keys."""
        self._db = db
        self._record = write
        self._noted: dict[str, datetime] = {}
        self._due: dict[str, datetime] = {}
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def note(self, key: StoredKey, now: datetime) -> None:
        """Have the use written, unless that was done less than a minute ago by this or another process."""
        if self._closed or not is_due(key.last_used_at, self._noted.get(key.id), now):
            return
        if len(self._noted) >= CAPACITY:
            self._noted.clear()
        self._noted[key.id] = self._due[key.id] = now
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write(), name="note key use")

    async def close(self) -> None:
        """Wait a moment for what is being written; drop it if that takes longer."""
        self._closed = True
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=CLOSE_TIMEOUT_S)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _write(self) -> None:
        while self._due:
            used, self._due = self._due, {}
            try:
                await self._record(self._db, used)
            except Exception as error:  # noqa: BLE001 (whatever it is, no request may fail or wait for it)
                log.warning("key_use_not_noted", keys=len(used), error=type(error).__name__)


def is_due(stored: datetime | None, noted: datetime | None, now: datetime) -> bool:
    """Whether a use at `now` is worth writing; a clock that was set back does not stop it for long."""
    return (stored is None or now - stored >= RECORD_INTERVAL) and (
        noted is None or abs(now - noted) >= RECORD_INTERVAL
    )
