"""New index ids reach the filters of open streams without a query for each stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlmodel import col

from app.db import Statement, any_of
from app.events.facts import unpack
from app.events.model import FacetValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from app.changes import Entry
    from app.db import Database
    from app.feed.match import Matcher

# Above this many remembered ids the memory starts anew.
REMEMBERED = 200_000
Value = tuple[str, str]


def named(dialect: str) -> Statement:
    """Facet and value behind index ids."""
    columns = [col(FacetValue.id), col(FacetValue.facet), col(FacetValue.value)]
    return Statement(sa.select(*columns).where(any_of(col(FacetValue.id), "ids", dialect)))


NAMED = {dialect: named(dialect) for dialect in ("sqlite", "postgresql")}


class Vocabulary:
    """Tells the filters that are followed when a value they ask for gets a further id.

    Follow first, resolve the matcher second: what had its id before is then found by resolving, what gets it later
    comes with a change that the hub reads.
    """

    def __init__(self, db: Database) -> None:
        """Follow nobody, know no ids."""
        self._db = db
        self._seen: set[int] = set()
        self._interest: dict[Value, list[tuple[Matcher, int]]] = {}

    def follow(self, matcher: Matcher) -> None:
        """Keep this matcher's ids complete from now on."""
        for value, place in values_of(matcher):
            self._interest.setdefault(value, []).append((matcher, place))

    def leave(self, matcher: Matcher) -> None:
        """Forget the matcher."""
        for value, _ in values_of(matcher):
            kept = [known for known in self._interest.get(value, ()) if known[0] is not matcher]
            if kept:
                self._interest[value] = kept
            else:
                self._interest.pop(value, None)

    async def learn(self, entries: Sequence[Entry]) -> None:
        """Look at the ids that these changes bring for the first time."""
        if not self._interest:
            return
        fresh = {number for entry in entries for number in ids_of(entry)} - self._seen
        if not fresh:
            return
        rows = await self._db.rows(NAMED[self._db.dialect], {"ids": self._db.as_list(sorted(fresh))})
        self._teach(rows)
        if len(self._seen) > REMEMBERED:
            self._seen.clear()
        self._seen |= fresh

    def _teach(self, rows: Iterable[tuple[int, str, str]]) -> None:
        for number, facet, value in rows:
            for matcher, place in self._interest.get((facet, value), ()):
                matcher.ids[place].add(number)


def values_of(matcher: Matcher) -> list[tuple[Value, int]]:
    """What a matcher asks for, with the place of the group that asks."""
    groups = matcher.wanted.groups
    return [((group.facet, value), place) for place, group in enumerate(groups) for value in group.values]


def ids_of(entry: Entry) -> list[int]:
    """The counted ids of the state after a change; hashed ones, below zero, are known beforehand."""
    return [] if entry.after is None else [number for number in unpack(entry.after)[2:] if number > 0]
