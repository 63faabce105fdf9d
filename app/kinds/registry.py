"""The kinds there are: looked for among the modules of this package, checked, and joined to whole events."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import create_model

from app.kinds import rules
from app.kinds.base import Codes, Facet, Kind, Measure, Rule
from app.kinds.envelope import Event

FILTERS = frozenset(
    [
        "kind",
        "status",
        "country",
        "admin1",
        "place",
        "bbox",
        "near",
        "radius_km",
        "since",
        "until",
        "changed_since",
        "id",
        "actor",
        "actor_country",
        "initiator",
        "target_country",
        "publisher",
        "tag",
        "external_id",
        "related_to",
        "q",
        "exclude",
        "missing",
        "change",
    ]
)
PARAMETERS = frozenset(
    [
        "sort",
        "limit",
        "cursor",
        "format",
        "as_of",
        "version",
        "timezone",
        "interval",
        "measure",
        "group_by",
        "facet",
        "after",
        "wait",
        "partial",
        "excel",
        "fields",
        "at",
        "offset",
        "live",
        "zoom",
        "token",
    ]
)
RESERVED = FILTERS | PARAMETERS


@dataclass(frozen=True)
class FacetSpec:
    """A facet as filters and documents know it.

    `values` lists all that there can be, None where they are open; `codes` tells which codes filters read.
    """

    name: str
    description: str
    values: tuple[str, ...] | None
    codes: Codes | None = None


@dataclass(frozen=True)
class MeasureSpec:
    """A measure as filters and documents know it."""

    name: str
    description: str


def kinds_in(path: Iterable[str], package: str) -> dict[str, type[Kind]]:
    """The kinds that the modules of a package define, by name."""
    found: dict[str, type[Kind]] = {}
    for module in pkgutil.iter_modules(path):
        for kind in _defined_in(f"{package}.{module.name}"):
            if kind.name in found:
                raise TypeError(f"There are two kinds called {kind.name}.")
            found[kind.name] = kind
    return found


def _defined_in(module: str) -> list[type[Kind]]:
    members = vars(importlib.import_module(module)).values()
    return [
        member
        for member in members
        if inspect.isclass(member) and issubclass(member, Kind) and member.__module__ == module and member is not Kind
    ]


def event_of(kind: type[Kind]) -> type[Event]:
    """The event as writers send it, with the kind as its detail."""
    fields: dict[str, Any] = {
        "kind": (Literal[kind.name], Event.model_fields["kind"]),
        "detail": (kind, Event.model_fields["detail"]),
    }
    return create_model(f"{kind.__name__}In", __base__=Event, __doc__=kind.__doc__, **fields)


def facet_specs(kinds: dict[str, type[Kind]]) -> dict[str, FacetSpec]:
    """Every facet of the envelope and of the kinds; one in two kinds has both vocabularies.

    Raises TypeError where a name is reserved or has two meanings.
    """
    _check_plurals([kind.plural for kind in kinds.values()])
    specs = {facet.name: _spec(facet) for facet in rules.FACETS}
    specs["kind"] = FacetSpec("kind", specs["kind"].description, tuple(kinds))
    for kind in kinds.values():
        _check_names(kind)
        for facet in kind.facets:
            specs[facet.name] = _joined(specs.get(facet.name), facet)
    return specs


def _check_plurals(plurals: Sequence[str]) -> None:
    """A plural names the fixed feeds of one kind, in an address; `all` names those of every kind."""
    for plural in plurals:
        if plurals.count(plural) > 1 or plural == "all" or not re.fullmatch("[a-z][a-z0-9_]*", plural):
            raise TypeError(f"No kind, or only one, may have the plural {plural}.")


def _check_names(kind: type[Kind]) -> None:
    names = [*(facet.name for facet in kind.facets), *(measure.name for measure in kind.totals)]
    envelope = {part.name for part in rules.MEASURES}
    bad = {name for name in names if name in RESERVED | envelope or name.endswith(("_min", "_max"))}
    bad |= {name for name in names if names.count(name) > 1}
    if bad:
        raise TypeError(f"The kind {kind.name} may not call a facet or measure {', '.join(sorted(bad))}.")


def _spec(facet: Facet) -> FacetSpec:
    return FacetSpec(facet.name, facet.description, facet.values, facet.codes)


def _joined(known: FacetSpec | None, facet: Facet) -> FacetSpec:
    if known is None:
        return _spec(facet)
    if known.values is None or facet.values is None:
        if known != _spec(facet):
            raise TypeError(f"The facet {facet.name} has different meanings in two kinds.")
        return known
    same = facet.description in known.description
    description = known.description if same else f"{known.description} {facet.description}"
    return FacetSpec(facet.name, description, tuple(dict.fromkeys((*known.values, *facet.values))))


def measure_specs(kinds: dict[str, type[Kind]]) -> dict[str, MeasureSpec]:
    """Every measure of the envelope and of the kinds. Raises TypeError where one name has two meanings."""
    specs: dict[str, MeasureSpec] = {}
    every: list[Measure] = [*rules.MEASURES, *(measure for kind in kinds.values() for measure in kind.totals)]
    for measure in every:
        spec = MeasureSpec(measure.name, measure.description)
        if specs.setdefault(measure.name, spec) != spec:
            raise TypeError(f"The measure {measure.name} has different meanings in two kinds.")
    return specs


def flags_of(kinds: dict[str, type[Kind]]) -> tuple[str, ...]:
    """The flags that an importer may set, one for each soft rule."""
    every: list[Rule] = [*rules.RULES, *(rule for kind in kinds.values() for rule in kind.rules)]
    return tuple(dict.fromkeys(rule.flag for rule in every if rule.flag is not None))
