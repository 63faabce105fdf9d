"""Sends what is due of one subscription, as far as slots are free, and notes what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from app.db import WriteConflict
from app.errors import Problem
from app.subscriptions.delivery.change_reader import body_at
from app.subscriptions.delivery.context import WorkerContext
from app.subscriptions.delivery.retry_policy import NO_PAYLOAD, Attempt
from app.subscriptions.delivery.state import DeliveryState
from app.subscriptions.tables import Delivery, Subscription
from app.subscriptions.transport.webhook_request import WebhookEndpoint

# When a body is asked for again that could not be read.
PAYLOAD_RETRY = timedelta(seconds=1)
# What an endpoint is opened with.
ENDPOINT_FIELDS = (
    "url", "max_in_flight", "timeout_s", "headers", "secret", "previous_secret", "previous_expires_at", "generation",
)  # fmt: skip


class DeliverySender:
    """The requests of one subscription; each that ends begins the next."""

    def __init__(self, context: WorkerContext, state: DeliveryState, wake: Callable[[], None]) -> None:
        """`wake` is called when results are there to be written: at once where no other request follows."""
        self.tasks: set[asyncio.Task[None]] = set()
        self._context = context
        self._state = state
        self._wake = wake
        self._gathering: asyncio.TimerHandle | None = None
        self._endpoint: WebhookEndpoint | None = None
        self._former: list[WebhookEndpoint] = []
        self._for: Subscription | None = None
        self._cleared = context.notifier.recent.cleared

    async def connect(self, found: Subscription) -> None:
        """Send to the endpoint that the subscription names, with the secrets that it has now."""
        if self._for is None or any(getattr(found, name) != getattr(self._for, name) for name in ENDPOINT_FIELDS):
            endpoint = WebhookEndpoint(found, self._context.cipher, self._context.rules)
            self._former += [] if self._endpoint is None else [self._endpoint]
            self._endpoint, self._for = endpoint, found
        if not self.tasks:
            await self._close_former()

    def cancel(self) -> None:
        """Give up what is under way."""
        for task in self.tasks:
            task.cancel()

    async def close(self) -> None:
        """Give up what is under way, and close connections."""
        self.cancel()
        if self.tasks:
            await asyncio.wait(self.tasks)
        if self._gathering is not None:
            self._gathering.cancel()
        self._former += [] if self._endpoint is None else [self._endpoint]
        self._endpoint = None
        await self._close_former()

    async def _close_former(self) -> None:
        while self._former:
            await self._former.pop().close()

    async def ping(self) -> None:
        """Send a ping, which tells whether the endpoint answers."""
        context = self._context
        if self._endpoint is None or not context.holds():
            return
        attempt = await self._endpoint.ping(context.new_id(), await context.notifier.log.source(), context.now())
        context.counts.note(attempt)
        self._state.record_ping(attempt)

    def launch(self) -> None:
        """Send what is due."""
        while (delivery := self._begin()) is not None:
            task = asyncio.create_task(self._send_on(delivery))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def _begin(self) -> Delivery | None:
        """The next that is due, if it may be sent now, which takes a lease that is surely ours."""
        if self._cleared != self._context.notifier.recent.cleared:
            # Something may have been erased from the log: read bodies anew.
            self._cleared = self._context.notifier.recent.cleared
            self._state.queue.bodies.clear()
        return self._state.begin_next(self._context.now()) if self._context.holds() else None

    async def _send_on(self, first: Delivery) -> None:
        """Send one delivery after another, as long as there are any; more at once when more slots are free."""
        delivery: Delivery | None = first
        while delivery is not None:
            try:
                attempt = await self._attempt(delivery)
            except (Problem, WriteConflict):  # the database is away, and the body with it
                self._state.postpone(delivery, self._context.now() + PAYLOAD_RETRY)
            else:
                self._context.counts.note(attempt)
                self._state.record_attempt(delivery, attempt)
            delivery = self._begin()
            if delivery is None:
                self._wake()
                return
            if self._state.has_slot:
                self.launch()
            if self._gathering is None:
                loop = asyncio.get_running_loop()
                self._gathering = loop.call_later(self._context.timings.gather_s, self._wake_for_results)

    def _wake_for_results(self) -> None:
        """Results have gathered for a moment while others followed, so that they are written together."""
        self._gathering = None
        self._wake()

    async def _attempt(self, delivery: Delivery) -> Attempt:
        """A request, whose body may have to be read first; at nothing where there is none, or nobody to send it to."""
        body = self._state.queue.bodies.get(delivery.id)
        if body is None:
            body = await body_at(self._context.notifier, delivery.seq)
        now = self._context.now()
        if body is None or self._endpoint is None:
            return Attempt(now, None, 0, NO_PAYLOAD)
        return await self._endpoint.deliver(delivery, body, now)
