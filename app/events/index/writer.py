"""Writes what filters read: facet rows with the versions they hold for, places, numbers and words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import filterfalse
from typing import Any

import sqlalchemy as sa
from sqlmodel import col

from app.changes import PendingChange
from app.db import Statement, Transaction, WriteConflict, rows_param, rows_source
from app.events.index.facet_rows import FacetRows, PendingIds, Value
from app.events.index.full_text import insert_text
from app.events.tables import EventMeasure, EventPoint, FacetValue, StoredEvent
from app.events.terms import HASHED_FACETS, SPAN_CLASSES, IndexTerms, Posting, hashed_id, pack, to_unit_vector
from app.events.write.commands import Decision

# Above this many remembered values the memory starts anew.
MAX_CACHED_IDS = 200_000
# The same for postings, each of which is remembered by its identity.
MAX_CACHED_POSTINGS = 50_000


class IndexWriter:
    """Knows the ids of facet values, and brings the index rows to where decisions leave the events."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._ids: dict[Value, int] = {}
        self._known: tuple[dict[Posting, int], ...] = tuple({} for _ in SPAN_CLASSES)
        self._epoch: int | None = None

    def learn(self, committed: Mapping[Value, int]) -> None:
        """Remember the ids of a committed transaction."""
        if len(self._ids) > MAX_CACHED_IDS or max(map(len, self._known)) > MAX_CACHED_POSTINGS:
            self._forget()
        self._ids.update(committed)

    def check_epoch(self, epoch: int) -> None:
        """Ids hold within an epoch of the log: a restored database may have given them to other values."""
        known, self._epoch = self._epoch, epoch
        if known not in {None, epoch}:
            self._forget()
            raise WriteConflict("the database was restored since the ids of facet values were read")

    async def write(
        self,
        tx: Transaction,
        decisions: Sequence[Decision],
        drafts: Sequence[PendingChange],
        notes: PendingIds,
        standing: Mapping[int, bytes | None] | None = None,
    ) -> None:
        """Write all that the decisions change, but for the changes themselves.

        `standing` has the packed states of events that this transaction has indexed anew.
        """
        await self.name_values(tx, [d.terms for d in decisions if d.terms is not None], notes)
        rows = FacetRows(standing)
        for decision, draft in zip(decisions, drafts, strict=True):
            draft.before = rows.packed(decision)
            if decision.terms is not None:
                draft.after = self.packed(decision.terms, notes)
            rows.move(draft, notes)
        await write_events(tx, decisions)
        await rows.write(tx)
        await write_details(tx, last_decisions(decisions))

    def packed(self, terms: IndexTerms, notes: PendingIds) -> bytes:
        """The state as a change carries it, once its values are named."""
        span = terms.span
        known = self._known[span]
        ids: set[Any] = set(map(known.get, terms.postings))
        if None in ids:
            ids.update(self._id(posting, span, notes) for posting in terms.postings if posting not in known)
            ids.discard(None)
        return pack(terms.started_at, terms.ends_at, sorted(ids))

    def _id(self, posting: Posting, span: int, notes: PendingIds) -> int:
        """The id of a posting that was not met since its value was committed."""
        if posting.facet in HASHED_FACETS:
            return hashed_id(posting.facet, posting.value, span)
        value = (posting.facet, posting.value, span, posting.alias)
        found = self._ids.get(value)
        if found is None:
            return notes.learned[value]
        self._known[span][posting] = found
        return found

    def _forget(self) -> None:
        self._ids.clear()
        for known in self._known:
            known.clear()

    async def name_values(self, tx: Transaction, states: Iterable[IndexTerms], notes: PendingIds) -> None:
        """Give every value an id, the first spelling stored being its label."""
        labels: dict[Value, str] = {}
        for terms in states:
            span = terms.span
            for p in filterfalse(self._known[span].__contains__, terms.postings):
                if p.facet not in HASHED_FACETS:
                    labels.setdefault((p.facet, p.value, span, p.alias), p.label)
        unknown = sorted(value for value in labels if value not in self._ids)
        await self._find_values(tx, unknown, notes)
        missing = [value for value in unknown if value not in notes.learned]
        if missing:
            await tx.insert(FacetValue, [value_row(value, labels[value]) for value in missing], ignore=True)
            await self._find_values(tx, missing, notes)

    async def _find_values(self, tx: Transaction, values: Sequence[Value], notes: PendingIds) -> None:
        if not values:
            return
        rows = await tx.rows(values_statement(tx.dialect), rows_param(values, tx.dialect))
        for id, facet, value, span, alias in rows:
            notes.learned[facet, value, span, bool(alias)] = id


