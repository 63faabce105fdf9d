"""A stream: what is sent and in which order, when it breathes, and when it ends."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from logs import MemoryLog

from app.db.heavy_queries import HeavyQueryLimiter, QueryBudget, interruptible
from app.errors import TooManyRequests, Unavailable
from app.errors.failure_log import SCOPE_KEY as FAILURES
from app.errors.failure_log import FailureLog
from app.feed.connection_limit import ConnectionLimit, Seat
from app.feed.matcher import Matcher
from app.feed.notifier import Notifier
from app.feed.open_stream import ABORT, EventStream
from app.feed.schemas import StreamQuery
from app.feed.sse import CHUNK, StreamTimings, StreamWriter
from app.http.rest_of_response import send_rest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATIENCE_S = 60.0


class Reader:
    """One stream over a log in memory, and what it was sent."""

    def __init__(
        self,
        notifier: Notifier,
        after: int,
        *,
        epoch: int = 1,
        timings: StreamTimings | None = None,
        key_is_good: bool = True,
    ) -> None:
        self.sent: list[bytes] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.key_is_good = key_is_good
        timings = timings or StreamTimings()
        self.follower = StreamWriter(
            notifier, Matcher(StreamQuery()), (epoch, after), self.take, timings=timings, welcome=self.welcome
        )

    async def take(self, data: bytes) -> None:
        await self.reads.wait()
        self.sent.append(data)

    async def welcome(self) -> bool:
        return self.key_is_good

    @property
    def blocks(self) -> list[bytes]:
        return b"".join(self.sent).split(b"\n\n")[:-1]

    @property
    def seen(self) -> list[int]:
        return [position_of(block) for block in self.blocks if b"event: change" in block]

    async def has(self, count: int) -> None:
        """Wait until so many blocks are here."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.blocks) < count:  # noqa: ASYNC110 (the fake has no event)
                await asyncio.sleep(0.001)


def position_of(block: bytes) -> int:
    return int(block.split(b"\n")[0].rpartition(b"-")[2])


@asynccontextmanager
async def open_stream(
    log: MemoryLog, after: int, **options: Any
) -> AsyncIterator[tuple[Notifier, Reader, asyncio.Task[None]]]:
    notifier = Notifier(log, poll_s=0.005)  # type: ignore[arg-type]
    notifier.start()
    reader = Reader(notifier, after, **options)
    task = asyncio.create_task(reader.follower.run())
    yield notifier, reader, task
    reader.reads.set()
    await notifier.stop()
    async with asyncio.timeout(PATIENCE_S):
        await task


async def test_the_past_then_the_present_each_change_once() -> None:
    log = MemoryLog(2 * CHUNK + 7)
    async with open_stream(log, 3) as (notifier, reader, _):
        await reader.has(1 + 2 * CHUNK + 4)
        for written in (1, 2, CHUNK + 5):
            log.write(written)
            notifier.wake()
            await notifier.wait(len(log.entries) - 1, 5)
        await reader.has(1 + len(log.entries) - 3)
    assert reader.blocks[0] == b"retry: 3000"
    assert reader.seen == list(range(4, len(log.entries) + 1))


async def test_a_quiet_stream_breathes() -> None:
    async with open_stream(MemoryLog(3), 3, timings=StreamTimings(heartbeat_s=0.01)) as (_, reader, _task):
        await reader.has(3)
    assert reader.blocks[1:3] == [b"id: e1-000000000003"] * 2


async def test_draining_ends_the_stream_with_its_position() -> None:
    async with open_stream(MemoryLog(3), 0) as (notifier, reader, task):
        await reader.has(4)
        notifier.drain()
        async with asyncio.timeout(PATIENCE_S):
            await task
    assert reader.blocks[-1] == b"id: e1-000000000003"


async def test_a_stream_has_its_day() -> None:
    async with open_stream(MemoryLog(1), 1, timings=StreamTimings(life_s=0.02)) as (_, reader, task):
        async with asyncio.timeout(PATIENCE_S):
            await task
    assert reader.blocks == [b"retry: 3000", b"id: e1-000000000001"]


