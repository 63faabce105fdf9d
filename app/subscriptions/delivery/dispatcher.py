"""Runs the delivery of one subscription under one lease; what may be sent now, its state says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import structlog

from app.changes import Head
from app.db import WriteConflict
from app.errors import Problem
from app.subscriptions.delivery.change_reader import ChangeReader
from app.subscriptions.delivery.context import WorkerContext
from app.subscriptions.delivery.cursors import move_cursors
from app.subscriptions.delivery.leases import read_held
from app.subscriptions.delivery.sender import DeliverySender
from app.subscriptions.delivery.state import DeliveryState
from app.subscriptions.filter import stored_filter
from app.subscriptions.statements import open_deliveries, put_back_deliveries
from app.subscriptions.tables import Subscription

# So many changes are read and stored in one step.
STRETCH = 500
MAX_INTERVAL_S = 5.0
# Whoever rests is woken by what concerns it; this is for what was overlooked.
MAX_REST_S = 60.0
MIN_REST_S = 0.001
log = structlog.get_logger(__name__)


class Dispatcher:
    """Moves one subscription's cursor and its deliveries; all that it must not forget is in the database."""

    def __init__(self, context: WorkerContext, subscription: Subscription, worker: UUID) -> None:
        """Work under the lease that was just taken."""
        self.id = subscription.id
        self.state = DeliveryState(context, subscription, worker)
        self._context = context
        self._db = context.notifier.log.db
        self._sender = DeliverySender(context, self.state, self.wake)
        self._reader: ChangeReader | None = None
        self._filter = ""
        self._behind = True
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """The log moved, or something else is new."""
        self._woken.set()

    def passes(self, head: Head) -> bool:
        """Nothing up to the head matches, and nothing else is to be written: the cursor can follow without a turn."""
        state = self.state
        idle = state.wants_more and not state.has_results
        return idle and self._reader is not None and self._reader.is_past(state.position, head)

    def refresh(self) -> None:
        """Somebody changed the subscription."""
        self.state.note_change()
        self.wake()

    def stop(self) -> None:
        """Send nothing more; what is under way may finish."""
        self.state.stop()
        self.wake()

    def abandon(self) -> None:
        """Wait no longer for what is under way: whoever is next sends it again."""
        self._sender.cancel()
        self.state.abandon()
        self.wake()

    def lose_lease(self) -> None:
        """The others took this worker for dead, and may have the subscription."""
        self.state.lose_lease()
        self.wake()

    def disable(self, reason: str, detail: str) -> None:
        """Send nothing more until somebody sets it active again."""
        if self.state.is_delivering:
            self.state.disable(reason, detail)
            self.wake()

    async def run(self) -> None:
        """Work until the lease is lost or there is nothing left to do; a database that is away is waited for."""
        failures, said = 0, ""
        try:
            while not self.state.is_finished:
                self._woken.clear()
                try:
                    await self.turn()
                except (Problem, WriteConflict) as error:
                    failures += 1
                    if str(error) != said:
                        log.warning("delivery waits", subscription=str(self.state.subscription.id), error=str(error))
                    said = str(error)
                    await self._wait_for_database(min(0.1 * 2**failures, MAX_INTERVAL_S))
                else:
                    failures, said = 0, ""
                    await self._rest()
        finally:
            await self.close()

    async def once(self) -> None:
        """Do all that can be done at this instant, and no more."""
        try:
            while not self.state.is_finished:
                await self.turn()
                if self._sender.tasks:
                    await asyncio.wait(self._sender.tasks)
                elif not (self._behind or self.state.has_results or self.state.must_load):
                    break
            self.state.stop()
            await self.state.write()
        finally:
            await self.close()

    async def close(self) -> None:
        """Give up what is under way, and close connections."""
        await self._sender.close()
        self.state.close()
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    async def turn(self) -> None:
        """Write what came of requests, read and store what is next, send what is due."""
        if self.state.must_load:
            await self._load()
        if self.state.has_ping:
            await self._sender.ping()
        await self._read()
        await self.state.write()
        await self._read_put_back()
        self._sender.launch()

    async def _load(self) -> None:
        """Take up the subscription as it stands now, a few of them at a time."""
        await self.state.write()
        async with self._context.loading:
            if self.state.must_load:
                await self._read_row()

    async def _read_row(self) -> None:
        state = self.state
        state.begin_loading()
        try:
            found = await read_held(self._db, state.lease.worker, state.lease.subscription)
            if found is None or found.token != state.lease.token:
                state.lose_lease()
                return
            await self._connect(found)
            unfinished = await open_deliveries(self._db, found.id)
        except BaseException:
            state.fail_loading()
            raise
        state.finish_loading(found, unfinished)
        self._behind = True

    async def _connect(self, found: Subscription) -> None:
        """Follow the filter and use the endpoint that it has now."""
        if self._reader is None or found.filter != self._filter:
            reader = ChangeReader(self._context.notifier, stored_filter(found.filter), self.wake)
            if self._reader is not None:
                self._reader.close()
            self._reader, self._filter = reader, found.filter
        await self._sender.connect(found)

    async def _read(self) -> None:
        """Read the next changes that match, as far as there is room for them."""
        state, self._behind = self.state, False
        if self._reader is None or not state.wants_more:
            return
        head = await self._context.head()
        if head.seq > state.position:
            state.add_page(await self._reader.read(state.position, min(state.room, STRETCH), head))
        self._behind = state.position < head.seq

    async def _read_put_back(self) -> None:
        """Take up deliveries that a retry put back, the first of those that are due, when none is at hand."""
        now = self._context.now()
        if self.state.needs_put_back(now):
            self.state.add_put_back(await put_back_deliveries(self._db, self.state.lease.subscription), now)

    async def _wait_for_database(self, seconds: float) -> None:
        """Leave it alone for a while; whoever stops the delivery does not wait for that."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.state.is_stopping:
                    self._woken.clear()
                    await self._woken.wait()

    async def _rest(self) -> None:
        """Wait for what comes first: news, a free slot, the next due delivery, or something to be written."""
        if self._behind or self.state.must_load or self.state.is_finished:
            await asyncio.sleep(0)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience()):
                await self._woken.wait()

    def _patience(self) -> float:
        """How many seconds may pass until something is to be done without news."""
        state, timings = self.state, self._context.timings
        waits = [MAX_REST_S]
        if (due := state.next_due()) is not None:
            until_due = max(MIN_REST_S, (due - self._context.now()).total_seconds())
            waits.append(until_due if self._context.holds() else timings.beat_s)  # until the lease is surely ours again
        if any(not in_flight.marked for in_flight in state.queue.flying.values()):
            waits.append(timings.mark_s)
        if state.is_ahead:
            waits.append(timings.keep_s)
        return min(waits)


async def follow_log(context: WorkerContext, dispatchers: Sequence[Dispatcher]) -> None:
    """Move the cursors of those for which nothing matched up to the head; each of the others sees to its own."""
    moved: set[UUID] = set()
    with suppress(Problem, WriteConflict):  # a turn waits for the database, and says so
        head = await context.head()
        passing = {each.id: each.state for each in dispatchers if each.passes(head)}
        fences = {id: state.fence for id, state in passing.items()}
        if fences:
            moved = await context.notifier.log.db.write(lambda tx: move_cursors(tx, fences, head.seq))
        for id in moved:
            passing[id].follow(fences[id], head.seq)
    for each in dispatchers:
        if each.id not in moved:
            each.wake()
