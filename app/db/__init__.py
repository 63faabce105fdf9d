"""The database: one interface over SQLite and PostgreSQL, with THE write transaction."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from app.database_address import SqliteAddress, read_address
from app.db.compiler import (
    BigKey,
    IntegerList,
    Statement,
    UtcTime,
    WriteConflict,
    any_of,
    array_agg,
    array_param,
    as_written,
    id_text,
    rows_param,
    rows_source,
    whole_between,
)
from app.db.faults import DatabaseUnusable, is_permanent, reason
from app.db.functions import sqlite_function
from app.db.postgres import PostgresDatabase, PostgresTransaction
from app.db.postgres_server import POOL_SIZE, Pooler
from app.db.sqlite import SqliteDatabase, SqliteTransaction, finish
from app.http import FromServices

Database = SqliteDatabase | PostgresDatabase
Transaction = SqliteTransaction | PostgresTransaction
DatabaseDep = Annotated[Database, Depends(FromServices("db"))]

__all__ = [
    "BigKey",
    "Database",
    "DatabaseDep",
    "DatabaseUnusable",
    "IntegerList",
    "PostgresTransaction",
    "SqliteTransaction",
    "Statement",
    "Transaction",
    "UtcTime",
    "WriteConflict",
    "any_of",
    "array_agg",
    "array_param",
    "as_written",
    "finish",
    "id_text",
    "is_permanent",
    "open_database",
    "reason",
    "rows_param",
    "rows_source",
    "sqlite_function",
    "whole_between",
]


def open_database(
    url: str,
    read_url: str | None = None,
    *,
    pool_size: int = POOL_SIZE,
    pooler: Pooler = "auto",
    lean: bool = False,
) -> Database:
    """The database that an address names, with its replica; call `connect` before use.

    A `lean` one is for commands: it takes little memory in this process.
    """
    address = read_address(url)
    if isinstance(address, SqliteAddress):
        return SqliteDatabase(address.path, lean=lean)
    return PostgresDatabase(url, read_url, pool_size=pool_size, pooler=pooler)
