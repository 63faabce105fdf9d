"""What is sent to an endpoint: a change or a ping, signed over the exact bytes, with the headers of the contract."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from hmac import HMAC
from uuid import UUID

import orjson

from app.changes import format_cursor
from app.errors import Unavailable
from app.kinds import format_instant
from app.subscriptions.delivery.retry_policy import Attempt, read_retry_after
from app.subscriptions.tables import Delivery, Subscription
from app.subscriptions.transport.custom_headers import open_headers
from app.subscriptions.transport.http_client import WebhookClient, WebhookReply
from app.subscriptions.transport.http_connection import write_fields
from app.subscriptions.transport.secret_cipher import SecretCipher
from app.subscriptions.transport.signing import key_in, prepare_message, write_signed_fields
from app.subscriptions.transport.url_guard import TargetPolicy


class WebhookEndpoint:
    """The receiving end of a push subscription, with the secrets and headers that it checks and its connections."""

    def __init__(self, subscription: Subscription, cipher: SecretCipher, rules: TargetPolicy) -> None:
        """Open the secrets and headers; raises Unavailable where that cannot be done."""
        self._subscription = subscription
        self._url = subscription.url or ""
        self._subscription_field = f"webhook-subscription: {subscription.id}\r\n"
        self._own_fields = write_fields(open_headers(subscription.headers, cipher))
        self._timeout_s = subscription.timeout_s
        self._keys = list(signing_keys(subscription, cipher))
        self._lasting = [key for key, _ in self._keys] if all(until is None for _, until in self._keys) else None
        self._sender = WebhookClient(rules, max(1, subscription.max_in_flight))

    async def close(self) -> None:
        """Close the connections."""
        await self._sender.close()

    async def deliver(self, delivery: Delivery, body: bytes, now: datetime) -> Attempt:
        """Try to deliver a change once."""
        message, number = format_cursor(delivery.epoch, delivery.seq), delivery.attempt_count + 1
        fields = self._fields(message, body, now, number, delivery.generation)
        return as_attempt(await self._sender.post(self._url, body, fields, self._timeout_s), now)

    async def ping(self, id: UUID, source: str, now: datetime) -> Attempt:
        """Ask whether anybody who knows the secret is there."""
        body = ping_body(id, source, self._subscription.id, now)
        fields = self._fields(f"ping-{id}", body, now, 1, self._subscription.generation)
        return as_attempt(await self._sender.post(self._url, body, fields, self._timeout_s), now)

    def _fields(self, message: str, body: bytes, now: datetime, attempt: int, generation: int) -> str:
        """The header lines of one request."""
        sent = int(now.timestamp())
        keys = self._lasting or [key for key, until in self._keys if until is None or until > now]
        return (
            f"{write_signed_fields(message, body, keys, sent, attempt)}"
            f"webhook-generation: {generation}\r\n{self._subscription_field}{self._own_fields}"
        )


def as_attempt(reply: WebhookReply, at: datetime) -> Attempt:
    """What the endpoint did, as it is noted."""
    wait = None if reply.retry_after is None else read_retry_after(reply.retry_after, at)
    return Attempt(at, reply.status, reply.duration_ms, reply.error, wait)


def signing_keys(subscription: Subscription, cipher: SecretCipher) -> Iterator[tuple[HMAC, datetime | None]]:
    """The keys that sign, the newest first, each with the time until which it does.

    An old secret that cannot be opened any more, because the key that sealed it was lost, signs no more.
    """
    if subscription.secret is not None:
        yield prepare_message(key_in(cipher.open(subscription.secret))), None
    if subscription.previous_secret is not None:
        with suppress(Unavailable):
            yield prepare_message(key_in(cipher.open(subscription.previous_secret))), subscription.previous_expires_at


def ping_body(id: UUID, source: str, subscription: UUID, now: datetime) -> bytes:
    """A ping in the form of a feed item; `source` is a JSON string."""
    ping = {
        "specversion": "1.0",
        "id": f"ping-{id}",
        "source": orjson.loads(source),
        "type": "sys.ping",
        "subject": str(subscription),
        "time": format_instant(now),
        "sequence": None,
        "version": None,
        "datacontenttype": "application/json",
        "dataschema": None,
        "data": {},
    }
    return orjson.dumps(ping)