def value_row(value: Value, label: str) -> dict[str, Any]:
    """A facet value by its columns."""
    facet, folded, span, alias = value
    return {"facet": facet, "value": folded, "span": span, "alias": alias, "label": label, "events": 0}


def last_decisions(decisions: Iterable[Decision]) -> list[Decision]:
    """The last decision on each event."""
    return list({decision.after.key: decision for decision in decisions}.values())


async def write_events(tx: Transaction, decisions: Sequence[Decision]) -> None:
    """One row an event, as its last decision leaves it."""
    born = {decision.after.key for decision in decisions if decision.operation == "created"}
    last = last_decisions(decisions)
    made = [decision for decision in last if decision.after.key in born]
    terms = {decision.after.key: decision.terms for decision in decisions if decision.terms is not None}
    await tx.insert(StoredEvent, [new_row(decision, terms[decision.after.key]) for decision in made])
    kept = [decision for decision in last if decision.after.key not in born]
    await tx.update(StoredEvent, ("key",), [live_row(decision, decision.terms) for decision in kept if decision.terms])
    await tx.update(StoredEvent, ("key",), [gone_row(decision) for decision in kept if decision.terms is None])


def new_row(decision: Decision, terms: IndexTerms) -> dict[str, Any]:
    """The row of a new event, which a later command of the transaction may have changed or deleted again."""
    after = decision.after
    place = {"started_at": terms.started_at, "ends_at": terms.ends_at, "span": terms.span}
    return {"id": after.id, "kind": after.kind, **gone_row(decision), **place}


def live_row(decision: Decision, terms: IndexTerms) -> dict[str, Any]:
    """What a new version changes in the row."""
    return {**gone_row(decision), "started_at": terms.started_at, "ends_at": terms.ends_at, "span": terms.span}


def gone_row(decision: Decision) -> dict[str, Any]:
    """What every decision changes in the row."""
    after = decision.after
    return {
        "key": after.key,
        "version": after.version,
        "updated_at": decision.updated_at,
        "deleted": after.deleted,
    }


async def write_details(tx: Transaction, last: Sequence[Decision]) -> None:
    """Places, numbers and words of the events as they now stand."""
    changed = [{"event": decision.after.key} for decision in last if decision.before is not None]
    await tx.delete(EventPoint, ("event",), changed)
    await tx.delete(EventMeasure, ("event",), changed)
    live = [(decision.after.key, decision.terms) for decision in last if decision.terms is not None]
    await tx.insert_tuples(EventPoint, POINT_COLUMNS, [row for key, terms in live for row in point_rows(key, terms)])
    measures = [row for key, terms in live for row in measure_rows(key, terms)]
    await tx.insert_tuples(EventMeasure, MEASURE_COLUMNS, measures)
    await insert_text(tx, live, [row["event"] for row in changed])


POINT_COLUMNS = ("event", "n", "lat", "lon", "x", "y", "z")
MEASURE_COLUMNS = ("event", "measure", "low", "best", "high")


def point_rows(key: int, terms: IndexTerms) -> list[tuple[Any, ...]]:
    """Located places, by `POINT_COLUMNS`."""
    return [(key, n, lat, lon, *to_unit_vector(lat, lon)) for n, (lat, lon) in enumerate(terms.points)]


def measure_rows(key: int, terms: IndexTerms) -> list[tuple[Any, ...]]:
    """Numbers, by `MEASURE_COLUMNS`."""
    return [(key, name, *numbers) for name, numbers in terms.measures.items()]


@lru_cache(2)
def values_statement(dialect: str) -> Statement:
    """Ids of many facet values at once."""
    names = ("facet", "value", "span", "alias")
    table = sa.inspect(FacetValue).local_table
    asked, *wanted = rows_source(dialect, *(table.c[name].type for name in names))
    same = [table.c[name] == value for name, value in zip(names, wanted, strict=True)]
    columns = [table.c[name] for name in ("id", *names)]
    return Statement(sa.select(*columns).select_from(asked.join(table, sa.and_(*same))))


async def add_estimates(tx: Transaction, counts: Mapping[int, int]) -> None:
    """Add to the numbers of events that the planner takes facet values to have, by their ids; hashed ids have none."""
    for id, more in sorted(counts.items()):
        if more and id > 0:
            await tx.run(ESTIMATE, {"value_id": id, "more": more})


ESTIMATE = Statement(
    sa.update(FacetValue)
    .where(col(FacetValue.id) == sa.bindparam("value_id", type_=sa.BigInteger))
    .values(events=col(FacetValue.events) + sa.bindparam("more", type_=sa.BigInteger))
)
