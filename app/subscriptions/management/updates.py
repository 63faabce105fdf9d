"""What a new subscription is, and what a patch makes of one: reading and pure decisions, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import orjson
from pydantic import ValidationError

from app.errors import FieldError, Invalid
from app.events.documents import merge_patch
from app.kinds.base import integral
from app.kinds.field_errors import field_errors
from app.subscriptions.filter import Filter, read_filter
from app.subscriptions.schemas import Configuration, NewPush, NewSubscription, StrictBody
from app.subscriptions.tables import Status, Subscription
from app.subscriptions.transport.custom_headers import NONE, header_faults, headers_to_merge, seal_headers
from app.subscriptions.transport.secret_cipher import SecretCipher

M = TypeVar("M", bound=StrictBody)
DEFAULT_IN_FLIGHT = 4
RESET_HEALTH: dict[str, Any] = {
    "consecutive_failures": 0,
    "failing_since": None,
    "resume_at": None,
    "disabled_reason": None,
}


@dataclass(frozen=True, slots=True)
class ParsedSubscription:
    """A subscription that is asked for, its filter read."""

    asked: NewSubscription
    filter: Filter


def read_body(data: object, model: type[M]) -> M:
    """A body as the model; Invalid with a pointer for each fault."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise Invalid("The body was refused; see errors.", errors=field_errors(error, model, "")) from None


def read_new(data: object) -> ParsedSubscription:
    """The body of POST /v1/subscriptions."""
    asked = read_body(data, NewSubscription)
    reject_push(asked.mode, asked.push)
    return ParsedSubscription(asked, read_filter(asked.filter))


def reject_push(mode: str, push: NewPush | None, headers: str = NONE) -> None:
    """Refuse an endpoint of another mode, more in flight than open, and headers, given those that are stored."""
    if mode == "push" and push is None:
        raise invalid_field("missing", "A push subscription needs an endpoint.", "/push")
    if mode == "pull" and push is not None:
        raise invalid_field("pair", "A pull subscription has no endpoint.", "/push")
    if push is not None and (push.max_in_flight or 0) > push.max_open:
        raise invalid_field("range", "No more can be in flight than are open: at most max_open.", "/push/max_in_flight")
    if push is not None and (faults := header_faults(push.headers, headers)):
        raise Invalid("The body was refused; see errors.", errors=faults)


def invalid_field(code: str, detail: str, place: str) -> Invalid:
    """The refusal of a body for one fault."""
    return Invalid("The body was refused; see errors.", errors=[FieldError(code, detail, pointer=place)])


def in_flight(push: NewPush) -> int:
    """How many requests at once, where nobody said."""
    return push.max_in_flight or min(DEFAULT_IN_FLIGHT, push.max_open)


def new_subscription(
    id: UUID,
    owner: str,
    wanted: ParsedSubscription,
    *,
    cursor: int,
    secret: str | None,
    cipher: SecretCipher,
    now: datetime,
) -> Subscription:
    """The subscription as it begins: pull at once, push with a ping."""
    push = wanted.asked.push
    return Subscription(
        id=id,
        owner=owner,
        version=1,
        name=wanted.asked.name,
        mode=wanted.asked.mode,
        filter=orjson.dumps(wanted.filter.document).decode(),
        url=push.url if push else None,
        max_open=push.max_open if push else 0,
        max_in_flight=in_flight(push) if push else 0,
        timeout_s=push.timeout_s if push else 0,
        status="pending" if push else "active",
        cursor=cursor,
        generation=0,
        verified=push is None,
        ping_due=push is not None,
        secret=None if secret is None else cipher.seal(secret),
        created_at=now,
        headers=seal_headers(push.headers, cipher) if push else NONE,
    )


def configuration_of(subscription: Subscription, patch: dict[str, Any]) -> dict[str, Any]:
    """What a patch applies to."""
    shown = {"name": subscription.name, "filter": orjson.loads(subscription.filter), "push": None}
    if subscription.mode == "push":
        names = ("url", "max_open", "max_in_flight", "timeout_s")
        asked = patch.get("push")
        headers = headers_to_merge(subscription.headers, asked.get("headers") if isinstance(asked, dict) else None)
        shown["push"] = {**{name: getattr(subscription, name) for name in names}, "headers": headers}
    return shown


def apply_patch(current: Subscription, patch: dict[str, Any], cipher: SecretCipher) -> Subscription:
    """The subscription with a merge patch applied, validated whole; equal to `current` where nothing changes."""
    data = merge_patch(configuration_of(current, patch), patch)
    lower_in_flight(data, patch)
    if data.get("push") is None:
        data["push"] = None
    data.setdefault("filter", {})
    if "status" in patch and "status" not in data:
        raise invalid_field("enum", "A status is active or paused.", "/status")
    asked = read_body(data, Configuration)
    reject_push(current.mode, asked.push, current.headers)
    filter_ = orjson.dumps(read_filter(asked.filter).document).decode() if "filter" in patch else current.filter
    after = replace(current, name=asked.name, filter=filter_)
    if asked.push is not None:
        after = with_push(after, asked.push, cipher)
    if asked.status is not None:
        after = with_status(after, asked.status)
    return after if is_same(current, after) else replace(after, version=current.version + 1)


def lower_in_flight(data: dict[str, Any], patch: dict[str, Any]) -> None:
    """`max_in_flight` goes down with `max_open` where the patch names only that."""
    push, asked = data.get("push"), patch.get("push")
    if not (isinstance(push, dict) and isinstance(asked, dict)) or "max_in_flight" in asked:
        return
    most = integral(push.get("max_open", NewPush.model_fields["max_open"].default))
    if type(most) is int and push.get("max_in_flight", 0) > most > 0:
        push["max_in_flight"] = most


def with_push(subscription: Subscription, push: NewPush, cipher: SecretCipher) -> Subscription:
    """Another endpoint begins anew, with a ping; unfinished deliveries go to it. Other headers do not."""
    after = replace(
        subscription,
        url=push.url,
        max_open=push.max_open,
        max_in_flight=in_flight(push),
        timeout_s=push.timeout_s,
        headers=seal_headers(push.headers, cipher, subscription.headers),
    )
    if push.url == subscription.url:
        return after
    status: Status = "paused" if subscription.status == "paused" else "pending"
    return replace(after, **RESET_HEALTH, verified=False, status=status, ping_due=status == "pending")


def with_status(subscription: Subscription, status: str) -> Subscription:
    """Pause, or go on: to `pending`, with a ping, where the endpoint has to show itself first."""
    if status == "paused":
        kept = subscription.verified and subscription.status != "disabled"
        return replace(subscription, status="paused", verified=kept, ping_due=False, disabled_reason=None)
    if subscription.status == "active":
        return subscription
    if subscription.mode == "pull":
        return replace(subscription, **RESET_HEALTH, status="active")
    if subscription.status in {"failing", "paused"} and subscription.verified:
        return replace(subscription, **RESET_HEALTH, status="active")
    return replace(subscription, **RESET_HEALTH, status="pending", verified=False, ping_due=True)


def is_same(one: Subscription, other: Subscription) -> bool:
    """Whether the configuration is the same; a ping that is asked for again is none of it."""
    return replace(one, ping_due=other.ping_due) == other
