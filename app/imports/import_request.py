"""Makes the request of an import from an open file: its dataset, its records, and how they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from app.datasets import Dataset, DateOrder, DetectedLayout, Record, RejectedRow, SourceRow
from app.datasets.base import ReadOptions
from app.imports.detection import columns_of, decide_date_order
from app.imports.files import DataFile
from app.imports.report import RowProblem
from app.imports.request import ImportOptions, ImportRequest


def prepare_import(
    data_file: DataFile,
    detected: DetectedLayout,
    *,
    by: str,
    options: ImportOptions,
    date_order: DateOrder | None = None,
    reading: Mapping[str, Any] | None = None,
    on_problem: Callable[[RowProblem], None] | None = None,
    on_record: Callable[[Record], None] | None = None,
) -> ImportRequest:
    """Decide how the dates are read, and ask for the import of all records.

    Raises FileError where the order of the dates is open. `reading` holds what else decides what the rows mean.
    `on_record` sees every record before it is written, on the thread that reads.
    """
    order = date_order or decide_date_order(data_file, detected)

    def records() -> Iterator[Record]:
        for record in read_records(data_file, detected, order):
            if on_record is not None:
                on_record(record)
            yield record

    return ImportRequest(
        dataset=detected.dataset,
        layout=detected.layout,
        records=records,
        file_name=data_file.name,
        sha256=data_file.sha256,
        size=data_file.size,
        by=by,
        options=options,
        reading={**(reading or {}), **({"date_order": order} if order else {})},
        on_problem=on_problem,
    )


def read_records(data_file: DataFile, detected: DetectedLayout, date_order: DateOrder | None) -> Iterator[Record]:
    """The records of a file, with the rows that cannot be read among them; each call begins anew."""
    unread: list[RejectedRow] = []

    def readable() -> Iterator[SourceRow]:
        for row in data_file.rows(columns_of(detected.layout)):
            if isinstance(row, RejectedRow):
                unread.append(row)
            else:
                yield row

    def with_unread(dataset: Dataset) -> Iterator[Record]:
        for record in dataset.read(readable(), ReadOptions(detected.layout, date_order)):
            yield from unread
            unread.clear()
            yield record
        yield from unread

    return with_unread(detected.dataset)
