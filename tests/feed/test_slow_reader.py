"""A reader that never reads loses its connection, over a real socket."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from calls import good
from conftest import serving

from app.feed.sse import StreamTimings

if TYPE_CHECKING:
    import httpx
    from conftest import MakeEvent
    from fastapi import FastAPI

SMALL = 4096


async def test_a_stream_whose_reader_never_reads_is_cut_off(
    app: FastAPI, api: httpx.AsyncClient, make_event: MakeEvent
) -> None:
    app.state.services = replace(app.state.services, stream_timings=StreamTimings(send_s=0.1, heartbeat_s=0.1))
    items = [{"op": "create", "event": make_event(summary="word " * 900)} for _ in range(100)]
    good(await api.post("/v1/events/batch", json={"items": items}))
    connections = app.state.services.notifier.connections

    async with serving(app, send_buffer=SMALL) as address, asyncio.timeout(20):
        with await connected(address) as reader:
            await ask_for_stream(reader, api.headers["authorization"])
            while not connections.taken.total():  # noqa: ASYNC110 - it is the server that is waited for
                await asyncio.sleep(0.01)
            while connections.taken.total():  # noqa: ASYNC110 - likewise
                await asyncio.sleep(0.01)
            assert await read_to_the_end(reader) < len(items) * SMALL


async def connected(address: str) -> socket.socket:
    """A connection that takes in little at a time."""
    place = urlsplit(address)
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
    reader.setblocking(False)
    await asyncio.get_running_loop().sock_connect(reader, (place.hostname, place.port))
    return reader


async def ask_for_stream(reader: socket.socket, authorization: str) -> None:
    """Send the request, and read nothing of the answer."""
    request = f"GET /v1/feed/stream?after=oldest HTTP/1.1\r\nhost: x\r\nauthorization: {authorization}\r\n\r\n"
    await asyncio.get_running_loop().sock_sendall(reader, request.encode())


async def read_to_the_end(reader: socket.socket) -> int:
    """How many bytes are left to read before the connection ends, in whatever way."""
    total = 0
    try:
        while data := await asyncio.get_running_loop().sock_recv(reader, 65536):
            total += len(data)
    except ConnectionResetError:
        pass
    return total
