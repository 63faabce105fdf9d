"""An endpoint on loopback for tests: notes what it receives and answers as it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from calls import good
from standardwebhooks import Webhook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

LOOPBACK = (ip_network("127.0.0.0/8"),)
KEY = "a key for tests only"
PATIENCE_S = 120.0
# Of the event loop, from a connection that is accepted to the task that serves it; with room.
TURNS = 10


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def item(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def is_ping(self) -> bool:
        return self.id.startswith("ping-")

    def verify(self, secret: str) -> None:
        """Raises unless the published library finds the signature good."""
        Webhook(secret).verify(self.body, self.headers)


Answer = Callable[[Received], int | tuple[int, dict[str, str]]]


@dataclass
class Receiver:
    """What was received, and how to answer; `pause` holds every answer back until it is set."""

    answer: Answer = lambda _received: 200
    received: list[Received] = field(default_factory=list)
    port: int = 0
    busy: int = 0
    busiest: int = 0
    open: asyncio.Event = field(default_factory=asyncio.Event)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    @property
    def changes(self) -> list[Received]:
        """All but pings."""
        return [each for each in self.received if not each.is_ping]

    @property
    def ids(self) -> list[str]:
        return [each.id for each in self.changes]

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def until(self, holds: Callable[[], bool]) -> None:
        """Come back when it holds; what is received is what may make it hold."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self._news.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await self._news.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                received = await read_request(reader)
                self.busy += 1
                self.busiest = max(self.busiest, self.busy)
                self.received.append(received)
                self._news.set()
                try:
                    await self.open.wait()
                    said = self.answer(received)
                    status, headers = said if isinstance(said, tuple) else (said, {})
                    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
                    writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\n{fields}\r\n".encode())
                    await writer.drain()
                finally:
                    self.busy -= 1
        writer.close()


async def read_request(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers["content-length"]))
    return Received(first.split(" ")[1], headers, body)


@asynccontextmanager
async def receiving(answer: Answer = lambda _received: 200) -> AsyncIterator[Receiver]:
    """A running endpoint."""
    receiver = Receiver(answer)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await receiver.serve(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**20)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        await end(server, tasks)


async def end(server: asyncio.Server, tasks: set[asyncio.Task[None]]) -> None:
    """Close a server and what it serves; a connection that was just accepted begins first, so that it can be ended."""
    server.close()
    for _ in range(TURNS):
        await asyncio.sleep(0)
    for task in list(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def subscribed(api: httpx.AsyncClient, url: str, **fields: Any) -> dict[str, Any]:
    """A new push subscription, as it was answered; `push` fields go beside the address."""
    push = {"url": url, **fields.pop("push", {})}
    wanted = {"name": "desk", "mode": "push", "filter": {}, "push": push, **fields}
    made: dict[str, Any] = good(await api.post("/v1/subscriptions", json=wanted), 201)
    return made


async def standing(api: httpx.AsyncClient, id: str) -> dict[str, Any]:
    """The subscription as it stands."""
    found: dict[str, Any] = good(await api.get(f"/v1/subscriptions/{id}"))
    return found


async def becomes(api: httpx.AsyncClient, id: str, **wanted: Any) -> dict[str, Any]:
    """The subscription once it has these values; fails after a while."""
    found: dict[str, Any] = {}
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found = await standing(api, id)
                if all(found[name] == value for name, value in wanted.items()):
                    return found
                await asyncio.sleep(0.02)
    raise AssertionError(f"{wanted} was not reached: {found}")


async def patched(api: httpx.AsyncClient, id: str, **patch: Any) -> dict[str, Any]:
    """The subscription after a patch."""
    found: dict[str, Any] = good(await api.patch(f"/v1/subscriptions/{id}", json=patch))
    return found


async def deliveries(api: httpx.AsyncClient, id: str, query: str = "") -> list[dict[str, Any]]:
    """All deliveries that match, newest first."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = good(await api.get(f"/v1/subscriptions/{id}/deliveries?limit=1000{query}{cursor}"))
        found += page["items"]
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


async def write_many(api: httpx.AsyncClient, event: dict[str, Any], count: int, tag: str = "many") -> list[str]:
    """Write events in batches; the ids of their changes, in order."""
    ids: list[str] = []
    for begin in range(0, count, 500):
        numbers = range(begin, min(begin + 500, count))
        items = [{"op": "create", "event": {**event, "title": f"{tag} {n}", "tags": [tag]}} for n in numbers]
        answer = good(await api.post("/v1/events/batch", json={"items": items}))
        ids += [result["cursor"] for result in answer["results"]]
    return ids
