"""Reads the rollup: what questions by kind and country alone are answered from, without a look at any event."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import col

from app.db import Database, IntegerList, Statement, any_of, array_agg
from app.events.index.rollup import ANY_COUNTRY, BEYOND, LENGTHS, LOW_BITS, NO_COUNTRY
from app.events.read.conditions.base import Condition
from app.events.read.conditions.facets import WithValue
from app.events.read.conditions.time_window import TimeWindow
from app.events.read.filter import BaseEventFilter
from app.events.tables import FacetValue, HourlyRollup
from app.events.terms import HOUR
from app.kinds import KINDS, fold
from app.kinds.codes import has_other_labels, spellings
from app.stats.buckets import CALENDARS
from app.stats.index_counts import Aggregation, Groups, Numbers, nothing
from app.stats.ranges import NUMBERS

ROLLED_UP = frozenset({"kind", "country"})
# The parts of an answer: how many events, a measure's lower bits and its upper ones.
PARTS = COUNTED, LOWER, UPPER = "counted", "lower", "upper"
SMALLEST, LARGEST = -(2**31), 2**31 - 1


COUNTRIES = Statement(
    sa.select(col(FacetValue.value))
    .where(col(FacetValue.facet) == "country", col(FacetValue.alias) == sa.false())
    .distinct()
)


class RollupQuery(NamedTuple):
    """The part of the rollup that a question is about, its time in microseconds; times are whole hours or open."""

    kinds: tuple[str, ...]
    country: str | None
    since: int | None
    until: int | None

    def periods(self, hours: int, *, outward: bool = False) -> dict[str, Any]:
        """The periods of that length in the time; `outward` those that are only partly in it as well."""
        length = hours * HOUR
        since = SMALLEST if self.since is None else self.since // length
        more = length - 1 if outward else 0
        return {"hours": hours, "from": since, "to": LARGEST if self.until is None else (self.until + more) // length}

    def stretches(self) -> Iterator[dict[str, Any]]:
        """The whole days in the time, and the hours before and after them."""
        days, hours = self.periods(24), self.periods(1)
        first = days["from"] if self.since is None else -(-self.since // (24 * HOUR))
        last = max(first, days["to"])
        yield {"hours": 24, "from": first, "to": last}
        if self.since is not None:
            yield {**hours, "to": min(hours["to"], 24 * first)}
        if self.until is not None:
            yield {**hours, "from": max(hours["from"], 24 * last, 24 * first)}


class RollupStatementKey(NamedTuple):
    """What decides the text of a statement on the rollup."""

    one_kind: bool
    any_country: bool


def rollup_query(params: BaseEventFilter, measure: str | None, facet: str | None) -> RollupQuery | None:
    """The part of the rollup that answers the question; None where only the events can."""
    countries = getattr(params, "country", None) or []
    by_country = facet == "country"
    times = [moment for moment in (params.window.since, params.window.until) if moment is not None]
    if (
        not all(map(is_rolled_up, params.conditions))
        or facet not in {None, *ROLLED_UP}
        or len(countries) > (0 if by_country else 1)
        or any(has_other_labels(country.upper()) for country in countries)
        or any(moment % HOUR for moment in times)
    ):
        return None
    kinds = tuple(dict.fromkeys(getattr(params, "kind", None) or ()))
    apart = measure is not None or facet == "kind"
    country = None if by_country else fold(spellings(countries[0].upper())[0]) if countries else ANY_COUNTRY
    return RollupQuery(
        kinds or (tuple(KINDS) if apart else (ANY_COUNTRY,)), country, params.window.since, params.window.until
    )


def is_rolled_up(condition: Condition) -> bool:
    """The rollup is by kind, country and time."""
    return isinstance(condition, TimeWindow) or (isinstance(condition, WithValue) and condition.facet in ROLLED_UP)


async def rollup_span(db: Database, scope: RollupQuery, *, by_day: bool) -> tuple[int, int] | None:
    """When the days of the first and the last match begin, or else their hours, looked for in these days."""
    statement, values = span_statement(db.dialect, rollup_statement_key(scope)), await bound(db, scope, None)
    [(first, last)] = await db.rows(statement, {**values, **scope.periods(24, outward=True)})
    if first is None:
        return None
    if by_day:
        return first * 24 * HOUR, last * 24 * HOUR
    found = []
    for day in (first, last):
        hours = scope.periods(1)
        within = {"from": max(hours["from"], 24 * day), "to": min(hours["to"], 24 * day + 24)}
        found += (await db.rows(statement, {**values, **hours, **within}))[0]
    moments = [hour * HOUR for hour in found if hour is not None]
    return (min(moments), max(moments)) if moments else None


async def count_rollup(
    db: Database, scope: RollupQuery, edges: tuple[int, ...], unit: int, wish: Aggregation
) -> Groups:
    """What `count_matches` would find in each bucket, for events that began within the scope's time."""
    ends = (edges[0], unit, scope.since or 0, scope.until or 0)
    hours = next(hours for hours in reversed(LENGTHS) if not any(moment % (hours * HOUR) for moment in ends))
    values = {**await bound(db, scope, wish.measure), **scope.periods(hours)}
    statement = rollup_statement(db.dialect, rollup_statement_key(scope), wish.facet, wish.measure is not None)
    marks = marks_of(edges, hours * HOUR)
    groups: Groups = {}
    offload = hours == 1 or wish.facet is not None
    rows = await db.rows(statement, values, offload=offload)
    for group, part, periods, *columns in sorted(rows, key=lambda row: PARTS.index(row[1])):
        places = places_of(periods, marks) if periods else []
        sums = [spans(column, places) for column in columns if column]
        name = None if group == NO_COUNTRY else group
        if part == COUNTED and any(map(any, sums)):
            groups[name] = [*sums, *nothing(edges, wish)[1:]]
        elif part == LOWER and sums and name in groups:
            groups[name][1:] = sums
        elif part == UPPER and name in groups:
            add_upper(groups[name], sums)
    return groups


