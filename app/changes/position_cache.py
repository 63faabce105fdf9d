"""What was read at a position of the log, kept for a moment, as most questions ask for the same few values."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Hashable
from math import inf
from typing import Generic, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from app.changes.tables import STALE_S, Position
from app.db import Database

V = TypeVar("V")
MAX_ENTRIES = 1_000


class Kept(NamedTuple, Generic[V]):
    """A value, when it was read, and the position that it holds all changes up to."""

    at: Position
    since: float
    value: V


class PositionCache(Generic[V]):
    """Values that were read from databases, each with the position that it holds all changes up to.

    A value is given out for `STALE_S` seconds, to those who ask for its position or an earlier one of that epoch. So
    nobody misses a change that he knows of, and a repair of the index is seen as soon as what other processes write.
    """

    def __init__(self, ticks: Callable[[], float] = time.monotonic) -> None:
        """`ticks` runs evenly (seconds)."""
        self._ticks = ticks
        self._kept: WeakKeyDictionary[Database, dict[Hashable, Kept[V]]] = WeakKeyDictionary()
        self._begun = -inf

    async def get(
        self, db: Database, key: Hashable, at: Position, read: Callable[[], Awaitable[tuple[Position, V]]]
    ) -> tuple[Position, V]:
        """Give the value with its position, read anew unless the one that is kept holds all changes up to `at`.

        `read` tells up to where its value holds all changes.
        """
        kept, since = self._kept.get(db, {}).get(key), self._ticks()
        if kept is not None and kept.at[0] == at[0] and kept.at >= at and since - kept.since < STALE_S:
            return kept.at, kept.value
        found = await read()
        self._keep(db, key, Kept(found[0], since, found[1]))
        return found

    def _keep(self, db: Database, key: Hashable, new: Kept[V]) -> None:
        if new.since - self._begun >= STALE_S:
            self._kept.clear()
            self._begun = new.since
        kept = self._kept.setdefault(db, {})
        if len(kept) < MAX_ENTRIES:
            kept[key] = new
