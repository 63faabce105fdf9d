"""Our own export as NDJSON, which comes back as it was: with ids, versions, times and quality flags."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from app.datasets.base import Dataset, Draft, Layout, ReadOptions, Record, Skipped, SourceRow, convert_rows
from app.kinds import FIELDS

COLUMNS = {f"/{name}": name for name in FIELDS}
REQUIRED = frozenset({"id", "kind", "version", "title", "quality_flags", "detail", "created_at", "updated_at"})


class Sitrep(Dataset):
    """Events of another Sitrep."""

    name: ClassVar[str] = "sitrep"
    system: ClassVar[str] = "sitrep"
    title: ClassVar[str] = "Sitrep export"
    publisher: ClassVar[str] = "Sitrep"
    url: ClassVar[str] = "/v1/events/export?format=ndjson"
    licence: ClassVar[str] = "that of each event's sources"
    citation: ClassVar[str] = "Cite each event's sources, and the event by its id and version."
    layouts: ClassVar[tuple[Layout, ...]] = (Layout("NDJSON", FIELDS, REQUIRED),)
    is_restore: ClassVar[bool] = True

    def read(self, rows: Iterable[SourceRow], options: ReadOptions) -> Iterator[Record]:
        """Give each event as it is."""
        del options
        return convert_rows(rows, draft)


def draft(row: SourceRow) -> Draft | Skipped:
    """The event of a line; what is left of a deleted one is none."""
    if "deleted_at" in row.values:
        return Skipped(row.line, "a deleted event")
    return Draft(str(row.values.get("id")), dict(row.values), (row,), COLUMNS)