async def test_a_reader_that_hung_up_gets_nothing_more() -> None:
    async with open_stream(MemoryLog(1), 1) as (_, reader, task):
        await reader.has(1)
        await asyncio.sleep(0.01)
        reader.follower.leave()
        async with asyncio.timeout(PATIENCE_S):
            await task
    assert reader.blocks == [b"retry: 3000"]


async def test_a_slow_reader_is_let_go_and_resumes_by_id() -> None:
    log = MemoryLog(1)
    async with open_stream(log, 1, timings=StreamTimings(lag=10)) as (notifier, reader, task):
        await reader.has(1)
        await asyncio.sleep(0.02)
        reader.reads.clear()
        for written in (1, 11):
            log.write(written)
            notifier.wake()
            await notifier.wait(len(log.entries) - 1, 5)
        reader.reads.set()
        async with asyncio.timeout(PATIENCE_S):
            await task
    assert reader.blocks[1:] == [*reader.blocks[1:2], b"id: e1-000000000002"]
    async with open_stream(log, 2) as (_, again, _task):
        await again.has(12)
    assert reader.seen + again.seen == list(range(2, 14))


async def test_a_commit_of_many_changes_does_not_throw_a_fast_reader_out() -> None:
    log = MemoryLog(1)
    async with open_stream(log, 1, timings=StreamTimings(lag=10)) as (notifier, reader, task):
        await reader.has(1)
        await asyncio.sleep(0.02)
        log.write(500)
        notifier.wake()
        await reader.has(501)
        assert not task.done()
    assert reader.seen == list(range(2, 502))


async def test_a_revoked_key_ends_the_stream() -> None:
    async with open_stream(MemoryLog(1), 1, timings=StreamTimings(heartbeat_s=0.01), key_is_good=False) as (
        _,
        _reader,
        task,
    ):
        async with asyncio.timeout(PATIENCE_S):
            await task


async def test_a_restored_log_ends_the_stream_without_a_position() -> None:
    log = MemoryLog(3)
    async with open_stream(log, 3) as (_, reader, task):
        await reader.has(1)
        await asyncio.sleep(0.02)
        log.epoch, log.entries = 2, log.entries[:2]
        async with asyncio.timeout(PATIENCE_S):
            await task
    assert reader.blocks == [b"retry: 3000"]


async def test_a_database_that_goes_away_ends_the_stream_softly() -> None:
    log = MemoryLog(3)
    log.broken = True
    async with open_stream(log, 1) as (_, reader, task):
        async with asyncio.timeout(PATIENCE_S):
            await task
    assert reader.blocks == [b"retry: 3000", b"id: e1-000000000001"]


