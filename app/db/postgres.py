"""PostgreSQL on asyncpg: pooled connections whose prepared statements outlive the request."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager, nullcontext
from copy import copy
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg

from app.db.apart import Apart
from app.db.heavy import watching
from app.db.revision import READ_REVISION, SCHEMA_LOCK, needed_schema
from app.db.sets import accumulation, columns_of, insertion, removal, replacement
from app.db.statements import Statement, Surprise, as_statement
from app.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence

    from sqlalchemy.sql.expression import Executable
    from sqlmodel import SQLModel

T = TypeVar("T")
POOL_SIZE = 10
SESSION = {"application_name": "sitrep", "jit": "off", "lock_timeout": "10s", "plan_cache_mode": "force_generic_plan"}
BEGIN = (
    "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock_shared({lock}); "
    "SELECT FROM alembic_version WHERE version_num = '{revision}'"
)
CONNECT_TIMEOUT_S = 5.0
STATEMENT_TIMEOUT_S = 30.0
ACQUIRE_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 0.5
# What a connection raises that must not be used again: it is out of step, or leads to a server that became a replica.
SPOILED = (asyncpg.InternalClientError, asyncpg.ReadOnlySQLTransactionError)


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
            names, fixed = tuple(rows[0]), as_fixed(table, same)
            compiled = insertion(table, names, tuple(fixed), ignore=ignore)
            values = {**fixed, **dict(zip(names, columns_of(table, names, rows, "postgresql"), strict=True))}
            await self.connection.execute(compiled.sql, *(values[name] for name, _, _ in compiled.binds))

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
            names, fixed = tuple(name for name in rows[0] if name not in keys), as_fixed(table, same)
            compiled = replacement(table, keys, names, tuple(fixed))
            columns = columns_of(table, keys + names, rows, "postgresql")
            values = {"same_" + name: value for name, value in fixed.items()}
            values.update(zip(keys + names, columns, strict=True))
            await self.connection.execute(compiled.sql, *(values[name] for name, _, _ in compiled.binds))

    async def add(self, table: type[SQLModel], keys: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> None:
        """Add the other columns to the rows found by their keys, which no two share; a missing row begins with them."""
        if rows:
            names = tuple(name for name in rows[0] if name not in keys)
            compiled = accumulation(table, keys, names)
            columns = dict(zip(keys + names, columns_of(table, keys + names, rows, "postgresql"), strict=True))
            await self.connection.execute(compiled.sql, *(columns[name] for name, _, _ in compiled.binds))

    async def delete(self, table: type[SQLModel], keys: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> None:
        """Remove the rows found by their keys."""
        if rows:
            compiled = removal(table, keys, "postgresql")
            await self.connection.execute(compiled.sql, *columns_of(table, keys, rows, "postgresql"))


def as_fixed(table: type[SQLModel], same: Mapping[str, Any] | None) -> dict[str, Any]:
    """The values that all rows share, as the driver takes them: once, as it looks at each item of an array."""
    if not same:
        return {}
    names = tuple(same)
    return {name: value for name, [value] in zip(names, columns_of(table, names, [same], "postgresql"), strict=True)}


class PostgresDatabase:
    """A PostgreSQL server; reads may go to a replica, which is always a prefix of the log."""

    dialect = "postgresql"

    def __init__(self, url: str, read_url: str | None = None) -> None:
        """Name the servers; connections are made when they are needed."""
        self.url = url
        self.read_url = read_url
        self.schema = needed_schema()
        self._beginning = BEGIN.format(lock=SCHEMA_LOCK, revision=self.schema.needed)
        self._pools: dict[str, Any] = {}
        self._apart = Apart()
        self._twin: PostgresDatabase | None = None

    async def connect(self) -> None:
        """Make the pools; an absent server is noticed by the first statement, not here."""
        for url in {self.url, self.read_url or self.url}:
            self._pools[url] = await asyncpg.create_pool(
                url,
                min_size=0,
                max_size=POOL_SIZE,
                connection_class=Connection,
                statement_cache_size=250,
                max_cached_statement_lifetime=0,
                max_inactive_connection_lifetime=0,
                timeout=CONNECT_TIMEOUT_S,
                command_timeout=STATEMENT_TIMEOUT_S,
                server_settings=SESSION,
            )

    async def close(self) -> None:
        """Give every connection back."""
        if self._twin is not None:
            await self._apart.run(self._twin.close)
            await self._apart.stop()
            self._twin = None
        while self._pools:
            _, pool = self._pools.popitem()
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await pool.close()
            except TimeoutError:  # the server hangs: it will notice by itself that nobody is there
                pool.terminate()

    async def rows(
        self,
        statement: Statement | Executable,
        values: Mapping[str, Any] | None = None,
        *,
        heavy: bool = False,
        primary: bool = False,
    ) -> list[Any]:
        """Read, from the replica if there is one and `primary` is not asked for."""
        compiled = as_statement(statement).on("postgresql")
        url = self.url if primary or not self.read_url else self.read_url
        with watching() if heavy else nullcontext():
            async with self._acquired(url) as connection:
                try:
                    return compiled.rows(await connection.fetch(compiled.sql, *compiled.arguments(values or {})))
                except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
                    self.schema.check(await revision_of(connection))
                    raise

    async def write(self, work: Callable[[PostgresTransaction], Awaitable[T]], *, apart: bool = False) -> T:
        """Run the work in one transaction, if the schema is this program's, and commit it.

        `apart` runs it on another thread, with connections of its own: for work that takes long beside the database.
        """
        if apart:
            return await self._apart.run(lambda: self._write_apart(work))
        async with self._acquired(self.url) as connection:
            try:
                await self._begin(connection)
                result = await work(PostgresTransaction(connection))
                await connection.execute("COMMIT")
            except BaseException:
                if connection.is_in_transaction():
                    await connection.execute("ROLLBACK")
                raise
            return result

    async def _write_apart(self, work: Callable[[PostgresTransaction], Awaitable[T]]) -> T:
        if self._twin is None:
            twin = copy(self)
            twin._pools = {}  # noqa: SLF001 (its own class; pools belong to the loop that made them)
            await twin.connect()
            self._twin = twin
        return await self._twin.write(work)

    async def check_schema(self) -> None:
        """Raise SchemaMismatch unless the database has the schema of this program."""
        async with self._acquired(self.url) as connection:
            self.schema.check(await revision_of(connection))

    async def _begin(self, connection: Any) -> None:
        """Begin a transaction that keeps migrations out, and look at the revision, all in one round trip.

        The statement after the lock sees what was committed before the lock was given. Of several statements the
        server's answer to the last one is told: how many rows it found.
        """
        try:
            fits = await connection.execute(self._beginning) == "SELECT 1"
        except asyncpg.UndefinedTableError:
            raise self.schema.mismatch([]) from None
        if not fits:
            raise self.schema.mismatch(await revision_of(connection))

    def as_list(self, values: Sequence[Any]) -> Sequence[Any]:
        """The one parameter that `any_of` takes."""
        return values

    @asynccontextmanager
    async def _acquired(self, url: str) -> AsyncIterator[Any]:
        with translated():
            async with self._pools[url].acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                try:
                    yield connection
                except SPOILED:
                    connection.terminate()
                    raise


async def revision_of(connection: Any) -> list[str]:
    """The revision of the database's schema; nothing where it has no tables."""
    try:
        return [found for (found,) in await connection.fetch(READ_REVISION)]
    except asyncpg.UndefinedTableError:
        return []


class Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg ships no types
    """A connection that is clean when it comes back: no session state is ever set, so no reset is needed."""

    def get_reset_query(self) -> str:
        """Nothing to reset."""
        return ""


@contextmanager
def translated() -> Iterator[None]:
    """Tell a lost server and a surprise apart."""
    try:
        yield
    except (
        asyncpg.UniqueViolationError,
        asyncpg.SerializationError,
        asyncpg.DeadlockDetectedError,
    ) as error:
        raise Surprise(str(error)) from error
    except (
        asyncpg.PostgresConnectionError,
        asyncpg.OperatorInterventionError,
        asyncpg.InsufficientResourcesError,
        asyncpg.LockNotAvailableError,
        asyncpg.InvalidAuthorizationSpecificationError,
        asyncpg.InvalidCatalogNameError,
        *SPOILED,
        OSError,
        TimeoutError,
    ) as error:
        raise Unavailable("The database cannot be reached right now; try again.") from error
    except asyncpg.InterfaceError as error:
        if "connection" not in str(error) and "pool" not in str(error):
            raise  # a fault of ours, such as a wrong number of arguments
        raise Unavailable("The connection to the database was lost; try again.") from error
