"""Sitrep on several hosts, as docs/scale sets it up: what nginx keeps, what a replica may not show, who delivers."""

from __future__ import annotations

import asyncio
import json
import os
import re
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
import pytest
from calls import good
from conftest import administer
from hosts import Hosts, address_of, hosts
from nginx import NGINX
from receivers import becomes, receiving, subscribed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import MakeEvent

# `make nightly` takes more of each: the number of consumers, of different places to start from, and of changes.
CONSUMERS = int(os.environ.get("SCALE_CONSUMERS", "1000"))
STARTS = int(os.environ.get("SCALE_STARTS", "50"))
CHANGES = int(os.environ.get("SCALE_CHANGES", "500"))
LIMIT = 10
CONNECTIONS = 16
NEXT = re.compile(rb'(?i)\r\nlink: <([^>]+)>; rel="next"')
LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)")


@pytest.fixture(scope="module")
def scaled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """All that docs/scale speaks of."""
    if NGINX is None:
        pytest.skip("there is no nginx here, and `make test` could not install Debian's")
    with hosts(tmp_path_factory.mktemp("scale")) as running:
        yield running


@pytest.fixture
def dialect() -> str:
    """PostgreSQL alone is shared by hosts."""
    return "postgresql"


def client_at(address: str, hosts: Hosts | None = None) -> httpx.AsyncClient:
    """A client, with the key where hosts are given."""
    headers = {} if hosts is None else {"authorization": f"Bearer {hosts.key}"}
    return httpx.AsyncClient(base_url=address, headers=headers, trust_env=False, timeout=120)


async def metric(hosts: Hosts, name: str) -> list[float]:
    """What each API says of a metric, summed over its labels."""
    found = []
    for address in hosts.apis:
        async with client_at(address, hosts) as api:
            text = (await api.get("/metrics")).text
        found.append(sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name)))
    return found


async def write(api: httpx.AsyncClient, event: dict[str, Any], count: int) -> None:
    """Write that many events."""
    for first in range(0, count, 250):
        items = [
            {"op": "create", "event": {**event, "title": f"Event {n}"}} for n in range(first, min(first + 250, count))
        ]
        good(await api.post("/v1/events/batch", json={"items": items}), 200)


