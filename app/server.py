"""Serving over HTTP with uvicorn: patience with limits, refusals as problem documents, and an end within 5 s."""

import asyncio
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.supervisors import Multiprocess

from app.errors import MEDIA_TYPE, HeadersTooLarge, Malformed, Problem, request_id
from app.feed.stream import ABORT
from app.logs import set_up_logs
from app.settings import Settings

FACTORY = "app.main:create_app"
API_FACTORY = "app.main:create_api"
LARGEST_HEAD = 64 * 1024
HEAD_SECONDS = 30.0
LINGER_SECONDS = 1.0
GRACE_SECONDS = 4  # for requests in flight; with what comes before and after, the exit takes less than 5 s

OnStart = Callable[[str, int], None]


class Protocol(HttpToolsProtocol):
    """One connection. The header fields of a request have so many bytes and seconds; what is no HTTP gets a problem.

    When the server stops, `drain` of the lifespan state is called, so that long polls and streams end.
    """

    head_seconds = HEAD_SECONDS
    largest_head = LARGEST_HEAD

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = False
        self._head_size = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

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

    def _is_waiting(self) -> bool:
        return not self._refused and (self._in_head or self._under_way() is None)

    def _under_way(self) -> RequestResponseCycle | None:
        cycle: RequestResponseCycle | Any = self.cycle  # None before the first request
        return cycle if cycle and not cycle.response_complete else None

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.head_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        self.transport.close()

    def _refuse(self, problem: Problem) -> None:
        """Answer unless an answer has started, then discard what still comes for a moment, and close."""
        self._refused = True
        self._stop_waiting()
        cycle = self._under_way()
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
        if (cycle is not None and cycle.response_started) or not self.transport.can_write_eof():
            self.transport.close()
            return
        self.transport.write(as_http(problem, self.server_state.default_headers))
        self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self.transport.close)


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


class Server(uvicorn.Server):
    """One process: tells where it listens, and ends with status 0 when it is asked to stop."""

    def __init__(self, config: uvicorn.Config, on_start: OnStart | None = None) -> None:
        super().__init__(config)
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self._on_start is not None:
            host, port, *_ = self.servers[0].sockets[0].getsockname()
            self._on_start(host, port)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        del frame
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


class Config(uvicorn.Config):
    """uvicorn's configuration, which sets up our logs in each process once it has our settings."""

    settings: Settings | None = None

    def configure_logging(self) -> None:
        super().configure_logging()
        if self.settings is not None:
            set_up_logs(self.settings)


def configure(app: ASGIApp | str, settings: Settings, workers: int = 1) -> Config:
    """How uvicorn serves the app, or the factory of that import path."""
    return Config(
        app,
        factory=isinstance(app, str),
        host=settings.host,
        port=settings.port,
        workers=workers,
        http=Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS if workers == 1 else GRACE_SECONDS - 1,
    )


def serve(app: ASGIApp | str, settings: Settings, *, workers: int = 1, on_start: OnStart | None = None) -> None:
    """Serve until SIGTERM or SIGINT; `app` is an ASGI app, or a factory's import path, as several workers need.

    `on_start` is called with host and port when connections are accepted. Exits with status 3 if the start fails.
    """
    config = configure(app, settings, workers)
    config.settings = settings
    config.configure_logging()
    if workers > 1:
        serve_with_workers(config, on_start)
        return
    server = Server(config, on_start)
    server.run()
    if not server.started:
        raise SystemExit(3)


def serve_with_workers(config: uvicorn.Config, on_start: OnStart | None) -> None:
    """Let several processes accept from one socket; each makes its own app, and until then connections queue."""
    listener = config.bind_socket()
    listener.listen(config.backlog)
    if on_start is not None:
        host, port, *_ = listener.getsockname()
        on_start(host, port)
    Multiprocess(config, sockets=[listener]).run()
