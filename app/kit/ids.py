"""UUIDv7 ids and the 63-bit row keys that are their leading bits, in the same order."""

from __future__ import annotations

import os
import re
import secrets
import threading
import time
from uuid import UUID

CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z", re.ASCII)
COUNTER_BITS = 21
TIME_BITS = 42


class IdSource:
    """Makes ids that rise strictly within the process (RFC 9562, method 1: a counter below the millisecond)."""

    def __init__(self) -> None:
        """Start at no time."""
        self._lock = threading.Lock()
        self._last = 0

    def __call__(self) -> UUID:
        """The next id; its key is above every key made here before."""
        [made] = self.many(1)
        return made

    def many(self, count: int) -> list[UUID]:
        """The next ids, in their order."""
        if not count:
            return []
        with self._lock:
            now = time.time_ns() // 1_000_000
            is_new = now > self._last >> COUNTER_BITS
            first = now << COUNTER_BITS | secrets.randbits(COUNTER_BITS - 1) if is_new else self._last + 1
            self._last = first + count - 1
        random = memoryview(os.urandom(8 * count)).cast("Q")
        return [make_id(first + n, rest >> 11) for n, rest in enumerate(random)]


def make_id(key: int, rest: int) -> UUID:
    """Lay out 42 bits of time, 21 of counter and 53 random ones as version 7, variant 2."""
    instant, counter = key >> COUNTER_BITS, key & (1 << COUNTER_BITS) - 1
    high = instant << 16 | 0x7000 | counter >> 9
    low = 0b10 << 62 | (counter & 0x1FF) << 53 | rest
    return UUID(int=high << 64 | low)


def key_of(id: UUID) -> int:
    """The row key within an id."""
    high, low = id.int >> 64, id.int & (1 << 64) - 1
    return (high >> 16 & (1 << TIME_BITS) - 1) << COUNTER_BITS | (high & 0xFFF) << 9 | low >> 53 & 0x1FF


def read_id(text: str) -> UUID | None:
    """An id in any accepted spelling, or None when no event can have it."""
    lowered = text.lower()
    return UUID(lowered) if CANONICAL.match(lowered) else None
