"""Functions that statements on SQLite may call, registered by the parts that need them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

FUNCTIONS: dict[str, Callable[..., Any]] = {}


def sqlite_function(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give every connection of SQLite this function; it must be pure."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        FUNCTIONS[name] = function
        return function

    return register
