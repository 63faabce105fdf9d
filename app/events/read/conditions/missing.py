"""`missing`: the event has no value of these facets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from app.events.read.conditions.base import Condition, TermGroup
from app.events.read.filter_parsers import list_of, word_of
from app.events.terms import SIGNATURE
from app.kinds import FACETS

FacetName: Any = word_of(tuple(FACETS))


@dataclass(frozen=True)
class WithoutFacets(Condition):
    """The index has a line for each event that lists the facets it has."""

    parameters = {
        "missing": Annotated[
            list[FacetName] | None,
            BeforeValidator(list_of),
            Field(description="A facet: only events that have no value of it. Of several all hold."),
        ]
    }
    facets: list[str]

    def terms(self) -> Iterable[TermGroup]:
        return [TermGroup(SIGNATURE, tuple(dict.fromkeys(self.facets)))]
