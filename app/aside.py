"""Work that would hold up the event loop, done on one of a few threads."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")

# Threads share one lock with the event loop: with more of them it would wait longer for its turn.
THREADS = 2
POOL = ThreadPoolExecutor(THREADS, "sitrep-aside")


async def aside(work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """Do some milliseconds of work on another thread; more is to be cut into slices, each a call of its own."""
    return await asyncio.get_running_loop().run_in_executor(POOL, lambda: work(*args, **named))
