"""Work that would hold up the event loop, done on one of a few threads or in turns with others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item")

# Threads share one lock with the event loop: with more of them it would wait longer for its turn.
THREADS = 2
POOL = ThreadPoolExecutor(THREADS, "sitrep-aside")
# To copy or search so many bytes takes a few milliseconds.
TURN_BYTES = 1024 * 1024


async def run_in_thread(work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """Do some milliseconds of work on another thread; more is to be cut into slices, each a call of its own."""
    return await asyncio.get_running_loop().run_in_executor(POOL, lambda: work(*args, **named))


async def run_in_turns(work: Callable[[Item], T], items: Iterable[Item], size: Callable[[Item], int]) -> list[T]:
    """Do a little work for each item here; other requests have their turn after each MiB of what `size` tells."""
    items = list(items)
    if sum(map(size, items)) <= TURN_BYTES:
        return list(map(work, items))
    done: list[T] = []
    taken = 0
    for item in items:
        taken += size(item)
        if taken > TURN_BYTES:
            await asyncio.sleep(0)
            taken = size(item)
        done.append(work(item))
    return done
