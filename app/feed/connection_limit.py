"""How many streams are open, in all and for each key or address."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from app.errors import TooManyRequests, Unavailable

RETRY_AFTER_S = "30"


class ConnectionLimit:
    """Counts the open streams of this process."""

    def __init__(self) -> None:
        """All seats are free."""
        self.taken: Counter[str] = Counter()

    def seat(self, who: str, most: int, most_each: int) -> Seat:
        """Name a seat for this reader, of `most` in all and `most_each` for one reader."""
        return Seat(self, who, most, most_each)


class Seat(NamedTuple):
    """What a stream holds while it is open."""

    limit: ConnectionLimit
    who: str
    most: int
    most_each: int

    def take(self) -> None:
        """Hold it; 503 when all seats are taken already, 429 when this reader has all that are for one."""
        taken = self.limit.taken
        if taken.total() >= self.most:
            raise Unavailable(
                "Every stream of this server is in use; poll instead.", headers={"Retry-After": RETRY_AFTER_S}
            )
        if taken[self.who] >= self.most_each:
            raise TooManyRequests(f"More than {self.most_each} open streams.", headers={"Retry-After": RETRY_AFTER_S})
        taken[self.who] += 1

    def leave(self) -> None:
        """Free it."""
        taken = self.limit.taken
        taken[self.who] -= 1
        if not taken[self.who]:
            del taken[self.who]
