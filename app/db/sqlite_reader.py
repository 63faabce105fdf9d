"""Reading from SQLite: one statement and all its rows, on any thread, until nobody waits for them."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping
from typing import Any

from sqlalchemy.sql.expression import Executable

from app.db.compiler import Statement, as_statement


class SqliteRead:
    """One statement on a reader thread, which whoever waits for it may interrupt."""

    def __init__(self, statement: Statement | Executable, values: Mapping[str, Any] | None) -> None:
        self._statement = statement
        self._values = values
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._given_up = False

    def run(self, connection: sqlite3.Connection) -> list[Any]:
        """Read on this connection."""
        with self._lock:
            if self._given_up:
                return []
            self._connection = connection
        try:
            return run_select(connection, self._statement, self._values)
        finally:
            with self._lock:
                self._connection = None

    def interrupt(self) -> None:
        """Nobody waits for the rows any more."""
        with self._lock:
            self._given_up = True
            if self._connection is not None:
                self._connection.interrupt()


def run_select(
    connection: sqlite3.Connection, statement: Statement | Executable, values: Mapping[str, Any] | None
) -> list[Any]:
    """Run a reading statement and take all its rows."""
    compiled = as_statement(statement).on("sqlite")
    found = connection.execute(compiled.sql, compiled.arguments(values or {})).fetchall()
    return compiled.rows(found) if compiled.results else found
