"""What tests of subscriptions over HTTP share: settings, bodies, keys, rows, and an endpoint on loopback."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any
from uuid import UUID

from calls import good
from conftest import client_of

from app.auth.keys import create_key
from app.kit.ids import IdSource
from app.subscriptions.tables import DELIVERY, Delivery, StoredDelivery, row_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI
    from httpx import AsyncClient

    from app.auth import Scope
    from app.db import Database, Transaction

PATH = "/v1/subscriptions"
LOOPBACK: dict[str, Any] = {"allow_private_targets": (ip_network("127.0.0.0/8"),)}
WITH_KEY: dict[str, Any] = {**LOOPBACK, "secret_key": "correct horse battery staple"}
DEAF = "http://127.0.0.1:9/hook"  # nobody listens there
UNKNOWN = "0197f2a0-0000-7000-8000-000000000001"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ids = IdSource()


@dataclass
class Endpoint:
    """A web server in a few lines: it notes what it was sent, and answers with a status."""

    url: str = ""
    status: int = 204
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")[1:-2]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.received.append((headers, body))
        writer.write(b"HTTP/1.1 %d Whatever\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % self.status)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def endpoint(status: int = 204) -> AsyncIterator[Endpoint]:
    """An endpoint on loopback."""
    opened = Endpoint(status=status)
    server = await asyncio.start_server(opened.talk, "127.0.0.1", 0)
    opened.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    async with server:
        yield opened


def pull(**fields: Any) -> dict[str, Any]:
    """The body of a new pull subscription."""
    return {"name": "archive", "mode": "pull", **fields}


def push(url: str = DEAF, **fields: Any) -> dict[str, Any]:
    """The body of a new push subscription, `push` being what is to be said beside the address."""
    return {"name": "desk", "mode": "push", **fields, "push": {"url": url, **fields.get("push", {})}}


async def subscribed(api: AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
    """A new subscription."""
    made: dict[str, Any] = good(await api.post(PATH, json=body), 201)
    return made


async def shown(api: AsyncClient, id: str) -> dict[str, Any]:
    """A subscription as it stands."""
    found: dict[str, Any] = good(await api.get(f"{PATH}/{id}"))
    return found


async def write(api: AsyncClient, make_event: Any, count: int = 1, **fields: Any) -> list[str]:
    """Events in one batch; their cursors."""
    items = [{"op": "create", "event": make_event(title=f"Number {n}", **fields)} for n in range(count)]
    return [result["cursor"] for result in good(await api.post("/v1/events/batch", json={"items": items}))["results"]]


async def client_for(app: FastAPI, db: Database, owner: str, scope: Scope = "subscribe") -> AsyncClient:
    """A client with a key of this owner."""
    return client_of(app, (await create_key(db, f"of {owner}", [scope], owner=owner))[1])


def delivery(subscription: str, n: int, status: str, **known: Any) -> Delivery:
    """A delivery as a worker leaves it, made `n` hours after the start."""
    at = START + timedelta(hours=n)
    values: dict[str, Any] = {
        "id": ids(),
        "subscription": UUID(subscription),
        "seq": n,
        "epoch": 1,
        "generation": 0,
        "status": status,
        "counted": True,
        "tries": 1,
        "attempt_count": 1,
        "attempts": '[{"n":1,"at":"2026-03-01T12:00:00Z","status_code":500,"duration_ms":12,"error":"status"}]',
        "next_attempt_at": at if status in {"queued", "sending", "retrying"} else None,
        "created_at": at,
    }
    return Delivery(**{**values, **known})


async def store(db: Database, deliveries: list[Delivery]) -> list[str]:
    """Store deliveries; their ids."""

    async def work(tx: Transaction) -> None:
        await tx.insert(StoredDelivery, [row_of(DELIVERY, each) for each in deliveries])

    await db.write(work)
    return [str(each.id) for each in deliveries]


async def until(condition: Any, seconds: float = 5.0) -> None:
    """Wait until an awaited condition holds."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 (what is waited for is in the database)
            await asyncio.sleep(0.02)
