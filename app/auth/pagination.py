"""The cursors of this part's lists: the place after which the next page begins, with a checksum."""

from __future__ import annotations

import base64
import re
import zlib

from app.errors import CursorMalformed


def encode_cursor(list_name: str, *place: int | str) -> str:
    """Write the cursor that continues the list after `place`; no part of it may hold a colon."""
    text = ":".join([list_name, *map(str, place)]).encode()
    return base64.urlsafe_b64encode(zlib.crc32(text).to_bytes(4) + text).decode().rstrip("=")


def decode_cursor(list_name: str, place: re.Pattern[str], cursor: str) -> tuple[str, ...]:
    """Read the groups of `place` out of a cursor; CursorMalformed when no answer of this list gave it."""
    name, _, rest = _open(cursor).partition(":")
    match = place.fullmatch(rest) if name == list_name else None
    if match is None:
        raise CursorMalformed("The cursor is not one that this list gave.")
    return match.groups()


def _open(cursor: str) -> str:
    """Read the text under the checksum, or "" when they do not fit."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", cursor):
        return ""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return raw[4:].decode() if zlib.crc32(raw[4:]).to_bytes(4) == raw[:4] else ""
    except ValueError:
        return ""
