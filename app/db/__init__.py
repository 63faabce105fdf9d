"""The database: one interface over SQLite and PostgreSQL, with THE write transaction."""

from __future__ import annotations

from app.db.functions import sqlite_function
from app.db.postgres import PostgresDatabase, PostgresTransaction
from app.db.sqlite import SqliteDatabase, SqliteTransaction, finish
from app.db.statements import (
    BigKey,
    IntegerList,
    Statement,
    Surprise,
    UtcTime,
    any_of,
    as_list,
    as_pairs,
    as_written,
    gathered,
    id_text,
    pairs_source,
)

Database = SqliteDatabase | PostgresDatabase
Transaction = SqliteTransaction | PostgresTransaction

__all__ = [
    "BigKey",
    "Database",
    "IntegerList",
    "PostgresTransaction",
    "SqliteTransaction",
    "Statement",
    "Surprise",
    "Transaction",
    "UtcTime",
    "any_of",
    "as_list",
    "as_pairs",
    "as_written",
    "finish",
    "gathered",
    "id_text",
    "open_database",
    "pairs_source",
    "sqlite_function",
]


def open_database(url: str, read_url: str | None = None) -> Database:
    """The database that a plain `sqlite:///...` or `postgresql://...` URL names; call `connect` before use."""
    if url.startswith("sqlite:///"):
        return SqliteDatabase(url.removeprefix("sqlite:///"))
    return PostgresDatabase(url, read_url)
