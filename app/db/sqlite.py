"""SQLite on the standard driver: short reads on the loop, long ones on reader threads, writes on one writer thread."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import chain
from typing import Any, TypeVar

import orjson
import sqlalchemy as sa
from sqlalchemy.sql.expression import Executable
from sqlmodel import SQLModel

from app.db.bulk import (
    bulk_delete,
    json_insert,
    json_update,
    to_columns,
    values_increment,
    values_insert,
    values_update,
)
from app.db.compiler import CompiledStatement, Statement, array_param, as_statement
from app.db.heavy_queries import MAX_RUNNING, interruptible
from app.db.outage_log import OutageLog
from app.db.revision import READ_REVISION, needed_schema
from app.db.sqlite_file import SqliteFile, SqliteRead, run_select

T = TypeVar("T")
# Twice as many as heavy questions run at a time, so that small reads always find a thread.
MAX_READERS = 2 * MAX_RUNNING
# So many rows go into one statement, as long as there are so many.
ROWS_AT_ONCE = (64, 16, 4, 1)


class SqliteTransaction:
    """One write transaction; its methods never suspend, so that a whole work runs in the writer thread."""

    dialect = "sqlite"

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Use the writer's connection."""
        self.connection = connection

    async def rows(self, statement: Statement | Executable, values: Mapping[str, Any] | None = None) -> list[Any]:
        """Read within the transaction."""
        return run_select(self.connection, statement, values)

    async def run(self, statement: Statement | Executable, values: Mapping[str, Any] | None = None) -> int:
        """Execute; answers the number of rows touched."""
        compiled = as_statement(statement).on("sqlite")
        return self.connection.execute(compiled.sql, compiled.arguments(values or {})).rowcount

    async def insert(
        self,
        table: type[SQLModel],
        rows: Sequence[Mapping[str, Any]],
        *,
        same: Mapping[str, Any] | None = None,
        ignore: bool = False,
    ) -> None:
        """Insert rows that all have the same columns, and those of `same`; `ignore` skips those whose key is taken."""
        if rows and same:
            names = tuple(rows[0])
            self._alike(json_insert(table, names, tuple(same), ignore=ignore), table, names, rows, same)
        elif rows:
            names = tuple(rows[0])
            columns = to_columns(table, names, rows, "sqlite")
            self._many(zip(*columns, strict=True), len(names), lambda n: values_insert(n, table, names, ignore=ignore))

    async def insert_tuples(
        self, table: type[SQLModel] | sa.TableClause, names: tuple[str, ...], rows: Iterable[tuple[Any, ...]]
    ) -> None:
        """Insert rows given as tuples, with values that the driver takes as they are."""
        self._many(rows, len(names), lambda count: values_insert(count, table, names))

    async def update(
        self,
        table: type[SQLModel],
        keys: tuple[str, ...],
        rows: Sequence[Mapping[str, Any]],
        *,
        same: Mapping[str, Any] | None = None,
    ) -> None:
        """Set the other columns of the rows found by their keys, and those of `same`."""
        names = tuple(name for name in rows[0] if name not in keys) if rows else ()
        if rows and same:
            fixed = {"same_" + name: value for name, value in same.items()}
            self._alike(json_update(table, keys, names, tuple(same)), table, keys + names, rows, fixed)
        elif rows:
            columns = to_columns(table, keys + names, rows, "sqlite")
            each = len(keys + names)
            self._many(zip(*columns, strict=True), each, lambda count: values_update(count, table, keys, names))

    async def add(
        self, table: type[SQLModel], keys: tuple[str, ...], names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
    ) -> None:
        """Add numbers to the rows found by their keys, which no two share; a missing row begins with them.

        The rows are given as tuples, keys first, with values that the driver takes as they are.
        """
        self._many(rows, len(keys + names), lambda count: values_increment(count, table, keys, names))

    async def delete(self, table: type[SQLModel], keys: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> None:
        """Remove the rows found by their keys."""
        if rows:
            compiled = bulk_delete(table, keys, "sqlite")
            self.connection.executemany(compiled.sql, compiled.many([name_keys_apart(row, keys) for row in rows]))

    def _alike(
        self,
        statement: CompiledStatement,
        table: type[SQLModel],
        names: tuple[str, ...],
        rows: Sequence[Mapping[str, Any]],
        same: Mapping[str, Any],
    ) -> None:
        """Run a statement for rows that differ in little: their own values as one JSON array, read without the lock."""
        own = orjson.dumps(list(zip(*to_columns(table, names, rows, "sqlite"), strict=True))).decode()
        self.connection.execute(statement.sql, statement.arguments({**same, "rows": own}))

    def _many(self, rows: Iterable[tuple[Any, ...]], each: int, statement: Callable[[int], str]) -> None:
        """Run a statement for many rows of so many values at once: half of what `executemany` takes.

        At each step of `executemany` two threads would hand the lock to and fro as well.
        """
        values = tuple(chain.from_iterable(rows))
        begin = 0
        for count in ROWS_AT_ONCE:
            taken = count * each
            while len(values) - begin >= taken:
                self.connection.execute(statement(count), values[begin : begin + taken])
                begin += taken


class SqliteDatabase:
    """A SQLite file in WAL mode with `synchronous=FULL`: what was acknowledged survives a power cut."""

    dialect = "sqlite"

    def __init__(self, path: str, *, lean: bool = False) -> None:
        """Name the file; it is opened by `connect`. A `lean` one takes little memory, however large the file is."""
        self.path = path
        self.schema = needed_schema()
        self.trouble = OutageLog()
        self._file = SqliteFile(path, lean=lean)
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._writer = ThreadPoolExecutor(1, "sitrep-writer")
        self._readers = ThreadPoolExecutor(MAX_READERS, "sitrep-reader")

    async def connect(self) -> None:
        """Open the file, which must be there."""
        self._connection()

    async def close(self) -> None:
        """Finish what runs, close every connection."""
        await asyncio.to_thread(self._writer.shutdown)
        await asyncio.to_thread(self._readers.shutdown)
        while self._opened:
            self._opened.pop().close()
        self._local = threading.local()

    async def rows(
        self,
        statement: Statement | Executable,
        values: Mapping[str, Any] | None = None,
        *,
        offload: bool = False,
        primary: bool = False,  # noqa: ARG002 (one file is always the primary)
    ) -> list[Any]:
        """Read: at once on the loop, or on a reader thread when the work is not bounded."""
        if not offload:
            return self._read(lambda connection: run_select(connection, statement, values))
        reading = SqliteRead(statement, values)
        with interruptible():
            try:
                return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, reading.run)
            except asyncio.CancelledError:
                reading.interrupt()
                raise

    async def replica_rows(self, statement: Statement) -> list[Any]:
        """Nothing: SQLite has no replicas."""
        del statement
        return []

    async def read(self, work: Callable[[SqliteTransaction], Awaitable[T]]) -> T:
        """Run the work on one snapshot, on a connection and a thread of its own, beside whoever writes."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._snapshot, work)

    async def write(
        self,
        work: Callable[[SqliteTransaction], Awaitable[T]],
        *,
        apart: bool = False,  # noqa: ARG002 (every write is)
        alone: bool = False,  # noqa: ARG002 (whoever writes is alone)
    ) -> T:
        """Take the write lock, check that the schema is this program's, run the work and commit it."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._write, work)

    def as_list(self, values: Sequence[Any]) -> Any:
        """The one parameter that `any_of` takes."""
        return array_param(values, "sqlite")

    async def check_schema(self) -> None:
        """Raise SchemaMismatch unless the database has the schema of this program."""
        connection = self._connection()
        with self._file.translate_errors():
            self.schema.check(revision_of(connection))

    def read_from_primary(self, wanted: bool) -> None:
        """Do nothing: one file is always the primary."""

    def refuse_damaged(self) -> None:
        """Raise Unavailable when the file was found damaged."""
        self._file.refuse_damaged()

    def _read(self, read: Callable[[sqlite3.Connection], list[Any]]) -> list[Any]:
        connection = self._connection()
        with self._file.translate_errors():
            try:
                return read(connection)
            except sqlite3.OperationalError as error:
                if "no such table" in str(error) or "no such column" in str(error):
                    self.schema.check(revision_of(connection))
                raise

    def _snapshot(self, work: Callable[[SqliteTransaction], Awaitable[Any]]) -> Any:
        with closing(self._file.open()) as connection, self._file.translate_errors():
            connection.execute("BEGIN")
            self.schema.check(revision_of(connection))
            return finish(work(SqliteTransaction(connection)))

    def _write(self, work: Callable[[SqliteTransaction], Awaitable[Any]]) -> Any:
        self._file.refuse_damaged()
        connection = self._connection()
        with self._file.translate_errors():
            connection.execute("BEGIN IMMEDIATE")
            try:
                self.schema.check(revision_of(connection))
                result = finish(work(SqliteTransaction(connection)))
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        self._file.check()  # what was committed into a file that has lost its name is not acknowledged
        return result

    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = self._file.open()
            self._opened.append(found)
        else:
            self._file.check()
        return found


def revision_of(connection: sqlite3.Connection) -> list[str]:
    """The revision of the database's schema; nothing where it has no tables."""
    try:
        return [found for (found,) in connection.execute(READ_REVISION)]
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return []
        raise


def name_keys_apart(row: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """Name the key values apart from the new ones."""
    return {**row, **{"key_" + key: row[key] for key in keys}}


def finish(work: Awaitable[Any]) -> Any:
    """Run a work that awaits nothing but its transaction."""
    steps = work.__await__()
    try:
        next(steps)
    except StopIteration as done:
        return done.value
    message = "a write may await nothing but its transaction"
    raise RuntimeError(message)
