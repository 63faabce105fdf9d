"""A server to be killed: `serving.py URL [hasty]` prints its port; a hasty one, the control, answers too early."""

from __future__ import annotations

import asyncio
import socket
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import uvicorn

from app.events.write.idempotency import ResponseData
from app.events.write.store import Store
from app.main import create_app
from app.settings import Settings

if TYPE_CHECKING:
    from app.events.write.transaction import WriteRequest

LATER: set[asyncio.Task[ResponseData]] = set()
A_WHILE_S = 0.05


class HastyStore(Store):
    """Says yes at once, and writes a little later."""

    async def run(self, job: WriteRequest) -> ResponseData:
        """Promise what is not yet so."""
        LATER.add(asyncio.create_task(self._later(job)))
        return ResponseData(201, b"{}", {"content-type": "application/json"})

    async def _later(self, job: WriteRequest) -> ResponseData:
        await asyncio.sleep(A_WHILE_S)
        return await super().run(job)


def main(url: str, *manner: str) -> None:
    """Serve until killed."""
    app = create_app(Settings(database_url=url))
    if manner == ("hasty",):
        app.state.services = replace(app.state.services, store=HastyStore(app.state.services.db))
    listening = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    uvicorn.Server(uvicorn.Config(app, log_config=None)).run(sockets=[listening])


if __name__ == "__main__":
    main(*sys.argv[1:])
