"""The facet rows that a transaction adds, closes and moves to the past, so that questions about the past find them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

import sqlalchemy as sa

from app.db import Statement, Transaction, rows_param, rows_source
from app.events.tables import EventFacet, PastFacet
from app.events.terms import unpack
from app.events.write.commands import Decision

Value = tuple[str, str, int, bool]
Row = tuple[int, int, int]


class PendingIds(Protocol):
    """Where an attempt keeps what holds only once it is committed."""

    learned: dict[Value, int]
    counted: Counter[int]


class Step(Protocol):
    """What a version changes in the index: the packed states before and after it."""

    @property
    def event(self) -> int:
        """The key of the event."""

    @property
    def version(self) -> int:
        """The number of the version."""

    @property
    def before(self) -> bytes | None:
        """None where there was no event."""

    @property
    def after(self) -> bytes | None:
        """None where there is none any more."""


class NewEvent(NamedTuple):
    """An event that this transaction adds, as it is in its first version."""

    started_at: int
    event: int
    version: int
    values: Sequence[int]


class FacetRows:
    """The facet rows a transaction adds, closes and moves to the past."""

    def __init__(self, standing: Mapping[int, bytes | None] | None = None) -> None:
        """Nothing yet; `standing` has the states of events that were indexed anew since they were read."""
        self.closed: dict[Row, int] = {}
        self.passed: list[tuple[Row, int, int]] = []
        self._now: dict[int, bytes | None] = dict(standing or {})
        self._new: dict[int, NewEvent] = {}
        self._added: dict[Row, int] = {}

    @property
    def added(self) -> dict[Row, int]:
        """The rows to be, each with the version since which it holds."""
        for event in list(self._new):
            self._spell_out(event)
        return self._added

    def packed(self, decision: Decision) -> bytes | None:
        """The state before this decision."""
        if decision.before is None:
            return None
        return self._now.get(decision.before.key, decision.before.packed)

    def move(self, draft: Step, notes: PendingIds) -> None:
        """Take the event from the state before to the state after."""
        if draft.before is None and draft.after is not None and draft.event not in self._now:
            started_at, _, *values = unpack(draft.after)
            self._new[draft.event] = NewEvent(started_at, draft.event, draft.version, values)
            self._now[draft.event] = draft.after
            notes.counted.update(values)
            return
        self._spell_out(draft.event)
        before, after = rows_of(draft.event, draft.before), rows_of(draft.event, draft.after)
        self._now[draft.event] = draft.after
        for row in before - after:
            notes.counted[row[0]] -= 1
            if row in self._added:
                self.passed.append((row, self._added.pop(row), draft.version))
            else:
                self.closed[row] = draft.version
        for row in after - before:
            notes.counted[row[0]] += 1
            self._added[row] = draft.version

    def _spell_out(self, event: int) -> None:
        """Go on row by row with an event that is changed again."""
        if event in self._new:
            new = self._new.pop(event)
            self._added.update(dict.fromkeys(((value, new.started_at, event) for value in new.values), new.version))

    async def write(self, tx: Transaction) -> None:
        """Close first: a row may be closed and added again in one transaction."""
        closed = [row_values(row) | {"upto": upto} for row, upto in sorted(self.closed.items())]
        if closed:
            await move_to_past(tx, closed)
            await tx.delete(EventFacet, ("value", "started_at", "event"), closed)
        await tx.insert_tuples(EventFacet, ("value", "started_at", "event", "since"), self._rows())
        await tx.insert(
            PastFacet, [row_values(row) | {"since": since, "upto": upto} for row, since, upto in self.passed]
        )

    def _rows(self) -> Iterator[tuple[int, int, int, int]]:
        """The rows to be, in the order of their keys."""
        found: defaultdict[int, list[tuple[int, int, int]]] = defaultdict(list)
        for new in sorted(self._new.values()):
            row = new[:3]
            for value in new.values:
                found[value].append(row)
        for (value, started_at, event), version in self._added.items():
            found[value].append((started_at, event, version))
        for value in sorted(found):
            some = found[value]
            if self._added:
                some.sort()
            for started_at, event, version in some:
                yield value, started_at, event, version


def rows_of(event: int, packed: bytes | None) -> set[Row]:
    """The facet rows of a state."""
    if packed is None:
        return set()
    started_at, _, *ids = unpack(packed)
    return {(value, started_at, event) for value in ids}


def row_values(row: Row) -> dict[str, int]:
    """A facet row by its columns."""
    return {"value": row[0], "started_at": row[1], "event": row[2]}


async def move_to_past(tx: Transaction, closed: Sequence[Mapping[str, int]]) -> None:
    """Copy rows that end into the past, each with the version since which it held."""
    rows = [tuple(row[name] for name in ("value", "started_at", "event", "upto")) for row in closed]
    await tx.run(move_to_past_statement(tx.dialect), rows_param(rows, tx.dialect))


@lru_cache(2)
def move_to_past_statement(dialect: str) -> Statement:
    """Insert into the past what the present still holds."""
    now = sa.inspect(EventFacet).local_table
    gone, value, started_at, event, upto = rows_source(dialect, *[sa.BigInteger()] * 4)
    same = sa.and_(now.c.value == value, now.c.started_at == started_at, now.c.event == event)
    picked = sa.select(now.c.value, now.c.started_at, now.c.event, now.c.since, upto).select_from(gone.join(now, same))
    return Statement(sa.insert(PastFacet).from_select(["value", "started_at", "event", "since", "upto"], picked))
