"""Replays the versions of each event, and tells which rows of the index, the rollup and the rest follow from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson
import sqlalchemy as sa

from app.changes import Change
from app.check.facet_values import FacetValueIds
from app.check.paging import pages
from app.check.report import VERSIONS, Report
from app.check.row_store import RowStore
from app.db import Transaction
from app.events.documents import load_event
from app.events.index.map_rollup import map_cells
from app.events.index.rollup import cells
from app.events.index.text_query import tsvector
from app.events.index.writer import measure_rows, point_rows
from app.events.terms import IndexTerms, index_terms, span_of, unpack
from app.events.write.commands import external_ids
from app.kinds import Event
from app.kit.ids import key_of

TABLE = sa.inspect(Change).local_table
NAMES = ("event", "version", "seq", "id", "kind", "operation", "updated_at", "body", "before", "after")
COLUMNS = tuple(TABLE.c[name] for name in NAMES)
# Bodies may have 256 KiB each.
PAGE = 200
PACKED = "ids of changes"
# So many cells of the rollup are summed before they go to the file.
SUMMED = 50_000
ADD = """INSERT INTO sums VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    events = events + excluded.events, low = low + excluded.low,
    best = best + excluded.best, high = high + excluded.high"""
ADD_PLACES = """INSERT INTO map_sums VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    places = places + excluded.places, lat = lat + excluded.lat, lon = lon + excluded.lon"""


class Replay:
    """Takes the changes event by event, in the order of their versions, and writes what follows into the scratch."""

    def __init__(self, tx: Transaction, report: Report, scratch: RowStore, names: FacetValueIds) -> None:
        """Begin with no event."""
        self._dialect = tx.dialect
        self._versions = report.part(VERSIONS, derived=False)
        self._packed = report.part(PACKED)
        self._scratch = scratch
        self._names = names
        self._sums: dict[tuple[Any, ...], list[int]] = {}
        self._places: dict[tuple[Any, ...], list[int]] = {}
        scratch.file.execute("CREATE TABLE packs (seq, before, after)")
        scratch.file.execute(
            "CREATE TABLE sums (kind, country, measure, hours, period, events, low, best, high, "
            "PRIMARY KEY (kind, country, measure, hours, period)) WITHOUT ROWID"
        )
        scratch.file.execute(
            "CREATE TABLE map_sums (kind, cell, fresh, places, lat, lon, PRIMARY KEY (kind, cell, fresh)) WITHOUT ROWID"
        )

    async def take(self, rows: Sequence[Any]) -> None:
        """All versions of one event."""
        event = EventHistory(rows[-1][0])
        is_erased = bool(rows[-1][5] == "deleted" and orjson.loads(rows[-1][7]).get("erased"))
        first, last = first_version(rows[0]), first_version(rows[0]) + len(rows) - 1
        for number, row in enumerate(rows, first):
            fault = version_faults(row, number, first, last)
            state = None if fault or row[5] == "deleted" or is_erased else read_state(row)
            if isinstance(state, str) or fault:
                self._versions.fault(f"version {row[1]} of {row[3]}: {fault or state}")
                state = None
            before = event.packed
            after = await self._names.packed(state[1]) if state else row[9] if row[5] != "deleted" else None
            if (row[8], row[9]) != (before, after):
                self._packed.fault(f"version {row[1]} of {row[3]}")
                self._scratch.file.execute("INSERT INTO packs VALUES (?, ?, ?)", (row[2], before, after))
            event.move(row[1], after)
            event.state = state
        self._write(event, rows[-1], is_erased=is_erased)

    def _write(self, event: EventHistory, last: Any, *, is_erased: bool) -> None:
        key, version, _, id, kind, operation, updated_at, *_ = last
        want = self._scratch.want
        started_at, ends_at = event.interval
        span = span_of(ends_at - started_at)
        want("event", [(key, id, kind, version, started_at, ends_at, updated_at, span, operation == "deleted")])
        want("event_facet", [(*row, key, since) for row, since in event.open.items()])
        if not is_erased:
            want("past_facet", [(*row, key, since, upto) for row, since, upto in event.past])
        if event.state is not None:
            self._write_details(key, kind, *event.state)

    def _write_details(self, key: int, kind: str, event: Event, terms: IndexTerms) -> None:
        want = self._scratch.want
        want("external_id", [(*pair, key) for pair in external_ids(event)])
        want("event_point", point_rows(key, terms))
        want("event_measure", measure_rows(key, terms))
        text = (key, terms.text) if self._dialect == "sqlite" else (key, terms.text, tsvector(terms.text))
        want("event_text", [text_row(self._dialect, text)])
        for place, lat, lon in map_cells(kind, terms.points):
            places = self._places.setdefault(tuple(place), [0, 0, 0])
            for n, number in enumerate((1, lat, lon)):
                places[n] += number
        for cell, sums in cells(kind, terms):
            total = self._sums.setdefault(tuple(cell), [0, 0, 0, 0])
            for n, number in enumerate(sums):
                total[n] += number
        if len(self._sums) + len(self._places) >= SUMMED:
            self.flush()

    def flush(self) -> None:
        """Write the sums so far."""
        self._scratch.file.executemany(ADD, [(*cell, *total) for cell, total in self._sums.items()])
        self._scratch.file.executemany(ADD_PLACES, [(*cell, *total) for cell, total in self._places.items()])
        self._sums.clear()
        self._places.clear()

    def finish(self) -> None:
        """What the rollup and the map should be."""
        self.flush()
        self._scratch.file.execute("INSERT INTO want_tally SELECT * FROM sums")
        self._scratch.file.execute("INSERT INTO want_map_rollup SELECT * FROM map_sums")


class EventHistory:
    """Which index rows an event has and had, as its versions come."""

    def __init__(self, key: int) -> None:
        """Before the first version."""
        self.key = key
        self.packed: bytes | None = None
        self.state: tuple[Event, IndexTerms] | None = None
        self.open: dict[tuple[int, int], int] = {}
        self.past: list[tuple[tuple[int, int], int, int]] = []
        self.interval = (0, 0)

    def move(self, version: int, packed: bytes | None) -> None:
        """The next version has these ids; None: it is a deletion."""
        started_at, ends_at, *ids = unpack(packed) if packed else (0, 0)
        rows = {(id, started_at) for id in ids}
        for row in [row for row in self.open if row not in rows]:
            self.past.append((row, self.open.pop(row), version))
        self.open.update({row: version for row in rows if row not in self.open})
        self.packed = packed
        if packed:
            self.interval = (started_at, ends_at)


def first_version(row: Any) -> int:
    """The version that an event begins with: 1, or what it had where it was restored from an export."""
    _, version, *_ = row
    return version if row[5] == "created" else 1


def version_faults(row: Any, number: int, first: int, last: int) -> str:
    """What is wrong with the place of a version among those of its event."""
    key, version, _, id, _, operation, *_ = row
    if key != key_of(id):
        return f"it stands under the key {key}"
    if version != number:
        return f"it is number {number}"
    if (operation == "created") != (number == first) or (operation == "deleted" and number != last):
        return f"it is {operation}"
    return ""


def read_state(row: Any) -> tuple[Event, IndexTerms] | str:
    """The event of a version, or what is wrong with its body."""
    _, version, _, id, kind, _, _, body, *_ = row
    try:
        stored = orjson.loads(body)
        if (stored["id"], stored["kind"], stored["version"]) != (str(id), kind, version):
            return "its body is another's"
        event = load_event(stored)
        return event, index_terms(event)
    except (ValueError, KeyError, TypeError) as error:
        return f"its body cannot be read ({type(error).__name__})"


def text_row(dialect: str, row: Sequence[Any]) -> tuple[Any, ...]:
    """A row of the text index as it can be compared: PostgreSQL orders the words of a tsvector in its own way."""
    if dialect == "sqlite":
        return tuple(row)
    *rest, words = row
    return (*rest, " ".join(sorted(set(words.split()))))


async def replay(
    tx: Transaction, report: Report, scratch: RowStore, names: FacetValueIds, told: Callable[[int], None]
) -> None:
    """Take all changes, event by event."""
    replayed, done = Replay(tx, report, scratch, names), 0
    waiting: list[Any] = []
    async for rows in pages(tx, COLUMNS, COLUMNS[:2], PAGE):
        for row in rows:
            if waiting and row[0] != waiting[0][0]:
                await replayed.take(waiting)
                waiting = []
            waiting.append(row)
        done += len(rows)
        told(done)
    if waiting:
        await replayed.take(waiting)
    replayed.finish()
