"""What Sitrep sends by itself: what an endpoint of a push subscription receives, and how it verifies that."""

from __future__ import annotations

from typing import Any

from app.feed.schemas import FeedItem
from app.openapi.example_data import AS_OF, sample
from app.openapi.schemas import SchemaRegistry, SchemaType

MEDIA = "application/cloudevents+json"
PUSHED: list[SchemaType] = [(FeedItem, "serialization")]
TEXT = {"type": "string"}
VERIFY = (
    "Verify before you trust: join `webhook-id`, `webhook-timestamp` and the body exactly as it came with full stops, "
    "make the HMAC-SHA256 of that with the bytes that follow `whsec_` in the secret (base64), and compare it in "
    "constant time with what follows `v1,` in one of the signatures that `webhook-signature` lists, separated by "
    "spaces; during a rotation there are two. Refuse a timestamp that is more than five minutes away. Any library of "
    "[Standard Webhooks](https://www.standardwebhooks.com) does this, `verify` of both clients too.\n\n"
)
TWICE = (
    "Answer with 2xx once the change is safe, within `timeout_s`. The same `webhook-id` may come again, with the same "
    "bytes: note the ids that you have had. Redirects are not followed. 410 ends the subscription; 429 and 503 may "
    "ask to wait with `Retry-After`; anything else is tried again for three days, then the delivery is `dead` and "
    "waits for a retry."
)
HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "webhook-id": ("The id of the change, the same at every try.", {**TEXT, "examples": [AS_OF]}),
    "webhook-timestamp": ("When this try was sent, in seconds since 1970.", {**TEXT, "examples": ["1757323867"]}),
    "webhook-signature": (
        "Standard Webhooks: `v1,` and the base64 of the HMAC-SHA256, once for each valid secret.",
        {**TEXT, "examples": ["v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="]},
    ),
    "webhook-attempt": ("Which try it is.", {**TEXT, "examples": ["1"]}),
    "webhook-generation": ("The generation of the subscription: one more with each seek.", {**TEXT, "examples": ["0"]}),
    "webhook-subscription": ("The subscription.", {**TEXT, "format": "uuid"}),
}
ANSWERS: dict[str, Any] = {
    "2XX": {"description": "It was taken."},
    "410": {"description": "The endpoint is gone: the subscription is disabled."},
    "429": {"description": "Too much: nothing is sent for as long as `Retry-After` says, up to a day."},
    "503": {"description": "Not now: nothing is sent for as long as `Retry-After` says, up to a day."},
    "default": {"description": "It failed, and is tried again."},
}
PING = {
    "type": "object",
    "description": "A ping in the form of a feed item.",
    "required": ["specversion", "id", "source", "type", "subject", "time", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {**TEXT, "pattern": "^ping-", "description": "`ping-` and an id of its own."},
        "source": {**TEXT, "format": "uri-reference"},
        "type": {"const": "sys.ping"},
        "subject": {**TEXT, "format": "uuid", "description": "The subscription."},
        "time": {**TEXT, "format": "date-time"},
        "sequence": {"type": "null"},
        "version": {"type": "null"},
        "datacontenttype": {"const": "application/json"},
        "dataschema": {"type": "null"},
        "data": {"type": "object", "maxProperties": 0},
    },
}


def webhooks(shapes: SchemaRegistry) -> dict[str, Any]:
    """The `webhooks` of the document."""
    change, item = shapes.of(FeedItem, "serialization"), sample("feed")["items"][0]
    ping = {
        **item,
        "id": "ping-019928b4-9f10-7b6e-8d2a-1f4c5e7a9b03",
        "type": "sys.ping",
        "subject": sample("subscription")["id"],
        **dict.fromkeys(("sequence", "version", "dataschema")),
        "data": {},
    }
    return {
        "change": {"post": request_example("receive_change", "A change that matches.", change, item)},
        "ping": {
            "post": request_example(
                "receive_ping", "A ping, to see that somebody who knows the secret is there.", PING, ping
            )
        },
    }


def request_example(name: str, what: str, schema: dict[str, Any], example: Any) -> dict[str, Any]:
    """One request as the endpoint gets it."""
    return {
        "tags": ["subscriptions"],
        "operationId": name,
        "summary": name.replace("_", " ").capitalize(),
        "description": f"{what} {VERIFY}{TWICE}",
        "security": [],
        "parameters": [
            {"name": field, "in": "header", "required": True, "description": text, "schema": shape}
            for field, (text, shape) in HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {MEDIA: {"schema": schema, "examples": {"sent": {"value": example}}}},
        },
        "responses": ANSWERS,
    }
