"""What tests of imports ask of a database and of reports."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa
from sqlmodel import col

from app.changes import Change
from app.db import open_database
from app.events.tables import StoredEvent
from app.events.write.store import Store
from app.imports import chunks, snapshot, undo, writer
from app.imports.run import run_import
from app.imports.tables import ImportRun

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator

    import pytest

    from app.db import Database
    from app.imports.report import ImportReport
    from app.imports.request import ImportRequest

OF_A_MOMENT = ("id", "created_at", "updated_at")
COUNTS = (
    "rows",
    "created",
    "updated",
    "unchanged",
    "skipped",
    "flagged",
    "refused",
    "unreadable",
    "vanished",
    "deleted",
)


def use_small_batches(patch: pytest.MonkeyPatch) -> None:
    """Let a file of a few hundred rows have many batches, each of which is stored."""
    patch.setattr(chunks, "MAX_DRAFTS", 20)
    patch.setattr(snapshot, "PAGE", 2)
    patch.setattr(undo, "PAGE", 20)
    patch.setattr(writer, "QUIET_S", 0.0)


async def bodies(db: Database) -> list[dict[str, Any]]:
    """Every event as it stands, oldest first."""
    current = sa.and_(col(Change.event) == col(StoredEvent.key), col(Change.version) == col(StoredEvent.version))
    columns = sa.select(col(Change.body)).join(StoredEvent, current).where(col(StoredEvent.deleted) == sa.false())
    return [orjson.loads(body) for (body,) in await db.rows(columns.order_by(col(StoredEvent.key)))]


async def events(db: Database, *without: str) -> list[str]:
    """Every event without what differs from one database to the next, sorted."""
    return sorted(
        str({name: event[name] for name in event if name not in {*OF_A_MOMENT, *without}}) for event in await bodies(db)
    )


async def changes(db: Database) -> list[tuple[str, int]]:
    """The event and version of each change so far."""
    return [
        tuple(row) for row in await db.rows(sa.select(col(Change.id), col(Change.version)).order_by(col(Change.seq)))
    ]


async def runs(db: Database) -> list[Any]:
    """The state and notes of each import."""
    return await db.rows(sa.select(col(ImportRun.state), col(ImportRun.notes)).order_by(col(ImportRun.id)))


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[tuple[Database, Store]]:
    """A database and its store."""
    db = open_database(url)
    await db.connect()
    store = Store(db)
    store.start()
    try:
        yield db, store
    finally:
        await store.stop()
        await db.close()


def counts(report: ImportReport) -> dict[str, int]:
    """The numbers of a report."""
    return {name: getattr(report, name) for name in COUNTS}


def told(report: ImportReport) -> tuple[Any, ...]:
    """All of a report that two equal imports have in common."""
    return counts(report), report.problems, report.problems_by, report.skipped_by, report.notes


async def cut_off(db: Database, store: Store, request: ImportRequest, chance: random.Random) -> ImportReport | None:
    """Import until a batch at random was written; the report if it was done before."""
    left = chance.randrange(1, 5)

    def progress(_report: ImportReport) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            task.cancel()

    task = asyncio.create_task(run_import(db, store, request, progress))
    try:
        return await task
    except asyncio.CancelledError:
        return None
