"""A publisher on loopback: serves files as RFC 9110 says, and goes wrong in the ways that it is told to."""

from __future__ import annotations

import asyncio
import hashlib
import re
import tempfile
from collections import defaultdict
from collections.abc import Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import orjson

from app.sources.fetch import Fetcher
from app.sources.http_client import FetchTools, GuardedClient
from app.subscriptions.transport.url_guard import TargetPolicy

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator
LOOPBACK = TargetPolicy(private=(ip_network("127.0.0.0/8"),))


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    form: dict[str, str]


@dataclass(frozen=True)
class Fault:
    """What goes wrong once: another status, a body cut off after `cut` bytes, or pieces with pauses."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    drip: bool = False
    body: bytes | None = None


@dataclass
class Publisher:
    """Files by path, each with the date that it is of; a function may stand for a file."""

    url: str = ""
    files: dict[str, bytes | Callable[[Asked], Any]] = field(default_factory=dict)
    dates: dict[str, str] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    asked: list[Asked] = field(default_factory=list)
    is_down: bool = False
    without_ranges: bool = False
    without_validators: bool = False

    def paths(self) -> list[str]:
        return [request.path for request in self.asked]

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, and close the connection."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            if not self.is_down:
                await self.respond(await read_request(reader), writer)
        writer.close()

    async def respond(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        self.asked.append(asked)
        fault = self.faults[asked.path].pop(0) if self.faults[asked.path] else Fault()
        status, headers, body = self.reply(asked)
        if fault.status is not None:
            status, headers, body = fault.status, dict(fault.headers), b"a fault"
        if fault.body is not None:
            body = fault.body
        head = {"content-length": str(len(body)), "connection": "close", **headers}
        lines = [f"HTTP/1.1 {status} Told", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        writer.write("\r\n".join(lines).encode())
        if fault.drip:
            for n in range(len(body)):
                writer.write(body[n : n + 1])
                await writer.drain()
                await asyncio.sleep(0.01)
        elif status != 304:
            writer.write(body[: fault.cut])
        await writer.drain()

    def reply(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        """Status, header fields and body where nothing goes wrong."""
        file = self.files.get(asked.path)
        if file is None:
            return 404, {}, b"not here"
        if callable(file):
            found = file(asked)
            if isinstance(found, tuple):
                return found[0], {}, orjson.dumps(found[1])
            return 200, {"content-type": "application/json"}, orjson.dumps(found)
        etag = f'"{hashlib.sha256(file).hexdigest()[:16]}"'
        headers = {} if self.without_validators else {"etag": etag}
        if asked.path in self.dates:
            headers["last-modified"] = self.dates[asked.path]
        if asked.headers.get("if-none-match") == etag and not self.without_validators:
            return 304, headers, b""
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", asked.headers.get("range", ""))
        if match is None or self.without_ranges or asked.headers.get("if-range", etag) != etag:
            return 200, headers, file
        begin = int(match[1]) if match[1] else max(0, len(file) - int(match[2]))
        headers["content-range"] = f"bytes {begin}-{len(file) - 1}/{len(file)}"
        return 206, headers, file[begin:]


async def read_request(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    path, _, query = target.partition("?")
    return Asked(method, path, dict(parse_qsl(query)), headers, dict(parse_qsl(body.decode())))


@asynccontextmanager
async def publishing(*, ssl: ssl.SSLContext | None = None) -> AsyncIterator[Publisher]:
    """A publisher that serves until the block is left."""
    publisher = Publisher()
    server = await asyncio.start_server(publisher.answer, "127.0.0.1", 0, ssl=ssl)
    publisher.url = f"http{'s' if ssl else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield publisher
    finally:
        server.close()
        await server.wait_closed()


@dataclass
class Naps:
    """Pauses that take no time, but are noted."""

    seconds: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


@asynccontextmanager
async def fetching(
    publisher: Publisher, folder: Path, *, policy: TargetPolicy = LOOPBACK, tools: FetchTools | None = None, **more: Any
) -> AsyncIterator[Fetcher]:
    """A downloader for the publisher's files that pauses for no time."""
    client = GuardedClient(policy, tools or FetchTools(sleep=Naps().sleep, chance=lambda: 0.0))
    yield Fetcher(client, Path(tempfile.mkdtemp(dir=folder)), publisher.url, **more)
    await client.close()
