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
def test_only_who_asks_for_that_position_or_one_before_it_is_given_the_value(
    cache: PositionCache[str], db: Any, asked: Position, is_given: bool
) -> None:
    cache.keep(db, "key", AT, cache.now(), "value")
    assert cache.find(db, "key", asked) == ("value" if is_given else None)


def test_a_value_is_forgotten_after_a_moment_counted_from_its_reading(
    cache: PositionCache[str], clock: Clock, db: Any
) -> None:
    since = cache.now()
    clock.now += STALE_S / 2
    cache.keep(db, "key", AT, since, "value")
    assert cache.find(db, "key", AT) == "value"
    clock.now += STALE_S / 2
    assert cache.find(db, "key", AT) is None


def test_a_value_belongs_to_its_key_and_its_database(cache: PositionCache[str], db: Any) -> None:
    cache.keep(db, "key", AT, cache.now(), "value")
    assert cache.find(db, "other", AT) is None
    assert cache.find(Other(), "key", AT) is None  # type: ignore[arg-type]


def test_what_is_kept_is_bounded_and_begins_anew(cache: PositionCache[str], clock: Clock, db: Any) -> None:
    for n in range(MAX_ENTRIES + 1):
        cache.keep(db, n, AT, cache.now(), "value")
    assert cache.find(db, MAX_ENTRIES - 1, AT) == "value"
    assert cache.find(db, MAX_ENTRIES, AT) is None
    clock.now += STALE_S
    cache.keep(db, MAX_ENTRIES, AT, cache.now(), "value")
    assert cache.find(db, MAX_ENTRIES, AT) == "value"
