"""Daily reports of a made-up truce mission, one village a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

from app.datasets.base import Dataset, Draft, Layout, ReadOptions, Record, SourceRow, convert_rows
from app.datasets.cells import Cells

COLUMNS = ("Report No", "Day", "Village", "Dead", "Remark")


def has_no_header(rows: Sequence[Sequence[str]]) -> bool:
    """Tell the mission's old files, which begin with data."""
    return rows[0][0].startswith("TR-") and len(rows[0]) == len(COLUMNS)


class TruceReports(Dataset):
    """Reports of breaches."""

    name: ClassVar[str] = "truce_reports"
    system: ClassVar[str] = "truce-reports"
    title: ClassVar[str] = "Truce reports"
    publisher: ClassVar[str] = "Truce Mission"
    url: ClassVar[str] = "https://example.org/truce"
    licence: ClassVar[str] = "CC0 1.0"
    citation: ClassVar[str] = "Truce Mission (2025): Daily reports."
    layouts: ClassVar[tuple[Layout, ...]] = (
        Layout("2", COLUMNS, frozenset({"Report No", "Day", "Village"}), snapshot=True),
        Layout("1", COLUMNS, frozenset(), has_header=False, recognises=has_no_header),
    )

    def read(self, rows: Iterable[SourceRow], options: ReadOptions) -> Iterator[Record]:
        """Make an attack of each row."""
        del options
        return convert_rows(rows, draft)


def draft(row: SourceRow) -> Draft:
    """The breach of a row."""
    cells = Cells(row)
    village, day = cells.required("Village"), cells.day("Day")
    dead = cells.whole("Dead")
    event: dict[str, Any] = {
        "kind": "attack",
        "title": f"Breach at {village}",
        "started_at": day and day.isoformat(),
        "time_precision": "day",
        "locations": [{"name": village, "country": "UA"}],
        "casualties": [] if dead is None else [{"measure": "killed", "group": "unknown", "count": dead}],
        "sources": [{"publisher": "Truce Mission"}],
        "detail": {},
    }
    return Draft(cells.required("Report No"), {**event, "extra": cells.rest()}, (row,), {"/started_at": "Day"})
