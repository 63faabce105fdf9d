"""Server-sent events: one open stream, from its first position until it ends and the reader resumes by id."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from app.errors import Problem
from app.feed.matcher import Matcher
from app.feed.notifier import MIN_INTERVAL_S, Notifier, Waiting, release
from app.feed.reader import MAX_SCANNED, PageReader
from app.feed.recent_changes import EncodedChange
from app.feed.stream_format import FeedFormat, StreamFormat
from app.http import FromServices

# How many changes go out in one piece: a slow reader buffers no more than that.
CHUNK = 100
FEED_FORMAT = FeedFormat()


@dataclass(frozen=True, slots=True)
class StreamTimings:
    """The times of a stream in seconds, and by how many changes a reader may fall behind.

    `long_poll_s` is how long a long poll waits where the caller cannot say, as in Durable Streams.
    """

    heartbeat_s: float = 15.0
    life_s: float = 900.0
    send_s: float = 20.0
    lag: int = 1000
    long_poll_s: float = 20.0


StreamTimingsDep = Annotated[StreamTimings, Depends(FromServices("stream_timings"))]


class StreamWriter:
    """A reader's place in the log, and what it is sent on the way.

    `send` gets bytes; `welcome` tells at every heartbeat whether the reader's key still opens the feed.
    """

    def __init__(
        self,
        notifier: Notifier,
        matcher: Matcher,
        start: tuple[int, int],
        send: Callable[[bytes], Awaitable[None]],
        *,
        timings: StreamTimings,
        welcome: Callable[[], Awaitable[bool]],
        form: StreamFormat = FEED_FORMAT,
    ) -> None:
        """`start` is the epoch and the sequence after which the reader goes on; `form` is how it is told."""
        self.notifier = notifier
        self.matcher = matcher
        self.reader = PageReader(notifier.log, matcher, notifier.recent)
        self.epoch, self.at = start
        self.told = self.end = self.at
        self.gone = False
        self.silent = True
        self._form = form
        self._pace = timings
        self._welcome = welcome
        self._put = send
        self._pausing: Waiting | None = None
        self._clock = asyncio.get_running_loop().time
        self._ends = self._clock() + timings.life_s
        self._due = self._clock() + timings.heartbeat_s
        self._sending = 0.0

    def leave(self) -> None:
        """The reader hung up."""
        self.gone = True
        if self._pausing is not None:
            release(self._pausing)

    @property
    def over(self) -> bool:
        """Nothing more is to be sent but the last position."""
        return self.gone or self.notifier.draining or self._clock() >= self._ends

    async def run(self) -> None:
        """Send the past, then follow the present until one of the ends; TimeoutError when the reader takes nothing."""
        watch = SendWatchdog(self, asyncio.current_task())
        self.notifier.term_updates.follow(self.matcher)
        try:
            if self._form.opening:
                await self._send(self._form.opening)
            with suppress(Problem):  # the database is away: the reader comes back by itself
                await self._catch_up()
                if self.silent:
                    await self._tell()
                await self._stay()
            if not self.gone and self.notifier.head.epoch in {0, self.epoch}:
                await self._tell()
        except asyncio.CancelledError:
            if not watch.struck:
                raise
            raise TimeoutError from None
        finally:
            watch.end()
            self.notifier.term_updates.leave(self.matcher)

    async def _catch_up(self) -> None:
        """Send what is stored, page by page, with a position after each stretch that was passed over."""
        head = await self.notifier.log.head()
        await self.matcher.learn(
            self.notifier.log.db, head.epoch, head.seq
        )  # now, and not all streams at the first change
        while self.at < head.seq and head.epoch == self.epoch and not self.over:
            self.end = head.seq
            page = await self.reader.page(self.at, CHUNK, head)
            if page.next == self.at:  # a replica is behind
                await asyncio.sleep(MIN_INTERVAL_S)
                return
            self.at = page.next
            await self._deliver_each(page.pieces)
            if self.told < self.at:
                await self._tell()
            head = await self.notifier.log.head()
        self.notifier.notice(head)

    async def _stay(self) -> None:
        """Wait for the log to move and send what is new; a reader who cannot keep up is let go."""
        while not self.over:
            await self._pause()
            target = self.notifier.head.seq
            if self.notifier.head.epoch not in {0, self.epoch}:
                return
            if target > self.at and not self.over:
                sent = await self._advance(target)
                if sent and self.notifier.head.seq - target >= self._pace.lag:
                    return
            if self._clock() >= self._due:
                if not await self._welcome():
                    return
                await self._tell()

    async def _advance(self, target: int) -> bool:
        """Send the changes up to the target; whether there were any for this reader."""
        sent, self.end = False, target
        while self.at < target and not self.over:
            upto = min(self.at + CHUNK, target)
            if self.notifier.recent.epoch != self.epoch or self.notifier.recent.between(self.at, upto) is None:
                await self._catch_up()
                return sent
            if self.matcher.everything:
                joined = self.notifier.recent.joined(self._form.join, self.at, upto) or b""
                self.at, sent = upto, True
                await self._deliver(joined, upto)
            else:
                page = await self.reader.page(self.at, CHUNK, self.notifier.head)
                if page.next == self.at:  # a replica is behind
                    await asyncio.sleep(MIN_INTERVAL_S)
                    return sent
                self.at, sent = page.next, sent or bool(page.pieces)
                await self._deliver_each(page.pieces)
        if self.at - self.told >= MAX_SCANNED:
            await self._tell()
        return sent

    async def _pause(self) -> None:
        future = self._pausing = self.notifier.expect(self.at, self.epoch)
        try:
            await future
        finally:
            self.notifier.forget(future)
            self._pausing = None

    async def _deliver_each(self, pieces: Sequence[EncodedChange]) -> None:
        if pieces:
            await self._deliver(self._form.join(pieces), pieces[-1].entry.seq)

    async def _deliver(self, changes: bytes, last: int) -> None:
        if self._form.positions_follow:
            changes, last = changes + self._position(), self.at
        await self._send(changes)
        self.told = last

    async def _tell(self) -> None:
        """The position alone."""
        await self._send(self._position())
        self.told = self.at

    def _position(self) -> bytes:
        return self._form.position(self.epoch, self.at, up_to_date=self.at >= self.end)

    async def _send(self, data: bytes) -> None:
        self._sending, self.silent = self._clock(), False
        await self._put(data)
        self._sending = 0.0
        self._due = self._clock() + self._pace.heartbeat_s

    def look(self, now: float) -> float | None:
        """Whether it is time: wake the follower where it is; the next time to look, None when the reader is stuck."""
        if self._sending:
            limit = self._sending + self._pace.send_s
            return limit if now < limit else None
        due = min(self._due, self._ends)
        if now < due:
            return due
        if self._pausing is not None:
            release(self._pausing)
        return now + min(self._pace.heartbeat_s, 1.0)


class SendWatchdog:
    """The one timer of a stream; it is not moved with every change, which would cost more than the change."""

    def __init__(self, follower: StreamWriter, task: asyncio.Task[None] | None) -> None:
        """Begin to look after the follower that runs in this task."""
        self.struck = False
        self._follower = follower
        self._task = task
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.Handle = self._loop.call_soon(self._look)

    def end(self) -> None:
        """Look no more."""
        self._timer.cancel()
        if self.struck and self._task is not None:
            self._task.uncancel()

    def _look(self) -> None:
        following = self._follower.look(self._loop.time())
        if following is not None:
            self._timer = self._loop.call_at(following, self._look)
        elif self._task is not None:
            self.struck = True
            self._task.cancel()
