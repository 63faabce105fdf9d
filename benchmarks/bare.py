"""The ceilings: ASGI apps that send recorded bytes or what is posted, and Sitrep with nothing behind it."""

from __future__ import annotations

import asyncio
import os
import pickle
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from app.auth import Key as ApiKey
from app.events.write.commands import Create
from app.events.write.idempotency import ResponseData
from app.kinds import canonical_json
from app.main import create_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI
    from starlette.requests import HTTPConnection
    from starlette.types import ASGIApp, Receive, Scope, Send

    from app.events.write.transaction import WriteRequest

RECORDED = "BENCH_RECORDED"
Known = dict[tuple[bytes, bytes, bool], tuple[int, list[tuple[bytes, bytes]], bytes]]
SOMEBODY = ApiKey(id="bench", name="bench", owner="bench", scopes=("read", "write"), expires_at=None)
SOME_ID = UUID(int=1)


def recorded() -> ASGIApp:
    """An app that sends for each target what Sitrep sent: no routing, no reading, no database."""
    known: Known = pickle.loads(Path(os.environ[RECORDED]).read_bytes())  # noqa: S301 (written by this run)

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        conditional = any(name == b"if-none-match" for name, _ in scope["headers"])
        status, headers, body = known[scope["raw_path"], scope["query_string"], conditional]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def fan_out() -> ASGIApp:
    """An app that sends what is posted to everybody who waits: one encoding, one event that wakes all."""
    waiters: set[asyncio.Future[bytes]] = set()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["method"] == "POST":
            message = await receive()
            block = b"event: change\ndata: " + message["body"] + b"\n\n"
            for waiter in waiters:
                waiter.set_result(block)
            waiters.clear()
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body"})
            return
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"retry: 1000\n\n", "more_body": True})
        with suppress(asyncio.CancelledError):  # the server goes down
            while True:
                waiter = asyncio.get_running_loop().create_future()
                waiters.add(waiter)
                await send({"type": "http.response.body", "body": await waiter, "more_body": True})

    return app


class Nowhere:
    """A store that keeps nothing: it answers at once with what was parsed and validated."""

    async def run(self, job: WriteRequest) -> ResponseData:
        """The answer to a create or to a batch of creates."""
        bodies = [canonical_json(command.event, ()) for command in job.commands if isinstance(command, Create)]
        if len(bodies) == 1:
            headers = {"content-type": "application/json", "location": f"/v1/events/{SOME_ID}", "etag": '"1"'}
            return ResponseData(201, bodies[0], headers)
        results = [
            {"index": n, "status": 201, "id": str(SOME_ID), "version": 1, "cursor": None, "problem": None}
            for n in range(len(bodies))
        ]
        return ResponseData(200, orjson.dumps({"results": results}), {"content-type": "application/json"})


class Open:
    """A door that lets everybody in."""

    async def admit(self, _connection: HTTPConnection, *_: Any, **__: Any) -> ApiKey:
        """Nobody is asked."""
        return SOMEBODY


def nowhere() -> FastAPI:
    """Sitrep with no database: it reads and checks what comes in, and answers."""
    app = create_app()
    app.state.services = replace(app.state.services, store=Nowhere())
    app.state.services = replace(app.state.services, authenticator=Open())
    app.router.lifespan_context = idle
    return app


@asynccontextmanager
async def idle(_app: FastAPI) -> AsyncIterator[None]:
    """Nothing to start."""
    yield
