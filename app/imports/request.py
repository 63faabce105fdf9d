"""What is to be imported: the records of one file, who imports them, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.datasets.base import Dataset, Layout, Record
from app.imports.report import ImportReport, RowProblem

Progress = Callable[[ImportReport], None]


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """Without `write` nothing is stored and the report tells what would be.

    `lenient` lets events in that break soft rules, with a quality flag for each. `tombstone_missing` deletes the known
    records that a snapshot no longer has. `limit` ends after so many rows of the file; nothing counts as vanished then.
    """

    write: bool = False
    lenient: bool = False
    tombstone_missing: bool = False
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """One file to import.

    `records` begins to read the file anew at each call and gives the same records each time, in the same order; it is
    called and walked on a thread of its own. `sha256` is of the file as it was given, in hexadecimal digits: the same
    file with the same options goes on where an interrupted import of it stopped. `reading` holds whatever else decided
    what the rows mean, such as {"date_order": "day-first"}, as JSON. `on_problem` hears of every row that is refused
    or flagged, beyond the 1,000 that the report holds.
    """

    dataset: Dataset
    layout: Layout
    records: Callable[[], Iterator[Record]]
    file_name: str
    sha256: str
    size: int
    by: str
    options: ImportOptions = field(default_factory=ImportOptions)
    reading: Mapping[str, Any] = field(default_factory=dict)
    on_problem: Callable[[RowProblem], None] | None = None


def ignore_progress(report: ImportReport) -> None:
    """Tell nobody how far an import is."""
    del report
