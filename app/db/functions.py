"""Functions that statements on SQLite may call, registered by the parts that need them."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

FUNCTIONS: dict[str, Callable[..., Any]] = {}


def sqlite_function(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give every connection of SQLite this function; it must be pure."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        FUNCTIONS[name] = function
        return function

    return register


def has_logarithms() -> bool:
    """Tell whether SQLite was built with mathematical functions; not every Python's is."""
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute("SELECT ln(2)")
        except sqlite3.OperationalError:
            return False
    return True


if not has_logarithms():
    sqlite_function("ln")(math.log)
