"""The delivery worker: takes its share of the subscriptions, runs a dispatcher for each, and gives them back."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

import structlog

from app.auth.keys import utc_now
from app.db import Transaction, WriteConflict
from app.errors import Problem
from app.feed.notifier import Notifier
from app.group_commit import GroupCommitter
from app.kit.ids import IdSource
from app.subscriptions.delivery.cleanup import DeliveryCleanup
from app.subscriptions.delivery.context import WorkerContext, WorkerTimings
from app.subscriptions.delivery.dispatcher import Dispatcher, follow_log
from app.subscriptions.delivery.leases import (
    STILL_HELD,
    TOUCHED,
    TOUCHED_SINCE,
    give_back,
    rebalance,
    subscriptions_to_deliver,
    take,
)
from app.subscriptions.delivery.metrics import DeliveryCounts
from app.subscriptions.delivery.result_writer import Outcome, ResultBatch, write_batches
from app.subscriptions.delivery.worker_membership import Membership
from app.subscriptions.ownership import WITHOUT_KEY, owners_without_key
from app.subscriptions.tables import Subscription
from app.subscriptions.transport.secret_cipher import SecretCipher
from app.subscriptions.transport.url_guard import TargetPolicy

MAX_INTERVAL_S = 5.0
FINAL_WRITE_TIMEOUT_S = 1.0
# So many subscriptions for which nothing matched move their cursors in one step.
KEPT_AT_ONCE = 200
log = structlog.get_logger(__name__)


class Worker:
    """Delivers, beside any number of others.

    `now` tells the time of day for schedules, `ticks` runs evenly for leases, `jitter` is drawn from -1..1.
    """

    def __init__(
        self,
        notifier: Notifier,
        cipher: SecretCipher,
        rules: TargetPolicy,
        counts: DeliveryCounts,
        *,
        timings: WorkerTimings | None = None,
        now: Callable[[], datetime] = utc_now,
        ticks: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = lambda: random.uniform(-1, 1),  # noqa: S311 (spreads retries, guards nothing)
    ) -> None:
        """Begin when `start` is called, or work for one pass with `once`."""
        self.dispatchers: dict[UUID, Dispatcher] = {}
        self._notifier = notifier
        self._db = notifier.log.db
        self._timings = timings or WorkerTimings()
        self._now = now
        self._counts = counts
        new_id = IdSource()
        self.membership = Membership(self._db, self._timings, ticks, new_id)
        self._writer: GroupCommitter[ResultBatch, Outcome] = GroupCommitter(self._write, lambda step: step.size)
        self._context = WorkerContext(
            notifier,
            self._writer,
            cipher,
            rules,
            counts,
            now,
            ticks,
            jitter,
            new_id,
            self.membership.holds,
            self._timings,
        )
        self._sweeper = DeliveryCleanup(self._db, now, ticks)
        self._running: dict[UUID, asyncio.Task[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._kicked = asyncio.Event()
        self._taken = asyncio.Event()
        self._moved = asyncio.Event()
        self._stopping = False
        self._seen = -1
        self._uneven = False
        self._owners: set[str] = set()

    def start(self) -> None:
        """Begin to look for work."""
        self._writer.start()
        self._tasks = [
            asyncio.create_task(self._work(), name="sitrep-delivery"),
            asyncio.create_task(self._listen(), name="sitrep-delivery-listener"),
            asyncio.create_task(self._keep_up(), name="sitrep-delivery-cursors"),
        ]

    def kick(self) -> None:
        """This process changed a subscription: look at once."""
        self._kicked.set()

    def drain(self) -> None:
        """Send nothing more."""
        self._stopping = True
        for dispatcher in self.dispatchers.values():
            dispatcher.stop()

    async def stop(self) -> None:
        """Let what is under way finish for a moment, write what came of it, and give every lease back."""
        self.drain()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._finish_dispatchers()
        await self._writer.stop()
        with contextlib.suppress(Problem, WriteConflict, TimeoutError):
            async with asyncio.timeout(FINAL_WRITE_TIMEOUT_S):
                await self.membership.deregister()

    async def once(self) -> None:
        """One pass: take what nobody has, do all that can be done at this instant, give it back."""
        self._writer.start()
        await self._share_out()
        await asyncio.gather(*(dispatcher.once() for dispatcher in self.dispatchers.values()))
        self.dispatchers.clear()
        await self._writer.stop()
        await self.membership.deregister()

    async def _write(self, steps: Sequence[ResultBatch]) -> list[Outcome | Exception]:
        async def work(tx: Transaction) -> list[Outcome | Exception]:
            return list(await write_batches(tx, steps))

        return await self._db.write(work)

    async def _work(self) -> None:
        failures = 0
        while True:
            self._kicked.clear()
            try:
                await self._look()
                await self._sweeper.sweep()
                failures = 0
                self._db.trouble.clear("delivery")
            except Exception as error:  # noqa: BLE001 (whatever the database does, the worker goes on)
                failures += 1
                self._seen = -1  # what was to be done is not done: look at everything again
                self._db.trouble.report("delivery", error)
            pause = self._timings.look_s if not failures else min(self._timings.look_s * 2**failures, MAX_INTERVAL_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._kicked.wait()

    async def _listen(self) -> None:
        """Keep the notifier looking at the log, as it does while somebody waits; it wakes whom a change concerns."""
        seen = self._notifier.head
        while not self._notifier.draining:
            if not self.dispatchers:
                self._taken.clear()
                await self._taken.wait()
            await self._notifier.expect(seen.seq, seen.epoch)
            seen = self._notifier.head
            self._moved.set()

    async def _keep_up(self) -> None:
        """Let the cursors follow where nothing matched: once a second, or less often where they are many."""
        while True:
            await self._moved.wait()
            self._moved.clear()
            waiting = list(self.dispatchers.values())
            for start in range(0, len(waiting), KEPT_AT_ONCE):
                await asyncio.sleep(self._timings.keep_s)
                await follow_log(self._context, waiting[start : start + KEPT_AT_ONCE])

    async def _look(self) -> None:
        """Beat, see who else is there, and take up what changed."""
        if self.membership.is_due:
            await self._beat()
        [(touched,)] = await self._db.rows(TOUCHED, primary=True)
        if touched == self._seen and not self._uneven:
            return
        self._uneven = False
        await self._share_out()
        await self._refresh(self._seen)
        self._seen = touched
        for id, dispatcher in self.dispatchers.items():
            if id not in self._running:
                self._running[id] = asyncio.create_task(dispatcher.run(), name=f"sitrep-dispatcher {id}")
                self._running[id].add_done_callback(self._note_end)

    async def _beat(self) -> None:
        """Show life; whoever was declared dead meanwhile has lost every lease and begins anew."""
        trusted = self.membership.holds()
        if not await self.membership.beat():
            for dispatcher in self.dispatchers.values():
                dispatcher.lose_lease()
            await self._finish_dispatchers()
            self._seen = -1
            return
        if not trusted:
            for dispatcher in self.dispatchers.values():
                dispatcher.wake()
        self._uneven = await self.membership.watch() or self._uneven
        await self._disable_without_key()

    async def _share_out(self) -> None:
        """Take what is free and give back what is more than a fair share."""
        self._forget_ended()
        wanted = await subscriptions_to_deliver(self._db)
        if not self.membership.enlisted:
            if not wanted or self._stopping:
                return
            await self.membership.register(self._now())
        workers = await self.membership.beats()
        for lost in {holder for holder in wanted.values() if holder is not None and holder not in workers}:
            await self.membership.evict(lost, None)
            wanted = {id: None if holder == lost else holder for id, holder in wanted.items()}
        over = [id for id, holder in wanted.items() if holder == self.membership.id and id not in self.dispatchers]
        rank = sorted({*workers, self.membership.id}).index(self.membership.id)
        plan = rebalance(wanted | dict.fromkeys(over), self.dispatchers, len(workers), rank)
        for id in plan.release:
            self.dispatchers[id].stop()
        await self._exchange([] if self._stopping else plan.take, over)

    async def _exchange(self, wanted: Sequence[UUID], over: Sequence[UUID]) -> None:
        """Take some subscriptions, and give back those whose dispatcher has ended."""

        async def work(tx: Transaction) -> list[Subscription]:
            if over:
                await give_back(tx, self.membership.id, over)
            return await take(tx, self.membership.id, wanted) if wanted else []

        taken = await self._db.write(work) if wanted or over else []
        for held in taken:
            self.dispatchers[held.id] = Dispatcher(self._context, held, self.membership.id)
            self._taken.set()
        self._owners = {dispatcher.state.subscription.owner for dispatcher in self.dispatchers.values()}
        self._uneven |= len(taken) < len(wanted)  # another was faster: look again for what else is free
        self._counts.held.set(len(self.dispatchers))

    async def _refresh(self, seen: int) -> None:
        """Let the dispatchers see what callers changed."""
        if not self.dispatchers:
            return
        touched = await self._db.rows(TOUCHED_SINCE, {"seen": seen, "me": self.membership.id}, primary=True)
        held = await self._db.rows(STILL_HELD, {"me": self.membership.id}, primary=True)
        for id in {*self.dispatchers} & {id for (id,) in touched} | {*self.dispatchers} - {id for (id,) in held}:
            self.dispatchers[id].refresh()

    async def _disable_without_key(self) -> None:
        """Stop sending for owners who have no key any more."""
        gone = await owners_without_key(self._db, self._owners, self._now()) if self._owners else set()
        for dispatcher in self.dispatchers.values() if gone else ():
            if dispatcher.state.subscription.owner in gone:
                dispatcher.disable("no-key", WITHOUT_KEY)

    def _note_end(self, _task: asyncio.Task[None]) -> None:
        """A delivery loop ended: look at everything again."""
        self._uneven = True

    def _forget_ended(self) -> None:
        for id, task in list(self._running.items()):
            if task.done():
                if not task.cancelled() and (error := task.exception()) is not None:
                    log.error("a delivery loop failed", subscription=str(id), exc_info=error)
                del self._running[id], self.dispatchers[id]

    async def _finish_dispatchers(self) -> None:
        """Wait a moment for the dispatchers, then end them."""
        for hurry in (Dispatcher.stop, Dispatcher.abandon):
            for dispatcher in self.dispatchers.values():
                hurry(dispatcher)
            if self._running:
                await asyncio.wait(self._running.values(), timeout=self._timings.linger_s)
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        self._running.clear()
        self.dispatchers.clear()
        self._counts.held.set(0)
