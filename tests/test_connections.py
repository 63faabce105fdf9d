"""Connections as strangers use them: old protocols, readers that stop, and clients that leave."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import socket
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from calls import good
from conftest import client_of, load_samples, serving
from structlog.testing import capture_logs

from app.protocol import Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from fastapi import FastAPI

    MakeApp = Callable[..., Awaitable[FastAPI]]

PATIENCE_S = 120.0


class Impatient(Protocol):
    """A protocol that soon gives up on those who do not read."""

    unread_seconds = 0.2


@asynccontextmanager
async def connected(address: str, *, receive_buffer: int | None = None) -> AsyncIterator[socket.socket]:
    """A connection to the server that reads and writes only when told to."""
    url = urlsplit(address)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as opened:
        if receive_buffer is not None:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        opened.setblocking(False)
        await asyncio.get_running_loop().sock_connect(opened, (url.hostname, url.port))
        yield opened


async def send(connection: socket.socket, sent: bytes) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.get_running_loop().sock_sendall(connection, sent)


async def read(connection: socket.socket, most: int = 65536) -> bytes:
    """What comes next; nothing at the end."""
    async with asyncio.timeout(PATIENCE_S):
        return await asyncio.get_running_loop().sock_recv(connection, most)


async def read_all(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    received = b""
    with suppress(ConnectionResetError):
        while data := await read(connection):
            received += data
    return received


async def read_until(connection: socket.socket, mark: bytes) -> bytes:
    """What comes up to a mark, and with it."""
    received = b""
    while mark not in received:
        data = await read(connection)
        assert data, received
        received += data
    return received


async def send_until_closed(connection: socket.socket) -> None:
    """Send something now and then, which tells whether the other side is still there."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            await send(connection, b"x")
            await asyncio.sleep(0.05)


@pytest.fixture
async def open_app(make_app: MakeApp) -> FastAPI:
    """An application with the samples, read by anybody."""
    app = await make_app(anonymous_read=True)
    await load_samples(app.state.services.store)
    return app


@pytest.mark.parametrize(
    "path",
    [
        "/v1/events?limit=3",
        "/v1/events/export?format=ndjson",
        "/v1/events/export?format=geojson",
        "/v1/feeds/all_month.atom",
        "/v1/feed?limit=2",
        "/v1/nowhere",
        "/docs",
    ],
)
@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_http_1_0_gets_no_chunks(open_app: FastAPI, path: str, coding: str) -> None:
    fields = f"Host: sitrep.test\r\nAccept-Encoding: {coding}\r\n"
    async with serving(open_app) as address, connected(address) as old, client_of(open_app) as new:
        await send(old, f"GET {path} HTTP/1.0\r\n{fields}Connection: keep-alive\r\n\r\n".encode())
        head, _, body = (await read_all(old)).partition(b"\r\n\r\n")
        wanted = await new.get(path, headers={"accept-encoding": "identity"})

    assert b"transfer-encoding" not in head.lower()
    assert b"connection: close" in head.lower()
    if b"content-encoding" in head.lower():
        body = gzip.decompress(body)
    if wanted.status_code == 200:
        assert body == wanted.content
    else:
        assert json.loads(body)["status"] == wanted.status_code


async def test_http_1_0_follows_the_stream_without_chunks(open_app: FastAPI) -> None:
    async with serving(open_app) as address, connected(address) as old:
        await send(old, b"GET /v1/feed/stream HTTP/1.0\r\nHost: x\r\n\r\n")
        received = await read_until(old, b'"specversion"')
        open_app.state.services.notifier.drain()
        received += await read_all(old)

    head, _, body = received.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert body.startswith(b"retry: 3000\n\nid: e1-")
    assert body.endswith(b"\n\n")


