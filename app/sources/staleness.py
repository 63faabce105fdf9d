"""Tells operators of sources: those of their file from the start, those that fell silent or are back as notices."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
import structlog
from sqlmodel import col

from app.auth.keys import utc_now
from app.db import Database, Statement, Transaction, WriteConflict
from app.errors import Problem
from app.kit.offload import run_in_thread
from app.settings import SettingsError
from app.sources.tables import SourceState, StoredSource, read_states, register
from app.subscriptions.statements import add_notices
from app.subscriptions.tables import Notice

INTERVAL_S = 60.0
MARK = Statement(
    sa.update(StoredSource)
    .where(
        col(StoredSource.name) == sa.bindparam("called"),
        col(StoredSource.told_stale) != sa.bindparam("stale", type_=sa.Boolean()),
    )
    .values(told_stale=sa.bindparam("stale", type_=sa.Boolean()))
)
log = structlog.get_logger(__name__)


async def tell_staleness(db: Database, now: datetime) -> None:
    """Give a notice about each source that has become stale, or is so no longer; of several processes one does."""
    changed = [source for source in await read_states(db) if source.is_stale(now) != source.told_stale]

    async def work(tx: Transaction) -> list[Notice]:
        notices = [
            describe(source, now)
            for source in changed
            if await tx.run(MARK, {"called": source.name, "stale": source.is_stale(now)})
        ]
        await add_notices(tx, notices)
        return notices

    for notice in await db.write(work) if changed else []:
        log.warning("a source's freshness has changed", type=notice.type, detail=notice.detail)


def describe(source: SourceState, now: datetime) -> Notice:
    """Say in a sentence what has become of a source."""
    if not source.is_stale(now):
        return Notice("source.recovered", None, None, now, f"The source {source.name} is current again.")
    minutes = int((now - (source.alive_at or source.added_at)).total_seconds() // 60)
    told = f"The source {source.name} has been silent for {minutes:,} minutes."
    return Notice("source.stale", None, None, now, f"{told} {source.last_problem or ''}".strip())


async def note_sources(db: Database, file: Path) -> None:
    """Note every source of the file, so that one that was never taken in is told of; mistakes in it are logged."""
    from app.sources.config import read_sources  # noqa: PLC0415 (a server without the setting loads no datasets)
    from app.sources.providers import providers  # noqa: PLC0415

    try:
        sources = await run_in_thread(read_sources, file, providers(), None)
    except SettingsError as mistakes:
        log.warning("the file of sources is left out", problem=str(mistakes))
        return
    await register(db, [source.noted for source in sources], utc_now())


async def tell_staleness_periodically(db: Database, file: Path | None) -> None:
    """Note the sources of the file, and look every minute until cancelled; a database that is away is tried again."""
    pause = INTERVAL_S if file is None else 0.0
    while True:
        await asyncio.sleep(pause)
        pause = INTERVAL_S
        try:
            if file is not None:
                await note_sources(db, file)
                file = None
            await tell_staleness(db, utc_now())
            db.trouble.clear("sources")
        except (Problem, WriteConflict) as error:
            db.trouble.report("sources", error)
