"""The index ids of facet values, read together with the position of the log up to which they are complete."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import sqlalchemy as sa

from app.changes import LogHead
from app.db import Database, Statement, pairs_param, pairs_source
from app.events.tables import FacetValue
from app.events.terms import SIGNATURE

# Facet and folded value.
Value = tuple[str, str]
# Epoch and sequence.
Position = tuple[int, int]


# Under this name every signature of the index is asked for: which of them lack a facet is told by their value.
EVERY_SIGNATURE: Value = (SIGNATURE, "")


def lookup_key(facet: str, value: str) -> Value:
    """The name under which the ids of a value are asked for."""
    return EVERY_SIGNATURE if facet == SIGNATURE else (facet, value)


async def read_ids(
    db: Database, values: Sequence[Value], *, primary: bool = False
) -> tuple[Position, list[tuple[str, str, int]]]:
    """All ids of these values up to a position, which is read in the same statement and so from the same state."""
    statement = ids_statement(db.dialect, signatures=EVERY_SIGNATURE in values)
    rows = await db.rows(statement, pairs_param(values, db.dialect), primary=primary)
    [position] = [(epoch, seq) for epoch, _, _, seq in rows if epoch]
    return position, [(facet, value, id) for epoch, facet, value, id in rows if not epoch]


@lru_cache(4)
def ids_statement(dialect: str, *, signatures: bool) -> Statement:
    """One row with epoch and sequence of the head, and one for each id with an epoch of zero."""
    asked, facet, value = pairs_source(dialect)
    known, head = sa.inspect(FacetValue).local_table, sa.inspect(LogHead).local_table
    nothing, zero = sa.literal_column("''", sa.Text), sa.literal_column("0", sa.Integer)
    same = sa.and_(known.c.facet == facet, known.c.value == value)
    ids = sa.select(zero, known.c.facet, known.c.value, known.c.id).select_from(asked.join(known, same))
    every = sa.select(zero, known.c.facet, known.c.value, known.c.id).where(known.c.facet == SIGNATURE)
    parts = [sa.select(head.c.epoch, nothing, nothing, head.c.seq), ids, *([every] if signatures else [])]
    return Statement(sa.union_all(*parts))
