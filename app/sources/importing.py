"""Imports a file of a source, as `sitrep import --write` does."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from app.auth.keys import utc_now
from app.datasets import Dataset, Draft, Record
from app.db import Database
from app.errors import ImportRunning, Invalid
from app.events.write.store import Store
from app.imports.detection import identify
from app.imports.files import DataFile, FileError, open_file
from app.imports.import_request import prepare_import
from app.imports.mapping import read_map
from app.imports.request import ImportOptions, ImportRequest
from app.imports.run import run_import
from app.sources.config import Source
from app.sources.outcome import Imported, ImportFailed
from app.sources.providers import SourceFile


class NewestEvent:
    """Sees every record of a file, and keeps when the newest event began; one yet to come is not counted."""

    def __init__(self, now: datetime) -> None:
        self.began_at: datetime | None = None
        self._now = now

    def see(self, record: Record) -> None:
        """Look at one record, on whatever thread."""
        if not isinstance(record, Draft):
            return
        try:
            began = datetime.fromisoformat(str(record.event.get("started_at")))
        except ValueError:
            return
        began = began if began.tzinfo else began.replace(tzinfo=UTC)
        if began <= self._now and (self.began_at is None or began > self.began_at):
            self.began_at = began


class FileImporter:
    """Imports files of sources into one database."""

    def __init__(self, db: Database, now: Callable[[], datetime] = utc_now) -> None:
        """Import into this database."""
        self._db = db
        self._store = Store(db)
        self._now = now

    async def __aenter__(self) -> Self:
        self._store.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._store.stop()

    async def __call__(self, source: Source, file: SourceFile) -> Imported:
        """Import one file; raises ImportFailed with one sentence if it is not what it seems."""
        newest = NewestEvent(self._now())
        try:
            data_file, request = await asyncio.to_thread(prepare, source, file, newest)
            try:
                report = await run_import(self._db, self._store, request)
            finally:
                await asyncio.to_thread(data_file.close)
        except FileError as refusal:
            raise ImportFailed(str(refusal)) from None
        except ImportRunning as problem:
            raise ImportFailed(problem.detail, is_passing=True) from None
        return Imported(report, newest.began_at)


def prepare(source: Source, file: SourceFile, newest: NewestEvent) -> tuple[DataFile, ImportRequest]:
    """Open the file, and decide how it is read; blocks, as it reads all of it once."""
    options, path = source.options, file.path
    if path is None:
        raise ImportFailed("There is no file.")
    known: dict[str, Dataset] | None = None
    name, reading = source.dataset, dict[str, Any]()
    if options.map is not None:
        mapped = read_layout(Path(options.map))
        known, name = {mapped.name: mapped}, mapped.name
        reading = {"map": hashlib.sha256(Path(options.map).read_bytes()).hexdigest()}
    data_file = open_file(path)
    missing = file.tombstone_missing if options.tombstone_missing is None else options.tombstone_missing
    try:
        request = prepare_import(
            data_file,
            identify(data_file, name, known),
            by=f"source:{source.name}",
            options=ImportOptions(write=True, lenient=options.lenient, tombstone_missing=missing),
            date_order=options.date_order,
            reading=reading,
            on_record=newest.see,
        )
    except BaseException:
        data_file.close()
        raise
    return data_file, request


def read_layout(path: Path) -> Dataset:
    """Read a layout of one's own; a mistake in it is a failure of the source."""
    try:
        return read_map(path)
    except Invalid as problem:
        raise ImportFailed(" ".join([problem.detail, *(error.detail for error in problem.errors or ())])) from None
