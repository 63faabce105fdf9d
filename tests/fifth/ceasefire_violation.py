"""A breach of a ceasefire, as monitors report it."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from app.kinds.base import Estimate, Facet, Kind, Measure, facet_value, optional_field, total
from app.kinds.strings import Name

Weapon = Literal["small_arms", "mortar", "drone"]


class CeasefireViolation(Kind):
    """A breach of a ceasefire."""

    name: ClassVar = "ceasefire_violation"
    plural: ClassVar = "ceasefire_violations"
    title: ClassVar = "Ceasefire violation"

    weapon: Weapon = Field(description="What was fired.")
    monitor: Name | None = optional_field("Who observed it.")
    explosions: Estimate | None = optional_field("How many explosions were counted.")

    facets: ClassVar = (
        Facet("weapon", "What was fired.", lambda event: [event.detail.weapon], Weapon),
        Facet("monitor", "Who observed it.", lambda event: _monitor(event.detail.monitor)),
    )
    totals: ClassVar = (Measure("explosions", "Explosions counted.", lambda event: total([event.detail.explosions])),)


def _monitor(name: str | None) -> Any:
    """The mission by its name, and by its initials."""
    return [] if name is None else [facet_value(name, "".join(word[0] for word in name.split()))]
