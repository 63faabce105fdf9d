"""Runs queries on events: pages of the list, counts, and all matches in chunks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import lru_cache
from itertools import starmap
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col

from app.changes import ChangeLog, Head
from app.db import Database, Statement, any_of
from app.db.heavy_queries import admit
from app.events.index.full_text import matching_keys
from app.events.index.readiness import require_ready
from app.events.read.conditions.base import ResidualCondition
from app.events.read.past_versions import (
    BODY_US,
    SLICE_ROWS,
    TextMatchCache,
    filter_in_python,
    needs_python_filter,
    rank_rows,
    sort_rows,
    versions_at,
)
from app.events.read.planner import (
    PageSpec,
    Plan,
    ResolvedTerms,
    plan,
    resolve_terms,
    size_of,
    without_words,
)
from app.events.read.rows import Page, ResolvedQuery, Row
from app.events.tables import StoredEvent
from app.kinds import MEASURES
from app.kit.ids import key_of
from app.kit.json_lines import LEAD, escape_line_separators
from app.kit.offload import TURN_BYTES, run_in_thread, run_in_turns

# A question answered by so few events is answered by their keys.
MAX_PROBED_KEYS = 2000
CHUNK = 1000
# More bodies than this, which may be long, are read on another thread.
MAX_BODIES = 200
# A walk begins with so many events, and goes on with as many as have about so many bytes.
FIRST_CHUNK = 100
CHUNK_BYTES = 4 * 1024 * 1024
# What an event costs in microseconds, about: to be counted, to be looked up in another group, and to
# be looked up as it stood once. What it costs to hold it against a condition, the condition says.
COUNT_US, PROBE_US, PAST_US = 2, 3, 15
# A page is expected to read so many events for each that it shows, at most.
MAX_READ_PER_SHOWN = 50


async def list_page(db: Database, query: ResolvedQuery, sort: str, limit: int, after: tuple[int, int] | None) -> Page:
    """One page in the order asked for, beginning after a place in it."""
    order, descending = sort.removeprefix("-"), sort.startswith("-")
    spec = PageSpec("page", order, descending, limit + 1, after, query.as_of, query.changed_since)
    past = query.as_of is not None and order in MEASURES
    if order in MEASURES and not past:
        await require_ready(db, measures=[order])
    rows = await (ranked_rows if past else find_rows)(db, query, spec)
    if len(rows) <= limit:
        return Page(rows, None)
    return Page(rows[:limit], (rows[limit - 1].at, rows[limit - 1].key))


async def count_events(db: Database, log: ChangeLog, query: ResolvedQuery, head: Head) -> int:
    """How many events match; the log's own count of the past still has what was erased since."""
    if is_everything(query):
        return (await log.checkpoint(head.seq))[0]
    if query.as_of is not None and needs_python_filter(query):
        return sum([len(rows) async for rows in iterate(db, query)])
    found = await plan_narrowed(db, query, PageSpec("count", as_of=query.as_of, changed_since=query.changed_since))
    return 0 if found is None else int((await db.rows(found.statement, found.values, offload=True))[0][0])


def is_everything(query: ResolvedQuery) -> bool:
    """Nothing narrows the query, and it is about now."""
    return query.as_of is None and query.changed_since is None and not query.filter.conditions


async def iterate(db: Database, query: ResolvedQuery, first: PageSpec | None = None) -> AsyncIterator[list[Row]]:
    """Give every match, newest first unless `first` says otherwise, a few MiB at a time.

    No connection is held between chunks. Where the index of today cannot settle the past, it is settled by hand.
    """
    spec = first or PageSpec(limit=FIRST_CHUNK, as_of=query.as_of, changed_since=query.changed_since)
    memory = TextMatchCache()
    while True:
        raw = await run_plan(db, query, spec)
        rows = await filter_in_python(db, query, raw, memory)
        if rows:
            yield rows
        if len(raw) < (spec.limit or CHUNK):
            return
        spec = spec._replace(after=(raw[-1].at, raw[-1].key), limit=next_chunk(raw))


async def ranked_rows(db: Database, query: ResolvedQuery, spec: PageSpec) -> list[Row]:
    """Rows of the past in the order of a measure: numbers are only indexed for the present, so every match is read."""
    limit, best = spec.limit or CHUNK, list[Row]()
    async for rows in iterate(db, query):
        await admit(BODY_US * len(rows))
        for start in range(0, len(rows), SLICE_ROWS):
            best += await run_in_thread(rank_rows, rows[start : start + SLICE_ROWS], spec)
        best = sort_rows(best, spec)[:limit]
    return best