class Reading:
    """Consumers that follow the feed through nginx; an address that was given once is given the same again."""

    def __init__(self, front: str) -> None:
        self.front = address_of(front)
        self.requests = 0
        self.pages: dict[str, tuple[bytes, list[int]]] = {}

    async def follow(self, starts: list[int]) -> None:
        """Be one consumer after the other, each on a connection of its own."""
        for start in starts:
            reader, writer = await asyncio.open_connection(*self.front)
            try:
                await self.consume(start, reader, writer)
            finally:
                writer.close()
                await writer.wait_closed()

    async def consume(self, at: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read from a start to the end of the feed: every change once, in order."""
        address = f"/v1/feed?after=e1-{at:012d}&limit={LIMIT}"
        while address:
            writer.write(f"GET {address} HTTP/1.1\r\nhost: sitrep\r\naccept-encoding: gzip\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 "), head
            length = LENGTH.search(head)
            body = await (self.chunked(reader) if length is None else reader.readexactly(int(length[1])))
            self.requests += 1
            known, sequences = self.pages.get(address) or (body, sequences_in(body))
            self.pages[address] = known, sequences
            assert known == body
            assert sequences == list(range(at + 1, at + 1 + len(sequences)))
            at += len(sequences)
            further = NEXT.search(head)
            address = further[1].decode() if further else ""
        assert at == CHANGES

    @staticmethod
    async def chunked(reader: asyncio.StreamReader) -> bytes:
        """A body without a length."""
        parts = []
        while size := int(await reader.readline(), 16):
            parts.append(await reader.readexactly(size))
            await reader.readline()
        await reader.readline()
        return b"".join(parts)


def sequences_in(body: bytes) -> list[int]:
    """The sequences of a page's changes."""
    text = zlib.decompress(body, 31) if body.startswith(b"\x1f\x8b") else body
    return [int(item["sequence"]) for item in json.loads(text)["items"]]


async def test_a_thousand_consumers_are_served_by_nginx(scaled: Hosts, make_event: MakeEvent) -> None:
    async with client_at(scaled.apis[0], scaled) as api:
        await write(api, make_event(), CHANGES)
        for path in ("/v1/feeds/all_month.geojson", "/v1/feeds/attacks_day.atom"):
            async with client_at(scaled.front) as anybody:
                kept = [(await anybody.get(path)).headers["x-cache"] for _ in range(3)]
            assert kept == ["MISS", "HIT", "HIT"]
    before = sum(await metric(scaled, 'sitrep_http_requests_total{method="GET",route="/v1/feed"'))
    spread = [n % STARTS * CHANGES // STARTS + n % STARTS % LIMIT for n in range(CONSUMERS)]
    reading = Reading(scaled.front)
    await asyncio.gather(*(reading.follow(spread[first::CONNECTIONS]) for first in range(CONNECTIONS)))
    reached = sum(await metric(scaled, 'sitrep_http_requests_total{method="GET",route="/v1/feed"')) - before

    assert 0 < reached < reading.requests / 100, f"{reached} of {reading.requests}"


async def test_a_reader_with_a_key_and_one_who_waits_are_passed_on(scaled: Hosts) -> None:
    page = f"/v1/feed?after=oldest&limit={LIMIT}"
    async with client_at(scaled.front, scaled) as api:
        assert [(await api.get(page)).headers["x-cache"] for _ in range(2)] == ["BYPASS"] * 2
    async with client_at(scaled.front) as anybody:
        assert [(await anybody.get(f"{page}&wait=1")).headers["x-cache"] for _ in range(2)] == ["MISS"] * 2
        assert (await anybody.get(page)).headers["x-cache"] == "MISS"
        assert (await anybody.get("/v1/events?limit=1")).headers.get("x-cache") is None


async def replaying(hosts: Hosts, *, paused: bool) -> None:
    """Hold the replica where it is, or let it come on."""
    await administer(hosts.replica.url("sitrep"), f"SELECT pg_wal_replay_{'pause' if paused else 'resume'}()")


async def until_lag(hosts: Hosts, wanted: int) -> None:
    """Come back when both APIs tell that lag."""
    while await metric(hosts, "sitrep_replica_lag_changes ") != [wanted, wanted]:  # noqa: ASYNC110 (another process tells)
        await asyncio.sleep(0.1)


async def test_a_replica_is_read_told_of_and_done_without(scaled: Hosts, make_event: MakeEvent) -> None:
    async with (
        client_at(scaled.apis[0], scaled) as writer,
        client_at(scaled.apis[1], scaled) as reader,
        receiving() as endpoint,
    ):
        made = await subscribed(writer, endpoint.url())
        await becomes(writer, made["id"], status="active")
        start = good(await reader.get("/v1/feed/head"))["head"]
        written: list[str] = []

        async def follow() -> list[str]:
            """Poll one API until all that the other wrote is there; every answer is a page."""
            seen: list[str] = []
            at = start
            while not ended.is_set() or len(seen) < len(written):
                page = good(await reader.get("/v1/feed", params={"after": at, "wait": 1}))
                seen += [item["id"] for item in page["items"]]
                at = page["next"]
            return seen

        async def write_some(count: int) -> None:
            answers = [await writer.post("/v1/events", json=make_event()) for _ in range(count)]
            written.extend(answer.headers["feed-cursor"] for answer in answers)

        ended = asyncio.Event()
        following = asyncio.create_task(follow())
        await until_lag(scaled, 0)
        connection = await asyncpg.connect(scaled.replica.url("sitrep"))
        reads = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sitrep'"
        assert await connection.fetchval(reads) > 0
        await connection.close()

        await replaying(scaled, paused=True)
        await write_some(5)
        await until_lag(scaled, 5)
        await replaying(scaled, paused=False)
        await until_lag(scaled, 0)

        await write_some(5)
        await asyncio.to_thread(scaled.replica.kill)
        await write_some(20)
        assert [value != value for value in await metric(scaled, "sitrep_replica_lag_changes ")] == [True, True]  # noqa: PLR0124 (NaN)
        for address in scaled.apis:
            async with client_at(address, scaled) as api:
                good(await api.get("/readyz"))
                good(await api.get("/v1/events", params={"limit": 5}))
        await asyncio.to_thread(scaled.replica.start)
        await until_lag(scaled, 0)
        await write_some(5)
        ended.set()
        assert await following == written

        await endpoint.until(lambda: len(endpoint.changes) >= len(written))
        await becomes(writer, made["id"], open=0, lag=0)
        assert sorted(change.id for change in endpoint.changes) == written
        with suppress(httpx.HTTPError):
            await writer.delete(f"/v1/subscriptions/{made['id']}")
