"""Serving over HTTP with uvicorn: processes, configuration, and an end within 5 s."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from app.kit.lean_start import lean_imports
from app.logs import set_up_logs
from app.protocol import Protocol
from app.settings import Settings

__all__ = ["API_FACTORY", "FACTORY", "Protocol", "Server", "configure", "serve"]

FACTORY = "app.main:create_app"
API_FACTORY = "app.main:create_api"
GRACE_TIMEOUT_S = 4  # for requests in flight; with what comes before and after, the exit takes less than 5 s

# A process answers nothing while it imports. With uvicorn's 5 s, several of them on a busy machine were ended and begun
# anew for ever.
HEALTHCHECK_TIMEOUT_S = 60

OnStart = Callable[[str, int], None]


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

    def load(self) -> None:
        """Import the app, where a worker does that."""
        with lean_imports():
            super().load()

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
        proxy_headers=False,  # app.proxy reads them, as the app must know the peer to trust its prefix
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=GRACE_TIMEOUT_S if workers == 1 else GRACE_TIMEOUT_S - 1,
        timeout_worker_healthcheck=HEALTHCHECK_TIMEOUT_S,
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
