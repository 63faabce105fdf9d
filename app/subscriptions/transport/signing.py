"""Standard Webhooks: secrets, and the signature over the exact bytes that are sent."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from binascii import b2a_base64
from collections.abc import Iterable

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    """A secret of 256 random bits, as Standard Webhooks writes it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def key_in(secret: str) -> bytes:
    """The bytes that a secret stands for."""
    return base64.b64decode(secret.removeprefix(PREFIX))


def prepare_message(key: bytes) -> hmac.HMAC:
    """The key as `sign` takes it, once for many messages."""
    return hmac.new(key, digestmod=hashlib.sha256)


def sign(keys: Iterable[hmac.HMAC], message_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature`: one `v1,<base64>` for each key, HMAC-SHA256 over `id.timestamp.body`.

    The prepared keys are left as they are. Source: Standard Webhooks 1.0, "Signature scheme".
    """
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return " ".join([f"v1,{b2a_base64(mac_of(key, signed), newline=False).decode()}" for key in keys])


def mac_of(key: hmac.HMAC, signed: bytes) -> bytes:
    """The authentication code of what is signed."""
    mac = key.copy()
    mac.update(signed)
    return mac.digest()


def write_signed_fields(message_id: str, body: bytes, keys: Iterable[hmac.HMAC], sent: int, attempt: int) -> str:
    """The header lines of a webhook that do not depend on who it is for: its type, id, time, signature and try."""
    return (
        f"content-type: application/cloudevents+json\r\nwebhook-id: {message_id}\r\nwebhook-timestamp: {sent}\r\n"
        f"webhook-signature: {sign(keys, message_id, sent, body)}\r\nwebhook-attempt: {attempt}\r\n"
    )
