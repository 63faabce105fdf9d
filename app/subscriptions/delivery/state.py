"""What is known of one subscription while it is delivered, and how it gets into the database."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.subscriptions.delivery.context import WorkerContext
from app.subscriptions.delivery.pending_results import PendingResults
from app.subscriptions.delivery.queue import DeliveryQueue
from app.subscriptions.delivery.result_writer import Lease
from app.subscriptions.delivery.retry_policy import Attempt, Health, HealthUpdate, health_of, slots, update_health
from app.subscriptions.tables import Delivery, Subscription

# So far the cursor may fall behind what was read, where nothing matched.
MAX_ATTEMPTS_AHEAD = 10_000
DELIVERING = frozenset({"active", "failing"})


class DeliveryState:
    """A subscription under a lease, its unfinished deliveries, and what the database does not know of them yet.

    `at` is how far the log was read; `stale` that somebody changed the subscription, `fenced` that another worker has
    it.
    """

    def __init__(self, context: WorkerContext, subscription: Subscription, worker: UUID) -> None:
        """Begin under the lease that was just taken; what else there is must be read first."""
        self.context = context
        self.lease = Lease(subscription.id, worker, subscription.token)
        self.queue = DeliveryQueue(context.budget)
        self.pending_results = PendingResults()
        self.subscription = subscription
        self.stopping = self.fenced = False
        self._success: Attempt | None = None
        self.stale = True
        self._written = context.ticks()
        self.open_at(subscription)

    def open_at(self, subscription: Subscription) -> None:
        """Take up the subscription as it was read, from its cursor on.

        What was judged by what was known before is judged anew: callers may have paused it, or moved it elsewhere.
        """
        self._settle()
        stays = subscription.url == self.subscription.url
        self.subscription = subscription
        self._health = health_of(subscription)
        self.at = self._written_at = subscription.cursor
        attempts, self.pending_results.attempts = self.pending_results.attempts, []
        self.pending_results.health = None
        self.pending_results.notices = [told for told in self.pending_results.notices if told.delivery is not None]
        for attempt in attempts if stays else ():
            self.judge(attempt)

    @property
    def is_delivering(self) -> bool:
        """Changes are read and sent."""
        return self._health.status in DELIVERING and not self.stopping

    @property
    def has_ping(self) -> bool:
        """The endpoint is to be asked to show itself."""
        return self._health.status == "pending" and self.subscription.ping_due and not self.stopping

    @property
    def is_closed(self) -> bool:
        """There is nothing left to do under this lease."""
        if self.fenced:
            return True
        return not (self.stale or self.queue.flying or self.pending_results.any or self.is_delivering or self.has_ping)

    @property
    def room(self) -> int:
        """How many more deliveries may be stored."""
        return self.subscription.max_open - self.queue.open - len(self.pending_results.added)

    @property
    def wants_more(self) -> bool:
        """There is room for many more deliveries, or for some, and a slot is free."""
        room = self.room
        return room > 0 and (4 * room >= self.subscription.max_open or self.has_slot)

    @property
    def has_slot(self) -> bool:
        """One more request may be under way."""
        return len(self.queue.flying) < slots(self._health.status, self.subscription.max_in_flight)

    @property
    def is_ahead(self) -> bool:
        """The log was read further than the cursor tells."""
        return self.at != self._written_at

    @property
    def health(self) -> Health:
        """How the endpoint is doing."""
        self._settle()
        return self._health

    @property
    def resume_at(self) -> datetime | None:
        """Until when the endpoint asked to be left alone."""
        return self._health.resume_at

    def judge(self, attempt: Attempt) -> None:
        """Note what an attempt to deliver says of the endpoint; of successes in a row the last says it all."""
        if attempt.error is None and self._health.status == "active" and not self._health.consecutive_failures:
            self._success = attempt
            return
        self._settle()
        self._judge(attempt)

    def judged(self, hint: HealthUpdate) -> None:
        """Note how the endpoint is doing."""
        self._health = self.pending_results.health = hint.health
        self.pending_results.notices += hint.notices

    def _judge(self, attempt: Attempt) -> None:
        self.pending_results.attempts.append(attempt)
        self.judged(update_health(self._health, attempt, self.lease.subscription))

    def _settle(self) -> None:
        """Judge by the last of the successes."""
        if self._success is not None:
            last, self._success = self._success, None
            self._judge(last)

    def delivered(self, delivery: Delivery, attempts: str) -> None:
        """Note what the first attempt delivered, which nearly all are."""
        if self.pending_results.changed:
            self.pending_results.changed.pop(delivery.id, None)
        self.pending_results.delivered[delivery.id] = attempts
        self.queue.drop(delivery.id)

    async def write(self) -> None:
        """Write all that the database does not know; results count even where somebody changed the subscription."""
        self._mark()
        self._settle()
        cursor = self._cursor_to_write()
        if not self.pending_results.any and cursor is None:
            return
        taken, self.pending_results = self.pending_results, PendingResults()
        step = taken.step(self.lease, self.subscription.version, self.subscription.generation, cursor)
        try:
            outcome = await self.context.writer.submit(step)
        except BaseException:
            self.pending_results = taken.after(self.pending_results)
            raise
        self._written = self.context.ticks()
        self.fenced = outcome == "fenced"
        self.stale = self.stale or outcome == "stale"
        if outcome == "written":
            self._written_at = self._written_at if cursor is None else cursor
        else:
            self.pending_results.attempts = taken.attempts + self.pending_results.attempts
        for delivery in taken.added:
            if outcome == "written":
                self.queue.put(delivery)
            else:
                self.queue.drop(delivery.id)

    def _mark(self) -> None:
        """Show as `sending` what has been under way for a moment."""
        before = self.context.ticks() - self.context.timings.mark_s
        for id, in_flight in self.queue.flying.items():
            if not in_flight.marked and in_flight.since <= before:
                in_flight.marked = True
                self.pending_results.changed[id] = in_flight.delivery._replace(status="sending")

    def _cursor_to_write(self) -> int | None:
        """The cursor, where there is something to write with it, or it stood still for long."""
        if not self.is_ahead:
            return None
        far = self.at - self._written_at >= MAX_ATTEMPTS_AHEAD
        late = self.context.ticks() - self._written >= self.context.timings.keep_s
        return self.at if self.pending_results.any or far or late or self.stopping else None
