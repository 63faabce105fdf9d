"""Counts what matches, straight from the index: by bucket and group with the sums of a measure, and by facet value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import sub
from typing import Any, NamedTuple

import sqlalchemy as sa

from app.db import Database, Statement
from app.db.heavy_queries import admit
from app.events.index.rollup import LOW_BITS, LOWER
from app.events.read.conditions.base import Condition, big
from app.events.read.conditions.facets import WithValue
from app.events.read.filter import BaseEventFilter
from app.events.read.planner import PageSpec, resolve_terms, size_of
from app.events.read.queries import plan_narrowed
from app.events.read.rows import ResolvedQuery
from app.events.read.statements import StatementKey, matching
from app.events.tables import EventFacet, EventMeasure, FacetValue
from app.kinds import KINDS, rules

NUMBERS = ("low", "best", "high")
# Facets of which every event has exactly one value, so that no event is without.
UNIVERSAL = frozenset({"kind", "status"})
SHARED = frozenset(facet.name for facet in rules.FACETS)
ALL, WITH_A_VALUE, BY_VALUE = 0, 1, 2
# What it takes, about, in microseconds to count the values that an event has of a facet.
POSTING_US = 3


class TimeGrid(NamedTuple):
    """Where time is counted from and in what unit, in microseconds: every bucket is a number of whole units."""

    origin: int
    unit: int


class Aggregation(NamedTuple):
    """What is summed and grouped by; with `early` only events that began before `since`."""

    measure: str | None
    facet: str | None
    early: bool = False


# How many events, and the sums of low, best and high.
Total = tuple[int, int, int, int]
# For each bucket how many events, and with a measure the sums of low, best and high.
Numbers = list[list[int]]
Groups = dict[str | None, Numbers]
# How many units after the origin, the folded group, and what is there: plain tuples, as there may be thousands.
FoundCount = tuple[int, str | None, Total]


def nothing(edges: Sequence[int], wish: Aggregation) -> Numbers:
    """Zeros for every bucket."""
    return [[0] * (len(edges) - 1) for _ in range(1 if wish.measure is None else 4)]


async def span_of(db: Database, params: BaseEventFilter) -> tuple[int, int] | None:
    """When the first and the last match began."""
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


async def count_matches(db: Database, params: BaseEventFilter, grid: TimeGrid, wish: Aggregation) -> list[FoundCount]:
    """Every unit of every group that has a match; an event counts in each of its groups, or in the group None."""
    plan = await plan_narrowed(db, ResolvedQuery(params), PageSpec("count"))
    if plan is None:
        return []
    values = {**plan.values, "origin": grid.origin, "unit": grid.unit}
    values |= {"measure": wish.measure, "facet": wish.facet, "early": params.window.since}
    statement = series_statement(plan.shape, wish.measure is not None, wish.facet or "", wish.early)
    rows = [
        (part, (unit, group, joined(*sums)))
        for part, unit, group, *sums in await db.rows(statement, values, offload=True)
    ]
    by_part = {part: [found for n, found in rows if n == part] for part in (ALL, WITH_A_VALUE, BY_VALUE)}
    if wish.facet is None:
        return by_part[ALL]
    return [*by_part[BY_VALUE], *without(by_part[ALL], by_part[WITH_A_VALUE])]


def joined(events: int, *halves: int) -> Total:
    """Sums whose numbers were added up in two halves."""
    if not halves:
        return events, 0, 0, 0
    low, low_rest, best, best_rest, high, high_rest = halves
    return events, low + (low_rest << LOW_BITS), best + (best_rest << LOW_BITS), high + (high_rest << LOW_BITS)


def without(everything: Iterable[FoundCount], valued: Iterable[FoundCount]) -> list[FoundCount]:
    """What is left for the events without any value."""
    rest = {unit: total for unit, _, total in everything}
    for unit, _, total in valued:
        rest[unit] = difference(rest[unit], total)
    return [(unit, None, total) for unit, total in rest.items() if total[0]]


def difference(whole: Total, part: Total) -> Total:
    """What the part leaves of the whole."""
    events, low, best, high = map(sub, whole, part)
    return events, low, best, high


@lru_cache(512)
def series_statement(shape: StatementKey, measured: bool, facet: str, early: bool) -> Statement:
    """All parts in one statement, so that they are of one moment."""
    events = picked(shape, early)
    if not facet:
        return Statement(part(shape, ALL, events, measured))
    valued = with_values(events)
    parts = [part(shape, BY_VALUE, valued.subquery("valued"), measured)]
    if facet not in UNIVERSAL:
        once = valued.with_only_columns(valued.selected_columns.at, valued.selected_columns.event).distinct()
        parts += [part(shape, ALL, events, measured), part(shape, WITH_A_VALUE, once.subquery("once"), measured)]
    return Statement(sa.union_all(*parts) if len(parts) > 1 else parts[0])


def picked(shape: StatementKey, early: bool) -> Any:
    """All that match, or those of them that began before `since`."""
    found = matching(shape)
    events: Any = sa.select(found.c.at, found.c.event)
    return (events.where(found.c.at < big("early")) if early else events).cte("events")


def with_values(events: Any) -> Any:
    """Each event with each of its values of the facet."""
    posting: Any = sa.orm.aliased(EventFacet, name="g")
    value: Any = sa.orm.aliased(FacetValue, name="v")
    mine = sa.and_(posting.event == events.c.event, posting.started_at == events.c.at)
    named = sa.and_(value.id == posting.value, value.facet == sa.bindparam("facet"), value.alias == sa.false())
    columns = (events.c.at, events.c.event, value.value.label("group"))
    return sa.select(*columns).select_from(events.join(posting, mine).join(value, named))


def part(shape: StatementKey, number: int, source: Any, measured: bool) -> Any:
    """Counts and sums of a source by unit, and by group where it has one."""
    greater = sa.func.max if shape.dialect == "sqlite" else sa.func.greatest
    unit = (greater(source.c.at, big("origin")) - big("origin")) // big("unit")
    group = source.c.get("group")
    label: Any = sa.cast(sa.null(), sa.Text) if group is None else group
    columns = [
        sa.literal_column(str(number)).label("part"),
        unit.label("unit"),
        label.label("group"),
        sa.func.count().label("events"),
    ]
    if measured:
        number_of: Any = sa.orm.aliased(EventMeasure, name=f"m{number}")
        mine = sa.and_(number_of.event == source.c.event, number_of.measure == sa.bindparam("measure"))
        select = sa.select(*columns, *sums(number_of)).select_from(source.outerjoin(number_of, mine))
    else:
        select = sa.select(*columns).select_from(source)
    return select.group_by(sa.literal_column("unit"), *([] if group is None else [group]))


def sums(number: Any) -> list[Any]:
    """The sums of each part of a measure, in two halves that cannot overflow."""
    lower: Any = sa.literal_column(str(LOWER))
    bits: Any = sa.literal_column(str(LOW_BITS))
    halves = [half for column in columns_of(number) for half in (column.op("&")(lower), column.op(">>")(bits))]
    return [
        sa.cast(sa.func.coalesce(sa.func.sum(half), 0), sa.BigInteger).label(f"sum{n}") for n, half in enumerate(halves)
    ]


def columns_of(number: Any) -> list[Any]:
    """Its columns, as bare integers."""
    return [sa.type_coerce(getattr(number, name), sa.BigInteger) for name in NUMBERS]


async def count_values(db: Database, params: BaseEventFilter, facet: str, *, early: bool = False) -> dict[str, int]:
    """How many matches have each folded value of a facet; with `early` of those that began before `since`."""
    if all(is_implied(condition, facet) for condition in params.conditions):
        await admit(POSTING_US * size_of(await resolve_terms(db, params)))
        return dict(await db.rows(EVERY_VALUE, {"facet": facet}, offload=True))
    plan = await plan_narrowed(db, ResolvedQuery(params), PageSpec("count"))
    if plan is None:
        return {}
    values = {**plan.values, "facet": facet, "early": params.window.since}
    return dict(await db.rows(values_statement(plan.shape, early), values, offload=True))


def is_implied(condition: Condition, facet: str) -> bool:
    """Whether all events that have a value of the facet meet the condition: kinds that include all that declare it."""
    if not isinstance(condition, WithValue) or condition.facet != "kind" or facet in SHARED:
        return False
    return {name for name, kind in KINDS.items() if any(own.name == facet for own in kind.facets)} <= {
        *condition.values
    }


@lru_cache(256)
def values_statement(shape: StatementKey, early: bool) -> Statement:
    """Matches by value."""
    valued = with_values(picked(shape, early)).subquery("valued")
    return Statement(sa.select(valued.c.group, sa.func.count()).group_by(valued.c.group))


def every_value() -> Statement:
    """All events by value: the postings of each, without a look at the events."""
    posting: Any = sa.orm.aliased(EventFacet, name="g")
    value: Any = sa.orm.aliased(FacetValue, name="v")
    named = sa.and_(value.facet == sa.bindparam("facet"), value.alias == sa.false())
    joined = sa.join(value, posting, posting.value == value.id)
    return Statement(sa.select(value.value, sa.func.count()).select_from(joined).where(named).group_by(value.value))


EVERY_VALUE = every_value()
