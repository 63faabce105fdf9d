"""Where events stand in the order of a measure, in SQL and in Python; those without a number are last either way."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

MAX_NUMBER = 2**63 - 1
# Where events without a measure stand: behind every number, in either direction.
LAST_DESCENDING, LAST_ASCENDING = -1, 1


def measure_row(number: Any, event: Any, measure: str) -> Any:
    """The row of an event's measure."""
    return sa.and_(number.event == event, number.measure == sa.literal_column(f"'{measure}'"))


def rank_column(number: Any, *, descending: bool) -> Any:
    """The rank of an event by its measure, as `rank` in Python."""
    best: Any = sa.type_coerce(number.best, sa.BigInteger)
    if descending:
        return sa.func.coalesce(best, sa.literal_column(str(LAST_DESCENDING)))
    return sa.func.coalesce(best - sa.literal_column(str(MAX_NUMBER)), sa.literal_column(str(LAST_ASCENDING)))


def rank(best: int | None, *, descending: bool) -> int:
    """Where an event stands by a measure: one that has no number is last in either direction."""
    if descending:
        return LAST_DESCENDING if best is None else best
    return LAST_ASCENDING if best is None else best - MAX_NUMBER
