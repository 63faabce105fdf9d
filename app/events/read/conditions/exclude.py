"""`exclude`: the event has none of these values of facets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationInfo
from pydantic_core import PydanticCustomError

from app.events.read.conditions.base import Condition, TermGroup
from app.events.read.filter_parsers import interpret_name, list_of, value_of, with_schema
from app.kinds import FACETS, FacetSpec, fold

PATTERN = f"^({'|'.join(FACETS)}):."


class Exclusion(NamedTuple):
    """A value of a facet that an event may not have."""

    facet: str
    value: str


def parse_exclusion(value: Any, info: ValidationInfo) -> Exclusion:
    """`facet:value`, the value being one that the facet's own filter takes."""
    facet, colon, rest = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not (facet and colon and rest):
        raise PydanticCustomError(
            "facet-value", "Give facet:value, such as country:RU.", {"allowed": [f"{name}:..." for name in FACETS]}
        )
    spec = FACETS.get(facet)
    if spec is None:
        raise PydanticCustomError("enum", "There is no such facet.", {"allowed": list(FACETS)})
    return Exclusion(facet, adapter_of(spec).validate_python(rest, context=info.context))


@cache
def adapter_of(spec: FacetSpec) -> TypeAdapter[str]:
    """Reads one value of a facet."""
    return TypeAdapter(value_of(spec))


@dataclass(frozen=True)
class WithoutValues(Condition):
    """The opposite of the facets' own filters."""

    parameters = {
        "exclude": Annotated[
            list[
                Annotated[
                    Exclusion,
                    BeforeValidator(parse_exclusion),
                    with_schema({"type": "string", "pattern": PATTERN, "examples": ["status:retracted", "country:RU"]}),
                ]
            ]
            | None,
            BeforeValidator(list_of),
            Field(
                description="`facet:value`: events that have this value of the facet are left out. It compares as the "
                "facet's own filter does, second names included. Of several all hold."
            ),
        ]
    }
    exclusions: list[Exclusion]

    def excluded_terms(self) -> Iterable[TermGroup]:
        values: dict[str, dict[str, None]] = {}
        for facet, value in self.exclusions:
            values.setdefault(facet, {}).update(dict.fromkeys(map(fold, interpret_name(FACETS[facet], value))))
        return [TermGroup(facet, tuple(folded)) for facet, folded in values.items()]
