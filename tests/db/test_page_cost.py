"""What a page costs beside its rows: no body is unpacked, and none is copied to be sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from calls import written

from app.db.compiler import as_statement
from app.events.read.planner import PageSpec, plan, resolve_terms
from app.events.schemas import ListQuery

if TYPE_CHECKING:
    from conftest import MakeEvent
    from httpx import AsyncClient

    from app.db import Database

LONG = "The same words again and again. " * 60


@pytest.mark.parametrize("dialect", ["postgresql"])
async def test_a_body_that_fits_in_its_row_is_not_compressed(
    api: AsyncClient, db: Database, make_event: MakeEvent
) -> None:
    await written(api, make_event(summary=LONG))

    async def sizes(tx: Any) -> Any:
        return await tx.connection.fetchrow("SELECT octet_length(body), pg_column_size(body) FROM change")

    length, stored = await db.write(sizes)
    assert 2_000 < length < stored


@pytest.mark.parametrize("asked", [{}, {"country": ["UA"]}, {"country": ["UA", "RU"], "kind": ["attack"]}])
@pytest.mark.parametrize("order", ["started_at", "updated_at"])
async def test_no_body_is_copied_to_be_sorted(
    api: AsyncClient, db: Database, make_event: MakeEvent, asked: dict[str, list[str]], order: str
) -> None:
    for _ in range(3):
        await written(api, make_event())
    query = ListQuery.model_validate(asked)
    chosen = plan(db, query, await resolve_terms(db, query), PageSpec(order=order, limit=101), query.residuals)
    assert chosen is not None
    steps = await explain(db, chosen.statement, chosen.values)
    bodies = next(n for n, step in enumerate(steps) if " c " in f"{step} ")
    if db.dialect == "sqlite":
        assert [step for step in steps[bodies:] if "B-TREE" in step] == []
    else:
        assert [step for step in above(steps, bodies) if "Sort" in step] == []


def above(steps: list[str], at: int) -> list[str]:
    """The steps of PostgreSQL that take what the one at this line gives: each before it and less indented."""
    found, indent = [], len(steps[at]) - len(steps[at].lstrip())
    for step in reversed(steps[:at]):
        own = len(step) - len(step.lstrip())
        if own < indent and (own == 0 or "->" in step):
            found.append(step)
            indent = own
    return found


async def explain(db: Database, statement: Any, values: dict[str, Any]) -> list[str]:
    """The steps of the database's plan."""
    compiled = as_statement(statement).on(db.dialect)
    arguments = compiled.arguments(values)

    async def read(tx: Any) -> list[str]:
        if db.dialect == "sqlite":
            return [row[3] for row in tx.connection.execute(f"EXPLAIN QUERY PLAN {compiled.sql}", arguments)]
        return [row[0] for row in await tx.connection.fetch(f"EXPLAIN {compiled.sql}", *arguments)]

    return await db.write(read)
