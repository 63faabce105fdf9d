"""The facets of the kinds: the event has one of these values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from app.events.read.conditions.base import Condition, TermGroup
from app.events.read.filter_parsers import interpret_name, parameter_type
from app.kinds import FACETS, fold


@dataclass(frozen=True)
class WithValue(Condition):
    """One facet, whose values the index lists."""

    parameters = {
        name: Annotated[parameter_type(spec) | None, Field(description=spec.description)]
        for name, spec in FACETS.items()
    }
    of_kinds = True
    facet: str
    values: list[str]

    @classmethod
    def read(cls, params: Any) -> Iterable[Condition]:
        """One condition for each facet that is given."""
        return (cls(name, getattr(params, name)) for name in params.model_fields_set & FACETS.keys())

    def terms(self) -> Iterable[TermGroup]:
        """One of the values, or of what they stand for."""
        values = [text for value in self.values for text in interpret_name(FACETS[self.facet], value)]
        return [TermGroup(self.facet, tuple(dict.fromkeys(map(fold, values))))]
