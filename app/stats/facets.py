"""Counts of facet values: each facet as if its own filter were not set, so that one sees what else there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.stats.counting import count_values
from app.stats.labels import labels_of
from app.stats.shapes import changed

if TYPE_CHECKING:
    from app.db import Database
    from app.stats.shapes import FacetsQuery


async def facet_counts(db: Database, asked: FacetsQuery) -> dict[str, list[dict[str, Any]]]:
    """The values of each facet that was asked for, by count, then by value."""
    return {facet: await values_of(db, asked, facet) for facet in dict.fromkeys(asked.facet)}


async def values_of(db: Database, asked: FacetsQuery, facet: str) -> list[dict[str, Any]]:
    """The values that most matches have."""
    counts = await count_values(db, changed(asked, facet), facet)
    least = sorted(counts.values(), reverse=True)[: asked.limit][-1:] or [0]
    frequent = {value: count for value, count in counts.items() if count >= least[0]}
    labels = await labels_of(db, facet, frequent)
    found = sorted((-count, labels.get(value, value)) for value, count in frequent.items())
    return [{"value": label, "count": -less} for less, label in found[: asked.limit]]