async def rollup_values(db: Database, scope: RollupQuery, facet: str) -> dict[str, int]:
    """How many events that began within the scope's time have each folded value of the facet."""
    counts: Counter[str] = Counter()
    statement, values = values_statement(db.dialect, rollup_statement_key(scope), facet), await bound(db, scope, None)
    for stretch in scope.stretches():
        if stretch["from"] < stretch["to"]:
            counts.update(dict(await db.rows(statement, {**values, **stretch}, offload=True)))
    del counts[NO_COUNTRY]
    return dict(+counts)


@lru_cache(8)
def values_statement(dialect: str, form: RollupStatementKey, facet: str) -> Statement:
    """Events by value."""
    table: Any = HourlyRollup
    value = getattr(table, facet)
    total = sa.cast(sa.func.sum(table.events), sa.BigInteger)
    return Statement(sa.select(value, total).where(*conditions(dialect, form, COUNTED)).group_by(value))


@lru_cache(CALENDARS)
def marks_of(edges: tuple[int, ...], length: int) -> tuple[int, ...]:
    """The numbers of the periods with which the buckets begin, and of the one after the last."""
    return tuple(edge // length for edge in edges)


def places_of(periods: Sequence[int], marks: Sequence[int]) -> Sequence[int]:
    """Where in the ascending periods each mark is or would be; a range where each period is a bucket."""
    first, last = periods[0], periods[-1]
    if (
        len(periods) > last - first
        and first <= marks[0]
        and marks[-1] <= last + 1
        and len(marks) > marks[-1] - marks[0]
    ):
        return range(marks[0] - first, marks[-1] - first + 1)
    return [bisect_left(periods, mark) for mark in marks]


def add_upper(numbers: Numbers, sums: Sequence[list[int]]) -> None:
    """Add the sums of a measure's upper bits."""
    for n, column in enumerate(sums, 1):
        numbers[n] = [held + (more << LOW_BITS) for held, more in zip(numbers[n], column, strict=True)]


def spans(column: list[int], places: Sequence[int]) -> list[int]:
    """The sums of a column from each place to the next."""
    if isinstance(places, range):
        return column[places[0] : places[-1]]
    upto = list(accumulate(column, initial=0))
    return [upto[end] - upto[begin] for begin, end in pairwise(places)]


def rollup_statement_key(scope: RollupQuery) -> RollupStatementKey:
    """Whether the scope has one kind, and whether it has any country."""
    return RollupStatementKey(len(scope.kinds) == 1, scope.country is None)


async def bound(db: Database, scope: RollupQuery, measure: str | None) -> dict[str, Any]:
    """What the statements bind; where any country will do, each is named, so that its rows are found by their key."""
    named = [] if scope.country is not None else [NO_COUNTRY, *(value for (value,) in await db.rows(COUNTRIES))]
    kinds = {"kind": scope.kinds[0], "kinds": db.as_list(list(scope.kinds))}
    measures = {} if measure is None else {LOWER: measure, UPPER: measure + BEYOND}
    return {**kinds, "country": scope.country, "countries": db.as_list(named), **measures}


@lru_cache(8)
def span_statement(dialect: str, form: RollupStatementKey) -> Statement:
    """The first and the last period with an event: the ends of the table's order where all is in one place."""
    table: Any = HourlyRollup
    where = [*conditions(dialect, form, COUNTED), table.events > 0]
    if not form.one_kind or form.any_country:
        return Statement(sa.select(sa.func.min(table.period), sa.func.max(table.period)).where(*where))
    first, last = (sa.select(table.period).where(*where).order_by(by) for by in (table.period, table.period.desc()))
    one: Any = sa.literal_column("1")
    return Statement(sa.select(first.limit(one).scalar_subquery(), last.limit(one).scalar_subquery()))


@lru_cache(32)
def rollup_statement(dialect: str, form: RollupStatementKey, facet: str | None, measured: bool) -> Statement:
    """For each group and measure its periods and their numbers, as lists: events, or a measure's low, best and high."""
    parts = [part_of(dialect, form, facet, name) for name in (PARTS if measured else PARTS[:1])]
    return Statement(sa.union_all(*parts) if len(parts) > 1 else parts[0])


def part_of(dialect: str, form: RollupStatementKey, facet: str | None, part: str) -> Any:
    """The part of one measure, added up over kinds where there are several."""
    table: Any = HourlyRollup
    group: Any = {"kind": table.kind, "country": table.country}.get(facet or "", sa.cast(sa.null(), sa.Text))
    numbers = [table.events] if part == COUNTED else [getattr(table, name) for name in NUMBERS]
    added = not form.one_kind and facet != "kind"
    columns = [sa.cast(sa.func.sum(number), sa.BigInteger) if added else number for number in numbers]
    places = [*([group] if facet else []), table.period]
    found = sa.select(group.label("group"), table.period, *(c.label(f"n{n}") for n, c in enumerate(columns)))
    found = found.where(*conditions(dialect, form, part)).order_by(*places)
    rows: Any = (found.group_by(*places) if added else found).subquery("rows_" + part)
    lists = [array_agg(column, rows.c.period, dialect) for column in list(rows.c)[1:]]
    padding = [sa.type_coerce(sa.null(), IntegerList()) for _ in range(1 + len(NUMBERS) - len(lists))]
    label: Any = sa.literal_column(f"'{part}'").label("part")
    if facet is None:
        return sa.select(sa.cast(sa.null(), sa.Text).label("group"), label, *lists, *padding)
    return sa.select(rows.c.group, label, *lists, *padding).group_by(rows.c.group)


def conditions(dialect: str, form: RollupStatementKey, name: str) -> list[Any]:
    """The part of the rollup that the values bind."""
    table: Any = HourlyRollup
    return [
        table.kind == sa.bindparam("kind") if form.one_kind else any_of(table.kind, "kinds", dialect),
        any_of(table.country, "countries", dialect) if form.any_country else table.country == sa.bindparam("country"),
        table.measure == (sa.literal_column("''") if name == COUNTED else sa.bindparam(name)),
        table.hours == sa.bindparam("hours", type_=sa.SmallInteger()),
        table.period >= sa.bindparam("from", type_=sa.Integer()),
        table.period < sa.bindparam("to", type_=sa.Integer()),
    ]
