"""Runs an import: reads, validates and writes batch after batch, each exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from app.datasets.base import Dataset, Draft
from app.db import Database, WriteConflict
from app.errors import ImportRunning, Problem
from app.events.write.store import Store
from app.imports.batch import Batch, batch_of, fill
from app.imports.chunks import Chunk, ChunkReader
from app.imports.entries import Entry
from app.imports.joins import join_earlier, joins_files
from app.imports.known import find_known, gone_for_good, is_known_before
from app.imports.lease import Lease, LeaseLost
from app.imports.report import ImportReport
from app.imports.request import ImportRequest, Progress, ignore_progress
from app.imports.runs import ImportProgress, begin, fail
from app.imports.scratch import Scratch
from app.imports.snapshot import SnapshotEnd
from app.imports.writer import BatchWriter, DryWriter, StoreWriter

T = TypeVar("T")


async def run_import(
    db: Database, store: Store, request: ImportRequest, progress: Progress = ignore_progress
) -> ImportReport:
    """Import a file, or tell what it would come to; `progress` hears of the report so far after each batch.

    An import of the same file, layout and options that was interrupted is continued. Raises `ImportRunning` where
    another process imports the same dataset, and whatever the reader of the file raises.
    """
    if not request.options.write:
        standing = ImportProgress(ImportReport(request.dataset.name, dry_run=True))
        return await ImportWork(db, request, DryWriter(db, request, progress, standing)).run()
    lease = Lease(db)
    try:
        standing = await begin(db, request, lease)
        writer = StoreWriter(db, request, progress, standing, store=store, lease=lease)
        writer.tell(standing.report.problems)
        work = ImportWork(db, request, writer)
        try:
            return await work.run()
        except Exception as error:
            if error is work.reading_error:
                with suppress(Problem, WriteConflict, LeaseLost):
                    await fail(db, lease, work.writer.standing, str(error))
            raise
    except LeaseLost:
        raise ImportRunning("Another process took this import over, and goes on with it.") from None
    finally:
        await lease.close()


class ImportWork:
    """One import at work: a thread reads and validates the next batch while the one before is written."""

    def __init__(self, db: Database, request: ImportRequest, writer: BatchWriter) -> None:
        """Begin where the writer's standing is."""
        self.db = db
        self.request = request
        self.writer = writer
        self.scratch = Scratch()
        self.holding = False
        self.reading_error: Exception | None = None
        self._reader: ChunkReader | None = None
        self._thread = ThreadPoolExecutor(1, "sitrep-import")
        self._written = asyncio.Event()
        self._written.set()

    async def run(self) -> ImportReport:
        """Import the whole file."""
        try:
            dataset, layout = self.request.dataset, self.request.layout
            if layout.snapshot and has_changing_keys(dataset):
                self.holding = await is_known_before(self.db, dataset.name, self.writer.run)
            await self._write_chunks()
            if layout.snapshot:
                end = SnapshotEnd(self.db, self.request, self.writer, self.scratch, self.in_thread)
                await end.run(holding=self.holding)
            await self.writer.end()
        finally:
            self._thread.submit(self._close)
            self._thread.shutdown(wait=False)
        return self.writer.report

    async def in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do something with the file or the scratch database, which are the thread's."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    async def _write_chunks(self) -> None:
        ahead = asyncio.create_task(self._prepare())
        try:
            while (batch := await ahead) is not None:
                self._written.clear()
                ahead = asyncio.create_task(self._prepare())
                await self.writer.write(batch)
                self._written.set()
        finally:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)

    async def _prepare(self) -> Batch | None:
        """The next batch, ready to be written; None at the end of the file."""
        while (chunk := await self.in_thread(self._read)) is not None:
            if not chunk.is_done:
                return await self._decide(chunk)
            if self.holding:
                await self._hold_again(chunk)
        return None

    async def _decide(self, chunk: Chunk) -> Batch:
        dataset = self.request.dataset
        if chunk.repeats or joins_files(dataset):
            await self._written.wait()
        known = await find_known(self.db, dataset.name, [entry.key for entry in chunk.entries])
        hashes = {entry.key: entry.hash for entry in chunk.entries}
        changed = [each for each in known.values() if each.deleted and each.hash != hashes[each.record]]
        gone = await gone_for_good(self.db, changed)
        batch, lenient = batch_of(chunk), self.request.options.lenient
        entries: Sequence[Entry] = chunk.entries
        if joins_files(dataset):
            entries = await join_earlier(self.db, dataset, chunk.entries, known, batch.skipped)

        def work() -> None:
            fill(batch, entries, known, gone, dataset, lenient=lenient, holding=self.holding)
            self.scratch.hold(batch.held)

        await self.in_thread(work)
        return batch

    async def _hold_again(self, chunk: Chunk) -> None:
        """Hold back the drafts that were held back before the interruption."""
        known = await find_known(self.db, self.request.dataset.name, [entry.key for entry in chunk.entries])
        new = [
            entry
            for entry in chunk.entries
            if isinstance(entry.record, Draft) and (entry.key not in known or known[entry.key].since == self.writer.run)
        ]
        await self.in_thread(self.scratch.hold, new)

    def _read(self) -> Chunk | None:
        try:
            if self._reader is None:
                request, standing = self.request, self.writer.standing
                self._reader = ChunkReader(
                    request.dataset,
                    request.records(),
                    self.scratch,
                    done=standing.taken,
                    limit=request.options.limit,
                )
            return self._reader.read()
        except Exception as error:
            self.reading_error = error
            raise

    def _close(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self.scratch.close()


def has_changing_keys(dataset: Dataset) -> bool:
    """Whether the dataset's keys are made of values that get corrected."""
    return type(dataset).match_key is not Dataset.match_key
