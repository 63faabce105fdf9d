"""What is known of one subscription while it is delivered: its phase, cursor, health, queue and unwritten results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from app.feed.reader import ChangePage
from app.subscriptions.delivery.context import WorkerContext
from app.subscriptions.delivery.cursors import Fence
from app.subscriptions.delivery.endpoint_health import (
    HealthUpdate,
    after_ping,
    disable,
    health_of,
    slots,
    update_health,
)
from app.subscriptions.delivery.phase import Phase, next_phase
from app.subscriptions.delivery.queue import DeliveryQueue, due_at
from app.subscriptions.delivery.result_writer import Lease, PendingResults, ResultBatch
from app.subscriptions.delivery.retry_policy import NO_PAYLOAD, Attempt, after_attempt, dead_letter, with_attempt
from app.subscriptions.statements import PUT_BACK_LIMIT
from app.subscriptions.tables import Delivery, Subscription

# So far the cursor may fall behind what was read, where nothing matched.
MAX_CHANGES_AHEAD = 10_000
DELIVERING = frozenset({"active", "failing"})


class DeliveryState:
    """A subscription under a lease, its unfinished deliveries, and what the database does not know of them yet.

    Others tell it what happened; only its own methods set anything. Its phases are drawn in phase.py; `position` is how
    far the log was read.
    """

    def __init__(self, context: WorkerContext, subscription: Subscription, worker: UUID) -> None:
        """Begin under the lease that was just taken; what else there is must be read first."""
        self.phase = Phase.STALE
        self.lease = Lease(subscription.id, worker, subscription.token)
        self.queue = DeliveryQueue(context.budget)
        self.subscription = subscription
        self.health = health_of(subscription)
        self.position = self._stored_position = subscription.cursor
        self._context = context
        self._pending = PendingResults()
        self._last_write = context.ticks()
        self._put_back_at: datetime | None = None  # when the database has a delivery that a retry put back

    def begin_loading(self) -> None:
        """The row is about to be read."""
        self.phase = next_phase(self.phase, "begin_loading")

    def fail_loading(self) -> None:
        """It could not be read: it must be read again."""
        self.phase = next_phase(self.phase, "fail_loading")

    def finish_loading(self, found: Subscription, unfinished: Sequence[Delivery]) -> None:
        """Take up the subscription as it was read, from its cursor on, and the deliveries that are not finished.

        What was judged by what was known before is judged anew: callers may have paused it, or moved it elsewhere.
        """
        self.phase = next_phase(self.phase, "finish_loading")
        self.queue.keep(delivery.id for delivery in unfinished)
        self._enqueue(unfinished)
        self._put_back_at = self._context.now()
        attempts = self._pending.attempts if found.url == self.subscription.url else []
        self.subscription, self.health = found, health_of(found)
        self.position = self._stored_position = found.cursor
        self._pending.attempts, self._pending.health = [], None
        self._pending.notices = [notice for notice in self._pending.notices if notice.delivery is not None]
        for attempt in attempts:
            self._judge(attempt)

    def note_change(self) -> None:
        """Somebody changed the subscription."""
        self.phase = next_phase(self.phase, "note_change")

    def stop(self) -> None:
        """Send nothing more; what is under way may finish."""
        self.phase = next_phase(self.phase, "stop")

    def abandon(self) -> None:
        """Wait no longer for what is under way: whoever is next sends it again."""
        self.queue.forget_in_flight()
        self.stop()

    def lose_lease(self) -> None:
        """Note that another worker has the lease of the subscription, or may have it."""
        self.phase = next_phase(self.phase, "lose_lease")

    def close(self) -> None:
        """End the work on the subscription in this process, and free the memory of its bodies."""
        self.phase = next_phase(self.phase, "close")
        self.queue.bodies.clear()

    @property
    def must_load(self) -> bool:
        """The row must be read before anything else."""
        return self.phase in {Phase.STALE, Phase.STOPPING}

    @property
    def is_stopping(self) -> bool:
        """Somebody is waiting for it to end."""
        return self.phase not in {Phase.STALE, Phase.LOADING, Phase.READY}

    @property
    def is_delivering(self) -> bool:
        """Changes are read and sent."""
        return self.phase is Phase.READY and self.health.status in DELIVERING

    @property
    def has_ping(self) -> bool:
        """The endpoint is to be asked to show itself."""
        return self.phase is Phase.READY and self.health.status == "pending" and self.subscription.ping_due

    @property
    def has_results(self) -> bool:
        """There is something to write."""
        return self._pending.any

    @property
    def is_finished(self) -> bool:
        """There is nothing left to do under this lease."""
        if self.phase in {Phase.READY, Phase.DRAINING}:
            return not (self.queue.flying or self._pending.any or self.is_delivering or self.has_ping)
        return self.phase in {Phase.LOST, Phase.CLOSED}

    @property
    def room(self) -> int:
        """How many more deliveries may be stored."""
        return self.subscription.max_open - self.queue.open - len(self._pending.added)

    @property
    def wants_more(self) -> bool:
        """There is room for many more deliveries, or for some, and a slot is free."""
        room = self.room
        return self.is_delivering and room > 0 and (4 * room >= self.subscription.max_open or self.has_slot)

    @property
    def has_slot(self) -> bool:
        """One more request may be under way."""
        return len(self.queue.flying) < slots(self.health.status, self.subscription.max_in_flight)

    @property
    def is_ahead(self) -> bool:
        """The log was read further than the stored cursor tells."""
        return self.position != self._stored_position

    @property
    def fence(self) -> Fence:
        """What must still stand in the database where its cursor is moved without a turn."""
        return Fence(self.lease.worker, self.lease.token, self.subscription.version, self.subscription.generation)

    def follow(self, fence: Fence, to: int) -> None:
        """Note that the stored cursor was moved under this fence, unless the subscription was read anew since."""
        if self.phase is Phase.READY and self.fence == fence:
            self.position, self._stored_position = max(self.position, to), max(self._stored_position, to)
            self._last_write = self._context.ticks()

    def next_due(self) -> datetime | None:
        """When the next delivery may be sent, where one waits and a slot is free."""
        times = [moment for moment in (self.queue.next_at(), self._next_put_back()) if moment is not None]
        if not (times and self.is_delivering and self.has_slot):
            return None
        return max(min(times), self.health.resume_at or min(times))

    def begin_next(self, now: datetime) -> Delivery | None:
        """Take the delivery that is due longest, if it may be sent now: the endpoint asked for no pause."""
        if self.phase is not Phase.READY or not self.has_slot or (self.health.resume_at or now) > now:
            return None
        return self.queue.begin(now, self._context.ticks())

    def add_page(self, page: ChangePage) -> None:
        """Queue a delivery for each change of a page, to be sent once they are stored."""
        now, subscription = self._context.now(), self.subscription
        self.position = page.next
        for id, change in zip(self._context.new_id.many(len(page.pieces)), page.pieces, strict=True):
            seq, epoch = change.entry[:2]
            place = (id, subscription.id, seq, epoch, subscription.generation)
            self._pending.added.append(Delivery(*place, "queued", True, 0, 0, "[]", now, now))
            self.queue.bodies.put(id, change.item)

    def needs_put_back(self, now: datetime) -> bool:
        """None of the deliveries that a retry put back is at hand, and one may be due."""
        at = self._next_put_back()
        return self.is_delivering and at is not None and at <= now

    def add_put_back(self, rows: Sequence[Delivery], now: datetime) -> None:
        """Queue those of the first deliveries put back that are due, and note when to look for more."""
        due = [row for row in rows if due_at(row) <= now]
        self._enqueue(due)
        later = min((due_at(row) for row in rows if due_at(row) > now), default=None)
        self._put_back_at = now if len(due) == PUT_BACK_LIMIT else later

    def _next_put_back(self) -> datetime | None:
        return None if self.queue.extra else self._put_back_at

    def _enqueue(self, rows: Sequence[Delivery]) -> None:
        """Queue what was read; what came of some meanwhile is newer than their rows."""
        for row in rows:
            if row.id not in self.queue.flying and not self._pending.has_news_of(row.id):
                self.queue.put(row)

    def postpone(self, delivery: Delivery, until: datetime) -> None:
        """Try again then; there was no attempt."""
        self.queue.end(delivery.id)
        self.queue.put(delivery._replace(status="retrying", next_attempt_at=until))

    def record_attempt(self, delivery: Delivery, attempt: Attempt) -> None:
        """Note what follows from an attempt, for the delivery and for the endpoint."""
        self.queue.end(delivery.id)
        self.queue.drop(delivery.id)
        if attempt.error != NO_PAYLOAD:
            self._judge(attempt)
        if attempt.error is None and not delivery.attempt_count:  # which nearly all are
            self._pending.changed.pop(delivery.id, None)
            self._pending.delivered[delivery.id] = with_attempt(delivery.attempts, 1, attempt)
            return
        jitter = self._context.jitter() if attempt.error else 0.0
        after = after_attempt(delivery, attempt, jitter, self.subscription.generation)
        self._pending.changed[after.id] = after
        if after.status == "dead":
            self._pending.notices.append(dead_letter(after, attempt))
        if after.counted:
            self.queue.put(after)
        elif after.next_attempt_at is not None:  # the database has it until it is due
            self._put_back_at = min(self._put_back_at or after.next_attempt_at, after.next_attempt_at)

    def record_ping(self, attempt: Attempt) -> None:
        """Note what the endpoint answered to a ping."""
        self._pending.pinged, self._pending.verified = True, attempt.error is None
        self._update(after_ping(self.health, attempt, self.lease.subscription))
        self.subscription = replace(self.subscription, ping_due=False)

    def disable(self, reason: str, detail: str) -> None:
        """Send nothing more until somebody sets it active again."""
        attempt = Attempt(self._context.now(), None, 0, reason)
        self._update(disable(self.health, attempt, self.lease.subscription, reason, detail))

    def _judge(self, attempt: Attempt) -> None:
        self._pending.attempts.append(attempt)
        self._update(update_health(self.health, attempt, self.lease.subscription))

    def _update(self, update: HealthUpdate) -> None:
        self.health = self._pending.health = update.health
        self._pending.notices += update.notices

    async def write(self) -> None:
        """Write all that the database does not know; results count even where somebody changed the subscription."""
        for delivery in self.queue.mark_in_flight(self._context.ticks() - self._context.timings.mark_s):
            self._pending.changed[delivery.id] = delivery._replace(status="sending")
        cursor = self._cursor_to_write()
        if not self._pending.any and cursor is None:
            return
        taken, self._pending = self._pending, PendingResults()
        batch = ResultBatch(self.lease, self.subscription.version, self.subscription.generation, cursor, taken)
        try:
            outcome = await self._context.writer.submit(batch)
        except BaseException:
            self._pending = taken.after(self._pending)
            raise
        self._last_write = self._context.ticks()
        if outcome == "written":
            self._stored_position = self._stored_position if cursor is None else cursor
            for delivery in taken.added:
                self.queue.put(delivery)
            return
        self._pending.attempts = taken.attempts + self._pending.attempts
        for delivery in taken.added:
            self.queue.drop(delivery.id)
        if outcome == "fenced":
            self.lose_lease()
        else:
            self.note_change()

    def _cursor_to_write(self) -> int | None:
        """The cursor, where there is something to write with it, or it stood still for long."""
        if not self.is_ahead:
            return None
        far = self.position - self._stored_position >= MAX_CHANGES_AHEAD
        late = self._context.ticks() - self._last_write >= self._context.timings.keep_s
        return self.position if self._pending.any or far or late or self.is_stopping else None
