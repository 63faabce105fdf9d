"""Which changes a reader asked for: by the packed ids first, by the body only where ids cannot settle it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache, partial
from typing import Any, NamedTuple, Protocol

import orjson
import sqlalchemy as sa
from pydantic import ValidationError

from app.changes import ChangeRecord, LogHead, Position, PositionCache
from app.changes.facet_index import slot_of
from app.db import Database, Statement, as_written, rows_param, rows_source
from app.events.documents import load_event
from app.events.index.readiness import require_indexed
from app.events.read.conditions.base import ResidualCondition, TermGroup
from app.events.read.conditions.time_window import ALWAYS
from app.events.read.filter import ChangeFilter
from app.events.tables import FacetValue
from app.events.terms import HASHED_FACETS, SIGNATURE, SPAN_CLASSES, hashed_id
from app.kinds import Numbers, measures_of, words_of
from app.kit.ids import key_of

# A condition with more values than this is not looked up in the index of the log, unless every condition has more.
MANY_VALUES = 64
MOST_VALUES = 512
# Facet and folded value.
Value = tuple[str, str]

# Under this name every signature of the index is asked for: which of them lack a facet is told by their value.
EVERY_SIGNATURE: Value = (SIGNATURE, "")
# Before every position of every epoch.
NO_POSITION: Position = (0, -1)
IDS: PositionCache[list[tuple[str, str, int]]] = PositionCache()


class IdKeeper(Protocol):
    """Whoever completes the ids of many matchers at once."""

    @property
    def end(self) -> Position:
        """Up to where they are complete."""


class MatchHint(NamedTuple):
    """Which of the two states of a change may match, as far as ids and interval tell."""

    after: bool
    before: bool


class Matcher:
    """A filter made ready for changes: a change matches if the state before or the state after it does.

    The index ids behind the filter are complete up to the position `known`; no change behind it may be judged. A value
    gets a further id in the transaction of the first change that needs it, so `learn` comes before each stretch.
    """

    def __init__(self, filter: ChangeFilter) -> None:
        """Know the filter, the ids that are hashes, and none of those that the database counts."""
        self.groups = (*filter.groups, *filter.barred)
        self._needed = len(filter.groups)
        self._residuals = filter.residuals
        self.places = places_of(self.groups)
        self.sorts = None if filter.change is None else frozenset(filter.change)
        self.keeper: IdKeeper | None = None
        self.forget()
        self.keys = None if filter.ids is None else frozenset(map(key_of, filter.ids))
        self.names = None if filter.ids is None else frozenset(map(str, filter.ids))
        self.window = None if filter.window is ALWAYS else filter.window
        self.settles = bool(self._residuals)
        self.everything = not filter.conditions and self.sorts is None
        self.narrows = bool(self.window or filter.barred or self.sorts is not None or self.keys is not None)

    def forget(self) -> None:
        """Know no counted ids: the database was restored, and may have given them to other values."""
        self.known, self.keeper = NO_POSITION, None
        self.ids: list[set[int]] = [
            {hashed_id(group.facet, value, span) for value in group.values for span in SPAN_CLASSES}
            if group.facet in HASHED_FACETS
            else set()
            for group in self.groups
        ]
        self._slots: list[list[int]] | None = None
        self.needed, self.barred = self.ids[: self._needed], self.ids[self._needed :]

    def knows(self, epoch: int, seq: int) -> bool:
        """The ids are complete up to this position."""
        known = self.complete_to
        return not self.places or (known[0] == epoch and seq <= known[1])

    @property
    def complete_to(self) -> Position:
        """Up to where the ids are complete: as was read, or further by whoever keeps them complete."""
        return self.known if self.keeper is None else max(self.known, self.keeper.end)

    async def learn(self, db: Database, epoch: int, seq: int) -> bool:
        """Complete the ids up to a position; False when the database is not that far, as after a restore.

        A replica may be behind the one that told the position; then the primary is asked. Unavailable while stored
        changes do not carry the ids of a new or changed facet yet.
        """
        await require_indexed(db, self.groups, stored=True)
        for primary in (False, True):
            if self.knows(epoch, seq):
                break
            values = tuple(self.places)
            position, found = await IDS.get(db, values, (epoch, seq), partial(read_ids, db, values, primary=primary))
            if position[0] != self.complete_to[0]:
                self.forget()
            for facet, value, id in found:
                self.add(facet, value, id)
            self.known = max(self.known, position)
        return self.knows(epoch, seq)

    def add(self, facet: str, value: str, id: int) -> None:
        """Take in an id of a value that the filter asks for."""
        for place in self.places[lookup_key(facet, value)]:
            if self.groups[place].admits(value):
                self.ids[place].add(id)
                self._slots = None

    @property
    def slots(self) -> list[list[int]]:
        """What to look up in the index of the log: a change has one number of every list; none: it must be scanned."""
        if self._slots is None:
            lists = sorted((sorted(set(map(slot_of, ids))) for ids in self.needed), key=len)
            few = [numbers for numbers in lists if len(numbers) <= MANY_VALUES]
            self._slots = few or [numbers for numbers in lists[:1] if len(numbers) <= MOST_VALUES]
        return self._slots

    @property
    def slots_suffice(self) -> bool:
        """The index of the log finds what matches and nothing else: one group is asked for, by numbers of its own."""
        return len(self.needed) == 1 and not (self.narrows or self.settles) and min(self.needed[0], default=-1) >= 0

    @property
    def cannot_match(self) -> bool:
        """Some group that must be met has no ids: nothing in the log up to `known` can match."""
        return not all(self.needed)

    def match_hint(self, event: int, before: bytes | None, after: bytes | None) -> MatchHint | None:
        """What ids and interval tell of a change; None when neither state can match."""
        if self.keys is not None and event not in self.keys:
            return None
        if self.sorts is not None and change_type(before, after) not in self.sorts:
            return None
        now = after is not None and self.may_match(after)
        if before is None:
            was = False
        elif before == after:
            was = now
        else:
            was = (self.settles or not now) and self.may_match(before)
        return MatchHint(now, was) if now or was else None

    def may_match(self, packed: bytes) -> bool:
        """The packed state passes every test that needs no body."""
        numbers = memoryview(packed).cast("q")
        if self.window is not None and not self.window.overlaps(numbers[0], numbers[1]):
            return False
        held = numbers[2:]
        return all(ids.isdisjoint(held) for ids in self.barred) and not any(ids.isdisjoint(held) for ids in self.needed)

    def is_asked(self, entry: ChangeRecord) -> bool:
        """The whole id is one of those asked for, where ids are asked for."""
        return self.names is None or as_written(entry.id) in self.names

    def settle(self, body: bytes) -> bool:
        """The state passes the tests that the index only narrows.

        A body erased for legal reasons, and one that this version can no longer read, pass: whoever may have a copy
        must learn of the change.
        """
        data = orjson.loads(body)
        if "deleted_at" in data:
            return True
        event = JsonView(data)
        return all(may_match(condition, event) for condition in self._residuals)


class JsonView:
    """An event in its public JSON, of which only that is read which a condition asks."""

    def __init__(self, data: dict[str, Any]) -> None:
        """Read nothing yet."""
        self._data = data

    @cached_property
    def points(self) -> tuple[tuple[float, float], ...]:
        """Latitude and longitude of each location but those of a launch."""
        return tuple(
            (place["lat"], place["lon"])
            for place in self._data["locations"]
            if place["lat"] is not None and place["lon"] is not None and place["role"] != "launch"
        )

    @cached_property
    def measures(self) -> dict[str, Numbers]:
        """The numbers, which only the event's kind can read."""
        return measures_of(load_event(self._data))

    @cached_property
    def text(self) -> str:
        """The words as they are indexed."""
        return words_of(self._data)


