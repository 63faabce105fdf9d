"""The list's cursors: a place in the order, the query it belongs to, and a checksum."""

from __future__ import annotations

import base64
import hashlib
import re
import struct
from typing import Any

from app.errors import CursorMalformed, CursorMismatch

CURSOR_FORM = re.compile(r"[A-Za-z0-9_-]{1,100}\Z", re.ASCII)


def query_hash(params: Any, *skip: str) -> bytes:
    """What a cursor belongs to: every parameter but those that only shape the page."""
    values = params.model_dump(mode="python", exclude={"cursor", "limit", "fields", *skip}, exclude_defaults=True)
    return hashlib.sha256(repr(sorted(values.items())).encode()).digest()[:8]


def encode_cursor(at: int, key: int, checked: bytes) -> str:
    """A place in the list with its query and a checksum."""
    place = struct.pack(">qq", at, key) + checked
    return base64.urlsafe_b64encode(place + hashlib.sha256(place).digest()[:8]).decode().rstrip("=")


def decode_cursor(text: str, checked: bytes) -> tuple[int, int]:
    """The place; 400 when the cursor is broken or belongs to another query."""
    raw = (
        base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        if CURSOR_FORM.match(text) and len(text) % 4 != 1
        else b""
    )
    place, checksum = raw[:24], raw[24:]
    if len(raw) != 32 or hashlib.sha256(place).digest()[:8] != checksum:
        raise CursorMalformed("That is not a cursor of this list; take `next` from the page before.")
    if base64.urlsafe_b64encode(raw).decode().rstrip("=") != text:
        raise CursorMalformed("That is not a cursor of this list; take `next` from the page before.")
    if place[16:] != checked:
        raise CursorMismatch("That cursor belongs to a list with another filter or order.")
    at, key = struct.unpack(">qq", place[:16])
    return at, key
