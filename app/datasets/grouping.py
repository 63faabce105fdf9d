"""Rows that make one event together, wherever in the file they stand, brought together outside of memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import groupby

import orjson

from app.datasets.base import RejectedRow, RowError, Skipped, SourceRow, reject_row

BATCH = 1_000  # rows that are held until they are stored
TABLES = """
CREATE TABLE groups (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE);
CREATE TABLE rows (
    number INTEGER, row INTEGER, line INTEGER, cells BLOB, PRIMARY KEY (number, row)
) WITHOUT ROWID;
"""
ADD_GROUP = "INSERT INTO groups (key) VALUES (?) ON CONFLICT DO NOTHING"  # SQLite counts the number up
ADD_ROW = "INSERT INTO rows VALUES ((SELECT number FROM groups WHERE key = ?), ?, ?, ?)"


def group_rows(
    rows: Iterable[SourceRow], key: Callable[[SourceRow], str | Skipped]
) -> Iterator[tuple[str, list[SourceRow]] | RejectedRow | Skipped]:
    """Give the rows of each key together, in order of the keys' first appearance, and refuse those that have none.

    `key` may say instead that a row is skipped.

    The rows wait in a temporary database of SQLite, which keeps to its cache of a few MB and the disk. So the first
    group comes after the last row was read; what is refused or skipped comes at once. Dates of typed files come back as
    text.
    """
    with closing(sqlite3.connect("", isolation_level=None, check_same_thread=False)) as store:
        store.executescript(TABLES)
        store.execute("BEGIN")
        waiting: list[tuple[str, int, int, bytes]] = []
        for number, row in enumerate(rows):
            try:
                name = key(row)
            except RowError as refusal:
                yield reject_row(row, refusal)
                continue
            if isinstance(name, Skipped):
                yield name
                continue
            try:
                waiting.append((name, number, row.line, orjson.dumps(row.values, default=str)))
            except TypeError:
                yield RejectedRow(
                    row.line, "json", "A value is a number beyond 64 bits, or a text with half a character."
                )
            if len(waiting) >= BATCH:
                _store(store, waiting)
        _store(store, waiting)
        yield from _groups(store)


def _store(store: sqlite3.Connection, waiting: list[tuple[str, int, int, bytes]]) -> None:
    last = None
    for key, *_ in waiting:
        if key != last:
            store.execute(ADD_GROUP, (key,))
            last = key
    store.executemany(ADD_ROW, waiting)
    waiting.clear()


def _groups(store: sqlite3.Connection) -> Iterator[tuple[str, list[SourceRow]]]:
    found = store.execute("SELECT number, key, line, cells FROM rows JOIN groups USING (number) ORDER BY number, row")
    for (_, key), members in groupby(found, key=lambda row: (row[0], row[1])):
        yield key, [SourceRow(line, orjson.loads(cells)) for _, _, line, cells in members]
