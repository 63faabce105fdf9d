"""Reads from a replica while it answers, and leaves the reading to the primary while it does not."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

import structlog

from app.db.compiler import WriteConflict
from app.db.faults import reason
from app.db.postgres_server import UNDEFINED, PostgresServer, fetch
from app.errors import Problem

RETRY_INTERVAL_S = 5.0
PREFER_PRIMARY: ContextVar[bool] = ContextVar("prefer_primary", default=False)
"""Whether the running task reads from the primary, because it has seen what the replica may not have yet."""
log = structlog.get_logger(__name__)


class Replica:
    """A replica that is asked first; after a failure it is left alone for a while."""

    def __init__(self, server: PostgresServer) -> None:
        """Read from this server."""
        self.server = server
        self._rests_until = 0.0
        self._is_away = False

    async def fetch(self, sql: str, arguments: Sequence[Any]) -> list[Any] | None:
        """Read; None when the primary is to be asked. A query that recovery cancelled is asked a second time."""
        if PREFER_PRIMARY.get() or time.monotonic() < self._rests_until:
            PREFER_PRIMARY.set(True)
            return None
        try:
            rows = await fetch(self.server, sql, arguments)
        except WriteConflict as error:  # cancelled twice: the replica is there, but this query has no luck on it
            log.info("a query was cancelled on the replica", error=str(error))
        except (Problem, *UNDEFINED) as error:
            self._rests_until = time.monotonic() + RETRY_INTERVAL_S
            if not self._is_away:
                log.warning("the replica is away; the primary is read", error=reason(error))
            self._is_away = True
        else:
            if self._is_away:
                log.info("the replica is back")
            self._is_away = False
            return rows
        PREFER_PRIMARY.set(True)
        return None
