"""Keeps the places of all events by the cells of a map, in the transaction of every write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from app.db import Transaction
from app.events.index.geometry import map_cell, map_side
from app.events.tables import MapRollup
from app.events.terms import IndexTerms

# Maps up to this zoom are answered from the rollup: 1,024 cells a side, of 39 km at the equator.
ROLLUP_ZOOM = 8
ROW = map_side(ROLLUP_ZOOM)
UNITS = 10_000_000  # in a degree


class MapRollupKey(NamedTuple):
    """What is counted together."""

    kind: str
    cell: int
    fresh: int


SUMS = ("places", "lat", "lon")
NAMES = (*MapRollupKey._fields, *SUMS)


async def update_map_rollup(tx: Transaction, states: Iterable[tuple[int, str, IndexTerms]]) -> None:
    """Add the places of events, given as 1 with kind and terms, or with -1 take them off; in key order."""
    changed: dict[MapRollupKey, list[int]] = {}
    for sign, kind, terms in states:
        for key, lat, lon in map_cells(kind, terms.points):
            total = changed.setdefault(key, [0, 0, 0])
            total[0] += sign
            total[1] += sign * lat
            total[2] += sign * lon
    rows = [(*key, *total) for key, total in sorted(changed.items()) if any(total)]
    await tx.add(MapRollup, MapRollupKey._fields, SUMS, rows)


def map_cells(kind: str, points: Sequence[tuple[float, float]]) -> Iterator[tuple[MapRollupKey, int, int]]:
    """Where an event counts, place by place, with latitude and longitude in units of 1e-7 degrees."""
    seen: set[tuple[int, int]] = set()  # cells of every zoom, each with its shift
    for lat, lon in points:
        x, y = map_cell(ROLLUP_ZOOM, lat, lon)
        cell, fresh = y * ROW + x, 0
        if len(points) > 1:
            cells = {(shift, (y >> shift) * ROW + (x >> shift)) for shift in range(ROLLUP_ZOOM + 1)}
            fresh = len(cells & seen)  # a cell that was seen lies in cells that were
            seen |= cells
        yield MapRollupKey(kind, cell, fresh), round(lat * UNITS), round(lon * UNITS)
