"""How a connection fails is one sentence in every command, and what an address asks for holds in the session."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from calls import problem
from conftest import administer, client_of, database_at
from programs import free_port

from app.db import Statement, open_database
from app.db.faults import DatabaseUnusable
from app.errors import Problem
from app.main import create_app
from app.migrate import migrate
from app.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from cli.conftest import Said

    Typed = Callable[..., Awaitable[Said]]
    Setting = Callable[[str, str], None]

COMMANDS = ("migrate", "key list", "key create x --scope read", "export", "epoch", "epoch --new")


async def session_of(url: str, *names: str) -> list[str]:
    """What settings a transaction on this address has."""
    db = open_database(url)
    await db.connect()

    try:
        [row] = await db.rows(Statement(sa.select(*(sa.func.current_setting(name) for name in names))))
        return list(row)
    finally:
        await db.close()


@pytest.fixture
def strange(postgres: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of the encoding that the test names."""
    name = f"sitrep_{request.param.lower()}_{free_port()}"
    asyncio.run(
        administer(
            postgres,
            f"CREATE DATABASE {name} ENCODING '{request.param}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
        )
    )
    yield database_at(postgres, name)
    asyncio.run(administer(postgres, f"DROP DATABASE {name} WITH (FORCE)"))


async def test_an_address_says_what_holds_in_the_session(postgres: str) -> None:
    asked = "&application_name=desk&options=-c%20lock_timeout%3D3s%20-c%20search_path=%22a%5C%20b%22,public"
    names = ("application_name", "lock_timeout", "search_path", "jit")
    assert await session_of(postgres + asked, *names) == ["desk", "3s", '"a b",public', "off"]
    assert await session_of(postgres, *names) == ["sitrep", "10s", '"$user", public', "off"]


async def test_of_several_hosts_the_one_that_answers_is_taken(postgres: str) -> None:
    parts = urlsplit(postgres)
    folder = parse_qs(parts.query)["host"][0]
    url = (
        f"postgresql://postgres@/postgres?host=127.0.0.1,{folder}&port={free_port()},5432&target_session_attrs=primary"
    )
    assert await session_of(url, "application_name") == ["sitrep"]
    standby = await failure_of(f"postgresql://postgres@/postgres?host={folder}&target_session_attrs=standby")
    assert "target_session_attrs=standby" in standby


async def failure_of(url: str) -> str:
    """The operator's sentence about an address that leads nowhere."""
    with pytest.raises(Problem) as refused:
        await session_of(url)
    assert refused.value.status == 503
    assert "hunter2" not in refused.value.detail
    cause = refused.value.__cause__
    assert isinstance(cause, DatabaseUnusable)
    return str(cause)


@pytest.mark.parametrize("command", COMMANDS)
async def test_every_command_says_the_same_sentence(
    command: str, typed: Typed, setting: Setting, postgres: str
) -> None:
    port = free_port()
    folder = parse_qs(urlsplit(postgres).query)["host"][0]
    no_file = "sitrep: The file /no.pem of the address cannot be read: "
    no_database = f"sitrep: PostgreSQL at {folder}/.s.PGSQL.5432 has no database absent: "
    for url, said in {
        f"postgresql://u:hunter2@127.0.0.1:{port}/d": f"sitrep: Nothing answers at 127.0.0.1:{port}: ",
        "postgresql://u:hunter2@db.invalid/d": "sitrep: There is no host db.invalid:5432: ",
        "postgresql://u:hunter2@/d?host=/nowhere": "sitrep: Nothing answers at /nowhere/.s.PGSQL.5432: ",
        f"postgresql://postgres:hunter2@/absent?host={folder}": no_database,
        "postgresql://u:hunter2@127.0.0.1/d?sslmode=verify-ca&sslrootcert=/no.pem": no_file,
    }.items():
        setting("database_url", url)
        found = await typed(*command.split())
        assert (found.status, found.out) == (1, ""), found.err
        assert found.err.startswith(said), found.err
        assert found.err.count("\n") == 1
        assert "hunter2" not in found.err


@pytest.mark.parametrize("command", [*COMMANDS, "serve", "worker", "demo"])
async def test_every_command_names_an_unknown_parameter(command: str, typed: Typed, setting: Setting) -> None:
    setting("database_url", "postgresql://u:hunter2@h/d?sslmod=require")
    found = await typed(*command.split())
    assert (found.status, found.out) == (2, "")
    assert found.err == (
        "sitrep: SITREP_DATABASE_URL: sslmod is not a parameter of PostgreSQL; did you mean sslmode?\n"
    )


async def test_a_server_without_tls_is_told_apart(postgres: str) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(b"N")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    said = await failure_of(f"postgresql://u@127.0.0.1:{port}/d?sslmode=require")
    server.close()
    assert said == f"PostgreSQL at 127.0.0.1:{port} does not do TLS: turn it on there, or use sslmode=prefer."


@pytest.mark.parametrize("strange", ["LATIN1", "SQL_ASCII"], indirect=True)
async def test_a_database_that_is_not_utf8_is_refused_in_one_sentence(
    strange: str,
    typed: Typed,
    setting: Setting,
) -> None:
    setting("database_url", strange)
    for command in ("migrate", "serve --port 0", "worker", "key list"):
        found = await typed(*command.split())
        assert (found.status, found.out) == (1, "")
        assert found.err.startswith("sitrep: The database has the encoding ")
        assert found.err.count("\n") == 1
    app = create_app(Settings(database_url=strange))
    async with app.router.lifespan_context(app), client_of(app) as client:
        assert "ENCODING 'UTF8'" in problem(await client.get("/readyz"), 503, "unavailable")["detail"]


async def test_migrations_take_the_addresss_parameters(postgres: str, empty_schema: str) -> None:
    url = f"{empty_schema}&options=-c%20search_path%3Dnewsroom&application_name=desk"
    await asyncio.to_thread(migrate, url)
    db = open_database(url)
    await db.connect()

    async def where(tx: Any) -> Any:
        return await tx.connection.fetchval("SELECT schemaname FROM pg_tables WHERE tablename = 'event'")

    assert await db.write(where) == "newsroom"
    await db.close()


@pytest.fixture
def empty_schema(postgres: str) -> Iterator[str]:
    """A database with an empty schema `newsroom`."""
    name = f"sitrep_schema_{free_port()}"
    asyncio.run(administer(postgres, f"CREATE DATABASE {name}"))
    asyncio.run(administer(database_at(postgres, name), "CREATE SCHEMA newsroom"))
    yield database_at(postgres, name)
    asyncio.run(administer(postgres, f"DROP DATABASE {name} WITH (FORCE)"))
