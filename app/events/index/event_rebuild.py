"""Brings the index of single events, from all their versions, to what this program reads in their bodies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa
from pydantic import ValidationError
from sqlmodel import col

from app.changes import Change
from app.changes.facet_index import MovedIds
from app.db import Statement, Transaction, any_of, array_param
from app.events.documents import load_event
from app.events.index.facet_rows import FacetRows, PendingIds, Value, row_values
from app.events.index.full_text import insert_text
from app.events.index.writer import MEASURE_COLUMNS, POINT_COLUMNS, IndexWriter, measure_rows, point_rows
from app.events.tables import EventFacet, EventMeasure, EventPoint, FacetValue, PastFacet, StoredEvent
from app.events.terms import IndexTerms, Posting, index_terms, unpack
from app.kinds import Numbers

# Versions that are held in memory at a time, unless one event has more; a body has at most 256 KiB.
BATCH = 200


@dataclass
class Version:
    """A change of the log, and what it changes in the index."""

    event: int
    version: int
    seq: int
    kind: str
    body: bytes
    before: bytes | None
    after: bytes | None
    stands: bool
    started_at: int
    ends_at: int
    span: int
    terms: IndexTerms | None = field(init=False, default=None)
    erased: bool = field(init=False)

    def __post_init__(self) -> None:
        """Read the body. One that cannot be read any more keeps the facets that it had."""
        data = orjson.loads(self.body)
        self.erased = data.get("erased", False)
        if "deleted_at" not in data:
            try:
                self.terms = index_terms(load_event(data))
            except ValidationError:
                self.terms = None


class Step(NamedTuple):
    """A version and the packed states before and after it."""

    event: int
    version: int
    before: bytes | None
    after: bytes | None


@dataclass
class LearnedIds:
    """What a batch learns."""

    learned: dict[Value, int] = field(default_factory=dict)
    counted: Counter[int] = field(default_factory=Counter)


class Rebuilt(NamedTuple):
    """The states that now stand, by event, what `count` has to be told, and what `move_ids` has."""

    standing: dict[int, bytes | None]
    counts: list[tuple[int, str, IndexTerms]]
    moved: list[MovedIds]


NOTHING = Rebuilt({}, [], [])


async def next_versions(tx: Transaction, after: int, kinds: Sequence[str] | None = None) -> list[Version]:
    """All versions of the next events, of these kinds if any: some 200, or those of an event that has more."""
    values = {"after": after} if kinds is None else {"after": after, "kinds": array_param(kinds, tx.dialect)}
    rows = await tx.rows(versions_after(tx.dialect, by_kind=kinds is not None), values)
    if len(rows) == BATCH:
        last = rows[-1][0]
        rows = [row for row in rows if row[0] != last]
        if not rows:
            return await versions_of(tx, [last])
    return [Version(*row) for row in rows]


async def versions_of(tx: Transaction, events: Sequence[int]) -> list[Version]:
    """All versions of these events."""
    rows = await tx.rows(versions_among(tx.dialect), {"events": array_param(events, tx.dialect)})
    return [Version(*row) for row in rows]


async def rebuild_events(
    tx: Transaction,
    index: IndexWriter,
    versions: Sequence[Version],
    memory: PendingIds,
    *,
    held: bool = True,
    words: bool = False,
    whole: bool = False,
) -> Rebuilt:
    """Bring the index of some events, given with all their versions in order, to what their bodies call for.

    Not `held`, the index has nothing of them. Without `words` the text stays, and without `whole` places do too.
    """
    versions = [version for version in versions if not version.erased]
    if not versions:
        return NOTHING
    await index.name_values(tx, [version.terms for version in versions if version.terms is not None], memory)
    was, now, before = FacetRows(), FacetRows(), LearnedIds()
    standing: dict[int, bytes | None] = {}
    moved: list[MovedIds] = []
    for version in versions:
        step = Step(
            version.event,
            version.version,
            standing.get(version.event),
            version.after if version.terms is None else index.packed(version.terms, memory),
        )
        standing[version.event] = step.after
        now.move(step, memory)
        if held:
            was.move(version, before)
        if (step.before, step.after) != (version.before, version.after):
            moved.append(MovedIds(version.seq, (version.before, version.after), (step.before, step.after)))
    for id, number in before.counted.items():
        memory.counted[id] -= number
    await write_facets(tx, was, now)
    await tx.update(Change, ("seq",), [{"seq": seq, "before": new[0], "after": new[1]} for seq, _, new in moved])
    live = [(version, version.terms) for version in versions if version.stands and version.terms is not None]
    counts = [(1, version.kind, terms) for version, terms in live]
    known = await indexed_terms(tx, [version for version, _ in live]) if held else {}
    counts += [(-1, version.kind, known[version.event]) for version, _ in live if held]
    await write_present(tx, live, known, words=words or whole, whole=whole)
    return Rebuilt(standing, counts, moved)


async def write_facets(tx: Transaction, was: FacetRows, now: FacetRows) -> None:
    """Write the difference between the rows that were and those that are to be."""
    gone = [row_values(row) for row, since in was.added.items() if now.added.get(row) != since]
    await tx.delete(EventFacet, ("value", "started_at", "event"), gone)
    added = [{**row_values(row), "since": n} for row, n in sorted(now.added.items()) if was.added.get(row) != n]
    await tx.insert(EventFacet, added)
    old, new = set(was.passed), set(now.passed)
    past = [{**row_values(row), "since": since} for row, since, _ in sorted(old - new)]
    await tx.delete(PastFacet, ("value", "started_at", "event", "since"), past)
    await tx.insert(
        PastFacet, [{**row_values(row), "since": since, "upto": upto} for row, since, upto in sorted(new - old)]
    )


async def write_present(
    tx: Transaction,
    live: Sequence[tuple[Version, IndexTerms]],
    known: Mapping[int, IndexTerms],
    *,
    words: bool,
    whole: bool,
) -> None:
    """Write what only the versions that stand now have: time, numbers, and on request words and places."""
    times = [
        {"key": version.event, "started_at": terms.started_at, "ends_at": terms.ends_at, "span": terms.span}
        for version, terms in live
        if (version.started_at, version.ends_at, version.span) != (terms.started_at, terms.ends_at, terms.span)
    ]
    await tx.update(StoredEvent, ("key",), times)
    numbered = [(v, t) for v, t in live if v.event not in known or known[v.event].measures != t.measures]
    await tx.delete(EventMeasure, ("event",), [{"event": v.event} for v, _ in numbered if v.event in known])
    measures = [row for v, terms in numbered for row in measure_rows(v.event, terms)]
    await tx.insert_tuples(EventMeasure, MEASURE_COLUMNS, measures)
    held = [version.event for version, _ in live if version.event in known]
    if whole:
        await tx.delete(EventPoint, ("event",), [{"event": event} for event in held])
        points = [row for v, terms in live for row in point_rows(v.event, terms)]
        await tx.insert_tuples(EventPoint, POINT_COLUMNS, points)
    if words:
        await insert_text(tx, [(version.event, terms) for version, terms in live], held)


async def indexed_terms(tx: Transaction, versions: Sequence[Version]) -> dict[int, IndexTerms]:
    """What the rollup counted of these events: their times, countries and numbers as the index has them."""
    countries = dict(list(map(tuple, await tx.rows(COUNTRIES))))
    events = array_param([version.event for version in versions], tx.dialect)
    measures: dict[int, dict[str, Numbers]] = {version.event: {} for version in versions}
    for event, measure, *numbers in await tx.rows(measures_statement(tx.dialect), {"events": events}):
        measures[event][measure] = Numbers(*numbers)
    found: dict[int, IndexTerms] = {}
    for version in versions:
        names = [countries[id] for id in unpack(version.after or b"")[2:] if id in countries]
        postings = tuple(Posting("country", name, name, alias=False) for name in names)
        found[version.event] = IndexTerms(
            postings, version.started_at, version.ends_at, (), measures[version.event], ""
        )
    return found


COLUMNS: tuple[Any, ...] = (
    col(Change.event),
    col(Change.version),
    col(Change.seq),
    col(Change.kind),
    col(Change.body),
    col(Change.before),
    col(Change.after),
    sa.and_(col(StoredEvent.version) == col(Change.version), sa.not_(col(StoredEvent.deleted))).label("stands"),
    col(StoredEvent.started_at),
    col(StoredEvent.ends_at),
    col(StoredEvent.span),
)
VERSIONS = (
    sa.select(*COLUMNS)
    .join(StoredEvent, col(StoredEvent.key) == col(Change.event))
    .order_by(col(Change.event), col(Change.version))
)
COUNTRIES = Statement(
    sa.select(col(FacetValue.id), col(FacetValue.value)).where(
        col(FacetValue.facet) == "country", col(FacetValue.alias) == sa.false()
    )
)


@lru_cache(4)
def versions_after(dialect: str, *, by_kind: bool) -> Statement:
    """The versions of the next events, of some kinds or of any."""
    asked = [any_of(col(Change.kind), "kinds", dialect)] if by_kind else []
    later = col(Change.event) > sa.bindparam("after", type_=sa.BigInteger)
    return Statement(VERSIONS.where(later, *asked).limit(BATCH))


@lru_cache(2)
def versions_among(dialect: str) -> Statement:
    """The versions of these events."""
    return Statement(VERSIONS.where(any_of(col(Change.event), "events", dialect)))


@lru_cache(2)
def measures_statement(dialect: str) -> Statement:
    """The numbers that the index has of these events."""
    columns = (EventMeasure.event, EventMeasure.measure, EventMeasure.low, EventMeasure.best, EventMeasure.high)
    return Statement(sa.select(*map(col, columns)).where(any_of(col(EventMeasure.event), "events", dialect)))
