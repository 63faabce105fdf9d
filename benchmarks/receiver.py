"""Receives webhooks in a process of its own, and takes the time of what comes: `python -m benchmarks.receiver`.

`/fast` counts, `/healthy/..` notes how long each change was on its way, `/failing/..` refuses and `/dripping/..` never
ends; pings are welcome everywhere. `/begin` counts anew, `/keep` also keeps what comes, `/await/n` answers with the
figures once there were n, `/kept` gives back what was kept.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import TYPE_CHECKING, cast

import orjson
import uvloop

if TYPE_CHECKING:
    from collections.abc import Iterator

END = b"\r\n\r\n"
LENGTH = b"content-length: "
TAKEN = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
REFUSED = b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"
ENDLESS = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n"
DRIP_S = 0.05
BACKLOG = 1_000
TIME = b'"time":"'


class Book:
    """What was received since it was begun."""

    def __init__(self) -> None:
        """Begin."""
        self.waiting: tuple[int, asyncio.Transport] | None = None
        self.refused = self.dripped = 0  # ever
        self.begin(keep=False)

    def begin(self, *, keep: bool) -> None:
        """Count anew."""
        self.count, self.first, self.last = 0, 0.0, 0.0
        self.delays: list[float] = []
        self.kept: list[bytes] | None = [] if keep else None

    def took(self) -> None:
        """One more was received."""
        self.last = time.perf_counter()
        if not self.count:
            self.first = self.last
        self.count += 1
        if self.waiting is not None:
            self.answer()

    def answer(self) -> None:
        """Tell who waits, once there were enough."""
        if self.waiting is None or self.count < self.waiting[0]:
            return
        _, transport = self.waiting
        self.waiting = None
        figures = {
            "count": self.count,
            "seconds": self.last - self.first,
            "delays": self.delays,
            "refused": self.refused,
            "dripped": self.dripped,
        }
        transport.write(as_answer(orjson.dumps(figures)))


class Endpoint(asyncio.Protocol):
    """One connection."""

    def __init__(self, book: Book) -> None:
        """Note in this book."""
        self._book = book
        self._buffer = b""
        self._drip: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._drip is not None:
            self._drip.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        for request, head in self._requests():
            self._serve(request, head)

    def _requests(self) -> Iterator[tuple[bytes, int]]:
        """The requests that are complete, each with the length of its head."""
        while (head := self._buffer.find(END)) >= 0:
            at = self._buffer.find(LENGTH, 0, head)
            body = 0 if at < 0 else int(self._buffer[at + len(LENGTH) : self._buffer.find(b"\r", at)])
            whole = head + len(END) + body
            if len(self._buffer) < whole:
                return
            request, self._buffer = self._buffer[:whole], self._buffer[whole:]
            yield request, head

    def _serve(self, request: bytes, head: int) -> None:
        book = self._book
        if request.startswith(b"GET"):
            self._control(request.split(b" ", 2)[1])
        elif request.find(b"webhook-id: ping-", 0, head) >= 0:
            self._transport.write(TAKEN)
        elif request.startswith(b"POST /fast"):
            self._transport.write(TAKEN)
            if book.kept is not None:
                book.kept.append(request)
            book.took()
        elif request.startswith(b"POST /healthy"):
            self._transport.write(TAKEN)
            book.delays.append(time.time() - committed(request, head))
            book.took()
        elif request.startswith(b"POST /failing"):
            self._transport.write(REFUSED)
            book.refused += 1
        else:
            self._transport.write(ENDLESS)
            book.dripped += 1
            self._drip_on()

    def _control(self, path: bytes) -> None:
        book = self._book
        if path.startswith(b"/await/"):
            book.waiting = int(path.rpartition(b"/")[2]), self._transport
            book.answer()
        elif path == b"/kept":
            self._transport.write(as_answer(b"".join(book.kept or ())))
        else:
            book.begin(keep=path == b"/keep")
            self._transport.write(TAKEN)

    def _drip_on(self) -> None:
        """A byte now and then, until the other end hangs up."""
        self._transport.write(b"x")
        self._drip = asyncio.get_running_loop().call_later(DRIP_S, self._drip_on)


def as_answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body


def committed(request: bytes, head: int) -> float:
    """When the change that is sent was written: the time in its feed item, of this machine's clock."""
    begin = request.find(TIME, head) + len(TIME)
    text = request[begin : request.find(b'"', begin)].decode()
    return datetime.fromisoformat(text).timestamp()


async def main() -> None:
    """Say which port it is, and serve until it is ended."""
    book = Book()
    server = await asyncio.get_running_loop().create_server(lambda: Endpoint(book), "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
