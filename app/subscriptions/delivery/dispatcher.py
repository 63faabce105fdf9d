"""Delivers one subscription under one lease: reads what matches, stores it, sends it, writes what came of it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from app.db import Surprise
from app.errors import Problem
from app.subscriptions.delivery.change_reader import Reader
from app.subscriptions.delivery.leases import read_one
from app.subscriptions.delivery.queue import due_at
from app.subscriptions.delivery.retry_policy import Attempt, disabled
from app.subscriptions.delivery.sender import Sending
from app.subscriptions.delivery.state import Books
from app.subscriptions.filter import stored_filter
from app.subscriptions.statements import READY, open_deliveries, put_back_deliveries
from app.subscriptions.tables import Delivery

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from app.feed.recent_changes import Piece
    from app.subscriptions.delivery.context import Means
    from app.subscriptions.tables import Subscription

# So many changes are read and stored in one step.
STRETCH = 500
SLOWEST_S = 5.0
LONGEST_REST_S = 60.0
SHORTEST_REST_S = 0.001
log = structlog.get_logger(__name__)


class Pump:
    """Moves one subscription's cursor and its deliveries; all that it must not forget is in the database."""

    def __init__(self, means: Means, subscription: Subscription, worker: UUID) -> None:
        """Work under the lease that was just taken."""
        self.books = Books(means, subscription, worker)
        self.sending = Sending(means, self.books, self._sent)
        self._means = means
        self._reader: Reader | None = None
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
            self._gathering = asyncio.get_running_loop().call_later(self._means.pace.gather_s, self._gathered)

    def _gathered(self) -> None:
        self._gathering = None
        self.wake()

    def refresh(self) -> None:
        """Somebody changed the subscription."""
        self.books.stale = True
        self.wake()

    def stop(self) -> None:
        """Send nothing more; what is under way may finish."""
        self.books.stopping = True
        self.wake()

    def abandon(self) -> None:
        """Wait no longer for what is under way: whoever is next sends it again."""
        for task in self.sending.tasks:
            task.cancel()
        self.books.backlog.flying.clear()
        self.stop()

    def disable(self, reason: str, detail: str) -> None:
        """Send nothing more until somebody sets it active again."""
        if self.books.is_delivering:
            at = Attempt(self._means.now(), None, 0, reason)
            self.books.judged(disabled(self.books.health, at, self.books.lease.subscription, reason, detail))
            self.wake()

    async def run(self) -> None:
        """Work until the lease is lost or there is nothing left to do; a database that is away is waited for."""
        failures, said = 0, ""
        try:
            while not self.books.is_closed:
                self._woken.clear()
                try:
                    await self.turn()
                except (Problem, Surprise) as error:
                    failures += 1
                    if str(error) != said:
                        log.warning("delivery waits", subscription=str(self.books.lease.subscription), error=str(error))
                    said = str(error)
                    await self._wait_for_database(min(0.1 * 2**failures, SLOWEST_S))
                else:
                    failures, said = 0, ""
                    await self._rest()
        finally:
            await self.close()

    async def once(self) -> None:
        """Do all that can be done at this instant, and no more."""
        books = self.books
        try:
            while not books.is_closed:
                await self.turn()
                if self.sending.tasks:
                    await asyncio.wait(self.sending.tasks)
                elif not (self._behind or books.unwritten.any or books.stale):
                    break
            books.stopping = True
            await books.write()
        finally:
            await self.close()

    async def close(self) -> None:
        """Give up what is under way, and close connections."""
        await self.sending.close()
        self.books.backlog.bodies.clear()
        if self._gathering is not None:
            self._gathering.cancel()
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    async def turn(self) -> None:
        """Write what came of requests, read and store what is next, send what is due."""
        if self.books.stale:
            await self._reload()
        if self.books.has_ping and not self.books.fenced:
            await self.sending.ping()
        await self._fetch()
        await self.books.write()
        await self._fetch_put_back()
        self.sending.launch()

    async def _reload(self) -> None:
        """Take up the subscription as it stands now."""
        books = self.books
        await books.write()
        books.stale = False
        if books.fenced:
            return
        found = await read_one(self._means.hub.log.db, books.lease.worker, books.lease.subscription)
        if found is None or found.token != books.lease.token:
            books.fenced = True
            return
        try:
            await self._equip(found)
            await self._load()
        except BaseException:
            books.stale = True
            raise
        books.open_at(found)
        self._behind = True

    async def _equip(self, found: Subscription) -> None:
        """Follow the filter and use the endpoint that it has now."""
        if self._reader is None or found.filter != self._filter:
            reader = Reader(self._means.hub, stored_filter(found.filter))
            if self._reader is not None:
                self._reader.close()
            self._reader, self._filter = reader, found.filter
        await self.sending.connect(found)

    async def _load(self) -> None:
        """Take up the deliveries that are not finished; what came of some meanwhile is newer than their rows."""
        backlog, unwritten = self.books.backlog, self.books.unwritten
        rows = await open_deliveries(self._means.hub.log.db, self.books.lease.subscription)
        backlog.keep(row.id for row in rows)
        for row in rows:
            if row.id not in backlog.flying and not unwritten.has_news_of(row.id):
                backlog.put(row)
        self.sending.extra_at = self._means.now()

    async def _fetch(self) -> None:
        """Read the next changes that match, as far as there is room for them."""
        books, self._behind = self.books, False
        if self._reader is None or not books.is_delivering or books.fenced or not books.wants_more:
            return
        head = await self._means.head()
        if head.seq > books.at:
            page = await self._reader.read(books.at, min(books.room, STRETCH), head)
            books.at = page.next
            self._add(page.pieces)
        self._behind = books.at < head.seq

    def _add(self, found: Sequence[Piece]) -> None:
        """Deliveries that wait for their first attempt."""
        books, now = self.books, self._means.now()
        subscription, generation = books.lease.subscription, books.subscription.generation
        added, bodies = books.unwritten.added, books.backlog.bodies
        ids = self._means.new_id.many(len(found))
        for id, piece in zip(ids, found, strict=True):
            seq, epoch = piece.entry[:2]
            added.append(Delivery(id, subscription, seq, epoch, generation, "queued", True, 0, 0, "[]", now, now))
            bodies.put(id, piece.item)

    async def _fetch_put_back(self) -> None:
        """Take up deliveries that a retry put back, the first of those that are due, when none is at hand."""
        now, at = self._means.now(), self.sending.extra_at
        backlog, unwritten = self.books.backlog, self.books.unwritten
        if not self.books.is_delivering or at is None or at > now or backlog.extra:
            return
        rows = await put_back_deliveries(self._means.hub.log.db, self.books.lease.subscription)
        due = [row for row in rows if due_at(row) <= now]
        times = [due_at(row) for row in rows if due_at(row) > now]
        for row in due:
            if row.id not in backlog.flying and not unwritten.has_news_of(row.id):
                backlog.put(row)
        self.sending.extra_at = now if len(due) == READY else min(times, default=None)

    async def _wait_for_database(self, seconds: float) -> None:
        """Leave it alone for a while; whoever stops the pump does not wait for that."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.books.stopping:
                    self._woken.clear()
                    await self._woken.wait()

    async def _rest(self) -> None:
        """Wait for what comes first: news, a free slot, the next due delivery, or something to be written."""
        if self._behind or self.books.stale or self.books.is_closed:
            await asyncio.sleep(0)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience()):
                await self._woken.wait()

    def _patience(self) -> float:
        """How many seconds may pass until something is to be done without news."""
        books, pace = self.books, self._means.pace
        waits = [LONGEST_REST_S]
        put_back = None if books.backlog.extra else self.sending.extra_at
        times = [moment for moment in (books.backlog.next_at(), put_back) if moment is not None]
        if times and books.is_delivering and books.has_slot and not self._means.holds():
            waits.append(pace.beat_s)  # until the lease is surely ours again
        elif times and books.is_delivering and books.has_slot:
            first = max([min(times), *([books.resume_at] if books.resume_at else [])])
            waits.append(max(SHORTEST_REST_S, (first - self._means.now()).total_seconds()))
        if any(not flight.marked for flight in books.backlog.flying.values()):
            waits.append(pace.mark_s)
        if books.is_ahead:
            waits.append(pace.keep_s)
        return min(waits)
