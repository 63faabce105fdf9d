"""Reads the tally: what questions by kind and country alone are answered from, without a look at any event."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from app.db import Statement, any_of
from app.events.facts import HOUR
from app.events.model import Tally
from app.events.tally import ANY, BEYOND, LENGTHS, NOWHERE
from app.kinds import KINDS, fold
from app.kinds.codes import is_ambiguous, spellings
from app.stats.counting import PARTS, Found, Grid, joined

if TYPE_CHECKING:
    from app.db import Database
    from app.events.query import FixedFilter

NARROWING = frozenset({"kind", "country", "since", "until"})
BESIDE = frozenset({"timezone", "interval", "measure", "group_by"})
HALVES = ("measure", "beyond")
SMALLEST, LARGEST = -(2**31), 2**31 - 1


class Scope(NamedTuple):
    """The part of the tally that a question is about, its time in microseconds; times are whole hours or open."""

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


class Form(NamedTuple):
    """What decides the text of a statement on the tally."""

    one_kind: bool
    any_country: bool


def scope_of(asked: FixedFilter, measure: str | None, facet: str | None) -> Scope | None:
    """The part of the tally that answers the question; None where only the events can."""
    set_ = asked.model_fields_set
    countries = getattr(asked, "country", None) or []
    by_country = facet == "country"
    times = [moment for moment in (asked.since_us, asked.until_us) if moment is not None]
    if (
        set_ - NARROWING - BESIDE
        or facet not in {None, "kind", "country"}
        or len(countries) > (0 if by_country else 1)
        or any(is_ambiguous(country.upper()) for country in countries)
        or any(moment % HOUR for moment in times)
    ):
        return None
    kinds = tuple(dict.fromkeys(getattr(asked, "kind", None) or ()))
    apart = measure is not None or facet == "kind"
    country = None if by_country else fold(spellings(countries[0].upper())[0]) if countries else ANY
    return Scope(kinds or (tuple(KINDS) if apart else (ANY,)), country, asked.since_us, asked.until_us)


async def tallied_span(db: Database, scope: Scope, *, by_day: bool) -> tuple[int, int] | None:
    """When the days of the first and the last match begin, or else their hours, looked for in these days."""
    statement, values = span_statement(db.dialect, form_of(scope)), bound(db, scope, None)
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


async def count_tallied(db: Database, scope: Scope, grid: Grid, measure: str | None, facet: str | None) -> list[Found]:
    """What `count_matches` would find, for events that began within the scope's time."""
    ends = (grid.origin, grid.unit, scope.since or 0, scope.until or 0)
    hours = next(hours for hours in reversed(LENGTHS) if not any(moment % (hours * HOUR) for moment in ends))
    values = {**bound(db, scope, measure), **scope.periods(hours)}
    statement = tally_statement(db.dialect, form_of(scope), facet, measure is not None)
    rows = await db.rows(statement, values, heavy=hours == 1 or facet is not None)
    length, (origin, unit) = hours * HOUR, grid
    return [
        ((period * length - origin) // unit, None if group == NOWHERE else group, joined(n, *halves))
        for period, group, n, *halves in rows
        if n
    ]


def form_of(scope: Scope) -> Form:
    """Whether the scope has one kind, and whether it has any country."""
    return Form(len(scope.kinds) == 1, scope.country is None)


def bound(db: Database, scope: Scope, measure: str | None) -> dict[str, Any]:
    """What the statements bind."""
    wanted = {} if measure is None else {"measure": measure, "beyond": measure + BEYOND}
    measures = db.as_list(["", *wanted.values()])
    kinds = {"kind": scope.kinds[0], "kinds": db.as_list(list(scope.kinds))}
    return {**kinds, "country": scope.country, "measures": measures, **wanted}


@lru_cache(8)
def span_statement(dialect: str, form: Form) -> Statement:
    """The first and the last period with an event."""
    table: Any = Tally
    asked = [*conditions(dialect, form, measured=False), table.events > 0]
    return Statement(sa.select(sa.func.min(table.period), sa.func.max(table.period)).where(*asked))


@lru_cache(32)
def tally_statement(dialect: str, form: Form, facet: str | None, measured: bool) -> Statement:
    """Counts by period and group, and the sums of a measure in two halves."""
    table: Any = Tally
    group: Any = {"kind": table.kind, "country": table.country}.get(facet or "", sa.cast(sa.null(), sa.Text))
    halves = [summed(getattr(table, name), table.measure == sa.bindparam(half)) for name in PARTS for half in HALVES]
    counted = (
        summed(table.events, table.measure == "") if measured else sa.cast(sa.func.sum(table.events), sa.BigInteger)
    )
    columns = [table.period, group.label("group"), counted.label("events")]
    columns += [half.label(f"half{n}") for n, half in enumerate(halves)] if measured else []
    by = [table.period, *([group] if facet else [])]
    return Statement(sa.select(*columns).where(*conditions(dialect, form, measured=measured)).group_by(*by))


def summed(column: Any, where: Any) -> Any:
    """The sum of a column, over the rows where something holds."""
    return sa.cast(sa.func.sum(column if where is None else sa.case((where, column), else_=0)), sa.BigInteger)


def conditions(dialect: str, form: Form, *, measured: bool) -> list[Any]:
    """The part of the tally that the values bind."""
    table: Any = Tally
    return [
        table.kind == sa.bindparam("kind") if form.one_kind else any_of(table.kind, "kinds", dialect),
        table.country != ANY if form.any_country else table.country == sa.bindparam("country"),
        any_of(table.measure, "measures", dialect) if measured else table.measure == "",
        table.hours == sa.bindparam("hours", type_=sa.SmallInteger()),
        table.period >= sa.bindparam("from", type_=sa.Integer()),
        table.period < sa.bindparam("to", type_=sa.Integer()),
    ]
