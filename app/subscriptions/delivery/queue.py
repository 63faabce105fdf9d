"""The unfinished deliveries of one subscription in memory, by when each is due."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple
from uuid import UUID

from app.subscriptions.tables import Delivery

MAX_PAYLOAD_BYTES = 64 * 1024 * 1024
AT_ONCE = datetime.min.replace(tzinfo=UTC)


class InFlight(NamedTuple):
    """A delivery that is being sent, since when by an evenly running clock, and whether the database shows it."""

    delivery: Delivery
    since: float
    marked: bool = False


class MemoryBudget:
    """The bytes that all the bodies of a process may have; what does not fit is read again when it is sent."""

    def __init__(self, left: int = MAX_PAYLOAD_BYTES) -> None:
        """Nothing is spent."""
        self.left = left

    def reserve(self, size: int) -> bool:
        """Spend so many bytes, if there are as many left."""
        fits = size <= self.left
        self.left -= size if fits else 0
        return fits

    def release(self, size: int) -> None:
        """Have them to spend again."""
        self.left += size


class PayloadCache:
    """The bodies that are at hand, within a budget that others share."""

    def __init__(self, budget: MemoryBudget) -> None:
        """Hold nothing."""
        self._budget = budget
        self._held: dict[UUID, bytes] = {}

    def __len__(self) -> int:
        return len(self._held)

    def get(self, id: UUID) -> bytes | None:
        """The body, if it is at hand."""
        return self._held.get(id)

    def put(self, id: UUID, body: bytes) -> None:
        """Keep a body, as long as there is room."""
        self.drop(id)
        if self._budget.reserve(len(body)):
            self._held[id] = body

    def drop(self, id: UUID) -> None:
        """Remove the body of a delivery and give its bytes back to the budget."""
        self._budget.release(len(self._held.pop(id, b"")))

    def clear(self) -> None:
        """Remove every body and give their bytes back to the budget."""
        self._budget.release(sum(map(len, self._held.values())))
        self._held.clear()


class DeliveryQueue:
    """Deliveries that wait and deliveries under way, each with its body while that is at hand."""

    def __init__(self, budget: MemoryBudget | None = None) -> None:
        """Hold nothing."""
        self.flying: dict[UUID, InFlight] = {}
        self.bodies = PayloadCache(budget or MemoryBudget())
        self._held: dict[UUID, Delivery] = {}
        self._fresh: deque[Delivery] = deque()  # never tried, as the log brought them
        self._due: list[tuple[datetime, int, int, Delivery]] = []  # all others, by due time, place in the log and turn
        self._turn = count()
        self._counted = 0

    def __contains__(self, id: UUID) -> bool:
        return id in self._held

    @property
    def open(self) -> int:
        """How many of them the cursor stored."""
        return self._counted

    @property
    def extra(self) -> int:
        """How many were put back by a retry."""
        return len(self._held) - self._counted

    def put(self, delivery: Delivery, body: bytes | None = None) -> None:
        """Let a delivery wait until it is due."""
        if delivery.next_attempt_at is None:
            return
        if delivery.id not in self._held:
            self._counted += delivery.counted
        self._held[delivery.id] = delivery
        if delivery.status != "retrying" and (not self._fresh or self._fresh[-1].seq < delivery.seq):
            self._fresh.append(delivery)
        else:
            heappush(self._due, (due_at(delivery), delivery.seq, next(self._turn), delivery))
        if body is not None:
            self.bodies.put(delivery.id, body)

    def drop(self, id: UUID) -> None:
        """A delivery is finished, or left to the database."""
        gone = self._held.pop(id, None)
        self._counted -= gone is not None and gone.counted
        self.bodies.drop(id)

    def keep(self, ids: Iterable[UUID]) -> None:
        """Forget all that wait but those that are under way or named."""
        kept = {*self.flying, *ids}
        for id in [id for id in self._held if id not in kept]:
            self.drop(id)

    def next_at(self) -> datetime | None:
        """When the next one is due, under way ones left out."""
        first = self._first()
        return None if first is None else due_at(first)

    def begin(self, now: datetime, ticks: float) -> Delivery | None:
        """Take the one that is due longest, if one is due."""
        first = self._first()
        if first is None or due_at(first) > now:
            return None
        self._remove(first)
        self.flying[first.id] = InFlight(first, ticks)
        return first

    def end(self, id: UUID) -> None:
        """Note that the delivery is no longer in flight."""
        self.flying.pop(id, None)

    def forget_in_flight(self) -> None:
        """Treat no delivery as in flight any longer; their results, if any come, are ignored."""
        self.flying.clear()

    def mark_in_flight(self, before: float) -> list[Delivery]:
        """Mark those that are under way since then or longer; answers those that were not marked yet."""
        late = [in_flight for in_flight in self.flying.values() if not in_flight.marked and in_flight.since <= before]
        for in_flight in late:
            self.flying[in_flight.delivery.id] = in_flight._replace(marked=True)
        return [in_flight.delivery for in_flight in late]

    def _first(self) -> Delivery | None:
        """The one that is due longest; leftovers of what was put anew or dropped are thrown away."""
        while self._fresh or self._due:
            first = self._foremost() if self._due else self._fresh[0]
            if self._held.get(first.id) is first and first.id not in self.flying:
                return first
            self._remove(first)
        return None

    def _foremost(self) -> Delivery:
        """What stands first in both, leftover or not."""
        sooner = self._fresh and (AT_ONCE, self._fresh[0].seq) < self._due[0][:2]
        return self._fresh[0] if sooner else self._due[0][3]

    def _remove(self, first: Delivery) -> None:
        """Take away what stands first."""
        if self._fresh and self._fresh[0] is first:
            self._fresh.popleft()
        else:
            heappop(self._due)


def due_at(delivery: Delivery) -> datetime:
    """When it is to be sent: what was never tried at once, whatever clock its time was taken from."""
    return (delivery.status == "retrying" and delivery.next_attempt_at) or AT_ONCE
