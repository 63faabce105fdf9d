"""Copies a filled SQLite database to PostgreSQL, row by row the same, in a fraction of the time that filling takes."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import sqlalchemy as sa
from sqlmodel import SQLModel

from app.changes.tables import Change, LogHead
from app.events.index.text_query import tsvector
from app.events.tables import (
    EventFacet,
    EventMeasure,
    EventPoint,
    ExternalId,
    FacetValue,
    HourlyRollup,
    MapRollup,
    PastFacet,
    StoredEvent,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TABLES: tuple[type[SQLModel], ...] = (
    FacetValue,
    StoredEvent,
    EventFacet,
    PastFacet,
    EventPoint,
    EventMeasure,
    ExternalId,
    HourlyRollup,
    MapRollup,
    Change,
    LogHead,
)
STRETCH = 20_000


async def copy_events(path: str, url: str) -> None:
    """Fill the migrated PostgreSQL database with what the SQLite file holds, keys apart."""
    source = sqlite3.connect(path)
    target = await asyncpg.connect(url)
    try:
        await target.execute("DELETE FROM log_head")
        for model in TABLES:
            table = sa.inspect(model).local_table
            names = [column.name for column in table.columns]
            readers = [reader(column.type) for column in table.columns]
            wanted = f"SELECT {', '.join(map(quoted, names))} FROM {table.name}"  # noqa: S608 (our own tables)
            for rows in stretches(source, wanted):
                await target.copy_records_to_table(table.name, records=converted(rows, readers), columns=names)
        await copy_texts(source, target)
        await target.execute("SELECT setval(pg_get_serial_sequence('facet_value', 'id'), max(id)) FROM facet_value")
    finally:
        await target.close()
        source.close()


async def copy_texts(source: sqlite3.Connection, target: Any) -> None:
    """The full text index is of another nature there; it is made from the same words."""
    await target.execute("CREATE TEMP TABLE texts (event bigint, text text, words text)")
    for rows in stretches(source, "SELECT rowid, text FROM event_text"):
        records = [(key, text, tsvector(text)) for key, text in rows]
        await target.copy_records_to_table("texts", records=records)
    await target.execute("INSERT INTO event_text (event, text, words) SELECT event, text, words::tsvector FROM texts")


def stretches(source: sqlite3.Connection, statement: str) -> Iterator[list[Any]]:
    """The rows, so many at a time."""
    cursor = source.execute(statement)
    while rows := cursor.fetchmany(STRETCH):
        yield rows


def quoted(name: str) -> str:
    return f'"{name}"'


def reader(kind: Any) -> Callable[[Any], Any] | None:
    """What turns SQLite's value into PostgreSQL's, where they differ."""
    if isinstance(kind, sa.Uuid):
        return UUID
    return bool if isinstance(kind, sa.Boolean) else None


def converted(rows: list[Any], readers: list[Callable[[Any], Any] | None]) -> list[Any]:
    """The rows as PostgreSQL takes them."""
    changed = [(place, read) for place, read in enumerate(readers) if read is not None]
    if not changed:
        return rows
    found = [list(row) for row in rows]
    for values in found:
        for place, read in changed:
            values[place] = read(values[place])
    return found
