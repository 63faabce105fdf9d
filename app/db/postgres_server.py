"""One PostgreSQL server: its pool of connections, straight to it or through a pooler that shares sessions.

Straight, settings are given at the start of each session and prepared statements outlive the request. A pooler in
transaction mode may give each transaction another session: there every statement runs in a transaction that first
makes its settings, and statements are prepared without a name, for that transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Literal

import asyncpg
import structlog

from app.database_address import PostgresAddress, read_address
from app.db.compiler import WriteConflict
from app.db.faults import unavailable
from app.db.postgres_connect import UNREACHABLE, Connection, connect, explain_errors
from app.db.postgres_errors import explain_lost, is_pooler_refusal
from app.errors import Unavailable

Pooler = Literal["auto", "none", "transaction"]

POOL_SIZE = 10
SESSION = {"jit": "off", "lock_timeout": "10s", "plan_cache_mode": "force_generic_plan", "random_page_cost": "1.1"}
STATEMENT_TIMEOUT_S = 30.0
ACQUIRE_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 0.5
# What a connection raises that must not be used again: it is out of step, or leads to a server that became a replica.
BROKEN_CONNECTION = (asyncpg.InternalClientError, asyncpg.ReadOnlySQLTransactionError)
UNDEFINED = (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError)
CONNECTION_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.LockNotAvailableError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    *BROKEN_CONNECTION,
    OSError,
    TimeoutError,
)


class PostgresServer:
    """Pooled connections to the server of one address."""

    def __init__(self, url: str, size: int, pooler: Pooler) -> None:
        """Read the address; the pool is made by the first use."""
        address = read_address(url)
        assert isinstance(address, PostgresAddress)  # noqa: S101 (the caller looked at the scheme)
        self.address = address
        self.size = size
        session = SESSION | dict(address.parameters.session)
        self._name = {"application_name": session.pop("application_name")}
        self._session = session
        self.set_local = set_local(session)
        self.shares_sessions = {"auto": None, "none": False, "transaction": True}[pooler]
        self._pool: Any = None
        self._closed = False
        self._making = asyncio.Lock()

    def open(self) -> None:
        """Permit connections."""
        self._closed = False

    async def close(self) -> None:
        """Give every connection back."""
        self._closed = True
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await pool.close()
        except TimeoutError:  # the server hangs: it will notice by itself that nobody is there
            pool.terminate()

    @asynccontextmanager
    async def acquired(self) -> AsyncIterator[Any]:
        """A connection for one statement or one transaction; behind a pooler, `prepare` it within a transaction."""
        with translate_errors(self.address):
            pool = self._pool or await self._made()
            async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                try:
                    yield connection
                except BROKEN_CONNECTION:
                    connection.terminate()
                    raise

    async def prepare(self, connection: Any) -> None:
        """Make the session's settings for the length of this transaction."""
        await connection.execute(self.set_local)

    async def _made(self) -> Any:
        """Make the pool; the first time, find out what stands between."""
        async with self._making:
            if self._closed:
                raise Unavailable("The connection to the database was lost; try again.")
            if self._pool is None:
                if self.shares_sessions is None:
                    self.shares_sessions = await self._is_pooled()
                self._pool = await asyncpg.create_pool(
                    min_size=0,
                    max_size=self.size,
                    max_inactive_connection_lifetime=0,
                    connection_class=Connection,
                    connect=self._connect,
                )
            return self._pool

    async def _connect(self, *_: Any, **__: Any) -> Connection:
        """Open a connection for the pool."""
        settings = self._name if self.shares_sessions else self._name | self._session
        with explain_errors(self.address):
            return await connect(
                self.address,
                settings,
                statement_cache_size=0 if self.shares_sessions else 250,
                command_timeout=STATEMENT_TIMEOUT_S,
            )

    async def _is_pooled(self) -> bool:
        """Whether a pooler stands between: it refuses session settings, or names another process than the server."""
        with explain_errors(self.address):
            try:
                probe = await connect(self.address, self._name | self._session, command_timeout=STATEMENT_TIMEOUT_S)
            except asyncpg.PostgresError as error:
                if not is_pooler_refusal(error):
                    raise
                told = "refuses session settings"
            else:
                try:
                    async with probe.transaction():
                        serves = await probe.fetchval("SELECT pg_backend_pid()")
                    if serves == probe.get_server_pid():
                        return False
                finally:
                    await probe.close(timeout=CLOSE_TIMEOUT_S)
                told = "is another process than the server"
        structlog.get_logger(__name__).info("a pooler stands before PostgreSQL", because=f"what answers {told}")
        return True


def set_local(settings: dict[str, str]) -> str:
    """Write the statement that makes settings until the end of the transaction."""
    return "SELECT " + ", ".join(
        f"set_config({literal(name)}, {literal(value)}, true)" for name, value in settings.items()
    )


def literal(text: str) -> str:
    """Write a text as a SQL literal."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


async def fetch(server: PostgresServer, sql: str, arguments: Sequence[Any]) -> list[Any]:
    """Read outside a transaction of the caller; what only a transaction could lose to is asked again once."""
    try:
        return await fetch_once(server, sql, arguments)
    except WriteConflict:
        return await fetch_once(server, sql, arguments)


async def fetch_once(server: PostgresServer, sql: str, arguments: Sequence[Any]) -> list[Any]:
    """Read with one statement."""
    async with server.acquired() as connection:
        if not server.shares_sessions:
            found: list[Any] = await connection.fetch(sql, *arguments)
            return found
        async with connection.transaction():
            await server.prepare(connection)
            return list(await connection.fetch(sql, *arguments))


@contextmanager
def translate_errors(address: PostgresAddress) -> Iterator[None]:
    """Tell a lost server and a write conflict apart."""
    try:
        yield
    except (
        asyncpg.UniqueViolationError,
        asyncpg.SerializationError,
        asyncpg.DeadlockDetectedError,
    ) as error:
        raise WriteConflict(str(error)) from error
    except CONNECTION_LOST as error:
        problem = unavailable(UNREACHABLE, explain_lost(error, address))
        raise problem from problem.__cause__
    except asyncpg.InterfaceError as error:
        if "connection" not in str(error) and "pool" not in str(error):
            raise  # a fault of ours, such as a wrong number of arguments
        raise Unavailable("The connection to the database was lost; try again.") from error
