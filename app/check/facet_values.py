"""The ids of facet values: those that the database has, and those that are missing."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from app.check.paging import pages
from app.check.report import ReportPart
from app.check.row_store import RowStore
from app.db import Statement, Transaction
from app.events.index.writer import value_row
from app.events.tables import FacetValue
from app.events.terms import HASHED_FACETS, IndexTerms, Posting, hashed_id, pack
from app.kinds import fold

TABLE = sa.inspect(FacetValue).local_table
COLUMNS = ("id", "facet", "value", "span", "alias", "label", "events")
# Above this many remembered ids the memory starts anew.
MAX_CACHED = 200_000
# Ids that stand in for those of missing values; no counted id comes near them.
STAND_INS = 1 << 62
NEWEST = Statement(sa.select(TABLE.c.id).where(*(TABLE.c[name] == sa.bindparam(name) for name in COLUMNS[1:5])))
FIND = "SELECT id, label FROM name WHERE facet = ? AND value = ? AND span = ? AND alias = ?"


class FacetValueIds:
    """Finds the id of each value, and makes those that are missing if it may."""

    def __init__(self, tx: Transaction, scratch: RowStore, part: ReportPart, *, make: bool) -> None:
        """Know nothing before `load`."""
        self._tx = tx
        self._file = scratch.file
        self._part = part
        self._make = make
        self._known: dict[tuple[str, str, int, bool], int] = {}
        self._stand_in = STAND_INS
        self.made = 0

    async def load(self) -> None:
        """Read the table."""
        self._file.execute("CREATE TABLE name (id INTEGER PRIMARY KEY, facet, value, span, alias, label, events)")
        async for rows in pages(self._tx, [TABLE.c[name] for name in COLUMNS], [TABLE.c.id]):
            self._file.executemany("INSERT INTO name VALUES (?, ?, ?, ?, ?, ?, ?)", map(tuple, rows))
        self._file.execute("CREATE UNIQUE INDEX name_key ON name (facet, value, span, alias)")
        self._file.execute("CREATE TABLE relabelled (id INTEGER PRIMARY KEY, label)")

    async def packed(self, terms: IndexTerms) -> bytes:
        """Interval and ids of a state, as its change should carry them."""
        ids = {await self._id_of(posting, terms.span) for posting in terms.postings}
        return pack(terms.started_at, terms.ends_at, sorted(ids))

    async def _id_of(self, posting: Posting, span: int) -> int:
        if posting.facet in HASHED_FACETS:
            return hashed_id(posting.facet, posting.value, span)
        key = (posting.facet, posting.value, span, posting.alias)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= MAX_CACHED:
                self._known.clear()
            known = self._known[key] = await self._look_up(key, posting.label)
        return known

    async def _look_up(self, key: tuple[str, str, int, bool], label: str) -> int:
        found = self._file.execute(FIND, key).fetchone()
        if found is None:
            self._part.fault(f"{key[0]} {key[1]!r} has no id")
            id = await self._made(key, label) if self._make else self._stand_in
            self._stand_in += 1
            self._file.execute("INSERT INTO name VALUES (?, ?, ?, ?, ?, ?, 0)", (id, *key, label))
            return id
        if found[1] != label and fold(found[1]) != key[1]:
            self._part.fault(f"{key[0]} {key[1]!r} is spelt {found[1]!r}")
            self._file.execute("INSERT OR IGNORE INTO relabelled VALUES (?, ?)", (found[0], label))
        return int(found[0])

    async def _made(self, key: tuple[str, str, int, bool], label: str) -> int:
        await self._tx.insert(FacetValue, [value_row(key, label)])
        [(id,)] = await self._tx.rows(NEWEST, dict(zip(COLUMNS[1:5], key, strict=True)))
        self.made += 1
        return int(id)

    def wrong_counts(self) -> list[tuple[int, int, int]]:
        """Id, estimate and true count of each value whose estimate is off."""
        counted = "SELECT value AS of, count(*) AS n FROM want_event_facet WHERE value > 0 GROUP BY value"
        joined = f"SELECT id, events, coalesce(n, 0) AS n FROM name LEFT JOIN ({counted}) ON of = id"  # noqa: S608
        found: list[Any] = self._file.execute(f"SELECT * FROM ({joined}) WHERE events <> n").fetchall()  # noqa: S608
        return found
