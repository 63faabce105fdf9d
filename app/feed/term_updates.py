"""New index ids and new changes reach the filters that are followed, without a look at each filter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import sqlalchemy as sa
from sqlmodel import col

from app.changes import ChangeRecord, Position
from app.changes.facet_index import OpenBlocks, slot_of
from app.db import Database, Statement, any_of
from app.events.tables import FacetValue
from app.events.terms import unpack
from app.feed.matcher import NO_POSITION, Matcher, Value, lookup_key

# Above this many remembered ids the memory starts anew.
MAX_CACHED = 200_000


def values_statement(dialect: str) -> Statement:
    """Facet and value behind index ids."""
    columns = [col(FacetValue.facet), col(FacetValue.value), col(FacetValue.id)]
    return Statement(sa.select(*columns).where(any_of(col(FacetValue.id), "ids", dialect)))


FIND_VALUES = {dialect: values_statement(dialect) for dialect in ("sqlite", "postgresql")}


class TermUpdates:
    """Tells the filters that are followed when a value they ask for gets a further id, and when a change may match.

    Only a filter whose ids are complete up to where a stretch of the log begins is complete at its end: it is in step.
    Any other, such as one that was followed a moment ago, reads its ids itself before it judges a change. One
    whose reader came to the end rests until a change may match: each change is looked up among the filters by its
    values, and not each filter asked about the change.
    """

    def __init__(self, db: Database, newest: OpenBlocks) -> None:
        """Follow nobody, know no ids; `newest` tells how frequent values are."""
        self.end: Position = NO_POSITION
        self._db = db
        self._newest = newest
        self._seen: set[int] = set()
        self._late: set[Matcher] = set()
        self._in_step: set[Matcher] = set()
        self._interest: dict[Value, set[Matcher]] = {}
        self._arrived: Position = NO_POSITION
        self._wakes: dict[Matcher, Callable[[], None]] = {}
        self._awake: set[Matcher] = set()
        self._rested: dict[Matcher, int] = {}
        self._drivers: dict[Matcher, int] = {}
        self._listed: dict[Matcher, set[int]] = {}
        self._by_id: dict[int, set[Matcher]] = {}

    def follow(self, matcher: Matcher, wake: Callable[[], None] | None = None) -> None:
        """Keep this matcher's ids complete from now on; call `wake` for each stretch in which something may match."""
        self._late.add(matcher)
        for value in matcher.places:
            self._interest.setdefault(value, set()).add(matcher)
        if wake is not None:
            self._wakes[matcher] = wake
            self._awake.add(matcher)

    def leave(self, matcher: Matcher) -> None:
        """Follow the matcher no more."""
        for some in (self._late, self._in_step, self._awake):
            some.discard(matcher)
        self._wakes.pop(matcher, None)
        self._rested.pop(matcher, None)
        self._drivers.pop(matcher, None)
        self._list(matcher, set())
        for value in matcher.places:
            asking = self._interest.get(value, set())
            asking.discard(matcher)
            if not asking:
                self._interest.pop(value, None)

    def forget(self) -> None:
        """Begin anew: the database was restored, and may have given the ids to other values."""
        self._seen.clear()
        self._late |= self._in_step
        self._in_step.clear()
        self.end = self._arrived = NO_POSITION
        for matcher in self._late:
            matcher.forget()
        self._rouse(self._wakes)

    def rest(self, matcher: Matcher, at: Position) -> None:
        """All up to a position was read: leave the matcher alone until a change behind it may match."""
        if at < self._arrived or not matcher.needed or not matcher.knows(*at):
            return
        self._drivers[matcher] = min(range(len(matcher.needed)), key=lambda place: self._weight(matcher.needed[place]))
        self._list(matcher, set(matcher.needed[self._drivers[matcher]]))
        self._rested[matcher] = at[1]
        self._awake.discard(matcher)

    def is_resting(self, matcher: Matcher, after: int, upto: Position) -> bool:
        """Nothing between the two matches: the matcher rests since a position that is not behind the first."""
        return upto <= self._arrived and upto[0] == self._arrived[0] and self._rested.get(matcher, after + 1) <= after

    async def learn(self, entries: Sequence[ChangeRecord], begin: int, end: Position) -> None:
        """Take in the unbroken stretch of the log from `begin`, a sequence, to `end`."""
        if self._interest:
            fresh = {number for entry in entries for number in ids_of(entry)} - self._seen
            if fresh:
                ids = {"ids": self._db.as_list(sorted(fresh))}
                self._teach(await self._db.rows(FIND_VALUES[self._db.dialect], ids))
            if len(self._seen) > MAX_CACHED:
                self._seen.clear()
            self._seen |= fresh
        self._step(begin, end)

    def _step(self, begin: int, end: Position) -> None:
        """Let those go in step whose ids were complete where the stretch begins, and the others read them."""
        if self.end != (end[0], begin):
            for matcher in self._in_step:
                matcher.known, matcher.keeper = matcher.complete_to, None
            self._late |= self._in_step
            self._in_step.clear()
        self.end = end
        ready = {m for m in self._late if m.known[0] == end[0] and begin <= m.known[1]}
        for matcher in ready:
            matcher.keeper = self
        self._late -= ready
        self._in_step |= ready

    def _teach(self, rows: Iterable[tuple[str, str, int]]) -> None:
        for facet, value, id in rows:
            for matcher in self._interest.get(lookup_key(facet, value), ()):
                matcher.add(facet, value, id)
                if (place := self._drivers.get(matcher)) is not None:
                    self._list(matcher, set(matcher.needed[place]))

    def arrive(self, entries: Sequence[ChangeRecord], begin: int, end: Position) -> None:
        """Wake whom the changes from `begin` to `end` may concern, and who does not rest."""
        if self._arrived != (end[0], begin):
            self._rouse(self._rested)
        self._arrived = end
        self._rouse([matcher for matcher in self._late if matcher.places])
        for entry in entries if self._rested else ():
            for id in {id for packed in (entry.before, entry.after) if packed for id in unpack(packed)[2:]}:
                self._rouse(
                    [
                        matcher
                        for matcher in self._by_id.get(id, ())
                        if matcher in self._rested and matcher.match_hint(entry.event, entry.before, entry.after)
                    ]
                )
        for matcher in self._awake:
            self._wakes[matcher]()

    def _rouse(self, matchers: Iterable[Matcher]) -> None:
        for matcher in list(matchers):
            self._rested.pop(matcher, None)
            if matcher in self._wakes:
                self._awake.add(matcher)
                self._wakes[matcher]()

    def _list(self, matcher: Matcher, ids: set[int]) -> None:
        """Look the matcher up under these ids."""
        known = self._listed.pop(matcher, set())
        for id in known - ids:
            asking = self._by_id.get(id, set())
            asking.discard(matcher)
            if not asking:
                self._by_id.pop(id, None)
        for id in ids - known:
            self._by_id.setdefault(id, set()).add(matcher)
        if ids:
            self._listed[matcher] = ids

    def _weight(self, ids: Iterable[int]) -> int:
        return self._newest.count({slot_of(id) for id in ids})


def ids_of(entry: ChangeRecord) -> list[int]:
    """The counted ids of the state after a change; hashed ones, below zero, are known beforehand."""
    return [] if entry.after is None else [number for number in unpack(entry.after)[2:] if number > 0]
