"""What was read at a position of the log, kept for a moment, as most questions ask for the same few values."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
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

    def find(self, db: Database, key: Hashable, at: Position) -> V | None:
        """The value, if it holds all changes up to there."""
        kept = self._kept.get(db, {}).get(key)
        if kept is None or kept.at[0] != at[0] or kept.at < at or self._ticks() - kept.since >= STALE_S:
            return None
        return kept.value

    def keep(self, db: Database, key: Hashable, at: Position, since: float, value: V) -> V:
        """Keep a value that was read since then (by `now`) and holds all changes up to there; gives it back."""
        if since - self._begun >= STALE_S:
            self._kept.clear()
            self._begun = since
        kept = self._kept.setdefault(db, {})
        if len(kept) < MAX_ENTRIES:
            kept[key] = Kept(at, since, value)
        return value

    def now(self) -> float:
        """The time, for `keep`."""
        return self._ticks()
