"""What of a row has no home in an event, made to fit into its `extra`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from app.datasets.cells.values import LEAST_BEYOND_INT64
from app.kinds.envelope import MAX_EXTRA_BYTES
from app.kinds.line_endings import CONTROL_IN_LINES

UNFIT = re.compile(rf"{CONTROL_IN_LINES.pattern}|[\ud800-\udfff]")  # no string of an event may have them
LEFT_OUT = "left_out"  # names the values for which there was no room
ROOM_TO_TELL = 1024  # bytes for those names


def fit_extra(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as `extra` takes them: at most 16 KiB as JSON, the largest left out and named in `left_out`."""
    if _is_clean_and_small(values):
        return dict(values)
    found = {clean_text(name): clean(value) for name, value in values.items()}
    sizes = {name: len(orjson.dumps({name: value})) for name, value in found.items()}
    size, room, left_out = sum(sizes.values()) + 2, MAX_EXTRA_BYTES - ROOM_TO_TELL, []
    for name in sorted(sizes, key=sizes.__getitem__, reverse=True):
        if size <= room:
            break
        size -= sizes[name]
        left_out.append(name)
        del found[name]
    return {**found, LEFT_OUT: sorted(left_out)[:20]} if left_out else found


def _is_clean_and_small(values: Mapping[str, Any]) -> bool:
    """Whether the values fit as they are, as most do: JSON writes control characters but DEL with a backslash."""
    try:
        text = orjson.dumps(values)
    except TypeError:
        return False
    small = len(text) <= MAX_EXTRA_BYTES - ROOM_TO_TELL
    return small and text.isascii() and b"\\" not in text and b"\x7f" not in text


def clean(value: Any) -> Any:
    """The JSON value without the characters that no string of an event may have, a huge whole number as text."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_text(str(name)): clean(part) for name, part in value.items()}
    if isinstance(value, int) and not -LEAST_BEYOND_INT64 <= value < LEAST_BEYOND_INT64:
        return str(value)
    return [clean(part) for part in value] if isinstance(value, list | tuple) else value


def clean_text(text: str) -> str:
    """The text with a space for each control character but line feed and tab, and `?` for half a surrogate pair."""
    if text.isascii() and text.isprintable():
        return text
    return UNFIT.sub(lambda found: "?" if found[0] >= "\ud800" else " ", text)
