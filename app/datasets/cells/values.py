"""Texts, numbers, lists, tags and Python reprs as files write them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from datetime import date
from math import isfinite
from typing import Any, TypeVar

from anyascii import anyascii

from app.datasets.base import RowError
from app.kinds.line_endings import strip_invisible

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})
LONGEST_MISSING = max(map(len, MISSING))
LEAST_BEYOND_INT64 = 2**63
MAX_LITERAL_LENGTH = 20_000
MAX_LINE_LENGTH = 300  # of a name or title in an event
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
WHOLE = re.compile(r"([+-]?[0-9]{1,19})(?:\.0*)?")
DIGITS_OF_INT64 = 19
WORDS = {"NaN": None, "nan": None, "null": None, "true": True, "false": False}


Value = TypeVar("Value")


def is_missing(value: Any) -> bool:
    """Whether a cell says that there is no value."""
    if value is None:
        return True
    if isinstance(value, str):
        if value.isdecimal() or (len(value) > LONGEST_MISSING and value[0].isalnum() and value[-1].isalnum()):
            return False  # most cells, and sooner than by stripping
        return strip_invisible(value).casefold() in MISSING
    return isinstance(value, float) and value != value  # noqa: PLR0124 -- NaN is not itself


def as_text(value: Any) -> str:
    """A cell as text: 810 for 810.0, ISO 8601 for dates."""
    if isinstance(value, str):
        return strip_invisible(value)
    if isinstance(value, date):
        return value.isoformat()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def as_json(value: Any) -> Any:
    """A cell as JSON can hold it: 810 for 810.0, text for dates."""
    if isinstance(value, float) and isfinite(value):
        return int(value) if value.is_integer() and abs(value) < LEAST_BEYOND_INT64 else value
    return value if isinstance(value, bool | int | list | dict) else as_text(value)


def read_whole(value: Any, column: str) -> int | None:
    """A whole number from a cell; raises RowError with `number`."""
    if isinstance(value, str) and len(value) < DIGITS_OF_INT64 and value.isascii() and value.isdecimal():
        return int(value)
    if is_missing(value):
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    match = WHOLE.fullmatch(strip_invisible(value)) if isinstance(value, str) else None
    if match is None:
        raise RowError(
            "number",
            f"The column {column} has no whole number.",
            column=column,
            value=value,
            remedy="Write digits only, such as 810, or leave the cell empty.",
        )
    return int(match[1])


def read_number(value: Any, column: str) -> float | None:
    """A finite number from a cell; raises RowError with `number`."""
    if is_missing(value):
        return None
    number = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    elif isinstance(value, str) and NUMBER.fullmatch(strip_invisible(value)):
        number = float(strip_invisible(value))
    if number is None or not isfinite(number):
        raise RowError(
            "number",
            f"The column {column} has no number.",
            column=column,
            value=value,
            remedy="Write digits and a decimal point, such as 35.76, or leave the cell empty.",
        )
    return number


def read_literal(text: str, column: str) -> Any:
    """A Python repr of a dictionary or list, NaN as None, read as data and never run; raises RowError."""
    if text == "{}":
        return {}
    try:
        # A text that is cut off is refused like any other that ends too early.
        return ast.literal_eval(_Words().visit(ast.parse(text.strip()[:MAX_LITERAL_LENGTH], mode="eval")))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise RowError(
            "literal",
            f"The column {column} has no dictionary or list that can be read.",
            column=column,
            value=text,
            remedy="Write it as {'name': number} or ['name'], or leave the cell empty.",
        ) from None


class _Words(ast.NodeTransformer):
    """Puts values in the place of the words that `ast.literal_eval` does not know, such as NaN."""

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """The constant of the word; other names stay, and are refused."""
        return ast.copy_location(ast.Constant(WORDS[node.id]), node) if node.id in WORDS else node


def split_list(text: str, separator: str = ";") -> list[str]:
    """The parts of a list without white space at their ends, empty and missing ones left out."""
    return [part for item in text.split(separator) if not is_missing(part := strip_invisible(item))]


def shorten(text: str, most: int = MAX_LINE_LENGTH) -> str:
    """The text on one line; the end is cut off at a word, with `…`, where it is longer than that many characters."""
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    cut = line[: most - 1]
    return (cut.rpartition(" ")[0] if " " in cut[most // 2 :] else cut).rstrip(" ,;:") + "…"


def slug(text: str) -> str | None:
    """A tag: lower-case Latin letters and digits joined by hyphens; None where none is left.

    >>> slug("crowd size=about 300")
    'crowd-size-about-300'
    """
    latin = text if text.isascii() else anyascii(text)
    return "-".join(re.findall(r"[a-z0-9]+", latin.lower()))[:MAX_LINE_LENGTH].strip("-") or None


def slugs(texts: Iterable[str]) -> list[str]:
    """The tags of those texts, each once."""
    return list(dict.fromkeys(tag for text in texts if (tag := slug(text)) is not None))


def decode(value: Value | None, column: str, meanings: dict[Value, Any] | Callable[[Value], Any], remedy: str) -> Any:
    """What a code means, None for none; raises RowError with `code` for one that the table does not have."""
    if value is None:
        return None
    meaning = meanings(value) if callable(meanings) else meanings.get(value)
    if meaning is None:
        raise RowError(
            "code", f"The column {column} has a code that is not known.", column=column, value=value, remedy=remedy
        )
    return meaning
