"""One watcher: who waits is woken at once by this process, soon by others, and always in the end."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import orjson
from logs import MemoryLog, entry

from app.feed.notifier import Hub
from app.feed.recent_changes import Ring, encode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LONG = 20.0


@asynccontextmanager
async def watching(log: MemoryLog, **options: Any) -> AsyncIterator[Hub]:
    hub = Hub(log, **options)  # type: ignore[arg-type]
    hub.start()
    yield hub
    await hub.stop()


async def settle() -> None:
    """Let everything that can run do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_commit_of_this_process_wakes_at_once() -> None:
    log = MemoryLog(3)
    async with watching(log, poll_s=LONG) as hub:
        waiting = asyncio.create_task(hub.wait(3, LONG))
        await settle()
        assert not waiting.done()
        log.write()
        hub.wake()
        await asyncio.wait_for(waiting, 1)
        assert hub.head.seq == 4


async def test_a_commit_of_another_process_is_found_by_looking() -> None:
    log = MemoryLog(3)
    async with watching(log, poll_s=0.02) as hub:
        waiting = asyncio.create_task(hub.wait(3, LONG))
        await settle()
        log.write()
        await asyncio.wait_for(waiting, 1)
        assert hub.head.seq == 4


async def test_nobody_looks_while_nobody_waits() -> None:
    log = MemoryLog(3)
    async with watching(log, poll_s=0.001) as hub:
        await hub.wait(3, 0.01)
        before = log.asked
        await asyncio.sleep(0.02)
        hub.wake()
        await asyncio.sleep(0.02)
        assert before > 0
        assert log.asked == before


async def test_patience_ends() -> None:
    async with watching(MemoryLog(3)) as hub:
        await hub.wait(3, 0.01)
        assert hub.waiting == 0


async def test_draining_ends_all_waits_now_and_later() -> None:
    async with watching(MemoryLog(3)) as hub:
        waits = [asyncio.create_task(hub.wait(3, LONG)) for _ in range(5)]
        await settle()
        hub.drain()
        await asyncio.wait_for(asyncio.gather(*waits), 1)
        await asyncio.wait_for(hub.wait(3, LONG), 1)


async def test_a_failing_database_does_not_end_the_watch() -> None:
    log = MemoryLog(3)
    async with watching(log, poll_s=0.001) as hub:
        log.broken = True
        waiting = asyncio.create_task(hub.wait(3, LONG))
        while log.asked < 3:  # noqa: ASYNC110 (the fake has no event)
            await asyncio.sleep(0.001)
        log.broken = False
        log.write()
        await asyncio.wait_for(waiting, 1)


async def test_a_new_epoch_wakes_even_where_the_log_became_shorter() -> None:
    log = MemoryLog(3)
    async with watching(log, poll_s=0.001) as hub:
        await hub.wait(2, LONG)
        future = hub.expect(3, 1)
        log.epoch, log.entries = 2, log.entries[:1]
        await asyncio.wait_for(future, 1)
        assert (hub.head.epoch, hub.head.seq) == (2, 1)
        assert hub.expect(1, 1).done()


async def test_the_ring_holds_the_newest_and_nothing_with_a_gap() -> None:
    log = MemoryLog(3)
    async with watching(log, ring=10) as hub:
        await hub.wait(2, LONG)
        assert hub.ring.between(2, 3) is None
        for written in (4, 30):
            log.write(written)
            hub.wake()
            await hub.wait(len(log.entries) - 1, LONG)
        assert hub.ring.end == 37
        assert [piece.entry.seq for piece in hub.ring.between(27, 37) or ()] == list(range(28, 38))
        assert hub.ring.between(26, 37) is None


async def test_an_erasure_reaches_what_is_held_in_memory() -> None:
    log = MemoryLog(3)
    async with watching(log) as hub:
        await hub.wait(2, LONG)
        log.write()
        hub.wake()
        await hub.wait(3, LONG)
        log.entries[3] = entry(4, body=b'{"erased":true}')
        log.entries.append(entry(5, operation="deleted", body=b'{"erased":true}'))
        hub.wake()
        await hub.wait(4, LONG)
        assert b'"n":4' not in (hub.ring.frames(3, 5) or b'"n":4')


def test_a_block_carries_the_position_and_the_stored_id() -> None:
    piece = encode(entry(7, epoch=1), 2, '"urn:test"')
    assert piece.frame.startswith(b"id: e2-000000000007\nevent: change\ndata: {")
    assert piece.frame.endswith(b"}\n\n")
    assert piece.frame.count(b"\n") == 4
    assert orjson.loads(piece.item)["id"] == "e1-000000000007"


def test_readers_in_one_place_share_the_joined_bytes() -> None:
    ring = Ring(10)
    ring.add(encode(entry(seq), 1, '"urn:test"') for seq in range(1, 8))
    assert ring.frames(2, 6) is ring.frames(2, 6)
    assert ring.frames(2, 6) == b"".join(piece.frame for piece in ring.between(2, 6) or ())
    assert ring.frames(6, 6) == b""
    assert ring.frames(6, 9) is None


def test_long_changes_leave_the_ring_sooner_and_what_is_left_is_unbroken() -> None:
    pieces = [encode(entry(seq), 1, '"urn:test"') for seq in range(1, 8)]
    ring = Ring(10, most_bytes=3 * len(pieces[0].frame))
    ring.add(pieces)

    assert ring.between(4, 7) == pieces[4:]
    assert ring.between(3, 7) is None
    ring.clear(7, 1)
    ring.add([encode(entry(8), 1, '"urn:test"')])
    assert [piece.entry.seq for piece in ring.between(7, 8) or ()] == [8]


def test_the_ring_keeps_so_many_changes_and_no_more() -> None:
    ring = Ring(3)
    ring.add(encode(entry(seq), 1, '"urn:test"') for seq in range(1, 8))

    assert [piece.entry.seq for piece in ring.between(4, 7) or ()] == [5, 6, 7]
    assert ring.between(3, 7) is None
