"""Sends what is due of one subscription, as far as slots are free, and notes what came of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from app.db import Surprise
from app.errors import Problem
from app.subscriptions.delivery.change_reader import body_at
from app.subscriptions.delivery.retry_policy import Attempt, after_attempt, after_ping, dead_letter, with_attempt
from app.subscriptions.transport.webhook_request import Endpoint

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from datetime import datetime

    from app.subscriptions.delivery.context import Means
    from app.subscriptions.delivery.state import Books
    from app.subscriptions.tables import Delivery, Subscription

PAYLOAD = "payload"
# When a body is asked for again that could not be read.
SOON = timedelta(seconds=1)
CONNECTS = (
    "url", "max_in_flight", "timeout_s", "headers", "secret", "previous_secret", "previous_expires_at", "generation",
)  # fmt: skip


class Done(Protocol):
    """Hears of each request that has ended."""

    def __call__(self, *, idle: bool) -> None:
        """It has."""


class Sending:
    """The requests of one subscription; each that ends begins the next."""

    def __init__(self, means: Means, books: Books, done: Done) -> None:
        """`done` is called after each request, `idle` where no other follows it at once."""
        self.tasks: set[asyncio.Task[None]] = set()
        self.extra_at: datetime | None = None
        self._means = means
        self._books = books
        self._done = done
        self._endpoint: Endpoint | None = None
        self._former: list[Endpoint] = []
        self._for: Subscription | None = None
        self._cleared = means.hub.ring.cleared

    async def connect(self, found: Subscription) -> None:
        """Send to the endpoint that the subscription names, with the secrets that it has now."""
        if self._for is None or any(getattr(found, name) != getattr(self._for, name) for name in CONNECTS):
            endpoint = Endpoint(found, self._means.sealer, self._means.rules)
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
        books, means = self._books, self._means
        if self._endpoint is None or not means.holds():
            return
        attempt = await self._endpoint.ping(means.new_id(), await means.hub.log.source(), means.now())
        means.counts.note(attempt)
        books.unwritten.pinged = True
        books.unwritten.verified = attempt.error is None
        books.judged(after_ping(books.health, attempt, books.subscription.id))
        books.subscription = replace(books.subscription, ping_due=False)

    def launch(self) -> None:
        """Send what is due."""
        while (delivery := self._begin()) is not None:
            task = asyncio.create_task(self._send_on(delivery))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def _begin(self) -> Delivery | None:
        """The next that is due, if it may be sent now."""
        if self._cleared != self._means.hub.ring.cleared:
            self._forget_erased()
        now = self._means.now()
        return self._books.backlog.begin(now, self._means.ticks()) if self._may_send(now) else None

    def _forget_erased(self) -> None:
        """Something may have been erased from the log: read bodies anew."""
        self._cleared = self._means.hub.ring.cleared
        self._books.backlog.bodies.clear()

    def _may_send(self, now: datetime) -> bool:
        """A slot is free, the endpoint asked for no pause, and the lease is surely ours."""
        books = self._books
        if books.stopping or books.fenced or books.stale or not books.has_slot:
            return False
        return (books.resume_at is None or books.resume_at <= now) and self._means.holds()

    async def _send_on(self, first: Delivery) -> None:
        """Send one delivery after another, as long as there are any; more at once when more slots are free."""
        delivery: Delivery | None = first
        while delivery is not None:
            try:
                attempt = await self._attempt(delivery)
            except (Problem, Surprise):  # the database is away, and the body with it
                self._postpone(delivery)
            else:
                self._books.backlog.end(delivery.id)
                self._note(delivery, attempt)
            delivery = self._begin()
            if delivery is not None and self._books.has_slot:
                self.launch()
            self._done(idle=delivery is None)

    def _attempt(self, delivery: Delivery) -> Awaitable[Attempt]:
        """What is to be awaited: a request, whose body may have to be read first."""
        body = self._books.backlog.bodies.get(delivery.id)
        if body is None or self._endpoint is None:
            return self._attempt_read(delivery)
        return self._endpoint.deliver(delivery, body, self._means.now())

    async def _attempt_read(self, delivery: Delivery) -> Attempt:
        """Read the body and send it; an attempt at nothing where there is none, or nobody to send it to."""
        body = await body_at(self._means.hub, delivery.seq)
        now = self._means.now()
        if body is None or self._endpoint is None:
            return Attempt(now, None, 0, PAYLOAD)
        return await self._endpoint.deliver(delivery, body, now)

    def _postpone(self, delivery: Delivery) -> None:
        """Try again soon; this was no attempt."""
        backlog = self._books.backlog
        backlog.end(delivery.id)
        backlog.put(delivery._replace(status="retrying", next_attempt_at=self._means.now() + SOON))

    def _note(self, delivery: Delivery, attempt: Attempt) -> None:
        """Decide what follows from an attempt, for the delivery and for the endpoint."""
        books = self._books
        self._means.counts.note(attempt)
        if attempt.error is None and not delivery.attempt_count:
            books.judge(attempt)
            books.delivered(delivery, with_attempt(delivery.attempts, 1, attempt))
            return
        after = after_attempt(delivery, attempt, self._means.jitter() if attempt.error else 0.0)
        if attempt.error == PAYLOAD:
            after = after._replace(status="dead", next_attempt_at=None)
        else:
            books.judge(attempt)
        if after.status == "retrying" and is_left_behind(after, books.subscription):
            after = after._replace(status="cancelled", next_attempt_at=None)
        if after.status == "dead":
            books.unwritten.notices.append(dead_letter(after, attempt))
        books.unwritten.changed[after.id] = after
        books.backlog.drop(after.id)
        if after.counted:
            books.backlog.put(after)
        elif after.next_attempt_at is not None:  # the database has it until it is due
            self.extra_at = min(self.extra_at or after.next_attempt_at, after.next_attempt_at)


def is_left_behind(delivery: Delivery, subscription: Subscription) -> bool:
    """A seek has cancelled it meanwhile; what a retry put back goes on."""
    return delivery.counted and delivery.generation != subscription.generation
