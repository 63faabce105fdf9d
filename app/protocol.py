"""One HTTP connection under uvicorn: patience with limits, and refusals as problem documents."""

from __future__ import annotations

import asyncio
import fcntl
import struct
import termios
from contextlib import suppress
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from app.errors import MEDIA_TYPE, HeadersTooLarge, Malformed, Problem, request_id
from app.feed.open_stream import ABORT

MAX_HEAD_BYTES = 64 * 1024
HEAD_TIMEOUT_S = 30.0
LINGER_TIMEOUT_S = 1.0
UNREAD_TIMEOUT_S = 30.0  # how long a client may take nothing of its answer


class Protocol(HttpToolsProtocol):
    """One connection. The header fields of a request have so many bytes and seconds; what is no HTTP gets a problem.

    When the server stops, `drain` of the lifespan state is called, so that long polls and streams end. A client that
    takes nothing of its answer for a while loses the connection; one that reads slowly keeps it.
    """

    # uvicorn's attributes share one table of names among all connections, up to 30; with ours it would be more.
    __slots__ = (
        "_head_size",
        "_head_timer",
        "_in_head",
        "_refused",
        "_running",
        "_taken_at",
        "_untaken",
        "_write_timer",
    )

    head_seconds = HEAD_TIMEOUT_S
    largest_head = MAX_HEAD_BYTES
    unread_seconds = UNREAD_TIMEOUT_S

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = False
        self._head_size = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._refused = False
        self._running: RequestResponseCycle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._untaken = 0
        self._taken_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._stop_watching()
        self.pipeline.clear()
        running = self._under_way()
        if running is not None:  # uvicorn tells only the last request, which may still be queued
            running.disconnected = True
            running.message_event.set()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_watching()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._watch_reader()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._head_size = self._head_size + len(data) if self._in_head else len(data)
        if self._in_head and self._head_size > self.largest_head:
            self._refuse(HeadersTooLarge(f"The header fields may have {self.largest_head} bytes at the very most."))
            return
        super().data_received(data)
        if self._head_timer is None and self._is_waiting():
            self._await_head()

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()
        extensions: dict[str, Any] = {ABORT: self.transport.abort}
        self.scope["extensions"] = extensions

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_waiting()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        del msg
        self._refuse(Malformed("This is not HTTP/1.1 as it is written in RFC 9112."))

    def shutdown(self) -> None:
        drain = self.app_state.get("drain")
        if drain is not None:
            drain()
        super().shutdown()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        if cycle.scope["http_version"] == "1.0":
            app = until_closed(app, cycle)
        super()._start_asgi_task(cycle, app)

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._watch_reader()

    def _is_waiting(self) -> bool:
        return not self._refused and (self._in_head or self._under_way() is None)

    def _under_way(self) -> RequestResponseCycle | None:
        cycle = self._running
        return cycle if cycle is not None and not cycle.response_complete else None

    def _watch_reader(self) -> None:
        """See to it that the client takes what is written; that it is closing does not free what is unsent."""
        if self._write_timer is None and self.transport.get_write_buffer_size():
            self._untaken, self._taken_at = unsent(self.transport), self.loop.time()
            self._write_timer = self.loop.call_later(self.unread_seconds / 4, self._look_at_reader)

    def _look_at_reader(self) -> None:
        self._write_timer = None
        left, now = unsent(self.transport), self.loop.time()
        if left < self._untaken:
            self._taken_at = now
        elif now - self._taken_at >= self.unread_seconds:
            self.transport.abort()
            return
        self._untaken = left
        if self.transport.get_write_buffer_size():
            self._write_timer = self.loop.call_later(self.unread_seconds / 4, self._look_at_reader)

    def _stop_watching(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.head_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        self.transport.close()
        self._watch_reader()

    def _refuse(self, problem: Problem) -> None:
        """Answer unless an answer has started, then discard what still comes for a moment, and close."""
        self._refused = True
        self._stop_waiting()
        self.pipeline.clear()
        cycle = self._under_way()
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
        if (cycle is not None and cycle.response_started) or not self.transport.can_write_eof():
            self.transport.close()
            return
        self.transport.write(as_http(problem, self.server_state.default_headers))
        self.transport.write_eof()
        self.loop.call_later(LINGER_TIMEOUT_S, self.transport.close)


def until_closed(app: ASGIApp, cycle: RequestResponseCycle) -> ASGIApp:
    """Wrap the app for one request of HTTP/1.0: a body of unknown length ends with the connection, not in chunks."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        has_length = True

        async def send_plain(message: Message) -> None:
            nonlocal has_length
            if message["type"] == "http.response.start":
                has_length = any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))
                if not has_length:
                    cycle.chunked_encoding = False
            elif not has_length:
                cycle.expected_content_length = len(message.get("body", b""))  # so that uvicorn takes every part
            await send(message)

        await app(scope, receive, send_plain)

    return run


def unsent(transport: asyncio.Transport) -> int:
    """Count the bytes that the client has not acknowledged: ours, and on Linux those that the system holds."""
    size = transport.get_write_buffer_size()
    with suppress(OSError, AttributeError, ValueError):
        queue = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
        size += int(struct.unpack("i", queue)[0])
    return size


def as_http(problem: Problem, headers: list[tuple[bytes, bytes]]) -> bytes:
    """The problem document as the bytes of a whole HTTP answer after which the connection closes."""
    body = problem.body(f"/requests/{request_id({})}")
    fields = [
        *headers,
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in fields)
    return STATUS_LINE[problem.status] + lines + b"\r\n" + body
