"""A filter as the query string has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

JOINED = frozenset({"bbox", "near"})


def pairs(filter: Mapping[str, Any] | None, **more: Any) -> list[tuple[str, str | int | float]]:
    """The names and values of a query: a list repeats its name, an area is one value, None is left out."""
    return [pair for name, value in {**(filter or {}), **more}.items() for pair in pairs_of(name, value)]


def pairs_of(name: str, value: Any) -> Iterator[tuple[str, str | int | float]]:
    """What one name becomes."""
    if value is None:
        return
    if isinstance(value, bool):
        yield name, "true" if value else "false"
    elif isinstance(value, str | int | float):
        yield name, value
    elif name in JOINED:
        yield name, ",".join(map(str, value))
    else:
        for each in value:
            yield from pairs_of(name, each)
