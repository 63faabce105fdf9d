"""How a filter is answered in SQL: the rarest facet value drives, ordered ranges are merged, the rest is probed."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import col

from app.changes import Change
from app.db import Statement, UtcTime, any_of
from app.events.facts import EVERY, HASHED, SPAN_CLASSES, SPANS, hashed_id
from app.events.model import EventFacet, EventMeasure, EventPoint, FacetValue, PastFacet, StoredEvent
from app.events.query import Group
from app.events.search import words_match

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from app.db import Database
    from app.events.query import FixedFilter

# A value with more events than this is read as an ordered range of its own; smaller ones are gathered and sorted.
GATHERED = 1000
# Up to so many candidates are sorted by another order than the index has; above, that order is walked and probed.
SORTED = 20_000
# More ranges than this cost more than they save: the whole time line drives and the values are probed.
MOST_ARMS = 60
EVERYTHING = Group(EVERY, ("",))


class Known(NamedTuple):
    """A value of the index and about how many events have it."""

    id: int
    events: int


class Arm(NamedTuple):
    """The shape of one ordered range: which table, one value or a list, how each other group is probed."""

    past: bool
    many: bool
    probes: tuple[bool, ...]
    since: bool


class Shape(NamedTuple):
    """All that decides a statement's text; a request only binds values."""

    dialect: str
    result: str
    order: str
    descending: bool
    keyset: bool
    as_of: bool
    limit: int | None
    residuals: tuple[str, ...]
    arms: tuple[Arm, ...]
    probes: tuple[bool, ...]


class Plan(NamedTuple):
    """A statement and what to bind."""

    shape: Shape
    values: dict[str, Any]

    @property
    def statement(self) -> Statement:
        """Compiled once per shape."""
        return compiled(self.shape)


Found = list[dict[int, list[Known]]]


async def look_up(db: Database, groups: Sequence[Group]) -> Found:
    """The index values behind each group, by length class."""
    pairs = [(group.facet, value) for group in groups for value in group.values]
    listed = [pair for pair in pairs if pair[0] not in HASHED]
    rows = await db.rows(values_statement(db.dialect), bind_pairs(db, listed)) if listed else []
    known: dict[tuple[str, str], list[tuple[int, Known]]] = {
        pair: [(span, Known(hashed_id(*pair, span), 1)) for span in SPAN_CLASSES] for pair in pairs if pair[0] in HASHED
    }
    for id, facet, value, span, events in rows:  # noqa: A001 (the column's name)
        known.setdefault((facet, value), []).append((span, Known(id, events)))
    return [
        by_span(found for value in group.values for found in known.get((group.facet, value), ())) for group in groups
    ]


def by_span(found: Iterable[tuple[int, Known]]) -> dict[int, list[Known]]:
    """Sort the values of a group into their length classes."""
    spans: dict[int, list[Known]] = {}
    for span, known in found:
        spans.setdefault(span, []).append(known)
    return spans


