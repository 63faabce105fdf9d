"""The owner's own headers of what is pushed: which ones are taken, and how they are sealed, shown and opened."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress

import orjson

from app.errors import FieldError, Unavailable
from app.kinds.field_errors import pointer
from app.subscriptions.transport.secret_cipher import SecretCipher

HIDDEN = "***"  # stands for a stored value in answers, and in a patch for the value that is stored
NONE = "{}"
MAX_NAME_LENGTH = 100
NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token of RFC 9110, 5.6.2
# What the sender writes itself, and what belongs to the connection (RFC 9110, 7.6.1).
RESERVED = frozenset(
    {
        "accept", "accept-encoding", "connection", "expect", "host", "http2-settings", "keep-alive", "te", "trailer",
        "transfer-encoding", "upgrade", "user-agent",
    }
)  # fmt: skip
RESERVED_BEGINNINGS = ("content-", "proxy-", "webhook-")


def header_faults(headers: Mapping[str, str], stored: str = NONE) -> list[FieldError]:
    """Return what is wrong with the headers that are asked for, given those that are stored."""
    return list(find_faults(headers, {name.lower() for name in orjson.loads(stored)}))


def find_faults(headers: Mapping[str, str], known: set[str]) -> Iterator[FieldError]:
    """Find the first fault of each header."""
    seen: set[str] = set()
    for name, value in headers.items():
        place, lower = pointer(["push", "headers", name]), name.lower()
        if len(name) > MAX_NAME_LENGTH:
            yield FieldError("too-long", f"A name has at most {MAX_NAME_LENGTH} characters.", pointer=place)
        elif not NAME.fullmatch(name):
            yield FieldError("pattern", "The name is not a token of HTTP (RFC 9110).", pointer=place)
        elif lower in RESERVED or lower.startswith(RESERVED_BEGINNINGS):
            yield FieldError("reserved", "Sitrep or the transport sets this header.", pointer=place)
        elif lower in seen:
            yield FieldError("duplicate", "The same name twice; case makes no difference.", pointer=place)
        elif value == HIDDEN and lower not in known:
            yield FieldError("missing", f"No value is stored that {HIDDEN} could stand for.", pointer=place)
        seen.add(lower)


def seal_headers(headers: Mapping[str, str], cipher: SecretCipher, stored: str = NONE) -> str:
    """Return the headers as they are stored: JSON with each value sealed; a value that is stored stays as it is."""
    tokens = {name.lower(): token for name, token in orjson.loads(stored).items()}
    sealed = {name: seal_value(value, cipher, tokens.get(name.lower())) for name, value in headers.items()}
    return orjson.dumps(sealed).decode()


def seal_value(value: str, cipher: SecretCipher, token: str | None) -> str:
    """Seal a value anew, unless the stored token stands for it already."""
    if token is not None and value == HIDDEN:
        return token
    if token is not None:
        with suppress(Unavailable):  # it was sealed with a key that is lost
            if cipher.open(token.encode()) == value:
                return token
    return cipher.seal(value).decode()


def open_headers(stored: str, cipher: SecretCipher) -> dict[str, str]:
    """Return the headers as they are sent; raises Unavailable where they were sealed with another key."""
    return {name: cipher.open(token.encode()) for name, token in orjson.loads(stored).items()}


def serialize_headers(stored: str) -> dict[str, str]:
    """Return the names, with asterisks in place of the values."""
    return dict.fromkeys(orjson.loads(stored), HIDDEN)


def headers_to_merge(stored: str, patch: object) -> dict[str, str]:
    """Return what a merge patch of headers applies to, without names that the patch spells in another case."""
    lower = {name.lower() for name in patch} if isinstance(patch, dict) else set()
    exact = patch if isinstance(patch, dict) else {}
    return {
        name: value for name, value in serialize_headers(stored).items() if name in exact or name.lower() not in lower
    }
