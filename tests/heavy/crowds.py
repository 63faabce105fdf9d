"""Databases of many events, made by copying a few within the database, in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa
from sqlmodel import col

from app.changes.tables import Change, LogHead
from app.events.documents import load_event
from app.events.index.full_text import insert_text
from app.events.tables import EventFacet, EventMeasure, EventPoint, FacetValue, StoredEvent
from app.events.terms import index_terms
from app.kit.ids import key_of, make_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.db import Database, Transaction

BATCH = 2_000


async def multiply(db: Database, times: int, batch: int = BATCH) -> None:
    """Copy every event, of which there is one version each, so many times, each copy with an id of its own.

    About `batch` events are written in one transaction.
    """
    log = await rows_of(db, Change)
    tables: list[tuple[Any, list[Any]]] = [
        (table, await rows_of(db, table)) for table in (EventFacet, EventPoint, EventMeasure)
    ]
    events = await rows_of(db, StoredEvent)
    # The keys of the copies lie above those of the events, close to each other: no two are the same.
    keys_of_log = sorted(change["event"] for change in log)
    above = {key: keys_of_log[-1] + 1 - len(log) + rank for rank, key in enumerate(keys_of_log)}
    terms = {change["event"]: index_terms(load_event(orjson.loads(change["body"]))) for change in log}
    for first in range(1, times + 1, max(batch // len(log), 1)):
        copies = range(first, min(first + max(batch // len(log), 1), times + 1))

        async def write(tx: Transaction, copies: Sequence[int] = copies) -> None:
            ids = {(key, n): make_id(above[key] + n * len(log), n) for n in copies for key in above}
            keys = {pair: key_of(id) for pair, id in ids.items()}
            copied = [{**row, "key": keys[row["key"], n], "id": ids[row["key"], n]} for n in copies for row in events]
            await tx.insert(StoredEvent, copied)
            changes = [
                {
                    **row,
                    "seq": n * len(log) + row["seq"],
                    "event": keys[row["event"], n],
                    "id": ids[row["event"], n],
                    "body": row["body"].replace(str(row["id"]).encode(), str(ids[row["event"], n]).encode()),
                }
                for n in copies
                for row in log
            ]
            await tx.insert(Change, changes)
            for table, rows in tables:
                await tx.insert(table, [{**row, "event": keys[row["event"], n]} for n in copies for row in rows])
            await insert_text(tx, [(keys[event, n], found) for n in copies for event, found in terms.items()], [])

        await db.write(write)

    async def settle(tx: Transaction) -> None:
        factor = times + 1
        await tx.run(sa.update(FacetValue).values(events=col(FacetValue.events) * factor + factor))
        total = len(log) * factor
        await tx.run(sa.update(LogHead).values(seq=total, live=total))

    await db.write(settle)


async def rows_of(db: Database, table: Any) -> list[dict[str, Any]]:
    """Every row of a table by the names of its columns."""
    columns = list(sa.inspect(table).local_table.c)
    plain = [sa.type_coerce(c, sa.types.NULLTYPE).label(c.name) if isinstance(c.type, sa.Float) else c for c in columns]
    found = await db.rows(sa.select(*plain))
    return [{column.name: value for column, value in zip(columns, row, strict=True)} for row in found]