@pytest.mark.parametrize("path", ["/v1/events/export?format=csv", "/v1/events?limit=1000", "/v1/feed?limit=1000"])
async def test_an_answer_that_nobody_reads_is_closed(open_app: FastAPI, api_events: int, path: str) -> None:
    assert api_events
    async with (
        serving(open_app, send_buffer=4096, protocol=Impatient) as address,
        connected(address, receive_buffer=4096) as idle,
    ):
        await send(idle, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await read(idle, 10)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            await send_until_closed(idle)


async def test_a_slow_reader_keeps_its_answer(open_app: FastAPI, api_events: int) -> None:
    assert api_events
    async with (
        serving(open_app, send_buffer=4096, protocol=Impatient) as address,
        connected(address, receive_buffer=4096) as slow,
        client_of(open_app) as client,
    ):
        await send(slow, b"GET /v1/events/export HTTP/1.0\r\nHost: x\r\n\r\n")
        received = b""
        while data := await read(slow, 4096):
            received += data
            if len(received) < 300_000:
                await asyncio.sleep(0.02)
        whole = (await client.get("/v1/events/export")).content

    assert received.partition(b"\r\n\r\n")[2] == whole
    assert len(whole) > 300_000


@pytest.fixture
async def api_events(open_app: FastAPI, admin_key: str, make_event: Callable[..., dict[str, Any]]) -> int:
    """Enough events that no buffer takes an answer whole; how many there are."""
    event = make_event(summary="A long report. " * 320)
    batch = {"items": [{"op": "create", "event": {**event, "title": f"Event {n}"}} for n in range(100)]}
    async with client_of(open_app, admin_key) as api:
        good(await api.post("/v1/events/batch", json=batch))
        return int(good(await api.get("/v1/events/count"))["count"])


LEAVING = (
    b"GET /v1/feed/stream HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /v1/feed/stream HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/feed HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /v1/feed/stream HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/feed HTT",
    b"GET /v1/feed/stream HTTP/1.1\r\nHost: x\r\n\r\n\x00garbage",
    b"GET /v1/feed/stream HTTP/1.1\r\nHost: x\r\n\r\n" * 3,
    b"HEAD /v1/feed/stream HTTP/1.1\r\nHost: x\r\n\r\n" * 2,
    b"GET /v1/feed/stream HTTP/1.0\r\nHost: x\r\n\r\n",
    b"GET /v1/events/export HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /v1/events/export?format=csv HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n",
    b"GET /v1/events/export?format=geojson HTTP/1.1\r\nHost: x\r\n\r\nGET / HT",
    b"GET /v1/events/export HTTP/1.1\r\nHost: x\r\n\r\n\x16\x03\x01nonsense",
    b"GET /v1/events/export HTTP/1.0\r\nHost: x\r\n\r\n",
    b"HEAD /v1/events/export HTTP/1.1\r\nHost: x\r\n\r\n" * 3,
    b"GET /v1/feed?after=now&wait=50 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /v1/feed?after=now&wait=50 HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/feed HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /v1/feeds/all_month.atom HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n",
    b"GET /v1/stats/facets?facet=country HTTP/1.1\r\nHost: x\r\n\r\n" * 5,
    b"GET /v1/events?limit=1000 HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n",
    b"POST /v1/events HTTP/1.1\r\nHost: x\r\nAUTH\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{",
    (
        b"POST /v1/events/batch HTTP/1.1\r\nHost: x\r\nAUTH\r\nContent-Type: application/json\r\n"
        b'Transfer-Encoding: chunked\r\n\r\n4\r\n{"it\r\n'
    ),
    (
        b"POST /v1/events HTTP/1.1\r\nHost: x\r\nAUTH\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
        b"Content-Length: 500\r\n\r\n"
    ),
    b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 400\r\nExpect: 100-continue\r\n\r\n",
    b"POST /v1/events HTTP/1.1\r\nHost: x\r\nAUTH\r\nContent-Length: 2\r\n\r\n{}trailing garbage",
    b"GET /v1/events HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"GET /v1/events HTTP/1.1\r\nHost: x\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"",
)


@pytest.mark.parametrize("leave", ["reset", "close", "half"])
async def test_clients_that_leave_are_no_faults(
    open_app: FastAPI, admin_key: str, api_events: int, leave: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert api_events
    caplog.set_level(logging.WARNING)

    async def visit(address: str, number: int, sent: bytes) -> None:
        async with connected(address) as client:
            with suppress(ConnectionError):
                await send(client, sent.replace(b"AUTH", f"Authorization: Bearer {admin_key}".encode()))
                for _ in range(number % 4):
                    await asyncio.sleep(0.01)
                if leave == "reset":
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
                elif leave == "half":
                    client.shutdown(socket.SHUT_WR)
                    await asyncio.sleep(0.05)

    with capture_logs() as logged:
        async with serving(open_app, grace_s=int(PATIENCE_S)) as address:
            await asyncio.gather(*(visit(address, n, sent) for n, sent in enumerate(LEAVING * 8)))
            async with client_of(open_app) as client:
                good(await client.get("/v1/events/count"))

    assert [line for line in logged if line["log_level"] == "error"] == []
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
