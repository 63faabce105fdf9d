"""What was read at a position of the log is given only to those who need no later one, and only for a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.changes import STALE_S, PositionCache
from app.changes.position_cache import MAX_ENTRIES

if TYPE_CHECKING:
    from app.changes import Position

EPOCH, SEQ = 3, 100
AT = (EPOCH, SEQ)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Other:
    """A database; only what it is matters."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> PositionCache[str]:
    return PositionCache(clock)


@pytest.fixture
def db() -> Any:
    return Other()


class Reader:
    """A reading of the database that tells how often it was done."""

    def __init__(self, clock: Clock, at: Position = AT, takes_s: float = 0.0) -> None:
        self.count = 0
        self._clock, self._at, self._takes_s = clock, at, takes_s

    async def __call__(self) -> tuple[Position, str]:
        self.count += 1
        self._clock.now += self._takes_s
        return self._at, f"value {self.count}"


@pytest.mark.parametrize(
    ("asked", "is_given"),
    [
        (AT, True),
        ((EPOCH, SEQ - 1), True),
        ((EPOCH, SEQ + 1), False),
        ((EPOCH + 1, SEQ - 1), False),
        ((EPOCH - 1, SEQ - 1), False),
    ],
)
async def test_only_who_asks_for_that_position_or_one_before_it_is_given_the_value(
    cache: PositionCache[str], clock: Clock, db: Any, asked: Position, is_given: bool
) -> None:
    read = Reader(clock)
    assert await cache.get(db, "key", AT, read) == (AT, "value 1")
    assert await cache.get(db, "key", asked, read) == (AT, "value 1" if is_given else "value 2")


async def test_a_value_is_forgotten_after_a_moment_counted_from_the_beginning_of_its_reading(
    cache: PositionCache[str], clock: Clock, db: Any
) -> None:
    read = Reader(clock, takes_s=STALE_S / 2)
    await cache.get(db, "key", AT, read)
    assert await cache.get(db, "key", AT, read) == (AT, "value 1")
    clock.now += STALE_S / 2
    assert await cache.get(db, "key", AT, read) == (AT, "value 2")


async def test_a_value_belongs_to_its_key_and_its_database(cache: PositionCache[str], clock: Clock, db: Any) -> None:
    read, other = Reader(clock), Other()
    assert [(await cache.get(db, key, AT, read))[1] for key in ("key", "other", "key")] == [
        *("value 1", "value 2", "value 1")
    ]
    elsewhere: Any = other
    assert await cache.get(elsewhere, "key", AT, read) == (AT, "value 3")


async def test_what_is_kept_is_bounded_and_begins_anew(cache: PositionCache[str], clock: Clock, db: Any) -> None:
    read = Reader(clock)
    for key in (*range(MAX_ENTRIES + 1), MAX_ENTRIES - 1):
        await cache.get(db, key, AT, read)
    assert read.count == MAX_ENTRIES + 1
    await cache.get(db, MAX_ENTRIES, AT, read)
    assert read.count == MAX_ENTRIES + 2  # there was no room for it
    clock.now += STALE_S
    for _ in range(2):
        await cache.get(db, MAX_ENTRIES, AT, read)
    assert read.count == MAX_ENTRIES + 3
