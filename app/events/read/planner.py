"""How a filter is answered in SQL: the rarest facet value drives, ordered ranges are merged, the rest is probed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import col

from app.changes import Position, PositionCache
from app.db import Database, Statement, rows_param, rows_source
from app.events.index.readiness import require_indexed
from app.events.read.conditions.base import ResidualCondition, SqlForm, TermGroup
from app.events.read.conditions.words import WithWords
from app.events.read.filter import BaseEventFilter
from app.events.read.statements import IndexRange, StatementKey, cached_statement
from app.events.tables import FacetValue
from app.events.terms import EVERY_EVENT, HASHED_FACETS, SIGNATURE, SPAN_CLASSES, SPANS, hashed_id

# A value with more events than this is read as an ordered range of its own; smaller ones are gathered and sorted.
MAX_GATHERED = 1000
# Up to so many candidates are sorted by another order than the index has; above, that order is walked and probed.
MAX_SORTED = 20_000
# More ranges than this cost more than they save: the whole time line drives and the values are probed.
MAX_RANGES = 60
EVERYTHING = TermGroup(EVERY_EVENT, ("",))
TERMS: PositionCache[list[BySpan]] = PositionCache()


class TermStats(NamedTuple):
    """A value of the index and about how many events have it."""

    id: int
    events: int


class Plan(NamedTuple):
    """A statement and what to bind."""

    shape: StatementKey
    values: dict[str, Any]

    @property
    def statement(self) -> Statement:
        """Compiled once per shape."""
        return cached_statement(self.shape)


BySpan = dict[int, list[TermStats]]


class Access(NamedTuple):
    """How events are come by, and what that binds: by ranges of the index, or by themselves, probing the index."""

    arms: tuple[IndexRange, ...]
    probes: tuple[bool, ...]
    barred: bool | None
    values: dict[str, Any]


class ResolvedTerms(NamedTuple):
    """The index values behind the groups that must be met, and behind what is barred, by length class."""

    groups: list[BySpan]
    barred: BySpan


async def resolve_terms(db: Database, filter: BaseEventFilter, known: Position | None = None) -> ResolvedTerms:
    """The index values behind a filter; with a position, those that were there at it are enough."""
    groups = filter.groups or (EVERYTHING,)
    asked = (*groups, *filter.barred)
    await require_indexed(db, asked)
    found = await (look_up_terms(db, asked) if known is None else known_terms(db, asked, known))
    barred = by_span((span, known) for group in found[len(groups) :] for span in group for known in group[span])
    return ResolvedTerms(found[: len(groups)], barred)


async def known_terms(db: Database, groups: tuple[TermGroup, ...], at: Position) -> list[BySpan]:
    """The index values behind each group, with all that were there at a position."""

    async def read() -> tuple[Position, list[BySpan]]:
        return at, await look_up_terms(db, groups)

    return (await TERMS.get(db, groups, at, read))[1]


async def look_up_terms(db: Database, groups: Sequence[TermGroup]) -> list[BySpan]:
    """The index values behind each group, by length class."""
    pairs = [(group.facet, value) for group in groups if group.facet != SIGNATURE for value in group.values]
    listed = [pair for pair in pairs if pair[0] not in HASHED_FACETS]
    rows = await db.rows(values_statement(db.dialect), rows_param(listed, db.dialect)) if listed else []
    known: dict[tuple[str, str], list[tuple[int, TermStats]]] = {
        pair: [(span, TermStats(hashed_id(*pair, span), 1)) for span in SPAN_CLASSES]
        for pair in pairs
        if pair[0] in HASHED_FACETS
    }
    for id, facet, value, span, events in rows:
        known.setdefault((facet, value), []).append((span, TermStats(id, events)))
    signatures = await db.rows(SIGNATURES) if any(group.facet == SIGNATURE for group in groups) else []
    return [
        by_span((span, TermStats(id, events)) for id, value, span, events in signatures if group.admits(value))
        if group.facet == SIGNATURE
        else by_span(found for value in group.values for found in known.get((group.facet, value), ()))
        for group in groups
    ]


SIGNATURES = Statement(
    sa.select(col(FacetValue.id), col(FacetValue.value), col(FacetValue.span), col(FacetValue.events)).where(
        col(FacetValue.facet) == SIGNATURE
    )
)


def by_span(found: Iterable[tuple[int, TermStats]]) -> BySpan:
    """Sort the values of a group into their length classes."""
    spans: dict[int, list[TermStats]] = {}
    for span, known in found:
        spans.setdefault(span, []).append(known)
    return spans


@lru_cache(2)
def values_statement(dialect: str) -> Statement:
    """Index values by facet and folded value, many at once."""
    pairs, facet, value = rows_source(dialect, sa.Text(), sa.Text())
    table = sa.inspect(FacetValue).local_table
    joined = pairs.join(table, sa.and_(table.c.facet == facet, table.c.value == value))
    columns = (table.c.id, table.c.facet, table.c.value, table.c.span, table.c.events)
    return Statement(sa.select(*columns).select_from(joined))


def possible_spans(terms: ResolvedTerms) -> list[int]:
    """The length classes in which every group has some value."""
    return [span for span in SPAN_CLASSES if all(span in group for group in terms.groups)]


def size_of(terms: ResolvedTerms) -> int:
    """About how many events the rarest group of each length class has."""
    return sum(min(sum(k.events for k in group[span]) for group in terms.groups) for span in possible_spans(terms))


class PageSpec(NamedTuple):
    """What a page or a count is, beside its filter."""

    result: str = "page"
    order: str = "started_at"
    descending: bool = True
    limit: int | None = None
    after: tuple[int, int] | None = None
    as_of: int | None = None
    changed_since: int | None = None
    keys: list[int] | None = None


def plan(
    db: Database, filter: BaseEventFilter, terms: ResolvedTerms, spec: PageSpec, residuals: Sequence[ResidualCondition]
) -> Plan | None:
    """Choose what drives; None when nothing can match. `residuals` are the conditions that SQL settles."""
    if not possible_spans(terms):
        return None
    walked = spec.as_of is None and (
        spec.keys is not None or (spec.order == "updated_at" and (not filter.groups or size_of(terms) > MAX_SORTED))
    )
    bound = bind_residuals(db, residuals)
    arms, probes, barred, values = (
        probe_events(db, filter, terms) if walked else drive_index(db, filter, terms, past=spec.as_of is not None)
    )
    for more in (common_values(db, filter, spec), *bound.values()):
        values |= more
    key = StatementKey(
        db.dialect,
        spec.result,
        spec.order,
        spec.descending,
        spec.after is not None,
        spec.as_of is not None,
        spec.limit,
        narrowed_by(filter, spec),
        tuple(bound),
        arms,
        probes,
        barred,
    )
    return Plan(key, values)


def bind_residuals(db: Database, residuals: Sequence[ResidualCondition]) -> dict[SqlForm, Mapping[str, Any]]:
    """The SQL of conditions, and what each binds."""
    return {
        SqlForm(type(condition), form): values
        for condition in residuals
        for form, values in condition.bind(db.dialect).items()
    }


def plan_probes(db: Database, filter: BaseEventFilter, terms: ResolvedTerms) -> Plan:
    """What events that are come by otherwise are held against, but for times; its statement is the caller's."""
    bound = bind_residuals(db, filter.residuals)
    arms, probes, barred, values = probe_events(db, filter, terms)
    for more in bound.values():
        values |= more
    shape = StatementKey(
        db.dialect, "probes", "started_at", False, False, False, None, (), tuple(bound), arms, probes, barred
    )
    return Plan(shape, values)


