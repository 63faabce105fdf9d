"""The conditions there are: looked for among the modules of this package, checked, and joined to filters."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterable
from typing import Any

from app.events.read.conditions.base import Condition, ResidualCondition
from app.kinds import FACETS
from app.kinds.registry import PARAMETERS

# The order in the documentation, by the first parameter of each; conditions that are not named here follow.
ORDER = ("bbox", "near", "since", "id", "external_id", "related_to", "q", "exclude", "missing", *FACETS)


def conditions_in(path: Iterable[str], package: str) -> tuple[type[Condition], ...]:
    """The conditions that the modules of a package define, each parameter of only one.

    Raises TypeError where a parameter has two meanings.
    """
    modules = [importlib.import_module(f"{package}.{module.name}") for module in pkgutil.iter_modules(path)]
    found = [
        member
        for module in modules
        for member in vars(module).values()
        if inspect.isclass(member) and issubclass(member, Condition) and member.__module__ == module.__name__
    ]
    conditions = sorted({*found} - {Condition, ResidualCondition}, key=place_of)
    known = set(PARAMETERS)
    for name in (name for condition in conditions for name in condition.parameters):
        if name in known:
            raise TypeError(f"There are two parameters called {name}.")
        known.add(name)
    return tuple(conditions)


def place_of(condition: type[Condition]) -> tuple[int, str]:
    """Where a condition stands in the documentation."""
    first = next(iter(condition.parameters))
    return (ORDER.index(first) if first in ORDER else len(ORDER)), condition.__name__


CONDITIONS = conditions_in(__path__, __name__)


def parameters_of(*, of_kinds: bool) -> dict[str, Any]:
    """The parameters of conditions as the fields of a model, those of the kinds or all others."""
    chosen = [condition for condition in CONDITIONS if condition.of_kinds is of_kinds]
    return {name: (shape, None) for condition in chosen for name, shape in condition.parameters.items()}
