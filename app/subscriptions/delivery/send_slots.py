"""Turns: how many may be under way at once, where most find one free and must not pay for those who wait."""

from __future__ import annotations

import asyncio
from collections import deque


class SendSlots:
    """So many turns; who finds none free stands in line, first come, first served.

    As `asyncio.Semaphore`, with a way to take a free turn that need not be awaited.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._line: deque[asyncio.Future[None]] = deque()

    def take(self) -> bool:
        """Take a turn, if one is free."""
        if self._free < 1:
            return False
        self._free -= 1
        return True

    async def wait(self) -> None:
        """Take a turn, in time."""
        if self.take():
            return
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self.give()
            raise

    def give(self) -> None:
        """Give a turn back, or on to the first in line who still waits."""
        while self._line:
            first = self._line.popleft()
            if not first.done():
                first.set_result(None)
                return
        self._free += 1
