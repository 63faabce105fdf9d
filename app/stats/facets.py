"""Counts of facet values: each facet as if its own filter were not set, so that one sees what else there is."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from app.db import Database
from app.events.index.readiness import require_indexed
from app.stats.facet_spelling import labels_of
from app.stats.index_counts import count_values
from app.stats.rollup_counts import rollup_query, rollup_values
from app.stats.schemas import FacetsQuery, changed, just_before


async def facet_counts(db: Database, params: FacetsQuery) -> dict[str, list[dict[str, Any]]]:
    """The values of each facet that was asked for, by count, then by value."""
    await require_indexed(db, [*params.groups, *params.barred], facets=params.facet)
    return {facet: await values_of(db, params, facet) for facet in dict.fromkeys(params.facet)}


async def counts_of(db: Database, params: FacetsQuery, facet: str) -> dict[str, int]:
    """How many matches have each folded value: from the rollup where it can tell, with what began before `since`."""
    scope = rollup_query(params, None, facet)
    if scope is None or params.window.empty:
        return await count_values(db, params, facet)
    began = rollup_values(db, scope, facet)
    if params.window.since is None:
        return await began
    counts, early = await asyncio.gather(began, count_values(db, just_before(params), facet, early=True))
    return dict(Counter(counts) + Counter(early))


async def values_of(db: Database, params: FacetsQuery, facet: str) -> list[dict[str, Any]]:
    """The values that most matches have."""
    counts = await counts_of(db, changed(params, facet), facet)
    least = sorted(counts.values(), reverse=True)[: params.limit][-1:] or [0]
    frequent = {value: count for value, count in counts.items() if count >= least[0]}
    labels = await labels_of(db, facet, frequent)
    found = sorted((-count, labels.get(value, value)) for value, count in frequent.items())
    return [{"value": label, "count": -less} for less, label in found[: params.limit]]
