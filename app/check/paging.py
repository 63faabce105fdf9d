"""Reads a whole table in portions, in the order of its key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from app.db import Statement, Transaction

PAGE_SIZE = 2000


async def pages(
    tx: Transaction, columns: Sequence[Any], keys: Sequence[Any], size: int = PAGE_SIZE
) -> AsyncIterator[list[Any]]:
    """All rows; the key columns are among the columns."""
    at = [next(n for n, column in enumerate(columns) if column is key) for key in keys]
    first, further = statements(tuple(columns), tuple(keys), size)
    rows = await tx.rows(first)
    while rows:
        yield rows
        if len(rows) < size:
            return
        rows = await tx.rows(further, {f"key_{n}": rows[-1][i] for n, i in enumerate(at)})


@cache
def statements(columns: tuple[Any, ...], keys: tuple[Any, ...], size: int) -> tuple[Statement, Statement]:
    """The first portion, and the one after a key."""
    first = sa.select(*columns).order_by(*keys).limit(size)
    after = [sa.bindparam(f"key_{n}", type_=key.type) for n, key in enumerate(keys)]
    if len(keys) == 1:
        return Statement(first), Statement(first.where(keys[0] > after[0]))
    return Statement(first), Statement(first.where(sa.tuple_(*keys) > sa.tuple_(*after)))
