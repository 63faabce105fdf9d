"""What a write to many waiting readers of server-sent events costs, and what each takes while it waits."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median
from typing import cast

import orjson

from benchmarks.apps import sitrep_on
from benchmarks.cases import bearer, fresh
from benchmarks.databases import Shelf, write_key
from benchmarks.figures import Figure, figure
from benchmarks.load import request_bytes, send
from benchmarks.measure import ratios
from benchmarks.options import Options
from benchmarks.peers import DURABLE, PeerMissing, Peers, durable_streams
from benchmarks.servers import Server, serving

STREAMED = ("fan-out", "stream-memory")
READERS, MANY = 1_000, 5_000
AT_ONCE = 10  # opening asks the database
PATIENCE_S = 60.0
OPEN_FILES = 10_000
ROOMY = {"SITREP_SSE_MAX": "6000", "SITREP_SSE_PER_KEY": "6000"}
TARGET = "/v1/feed/stream?after=now"
STREAM = "/v1/stream/fan-out"


class Waiting(asyncio.Protocol):
    """A reader that waits for a mark in what is sent."""

    def __init__(self, request: bytes, crowd: Crowd) -> None:
        """Ask this, and tell the crowd."""
        self._request = request
        self._crowd = crowd
        self._tail = b""
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(exc or ConnectionError("the server closed the stream"))

    def data_received(self, data: bytes) -> None:
        if not self.opened.done():
            assert data.startswith(b"HTTP/1.1 200"), data[:200]
            self.opened.set_result(None)
        mark = self._crowd.mark
        joined = self._tail + data
        if mark and mark in joined:
            self._tail = b""
            self._crowd.count()
        else:
            self._tail = joined[-len(mark) :] if mark else b""


@dataclass
class Crowd:
    """Readers of one server, and how many have got what they wait for."""

    server: Server
    readers: list[Waiting] = field(default_factory=list)
    empty: int = 0
    memory: float = 0.0
    cpu: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    mark: bytes = b""
    missing: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def count(self) -> None:
        """One more has it."""
        self.missing -= 1
        if not self.missing:
            self.done.set()

    async def join(self, request: bytes, number: int) -> None:
        """Open streams until there are so many, and note how much memory of the server each takes, in KB."""
        if not self.readers:
            await self._open(request, AT_ONCE)
            self.empty = self.server.memory()
        while len(self.readers) < number:
            await self._open(request, min(AT_ONCE, number - len(self.readers)))
        self.memory = (self.server.memory() - self.empty) / (number - AT_ONCE)

    async def _open(self, request: bytes, number: int) -> None:
        loop = asyncio.get_running_loop()
        made = [
            await loop.create_connection(lambda: Waiting(request, self), "127.0.0.1", self.server.port)
            for _ in range(number)
        ]
        await asyncio.wait_for(asyncio.gather(*(reader.opened for _, reader in made)), PATIENCE_S)
        self.readers += [reader for _, reader in made]

    async def write(self, request: bytes, mark: bytes) -> None:
        """Write once, and wait until the last reader has it."""
        self.mark, self.missing = mark, len(self.readers)
        self.done.clear()
        before, began = self.server.cpu(), time.perf_counter()
        await send(self.server.port, [request], 1)
        await asyncio.wait_for(self.done.wait(), PATIENCE_S)
        self.took.append(time.perf_counter() - began)
        self.cpu.append(self.server.cpu() - before)

    def leave(self) -> None:
        """Close all streams."""
        for reader in self.readers:
            reader.transport.abort()


def stream(shelf: Shelf, options: Options, peers: Peers) -> Iterator[Figure]:
    """Readers of Sitrep, of a bare app and of a Durable Streams server get a write in turns."""
    print(f"{shelf.dialect}: streams", flush=True)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = min(OPEN_FILES, hard) if hard > 0 else OPEN_FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))  # of the servers that are started now, too
    with ExitStack() as stack:
        url = stack.enter_context(shelf.copy(shelf.sitrep(options.events)))
        key = asyncio.run(write_key(url))
        servers = [
            stack.enter_context(sitrep_on(shelf, url, ROOMY)),
            stack.enter_context(serving("bare", "benchmarks.bare:fan_out", {})),
        ]
        why = ""
        try:
            servers.append(stack.enter_context(durable_streams(peers)))
        except PeerMissing as error:
            why = str(error)
        if files < OPEN_FILES:
            why = f"{why} There is no room for {MANY:,} readers: {OPEN_FILES:,} open files are wanted.".strip()
        many = 0 if options.quick or files < OPEN_FILES else MANY
        crowds, more = asyncio.run(fan_out(servers, key, options.rounds, many))
    ours, *others = crowds
    names = ("bare", DURABLE)
    beside = {name: 1000 * median(crowd.cpu) for name, crowd in zip(names, others, strict=False)}
    waits = " / ".join(f"{1000 * median(crowd.took):.0f}" for crowd in crowds)
    times = median(ratios(ours.cpu, others[0].cpu))
    remark = ". ".join(filter(None, (f"{times:.1f} times the bare app; the last has it after {waits} ms", more, why)))
    yield figure("fan-out", shelf.dialect, [1000 * spent for spent in ours.cpu], beside, remark)
    beside = {name: crowd.memory for name, crowd in zip(names, others, strict=False)}
    yield figure("stream-memory", shelf.dialect, [ours.memory], beside, why)


async def fan_out(servers: Sequence[Server], key: str, rounds: int, many: int) -> tuple[list[Crowd], str]:
    """All readers join, and each round every server has one write; then `many` wait for Sitrep, told in a sentence."""
    crowds = [Crowd(server) for server in servers]
    targets = (TARGET, "/", f"{STREAM}?offset=now&live=sse")
    if len(servers) > 2:
        put = f"PUT {STREAM} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\r\n"
        await send(servers[2].port, [put.encode()], 1)
    try:
        for crowd, target in zip(crowds, targets, strict=False):
            await crowd.join(request_bytes(target), READERS)
        for n in range(rounds + 1):
            headers: tuple[dict[str, str], ...] = (bearer(key), {}, {})
            paths = ("/v1/events", "/", STREAM)
            for crowd, path, header in zip(crowds, paths, headers, strict=False):
                await crowd.write(*marked(f"mark-{n}-", path, header))
        more = await widen(crowds[0], key, rounds, many) if many else ""
    finally:
        for crowd in crowds:
            crowd.leave()
    for crowd in crowds:  # the first write warmed up
        del crowd.cpu[0], crowd.took[0]
    return crowds, more


async def widen(crowd: Crowd, key: str, rounds: int, number: int) -> str:
    """What a write to more readers costs and what each takes; the crowd keeps the figures that it had."""
    memory, cpu, took = crowd.memory, crowd.cpu, crowd.took
    crowd.cpu, crowd.took = [], []
    await crowd.join(request_bytes(TARGET), number)
    for n in range(rounds + 1):
        await crowd.write(*marked(f"more-{n}-", "/v1/events", bearer(key)))
    spent, last = (1000 * median(found[1:]) for found in (crowd.cpu, crowd.took))
    told = f"{number:,}: {spent:.0f} ms, the last has it after {last:.0f} ms, {crowd.memory:.1f} KB each"
    crowd.memory, crowd.cpu, crowd.took = memory, cpu, took
    return told


def marked(mark: str, path: str, headers: dict[str, str]) -> tuple[bytes, bytes]:
    """The write of an event with a mark in its title, and the mark."""
    body = orjson.dumps({**fresh(), "title": f"{mark} of a write to all"})
    return request_bytes(path, headers=headers, body=body), mark.encode()
