"""Brings a database to the schema of this version, safely from several processes at once."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import SQLModel

from app import auth as _auth  # noqa: F401 (its tables belong to the schema)
from app import changes as _changes  # noqa: F401 (likewise)
from app.database_address import PostgresAddress, SqliteAddress, read_address
from app.db.postgres_connect import connect, explain_errors
from app.db.postgres_server import set_local
from app.db.revision import FOLDERS, SCHEMA_LOCK, needed_schema
from app.db.sqlite_file import problem_of, require_possible_file
from app.imports import tables as _imports  # noqa: F401 (likewise)

METADATA = SQLModel.metadata


def migrate(url: str, to: str = "head") -> None:
    """Apply every migration that is missing, or go back to an older revision; waits while another process migrates."""
    run(url, lambda connection: change_schema(connection, to))


def revision(url: str) -> str | None:
    """The revision the database is at."""
    found: list[str | None] = []
    run(url, lambda connection: found.append(MigrationContext.configure(connection).get_current_revision()))
    return found[0]


def alembic_settings() -> Config:
    """Alembic's settings, wherever the package is installed."""
    found = Config()
    found.set_main_option("script_location", str(next(folder for folder in FOLDERS if folder.is_dir())))
    return found


def newest_revision() -> str:
    """The revision that this version of Sitrep needs."""
    return needed_schema().needed


def change_schema(connection: sa.Connection, to: str) -> None:
    """Run Alembic within the open transaction; SchemaMismatch when a newer Sitrep migrated the database."""
    require_revision(to)
    schema, found = needed_schema(), MigrationContext.configure(connection).get_current_heads()
    if not schema.known.issuperset(found):
        raise schema.mismatch(found)
    settings = alembic_settings()
    settings.attributes["connection"] = connection
    going_back = to == "base" or (to != "head" and is_older(connection, to))
    (command.downgrade if going_back else command.upgrade)(settings, to)
    if sa.inspect(connection).has_table("log_head"):  # the next microsecond: processes forget the answers they keep
        connection.exec_driver_sql("UPDATE log_head SET time = time + 1")


def require_revision(to: str) -> None:
    """Refuse what is not a revision's whole name, `head` or `base`: Alembic would take parts and steps."""
    known = sorted(needed_schema().known)
    if to not in {"head", "base", *known}:
        raise CommandError(f"There is no revision {to!r}; give one of {', '.join(known)}, head or base")


def is_older(connection: sa.Connection, to: str) -> bool:
    """The revision lies behind the database's."""
    now = MigrationContext.configure(connection).get_current_revision()
    script = ScriptDirectory.from_config(alembic_settings())
    return now is not None and to in {found.revision for found in script.iterate_revisions(now, "base")} - {now}


def run(url: str, work: Callable[[sa.Connection], object]) -> None:
    """Do the work in one transaction that keeps other migrations out."""
    address = read_address(url)
    if isinstance(address, SqliteAddress):
        run_on_sqlite(address.path, work)
    else:
        asyncio.run(run_on_postgres(address, work))


def run_on_sqlite(path: str, work: Callable[[sa.Connection], object]) -> None:
    """SQLite: BEGIN IMMEDIATE is the lock, and its DDL is transactional."""
    require_possible_file(path)
    engine = sa.create_engine(
        "sqlite://", creator=lambda: sqlite3.connect(path, timeout=30.0, isolation_level=None), poolclass=sa.NullPool
    )
    try:
        with engine.connect() as plain:
            plain.exec_driver_sql("PRAGMA journal_mode=WAL")
        sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        with engine.begin() as connection:
            work(connection)
    except sa.exc.DBAPIError as error:
        problem = problem_of(error.orig, path) if isinstance(error.orig, sqlite3.DatabaseError) else None
        if problem is None:
            raise
        raise problem from (problem.__cause__ or error.orig)
    finally:
        engine.dispose()


async def run_on_postgres(address: PostgresAddress, work: Callable[[sa.Connection], object]) -> None:
    """PostgreSQL: an advisory lock for the length of the transaction, whichever session a pooler gives to it."""
    settings = dict(address.parameters.session)
    name = {"application_name": settings.pop("application_name")}

    async def connected() -> Any:
        with explain_errors(address):
            return await connect(address, name)

    engine = create_async_engine(
        "postgresql+asyncpg://",
        poolclass=sa.NullPool,
        connect_args={
            "async_creator_fn": connected,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": str,  # no name, so that none stays behind in a pooler's session
        },
    )
    try:
        async with engine.begin() as connection:
            if settings:
                await connection.exec_driver_sql(set_local(settings))
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(SCHEMA_LOCK)))
            await connection.run_sync(work)
    finally:
        await engine.dispose()
