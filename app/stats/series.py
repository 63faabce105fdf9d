"""Series over time: every bucket of a range for every group, zeros too."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from itertools import pairwise
from math import gcd
from operator import add
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from app.errors import FieldError, Invalid
from app.events.facts import HOUR
from app.kinds import from_micros
from app.stats.buckets import ALWAYS_UTC, bounds, told
from app.stats.counting import Found, Grid, Total, Wish, count_matches, span_of
from app.stats.labels import labels_of
from app.stats.shapes import COUNT, changed
from app.stats.tallied import Scope, count_tallied, scope_of, tallied_span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.db import Database
    from app.stats.shapes import SeriesQuery

MOST_ROWS = 10_000
NOTHING: Total = (0, 0, 0, 0)
NUMBERS = ("count", "low", "best", "high")
NO_MEASURE = {"low": None, "best": None, "high": None}


async def series(db: Database, asked: SeriesQuery) -> list[dict[str, Any]]:
    """The rows, by start and then by group; none where nothing matches and the range is open."""
    measure, facet = None if asked.measure == COUNT else asked.measure, asked.group_by
    zone = ZoneInfo(asked.timezone)
    scope = scope_of(asked, measure, facet)
    edges = await buckets(db, asked, scope, zone)
    if scope is not None and any(edge % HOUR for edge in edges):  # the zone's hours are not those of UTC
        scope, edges = None, await buckets(db, asked, None, zone)
    if not edges:
        return []
    grid = grid_of(edges)
    wish = Wish(measure, facet)
    found = await (count_matches(db, asked, grid, wish) if scope is None else tallied(db, asked, scope, grid, wish))
    groups = by_bucket(found, edges, grid)
    named = [(None, groups.get(None, {}))] if facet is None else await labelled(db, facet, groups)
    check_size(edges, (len(edges) - 1) * len(named))
    return rows_of(edges, zone, named, measured=measure is not None)


async def tallied(db: Database, asked: SeriesQuery, scope: Scope, grid: Grid, wish: Wish) -> list[Found]:
    """What began in the range, from the tally, and what began before it and went on, from the index."""
    began = count_tallied(db, scope, grid, wish.measure, wish.facet)
    if asked.since_us is None:
        return await began
    early = count_matches(db, just_before(asked), grid, wish._replace(early=True))
    return [found for part in await asyncio.gather(began, early) for found in part]


async def buckets(db: Database, asked: SeriesQuery, scope: Scope | None, zone: ZoneInfo) -> list[int]:
    """Where the buckets begin, and where the last one ends."""
    if asked.timeless:
        return []
    first, last = asked.since_us, None if asked.until_us is None else asked.until_us - 1
    if first is None or last is None:
        span = (
            await span_of(db, asked)
            if scope is None
            else await tallied_span(db, scope, by_day=zone in ALWAYS_UTC and asked.interval != "hour")
        )
        if span is None:
            return []
        first, last = (
            first if first is not None else span[0],
            last if last is not None else max(span[1], first or span[1]),
        )
    edges = bounds(first, max(first, last), asked.interval, zone, MOST_ROWS)
    return check_size(edges, len(edges) - 1)


def check_size(edges: list[int], rows: int) -> list[int]:
    """The edges, if the answer is not too long."""
    if rows > MOST_ROWS:
        detail = f"That would be more than {MOST_ROWS:,} rows: ask for longer intervals, a shorter range or no groups."
        raise Invalid(
            "The query was refused; see errors.", errors=[FieldError("too-many", detail, parameter="interval")]
        )
    return edges


def grid_of(edges: list[int]) -> Grid:
    """The longest unit of which every bucket is a whole number."""
    return Grid(edges[0], gcd(*(edge - edges[0] for edge in edges[1:])))


def just_before(asked: SeriesQuery) -> SeriesQuery:
    """The same, for events that go on at the first microsecond of the range."""
    return changed(asked, until=from_micros((asked.since_us or 0) + 1))


def by_bucket(found: list[Found], edges: list[int], grid: Grid) -> dict[str | None, dict[int, Total]]:
    """The sums of each group by the number of the bucket; what was written beyond the range meanwhile is left out."""
    even, past = edges[-1] - edges[0] == grid.unit * (len(edges) - 1), len(edges) - 1
    groups: dict[str | None, dict[int, Total]] = {}
    for unit, group, sums in found:
        bucket = unit if even else bisect_right(edges, grid.origin + unit * grid.unit) - 1
        if bucket < past:
            held = groups.setdefault(group, {})
            held[bucket] = together(held[bucket], sums) if bucket in held else sums
    return groups


def together(one: Total, other: Total) -> Total:
    """Both added up."""
    events, low, best, high = map(add, one, other)
    return events, low, best, high


async def labelled(
    db: Database, facet: str, groups: dict[str | None, dict[int, Total]]
) -> list[tuple[str | None, dict[int, Total]]]:
    """The groups by label, events without a value last."""
    labels = await labels_of(db, facet, [group for group in groups if group is not None])
    named = [(None if group is None else labels.get(group, group), sums) for group, sums in groups.items()]
    return sorted(named, key=lambda item: (item[0] is None, item[0] or ""))


def rows_of(
    edges: list[int], zone: ZoneInfo, groups: Sequence[tuple[str | None, dict[int, Total]]], *, measured: bool
) -> list[dict[str, Any]]:
    """A row for each bucket and group; instants are written out with the rest."""
    spans = list(pairwise(told(edge, zone) for edge in edges))
    if measured:
        return [
            {"start": start, "end": end, "group": group, **dict(zip(NUMBERS, sums.get(n, NOTHING), strict=True))}
            for n, (start, end) in enumerate(spans)
            for group, sums in groups
        ]
    return [
        {"start": start, "end": end, "group": group, "count": sums.get(n, NOTHING)[0], **NO_MEASURE}
        for n, (start, end) in enumerate(spans)
        for group, sums in groups
    ]
