"""PostgreSQL on asyncpg: one interface over the primary and, for reading, its replica."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, TypeVar

import asyncpg
from sqlalchemy.sql.expression import Executable
from sqlmodel import SQLModel

from app.db.bulk import bulk_delete, to_columns, unnest_increment, unnest_insert, unnest_update
from app.db.compiler import CompiledStatement, Statement, as_statement
from app.db.heavy_queries import interruptible
from app.db.loop_thread import LoopThread
from app.db.outage_log import OutageLog
from app.db.postgres_server import POOL_SIZE, UNDEFINED, Pooler, PostgresServer, fetch
from app.db.replica import PREFER_PRIMARY, Replica
from app.db.revision import READ_REVISION, SCHEMA_LOCK, needed_schema

T = TypeVar("T")
WRITE = (
    "BEGIN ISOLATION LEVEL READ COMMITTED; {settings}SELECT pg_advisory_xact_lock_shared({lock}); "
    "SELECT FROM alembic_version WHERE version_num = '{revision}'"
)
WRITE_ALONE = WRITE.replace("lock_shared", "lock")
SNAPSHOT = {"isolation": "repeatable_read", "readonly": True}


class PostgresTransaction:
    """One write transaction at READ COMMITTED."""

    dialect = "postgresql"

    def __init__(self, connection: Any) -> None:
        """Use a pooled connection."""
        self.connection = connection

    async def rows(self, statement: Statement | Executable, values: Mapping[str, Any] | None = None) -> list[Any]:
        """Read within the transaction."""
        compiled = as_statement(statement).on("postgresql")
        return compiled.rows(await self.connection.fetch(compiled.sql, *compiled.arguments(values or {})))

    async def run(self, statement: Statement | Executable, values: Mapping[str, Any] | None = None) -> int:
        """Execute; answers the number of rows touched."""
        compiled = as_statement(statement).on("postgresql")
        status: str = await self.connection.execute(compiled.sql, *compiled.arguments(values or {}))
        return int(status.rpartition(" ")[2])

    async def insert(
        self,
        table: type[SQLModel],
        rows: Sequence[Mapping[str, Any]],
        *,
        same: Mapping[str, Any] | None = None,
        ignore: bool = False,
    ) -> None:
        """Insert rows that all have the same columns, and those of `same`; `ignore` skips those whose key is taken."""
        if rows:
            names, fixed = tuple(rows[0]), shared_values(table, same)
            compiled = unnest_insert(table, names, tuple(fixed), ignore=ignore)
            values = {**fixed, **dict(zip(names, to_columns(table, names, rows, "postgresql"), strict=True))}
            await self.connection.execute(compiled.sql, *(values[name] for name, _, _ in compiled.binds))

    async def insert_tuples(
        self, table: type[SQLModel], names: tuple[str, ...], rows: Iterable[tuple[Any, ...]]
    ) -> None:
        """Insert rows given as tuples, with values that the driver takes as they are."""
        await self._set(unnest_insert(table, names), names, rows)

    async def update(
        self,
        table: type[SQLModel],
        keys: tuple[str, ...],
        rows: Sequence[Mapping[str, Any]],
        *,
        same: Mapping[str, Any] | None = None,
    ) -> None:
        """Set the other columns of the rows found by their keys, and those of `same`."""
        if rows:
            names, fixed = tuple(name for name in rows[0] if name not in keys), shared_values(table, same)
            compiled = unnest_update(table, keys, names, tuple(fixed))
            columns = to_columns(table, keys + names, rows, "postgresql")
            values = {"same_" + name: value for name, value in fixed.items()}
            values.update(zip(keys + names, columns, strict=True))
            await self.connection.execute(compiled.sql, *(values[name] for name, _, _ in compiled.binds))

    async def add(
        self, table: type[SQLModel], keys: tuple[str, ...], names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
    ) -> None:
        """Add numbers to the rows found by their keys, which no two share; a missing row begins with them.

        The rows are given as tuples, keys first, with values that the driver takes as they are.
        """
        await self._set(unnest_increment(table, keys, names), keys + names, rows)

    async def _set(self, compiled: CompiledStatement, names: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
        columns = dict(zip(names, zip(*rows, strict=True), strict=False))
        if columns:
            await self.connection.execute(compiled.sql, *(columns[name] for name, _, _ in compiled.binds))

    async def delete(self, table: type[SQLModel], keys: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> None:
        """Remove the rows found by their keys."""
        if rows:
            compiled = bulk_delete(table, keys, "postgresql")
            await self.connection.execute(compiled.sql, *to_columns(table, keys, rows, "postgresql"))


def shared_values(table: type[SQLModel], same: Mapping[str, Any] | None) -> dict[str, Any]:
    """The values that all rows share, as the driver takes them: once, as it looks at each item of an array."""
    if not same:
        return {}
    names = tuple(same)
    return {name: value for name, [value] in zip(names, to_columns(table, names, [same], "postgresql"), strict=True)}


class PostgresDatabase:
    """A PostgreSQL server; reads may go to a replica, which is always a prefix of the log."""

    dialect = "postgresql"

    def __init__(
        self, url: str, read_url: str | None = None, *, pool_size: int = POOL_SIZE, pooler: Pooler = "auto"
    ) -> None:
        """Name the servers; connections are made when they are needed."""
        self.url = url
        self.read_url = read_url
        self.schema = needed_schema()
        self.trouble = OutageLog()
        self._primary = PostgresServer(url, pool_size, pooler)
        self._replica = None if read_url is None else Replica(PostgresServer(read_url, pool_size, pooler))
        self._apart = LoopThread()
        self._twin: PostgresDatabase | None = None

    async def connect(self) -> None:
        """Permit connections; an absent server is noticed by the first statement, not here."""
        for server in self._servers():
            server.open()

    async def close(self) -> None:
        """Give every connection back."""
        if self._twin is not None:
            await self._apart.run(self._twin.close)
            await self._apart.stop()
            self._twin = None
        for server in self._servers():
            await server.close()

    async def rows(
        self,
        statement: Statement | Executable,
        values: Mapping[str, Any] | None = None,
        *,
        offload: bool = False,
        primary: bool = False,
    ) -> list[Any]:
        """Read, from the replica if there is one that answers and `primary` is not asked for."""
        compiled = as_statement(statement).on("postgresql")
        arguments = compiled.arguments(values or {})
        with interruptible() if offload else nullcontext():
            found = None if self._replica is None or primary else await self._replica.fetch(compiled.sql, arguments)
            if found is None:
                try:
                    found = await fetch(self._primary, compiled.sql, arguments)
                except UNDEFINED:
                    await self.check_schema()
                    raise
        return compiled.rows(found)

    async def replica_rows(self, statement: Statement) -> list[Any]:
        """Read from the replica alone; nothing where there is none that answers."""
        compiled = statement.on("postgresql")
        return compiled.rows((self._replica and await self._replica.fetch(compiled.sql, ())) or [])

    async def read(self, work: Callable[[PostgresTransaction], Awaitable[T]]) -> T:
        """Run the work on one snapshot, beside whoever writes."""
        await self.check_schema()
        async with self._primary.acquired() as connection, connection.transaction(**SNAPSHOT):
            return await work(PostgresTransaction(connection))

    async def write(
        self, work: Callable[[PostgresTransaction], Awaitable[T]], *, apart: bool = False, alone: bool = False
    ) -> T:
        """Run the work in one transaction, if the schema is this program's, and commit it.

        `apart` runs it on another thread, with connections of its own: for work that takes long beside the database.
        `alone` keeps other writers out.
        """
        if apart:
            return await self._apart.run(lambda: self._write_apart(work))
        async with self._primary.acquired() as connection:
            try:
                await self._begin(connection, WRITE_ALONE if alone else WRITE)
                result = await work(PostgresTransaction(connection))
                await connection.execute("COMMIT")
            except BaseException:
                if connection.is_in_transaction():
                    await connection.execute("ROLLBACK")
                raise
            return result

    async def _write_apart(self, work: Callable[[PostgresTransaction], Awaitable[T]]) -> T:
        if self._twin is None:
            pooler: Pooler = "transaction" if self._primary.shares_sessions else "auto"
            self._twin = PostgresDatabase(self.url, pool_size=self._primary.size, pooler=pooler)
            await self._twin.connect()
        return await self._twin.write(work)

    async def check_schema(self) -> None:
        """Raise SchemaMismatch unless the database has the schema of this program."""
        try:
            found = [version for (version,) in await fetch(self._primary, READ_REVISION, ())]
        except UNDEFINED:
            found = []
        self.schema.check(found)

    async def _begin(self, connection: Any, beginning: str) -> None:
        """Begin a transaction that keeps migrations out, and look at the revision, all in one round trip.

        The statement after the lock sees what was committed before the lock was given. Of several statements the
        server's answer to the last one is told: how many rows it found.
        """
        settings = f"{self._primary.set_local}; " if self._primary.shares_sessions else ""
        begin = beginning.format(settings=settings, lock=SCHEMA_LOCK, revision=self.schema.needed)
        try:
            fits = await connection.execute(begin) == "SELECT 1"
        except asyncpg.UndefinedTableError:
            raise self.schema.mismatch([]) from None
        if not fits:
            raise self.schema.mismatch([version for (version,) in await connection.fetch(READ_REVISION)])

    def as_list(self, values: Sequence[Any]) -> Sequence[Any]:
        """The one parameter that `any_of` takes."""
        return values

    def read_from_primary(self, wanted: bool) -> None:
        """Let the task that calls this read from the primary, or from the replica again."""
        if self._replica is not None:
            PREFER_PRIMARY.set(wanted)

    def refuse_damaged(self) -> None:
        """Do nothing: PostgreSQL looks after its own files."""

    def _servers(self) -> list[PostgresServer]:
        return [self._primary] if self._replica is None else [self._primary, self._replica.server]