def without_words(residuals: Sequence[ResidualCondition]) -> list[ResidualCondition]:
    """Those that are left where the events whose texts match are known."""
    return [condition for condition in residuals if not isinstance(condition, WithWords)]


def drive_index(db: Database, filter: BaseEventFilter, terms: ResolvedTerms, *, past: bool) -> Access:
    """Read ranges of the index: for each length class those of its rarest group."""
    arms: list[IndexRange] = []
    values: dict[str, Any] = {}
    since = filter.window.since
    for span in possible_spans(terms):
        groups = sorted((group[span] for group in terms.groups), key=lambda known: sum(k.events for k in known))
        barred = terms.barred.get(span, [])
        bounded = since is not None and span < len(SPANS)
        for ids in ranges(groups[0]):
            for of_past in (False, True) if past else (False,):
                prefix = f"a{len(arms)}_"
                probes = tuple(len(probe) > 1 for probe in groups[1:])
                arms.append(IndexRange(of_past, len(ids) > 1, probes, bars_many(barred), bounded))
                values[prefix + "value"] = bind_ids(db, ids)
                values |= {f"{prefix}barred": bind_ids(db, barred)} if barred else {}
                values |= {f"{prefix}probe{n}": bind_ids(db, probe) for n, probe in enumerate(groups[1:])}
                if since is not None and bounded:
                    values[prefix + "since"] = since - SPANS[span]
    return Access(tuple(arms), (), None, values)


def probe_events(db: Database, filter: BaseEventFilter, terms: ResolvedTerms) -> Access:
    """Read events by key or in the order asked for, and probe the index for every group."""
    groups = [every_span(group) for group in terms.groups] if filter.groups else []
    barred = every_span(terms.barred)
    values = {f"probe{n}": bind_ids(db, group) for n, group in enumerate(groups)}
    values |= {"barred": bind_ids(db, barred)} if barred else {}
    return Access((), tuple(len(group) > 1 for group in groups), bars_many(barred), values)


def every_span(found: BySpan) -> list[TermStats]:
    """The values of all length classes together."""
    return [known for span in found.values() for known in span]


def bars_many(barred: list[TermStats]) -> bool | None:
    """Whether many values are barred, or one; None where none is."""
    return len(barred) > 1 if barred else None


def ranges(group: list[TermStats]) -> list[list[TermStats]]:
    """One range for each large value, one for all the small ones together."""
    large = [[known] for known in group if known.events > MAX_GATHERED]
    small = [known for known in group if known.events <= MAX_GATHERED]
    if len(large) > MAX_RANGES:
        return [group]
    return [*large, *([small] if small else [])]


def bind_ids(db: Database, ids: Sequence[TermStats]) -> Any:
    """One id, or a list of them as one parameter."""
    return ids[0].id if len(ids) == 1 else db.as_list([known.id for known in ids])


def common_values(db: Database, filter: BaseEventFilter, spec: PageSpec) -> dict[str, Any]:
    """Values that every range shares."""
    values: dict[str, Any] = {"as_of": spec.as_of, "changed_since": spec.changed_since}
    values |= {"since": filter.window.since, "until": filter.window.until}
    if spec.after is not None:
        values |= {"after_value": spec.after[0], "after_key": spec.after[1]}
    if spec.keys is not None:
        values["keys"] = db.as_list(spec.keys)
    return values


def narrowed_by(filter: BaseEventFilter, spec: PageSpec) -> tuple[str, ...]:
    """What the statement narrows beside the index; the end and the last change of an event are known of now only."""
    known = {
        "since": filter.window.since is not None and spec.as_of is None,
        "until": filter.window.until is not None,
        "changed_since": spec.changed_since is not None and spec.as_of is None,
        "keys": spec.keys is not None,
    }
    return tuple(name for name, is_set in known.items() if is_set)
