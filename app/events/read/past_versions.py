"""The past: which versions match as they stood, where the index of today cannot tell."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import attrgetter
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlmodel import col

from app.changes import Change
from app.db import Database, Statement, any_of
from app.db.heavy_queries import admit
from app.events.documents import is_tombstone, load_event
from app.events.index.full_text import matching_keys
from app.events.read.measure_order import rank
from app.events.read.planner import PageSpec, plan, resolve_terms, without_words
from app.events.read.rows import ResolvedQuery, Row
from app.events.read.statements import StatementKey, matching
from app.events.tables import StoredEvent
from app.events.terms import index_terms, unpack
from app.kinds import measures_of, micros, parse_instant
from app.kit.ids import key_of
from app.kit.json_lines import escape_line_separators
from app.kit.offload import run_in_thread

# Bodies read on a thread before it is looked whether anyone still waits.
SLICE_ROWS = 50
# About what it takes in microseconds to read a body and hold it against a filter.
BODY_US = 250
# So many events whose texts match are held in memory while a question on the past is answered.
MAX_CACHED_KEYS = 200_000
PLACE = attrgetter("at", "key")


def needs_python_filter(query: ResolvedQuery) -> bool:
    """A question on the past asks for what is only indexed for the present."""
    return query.as_of is not None and (query.filter.window.since is not None or needs_bodies(query))


async def filter_in_python(db: Database, query: ResolvedQuery, rows: list[Row], memory: TextMatchCache) -> list[Row]:
    """Keep the rows that match: by the index where the version still stands, else by the body."""
    if not needs_python_filter(query) or not rows:
        return rows
    timely = [row for row in rows if matches_time(query, row)]
    if not needs_bodies(query) or not timely:
        return timely
    standing = await current_keys(db, timely)
    good = await matching_now(db, query, sorted(standing), memory)
    old = [row for row in timely if row.key not in standing]
    await admit(BODY_US * len(old))
    for start in range(0, len(old), SLICE_ROWS):
        good |= await run_in_thread(keys_matching_bodies, query, old[start : start + SLICE_ROWS])
    return [row for row in timely if row.key in good]


async def current_keys(db: Database, rows: Sequence[Row]) -> set[int]:
    """The keys of the rows whose version is the one that stands now, so that the index of today tells the truth."""
    versions = await db.rows(current_statement(db.dialect), {"keys": db.as_list([row.key for row in rows])})
    now = dict(versions)
    return {row.key for row in rows if now.get(row.key) == row.version}


@lru_cache(2)
def current_statement(dialect: str) -> Statement:
    """Live events and their versions."""
    listed = any_of(col(StoredEvent.key), "keys", dialect)
    return Statement(
        sa.select(col(StoredEvent.key), col(StoredEvent.version)).where(listed, col(StoredEvent.deleted) == sa.false())
    )


class TextMatchCache:
    """The events whose texts match now, looked up once for all chunks of a walk; not used where they are many."""

    def __init__(self) -> None:
        self.keys: set[int] | None = None
        self.searched = False


async def matching_now(db: Database, query: ResolvedQuery, keys: list[int], memory: TextMatchCache) -> set[int]:
    """Those of the keys whose events match as they stand now."""
    filter = query.filter
    if filter.words is not None and not memory.searched:
        memory.searched = True
        worded = await matching_keys(db, filter.words, MAX_CACHED_KEYS)
        memory.keys = None if worded is None else set(worded)
    if memory.keys is not None:
        keys = [key for key in keys if key in memory.keys]
    if not keys:
        return set()
    spec = PageSpec("count", changed_since=query.changed_since, keys=keys)
    residuals = filter.residuals if memory.keys is None else without_words(filter.residuals)
    chosen = plan(db, filter, await resolve_terms(db, filter), spec, residuals)
    if chosen is None:
        return set()
    return {key for (key,) in await db.rows(keys_statement(chosen.shape), chosen.values, offload=True)}


@lru_cache(256)
def keys_statement(shape: StatementKey) -> Statement:
    """The keys of all that match."""
    return Statement(sa.select(matching(shape).c.event))


def needs_bodies(query: ResolvedQuery) -> bool:
    """Tell whether the body alone can settle the spec."""
    return bool(query.filter.residuals or query.filter.ids or query.changed_since is not None)


def keys_matching_bodies(query: ResolvedQuery, rows: list[Row]) -> set[int]:
    """The keys of the rows whose version matches, read from its body."""
    return {row.key for row in rows if matches_version(query, row)}


def matches_time(query: ResolvedQuery, row: Row) -> bool:
    """Tell whether the version was in the time asked for."""
    started_at, ends_at = unpack(row.after)[:2] if row.after else (0, 0)
    return query.filter.window.overlaps(started_at, ends_at)


def matches_version(query: ResolvedQuery, row: Row) -> bool:
    """Tell whether the row's version matches, read from its body."""
    event = orjson.loads(row.body)
    changed = query.changed_since is None or micros(parse_instant(event["updated_at"])) >= query.changed_since
    return changed and query.filter.matches(index_terms(load_event(event)), UUID(event["id"]))


def rank_rows(rows: list[Row], spec: PageSpec) -> list[Row]:
    """The rows that come after the page before, each with its rank by a measure in the place of its time."""
    found = [row._replace(at=rank_of(row, spec)) for row in rows]
    return [row for row in found if is_beyond(row, spec)]


def rank_of(row: Row, spec: PageSpec) -> int:
    """Where the version stands by the measure that the order is by, read from its body."""
    numbers = measures_of(load_event(orjson.loads(row.body))).get(spec.order)
    return rank(None if numbers is None else numbers.best, descending=spec.descending)


def is_beyond(row: Row, spec: PageSpec) -> bool:
    """Tell whether the row comes after the last of the page before."""
    if spec.after is None:
        return True
    here = row.at, row.key
    return here < spec.after if spec.descending else here > spec.after


def sort_rows(rows: list[Row], spec: PageSpec) -> list[Row]:
    """The rows sorted as asked, ties by id the same way."""
    return sorted(rows, key=PLACE, reverse=spec.descending)


async def versions_at(db: Database, query: ResolvedQuery, spec: PageSpec) -> list[Row]:
    """The events with these ids as they stood, in the order asked for."""
    ids = query.filter.ids or []
    values = {"keys": db.as_list([key_of(id) for id in ids]), "as_of": query.as_of}
    newest: dict[int, Row] = {}
    for operation, updated_at, *row in await db.rows(versions_statement(db.dialect), values):
        started_at = unpack(row[3])[0] if row[3] else 0
        at = started_at if spec.order == "started_at" else updated_at
        gone = operation == "deleted" or is_tombstone(row[0])
        newest[row[1]] = Row(escape_line_separators(row[0]), at, row[1], 0 if gone else row[2], row[3])
    rows = sort_rows([row for row in newest.values() if row.version and is_beyond(row, spec)], spec)
    return rows[: spec.limit]


@lru_cache(2)
def versions_statement(dialect: str) -> Statement:
    """All versions of some events up to a change, oldest first."""
    updated = sa.type_coerce(col(Change.updated_at), sa.BigInteger)
    return Statement(
        sa.select(
            col(Change.operation), updated, col(Change.body), col(Change.event), col(Change.version), col(Change.after)
        )
        .where(
            any_of(col(Change.event), "keys", dialect), col(Change.seq) <= sa.bindparam("as_of", type_=sa.BigInteger)
        )
        .order_by(col(Change.version))
    )
