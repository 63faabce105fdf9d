"""Holds expected and found rows in a temporary file, so that a check of any size needs little memory."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from app.db.compiler import stored_instant

# SQLite makes a file of its own for an empty name, and removes it in the end.
TEMPORARY = ""
SETTINGS = ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA cache_size=-65536", "BEGIN")
# Sines and cosines may differ in their last digits from one machine to the next.
DECIMALS = 12
CHUNK = 1000


class RowStore:
    """For each derived table the rows that the versions call for (`want`) and those that are there (`have`)."""

    def __init__(self) -> None:
        """Begin with no tables."""
        self.file = sqlite3.connect(TEMPORARY, isolation_level=None, check_same_thread=False)
        for setting in SETTINGS:
            self.file.execute(setting)
        self._columns: dict[str, tuple[str, ...]] = {}

    def close(self) -> None:
        """Remove the file."""
        self.file.close()

    def make(self, table: str, columns: Sequence[str]) -> None:
        """Make room for the rows of a table."""
        self._columns[table] = tuple(columns)
        names = ", ".join(f'"{column}"' for column in columns)
        for side in ("want", "have"):
            self.file.execute(f"CREATE TABLE {side}_{table} ({names})")

    def want(self, table: str, rows: Iterable[Sequence[Any]]) -> None:
        """These rows follow from the stored versions."""
        self._add("want", table, rows)

    def have(self, table: str, rows: Iterable[Sequence[Any]]) -> None:
        """These rows are in the database."""
        self._add("have", table, rows)

    def _add(self, side: str, table: str, rows: Iterable[Sequence[Any]]) -> None:
        marks = ", ".join("?" * len(self._columns[table]))
        values = (tuple(map(plain, row)) for row in rows)
        self.file.executemany(f"INSERT INTO {side}_{table} VALUES ({marks})", values)  # noqa: S608 (our names)

    def missing_rows(self, table: str) -> Iterator[tuple[Any, ...]]:
        """Rows that should be in the database and are not."""
        yield from self.file.execute(f"SELECT * FROM want_{table} EXCEPT SELECT * FROM have_{table}")  # noqa: S608

    def surplus_rows(self, table: str) -> Iterator[tuple[Any, ...]]:
        """Rows that are in the database and should not be."""
        yield from self.file.execute(f"SELECT * FROM have_{table} EXCEPT SELECT * FROM want_{table}")  # noqa: S608

    def differences(self, table: str, keys: Sequence[str]) -> tuple[Counter[str], str]:
        """How many rows are missing, surplus and altered, and the key of one of them."""
        at = [self._columns[table].index(key) for key in keys]
        self.file.execute("DROP TABLE IF EXISTS odd")
        self.file.execute("CREATE TABLE odd (key, missing, surplus)")
        for n, rows in enumerate((self.missing_rows(table), self.surplus_rows(table))):
            odd = [(repr(tuple(row[i] for i in at)), 1 - n, n) for row in rows]
            self.file.executemany("INSERT INTO odd VALUES (?, ?, ?)", odd)
        kinds = "CASE WHEN sum(missing) = 0 THEN 'surplus' WHEN sum(surplus) = 0 THEN 'missing' ELSE 'altered' END"
        each = f"SELECT key, {kinds} AS kind FROM odd GROUP BY key"  # noqa: S608 (our words)
        counts = self.file.execute(f"SELECT kind, count(*), min(key) FROM ({each}) GROUP BY kind")  # noqa: S608
        found = [(str(kind), int(count), str(key)) for kind, count, key in counts]
        return Counter({kind: count for kind, count, _ in found}), found[0][2] if found else ""


def plain(value: Any) -> Any:
    """A value as it can be compared: the same whichever database it came from."""
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return stored_instant(value)
    if isinstance(value, bool):
        return int(value)
    return round(value, DECIMALS) if isinstance(value, float) else value


def chunks(rows: Iterable[Any], size: int = CHUNK) -> Iterator[list[Any]]:
    """The rows, so many at a time."""
    chunk: list[Any] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
