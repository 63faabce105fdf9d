"""Two servers on one database: one within this process, and a process of its own; either may go and come again."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, Self

import httpx
from conftest import serving
from processes import Forked

from app.changes.epoch import raise_epoch
from app.db import open_database
from app.feed.sse import StreamTimings
from app.main import create_app
from app.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

KEY = "a key for the model only"
START_S = 300.0  # on a machine that is kept busy
# Streams of the server within this process tell their position so often.
HEARTBEAT_S = 0.25


class Stage:
    """The servers, and clients of them."""

    def __init__(self, url: str, key: str, folder: Path, port: int) -> None:
        self._url = url
        self._headers = {"authorization": f"Bearer {key}"}
        self._folder = folder
        self._port = port
        self._clients: dict[str, httpx.AsyncClient] = {}
        self._opened: list[httpx.AsyncClient] = []
        self._inner = AsyncExitStack()
        self._process: Forked | None = None
        self._log = folder / "server.log"

    async def __aenter__(self) -> Self:
        try:
            await self.start_inner()
            await self.start_outer()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop_inner()
        await self.stop_outer(signal.SIGKILL)
        for client in self._opened:
            await client.aclose()

    def client(self, name: str) -> httpx.AsyncClient:
        return self._clients[name]

    def any(self, random: Random) -> httpx.AsyncClient:
        return self._clients[random.choice(["inner", "outer"])]

    def at(self, name: str) -> Callable[[], httpx.AsyncClient]:
        """The client of a server as it stands when it is asked for."""
        return lambda: self._clients[name]

    async def start_inner(self) -> None:
        targets = {"allow_private_targets": (ip_network("127.0.0.0/8"),)}
        settings: Any = {"database_url": self._url, "secret_key": KEY, **targets}
        app = create_app(Settings(**settings))
        await self._inner.enter_async_context(app.router.lifespan_context(app))
        app.state.services = replace(app.state.services, stream_timings=StreamTimings(heartbeat_s=HEARTBEAT_S))
        self._point("inner", await self._inner.enter_async_context(serving(app)))

    async def stop_inner(self) -> None:
        await self._inner.aclose()
        self._inner = AsyncExitStack()

    async def start_outer(self) -> None:
        environment = {
            **os.environ,
            "SITREP_DATABASE_URL": self._url,
            "SITREP_SECRET_KEY": KEY,
            "SITREP_ALLOW_PRIVATE_TARGETS": "127.0.0.0/8",
            "SITREP_LOG_LEVEL": "warning",
        }
        command = ["serve", "--port", str(self._port)]
        self._process = process = Forked(command, self._log, self._log, environment, self._folder)
        client = self._point("outer", f"http://127.0.0.1:{self._port}")
        async with asyncio.timeout(START_S):
            while not await is_ready(client):
                assert process.poll() is None, self.said()
                await asyncio.sleep(0.05)

    async def stop_outer(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            await asyncio.to_thread(self._process.wait, START_S)
            self._process = None

    async def raise_epoch(self) -> None:
        """What `sitrep epoch --new` does, while the servers run."""
        db = open_database(self._url)
        await db.connect()
        await raise_epoch(db)
        await db.close()

    def said(self) -> str:
        """What the server has logged."""
        return self._log.read_text(encoding="utf-8")

    def _point(self, name: str, address: str) -> httpx.AsyncClient:
        """Let the name's client call this address; what is under way ends with the server of before."""
        # Shorter than the server keeps a connection, so that no request meets one that is being closed.
        limits = httpx.Limits(max_connections=None, keepalive_expiry=1)
        self._clients[name] = client = httpx.AsyncClient(
            base_url=address, headers=self._headers, trust_env=False, timeout=60, limits=limits
        )
        self._opened.append(client)
        return client


async def is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False