def bind_pairs(db: Database, pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Facets and values as array parameters."""
    if db.dialect == "sqlite":
        return {"pairs": db.as_list(pairs)}
    return {"facets": [facet for facet, _ in pairs], "values": [value for _, value in pairs]}


@lru_cache(2)
def values_statement(dialect: str) -> Statement:
    """Index values by facet and folded value, many at once."""
    asked: Any
    if dialect == "sqlite":
        item = sa.func.json_each(sa.bindparam("pairs")).table_valued("value", name="asked")
        facet, value = (sa.func.json_extract(item.c.value, path) for path in ("$[0]", "$[1]"))
        asked = item
    else:
        arrays = [sa.cast(sa.bindparam(name), sa.ARRAY(sa.Text())) for name in ("facets", "values")]
        asked = sa.func.unnest(*arrays).table_valued("facet", "value", name="asked").render_derived()
        facet, value = asked.c.facet, asked.c.value
    table = sa.inspect(FacetValue).local_table
    joined = asked.join(table, sa.and_(table.c.facet == facet, table.c.value == value))
    columns = (table.c.id, table.c.facet, table.c.value, table.c.span, table.c.events)
    return Statement(sa.select(*columns).select_from(joined))


def possible_spans(found: Found) -> list[int]:
    """The length classes in which every group has some value."""
    return [span for span in SPAN_CLASSES if all(span in group for group in found)]


def size_of(found: Found) -> int:
    """About how many events the rarest group of each length class has."""
    return sum(min(sum(k.events for k in group[span]) for group in found) for span in possible_spans(found))


class Question(NamedTuple):
    """What is asked of the planner, beside the filter."""

    result: str = "page"
    order: str = "started_at"
    descending: bool = True
    limit: int | None = None
    after: tuple[int, int] | None = None
    as_of: int | None = None
    changed_since: int | None = None
    keys: list[int] | None = None


def plan(db: Database, wanted: FixedFilter, found: Found, question: Question, extra: Mapping[str, Any]) -> Plan | None:
    """Choose what drives; None when nothing can match. `extra` binds the residuals that stay in SQL."""
    spans = possible_spans(found)
    if not spans:
        return None
    walked = question.as_of is None and (
        question.keys is not None or (question.order == "updated_at" and size_of(found) > SORTED)
    )
    return (
        probe_events(db, wanted, found, question, extra) if walked else drive_index(db, wanted, found, question, extra)
    )


def drive_index(db: Database, wanted: FixedFilter, found: Found, question: Question, extra: Mapping[str, Any]) -> Plan:
    """Read ranges of the index: for each length class those of its rarest group."""
    arms: list[Arm] = []
    values = common_values(db, wanted, question, extra)
    since = wanted.since_us
    for span in possible_spans(found):
        groups = sorted((group[span] for group in found), key=lambda known: sum(k.events for k in known))
        bounded = since is not None and span < len(SPANS)
        for ids in ranges(groups[0]):
            for past in (False, True) if question.as_of is not None else (False,):
                prefix = f"a{len(arms)}_"
                arms.append(Arm(past, len(ids) > 1, tuple(len(probe) > 1 for probe in groups[1:]), bounded))
                values[prefix + "value"] = bound(db, ids)
                values |= {f"{prefix}probe{n}": bound(db, probe) for n, probe in enumerate(groups[1:])}
                if since is not None and bounded:
                    values[prefix + "since"] = since - SPANS[span]
    return Plan(shape_of(db, question, tuple(extra), wanted, arms=tuple(arms)), values)


def probe_events(db: Database, wanted: FixedFilter, found: Found, question: Question, extra: Mapping[str, Any]) -> Plan:
    """Read events by key or in the order asked for, and probe the index for every group."""
    values = common_values(db, wanted, question, extra)
    groups = [[known for span in group.values() for known in span] for group in found] if wanted.groups else []
    values |= {f"probe{n}": bound(db, group) for n, group in enumerate(groups)}
    return Plan(shape_of(db, question, tuple(extra), wanted, probes=tuple(len(group) > 1 for group in groups)), values)


def ranges(group: list[Known]) -> list[list[Known]]:
    """One range for each large value, one for all the small ones together."""
    large = [[known] for known in group if known.events > GATHERED]
    small = [known for known in group if known.events <= GATHERED]
    if len(large) > MOST_ARMS:
        return [group]
    return [*large, *([small] if small else [])]


def bound(db: Database, ids: Sequence[Known]) -> Any:
    """One id, or a list of them as one parameter."""
    return ids[0].id if len(ids) == 1 else db.as_list([known.id for known in ids])


def common_values(db: Database, wanted: FixedFilter, question: Question, extra: Mapping[str, Any]) -> dict[str, Any]:
    """Values that every range shares."""
    values: dict[str, Any] = {"as_of": question.as_of, "changed_since": question.changed_since, **extra}
    values |= {"since": wanted.since_us, "until": wanted.until_us}
    if question.after is not None:
        values |= {"after_value": question.after[0], "after_key": question.after[1]}
    if question.keys is not None:
        values["keys"] = db.as_list(question.keys)
    return values


def shape_of(
    db: Database,
    question: Question,
    extra: tuple[str, ...],
    wanted: FixedFilter,
    *,
    arms: tuple[Arm, ...] = (),
    probes: tuple[bool, ...] = (),
) -> Shape:
    """The key under which the statement is kept."""
    residuals = [name for name in ("since", "until") if getattr(wanted, name) is not None]
    if question.as_of is not None:
        residuals = [name for name in residuals if name == "until"]
    elif question.changed_since is not None:
        residuals.append("changed_since")
    if question.keys is not None:
        residuals.append("keys")
    if question.as_of is None:
        residuals += [name for name in residual_names(wanted) if name != "words" or "words" in extra]
    return Shape(
        db.dialect,
        question.result,
        question.order,
        question.descending,
        question.after is not None,
        question.as_of is not None,
        question.limit,
        tuple(residuals),
        arms,
        probes,
    )


def residual_names(wanted: FixedFilter) -> list[str]:
    """The conditions that the index only narrows."""
    names = []
    if wanted.bbox is not None:
        names.append("box" if wanted.bbox.west <= wanted.bbox.east else "box_across")
    if wanted.circle is not None:
        names.append("circle")
    for measure, (least, most) in wanted.limits.items():
        names += [f"min:{measure}"] if least is not None else []
        names += [f"max:{measure}"] if most is not None else []
    if wanted.q is not None:
        names.append("words")
        names += [f"phrase:{n}" for n in range(len(wanted.q.phrases))]
    return names


def residual_values(wanted: FixedFilter) -> dict[str, Any]:
    """What those conditions bind."""
    values: dict[str, Any] = {}
    if wanted.bbox is not None:
        values |= wanted.bbox._asdict()
    if wanted.circle is not None:
        values |= {**dict(zip(("cx", "cy", "cz"), wanted.circle.centre, strict=True)), "chord2": wanted.circle.chord2}
    for measure, (least, most) in wanted.limits.items():
        values |= {f"min_{measure}": least, f"max_{measure}": most}
    if wanted.q is not None:
        values |= {f"phrase_{n}": f" {' '.join(phrase)} " for n, phrase in enumerate(wanted.q.phrases)}
    return values


@lru_cache(1024)
def compiled(shape: Shape) -> Statement:
    """The statement of a shape."""
    if shape.arms:
        return Statement(from_index(shape))
    return Statement(from_events(shape))


def from_index(shape: Shape) -> Any:
    """Merge the ranges, then fetch the bodies of those that made it."""
    sorting = shape.result == "page" and shape.order == "started_at"
    selects = [arm_select(shape, arm, f"a{n}_", ordered=sorting) for n, arm in enumerate(shape.arms)]
    if sorting or len(selects) == 1:
        selects = [sa.select(*select.subquery().c) for select in selects]
    merged = sa.union(*selects).subquery("merged") if len(selects) > 1 else selects[0].subquery("merged")
    if shape.result == "count":
        return sa.select(sa.func.count()).select_from(merged)
    if sorting:
        picked: Any = sa.select(merged.c.at, merged.c.event).order_by(*ordering(shape, merged.c.at, merged.c.event))
        merged = (
            picked.limit(sa.literal_column(str(shape.limit))).subquery("picked")
            if shape.limit
            else picked.subquery("picked")
        )
    return with_bodies(shape, merged)


def arm_select(shape: Shape, arm: Arm, prefix: str, *, ordered: bool) -> Any:
    """One range of the index, narrowed by everything else that is asked."""
    table: Any = sa.orm.aliased(PastFacet if arm.past else EventFacet, name="f")
    event = sa.orm.aliased(StoredEvent, name="e")
    select: Any = sa.select(table.started_at.label("at"), table.event.label("event"))
    if arm.many:
        select = select.distinct()
    if {"since", "changed_since"} & set(shape.residuals):
        select = select.join(event, event.key == table.event)
    select = select.where(valued(table, prefix + "value", shape.dialect, many=arm.many))
    if arm.since:
        select = select.where(table.started_at >= big(prefix + "since"))
    if "until" in shape.residuals:
        select = select.where(table.started_at < big("until"))
    if shape.as_of:
        select = select.where(*valid(table, version_then(table.event), past=arm.past))
    for n, many in enumerate(arm.probes):
        select = select.where(probe(shape, table.started_at, table.event, f"{prefix}probe{n}", many=many))
    for name in shape.residuals:
        select = select.where(*residual(name, shape.dialect, table.event, event))
    if ordered:
        if shape.keyset:
            select = select.where(beyond(shape, table.started_at, table.event))
        select = select.order_by(*ordering(shape, table.started_at, table.event))
        select = select.limit(sa.literal_column(str(shape.limit))) if shape.limit else select
    return select


def with_bodies(shape: Shape, merged: Any) -> Any:
    """The events' bodies, now or as they stood, in the order asked for."""
    event, change = sa.orm.aliased(StoredEvent, name="e"), sa.orm.aliased(Change, name="c")
    if shape.as_of:
        then = version_then(merged.c.event)
        source = merged.join(change, sa.and_(change.event == merged.c.event, change.version == then))
        updated, key = change.updated_at, merged.c.event
    else:
        source = merged.join(event, event.key == merged.c.event).join(
            change, sa.and_(change.event == event.key, change.version == event.version)
        )
        updated, key = event.updated_at, event.key
    at = merged.c.at if shape.order == "started_at" else sa.type_coerce(updated, sa.BigInteger)
    columns = [change.body, at.label("at"), key.label("key"), change.version, change.after]
    select: Any = sa.select(*columns).select_from(source)
    if shape.order == "updated_at" and shape.keyset:
        select = select.where(beyond(shape, at, key))
    select = select.order_by(*ordering(shape, at, key))
    return select.limit(sa.literal_column(str(shape.limit))) if shape.limit else select


def from_events(shape: Shape) -> Any:
    """Walk events in the order asked for, or take those with known keys, and probe every group."""
    event, change = sa.orm.aliased(StoredEvent, name="e"), sa.orm.aliased(Change, name="c")
    by_key = "keys" in shape.residuals
    column = event.started_at if shape.order == "started_at" else sa.type_coerce(event.updated_at, sa.BigInteger)
    at = column + 0 if by_key else column
    columns = (at.label("at"), event.key.label("key"), event.version.label("version"))
    select: Any = sa.select(*columns).where(event.deleted == sa.false())
    for name in shape.residuals:
        select = select.where(*residual(name, shape.dialect, event.key, event))
    if "until" in shape.residuals:
        select = select.where(event.started_at < big("until"))
    for n, many in enumerate(shape.probes):
        select = select.where(probe(shape, event.started_at, event.key, f"probe{n}", many=many))
    if shape.result == "count":
        return sa.select(sa.func.count()).select_from(select.subquery("found"))
    if shape.keyset:
        select = select.where(beyond(shape, at, event.key))
    select = select.order_by(*ordering(shape, at, event.key))
    picked = (select.limit(sa.literal_column(str(shape.limit))) if shape.limit else select).subquery("picked")
    bodies = sa.select(change.body, picked.c.at, picked.c.key, change.version, change.after)
    same = sa.and_(change.event == picked.c.key, change.version == picked.c.version)
    joined = bodies.select_from(picked.join(change, same))
    return joined.order_by(*ordering(shape, picked.c.at, picked.c.key))


def big(name: str) -> Any:
    """A 64-bit parameter."""
    return sa.bindparam(name, type_=sa.BigInteger())


def valued(table: Any, name: str, dialect: str, *, many: bool) -> Any:
    """The row's value is the one asked for, or one of them."""
    return any_of(table.value, name, dialect) if many else table.value == big(name)


def version_then(event: Any) -> Any:
    """The version that an event had at the change `as_of`; null when it did not exist yet."""
    then = sa.orm.aliased(Change)
    at_most = sa.select(then.version).where(then.event == event, then.seq <= big("as_of"))
    return at_most.order_by(then.version.desc()).limit(sa.literal_column("1")).scalar_subquery()


def valid(table: Any, version: Any, *, past: bool) -> list[Any]:
    """The row held at that version of the event."""
    return [table.since <= version, *([table.upto > version] if past else [])]


def probe(shape: Shape, started_at: Any, event: Any, name: str, *, many: bool) -> Any:
    """The event has one of the group's values, at the time asked about."""
    tables: list[Any] = [EventFacet, PastFacet] if shape.as_of else [EventFacet]
    return sa.or_(*(held(shape, table, started_at, event, name, many=many) for table in tables))


def held(shape: Shape, source: Any, started_at: Any, event: Any, name: str, *, many: bool) -> Any:
    """One table's part of a probe."""
    table: Any = sa.orm.aliased(source)
    found = sa.select(sa.literal(1)).where(
        valued(table, name, shape.dialect, many=many), table.started_at == started_at, table.event == event
    )
    if shape.as_of:
        found = found.where(*valid(table, version_then(event), past=source is PastFacet))
    return found.exists()


def ordering(shape: Shape, at: Any, key: Any) -> list[Any]:
    """The order asked for, ties by id the same way."""
    return [at.desc(), key.desc()] if shape.descending else [at, key]


def beyond(shape: Shape, at: Any, key: Any) -> Any:
    """Past the last row of the page before."""
    here, there = sa.tuple_(at, key), sa.tuple_(big("after_value"), big("after_key"))
    return here < there if shape.descending else here > there


def residual(name: str, dialect: str, event: Any, row: Any) -> list[Any]:
    """A condition that the index cannot settle, as SQL on an event's key or row."""
    kind, _, rest = name.partition(":")
    if kind == "since":
        return [row.ends_at > big("since")]
    if kind == "changed_since":
        return [row.updated_at >= sa.bindparam("changed_since", type_=UtcMicros())]
    if kind == "keys":
        return [any_of(event, "keys", dialect)]
    if kind in {"box", "box_across", "circle"}:
        return [sa.select(sa.literal(1)).where(col(EventPoint.event) == event, *place_conditions(kind)).exists()]
    if kind in {"min", "max"}:
        bound_ = (
            col(EventMeasure.best) >= big(f"min_{rest}")
            if kind == "min"
            else col(EventMeasure.best) <= big(f"max_{rest}")
        )
        known = sa.and_(col(EventMeasure.event) == event, col(EventMeasure.measure) == sa.literal_column(f"'{rest}'"))
        return [sa.select(sa.literal(1)).where(known, bound_).exists()]
    return words_match(name, dialect, event)


def place_conditions(kind: str) -> list[Any]:
    """A located place lies in the box or the circle."""
    number = sa.Float(53)
    if kind == "circle":
        parts = [(col(getattr(EventPoint, axis)) - sa.bindparam("c" + axis, type_=number)) for axis in "xyz"]
        return [parts[0] * parts[0] + parts[1] * parts[1] + parts[2] * parts[2] <= sa.bindparam("chord2", type_=number)]
    west, east = sa.bindparam("west", type_=number), sa.bindparam("east", type_=number)
    lat, lon = col(EventPoint.lat), col(EventPoint.lon)
    meridian = -lon
    join = sa.and_ if kind == "box" else sa.or_
    inside = sa.or_(
        join(lon >= west, lon <= east),
        sa.and_(sa.func.abs(lon) == sa.literal_column("180"), join(meridian >= west, meridian <= east)),
    )
    return [lat >= sa.bindparam("south", type_=number), lat <= sa.bindparam("north", type_=number), inside]


class UtcMicros(UtcTime):
    """A UtcTime column compared with plain microseconds."""

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:  # noqa: ARG002 (SQLAlchemy's signature)
        """Microseconds already."""
        return value
