"""`sitrep worker` and `sitrep serve --no-delivery` as processes: who pushes, who does not, and how they end."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import sqlalchemy as sa

from app.subscriptions.tables import DeliveryWorker
from cli.conftest import bearer, keys_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from conftest import MakeEvent

    from app.db import Database
    from cli.conftest import Started

PATIENCE_S = 300.0


@asynccontextmanager
async def endpoint(taken: asyncio.Queue[dict[str, Any]]) -> AsyncIterator[str]:
    """An address that takes everything."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        taken.put_nowait(json.loads(await reader.readexactly(length)))
        writer.write(b"HTTP/1.1 204 X\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**20)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"


async def test_a_worker_delivers_what_a_server_without_delivery_takes(
    database_url: str,
    db: Database,
    setting: Callable[[str, str], None],
    start: Callable[..., Started],
    make_event: MakeEvent,
) -> None:
    setting("database_url", database_url)
    setting("allow_private_targets", "127.0.0.0/8")
    setting("secret_key", "a key for tests only")
    taken: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    server = start("serve", "--no-delivery", "--port", "{port}")
    await server.answers()
    await server.until(lambda: bool(keys_in(server.err)))
    [key] = keys_in(server.err)
    async with (
        endpoint(taken) as url,
        httpx.AsyncClient(base_url=server.url, headers=bearer(key), trust_env=False, timeout=60) as api,
    ):
        wanted = {"name": "desk", "mode": "push", "filter": {}, "push": {"url": url}}
        made = (await api.post("/v1/subscriptions", json=wanted)).json()
        assert (await api.post("/v1/events", json=make_event())).status_code == 201
        assert taken.empty(), "nobody delivers yet"

        first, second = start("worker"), start("worker")
        ping = await asyncio.wait_for(taken.get(), PATIENCE_S)
        change = await asyncio.wait_for(taken.get(), PATIENCE_S)
        assert (ping["type"], change["type"]) == ("sys.ping", "attack.created")

        await delivered(api, made["id"])
        await at_work(db, 2)
        assert await first.stop() == 0
        assert (await api.post("/v1/events", json=make_event(title="Another"))).status_code == 201
        another = await asyncio.wait_for(taken.get(), PATIENCE_S)
        assert another["data"]["title"] == "Another", "the other took over at once"
        await delivered(api, made["id"])
    assert await second.stop() == 0
    assert taken.empty()
    assert first.out == second.out == ""


async def at_work(db: Database, workers: int) -> None:
    """Come back when so many are enlisted: one that is told to end while it still starts ends by the signal."""
    count = 0
    for _ in range(600):
        [(count,)] = await db.rows(sa.select(sa.func.count()).select_from(DeliveryWorker))
        if count == workers:
            return
        await asyncio.sleep(0.05)
    message = f"{count} at work"
    raise AssertionError(message)


async def delivered(api: httpx.AsyncClient, id: str) -> None:
    """Come back when nothing is left to deliver."""
    shown: dict[str, Any] = {}
    for _ in range(600):
        shown = (await api.get(f"/v1/subscriptions/{id}")).json()
        if (shown["open"], shown["lag"]) == (0, 0):
            return
        await asyncio.sleep(0.05)
    message = f"not delivered: {shown}"
    raise AssertionError(message)
