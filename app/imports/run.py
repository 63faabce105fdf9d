"""Runs an import: reads, validates and writes batch after batch, each exactly once."""

from __future__ import annotations

from app.db import Database
from app.events.write.store import Store
from app.imports.report import ImportReport
from app.imports.request import ImportRequest, Progress, ignore_progress


async def run_import(
    db: Database, store: Store, request: ImportRequest, progress: Progress = ignore_progress
) -> ImportReport:
    """Import a file, or tell what it would come to; `progress` hears of the report so far after each batch.

    Raises `ImportRunning` where another process imports the same dataset, and whatever the reader of the file raises.
    """
    raise NotImplementedError
