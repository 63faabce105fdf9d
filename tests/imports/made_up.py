"""A made-up dataset whose rows are dictionaries; `made_up.py URL COUNT` imports rows of it, to be killed."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import orjson

from app.datasets.base import (
    Dataset,
    Draft,
    Layout,
    ReadOptions,
    Record,
    Removal,
    RowError,
    Skipped,
    SourceRow,
    convert_rows,
)
from app.db import open_database
from app.events.write.store import Store
from app.imports import chunks
from app.imports.request import ImportOptions, ImportRequest
from app.imports.run import run_import

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from app.imports.report import RowProblem

COLUMNS = ("key", "day", "place", "low", "best", "high", "op")
RELEASE = Layout("1", COLUMNS, frozenset({"key"}))
SNAPSHOT = Layout("2", COLUMNS, frozenset({"key"}), snapshot=True)
Rows = list[dict[str, Any]]


class MadeUp(Dataset):
    """Attacks with a key of their own."""

    name: ClassVar[str] = "made_up"
    system: ClassVar[str] = "made-up"
    title: ClassVar[str] = "Made-up attacks"
    publisher: ClassVar[str] = "Nobody"
    url: ClassVar[str] = "https://example.org/made-up"
    licence: ClassVar[str] = "CC0-1.0"
    citation: ClassVar[str] = "Nobody: Made-up attacks"
    layouts: ClassVar[tuple[Layout, ...]] = (RELEASE, SNAPSHOT)

    def read(self, rows: Iterable[SourceRow], options: ReadOptions) -> Iterator[Record]:
        """Read each row by itself."""
        del options
        return convert_rows(rows, self.convert)

    def convert(self, row: SourceRow) -> Draft | Removal | Skipped:
        """Make an attack of a row; its `op` may say otherwise."""
        values = row.values
        if values.get("op") == "skip":
            return Skipped(row.line, "no attack")
        if values.get("op") == "delete":
            return Removal(values["key"], (row,))
        if not isinstance(values["best"], int):
            raise RowError("number", "Not a number.", column="best", value=values["best"])
        return Draft(self.key(values), event_of(values, self.publisher), (row,), {"/casualties": "best"})

    def key(self, values: Mapping[str, Any]) -> str:
        """The row's own key."""
        return str(values["key"])


class NaturalKeys(MadeUp):
    """Attacks without a key of their own: what is known of them by day and place may be corrected."""

    name: ClassVar[str] = "natural_keys"
    system: ClassVar[str] = "natural-keys"

    def key(self, values: Mapping[str, Any]) -> str:
        """Day, place and number."""
        return f"{values['day']} {values['place']} {values['best']}"

    def match_key(self, event: Mapping[str, Any]) -> str | None:
        """The day and the number are never corrected, the place is."""
        return f"{event['started_at']} {event['casualties'][0]['count']['best']}"


def event_of(values: Mapping[str, Any], publisher: str) -> dict[str, Any]:
    """An attack with deaths between two bounds, the lower of which may lie above the higher."""
    return {
        "kind": "attack",
        "title": f"Attack on {values['place']}",
        "started_at": f"{values['day']}T00:00:00Z",
        "time_precision": "day",
        "locations": [{"name": values["place"], "country": "UA", "role": "target"}],
        "casualties": [
            {
                "measure": "killed",
                "group": "unknown",
                "count": {"low": values["low"], "best": values["best"], "high": values["high"]},
            }
        ],
        "sources": [{"publisher": publisher, "url": "https://example.org/made-up"}],
        "detail": {},
    }


def row(key: str, place: str = "Kyiv", best: Any = 3, *, day: str = "2025-09-07", **more: Any) -> dict[str, Any]:
    """One row; `low` and `high` are the number itself unless they are given."""
    return {"key": key, "day": day, "place": place, "low": best, "best": best, "high": best, **more}


def many(count: int, seed: int = 0) -> Rows:
    """So many rows of all sorts: good ones, some that break a rule, that are skipped, unreadable or there twice."""
    rows = []
    for n in range(count):
        key, day = f"k{n}", f"2025-{n % 12 + 1:02}-{n % 28 + 1:02}"
        rows.append(row(key, f"Place {n % 50}", (n + seed) % 9, day=day))
        if n % 37 == 5:
            rows[-1]["low"] = 99
        if n % 41 == 6:
            rows[-1]["op"] = "skip"
        if n % 43 == 7:
            rows[-1]["best"] = "many"
        if n % 47 == 8:
            rows.append({**rows[-1]})
        if n % 53 == 9:
            rows.append({**rows[-1], "place": "Elsewhere"})
    return rows


def request_for(
    rows: Rows,
    *,
    dataset: Dataset | None = None,
    layout: Layout = RELEASE,
    problems: list[RowProblem] | None = None,
    **options: Any,
) -> ImportRequest:
    """An import of the rows that writes, unless the options say otherwise."""
    dataset = dataset or MadeUp()

    def records() -> Iterator[Record]:
        return dataset.read((SourceRow(n, values) for n, values in enumerate(rows, 2)), ReadOptions(layout))

    raw = orjson.dumps(rows)
    return ImportRequest(
        dataset,
        layout,
        records,
        "made-up.csv",
        hashlib.sha256(raw).hexdigest(),
        len(raw),
        "desk",
        replace(ImportOptions(write=True), **options),
        on_problem=None if problems is None else problems.append,
    )


async def main(url: str, count: int) -> None:
    """Import in small batches until done or killed; a line for each batch that was written."""
    chunks.MAX_DRAFTS = 50
    db = open_database(url)
    await db.connect()
    store = Store(db)
    store.start()

    def progress(_report: object) -> None:
        sys.stdout.write(".\n")
        sys.stdout.flush()

    await run_import(db, store, request_for(many(count), lenient=True), progress)
    await store.stop()
    await db.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
