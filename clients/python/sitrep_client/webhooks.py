"""Whether a webhook is from whom it claims to be, by the scheme of Standard Webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from sitrep_client.errors import NotVerified
from sitrep_client.models import FeedItem

SIGNED = ("webhook-id", "webhook-timestamp", "webhook-signature")


def verify(
    headers: Mapping[str, str],
    body: bytes,
    secret: str | Sequence[str],
    *,
    tolerance_s: float = 300,
    now: float | None = None,
) -> FeedItem:
    """Read a webhook that one of the secrets signed, or raise NotVerified.

    `body` is the bytes as they came. While a secret rotates, name both. A ping has the type `sys.ping` and `{}` as
    `data`. Repeats carry the same `webhook-id`, by which a receiver knows them.

        item = verify(request.headers, await request.body(), "whsec_...")
    """
    keys = [key_of(each) for each in ([secret] if isinstance(secret, str) else secret)]
    given = {name.lower(): value for name, value in headers.items()}
    if missing := [name for name in SIGNED if not given.get(name)]:
        raise NotVerified(f"The header {missing[0]} is missing.")
    id, sent, signatures = (given[name] for name in SIGNED)
    check_time(sent, time.time() if now is None else now, tolerance_s)
    signed = b".".join([id.encode(errors="replace"), sent.encode(), body])
    expected = [b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in keys]
    offered = signatures.encode(errors="replace").split()
    if not any(hmac.compare_digest(one, other) for one in expected for other in offered):
        raise NotVerified("No signature in webhook-signature matches the secret and the body.")
    item: FeedItem = json.loads(body)
    return item


def key_of(secret: str) -> bytes:
    """The bytes of a secret; one that is empty or misspelt is a fault of the receiver, not of the webhook."""
    text = secret.removeprefix("whsec_")
    with suppress(ValueError):
        if key := base64.b64decode(text + "=" * (-len(text) % 4), validate=True):
            return key
    raise ValueError("A secret is `whsec_` and base64; this one is not.")


def check_time(sent: str, now: float, tolerance_s: float) -> None:
    """Refuse what was sent too long ago, lest it be a repeat by somebody else, or in the future."""
    if not re.fullmatch("[0-9]{1,12}", sent):
        raise NotVerified("The header webhook-timestamp is not a number of seconds.")
    if abs(int(sent) - now) > tolerance_s:
        raise NotVerified(f"The header webhook-timestamp is {'too old' if int(sent) < now else 'in the future'}.")
