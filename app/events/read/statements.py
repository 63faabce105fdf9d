"""The text of statements: ranges of the index merged, the page picked, its bodies fetched last, the rest probed."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from app.changes import Change
from app.db import Statement, any_of
from app.events.read.conditions.base import SqlForm, big, row_exists
from app.events.read.measure_order import measure_row, rank_column
from app.events.tables import EventFacet, EventMeasure, PastFacet, StoredEvent
from app.kinds import MEASURES


class IndexRange(NamedTuple):
    """The shape of one ordered range: which table, one value or a list, how each other group is probed.

    `barred` tells whether many values are barred, or one; it is None where none is.
    """

    past: bool
    many: bool
    probes: tuple[bool, ...]
    barred: bool | None
    since: bool


class StatementKey(NamedTuple):
    """All that decides a statement's text; a request only binds values.

    `narrowed` names what the planner narrows by itself, `residuals` the SQL of conditions.
    """

    dialect: str
    result: str
    order: str
    descending: bool
    keyset: bool
    as_of: bool
    limit: int | None
    narrowed: tuple[str, ...]
    residuals: tuple[SqlForm, ...]
    arms: tuple[IndexRange, ...]
    probes: tuple[bool, ...]
    barred: bool | None


@lru_cache(1024)
def cached_statement(shape: StatementKey) -> Statement:
    """The statement of a shape."""
    if shape.result == "count":
        return Statement(sa.select(sa.func.count()).select_from(matching(shape)))
    return Statement(from_index(shape) if shape.arms else from_events(shape))


def matching(shape: StatementKey) -> Any:
    """All that match, as a table of `at` and `event`: what is counted, by count and statistics alike."""
    if shape.arms:
        return merged_ranges(shape, ordered=False)
    found = found_events(shape)[0].subquery("found")
    return sa.select(found.c.at, found.c.key.label("event")).subquery("matching")


def from_index(shape: StatementKey) -> Any:
    """Merge the ranges, then fetch the bodies of those that made it."""
    if shape.order in MEASURES:
        return with_bodies(shape, ranked(shape, merged_ranges(shape, ordered=False)))
    if shape.order == "updated_at":
        return with_bodies(shape, last_updated(shape, merged_ranges(shape, ordered=False)))
    merged = merged_ranges(shape, ordered=True)
    if len(shape.arms) > 1:
        both = sa.select(merged.c.at, merged.c.event)
        merged = paged(shape, both, merged.c.at, merged.c.event, keyset=False).subquery("picked")
    return with_bodies(shape, merged)


def ranked(shape: StatementKey, found: Any) -> Any:
    """The page of what was found in the order of a measure; `at` is the rank by it."""
    number: Any = sa.orm.aliased(EventMeasure, name="m")
    at = rank_column(number, descending=shape.descending)
    select: Any = sa.select(at.label("at"), found.c.event).select_from(
        found.outerjoin(number, measure_row(number, found.c.event, shape.order))
    )
    return paged(shape, select, at, found.c.event).subquery("picked")


def last_updated(shape: StatementKey, found: Any) -> Any:
    """The page of what was found in the order of the last change, now or as of then."""
    if shape.as_of:
        change: Any = sa.orm.aliased(Change, name="c")
        then = sa.and_(change.event == found.c.event, change.version == version_then(found.c.event))
        source, updated = found.join(change, then), change.updated_at
    else:
        event: Any = sa.orm.aliased(StoredEvent, name="e")
        source, updated = found.join(event, event.key == found.c.event), event.updated_at
    at = sa.type_coerce(updated, sa.BigInteger)
    select: Any = sa.select(at.label("at"), found.c.event).select_from(source)
    return paged(shape, select, at, found.c.event).subquery("picked")


def merged_ranges(shape: StatementKey, *, ordered: bool) -> Any:
    """The ranges as one table of `at` and `event`."""
    selects = [range_select(shape, arm, f"a{n}_", ordered=ordered) for n, arm in enumerate(shape.arms)]
    if len(selects) == 1:
        return selects[0].subquery("merged")
    if ordered:
        selects = [sa.select(*select.subquery().c) for select in selects]
    return sa.union(*selects).subquery("merged")


def range_select(shape: StatementKey, arm: IndexRange, prefix: str, *, ordered: bool) -> Any:
    """One range of the index, narrowed by everything else that is asked."""
    table: Any = sa.orm.aliased(PastFacet if arm.past else EventFacet, name="f")
    event: Any = sa.orm.aliased(StoredEvent, name="e")
    select: Any = sa.select(table.started_at.label("at"), table.event.label("event"))
    if arm.many:
        select = select.distinct()
    if {"since", "changed_since"} & set(shape.narrowed):
        select = select.join(event, event.key == table.event)
    select = select.where(valued(table, prefix + "value", shape.dialect, many=arm.many))
    if arm.since:
        select = select.where(table.started_at >= big(prefix + "since"))
    if shape.as_of:
        select = select.where(*valid(table, version_then(table.event), past=arm.past))
    for n, many in enumerate(arm.probes):
        select = select.where(probe(shape, table.started_at, table.event, f"{prefix}probe{n}", many=many))
    if arm.barred is not None:
        select = select.where(~probe(shape, table.started_at, table.event, prefix + "barred", many=arm.barred))
    select = select.where(*narrowings(shape, table.event, table.started_at, event))
    return paged(shape, select, table.started_at, table.event) if ordered else select


def with_bodies(shape: StatementKey, picked: Any) -> Any:
    """The events of a page with their bodies, now or as they stood: in any order, as to sort would be to copy them."""
    event: Any = sa.orm.aliased(StoredEvent, name="e")
    change: Any = sa.orm.aliased(Change, name="c")
    source, version = picked, version_then(picked.c.event)
    if not shape.as_of:
        source, version = picked.join(event, event.key == picked.c.event), event.version
    source = source.join(change, sa.and_(change.event == picked.c.event, change.version == version))
    return sa.select(*body_columns(shape, change, picked.c.at, picked.c.event)).select_from(source)


def body_columns(shape: StatementKey, change: Any, at: Any, key: Any) -> list[Any]:
    """What is read of an event of a page; the packed state only where the past is asked about."""
    packed = [change.after] if shape.as_of else []
    return [change.body, at.label("at"), key.label("key"), change.version, *packed]


def from_events(shape: StatementKey) -> Any:
    """The page of the events that are walked, with their bodies, in any order."""
    change: Any = sa.orm.aliased(Change, name="c")
    page, at, key = found_events(shape)
    picked = paged(shape, page, at, key).subquery("picked")
    same = sa.and_(change.event == picked.c.key, change.version == picked.c.version)
    return sa.select(*body_columns(shape, change, picked.c.at, picked.c.key)).select_from(picked.join(change, same))


def found_events(shape: StatementKey) -> tuple[Any, Any, Any]:
    """Walk events in the order asked for, or take those with known keys, and probe every group; the order's columns."""
    event: Any = sa.orm.aliased(StoredEvent, name="e")
    by_key = "keys" in shape.narrowed
    number: Any = sa.orm.aliased(EventMeasure, name="m")
    column = event.started_at if shape.order == "started_at" else sa.type_coerce(event.updated_at, sa.BigInteger)
    at = column + 0 if by_key else column
    if shape.order in MEASURES:
        at = rank_column(number, descending=shape.descending)
    columns = (at.label("at"), event.key.label("key"), event.version.label("version"))
    select: Any = sa.select(*columns).where(event.deleted == sa.false())
    if shape.order in MEASURES:
        joined = sa.inspect(event).selectable.outerjoin(
            sa.inspect(number).selectable, measure_row(number, event.key, shape.order)
        )
        select = select.select_from(joined)
    return select.where(*probed(shape, event.started_at, event.key, event)), at, event.key


