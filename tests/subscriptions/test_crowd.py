"""Many endpoints, most of them bad: the good ones get everything, and no bad one takes more than its slots."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING
from uuid import UUID

from calls import good
from conftest import client_of
from receivers import KEY, LOOPBACK, becomes, end, read_request, subscribed, write_many

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from conftest import MakeApp, MakeEvent

FAILING, DRIPPING, HEALTHY, CHANGES = 200, 20, 20, 25
IN_FLIGHT = 2


class Street:
    """One server whose paths are endpoints: `/healthy/..` answer, `/failing/..` refuse, `/dripping/..` never end."""

    def __init__(self) -> None:
        self.port = 0
        self.seen: dict[str, list[str]] = {}
        self.watch: Callable[[], None] = lambda: None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                received = await read_request(reader)
                path, sort = received.path, received.path.split("/")[1]
                self.watch()
                if received.is_ping or sort == "healthy":
                    self.seen.setdefault(path, []).append(received.id)
                    writer.write(b"HTTP/1.1 204 X\r\n\r\n")
                elif sort == "failing":
                    writer.write(b"HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n")
                else:
                    await drip(reader, writer)
                    return
                await writer.drain()
        writer.close()


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A byte now and then, until the other end hangs up."""
    writer.write(b"HTTP/1.1 200 X\r\ncontent-length: 1000000\r\n\r\n")
    hung_up = asyncio.ensure_future(reader.read(1))
    try:
        while not hung_up.done():
            writer.write(b"x")
            await asyncio.wait({hung_up}, timeout=0.05)
    finally:
        hung_up.cancel()
        await asyncio.gather(hung_up, return_exceptions=True)
        writer.transport.abort()


@asynccontextmanager
async def street() -> AsyncIterator[Street]:
    made = Street()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(asyncio.CancelledError):
            await made.serve(reader, writer)
        writer.transport.abort()
        tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1000)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        await end(server, tasks)


async def test_among_failing_and_dripping_endpoints_the_healthy_get_every_change(
    make_app: MakeApp, admin_key: str, make_event: MakeEvent
) -> None:
    app = await make_app(allow_private_targets=LOOPBACK, secret_key=KEY)
    paths = [
        f"/{sort}/{n}"
        for sort, count in (("failing", FAILING), ("dripping", DRIPPING), ("healthy", HEALTHY))
        for n in range(count)
    ]
    dispatchers, busiest = app.state.services.worker.dispatchers, Counter[UUID]()

    def watch() -> None:
        """How many slots each subscription holds, looked at whenever a request arrives."""
        for id, dispatcher in dispatchers.items():
            busiest[id] = max(busiest[id], len(dispatcher.state.queue.flying))

    async with street() as endpoints, client_of(app, admin_key) as desk:
        endpoints.watch = watch
        push = {path: {"max_in_flight": IN_FLIGHT, "timeout_s": 60 if "healthy" in path else 1} for path in paths}
        address = f"http://127.0.0.1:{endpoints.port}"
        made = {path: (await subscribed(desk, address + path, push=push[path]))["id"] for path in paths}
        for id in made.values():
            await becomes(desk, id, status="active")
        ids = await write_many(desk, make_event(), CHANGES)
        for path, id in made.items():
            if path.startswith("/healthy"):
                await becomes(desk, id, open=0, lag=0)
        standing = {path: good(await desk.get(f"/v1/subscriptions/{id}")) for path, id in made.items()}

    for path, found in standing.items():
        assert 1 <= busiest[UUID(made[path])] <= IN_FLIGHT, path
        if path.startswith("/healthy"):
            assert sorted(endpoints.seen[path][1:]) == ids
        else:
            assert (found["open"], found["dead"]) == (CHANGES, 0), "what was not taken waits"
