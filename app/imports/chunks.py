"""Cuts the records of a file into chunks, and sorts out keys that come twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.datasets.base import Dataset, Draft, Record, RejectedRow, Removal, Skipped
from app.datasets.cells import shorten
from app.imports.entries import REMOVED, Entry, entry_of
from app.imports.report import RowProblem
from app.imports.scratch import Scratch

MAX_DRAFTS = 1000
MAX_RECORDS = 20_000
MAX_KEY_SHOWN = 80
SAME_ROW = "the same as an earlier row"
SAME_REMOVAL = "removed by an earlier row"


@dataclass(slots=True)
class Chunk:
    """Up to 1,000 drafts and removals and what lies between them; `taken` counts the file's records up to its end.

    `repeats` tells that a key of it came earlier in the file, so what became of that must be known first.
    `is_done`: it was imported before an interruption.
    """

    is_done: bool
    taken: int = 0
    rows: int = 0
    entries: list[Entry] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    problems: list[RowProblem] = field(default_factory=list)
    refused: int = 0
    unreadable: int = 0
    repeats: bool = False


class ChunkReader:
    """Reads the records of a file chunk by chunk; `done` of them were imported before an interruption."""

    def __init__(
        self,
        dataset: Dataset,
        records: Iterator[Record],
        scratch: Scratch,
        *,
        done: int = 0,
        limit: int | None = None,
    ) -> None:
        """With a `limit` the file ends after so many rows."""
        self._dataset = dataset
        self._records = records
        self._scratch = scratch
        self._done = done
        self._limit = limit
        self._taken = 0
        self._rows = 0
        self._put_back: Record | None = None

    def read(self) -> Chunk | None:
        """The next chunk, None at the end of the file; raises whatever its reader raises."""
        chunk = Chunk(is_done=self._taken < self._done)
        end = min(self._taken + MAX_RECORDS, self._done if chunk.is_done else self._taken + MAX_RECORDS)
        entries: dict[str, Entry] = {}
        begin = self._taken
        while self._taken < end and len(entries) + len(chunk.problems) < MAX_DRAFTS:
            record = self._next()
            if record is None:
                break
            if not self._add(record, chunk, entries):
                self._put_back = record
                break
            self._taken += 1
        if self._taken == begin:
            return None
        self._sort_out(chunk, entries)
        chunk.taken = self._taken
        self._rows += chunk.rows
        return chunk

    def close(self) -> None:
        """Close the file, where the records are a generator that holds it open."""
        close = getattr(self._records, "close", None)
        if close is not None:
            close()

    def _next(self) -> Record | None:
        record, self._put_back = self._put_back, None
        return next(self._records, None) if record is None else record

    def _add(self, record: Record, chunk: Chunk, entries: dict[str, Entry]) -> bool:
        """Add a record to the chunk; False if it must wait for what the chunk does to the same key, or for ever."""
        if self._limit is not None and self._rows + chunk.rows >= self._limit:
            return False
        if isinstance(record, Skipped):
            chunk.skipped[record.reason] += 1
        elif isinstance(record, RejectedRow):
            chunk.problems.append(problem_of(record))
            chunk.refused += 1
            chunk.unreadable += 1
        else:
            entry = entry_of(record, self._dataset)
            earlier = entries.get(entry.key)
            if earlier is None:
                entries[entry.key] = entry
            elif not self._repeat(entry, earlier.hash, chunk):
                return False
        chunk.rows += len(record.rows) if isinstance(record, Draft | Removal) else 1
        return True

    def _repeat(self, entry: Entry, earlier: bytes, chunk: Chunk) -> bool:
        """Skip or refuse what comes again; False if the file adds what it removed, or removes what it added."""
        if entry.hash == earlier:
            chunk.skipped[SAME_ROW if earlier else SAME_REMOVAL] += len(entry.rows)
            return True
        if REMOVED in {entry.hash, earlier}:
            return False
        detail = f"An earlier row has the same key, {shorten(entry.key, MAX_KEY_SHOWN)}, and says something else."
        chunk.problems.append(RowProblem(entry.line, "duplicate-key", detail, remedy="Keep one of the two rows."))
        chunk.refused += len(entry.rows)
        return True

    def _sort_out(self, chunk: Chunk, entries: dict[str, Entry]) -> None:
        """Compare with the chunks before, and remember the keys."""
        earlier = self._scratch.seen(entries)
        for key, entry in entries.items():
            if key not in earlier:
                chunk.entries.append(entry)
            elif not self._repeat(entry, earlier[key], chunk):
                chunk.entries.append(entry)
                chunk.repeats = True
        self._scratch.add_seen((entry.key, entry.hash) for entry in chunk.entries)


def problem_of(refused: RejectedRow) -> RowProblem:
    """A row that cannot be read, as the report tells it."""
    return RowProblem(refused.line, refused.code, refused.detail, refused.column, refused.value, refused.remedy)
