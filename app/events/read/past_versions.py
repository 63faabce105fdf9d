"""The past: which versions match as they stood, where the index of today cannot tell."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlmodel import col

from app.changes import Change
from app.db import Database, Statement, any_of
from app.db.heavy_queries import admit
from app.events.documents import is_tombstone, load_event
from app.events.index.full_text import matching_keys, search_values
from app.events.read.measure_order import rank
from app.events.read.planner import PageSpec, plan, residual_names, residual_values, resolve_terms
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


def needs_python_filter(wanted: ResolvedQuery) -> bool:
    """A question on the past asks for what is only indexed for the present."""
    if wanted.as_of is None:
        return False
    asked = wanted.filter
    return bool(residual_names(asked) or asked.since_us is not None or asked.id or wanted.changed_since is not None)


async def filter_in_python(db: Database, wanted: ResolvedQuery, rows: list[Row], memory: TextMatchCache) -> list[Row]:
    """Keep the rows that match: by the index where the version still stands, else by the body."""
    if not needs_python_filter(wanted) or not rows:
        return rows
    timely = [row for row in rows if matches_time(wanted, row)]
    if not needs_bodies(wanted) or not timely:
        return timely
    standing = await current_keys(db, timely)
    good = await matching_now(db, wanted, sorted(standing), memory)
    old = [row for row in timely if row.key not in standing]
    await admit(BODY_US * len(old))
    for start in range(0, len(old), SLICE_ROWS):
        good |= await run_in_thread(keys_matching_bodies, wanted, old[start : start + SLICE_ROWS])
    return [row for row in timely if row.key in good]


async def current_keys(db: Database, rows: Sequence[Row]) -> set[int]:
    """The keys of the rows whose version is the one that stands now, so that the index of today tells the truth."""
    versions = await db.rows(current_statement(db.dialect), {"keys": db.as_list([row.key for row in rows])})
    now = dict(versions)
    return {row.key for row in rows if now.get(row.key) == row.version}


@lru_cache(2)
def current_statement(dialect: str) -> Statement:
    """Live events and their versions."""
    asked = any_of(col(StoredEvent.key), "keys", dialect)
    return Statement(
        sa.select(col(StoredEvent.key), col(StoredEvent.version)).where(asked, col(StoredEvent.deleted) == sa.false())
    )


class TextMatchCache:
    """The events whose texts match now, looked up once for all chunks of a walk; not used where they are many."""

    def __init__(self) -> None:
        self.keys: set[int] | None = None
        self.asked = False


async def matching_now(db: Database, wanted: ResolvedQuery, keys: list[int], memory: TextMatchCache) -> set[int]:
    """Those of the keys whose events match as they stand now."""
    asked = wanted.filter
    if asked.q is not None and not memory.asked:
        memory.asked = True
        worded = await matching_keys(db, asked.q, MAX_CACHED_KEYS)
        memory.keys = None if worded is None else set(worded)
    if memory.keys is not None:
        keys = [key for key in keys if key in memory.keys]
    if not keys:
        return set()
    extra = residual_values(asked)
    if asked.q is not None and memory.keys is None:
        extra |= search_values(asked.q, db.dialect)
    found = await resolve_terms(db, asked)
    question = PageSpec("count", changed_since=wanted.changed_since, keys=keys)
    planned = plan(db, asked, found, question, extra)
    if planned is None:
        return set()
    return {key for (key,) in await db.rows(keys_statement(planned.shape), planned.values, heavy=True)}


@lru_cache(256)
def keys_statement(shape: StatementKey) -> Statement:
    """The keys of all that match."""
    return Statement(sa.select(matching(shape).c.event))


def needs_bodies(wanted: ResolvedQuery) -> bool:
    """Tell whether the body alone can settle the question."""
    asked = wanted.filter
    return bool(residual_names(asked) or asked.id or wanted.changed_since is not None)


def keys_matching_bodies(wanted: ResolvedQuery, rows: list[Row]) -> set[int]:
    """The keys of the rows whose version matches, read from its body."""
    return {row.key for row in rows if matches_version(wanted, row)}


def matches_time(wanted: ResolvedQuery, row: Row) -> bool:
    """Tell whether the version was in the time asked for."""
    started_at, ends_at = unpack(row.after)[:2] if row.after else (0, 0)
    return wanted.filter.matches_time(started_at, ends_at)


def matches_version(wanted: ResolvedQuery, row: Row) -> bool:
    """Tell whether the row's version matches, read from its body."""
    event = orjson.loads(row.body)
    changed = wanted.changed_since is None or micros(parse_instant(event["updated_at"])) >= wanted.changed_since
    return changed and wanted.filter.matches(index_terms(load_event(event)), UUID(event["id"]))


def rank_rows(rows: list[Row], question: PageSpec) -> list[Row]:
    """The rows that come after the page before, each with its rank by a measure in the place of its time."""
    found = [row._replace(at=rank_of(row, question)) for row in rows]
    return [row for row in found if is_beyond(row, question)]


def rank_of(row: Row, question: PageSpec) -> int:
    """Where the version stands by the measure that the order is by, read from its body."""
    numbers = measures_of(load_event(orjson.loads(row.body))).get(question.order)
    return rank(None if numbers is None else numbers.best, descending=question.descending)


def is_beyond(row: Row, question: PageSpec) -> bool:
    """Tell whether the row comes after the last of the page before."""
    if question.after is None:
        return True
    here = row.at, row.key
    return here < question.after if question.descending else here > question.after


def sort_rows(rows: list[Row], question: PageSpec) -> list[Row]:
    """The rows sorted as asked, ties by id the same way."""
    return sorted(rows, key=lambda row: (row.at, row.key), reverse=question.descending)


async def versions_at(db: Database, wanted: ResolvedQuery, question: PageSpec) -> list[Row]:
    """The events with these ids as they stood, in the order asked for."""
    ids = wanted.filter.id or []
    values = {"keys": db.as_list([key_of(id) for id in ids]), "as_of": wanted.as_of}
    newest: dict[int, Row] = {}
    for operation, updated_at, *row in await db.rows(versions_statement(db.dialect), values):
        started_at = unpack(row[3])[0] if row[3] else 0
        at = started_at if question.order == "started_at" else updated_at
        gone = operation == "deleted" or is_tombstone(row[0])
        newest[row[1]] = Row(escape_line_separators(row[0]), at, row[1], 0 if gone else row[2], row[3])
    rows = sort_rows([row for row in newest.values() if row.version and is_beyond(row, question)], question)
    return rows[: question.limit]


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
