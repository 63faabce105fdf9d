"""An open stream, read block by block."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx


class Stream:
    """The blocks of an open stream."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._chunks = response.aiter_bytes()
        self._text = b""

    async def block(self) -> dict[str, str]:
        async with asyncio.timeout(60):
            while b"\n\n" not in self._text:
                self._text += await anext(self._chunks)
        block, _, self._text = self._text.partition(b"\n\n")
        return dict(line.split(": ", 1) for line in block.decode().split("\n"))

    async def rest(self) -> bytes:
        async with asyncio.timeout(60):
            return self._text + b"".join([chunk async for chunk in self._chunks])
