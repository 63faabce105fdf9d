"""New index ids reach the filters of open streams without a query for each stream."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlmodel import col

from app.changes import ChangeRecord
from app.db import Database, Statement, any_of
from app.events.tables import FacetValue
from app.events.terms import unpack
from app.feed.matcher import Matcher
from app.feed.value_ids import Position, Value, lookup_key

# Above this many remembered ids the memory starts anew.
MAX_CACHED = 200_000


def values_statement(dialect: str) -> Statement:
    """Facet and value behind index ids."""
    columns = [col(FacetValue.facet), col(FacetValue.value), col(FacetValue.id)]
    return Statement(sa.select(*columns).where(any_of(col(FacetValue.id), "ids", dialect)))


FIND_VALUES = {dialect: values_statement(dialect) for dialect in ("sqlite", "postgresql")}


class TermUpdates:
    """Tells the filters that are followed when a value they ask for gets a further id.

    Only a filter whose ids are complete up to where a stretch of the log begins is complete at its end. Any other, such
    as one that was followed a moment ago, reads its ids itself before it judges a change.
    """

    def __init__(self, db: Database) -> None:
        """Follow nobody, know no ids."""
        self._db = db
        self._seen: set[int] = set()
        self._followed: set[Matcher] = set()
        self._interest: dict[Value, set[Matcher]] = {}

    def follow(self, matcher: Matcher) -> None:
        """Keep this matcher's ids complete from now on."""
        self._followed.add(matcher)
        for value in matcher.places:
            self._interest.setdefault(value, set()).add(matcher)

    def leave(self, matcher: Matcher) -> None:
        """Follow the matcher no more."""
        self._followed.discard(matcher)
        for value in matcher.places:
            asking = self._interest.get(value, set())
            asking.discard(matcher)
            if not asking:
                self._interest.pop(value, None)

    def forget(self) -> None:
        """Begin anew: the database was restored, and may have given the ids to other values."""
        self._seen.clear()
        for matcher in self._followed:
            matcher.forget()

    async def learn(self, entries: Sequence[ChangeRecord], begin: int, end: Position) -> None:
        """Take in the unbroken stretch of the log from `begin`, a sequence, to `end`."""
        if not self._interest:
            return
        fresh = {number for entry in entries for number in ids_of(entry)} - self._seen
        if fresh:
            self._teach(await self._db.rows(FIND_VALUES[self._db.dialect], {"ids": self._db.as_list(sorted(fresh))}))
        if len(self._seen) > MAX_CACHED:
            self._seen.clear()
        self._seen |= fresh
        epoch, seq = end
        for matcher in self._followed:
            if matcher.known[0] == epoch and begin <= matcher.known[1] < seq:
                matcher.known = end

    def _teach(self, rows: Iterable[tuple[str, str, int]]) -> None:
        for facet, value, id in rows:
            for matcher in self._interest.get(lookup_key(facet, value), ()):
                matcher.add(facet, value, id)


def ids_of(entry: ChangeRecord) -> list[int]:
    """The counted ids of the state after a change; hashed ones, below zero, are known beforehand."""
    return [] if entry.after is None else [number for number in unpack(entry.after)[2:] if number > 0]
