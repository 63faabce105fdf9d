"""Counts what matches, straight from the index: by bucket and group with the sums of a measure, and by facet value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import sqlalchemy as sa

from app.db import Database, Statement, any_of
from app.events.read.conditions.base import Condition, big
from app.events.read.conditions.facets import WithValue
from app.events.read.filter import BaseEventFilter
from app.events.read.planner import PageSpec
from app.events.read.queries import plan_narrowed
from app.events.read.rows import ResolvedQuery
from app.events.read.statements import StatementKey, matching
from app.events.tables import EventFacet, EventMeasure
from app.kinds import KINDS, rules
from app.stats.ranges import FoundCount, Source, count_ranges, ends_of, joined, ranges_of, sources_of, sums
from app.stats.schemas import changed, just_before

SHARED = frozenset(facet.name for facet in rules.FACETS)
# The most rows that a series may have.
MAX_ROWS = 10_000


class TimeGrid(NamedTuple):
    """The edges of buckets and a unit of which each has a whole number, in microseconds."""

    edges: Sequence[int]
    unit: int


# Events that go on are asked for each of so many values; of more, each row is looked for among them.
MAX_ASKED = 100
ZERO: Any = sa.literal_column("0", type_=sa.BigInteger())
# One bucket for all time.
EVER = TimeGrid((-(2**62), 2**62), 2**63 - 1)


class Aggregation(NamedTuple):
    """What is summed and grouped by; with `early` only events that began before `since`."""

    measure: str | None
    facet: str | None
    early: bool = False


# For each bucket how many events, and with a measure the sums of low, best and high.
Numbers = list[list[int]]
Groups = dict[str | None, Numbers]


def nothing(edges: Sequence[int], wish: Aggregation) -> Numbers:
    """Zeros for every bucket."""
    return [[0] * (len(edges) - 1) for _ in range(1 if wish.measure is None else 4)]


async def span_of(db: Database, params: BaseEventFilter) -> tuple[int, int] | None:
    """When the first and the last match began."""
    if params.window.since is None and params.window.until is None:
        ranges = await ranges_of(db, params, None, once=False)
        if ranges.plan is not None:
            return await ends_of(db, ranges.plan, ranges.sources)
    plan = await plan_narrowed(db, ResolvedQuery(params), PageSpec("count"))
    if plan is None:
        return None
    [(first, last)] = await db.rows(span_statement(plan.shape), plan.values, offload=True)
    return None if first is None else (first, last)


@lru_cache(256)
def span_statement(shape: StatementKey) -> Statement:
    """The least and the greatest beginning."""
    found = matching(shape)
    return Statement(sa.select(sa.func.min(found.c.at), sa.func.max(found.c.at)))


async def count_matches(
    db: Database, params: BaseEventFilter, grid: TimeGrid, wish: Aggregation, *, rest: bool = True
) -> list[FoundCount]:
    """What matches in each bucket and group; a bucket and group may come in parts.

    An event counts in each of its groups, or in the group None unless `rest` is false; in the first bucket if it began
    before. Rows of the index are counted where they are, or else the events that match are asked for each value.
    """
    window = params.window
    if window.empty:
        return []
    sources = None if wish.facet is None else await sources_of(db, wish.facet, rest=rest)
    if wish.early:
        return await count_events(db, params, grid, wish, sources, rows_first=len(sources or ()) > MAX_ASKED)
    plan, driving, rows_first = await ranges_of(db, params, sources, bucketed=grid is not EVER)
    if plan is None:
        return await count_events(db, params, grid, wish, sources, rows_first=rows_first)
    least, most = grid.edges[0] if window.since is None else window.since, window.until or grid.edges[-1]
    spans = [(max(begin, least), min(end, most)) for begin, end in pairwise(grid.edges) if begin < most and end > least]
    if len(spans) > 1 and len(driving) * len(spans) > MAX_ROWS:
        whole = await count_ranges(db, plan, driving, [(spans[0][0], spans[-1][1])])
        held = {group for _, group, _ in whole}
        if len(held) * len(spans) > MAX_ROWS:
            return whole  # more groups than any answer may have
        driving = [source for source in driving if source.group in held]
    found = await count_ranges(db, plan, driving, spans, wish.measure)
    if window.since is not None:
        found += await count_matches(db, just_before(params), grid, wish._replace(early=True), rest=rest)
    return found


async def count_events(
    db: Database,
    params: BaseEventFilter,
    grid: TimeGrid,
    wish: Aggregation,
    sources: list[Source] | None,
    *,
    rows_first: bool,
) -> list[FoundCount]:
    """The same from the events that match, each asked for each of the values, or each row looked for among them."""
    plan = await plan_narrowed(db, ResolvedQuery(params), PageSpec("count"))
    if plan is None:
        return []
    groups: dict[int | None, str | None] = {source.id: source.group for source in sources or ()}
    values = {**plan.values, "origin": grid.edges[0], "unit": grid.unit, "measure": wish.measure}
    values |= {"sources": db.as_list(list(groups)), "early": params.window.since}
    statement = events_statement(plan.shape, wish.measure is not None, sources is not None, wish.early, rows_first)
    return [
        (grid.edges[0] + unit * grid.unit, groups.get(source), joined(*numbers))
        for unit, source, *numbers in await db.rows(statement, values, offload=True)
    ]


@lru_cache(512)
def events_statement(shape: StatementKey, measured: bool, grouped: bool, early: bool, rows_first: bool) -> Statement:
    """Units of time, values, and how many events have them, with the sums of a measure.

    Where `rows_first`, sums keep databases from reading the index by event after all.
    """
    events = matching(shape)
    row: Any = sa.orm.aliased(EventFacet, name="g")
    number: Any = sa.orm.aliased(EventMeasure, name="m")
    of_facet = any_of(row.value, "sources", shape.dialect)
    source, event, at, where = events, events.c.event, events.c.at, []
    if rows_first:
        source, event, at = sa.inspect(row).selectable, row.event, row.started_at
        where = [of_facet, sa.tuple_(at + ZERO, event + ZERO).in_(sa.select(events.c.at, events.c.event))]
    elif grouped:
        source = source.join(row, sa.and_(row.event == event, row.started_at == at, of_facet))
    greater = sa.func.max if shape.dialect == "sqlite" else sa.func.greatest
    unit = (greater(at, big("origin")) - big("origin")) // big("unit")
    value = row.value if grouped else sa.cast(sa.null(), sa.BigInteger)
    columns = [unit.label("unit"), value.label("source"), sa.func.count().label("events")]
    if measured:
        of_event = sa.and_(number.event == event, number.measure == sa.bindparam("measure"))
        source, columns = source.outerjoin(number, of_event), [*columns, *sums(number)]
    select = sa.select(*columns).select_from(source).where(*where, *([at < big("early")] if early else []))
    return Statement(select.group_by(sa.literal_column("unit"), *([row.value] if grouped else [])))


async def count_values(db: Database, params: BaseEventFilter, facet: str, *, early: bool = False) -> dict[str, int]:
    """How many matches have each folded value of a facet; with `early` of those that began before `since`."""
    if all(is_implied(condition, facet) for condition in params.conditions):
        params = changed(params, "kind")
    counts: Counter[str] = Counter()
    for _, value, (events, *_) in await count_matches(db, params, EVER, Aggregation(None, facet, early), rest=False):
        counts[value or ""] += events
    return dict(counts)


def is_implied(condition: Condition, facet: str) -> bool:
    """Whether all events that have a value of the facet meet the condition: kinds that include all that declare it."""
    if not isinstance(condition, WithValue) or condition.facet != "kind" or facet in SHARED:
        return False
    return {name for name, kind in KINDS.items() if any(own.name == facet for own in kind.facets)} <= {
        *condition.values
    }
