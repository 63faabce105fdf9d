"""`sitrep demo` and `sitrep serve` as processes, on both databases: what they print, make, outlive and leave behind."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
from conftest import administer, copied
from programs import free_port

from app.auth.keys import create_key
from app.cli.samples import Ready
from app.cli.welcome_message import address_of, welcome
from app.events.write.parse_commands import batch_response, read_items
from app.events.write.store import Store
from app.events.write.transaction import WriteRequest
from app.migrate import migrate
from app.settings import read_settings
from cli.conftest import bearer, keys_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from conftest import MakeEvent

    from app.db import Database
    from cli.conftest import Said, Started

    Start = Callable[..., Started]
    Setting = Callable[[str, str], None]

DEMO = ("demo", "--port", "{port}")
SERVE = ("serve", "--port", "{port}")


@asynccontextmanager
async def calling(server: Started, key: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a started server."""
    headers = {} if key is None else bearer(key)
    async with httpx.AsyncClient(base_url=server.url, headers=headers, trust_env=False, timeout=60) as client:
        yield client


async def demo_key(server: Started) -> str:
    """The key that a demo prints, once it serves."""
    await server.until(lambda: "Ctrl-C" in server.out)
    [line] = [line for line in server.out.splitlines() if line.startswith("admin key: ")]
    [key] = keys_in(line)
    assert line == f"admin key: {key}"
    return key


async def first_key(*servers: Started) -> str:
    """The one key that one of the servers prints."""
    await servers[0].until(lambda: any(keys_in(server.err) for server in servers))
    [key] = [key for server in servers for key in keys_in(server.err)]
    return key


def test_the_start_message_fits_into_80_columns_but_for_the_key() -> None:
    text = welcome(read_settings(), Ready("sitrep_key", 17, loaded=True), "127.0.0.1", 8000)
    assert max(map(len, text.splitlines())) <= 80
    assert text.startswith("Sitrep serves 17 events at http://127.0.0.1:8000\nfrom sqlite:///sitrep.db")


@pytest.mark.parametrize(
    ("host", "shown"),
    [("0.0.0.0", "http://127.0.0.1:80"), ("::", "http://[::1]:80"), ("192.0.2.1", "http://192.0.2.1:80")],  # noqa: S104 (nothing is bound)
)
def test_the_address_shown_can_be_called(host: str, shown: str) -> None:
    assert address_of(host, 80) == shown


def test_no_password_is_shown(setting: Setting) -> None:
    setting("database_url", "postgresql://u:secret@db:5432/sitrep")
    text = welcome(read_settings(), Ready("sitrep_key", 17, loaded=False), "127.0.0.1", 8000)
    assert "from postgresql://db:5432/sitrep." in text


class TestDemo:
    async def test_it_migrates_loads_the_samples_prints_a_key_and_serves_everybody(
        self, empty_url: str, setting: Setting, start: Start
    ) -> None:
        setting("database_url", empty_url)
        server = start(*DEMO)
        key = await demo_key(server)
        assert server.url in server.out
        assert server.err == ""

        async with calling(server) as client:
            assert (await client.get("/v1/events/count")).json()["count"] == 17
            for line in server.out.splitlines():
                if line.startswith("  curl '"):
                    answer = await client.get(line.split("'")[1].removeprefix(server.url))
                    assert answer.json()["items"]
            items = (await client.get("/v1/feed")).json()["items"]
            assert {item["type"].partition(".")[2] for item in items} == {"created"}
            assert (await client.get("/v1/audit")).status_code == 401
        async with calling(server, key) as admin:
            assert (await admin.get("/v1/me")).json()["scopes"] == ["admin"]
            [revision] = (await admin.get(f"/v1/events/{items[0]['subject']}/revisions")).json()["items"]
            assert revision["by"] == "sitrep"
        assert await server.stop() == 0

    async def test_a_second_start_changes_nothing_but_the_key(
        self, empty_url: str, setting: Setting, start: Start, make_event: MakeEvent
    ) -> None:
        setting("database_url", empty_url)
        first = start(*DEMO)
        old = await demo_key(first)
        async with calling(first, old) as client:
            mine = (await client.post("/v1/events", json=make_event())).headers["feed-cursor"]
        await first.stop()

        second = start(*DEMO)
        new = await demo_key(second)
        assert new != old
        async with calling(second) as client:
            assert (await client.get("/v1/feed/head")).json()["head"] == mine
            assert (await client.get("/v1/me", headers=bearer(old))).status_code == 401
            assert (await client.get("/v1/me", headers=bearer(new))).status_code == 200

    async def test_a_database_in_use_gets_no_samples_and_keeps_its_keys(
        self, database_url: str, setting: Setting, start: Start, db: Database, make_event: MakeEvent
    ) -> None:
        store = Store(db)
        store.start()
        commands, places = read_items([{"op": "create", "event": make_event()}])
        await store.run(WriteRequest(commands, "desk", lambda results: batch_response(results, ""), places=places))
        await store.stop()
        _, kept = await create_key(db, "desk", ["read"])
        setting("database_url", database_url)

        server = start(*DEMO)
        await demo_key(server)
        async with calling(server) as client:
            assert (await client.get("/v1/events/count")).json()["count"] == 1
            assert (await client.get("/v1/me", headers=bearer(kept))).status_code == 200


