"""When the database fails: 503 or 507 for the request that met it, and the next one is fine."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING

import asyncpg
import pytest
from calls import problem
from conftest import client_of

from app.db import open_database
from app.errors import Unavailable
from app.main import create_app
from app.migrate import migrate
from app.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    import httpx
    from conftest import MakeEvent

on_sqlite = pytest.mark.parametrize("dialect", ["sqlite"])
on_postgresql = pytest.mark.parametrize("dialect", ["postgresql"])


async def end_connections(url: str, spared: int = 0) -> None:
    """End every other connection to the database, as a restart does, but that of one server process."""
    connection = await asyncpg.connect(url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid <> $1",
        spared,
    )
    await connection.close()


@on_postgresql
async def test_a_restart_costs_no_more_than_the_requests_it_met(
    api: httpx.AsyncClient, database_url: str, make_event: MakeEvent
) -> None:
    await api.post("/v1/events", json=make_event())
    await end_connections(database_url)

    statuses = [(await api.post("/v1/events", json=make_event())).status_code for _ in range(12)]

    assert set(statuses) <= {201, 503}
    assert statuses[-1] == 201
    assert (await api.get("/v1/events/count")).json()["count"] == 1 + statuses.count(201)


# Other tests wait for locks in databases of their own on the same server.
WAITING = """
    SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
    WHERE NOT granted AND datname = current_database()
"""


@on_postgresql
async def test_a_lost_connection_is_503_with_a_time_to_come_back(
    api: httpx.AsyncClient, database_url: str, make_event: MakeEvent
) -> None:
    await api.post("/v1/events", json=make_event())
    connection = await asyncpg.connect(database_url)
    await connection.execute("BEGIN; LOCK TABLE event IN ACCESS EXCLUSIVE MODE")
    waiting = asyncio.create_task(api.get("/v1/events?sort=updated_at"))
    while not await connection.fetchval(WAITING):  # noqa: ASYNC110 - it is PostgreSQL that is waited for
        await asyncio.sleep(0.01)
    # Were the lock's holder ended first, the request could have its answer before its own connection ends.
    await end_connections(database_url, connection.get_server_pid())
    answer = await waiting
    connection.terminate()

    problem(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert [(await api.get("/v1/events")).status_code for _ in range(3)][-1] == 200


@on_sqlite
async def test_a_full_disk_is_507_while_reading_goes_on_and_heals(
    api: httpx.AsyncClient, app: object, make_event: MakeEvent
) -> None:
    await api.post("/v1/events", json=make_event())
    limit = "PRAGMA max_page_count = 1"
    database = app.state.services.db  # type: ignore[attr-defined]
    await database.write(lambda tx: no_rows(tx.connection, limit))

    full = [await api.post("/v1/events", json=make_event(summary="word " * 900)) for _ in range(40)][-1]
    read = await api.get("/v1/events")
    await database.write(lambda tx: no_rows(tx.connection, "PRAGMA max_page_count = 1000000"))
    healed = await api.post("/v1/events", json=make_event())

    problem(full, 507, "disk-full")
    assert read.status_code == 200
    assert healed.status_code == 201


async def no_rows(connection: sqlite3.Connection, statement: str) -> None:
    """Run a pragma on the writer's connection."""
    connection.execute(statement)


@on_sqlite
async def test_a_refused_write_to_a_full_disk_leaves_nothing(
    api: httpx.AsyncClient, app: object, make_event: MakeEvent
) -> None:
    database = app.state.services.db  # type: ignore[attr-defined]
    await database.write(lambda tx: no_rows(tx.connection, "PRAGMA max_page_count = 1"))
    items = [{"op": "create", "event": make_event(summary="word " * 900)} for _ in range(100)]

    answer = await api.post("/v1/events/batch", json={"items": items})

    problem(answer, 507, "disk-full")
    assert (await api.get("/v1/events/count")).json()["count"] == 0
    assert (await api.get("/v1/feed/head")).json()["head"] == "e1-000000000000"


async def test_a_database_without_tables_is_not_ready_and_says_what_to_do(empty_url: str) -> None:
    app = create_app(Settings(database_url=empty_url))
    async with app.router.lifespan_context(app), client_of(app) as client:
        assert (await client.get("/livez")).json() == {"status": "ok"}
        answer = await client.get("/readyz")
        assert "sitrep migrate" in problem(answer, 503, "schema-mismatch")["detail"]

        await asyncio.to_thread(migrate, empty_url)
        assert (await client.get("/readyz")).json() == {"status": "ok"}


async def test_a_server_that_is_not_there_does_not_stop_the_start() -> None:
    app = create_app(Settings(database_url="postgresql://nobody@127.0.0.1:1/nothing"))
    async with app.router.lifespan_context(app), client_of(app) as client:
        assert (await client.get("/livez")).status_code == 200
        problem(await client.get("/readyz"), 503, "unavailable")


async def test_a_file_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'no' / 'folder.db'}")

    with pytest.raises(Unavailable):
        await database.connect()

    await database.close()
