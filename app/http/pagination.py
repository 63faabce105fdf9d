"""Cursors of lists: the place after which the next page begins, with a checksum, in the letters of URLs."""

from __future__ import annotations

import base64
import hashlib
import re
import struct
import zlib
from typing import Any

from pydantic import BaseModel

from app.errors import CursorMalformed, CursorMismatch

MAX_LENGTH = 1000
CURSOR_FORM = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
# Parameters that only shape a page, and so may change from one to the next.
OF_PAGE = frozenset({"cursor", "limit", "fields"})


def encode_cursor(list_name: str, *place: int | str) -> str:
    """Write the cursor that continues the list after `place`; no part of it may hold a colon."""
    text = ":".join([list_name, *map(str, place)]).encode()
    return to_letters(zlib.crc32(text).to_bytes(4) + text)


def decode_cursor(list_name: str, place: re.Pattern[str], cursor: str) -> tuple[Any, ...]:
    """Read the groups of `place` out of a cursor; CursorMalformed when no answer of this list gave it."""
    raw = from_letters(cursor)
    name, _, rest = raw[4:].decode(errors="replace").partition(":")
    match = place.fullmatch(rest) if name == list_name and zlib.crc32(raw[4:]).to_bytes(4) == raw[:4] else None
    if match is None:
        raise CursorMalformed("The cursor is not one that this list gave.")
    return match.groups()


def query_hash(params: BaseModel) -> bytes:
    """What the cursor of a query belongs to: every parameter but those that only shape the page."""
    values = params.model_dump(mode="python", exclude=set(OF_PAGE), exclude_defaults=True)
    return hashlib.sha256(repr(sorted(values.items())).encode()).digest()[:8]


def encode_place(at: int, key: int, query: bytes) -> str:
    """Write the cursor that continues a query, told by its hash, after a place in its order."""
    place = struct.pack(">qq", at, key) + query
    return to_letters(place + hashlib.sha256(place).digest()[:8])


def decode_place(cursor: str, query: bytes) -> tuple[int, int]:
    """Read the place; 400 when the cursor is broken or belongs to another query."""
    raw = from_letters(cursor)
    if len(raw) != 32 or hashlib.sha256(raw[:24]).digest()[:8] != raw[24:]:
        raise CursorMalformed("That is not a cursor of this list; take `next` from the page before.")
    if raw[16:24] != query:
        raise CursorMismatch("That cursor belongs to a list with another filter or order.")
    at, key = struct.unpack(">qq", raw[:16])
    return at, key


def to_letters(raw: bytes) -> str:
    """Bytes in the alphabet of URLs, without padding."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def from_letters(text: str) -> bytes:
    """The bytes; none where `to_letters` would not have written this text."""
    if len(text) > MAX_LENGTH or len(text) % 4 == 1 or not CURSOR_FORM.fullmatch(text):
        return b""
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return raw if to_letters(raw) == text else b""