def next_chunk(rows: Sequence[Row]) -> int:
    """How many events come next: powers of ten, so that there are few statements."""
    each = sum(len(row.body) for row in rows) / len(rows)
    return next((chunk for chunk in (CHUNK, FIRST_CHUNK) if chunk * each <= CHUNK_BYTES), FIRST_CHUNK // 10)


async def find_rows(db: Database, query: ResolvedQuery, spec: PageSpec) -> list[Row]:
    """The rows of one page."""
    if not needs_python_filter(query):
        return await run_plan(db, query, spec)
    limit, rows = spec.limit or CHUNK, list[Row]()
    async for more in iterate(db, query, spec._replace(limit=max(limit, CHUNK // 4))):
        rows += more
        if len(rows) >= limit:
            break
    return rows[:limit]


async def run_plan(db: Database, query: ResolvedQuery, spec: PageSpec) -> list[Row]:
    """Run the planned statement."""
    if query.as_of is not None and query.filter.ids:
        return await versions_at(db, query, spec)
    chosen = await plan_narrowed(db, query, spec)
    if chosen is None:
        return []
    rows = await db.rows(chosen.statement, chosen.values, offload=is_heavy(chosen))
    return sort_rows(await tidy_rows(rows), spec)


async def tidy_rows(found: Sequence[Sequence[Any]]) -> list[Row]:
    """The rows of the statement, their bodies as readers get them."""
    if sum(len(row[0]) for row in found) > TURN_BYTES or any(LEAD in row[0] for row in found):
        return await run_in_turns(row_of, found, body_length)
    return list(starmap(Row, found))


def row_of(found: Sequence[Any]) -> Row:
    """A row of the statement, its body as readers get it."""
    body, *rest = found
    return Row(escape_line_separators(body), *rest)


def body_length(found: Sequence[Any]) -> int:
    """How many bytes the body of a row of the statement has."""
    return len(found[0])


def is_heavy(chosen: Plan) -> bool:
    """The statement may read more than its page."""
    shape = chosen.shape
    probes = bool(shape.probes) and shape.probes != (False,)
    walks = not shape.arms and "keys" not in shape.narrowed and (probes or shape.barred is not None)
    probed = any(arm.probes or arm.barred is not None for arm in shape.arms)
    long = (shape.limit or 0) > MAX_BODIES
    unsettled = bool(shape.residuals) or "changed_since" in shape.narrowed
    return long or shape.as_of or walks or probed or shape.order != "started_at" or unsettled


async def plan_narrowed(db: Database, query: ResolvedQuery, spec: PageSpec) -> Plan | None:
    """Plan the query, by keys where few events can answer it."""
    filter = query.filter
    if filter.window.empty:
        return None
    terms, residuals = await resolve_terms(db, filter, query.known), list(filter.residuals)
    if query.as_of is None:
        keys, searched = await known_keys(db, query, terms)
        if keys is not None:
            spec = spec._replace(keys=keys)
            if not keys:
                return None
        if searched:
            residuals = without_words(residuals)
    await admit(cost_of(query, terms, spec, residuals))
    return plan(db, filter, terms, spec, residuals if query.as_of is None else ())


def cost_of(
    query: ResolvedQuery, terms: ResolvedTerms, spec: PageSpec, residuals: Sequence[ResidualCondition]
) -> float:
    """Estimate the microseconds that a statement takes, and the reading of bodies after it."""
    events = float(size_of(terms) if spec.keys is None else len(spec.keys))
    if spec.limit is not None:
        events = min(events, spec.limit * (1 if needs_python_filter(query) else MAX_READ_PER_SHOWN))
    each = COUNT_US + PROBE_US * (len(terms.groups) - 1 + bool(terms.barred))
    each += sum(condition.cost_us for condition in residuals)
    if query.as_of is not None:
        each = PAST_US + 2 * each
    return events * each


async def known_keys(db: Database, query: ResolvedQuery, terms: ResolvedTerms) -> tuple[list[int] | None, bool]:
    """The keys of the few events that can match, and whether they settle the full text spec."""
    filter = query.filter
    keys, searched = None, False
    if filter.ids is not None:
        keys = await existing_keys(db, filter.ids)
    if filter.words is not None:
        worded = await matching_keys(db, filter.words, MAX_PROBED_KEYS)
        if worded is not None:
            keys = worded if keys is None else sorted(set(keys) & set(worded))
            searched = True
    if keys is None and query.changed_since is not None and size_of(terms) > MAX_PROBED_KEYS:
        keys = await recent_keys(db, query.changed_since)
    return keys, searched


async def existing_keys(db: Database, ids: Sequence[UUID]) -> list[int]:
    """The keys of those ids that are events'."""
    rows = await db.rows(existing_statement(db.dialect), {"keys": db.as_list([key_of(id) for id in ids])})
    return sorted(key for key, id in rows if id in ids)


@lru_cache(2)
def existing_statement(dialect: str) -> Statement:
    """Keys and ids of live events."""
    listed = any_of(col(StoredEvent.key), "keys", dialect)
    return Statement(sa.select(col(StoredEvent.key), col(StoredEvent.id)).where(listed))


async def recent_keys(db: Database, since: int) -> list[int] | None:
    """The events written since then, if they are few."""
    rows = await db.rows(RECENT, {"since": since}, offload=True)
    return None if len(rows) > MAX_PROBED_KEYS else [key for (key,) in rows]


RECENT = Statement(
    sa.select(col(StoredEvent.key))
    .where(sa.type_coerce(col(StoredEvent.updated_at), sa.BigInteger) >= sa.bindparam("since", type_=sa.BigInteger))
    .limit(MAX_PROBED_KEYS + 1)
)
