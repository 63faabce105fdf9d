"""The columns of a table that follow from the kinds of its events: measures, facets and the plain fields of detail."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any, NamedTuple

from app.kinds import FACETS, KINDS, MEASURES, RESERVED, Event, FacetValue, Numbers, measures_of, schema_of
from app.kinds.rules import MEASURES as COMMON_MEASURES

SCALARS = {"string", "integer", "number", "boolean"}
NOTHING = (None,) * len(Numbers._fields)


class KindColumns(NamedTuple):
    """What tables of these kinds have columns for, in the order of the columns."""

    kinds: tuple[str, ...]
    measures: tuple[str, ...]
    facets: tuple[str, ...]
    fields: tuple[str, ...]  # of detail

    @property
    def number_names(self) -> list[str]:
        """The names of the measures' columns."""
        return [f"{name}_{part}" for name in self.measures for part in Numbers._fields]

    def facet_names(self, taken: Collection[str]) -> list[str]:
        """The names of the facets' columns; one that has the name of another column gets `facet_`."""
        return [f"facet_{name}" if name in taken else name for name in self.facets]

    def numbers(self, event: Event) -> list[int | None]:
        """The low, best and high of each measure, as statistics sum them."""
        found = measures_of(event)
        return [number for name in self.measures for number in found.get(name, NOTHING)]

    def facet_values(self, event: Event) -> list[list[str]]:
        """The different values of each facet, as facet counts show them."""
        found = {facet.name: list(map(label, facet.of(event))) for facet in KINDS[event.kind].facets}
        return [[value for value in dict.fromkeys(found.get(name, ())) if value is not None] for name in self.facets]


@lru_cache(64)
def columns_of(kinds: tuple[str, ...] = ()) -> KindColumns:
    """The columns for events of these kinds, in whatever order they are named; of every kind where none is."""
    chosen = {name: kind for name, kind in KINDS.items() if not kinds or name in kinds}
    measures = {measure.name for kind in chosen.values() for measure in (*COMMON_MEASURES, *kind.totals)}
    facets = {facet.name for kind in chosen.values() for facet in kind.facets}
    return KindColumns(
        tuple(chosen),
        tuple(name for name in MEASURES if name in measures),
        tuple(name for name in FACETS if name in facets and name not in RESERVED),
        tuple(dict.fromkeys(field for name in chosen for field in plain_fields(name))),
    )


def plain_fields(kind: str) -> list[str]:
    """The fields of a kind's detail that hold one value and are no facet by their own name or a longer one."""
    facets = [facet.name for facet in KINDS[kind].facets]
    return [
        name
        for name, field in detail_schema(kind)["properties"].items()
        if is_scalar(field) and not any(facet == name or facet.endswith(f"_{name}") for facet in facets)
    ]


def detail_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of a kind's detail."""
    schema = schema_of(kind)
    found: dict[str, Any] = schema["$defs"][schema["properties"]["detail"]["$ref"].rpartition("/")[2]]
    return found


def is_scalar(field: dict[str, Any]) -> bool:
    """Whether a field holds a text, a number or a flag, or null."""
    return all(part.get("type") in SCALARS | {"null"} for part in field.get("anyOf", [field]))


def label(value: FacetValue | str | None) -> str | None:
    """A value of a facet as it is shown."""
    return value.label if isinstance(value, FacetValue) else value