class TestTheFirstKey:
    async def test_one_is_printed_to_stderr_at_the_first_start_and_none_later(
        self, database_url: str, setting: Setting, start: Start
    ) -> None:
        setting("database_url", database_url)
        server = start(*SERVE)
        key = await first_key(server)
        assert server.out == ""
        async with calling(server, key) as client:
            assert (await client.get("/v1/me")).json()["scopes"] == ["admin"]
            assert (await client.get("/v1/events", headers={"authorization": ""})).status_code == 401
        await server.stop()

        again = start(*SERVE)
        await again.answers()
        await again.stop()
        assert keys_in(again.err) == []

    async def test_of_four_servers_that_start_at_once_one_prints_it(
        self, database_url: str, setting: Setting, start: Start
    ) -> None:
        setting("database_url", database_url)
        servers = [start(*SERVE) for _ in range(4)]
        for server in servers:
            await server.answers()
        key = await first_key(*servers)
        for server in servers:
            async with calling(server, key) as client:
                assert (await client.get("/v1/me")).status_code == 200
        assert await asyncio.gather(*(server.stop() for server in servers)) == [0] * 4
        await first_key(*servers)

    async def test_several_workers_print_it_once(self, database_url: str, setting: Setting, start: Start) -> None:
        setting("database_url", database_url)
        server = start(*SERVE, "--workers", "2")
        await server.answers()
        async with calling(server, await first_key(server)) as client:
            assert (await client.get("/v1/me")).status_code == 200
        await server.stop()
        await first_key(server)


class TestABadStart:
    @pytest.fixture
    def absent(
        self, dialect: str, request: pytest.FixtureRequest, tmp_path: Path
    ) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        """The URL of a database that is not there, and what brings it."""
        if dialect == "sqlite":

            async def migrate_makes_it() -> None:
                """A file that is not there is made by migrate; a directory that is not there would end the server."""

            yield f"sqlite:///{tmp_path / 'later.db'}", migrate_makes_it
            return
        server = request.getfixturevalue("postgres")
        databases = copied(server, None)
        url = next(databases)
        name = url.partition("?")[0].rpartition("/")[2]
        asyncio.run(administer(server, f"DROP DATABASE {name}"))
        yield url, lambda: administer(server, f"CREATE DATABASE {name}")
        next(databases, None)

    async def test_it_waits_for_an_absent_database_and_then_for_its_tables(
        self, absent: tuple[str, Callable[[], Awaitable[None]]], setting: Setting, start: Start
    ) -> None:
        url, bring = absent
        setting("database_url", url)
        server = start(*SERVE)
        await server.answers("/livez")
        await server.answers(status=503)
        await server.until(lambda: "sitrep: Waiting for the database: " in server.err)

        await bring()
        await asyncio.to_thread(migrate, url)
        key = await first_key(server)
        await server.answers()
        async with calling(server, key) as client:
            assert (await client.get("/v1/me")).status_code == 200
        assert server.err.count("Traceback") == 0
        assert await server.stop() == 0

    async def test_a_taken_port_is_told_before_anything_is_done(
        self, empty_url: str, setting: Setting, start: Start, typed: Callable[..., Awaitable[Said]]
    ) -> None:
        setting("database_url", empty_url)
        server = start(*SERVE)
        await server.answers("/livez")
        for command in ("serve", "demo"):
            said = await typed(command, "--port", str(server.port))
            assert (said.status, said.out) == (1, "")
            assert said.err == f"sitrep: Cannot listen on 127.0.0.1 port {server.port}: Address already in use.\n"
        said = await typed("serve", "--host", "192.0.2.1", "--port", str(free_port()))
        assert said.status == 1
        assert "Cannot assign requested address" in said.err


async def test_sigterm_ends_streams_and_long_polls_within_five_seconds(
    empty_url: str, setting: Setting, start: Start
) -> None:
    setting("database_url", empty_url)
    server = start(*DEMO)
    key = await demo_key(server)
    async with calling(server, key) as client:
        head = (await client.get("/v1/feed/head")).json()["head"]
        received: list[str] = []
        streaming = asyncio.create_task(follow(client, f"/v1/feed/stream?after={head}", received))
        polling = asyncio.create_task(client.get(f"/v1/feed?after={head}&wait=50"))
        await server.until(lambda: bool(received))
        await asyncio.sleep(0.1)

        async with asyncio.timeout(40):  # the poll would wait for longer
            assert await server.stop() == 0
        page = (await polling).json()
        assert (page["items"], page["next"], page["has_more"]) == ([], head, False)
        await streaming
        assert f"id: {head}" in received
    assert keys_in(server.err) == []


async def follow(client: httpx.AsyncClient, path: str, received: list[str]) -> None:
    """Read a stream to its end."""
    async with client.stream("GET", path) as answer:
        async for line in answer.aiter_lines():
            received.append(line)  # noqa: PERF401 (others look at it meanwhile)
