"""One watcher: who waits is woken at once by this process, soon by others, and always in the end."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import orjson
from logs import MemoryLog, entry

from app.feed.notifier import Notifier
from app.feed.recent_changes import RecentChanges, encode_change, join_frames

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LONG, PATIENCE_S = 120.0, 60.0


@asynccontextmanager
async def watching(log: MemoryLog, **options: Any) -> AsyncIterator[Notifier]:
    notifier = Notifier(log, **options)  # type: ignore[arg-type]
    notifier.start()
    yield notifier
    await notifier.stop()


async def settle() -> None:
    """Let everything that can run do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_commit_of_this_process_wakes_at_once() -> None:
    log = MemoryLog(3)
    async with watching(log, poll_s=LONG) as notifier:
        waiting = asyncio.create_task(notifier.wait(3, LONG))
        await settle()
        assert not waiting.done()
        log.write()
        notifier.wake()
        await asyncio.wait_for(waiting, PATIENCE_S)
        assert notifier.head.seq == 4


async def test_a_commit_of_another_process_is_found_by_looking() -> None:
    log = MemoryLog(3)
    async with watching(log, poll_s=0.02) as notifier:
        waiting = asyncio.create_task(notifier.wait(3, LONG))
        await settle()
        log.write()
        await asyncio.wait_for(waiting, PATIENCE_S)
        assert notifier.head.seq == 4


async def test_nobody_looks_while_nobody_waits() -> None:
    log = MemoryLog(3)
    async with watching(log, poll_s=0.001) as notifier:
        await notifier.wait(3, 0.01)
        before = log.asked
        await asyncio.sleep(0.02)
        notifier.wake()
        await asyncio.sleep(0.02)
        assert before > 0
        assert log.asked == before


async def test_patience_ends() -> None:
    async with watching(MemoryLog(3)) as notifier:
        await notifier.wait(3, 0.01)
        assert notifier.waiting == 0


async def test_draining_ends_all_waits_now_and_later() -> None:
    async with watching(MemoryLog(3)) as notifier:
        waits = [asyncio.create_task(notifier.wait(3, LONG)) for _ in range(5)]
        await settle()
        notifier.drain()
        await asyncio.wait_for(asyncio.gather(*waits), PATIENCE_S)
        await asyncio.wait_for(notifier.wait(3, LONG), PATIENCE_S)


async def test_a_failing_database_does_not_end_the_watch() -> None:
    log = MemoryLog(3)
    async with watching(log, poll_s=0.001) as notifier:
        log.broken = True
        waiting = asyncio.create_task(notifier.wait(3, LONG))
        while log.asked < 3:  # noqa: ASYNC110 (the fake has no event)
            await asyncio.sleep(0.001)
        log.broken = False
        log.write()
        await asyncio.wait_for(waiting, PATIENCE_S)


async def test_a_new_epoch_wakes_even_where_the_log_became_shorter() -> None:
    log = MemoryLog(3)
    async with watching(log, poll_s=0.001) as notifier:
        await notifier.wait(2, LONG)
        future = notifier.expect(3, 1)
        log.epoch, log.entries = 2, log.entries[:1]
        await asyncio.wait_for(future, PATIENCE_S)
        assert (notifier.head.epoch, notifier.head.seq) == (2, 1)
        assert notifier.expect(1, 1).done()


async def test_the_ring_holds_the_newest_and_nothing_with_a_gap() -> None:
    log = MemoryLog(3)
    async with watching(log, recent=10) as notifier:
        await notifier.wait(2, LONG)
        assert notifier.recent.between(2, 3) is None
        for written in (4, 30):
            log.write(written)
            notifier.wake()
            await notifier.wait(len(log.entries) - 1, LONG)
        assert notifier.recent.end == 37
        assert [encoded.entry.seq for encoded in notifier.recent.between(27, 37) or ()] == list(range(28, 38))
        assert notifier.recent.between(26, 37) is None


async def test_an_erasure_reaches_what_is_held_in_memory() -> None:
    log = MemoryLog(3)
    async with watching(log) as notifier:
        await notifier.wait(2, LONG)
        log.write()
        notifier.wake()
        await notifier.wait(3, LONG)
        log.entries[3] = entry(4, body=b'{"erased":true}')
        log.entries.append(entry(5, operation="deleted", body=b'{"erased":true}'))
        notifier.wake()
        await notifier.wait(4, LONG)
        assert b'"n":4' not in (notifier.recent.joined(join_frames, 3, 5) or b'"n":4')


def test_a_block_carries_the_position_and_the_stored_id() -> None:
    encoded = encode_change(entry(7, epoch=1), 2, '"urn:test"')
    assert encoded.frame.startswith(b"id: e2-000000000007\nevent: change\ndata: {")
    assert encoded.frame.endswith(b"}\n\n")
    assert encoded.frame.count(b"\n") == 4
    assert orjson.loads(encoded.item)["id"] == "e1-000000000007"


def test_readers_in_one_place_share_the_joined_bytes() -> None:
    recent = RecentChanges(10)
    recent.add(encode_change(entry(seq), 1, '"urn:test"') for seq in range(1, 8))
    assert recent.joined(join_frames, 2, 6) is recent.joined(join_frames, 2, 6)
    assert recent.joined(join_frames, 2, 6) == b"".join(encoded.frame for encoded in recent.between(2, 6) or ())
    assert recent.joined(join_frames, 6, 6) == b""
    assert recent.joined(join_frames, 6, 9) is None


def test_long_changes_leave_the_ring_sooner_and_what_is_left_is_unbroken() -> None:
    pieces = [encode_change(entry(seq), 1, '"urn:test"') for seq in range(1, 8)]
    recent = RecentChanges(10, most_bytes=3 * len(pieces[0].frame))
    recent.add(pieces)

    assert recent.between(4, 7) == pieces[4:]
    assert recent.between(3, 7) is None
    recent.clear(7, 1)
    recent.add([encode_change(entry(8), 1, '"urn:test"')])
    assert [encoded.entry.seq for encoded in recent.between(7, 8) or ()] == [8]


def test_the_ring_keeps_so_many_changes_and_no_more() -> None:
    recent = RecentChanges(3)
    recent.add(encode_change(entry(seq), 1, '"urn:test"') for seq in range(1, 8))

    assert [encoded.entry.seq for encoded in recent.between(4, 7) or ()] == [5, 6, 7]
    assert recent.between(3, 7) is None
