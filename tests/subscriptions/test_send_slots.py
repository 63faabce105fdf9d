"""Turns: as many as there are, first come, first served, and none is lost with who gave up waiting."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from app.subscriptions.delivery.send_slots import SendSlots


async def in_line(turns: SendSlots, count: int) -> list[asyncio.Task[None]]:
    """Tasks that wait, in their order."""
    tasks = [asyncio.create_task(turns.wait()) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_there_are_as_many_as_were_asked_for() -> None:
    turns = SendSlots(2)

    assert [turns.take() for _ in range(3)] == [True, True, False]
    turns.give()
    assert [turns.take(), turns.take()] == [True, False]


async def test_who_waits_longest_is_next() -> None:
    turns = SendSlots(1)
    await turns.wait()
    waiting = await in_line(turns, 3)
    seen = []

    for _ in waiting:
        turns.give()
        await asyncio.sleep(0)
        seen.append([task.done() for task in waiting])

    assert seen == [[True, False, False], [True, True, False], [True, True, True]]
    assert not turns.take()


async def test_a_turn_that_is_handed_on_is_nobody_elses() -> None:
    turns = SendSlots(1)
    assert turns.take()
    [waiting] = await in_line(turns, 1)

    turns.give()

    assert not turns.take()
    await waiting


async def test_who_gives_up_waiting_takes_no_turn_along() -> None:
    turns = SendSlots(1)
    assert turns.take()
    first, second, third = await in_line(turns, 3)

    first.cancel()  # while in line
    await asyncio.sleep(0)
    turns.give()
    second.cancel()  # just when it was its turn
    await asyncio.gather(first, second, third, return_exceptions=True)

    assert [task.cancelled() for task in (first, second, third)] == [True, True, False]
    turns.give()
    assert [turns.take(), turns.take()] == [True, False]


async def test_many_share_few() -> None:
    turns, under_way, most = SendSlots(3), [0], [0]

    async def work() -> None:
        if not turns.take():
            await turns.wait()
        under_way[0] += 1
        most.append(under_way[0])
        await asyncio.sleep(0)
        under_way[0] -= 1
        turns.give()

    await asyncio.gather(*(work() for _ in range(20)))

    assert max(most) == 3
    assert all(abs(one - other) <= 3 for one, other in pairwise(most))
    assert [turns.take() for _ in range(4)] == [True, True, True, False]
