"""The derived tables: how each is read, compared with what it should hold, and put right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import SQLModel

from app.changes import ChangeBlock
from app.check.paging import pages
from app.check.replay import text_row
from app.check.report import Report
from app.check.row_store import RowStore
from app.db import Transaction
from app.events.index.full_text import FTS, TEXT
from app.events.tables import (
    EventFacet,
    EventMeasure,
    EventPoint,
    ExternalId,
    HourlyRollup,
    MapRollup,
    PastFacet,
    StoredEvent,
)

MODELS: tuple[type[SQLModel], ...] = (
    StoredEvent,
    ExternalId,
    EventFacet,
    PastFacet,
    EventPoint,
    EventMeasure,
    HourlyRollup,
    MapRollup,
    ChangeBlock,
)
TEXTS = "event_text"


@dataclass(frozen=True)
class DerivedTable:
    """A table, its columns and those of its key."""

    name: str
    columns: tuple[Any, ...]
    keys: tuple[Any, ...]

    @property
    def key_names(self) -> tuple[str, ...]:
        """The names of the key's columns."""
        return tuple(str(key.name) for key in self.keys)


def derived_table(model: type[SQLModel]) -> DerivedTable:
    """A table that has a model."""
    table = sa.inspect(model).local_table
    return DerivedTable(table.name, tuple(table.columns), tuple(table.primary_key.columns))


def derived_tables(dialect: str) -> list[DerivedTable]:
    """Every table that is compared row by row."""
    texts = FTS if dialect == "sqlite" else TEXT
    columns = tuple(sa.cast(c, sa.Text).label(c.name) if c.name == "words" else c for c in texts.columns)
    return [*map(derived_table, MODELS), DerivedTable(TEXTS, columns, columns[:1])]


def make_tables(scratch: RowStore, dialect: str) -> None:
    """Make room for what they should hold and what they hold."""
    for table in derived_tables(dialect):
        scratch.make(table.name, [column.name for column in table.columns])


async def read_tables(tx: Transaction, scratch: RowStore) -> None:
    """Read what they hold; a sum of nothing is as good as no sum."""
    for table in derived_tables(tx.dialect):
        async for rows in pages(tx, table.columns, table.keys):
            is_text = table.name == TEXTS
            scratch.have(table.name, [text_row(tx.dialect, row) for row in rows] if is_text else rows)
    scratch.file.execute("DELETE FROM have_tally WHERE (events, low, best, high) = (0, 0, 0, 0)")
    scratch.file.execute("DELETE FROM have_map_rollup WHERE (places, lat, lon) = (0, 0, 0)")
    scratch.file.execute("DELETE FROM want_tally WHERE (events, low, best, high) = (0, 0, 0, 0)")


def compare_tables(report: Report, scratch: RowStore, dialect: str) -> None:
    """Report what is missing, surplus and altered."""
    for table in derived_tables(dialect):
        part = report.part(table.name)
        counts, example = scratch.differences(table.name, table.key_names)
        if counts:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items()))
            part.fault(f"{kinds}, such as {example}", counts.total())
