"""One HTTP/1.1 connection to an endpoint: a request goes out, one bounded answer comes in, and else it is silent."""

from __future__ import annotations

import asyncio
import select
import socket
from asyncio import AbstractEventLoop, Future, Transport
from collections.abc import Mapping
from typing import NamedTuple, cast

from httptools import HttpParserError, HttpResponseParser

from app.subscriptions.transport.url_guard import WebhookUrl

# The parser also takes RTSP, ICE and other versions of HTTP for answers.
PROTOCOL = b"HTTP/"
VERSIONS = frozenset({"1.0", "1.1"})
OPENING = 16  # bytes in which the protocol must be named, after line ends that some send first
# How much of an answer is read, as it comes over the wire: head and body, and of these the heads, interim ones too.
MAX_RESPONSE_BYTES = 64 * 1024
MAX_HEAD_BYTES = 32 * 1024
MAX_FIELDS = 100
MAX_INTERIM = 8
# What is read at once. MOST_HEAD is counted before a piece is parsed, so a head may be short of it by one piece.
PIECE = 8 * 1024
# What the system takes from a peer before anybody reads it, so that a flood waits at the other end.
RECEIVE_BUFFER = 32 * 1024


class HttpResult(NamedTuple):
    """What is kept of an answer."""

    status: int
    retry_after: str | None


class UnacceptableResponse(Exception):
    """What an endpoint sends is not, or no longer, an answer to us; goes through the parser, which wraps it."""


class Connection(asyncio.BufferedProtocol):
    """A connection and the answer that is read from it; `piece` is scratch space that connections of a loop may share.

    A status counts once its head is complete, whatever becomes of the body. Bytes that nobody asked for end the
    connection: before the request, after the answer, and in between two posts.
    """

    def __init__(self, target: WebhookUrl, loop: AbstractEventLoop, piece: bytearray) -> None:
        self.target = target
        self.received = 0
        self.is_reusable = False
        self.idle_since = 0.0
        self._loop = loop
        self._piece = piece
        self._view = memoryview(piece)
        self._waiting: Future[HttpResult] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("Transport", transport)
        opened = transport.get_extra_info("socket")
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self._unread = select.poll()
        self._unread.register(opened.fileno(), select.POLLIN)

    def ask(self, request: bytes) -> Future[HttpResult]:
        """The answer to the request, to be awaited; raises OSError if there is none."""
        self.received = 0
        self.is_reusable = False
        self._status: int | None = None
        if self._transport.is_closing():
            raise ConnectionResetError
        self._waiting = waiting = self._loop.create_future()
        self._transport.write(request)
        return waiting

    def is_silent(self) -> bool:
        """Whether the connection is open, and the system holds nothing that was not read: neither bytes nor the end."""
        return not self._transport.is_closing() and not self._unread.poll(0)

    def close(self) -> None:
        """Close at once; what was not sent is dropped."""
        self.is_reusable = False
        self._transport.abort()

    def give_up(self) -> None:
        """Wait no longer: whatever came of the answer, it is too late."""
        waiting, self._waiting = self._waiting, None
        self.close()
        if waiting is not None and not waiting.done():
            waiting.set_exception(TimeoutError())

    def get_buffer(self, sizehint: int) -> bytearray:
        del sizehint
        return self._piece

    def buffer_updated(self, nbytes: int) -> None:
        self.received += nbytes
        if self._waiting is None:
            self.close()
            return
        if nbytes == self.received:
            self._begin()
        try:
            self._parse(nbytes)
        except (HttpParserError, UnacceptableResponse):
            self._finish(ConnectionError("not an answer"))
        else:
            if self._has_ended or self.received >= MAX_RESPONSE_BYTES:
                self._finish(None)

    def _begin(self) -> None:
        """Read an answer by a parser of its own, as one could carry over what it made of the last."""
        self._retry_after: str | None = None
        self._fields = self._interim = 0
        self._opening = b""
        self._has_ended = self._may_stay = False
        self._parser = HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True)  # receivers made by hand do so

    def eof_received(self) -> None:
        self._finish(ConnectionResetError("closed"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._finish(exc or ConnectionResetError("closed"))

    def on_message_begin(self) -> None:
        if self._has_ended:
            raise UnacceptableResponse

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._status is not None:  # a trailer
            return
        self._fields += 1
        if self._fields > MAX_FIELDS:
            raise UnacceptableResponse
        if self._retry_after is None and name.lower() == b"retry-after":
            self._retry_after = value.decode("latin-1").strip()

    def on_headers_complete(self) -> None:
        self._version = self._parser.get_http_version()
        if self._version not in VERSIONS:
            raise UnacceptableResponse
        status = self._parser.get_status_code()
        if status >= 200:
            self._status = status
            return
        self._interim += 1
        self._retry_after = None
        if status < 100 or status == 101 or self._interim > MAX_INTERIM:  # 101: nobody asked for another protocol
            raise UnacceptableResponse

    def on_message_complete(self) -> None:
        if self._status is not None:
            self._has_ended = True
            self._may_stay = self._version == "1.1" and self._parser.should_keep_alive()

    def _parse(self, length: int) -> None:
        """Parse a piece; its last byte by itself, as a message that had ended before it is followed by something."""
        if self._status is None and self.received > MAX_HEAD_BYTES:
            raise UnacceptableResponse
        if len(self._opening) < OPENING:
            self._check_opening(bytes(self._view[: min(length, OPENING)]))
        self._parser.feed_data(self._view[: length - 1])
        if self._has_ended:
            raise UnacceptableResponse
        self._parser.feed_data(self._view[length - 1 : length])
        self.is_reusable = self._may_stay and not self._transport.get_write_buffer_size()

    def _check_opening(self, piece: bytes) -> None:
        """Refuse an answer that does not begin with the name of our protocol."""
        self._opening = (self._opening + piece)[:OPENING]
        named = self._opening.lstrip(b"\r\n")[: len(PROTOCOL)]
        if not PROTOCOL.startswith(named) or (len(self._opening) == OPENING and named != PROTOCOL):
            raise UnacceptableResponse

    def _finish(self, fault: Exception | None) -> None:
        """Hand over the answer, or the fault if there is none; a connection that cannot be used again is closed."""
        waiting, self._waiting = self._waiting, None
        if fault or not self.is_reusable:
            self.close()
        if waiting is None or waiting.done():
            return
        if self._status is not None:
            waiting.set_result(HttpResult(self._status, self._retry_after))
        else:
            waiting.set_exception(fault or ConnectionError("not an answer"))


def open_request(target: WebhookUrl) -> str:
    """What each request to the target starts with."""
    place, _, path = target.url.removeprefix(f"{target.scheme}://").partition("/")
    return (
        f"POST /{path} HTTP/1.1\r\nhost: {place}\r\n"
        "user-agent: sitrep/1\r\naccept: */*\r\naccept-encoding: identity\r\n"
    )


def write_fields(headers: Mapping[str, str]) -> str:
    """The fields of a head; raises ValueError for what would not stay in its line."""
    lines = [f"{name}: {value}" for name, value in headers.items()]
    text = "".join(lines)
    if not (text.isascii() and text.isprintable()):
        raise ValueError("A header has characters other than printable ASCII.")
    return "\r\n".join([*lines, ""])
