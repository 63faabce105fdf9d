"""What lists, counts and exports ask beside the filter: since which change, and as of which."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from app.changes import ChangeLog, Head
from app.errors import FieldError, Invalid
from app.events.index.readiness import require_indexed
from app.events.read.filter_parsers import instant_of
from app.events.read.rows import ResolvedQuery
from app.kinds import ValueRefused, micros, parse_instant
from app.kinds.timestamps import parse_day

DATED = re.compile(r"[0-9]{4}-", re.ASCII)
DAY_LENGTH = len("2025-09-07")


async def resolve_query(log: ChangeLog, params: Any) -> tuple[Head, ResolvedQuery]:
    """The head that the answer states, read before the rows, and the query with its times as numbers."""
    head = await (log.recent_head() if params.as_of is None else log.head())
    as_of = None if params.as_of is None else await as_of_position(log, params.as_of, params.timezone, head)
    await require_indexed(log.db, [*params.groups, *params.barred], words=params.words is not None)
    since = params.changed_since
    return (head if as_of is None else head._replace(seq=as_of)), ResolvedQuery(
        params, None if since is None else micros(instant_of(since, params.timezone)), as_of, head[:2]
    )


async def read_as_of(log: ChangeLog, text: str, timezone: str) -> int:
    """The sequence that `as_of` names."""
    return await as_of_position(log, text, timezone, await log.head())


async def as_of_position(log: ChangeLog, text: str, timezone: str, head: Head) -> int:
    """A cursor, or the last change not after an instant."""
    if not DATED.match(text):
        return await log.moment(text, head)
    return await log.before(read_instant(text, timezone, "as_of"), head, inclusive=True)


def read_instant(text: str, timezone: str, parameter: str) -> datetime:
    """A day or an instant in a query; 422 otherwise."""
    try:
        return instant_of(parse_day(text) if len(text) == DAY_LENGTH else parse_instant(text), timezone)
    except ValueRefused as refusal:
        error = FieldError(refusal.code, refusal.detail, parameter=parameter)
        raise Invalid("The query was refused; see errors.", errors=[error]) from None
