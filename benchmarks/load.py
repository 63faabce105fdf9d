"""Sends requests over keep-alive connections and waits for the answers; bounded, and lean."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PATIENCE_S = 60.0
END = b"\r\n\r\n"
CHUNKED = b"\r\ntransfer-encoding: chunked"
LAST_CHUNK = b"\r\n0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said: status, header fields with names in small letters, body."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Block:
    """A run of requests: how long it took and which statuses came back."""

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    sizes: int = 0


class Client(asyncio.Protocol):
    """One connection that sends the next request when the last one is answered."""

    def __init__(self, requests: Iterator[bytes], block: Block, *, keep: list[Answer] | None = None) -> None:
        """Take requests from an iterator shared with other connections; `keep` gathers whole answers."""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._block = block
        self._keep = keep
        self._buffer = bytearray()
        self._missing = 0
        self._chunked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        if self._missing > len(data) and self._keep is None:
            self._missing -= len(data)
            return
        self._buffer += data
        if self._chunked:
            if self._buffer.endswith(LAST_CHUNK):
                self._finish()
            else:
                del self._buffer[: -len(LAST_CHUNK)]
            return
        if self._missing and self._keep is None:
            self._finish()
            return
        self._read()

    def _read(self) -> None:
        """Read the head of an answer; then only its length matters."""
        end = self._buffer.find(END)
        if end < 0:
            return
        head = bytes(self._buffer[:end])
        if CHUNKED in head.lower():
            self._read_chunks(head)
            return
        length, got = content_length(head), len(self._buffer) - end - len(END)
        if got < length and self._keep is not None:
            return
        self._block.statuses[int(head[9:12])] += 1
        self._block.sizes += length
        if got < length:
            self._missing = length - got
            self._buffer.clear()
            return
        if self._keep is not None:
            self._keep.append(Answer(int(head[9:12]), header_fields(head), bytes(self._buffer[end + len(END) :])))
        self._finish()

    def _read_chunks(self, head: bytes) -> None:
        """An answer of a peer's, whose end alone matters."""
        assert self._keep is None, "whole answers are read by their length"
        self._block.statuses[int(head[9:12])] += 1
        self._chunked = True
        if self._buffer.endswith(LAST_CHUNK):
            self._finish()

    def _finish(self) -> None:
        self._missing, self._chunked = 0, False
        self._buffer.clear()
        self._next()

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is not None:
            self._transport.write(request)
            return
        if not self.done.done():
            self.done.set_result(None)
        self._transport.close()


def content_length(head: bytes) -> int:
    """The length of the body that follows; every answer measured here tells it or has none."""
    at = head.lower().find(b"content-length:")
    return 0 if at < 0 else int(head[at + 15 : (head.find(b"\r\n", at) + 1 or len(head) + 1) - 1])


def header_fields(head: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
    return {name.lower(): value.strip() for name, _, value in lines}


def request_bytes(target: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> bytes:
    """A GET, or a POST where there is a body."""
    lines = [f"{'GET' if body is None else 'POST'} {target} HTTP/1.1", "host: 127.0.0.1", "accept: */*"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body is not None:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


async def send(port: int, requests: Sequence[bytes], clients: int) -> Block:
    """Send all requests over so many connections; any answer but 2xx and 304 fails."""
    block = Block()
    waiting = iter(requests)
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    made = [
        await loop.create_connection(lambda: Client(waiting, block), "127.0.0.1", port)
        for _ in range(min(clients, len(requests)))
    ]
    await asyncio.wait_for(asyncio.gather(*(client.done for _, client in made)), PATIENCE_S)
    block.seconds = time.perf_counter() - began
    refused = {status: n for status, n in block.statuses.items() if status // 100 != 2 and status != 304}
    assert not refused, f"the server answered {refused}"
    return block


async def ask(port: int, *requests: bytes) -> list[Answer]:
    """The whole answers to some requests, in order."""
    kept: list[Answer] = []
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(lambda: Client(iter(requests), Block(), keep=kept), "127.0.0.1", port)
    await asyncio.wait_for(client.done, PATIENCE_S)
    return kept
