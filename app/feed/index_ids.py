"""The index ids of facet values, read together with the position of the log up to which they are complete."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import sqlalchemy as sa

from app.changes import LogHead
from app.db import Statement, as_pairs, pairs_source
from app.events.model import FacetValue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.db import Database

# Facet and folded value.
Value = tuple[str, str]
# Epoch and sequence.
Position = tuple[int, int]


async def read_ids(
    db: Database, values: Sequence[Value], *, primary: bool = False
) -> tuple[Position, list[tuple[str, str, int]]]:
    """All ids of these values up to a position, which is read in the same statement and so from the same state."""
    rows = await db.rows(ids_statement(db.dialect), as_pairs(values, db.dialect), primary=primary)
    [position] = [(epoch, seq) for epoch, _, _, seq in rows if epoch]
    return position, [(facet, value, id) for epoch, facet, value, id in rows if not epoch]


@lru_cache(2)
def ids_statement(dialect: str) -> Statement:
    """One row with epoch and sequence of the head, and one for each id with an epoch of zero."""
    asked, facet, value = pairs_source(dialect)
    known, head = sa.inspect(FacetValue).local_table, sa.inspect(LogHead).local_table
    nothing, zero = sa.literal_column("''", sa.Text), sa.literal_column("0", sa.Integer)
    same = sa.and_(known.c.facet == facet, known.c.value == value)
    ids = sa.select(zero, known.c.facet, known.c.value, known.c.id).select_from(asked.join(known, same))
    return Statement(sa.union_all(sa.select(head.c.epoch, nothing, nothing, head.c.seq), ids))
