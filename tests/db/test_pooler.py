"""Behind pgbouncer everything works as it does without: in session and in transaction mode, found out or told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
import sqlalchemy as sa
import structlog
from conftest import client_of, copied, serving
from pooler import PGBOUNCER, pooling

from app.auth.keys import create_key
from app.db import Statement, open_database
from app.db.postgres_server import SESSION
from app.errors import Problem
from app.main import create_app
from app.migrate import migrate, newest_revision, revision
from app.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from conftest import MakeEvent
    from fastapi import FastAPI

pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is missing: tests/install-system-packages")
ONE = Statement(sa.select(sa.literal_column("1")))
WORDS = ("one", "two", "three", "four")


@pytest.fixture(scope="module", params=["session", "transaction"])
def pooler(request: pytest.FixtureRequest, postgres: str) -> Iterator[tuple[str, str]]:
    """A running pgbouncer: its mode, and the address of its database `postgres`.

    In transaction mode it has fewer connections than the program, so that transactions change sessions all the time.
    """
    with pooling(postgres, request.param, size=3 if request.param == "transaction" else 40) as address:
        yield request.param, address


@pytest.fixture
def pooled_url(pooler: tuple[str, str], postgres: str, postgres_template: str) -> Iterator[str]:
    """A migrated database behind the pooler."""
    for direct in copied(postgres, postgres_template):
        yield through(pooler[1], direct)


@pytest.fixture
def unmigrated_url(pooler: tuple[str, str], postgres: str) -> Iterator[str]:
    """A database without tables behind the pooler."""
    for direct in copied(postgres, None):
        yield through(pooler[1], direct)


@pytest.fixture(params=["auto", "transaction"])
async def pooled_app(request: pytest.FixtureRequest, pooled_url: str) -> AsyncIterator[FastAPI]:
    """The running application behind the pooler, which it finds out about or is told of."""
    app = create_app(Settings(database_url=pooled_url, database_pooler=request.param))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def pooled_api(pooled_app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client with an admin key."""
    _, key = await create_key(pooled_app.state.services.db, "newsroom", ["admin"])
    async with client_of(pooled_app, key) as client:
        yield client


def through(pooler: str, direct: str) -> str:
    """The address of the same database at the pooler."""
    return f"{pooler.rpartition('/')[0]}{urlsplit(direct).path}"


async def test_many_writers_and_readers_at_once_lose_nothing(
    pooled_api: httpx.AsyncClient, make_event: MakeEvent
) -> None:
    async def write(n: int) -> int:
        event = make_event(title=f"Event {WORDS[n % 4]} {n}")
        made = (await pooled_api.post("/v1/events", json=event)).json()
        patched = await pooled_api.patch(
            f"/v1/events/{made['id']}",
            json={"summary": "changed"},
            headers={"if-match": '"1"', "content-type": "application/merge-patch+json"},
        )
        return patched.status_code

    async def read(n: int) -> int:
        paths = ("/v1/events?q=event", "/v1/feed?after=oldest", "/v1/stats/facets?facet=country", "/v1/events/export")
        return (await pooled_api.get(paths[n % 4])).status_code

    statuses = await asyncio.gather(*(write(n) for n in range(40)), *(read(n) for n in range(40)))

    assert set(statuses) == {200}
    items = (await pooled_api.get("/v1/feed?after=oldest&limit=1000")).json()["items"]
    assert [int(item["sequence"]) for item in items] == list(range(1, 81))
    assert (await pooled_api.get("/v1/events/count?q=three")).json()["count"] == 10
    assert (await pooled_api.get("/readyz")).json() == {"status": "ok"}


