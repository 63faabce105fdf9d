"""Sends what is due of one subscription, as far as slots are free, and notes what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from app.db import WriteConflict
from app.errors import Problem
from app.subscriptions.delivery.change_reader import body_at
from app.subscriptions.delivery.context import WorkerContext
from app.subscriptions.delivery.retry_policy import Attempt, after_attempt, after_ping, dead_letter, with_attempt
from app.subscriptions.delivery.state import DeliveryState
from app.subscriptions.tables import Delivery, Subscription
from app.subscriptions.transport.webhook_request import WebhookEndpoint

PAYLOAD = "payload"
# When a body is asked for again that could not be read.
SOON = timedelta(seconds=1)
CONNECTS = (
    "url", "max_in_flight", "timeout_s", "headers", "secret", "previous_secret", "previous_expires_at", "generation",
)  # fmt: skip


class SendResult(Protocol):
    """Hears of each request that has ended."""

    def __call__(self, *, idle: bool) -> None:
        """It has."""


class DeliverySender:
    """The requests of one subscription; each that ends begins the next."""

    def __init__(self, context: WorkerContext, delivery_state: DeliveryState, done: SendResult) -> None:
        """`done` is called after each request, `idle` where no other follows it at once."""
        self.tasks: set[asyncio.Task[None]] = set()
        self.extra_at: datetime | None = None
        self._means = context
        self._books = delivery_state
        self._done = done
        self._endpoint: WebhookEndpoint | None = None
        self._former: list[WebhookEndpoint] = []
        self._for: Subscription | None = None
        self._cleared = context.notifier.recent.cleared

    async def connect(self, found: Subscription) -> None:
        """Send to the endpoint that the subscription names, with the secrets that it has now."""
        if self._for is None or any(getattr(found, name) != getattr(self._for, name) for name in CONNECTS):
            endpoint = WebhookEndpoint(found, self._means.cipher, self._means.rules)
            self._former += [] if self._endpoint is None else [self._endpoint]
            self._endpoint, self._for = endpoint, found
        if not self.tasks:
            await self._close_former()

    async def close(self) -> None:
        """Give up what is under way, and close connections."""
        for task in self.tasks:
            task.cancel()
        if self.tasks:
            await asyncio.wait(self.tasks)
        self._former += [] if self._endpoint is None else [self._endpoint]
        self._endpoint = None
        await self._close_former()

    async def _close_former(self) -> None:
        while self._former:
            await self._former.pop().close()

    async def ping(self) -> None:
        """Ask the endpoint to show itself."""
        delivery_state, context = self._books, self._means
        if self._endpoint is None or not context.holds():
            return
        attempt = await self._endpoint.ping(context.new_id(), await context.notifier.log.source(), context.now())
        context.counts.note(attempt)
        delivery_state.pending_results.pinged = True
        delivery_state.pending_results.verified = attempt.error is None
        delivery_state.judged(after_ping(delivery_state.health, attempt, delivery_state.subscription.id))
        delivery_state.subscription = replace(delivery_state.subscription, ping_due=False)

    def launch(self) -> None:
        """Send what is due."""
        while (delivery := self._begin()) is not None:
            task = asyncio.create_task(self._send_on(delivery))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def _begin(self) -> Delivery | None:
        """The next that is due, if it may be sent now."""
        if self._cleared != self._means.notifier.recent.cleared:
            self._forget_erased()
        now = self._means.now()
        return self._books.queue.begin(now, self._means.ticks()) if self._may_send(now) else None

    def _forget_erased(self) -> None:
        """Something may have been erased from the log: read bodies anew."""
        self._cleared = self._means.notifier.recent.cleared
        self._books.queue.bodies.clear()

    def _may_send(self, now: datetime) -> bool:
        """A slot is free, the endpoint asked for no pause, and the lease is surely ours."""
        delivery_state = self._books
        if delivery_state.stopping or delivery_state.fenced or delivery_state.stale or not delivery_state.has_slot:
            return False
        return (delivery_state.resume_at is None or delivery_state.resume_at <= now) and self._means.holds()

    async def _send_on(self, first: Delivery) -> None:
        """Send one delivery after another, as long as there are any; more at once when more slots are free."""
        delivery: Delivery | None = first
        while delivery is not None:
            try:
                attempt = await self._attempt(delivery)
            except (Problem, WriteConflict):  # the database is away, and the body with it
                self._postpone(delivery)
            else:
                self._books.queue.end(delivery.id)
                self._note(delivery, attempt)
            delivery = self._begin()
            if delivery is not None and self._books.has_slot:
                self.launch()
            self._done(idle=delivery is None)

    def _attempt(self, delivery: Delivery) -> Awaitable[Attempt]:
        """What is to be awaited: a request, whose body may have to be read first."""
        body = self._books.queue.bodies.get(delivery.id)
        if body is None or self._endpoint is None:
            return self._attempt_read(delivery)
        return self._endpoint.deliver(delivery, body, self._means.now())

    async def _attempt_read(self, delivery: Delivery) -> Attempt:
        """Read the body and send it; an attempt at nothing where there is none, or nobody to send it to."""
        body = await body_at(self._means.notifier, delivery.seq)
        now = self._means.now()
        if body is None or self._endpoint is None:
            return Attempt(now, None, 0, PAYLOAD)
        return await self._endpoint.deliver(delivery, body, now)

    def _postpone(self, delivery: Delivery) -> None:
        """Try again soon; this was no attempt."""
        queue = self._books.queue
        queue.end(delivery.id)
        queue.put(delivery._replace(status="retrying", next_attempt_at=self._means.now() + SOON))

    def _note(self, delivery: Delivery, attempt: Attempt) -> None:
        """Decide what follows from an attempt, for the delivery and for the endpoint."""
        delivery_state = self._books
        self._means.counts.note(attempt)
        if attempt.error is None and not delivery.attempt_count:
            delivery_state.judge(attempt)
            delivery_state.delivered(delivery, with_attempt(delivery.attempts, 1, attempt))
            return
        after = after_attempt(delivery, attempt, self._means.jitter() if attempt.error else 0.0)
        if attempt.error == PAYLOAD:
            after = after._replace(status="dead", next_attempt_at=None)
        else:
            delivery_state.judge(attempt)
        if after.status == "retrying" and is_left_behind(after, delivery_state.subscription):
            after = after._replace(status="cancelled", next_attempt_at=None)
        if after.status == "dead":
            delivery_state.pending_results.notices.append(dead_letter(after, attempt))
        delivery_state.pending_results.changed[after.id] = after
        delivery_state.queue.drop(after.id)
        if after.counted:
            delivery_state.queue.put(after)
        elif after.next_attempt_at is not None:  # the database has it until it is due
            self.extra_at = min(self.extra_at or after.next_attempt_at, after.next_attempt_at)


def is_left_behind(delivery: Delivery, subscription: Subscription) -> bool:
    """A seek has cancelled it meanwhile; what a retry put back goes on."""
    return delivery.counted and delivery.generation != subscription.generation
