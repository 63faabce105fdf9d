"""Delivers one subscription under one lease: reads what matches, stores it, sends it, writes what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import structlog

from app.db import WriteConflict
from app.errors import Problem
from app.feed.recent_changes import EncodedChange
from app.subscriptions.delivery.change_reader import ChangeReader
from app.subscriptions.delivery.context import WorkerContext
from app.subscriptions.delivery.leases import read_held
from app.subscriptions.delivery.queue import due_at
from app.subscriptions.delivery.retry_policy import Attempt, disabled
from app.subscriptions.delivery.sender import DeliverySender
from app.subscriptions.delivery.state import DeliveryState
from app.subscriptions.filter import stored_filter
from app.subscriptions.statements import READY, open_deliveries, put_back_deliveries
from app.subscriptions.tables import Delivery, Subscription

# So many changes are read and stored in one step.
STRETCH = 500
MAX_INTERVAL_S = 5.0
MAX_REST_S = 60.0
MIN_REST_S = 0.001
log = structlog.get_logger(__name__)


class Dispatcher:
    """Moves one subscription's cursor and its deliveries; all that it must not forget is in the database."""

    def __init__(self, context: WorkerContext, subscription: Subscription, worker: UUID) -> None:
        """Work under the lease that was just taken."""
        self.delivery_state = DeliveryState(context, subscription, worker)
        self.sending = DeliverySender(context, self.delivery_state, self._sent)
        self._means = context
        self._reader: ChangeReader | None = None
        self._filter = ""
        self._behind = True
        self._woken = asyncio.Event()
        self._gathering: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """The log moved, or something else is new."""
        self._woken.set()

    def _sent(self, *, idle: bool) -> None:
        """A request has ended: results gather for a moment while others follow, so that they are written together."""
        if idle:
            self.wake()
        elif self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(self._means.timings.gather_s, self._gathered)

    def _gathered(self) -> None:
        self._gathering = None
        self.wake()

    def refresh(self) -> None:
        """Somebody changed the subscription."""
        self.delivery_state.stale = True
        self.wake()

    def stop(self) -> None:
        """Send nothing more; what is under way may finish."""
        self.delivery_state.stopping = True
        self.wake()

    def abandon(self) -> None:
        """Wait no longer for what is under way: whoever is next sends it again."""
        for task in self.sending.tasks:
            task.cancel()
        self.delivery_state.queue.flying.clear()
        self.stop()

    def disable(self, reason: str, detail: str) -> None:
        """Send nothing more until somebody sets it active again."""
        if self.delivery_state.is_delivering:
            at = Attempt(self._means.now(), None, 0, reason)
            self.delivery_state.judged(
                disabled(self.delivery_state.health, at, self.delivery_state.lease.subscription, reason, detail)
            )
            self.wake()

    async def run(self) -> None:
        """Work until the lease is lost or there is nothing left to do; a database that is away is waited for."""
        failures, said = 0, ""
        try:
            while not self.delivery_state.is_closed:
                self._woken.clear()
                try:
                    await self.turn()
                except (Problem, WriteConflict) as error:
                    failures += 1
                    if str(error) != said:
                        log.warning(
                            "delivery waits", subscription=str(self.delivery_state.lease.subscription), error=str(error)
                        )
                    said = str(error)
                    await self._wait_for_database(min(0.1 * 2**failures, MAX_INTERVAL_S))
                else:
                    failures, said = 0, ""
                    await self._rest()
        finally:
            await self.close()

    async def once(self) -> None:
        """Do all that can be done at this instant, and no more."""
        delivery_state = self.delivery_state
        try:
            while not delivery_state.is_closed:
                await self.turn()
                if self.sending.tasks:
                    await asyncio.wait(self.sending.tasks)
                elif not (self._behind or delivery_state.pending_results.any or delivery_state.stale):
                    break
            delivery_state.stopping = True
            await delivery_state.write()
        finally:
            await self.close()

    async def close(self) -> None:
        """Give up what is under way, and close connections."""
        await self.sending.close()
        self.delivery_state.queue.bodies.clear()
        if self._gathering is not None:
            self._gathering.cancel()
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    async def turn(self) -> None:
        """Write what came of requests, read and store what is next, send what is due."""
        if self.delivery_state.stale:
            await self._reload()
        if self.delivery_state.has_ping and not self.delivery_state.fenced:
            await self.sending.ping()
        await self._fetch()
        await self.delivery_state.write()
        await self._fetch_put_back()
        self.sending.launch()

    async def _reload(self) -> None:
        """Take up the subscription as it stands now."""
        delivery_state = self.delivery_state
        await delivery_state.write()
        delivery_state.stale = False
        if delivery_state.fenced:
            return
        found = await read_held(
            self._means.notifier.log.db, delivery_state.lease.worker, delivery_state.lease.subscription
        )
        if found is None or found.token != delivery_state.lease.token:
            delivery_state.fenced = True
            return
        try:
            await self._equip(found)
            await self._load()
        except BaseException:
            delivery_state.stale = True
            raise
        delivery_state.open_at(found)
        self._behind = True

    async def _equip(self, found: Subscription) -> None:
        """Follow the filter and use the endpoint that it has now."""
        if self._reader is None or found.filter != self._filter:
            reader = ChangeReader(self._means.notifier, stored_filter(found.filter))
            if self._reader is not None:
                self._reader.close()
            self._reader, self._filter = reader, found.filter
        await self.sending.connect(found)

    async def _load(self) -> None:
        """Take up the deliveries that are not finished; what came of some meanwhile is newer than their rows."""
        queue, pending_results = self.delivery_state.queue, self.delivery_state.pending_results
        rows = await open_deliveries(self._means.notifier.log.db, self.delivery_state.lease.subscription)
        queue.keep(row.id for row in rows)
        for row in rows:
            if row.id not in queue.flying and not pending_results.has_news_of(row.id):
                queue.put(row)
        self.sending.extra_at = self._means.now()

    async def _fetch(self) -> None:
        """Read the next changes that match, as far as there is room for them."""
        delivery_state, self._behind = self.delivery_state, False
        if (
            self._reader is None
            or not delivery_state.is_delivering
            or delivery_state.fenced
            or not delivery_state.wants_more
        ):
            return
        head = await self._means.head()
        if head.seq > delivery_state.at:
            page = await self._reader.read(delivery_state.at, min(delivery_state.room, STRETCH), head)
            delivery_state.at = page.next
            self._add(page.pieces)
        self._behind = delivery_state.at < head.seq

    def _add(self, found: Sequence[EncodedChange]) -> None:
        """Deliveries that wait for their first attempt."""
        delivery_state, now = self.delivery_state, self._means.now()
        subscription, generation = delivery_state.lease.subscription, delivery_state.subscription.generation
        added, bodies = delivery_state.pending_results.added, delivery_state.queue.bodies
        ids = self._means.new_id.many(len(found))
        for id, encoded in zip(ids, found, strict=True):
            seq, epoch = encoded.entry[:2]
            added.append(Delivery(id, subscription, seq, epoch, generation, "queued", True, 0, 0, "[]", now, now))
            bodies.put(id, encoded.item)

    async def _fetch_put_back(self) -> None:
        """Take up deliveries that a retry put back, the first of those that are due, when none is at hand."""
        now, at = self._means.now(), self.sending.extra_at
        queue, pending_results = self.delivery_state.queue, self.delivery_state.pending_results
        if not self.delivery_state.is_delivering or at is None or at > now or queue.extra:
            return
        rows = await put_back_deliveries(self._means.notifier.log.db, self.delivery_state.lease.subscription)
        due = [row for row in rows if due_at(row) <= now]
        times = [due_at(row) for row in rows if due_at(row) > now]
        for row in due:
            if row.id not in queue.flying and not pending_results.has_news_of(row.id):
                queue.put(row)
        self.sending.extra_at = now if len(due) == READY else min(times, default=None)

    async def _wait_for_database(self, seconds: float) -> None:
        """Leave it alone for a while; whoever stops the pump does not wait for that."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.delivery_state.stopping:
                    self._woken.clear()
                    await self._woken.wait()

    async def _rest(self) -> None:
        """Wait for what comes first: news, a free slot, the next due delivery, or something to be written."""
        if self._behind or self.delivery_state.stale or self.delivery_state.is_closed:
            await asyncio.sleep(0)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience()):
                await self._woken.wait()

    def _patience(self) -> float:
        """How many seconds may pass until something is to be done without news."""
        delivery_state, timings = self.delivery_state, self._means.timings
        waits = [MAX_REST_S]
        put_back = None if delivery_state.queue.extra else self.sending.extra_at
        times = [moment for moment in (delivery_state.queue.next_at(), put_back) if moment is not None]
        if times and delivery_state.is_delivering and delivery_state.has_slot and not self._means.holds():
            waits.append(timings.beat_s)  # until the lease is surely ours again
        elif times and delivery_state.is_delivering and delivery_state.has_slot:
            first = max([min(times), *([delivery_state.resume_at] if delivery_state.resume_at else [])])
            waits.append(max(MIN_REST_S, (first - self._means.now()).total_seconds()))
        if any(not in_flight.marked for in_flight in delivery_state.queue.flying.values()):
            waits.append(timings.mark_s)
        if delivery_state.is_ahead:
            waits.append(timings.keep_s)
        return min(waits)
