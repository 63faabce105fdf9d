"""Strings as people send them: the ends of a line tidied, control characters refused."""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationInfo

from app.kinds.field_errors import ValueRefused

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
CONTROL_IN_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# White space and what shows nothing: soft hyphen, joiners, marks of direction, fillers, byte order mark.
UNSEEN = "".join(
    [
        "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b\u180c\u180d\u180e",
        *map(chr, range(0x2000, 0x2010)),
        *map(chr, range(0x2028, 0x2030)),
        *map(chr, range(0x205F, 0x2070)),
        "\u3000\u3164\ufeff\uffa0",
    ]
)
STORED = {"stored": True}


def is_stored(info: ValidationInfo) -> bool:
    """Whether an event is read that was judged when it was written."""
    return bool(info.context and info.context.get("stored"))


def strip_invisible(text: str) -> str:
    r"""The text without white space and invisible characters at its ends.

    >>> strip_invisible("\ufeff Kyiv\u200b ")
    'Kyiv'
    """
    return text.strip(UNSEEN)


def clean_line(value: Any, info: ValidationInfo) -> Any:
    """Tidy a name or title, and refuse control characters within it."""
    if not isinstance(value, str) or (value.isascii() and value.isprintable() and value == value.strip(" ")):
        return value
    return value if is_stored(info) else reject_controls(strip_invisible(value), CONTROL)


def clean_lines(value: Any, info: ValidationInfo) -> Any:
    """Refuse control characters in a text, but line feeds and tabs."""
    return value if not isinstance(value, str) or is_stored(info) else reject_controls(value, CONTROL_IN_LINES)


def reject_controls(text: str, found: re.Pattern[str]) -> str:
    """The text, if it has no control character of that sort."""
    if not text.isprintable() and found.search(text):
        raise ValueRefused("control-character", "The string has a control character.")
    return text
