"""How a folded facet value is shown: as the first event that was stored with it spelt it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import sqlalchemy as sa

from app.db import Database, Statement, rows_param, rows_source
from app.events.tables import FacetValue


async def labels_of(db: Database, facet: str, values: Iterable[str]) -> dict[str, str]:
    """The label of each folded value."""
    pairs = [(facet, value) for value in values]
    return (
        dict(await db.rows(labels_statement(db.dialect), rows_param(pairs, db.dialect), offload=True)) if pairs else {}
    )


@lru_cache(2)
def labels_statement(dialect: str) -> Statement:
    """Values with their labels, the first stored last."""
    listed, facet, value = rows_source(dialect, sa.Text(), sa.Text())
    table = sa.inspect(FacetValue).local_table
    same = sa.and_(table.c.facet == facet, table.c.value == value, table.c.alias == sa.false())
    joined = listed.join(table, same)
    return Statement(sa.select(table.c.value, table.c.label).select_from(joined).order_by(table.c.id.desc()))
