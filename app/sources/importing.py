"""Imports a file of a source, as `sitrep import --write` does."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from app.db import Database
from app.events.write.store import Store
from app.sources.config import Source
from app.sources.outcome import Imported, ImportFailed
from app.sources.providers import SourceFile


class FileImporter:
    """Imports files of sources into one database, one file of a dataset at a time."""

    def __init__(self, db: Database) -> None:
        """Import into this database."""
        self._db = db
        self._store = Store(db)

    async def __aenter__(self) -> Self:
        self._store.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._store.stop()

    async def __call__(self, source: Source, file: SourceFile) -> Imported:
        """Import one file; raises ImportFailed with one sentence if it is not what it seems."""
        raise ImportFailed(f"{file.path}: files of {source.name} cannot be read yet.")