async def test_an_error_inside_a_transaction_spoils_no_connection(
    pooled_app: FastAPI, pooled_api: httpx.AsyncClient, make_event: MakeEvent
) -> None:
    db = pooled_app.state.services.db

    async def fail(tx: Any) -> None:
        await tx.connection.execute("SELECT 1 / 0")

    async def both(n: int) -> Any:
        if n % 2:
            return (await pooled_api.post("/v1/events", json=make_event(title=f"Event {n}"))).status_code
        with pytest.raises(asyncpg.DivisionByZeroError):
            await db.write(fail)
        return None

    assert set(await asyncio.gather(*(both(n) for n in range(30)))) == {None, 201}
    assert (await pooled_api.get("/v1/events/count")).json()["count"] == 15


async def test_settings_hold_within_a_transaction_and_leave_no_trace(pooled_url: str) -> None:
    options = "options=-c%20lock_timeout=7s%20-c%20sitrep.note=it\\'s%5C%20so&application_name=desk"
    db = open_database(f"{pooled_url}?{options}")
    await db.connect()

    async def seen(tx: Any) -> list[Any]:
        names = ("jit", "lock_timeout", "plan_cache_mode", "sitrep.note", "application_name")
        return [await tx.connection.fetchval("SELECT current_setting($1)", name) for name in names]

    assert await db.write(seen) == ["off", "7s", "force_generic_plan", "it's so", "desk"]
    await db.close()
    plain = await asyncpg.connect(pooled_url, statement_cache_size=0)
    async with plain.transaction():
        assert await plain.fetchval("SELECT current_setting('lock_timeout')") == "0"
        assert await plain.fetchval("SELECT count(*) FROM pg_prepared_statements WHERE name <> ''") == 0
    await plain.close()


async def test_a_stream_and_a_push_subscription_hear_of_a_write(
    pooled_app: FastAPI, pooled_api: httpx.AsyncClient, make_event: MakeEvent
) -> None:
    head = (await pooled_api.get("/v1/feed/head")).json()["head"]
    made = await pooled_api.post(
        "/v1/subscriptions", json={"name": "desk", "mode": "pull", "filter": {"kind": ["attack"]}}
    )
    assert made.status_code == 201, made.text
    async with (
        serving(pooled_app) as address,
        httpx.AsyncClient(base_url=address, trust_env=False, timeout=60) as caller,
    ):
        headers = dict(pooled_api.headers) | {"accept": "text/event-stream"}
        async with caller.stream("GET", f"/v1/feed/stream?after={head}", headers=headers) as stream:
            await pooled_api.post("/v1/events", json=make_event())
            async with asyncio.timeout(20):
                async for line in stream.aiter_lines():
                    if line == "event: change":
                        break
    pulled = (await pooled_api.get(f"/v1/subscriptions/{made.json()['id']}/events")).json()
    assert len(pulled["items"]) == 1


async def test_four_migrations_at_once_leave_one_schema(unmigrated_url: str) -> None:
    await asyncio.gather(*(asyncio.to_thread(migrate, unmigrated_url) for _ in range(4)))

    assert await asyncio.to_thread(revision, unmigrated_url) == newest_revision()


async def test_what_stands_before_the_server_is_found_out(
    pooler: tuple[str, str], pooled_url: str, postgres: str
) -> None:
    """Refused settings tell; where the pooler is told to drop them, its process number does."""
    dropping = f"ignore_startup_parameters = {','.join(SESSION)}"
    with pooling(postgres, pooler[0], more=dropping) as address:
        for url, expected in ((pooled_url, True), (through(address, pooled_url), True), (postgres, False)):
            db = open_database(url)
            await db.connect()
            with structlog.testing.capture_logs() as logs:
                assert [tuple(row) for row in await db.rows(ONE)] == [(1,)]
            await db.close()
            assert [entry["event"] for entry in logs] == ["a pooler stands before PostgreSQL"] * expected


async def nothing(tx: Any) -> None:
    """Write nothing."""


async def test_told_that_nothing_stands_between_it_says_what_to_set(pooled_url: str) -> None:
    db = open_database(pooled_url, pooler="none")
    await db.connect()

    with pytest.raises(Problem) as refused:
        await db.write(nothing)

    assert "SITREP_DATABASE_POOLER" in str(refused.value.__cause__)
    await db.close()
