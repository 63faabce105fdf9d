"""One watcher per process: it notices that the log moved, encodes what is new once, and wakes all who wait."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Annotated

from fastapi import Depends

from app.changes import ChangeLog, Head
from app.events.index.readiness import readiness_of
from app.feed.connection_limit import ConnectionLimit
from app.feed.recent_changes import RecentChanges, encode_change, erases
from app.feed.term_updates import TermUpdates
from app.http import FromServices
from app.kinds import from_micros
from app.kit.offload import run_in_turns

POLL_S = 0.2
MIN_INTERVAL_S = 0.02
MAX_INTERVAL_S = 5.0
MAX_RECENT = 2_000

Waiting = asyncio.Future[None]


class Notifier:
    """Where readers of this process wait for the log to move. No connection is held meanwhile.

    Commits of this process come in by `wake`; those of others are found by asking for the head every 200 ms, which
    is done only while someone waits.
    """

    def __init__(self, log: ChangeLog, *, recent: int = MAX_RECENT, poll_s: float = POLL_S) -> None:
        """Watch this log, keeping up to `recent` of its newest changes."""
        self.log = log
        self.recent = RecentChanges(recent)
        self.term_updates = TermUpdates(log.db, self.recent.by_value)
        self.connections = ConnectionLimit()
        self.head = Head(0, 0, 0, from_micros(0))
        self.draining = False
        self._poll_s = poll_s
        self._waiting: dict[Waiting, tuple[int, int | None]] = {}
        self._kick = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._doubted = False
        readiness_of(log.db).call_when_ready(self.reread)

    def start(self) -> None:
        """Begin to watch."""
        self._task = asyncio.create_task(self._watch(), name="sitrep-notifier")

    async def stop(self) -> None:
        """End all waits and the watcher."""
        self.drain()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def wake(self) -> None:
        """A commit of this process moved the log."""
        self._kick.set()

    def drain(self) -> None:
        """The server is going down: end all waits, now and from now on."""
        self.draining = True
        self._release(list(self._waiting))

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return len(self._waiting)

    def notice(self, head: Head) -> None:
        """A request read this head; where it contradicts what is known here (a new epoch, a restore), begin anew.

        A head that lies before the known one may also have been read before it, so the notifier looks for itself.
        """
        if head.epoch > self.head.epoch > 0:
            self._begin_anew(head)
        if (head.epoch, head.seq) < (self.head.epoch, self.head.seq):
            self._doubted = True
            self._kick.set()

    def reread(self) -> None:
        """Forget the ids that changes carry: stored changes were indexed anew."""
        self.recent.by_value.clear()
        if self.head.epoch:
            self.recent.clear(self.head.seq, self.head.epoch)
        self.term_updates.forget()

    def expect(self, after: int, epoch: int | None = None) -> Waiting:
        """A future that is done once the log is beyond `after` or not of that epoch, or the server drains."""
        future: Waiting = asyncio.get_running_loop().create_future()
        if self.draining or self._is_past(after, epoch):
            future.set_result(None)
            return future
        if not self._waiting:
            self._kick.set()
        self._waiting[future] = after, epoch
        return future

    def forget(self, future: Waiting) -> None:
        """Nobody waits for this any more."""
        self._waiting.pop(future, None)

    async def wait(self, after: int, timeout: float, epoch: int | None = None) -> None:  # noqa: ASYNC109 (the reader's own patience)
        """Come back when the log is beyond `after` or not of that epoch, the time is up or the server drains."""
        future = self.expect(after, epoch)
        timer = asyncio.get_running_loop().call_later(timeout, release, future)
        try:
            await future
        finally:
            timer.cancel()
            self.forget(future)

    async def _watch(self) -> None:
        failures = 0
        while True:
            await self._pause(failures)
            try:
                await self._look()
                failures = 0
                self.log.db.trouble.clear("notifier")
            except Exception as error:  # noqa: BLE001 (whatever the database does, the watcher goes on)
                failures += 1
                self.log.db.trouble.report("notifier", error)

    async def _pause(self, failures: int) -> None:
        """Sleep while nobody waits, else until the next look or a kick; after failures longer and longer."""
        if failures:
            await asyncio.sleep(min(self._poll_s * 2**failures, MAX_INTERVAL_S))
            return
        delay = self._poll_s if self._waiting else None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):  # wait_for may swallow a cancellation
                await self._kick.wait()
        self._kick.clear()

    async def _look(self) -> None:
        """Ask where the log ends; when that is news, take in what is new and wake everyone."""
        if not self._waiting and not self._doubted:
            return
        head, self._doubted = await self.log.head(), False
        if (head.epoch, head.seq) == (self.head.epoch, self.head.seq):
            return
        if self.head.epoch and (head.epoch != self.head.epoch or head.seq < self.head.seq):
            self._begin_anew(head)
        else:
            await self._take_in(head)

    def _begin_anew(self, head: Head) -> None:
        """Forget what was known of a log that is no more."""
        self.recent.by_value.clear()
        self.recent.clear(head.seq, head.epoch)
        self.term_updates.forget()
        self._arrive(head)

    async def _take_in(self, head: Head) -> None:
        """Bring the recent changes up to the head; a jump or an erasure starts it anew."""
        known, recent = self.head, self.recent
        first = max(head.oldest, head.seq - recent.size)
        begin = head.seq if known.epoch == 0 else max(first, recent.end)
        entries = await self.log.between(begin, head.seq)
        erased = any(map(erases, entries))
        if erased and begin > first:
            begin, entries = first, await self.log.between(first, head.seq)
        if [entry.seq for entry in entries] != list(range(begin + 1, head.seq + 1)):
            begin, entries = head.seq, []
        source = await self.log.source()
        pieces = await run_in_turns(
            lambda entry: encode_change(entry, head.epoch, source), entries, lambda entry: len(entry.body)
        )
        await self.term_updates.learn(entries, begin, (head.epoch, head.seq))
        if self.head is not known:  # a request has begun anew meanwhile
            return
        if erased or (recent.epoch, recent.end) != (head.epoch, begin):
            recent.clear(begin, head.epoch)
        recent.add(pieces)
        self.term_updates.arrive(entries, begin, (head.epoch, head.seq))
        self._arrive(head)

    def _arrive(self, head: Head) -> None:
        """Know where the log ends now, and wake those who wait for that."""
        self.head = head
        self._release([future for future, place in self._waiting.items() if self._is_past(*place)])

    def _is_past(self, after: int, epoch: int | None) -> bool:
        head = self.head
        return head.seq > after or (epoch is not None and head.epoch not in {0, epoch})

    def _release(self, futures: Iterable[Waiting]) -> None:
        for future in futures:
            self.forget(future)
            release(future)


NotifierDep = Annotated[Notifier, Depends(FromServices("notifier"))]


def release(future: Waiting) -> None:
    """End one wait."""
    if not future.done():
        future.set_result(None)
