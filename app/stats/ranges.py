"""Counts the rows of index values between moments, where the index has them in order: no event is read or sorted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlmodel import col

from app.db import Database, IntegerList, Statement, any_of, rows_param, rows_source
from app.db.heavy_queries import admit
from app.events.index.rollup import LOW_BITS, LOWER
from app.events.read.filter import BaseEventFilter
from app.events.read.planner import (
    EVERYTHING,
    SIGNATURES,
    BySpan,
    Plan,
    TermStats,
    every_span,
    plan_probes,
    possible_spans,
    resolve_terms,
    size_of,
)
from app.events.read.statements import StatementKey, probed
from app.events.tables import EventFacet, EventMeasure, FacetValue
from app.events.terms import EVERY_EVENT, HASHED_FACETS, SIGNATURE

NUMBERS = ("low", "best", "high")
# Facets of which every event has exactly one value, so that no event is without.
UNIVERSAL = frozenset({"kind", "status"})
ONE_EACH = UNIVERSAL | {EVERY_EVENT, SIGNATURE}
# What it takes, about, in microseconds: to count a row of the index, to hold it against a group, to find it among the
# events that match; to read such an event, to sort one by bucket, to ask it for a value.
ROW_US, PROBE_US, FIND_US = 0.1, 0.8, 0.6
EVENT_US, SORT_US, ASK_US = 0.5, 1.0, 1.0
# So many events are expected to have the words or ids asked for.
FEW = 2000

# How many events, and the sums of low, best and high.
Total = tuple[int, int, int, int]
# A moment of the bucket in microseconds, the folded group, and what is there: plain tuples, as there may be thousands.
FoundCount = tuple[int, str | None, Total]


class Source(NamedTuple):
    """A value of the index, about how many events have it, and the group as which its rows are counted."""

    id: int
    group: str | None
    events: int


async def sources_of(db: Database, facet: str, *, rest: bool) -> list[Source]:
    """The values of a facet; with `rest` also lines of the index that the events without any value have."""
    sources = [Source(*row) for row in await db.rows(VALUES, {"facet": facet})]
    if rest and facet not in UNIVERSAL:
        signatures = await db.rows(SIGNATURES)
        sources += [Source(id, None, events) for id, listed, _, events in signatures if facet not in listed.split()]
    return sources


VALUES = Statement(
    sa.select(col(FacetValue.id), col(FacetValue.value), col(FacetValue.events)).where(
        col(FacetValue.facet) == sa.bindparam("facet"), col(FacetValue.alias) == sa.false()
    )
)


class Ranges(NamedTuple):
    """Values of the index whose rows are each match, once for each of its groups, and what narrows them.

    Without a plan the events that match are to be found first: then `rows_first` tells whether it is less to look for
    each row among them than to ask each of them for each value.
    """

    plan: Plan | None
    sources: list[Source]
    rows_first: bool = False


async def ranges_of(
    db: Database, params: BaseEventFilter, sources: list[Source] | None, *, once: bool = True, bucketed: bool = True
) -> Ranges:
    """How to read the rows of these values, or else of some of the filter's own, by what it costs. Time is left out.

    With `once` no match has two of the filter's values; `bucketed` matches would be sorted.
    """
    terms = await resolve_terms(db, params)
    matches, asked = size_of(terms), len(sources or ())
    if params.ids is not None or params.words is not None or not possible_spans(terms):
        return Ranges(None, sources or [], sum_of(sources or ()) * FIND_US < FEW * asked * ASK_US)
    if sources is None:
        driving = [
            found
            for group, found in zip(params.groups or (EVERYTHING,), terms.groups, strict=True)
            if group.facet not in HASHED_FACETS and (not once or is_disjoint(group.facet, found))
        ]
        if not driving:
            return Ranges(None, [])
        rarest = min(driving, key=lambda found: sum_of(every_span(found)))
        terms = terms._replace(groups=[found for found in terms.groups if found is not rarest])
        sources = [Source(known.id, None, known.events) for known in every_span(rarest)]
    plan, rows = plan_probes(db, params, terms), sum_of(sources)
    residual = sum(condition.cost_us for condition in params.residuals)
    cost = rows * (ROW_US + PROBE_US * (len(plan.shape.probes) + bool(plan.shape.barred)) + residual)
    find, ask = rows * FIND_US if asked else 0, matches * asked * ASK_US
    if cost > matches * (EVENT_US + SORT_US * bucketed + residual) + min(find, ask):
        return Ranges(None, sources, find < ask)
    await admit(cost)
    return Ranges(plan, sources)


def sum_of(known: Iterable[Source | TermStats]) -> int:
    """About how many rows values have."""
    return sum(value.events for value in known)


def is_disjoint(facet: str, group: BySpan) -> bool:
    """Whether no event has two of the values."""
    return facet in ONE_EACH or all(len(known) == 1 for known in group.values())


async def count_ranges(
    db: Database, plan: Plan, sources: Sequence[Source], spans: Sequence[tuple[int, int]], measure: str | None = None
) -> list[FoundCount]:
    """How many rows of each value there are from each moment to the next, with the sums of a measure."""
    groups = {source.id: source.group for source in sources}
    statement = counting_statement(plan.shape, measure is not None)
    values = {**plan.values, "measure": measure, "sources": db.as_list(list(groups))}
    rows = await db.rows(statement, {**values, **rows_param(spans, db.dialect)}, offload=True)
    if measure is None:
        return [(begin, groups[id], (count, 0, 0, 0)) for id, begin, count in rows if count]
    return [(begin, groups[id], joined(*sums)) for id, begin, sums in rows if sums[0]]


@lru_cache(256)
def counting_statement(shape: StatementKey, measured: bool) -> Statement:
    """For each value and stretch of time one number, or a list."""
    value, row = value_and_row()
    spans, begin, end = rows_source(shape.dialect, sa.BigInteger(), sa.BigInteger())
    within = [row.value == value.id, row.started_at >= begin, row.started_at < end]
    number: Any = sa.select(sa.func.count()).select_from(row)
    if measured:
        of: Any = sa.orm.aliased(EventMeasure, name="m")
        mine = sa.and_(of.event == row.event, of.measure == sa.bindparam("measure"))
        number = sa.select(list_of([sa.func.count(), *sums(of)], shape.dialect)).select_from(row).outerjoin(of, mine)
    counted = number.where(*within, *probed(shape, row.started_at, row.event)).scalar_subquery()
    source = sa.inspect(value).selectable.join(spans, sa.true())
    select = sa.select(value.id, begin.label("begin"), counted.label("counted")).select_from(source)
    return Statement(select.where(any_of(value.id, "sources", shape.dialect)))


def value_and_row() -> tuple[Any, Any]:
    """The tables of values and of their rows, by short names."""
    return sa.orm.aliased(FacetValue, name="v"), sa.orm.aliased(EventFacet, name="g")


def list_of(columns: Sequence[Any], dialect: str) -> Any:
    """Several integers as one value."""
    if dialect == "sqlite":
        return sa.func.json_array(*columns, type_=IntegerList())
    return sa.type_coerce(postgresql.array([sa.cast(column, sa.BigInteger) for column in columns]), IntegerList())


async def ends_of(db: Database, plan: Plan, sources: Sequence[Source]) -> tuple[int, int] | None:
    """When the first and the last match began."""
    values = {**plan.values, "sources": db.as_list([source.id for source in sources])}
    rows = await db.rows(ends_statement(plan.shape), values, offload=True)
    moments = [moment for ends in rows for moment in ends if moment is not None]
    return (min(moments), max(moments)) if moments else None


@lru_cache(256)
def ends_statement(shape: StatementKey) -> Statement:
    """The first and the last row of each value, looked for from both ends."""
    value, row = value_and_row()
    held = sa.select(row.started_at).where(row.value == value.id, *probed(shape, row.started_at, row.event))
    one: Any = sa.literal_column("1")
    ends = [held.order_by(at, event).limit(one).scalar_subquery() for at, event in directions(row)]
    return Statement(sa.select(*ends).where(any_of(value.id, "sources", shape.dialect)))


def directions(row: Any) -> list[tuple[Any, Any]]:
    """The order of the index, and the other way round."""
    return [(row.started_at, row.event), (row.started_at.desc(), row.event.desc())]


def joined(events: int, *halves: int) -> Total:
    """Sums whose numbers were added up in two halves."""
    if not halves:
        return events, 0, 0, 0
    low, low_rest, best, best_rest, high, high_rest = halves
    return events, low + (low_rest << LOW_BITS), best + (best_rest << LOW_BITS), high + (high_rest << LOW_BITS)


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
