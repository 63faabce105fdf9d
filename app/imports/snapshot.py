"""Ends the import of a snapshot: which new records correct known ones, and which known ones are gone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from app.datasets.base import Draft
from app.db import Database
from app.imports.batch import Batch, add_draft, removal
from app.imports.entries import Entry
from app.imports.known import Known, find_known, page_of_known, titles_of
from app.imports.report import RowProblem
from app.imports.request import ImportRequest
from app.imports.scratch import HeldDraft, MissingRecord, Scratch
from app.imports.writer import BatchWriter

PAGE = 1000
SHOWN = 20
GONE = "Gone from the file, by row id and title: "


class SnapshotEnd:
    """What is left to do when all rows of a snapshot were read."""

    def __init__(
        self,
        db: Database,
        request: ImportRequest,
        writer: BatchWriter,
        scratch: Scratch,
        in_thread: Callable[..., Awaitable[Any]],
    ) -> None:
        """The scratch database has seen the whole file; `in_thread` does something with it."""
        self.db = db
        self.request = request
        self.writer = writer
        self.scratch = scratch
        self.in_thread = in_thread

    async def run(self, *, holding: bool) -> None:
        """Write the drafts that were held back, then tell, and if asked delete, the records that are gone.

        A file that was not read whole tells neither, as what it lacks may be in the part that was not read.
        """
        obstacle = await self._obstacle()
        if obstacle is None or holding:
            await self._find_missing()
        if obstacle is None:
            await self.in_thread(self.scratch.match)
        if holding:
            await self._write_held(is_whole=obstacle is None)
        if obstacle is not None:
            self.writer.report.notes.append(
                f"Whether known records are gone from the file was not looked at, as {obstacle}."
            )
            return
        await self._note_missing()
        if self.request.options.tombstone_missing:
            await self._delete_missing()
        else:
            self.writer.report.vanished = await self.in_thread(self.scratch.count_missing)

    async def _obstacle(self) -> str | None:
        """Why the file cannot tell what it lacks."""
        if self.request.options.limit is not None:
            return "--limit ended the import before the file's end"
        if self.writer.report.unreadable:
            return "rows of it could not be read"
        return "it holds no record" if await self.in_thread(lambda: self.scratch.is_empty) else None

    async def _find_missing(self) -> None:
        after = ""
        while page := await page_of_known(self.db, self.request.dataset.name, after):
            records = [(known.record, known.id, known.match_key) for known in page]
            await self.in_thread(self.scratch.add_missing, records)
            after = page[-1].record

    async def _write_held(self, *, is_whole: bool) -> None:
        done = self.writer.standing.taken_late
        while page := await self.in_thread(self.scratch.held, done, PAGE):
            done += len(page)
            corrected = [held.corrects.key for held in page if held.corrects is not None]
            known = await find_known(self.db, self.request.dataset.name, corrected)
            await self.writer.write(await self.in_thread(self._batch_of_held, page, known, done, is_whole))

    def _batch_of_held(self, page: list[HeldDraft], known: dict[str, Known], done: int, is_whole: bool) -> Batch:
        batch, dataset, options = Batch(taken_late=done), self.request.dataset, self.request.options
        for entry, corrects, resembles in page:
            if not isinstance(entry.record, Draft):
                continue
            if resembles and not is_whole:
                batch.refuse(entry, [needs_whole_file(entry)])
                continue
            before = None if corrects is None else known.get(corrects.key)
            add_draft(batch, entry, entry.record, before, dataset, lenient=options.lenient)
        return batch

    async def _note_missing(self) -> None:
        """Name the records that are gone, unless that was done before an interruption."""
        notes = self.writer.report.notes
        first = await self.in_thread(self.scratch.missing, "", SHOWN)
        left = await self.in_thread(self.scratch.count_missing) - len(first)
        if first and not any(note.startswith(GONE) for note in notes):
            more = f" and {left} more" if left else ""
            titles = await titles_of(self.db, [record.event for record in first])
            rows = [f"{record.key} ({titles.get(record.event, 'deleted here')})" for record in first]
            notes.append(f"{GONE}{'; '.join(rows)}{more}.")

    async def _delete_missing(self) -> None:
        after = ""
        while page := await self.in_thread(self.scratch.missing, after, PAGE):
            records: list[MissingRecord] = page
            known = await find_known(self.db, self.request.dataset.name, [record.key for record in records])
            items = [removal(record.key, known[record.key]) for record in records if record.key in known]
            await self.writer.write(Batch(items=items))
            after = records[-1].key


def needs_whole_file(entry: Entry) -> RowProblem:
    """The row may be new, or the correction of a record that the rest of the file has or lacks."""
    detail = "The row may correct a known record or be a new one: only the whole file can tell."
    remedy = "Correct the rows that cannot be read, and import the file without --limit."
    return RowProblem(entry.line, "needs-whole-file", detail, remedy=remedy)
