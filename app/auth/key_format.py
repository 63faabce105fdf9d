"""How a key is written: made, read back, and hashed; no I/O."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import zlib

_ID = re.compile("[a-z2-7]{10}")
KEY, FEED_TOKEN = "sitrep", "sitrep_feed"
_TEXT = re.compile(r"((sitrep|sitrep_feed)_([a-z2-7]{10})_([a-z2-7]{52}))_([0-9a-f]{8})")


def new_key_id() -> str:
    """Ten random letters and digits (50 bits); public, it appears in lists and logs."""
    return _base32(secrets.token_bytes(10))[:10]


def is_key_id(text: str) -> bool:
    """Whether it could be the id of a key."""
    return _ID.fullmatch(text) is not None


def new_secret() -> str:
    """256 random bits as 52 letters and digits."""
    return _base32(secrets.token_bytes(32))


def format_key(key_id: str, secret: str, kind: str = KEY) -> str:
    """Write the key as its owner holds it: `sitrep_<id>_<secret>_<check>`, a feed token `sitrep_feed_...`.

    `check` is the CRC-32 of what stands before it, as eight hex digits: a secret scanner or a
    client tells a mistyped key from a real one without asking the server.
    """
    start = f"{kind}_{key_id}_{secret}"
    return f"{start}_{_checksum(start)}"


def parse_key(text: str, kind: str = KEY) -> tuple[str, str] | None:
    """Read the id and the secret of a key, or None when it is not one of this kind or is mistyped."""
    match = _TEXT.fullmatch(text)
    if match is None or match[2] != kind or match[5] != _checksum(match[1]):
        return None
    return match[3], match[4]


def hash_secret(secret: str) -> bytes:
    """Hash a secret for storing: SHA-256, enough for 256 random bits."""
    return hashlib.sha256(secret.encode()).digest()


def _checksum(start: str) -> str:
    return f"{zlib.crc32(start.encode()):08x}"


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()