def probed(shape: StatementKey, started_at: Any, key: Any, row: Any = None) -> list[Any]:
    """All that narrows an event which is come by without a range of the index; `row` is needed for its times only."""
    conditions = narrowings(shape, key, started_at, row)
    conditions += [probe(shape, started_at, key, f"probe{n}", many=many) for n, many in enumerate(shape.probes)]
    if shape.barred is not None:
        conditions.append(~probe(shape, started_at, key, "barred", many=shape.barred))
    return conditions


def valued(table: Any, name: str, dialect: str, *, many: bool) -> Any:
    """The row's value is the one asked for, or one of them."""
    return any_of(table.value, name, dialect) if many else table.value == big(name)


def version_then(event: Any) -> Any:
    """The version that an event had at the change `as_of`; null when it did not exist yet."""
    then: Any = sa.orm.aliased(Change)
    at_most = sa.select(then.version).where(then.event == event, then.seq <= big("as_of"))
    newest = at_most.order_by(then.version.desc()).limit(sa.literal_column("1"))
    return newest.correlate_except(then).scalar_subquery()  # the event may be two levels up


def valid(table: Any, version: Any, *, past: bool) -> list[Any]:
    """The row held at that version of the event."""
    return [table.since <= version, *([table.upto > version] if past else [])]


def probe(shape: StatementKey, started_at: Any, event: Any, name: str, *, many: bool) -> Any:
    """The event has one of the group's values, at the time asked about."""
    tables: list[Any] = [EventFacet, PastFacet] if shape.as_of else [EventFacet]
    return sa.or_(*(held(shape, table, started_at, event, name, many=many) for table in tables))


def held(shape: StatementKey, source: Any, started_at: Any, event: Any, name: str, *, many: bool) -> Any:
    """One table's part of a probe."""
    table: Any = sa.orm.aliased(source)
    where = [valued(table, name, shape.dialect, many=many), table.started_at == started_at, table.event == event]
    if shape.as_of:
        where += valid(table, version_then(event), past=source is PastFacet)
    return (
        sa.select(sa.literal(1)).where(*where).exists()
        if shape.result == "count"
        else row_exists(shape.dialect, *where)
    )


def ordering(shape: StatementKey, at: Any, key: Any) -> list[Any]:
    """The order asked for, ties by id the same way."""
    return [at.desc(), key.desc()] if shape.descending else [at, key]


def paged(shape: StatementKey, select: Any, at: Any, key: Any, *, keyset: bool = True) -> Any:
    """The page in the order asked for, past the last row of the page before unless that was seen to already."""
    if keyset and shape.keyset:
        select = select.where(beyond(shape, at, key))
    select = select.order_by(*ordering(shape, at, key))
    return select.limit(sa.literal_column(str(shape.limit))) if shape.limit else select


def beyond(shape: StatementKey, at: Any, key: Any) -> Any:
    """Past the last row of the page before."""
    here, there = sa.tuple_(at, key), sa.tuple_(big("after_value"), big("after_key"))
    return here < there if shape.descending else here > there


def narrowings(shape: StatementKey, event: Any, started_at: Any, row: Any) -> list[Any]:
    """What the ranges leave open, as SQL on an event's key, beginning and row."""
    known = {
        "since": lambda: row.ends_at > big("since"),
        "until": lambda: started_at < big("until"),
        "changed_since": lambda: sa.type_coerce(row.updated_at, sa.BigInteger) >= big("changed_since"),
        "keys": lambda: any_of(event, "keys", shape.dialect),
    }
    own = [known[name]() for name in shape.narrowed]
    return [*own, *(condition.sql(form, shape.dialect, event) for condition, form in shape.residuals)]
