"""How many streams are open, in all and for each key or address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import TooManyRequests, Unavailable

RETRY_AFTER_S = "30"


class ConnectionLimit:
    """Counts the open streams of this process."""

    def __init__(self) -> None:
        """All seats are free."""
        self.taken: Counter[str] = Counter()

    @contextmanager
    def take(self, who: str, most: int, most_each: int) -> Iterator[None]:
        """Hold a connection; 503 when there are `most` already, 429 when this reader has `most_each`."""
        if self.taken.total() >= most:
            raise Unavailable(
                "Every stream of this server is in use; poll instead.", headers={"Retry-After": RETRY_AFTER_S}
            )
        if self.taken[who] >= most_each:
            raise TooManyRequests(f"More than {most_each} open streams.", headers={"Retry-After": RETRY_AFTER_S})
        self.taken[who] += 1
        try:
            yield
        finally:
            self.taken[who] -= 1
            if not self.taken[who]:
                del self.taken[who]
