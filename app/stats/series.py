"""Series over time: every bucket of a range for every group, zeros too."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain, pairwise
from math import gcd
from zoneinfo import ZoneInfo

from app.db import Database
from app.errors import FieldError, Invalid
from app.events.index.readiness import require_indexed
from app.events.terms import HOUR
from app.kit.json_lines import dump_json
from app.stats.buckets import ALWAYS_UTC, CALENDARS, bounds, with_offset
from app.stats.facet_spelling import labels_of
from app.stats.index_counts import MAX_ROWS, Aggregation, Groups, Numbers, TimeGrid, count_matches, nothing, span_of
from app.stats.rollup_counts import RollupQuery, count_rollup, rollup_query, rollup_span
from app.stats.schemas import COUNT, SeriesQuery, just_before


async def series(db: Database, params: SeriesQuery) -> bytes:
    """The rows as JSON, by start and then by group; none where nothing matches and the range is open."""
    wish, zone = (
        Aggregation(None if params.measure == COUNT else params.measure, params.group_by),
        ZoneInfo(params.timezone),
    )
    facets, measures = ([name] if name else [] for name in (wish.facet, wish.measure))
    await require_indexed(db, [*params.groups, *params.barred], facets=facets, measures=measures)
    scope = rollup_query(params, wish.measure, wish.facet)
    edges = await buckets(db, params, scope, zone)
    is_hourly = not edges or all(number % HOUR == 0 for number in (edges[0], grid_of(edges).unit))
    if scope is not None and not is_hourly:  # hours that are not UTC's
        scope, edges = None, await buckets(db, params, None, zone)
    if not edges:
        return b"[]"
    groups = await (
        count_from_index(db, params, edges, wish)
        if scope is None
        else count_from_rollup(db, params, scope, edges, wish)
    )
    if wish.facet is None:
        return serialize_rows(edges, zone, [(None, groups.get(None) or nothing(edges, wish))])
    check_size(edges, (len(edges) - 1) * len(groups))
    return serialize_rows(edges, zone, await labelled(db, wish.facet, groups))


async def count_from_index(db: Database, params: SeriesQuery, edges: tuple[int, ...], wish: Aggregation) -> Groups:
    """The numbers of each group, from the events; what was written beyond the range meanwhile is left out."""
    groups: Groups = {}
    past = len(edges) - 1
    for moment, group, sums in await count_matches(db, params, grid_of(edges), wish):
        bucket = bisect_right(edges, moment) - 1
        if bucket < past:
            if group not in groups:
                check_size(edges, past * (len(groups) + 1))
                groups[group] = nothing(edges, wish)
            for column, number in zip(groups[group], sums, strict=False):  # without a measure only the first counts
                column[bucket] += number
    return groups


async def count_from_rollup(
    db: Database, params: SeriesQuery, scope: RollupQuery, edges: tuple[int, ...], wish: Aggregation
) -> Groups:
    """What began in the range, from the rollup, and what began before it and went on, from the events."""
    began = count_rollup(db, scope, edges, grid_of(edges).unit, wish)
    if params.window.since is None:
        return await began
    groups, early = await asyncio.gather(
        began, count_from_index(db, just_before(params), edges, wish._replace(early=True))
    )
    for group, numbers in early.items():
        for column, (first, *_) in zip(groups.setdefault(group, nothing(edges, wish)), numbers, strict=True):
            column[0] += first
    return groups


async def buckets(db: Database, params: SeriesQuery, scope: RollupQuery | None, zone: ZoneInfo) -> tuple[int, ...]:
    """Where the buckets begin, and where the last one ends."""
    if params.window.empty:
        return ()
    first, last = params.window.since, None if params.window.until is None else params.window.until - 1
    if first is None or last is None:
        span = (
            await span_of(db, params)
            if scope is None
            else await rollup_span(db, scope, by_day=zone in ALWAYS_UTC and params.interval != "hour")
        )
        if span is None:
            return ()
        first, last = (
            first if first is not None else span[0],
            last if last is not None else max(span[1], first or span[1]),
        )
    edges = bounds(first, max(first, last), params.interval, zone, MAX_ROWS)
    return check_size(edges, len(edges) - 1)


def check_size(edges: tuple[int, ...], rows: int) -> tuple[int, ...]:
    """The edges, if the answer is not too long."""
    if rows > MAX_ROWS:
        detail = f"That would be more than {MAX_ROWS:,} rows: ask for longer intervals, a shorter range or no groups."
        raise Invalid(
            "The query was refused; see errors.", errors=[FieldError("too-many", detail, parameter="interval")]
        )
    return edges


@lru_cache(CALENDARS)
def grid_of(edges: tuple[int, ...]) -> TimeGrid:
    """The buckets, and the longest unit of which each is a whole number."""
    return TimeGrid(edges, gcd(*(edge - edges[0] for edge in edges[1:])))


async def labelled(db: Database, facet: str, groups: Groups) -> list[tuple[str | None, list[list[int]]]]:
    """The groups by label, events without a value last."""
    labels = await labels_of(db, facet, [group for group in groups if group is not None])
    named = [(None if group is None else labels.get(group, group), numbers) for group, numbers in groups.items()]
    return sorted(named, key=lambda item: (item[0] is None, item[0] or ""))


COUNTED = '"count":%d,"low":null,"best":null,"high":null}'
MEASURED = '"count":%d,"low":%d,"best":%d,"high":%d}'


def serialize_rows(edges: tuple[int, ...], zone: ZoneInfo, groups: Sequence[tuple[str | None, Numbers]]) -> bytes:
    """An array of rows, by start and then in the order of the groups; integers have no limit."""
    if not groups:
        return b"[]"
    labels, numbers = zip(*groups, strict=True)
    columns = list(chain.from_iterable(numbers))
    form = form_of(edges, zone, labels, measured=len(columns) > len(labels))
    return (form % tuple(chain.from_iterable(zip(*columns, strict=True)))).encode()


@lru_cache(CALENDARS)
def form_of(edges: tuple[int, ...], zone: ZoneInfo, labels: tuple[str | None, ...], *, measured: bool) -> str:
    """All that such an answer says but for its numbers."""
    names = [dump_json(label).decode().replace("%", "%%") for label in labels]
    ends = [f'"group":{name},{MEASURED if measured else COUNTED}' for name in names]
    texts = [with_offset(edge, zone).isoformat() for edge in edges]
    return f"[{','.join(beginning(*span) + end for span in pairwise(texts) for end in ends)}]"


def beginning(start: str, end: str) -> str:
    """What the rows of a bucket say first."""
    return f'{{"start":"{start}","end":"{end}",'