class Wire:
    """The server's side of one request: it may stop taking, and it may hang up."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.takes = asyncio.Event()
        self.takes.set()
        self.gone = asyncio.Event()
        self.aborted = False
        self.scope = {
            "type": "http",
            "path": "/v1/feed/stream",
            "extensions": {ABORT: self.abort},
            FAILURES: FailureLog(),
        }

    def abort(self) -> None:
        self.aborted = True

    async def receive(self) -> Any:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.body":
            await self.takes.wait()
        self.messages.append(message)


def a_seat(limit: ConnectionLimit | None = None) -> Seat:
    return (limit or ConnectionLimit()).seat("somebody", 1, 1)


async def test_the_answer_starts_frees_its_seat_and_ends() -> None:
    log, wire, limit = MemoryLog(2), Wire(), ConnectionLimit()
    notifier = Notifier(log)  # type: ignore[arg-type]
    answer = EventStream(lambda send: follower_of(notifier, send), a_seat(limit), reading)
    serving = asyncio.create_task(whole(answer, wire))
    while len(wire.messages) < 3:  # noqa: ASYNC110 (the fake has no event)
        await asyncio.sleep(0.001)
    assert limit.taken == {"somebody": 1}
    notifier.drain()
    async with asyncio.timeout(PATIENCE_S):
        await serving
    headers = dict(wire.messages[0]["headers"])
    assert headers[b"content-type"].startswith(b"text/event-stream")
    assert headers[b"cache-control"] == b"no-store"
    assert headers[b"x-accel-buffering"] == b"no"
    assert b"content-length" not in headers
    assert wire.messages[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    assert not limit.taken


async def test_a_reader_that_never_reads_loses_the_connection() -> None:
    log, wire = MemoryLog(2), Wire()
    wire.takes.clear()
    notifier = Notifier(log)  # type: ignore[arg-type]
    answer = EventStream(lambda send: follower_of(notifier, send, StreamTimings(send_s=0.02)), a_seat(), reading)
    async with asyncio.timeout(PATIENCE_S):
        await whole(answer, wire)
    assert wire.aborted


async def test_what_fails_in_a_stream_is_logged_with_its_request() -> None:
    def fail(_send: Any) -> StreamWriter:
        message = "unforeseen"
        raise RuntimeError(message)

    wire, limit = Wire(), ConnectionLimit()
    with structlog.testing.capture_logs() as logs:
        await whole(EventStream(fail, a_seat(limit), reading), wire)
    assert [entry["event"] for entry in logs] == ["unhandled exception"]
    assert "RuntimeError: unforeseen" in logs[0]["exception"]
    assert [message["type"] for message in wire.messages] == ["http.response.start"]
    assert not limit.taken


async def test_what_a_stream_reads_is_given_up_when_its_reader_leaves() -> None:
    class Reading(StreamWriter):
        async def run(self) -> None:
            with interruptible():
                wire.gone.set()
                await asyncio.Event().wait()

    wire, limit, notifier = Wire(), ConnectionLimit(), Notifier(MemoryLog(0))  # type: ignore[arg-type]
    answer = EventStream(lambda send: follower_of(notifier, send, sort=Reading), a_seat(limit), reading)
    with structlog.testing.capture_logs() as logs:
        async with asyncio.timeout(PATIENCE_S):
            await whole(answer, wire)
    assert (logs, limit.taken) == ([], {})


def reading(receive: Any) -> QueryBudget:
    """What bounds the reading of somebody's stream."""
    return HeavyQueryLimiter().ask(lambda: "somebody", receive)


async def whole(answer: EventStream, wire: Wire) -> None:
    """Send an answer as the app does, and what it leaves as the server does."""
    await answer(wire.scope, wire.receive, wire.send)
    await send_rest(wire.scope, wire.receive, wire.send)


async def test_hanging_up_ends_the_answer() -> None:
    wire = Wire()
    notifier = Notifier(MemoryLog(0))  # type: ignore[arg-type]
    serving = asyncio.create_task(whole(EventStream(lambda send: follower_of(notifier, send), a_seat(), reading), wire))
    while len(wire.messages) < 2:  # noqa: ASYNC110 (the fake has no event)
        await asyncio.sleep(0.001)
    wire.gone.set()
    async with asyncio.timeout(PATIENCE_S):
        await serving


def follower_of(
    notifier: Notifier, send: Any, timings: StreamTimings | None = None, sort: type[StreamWriter] = StreamWriter
) -> StreamWriter:
    async def welcome() -> bool:
        return True

    return sort(notifier, Matcher(StreamQuery()), (1, 0), send, timings=timings or StreamTimings(), welcome=welcome)


def test_seats_are_counted_in_all_and_for_each_reader() -> None:
    limit = ConnectionLimit()
    mine, yours, theirs = (limit.seat(who, 3, 2) for who in "abc")
    mine.take()
    mine.take()
    with pytest.raises(TooManyRequests) as one:
        mine.take()
    yours.take()
    with pytest.raises(Unavailable) as other:
        theirs.take()
    assert one.value.headers["Retry-After"] == other.value.headers["Retry-After"]
    for seat in (mine, mine, yours):
        seat.leave()
    assert not limit.taken