def may_match(condition: ResidualCondition, event: JsonView) -> bool:
    """The event meets the condition, or can no longer be read for it."""
    try:
        return condition.matches(event)
    except ValidationError:
        return True


def places_of(groups: Iterable[TermGroup]) -> dict[Value, list[int]]:
    """The values whose ids the database counts, each with the places of the groups that ask for it."""
    places: dict[Value, list[int]] = {}
    for place, group in enumerate(groups):
        if group.facet not in HASHED_FACETS:
            for value in {lookup_key(group.facet, value) for value in group.values}:
                places.setdefault(value, []).append(place)
    return places


def change_type(before: bytes | None, after: bytes | None) -> str:
    """Which sort of change leads from one packed state to the other: no event is written again once it is deleted."""
    if after is None:
        return "deleted"
    return "created" if before is None else "updated"


def lookup_key(facet: str, value: str) -> Value:
    """The name under which the ids of a value are asked for."""
    return EVERY_SIGNATURE if facet == SIGNATURE else (facet, value)


async def read_ids(
    db: Database, values: Sequence[Value], *, primary: bool = False
) -> tuple[Position, list[tuple[str, str, int]]]:
    """All ids of these values up to a position, which is read in the same statement and so from the same state."""
    statement = ids_statement(db.dialect, signatures=EVERY_SIGNATURE in values)
    rows = await db.rows(statement, rows_param(values, db.dialect), primary=primary)
    [position] = [(epoch, seq) for epoch, _, _, seq in rows if epoch]
    return position, [(facet, value, id) for epoch, facet, value, id in rows if not epoch]


@lru_cache(4)
def ids_statement(dialect: str, *, signatures: bool) -> Statement:
    """One row with epoch and sequence of the head, and one for each id with an epoch of zero."""
    asked, facet, value = rows_source(dialect, sa.Text(), sa.Text())
    known, head = sa.inspect(FacetValue).local_table, sa.inspect(LogHead).local_table
    nothing, zero = sa.literal_column("''", sa.Text), sa.literal_column("0", sa.Integer)
    same = sa.and_(known.c.facet == facet, known.c.value == value)
    ids = sa.select(zero, known.c.facet, known.c.value, known.c.id).select_from(asked.join(known, same))
    every = sa.select(zero, known.c.facet, known.c.value, known.c.id).where(known.c.facet == SIGNATURE)
    parts = [sa.select(head.c.epoch, nothing, nothing, head.c.seq), ids, *([every] if signatures else [])]
    return Statement(sa.union_all(*parts))
