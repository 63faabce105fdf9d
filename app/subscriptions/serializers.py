"""Subscriptions, deliveries and notices as the API shows them."""

from __future__ import annotations

from typing import Any

import orjson

from app.auth.schemas import serialize_instant
from app.changes import Head, format_cursor
from app.kinds import format_instant
from app.subscriptions.statements import Counts
from app.subscriptions.tables import Delivery, Notice, Subscription
from app.subscriptions.transport.custom_headers import serialize_headers


def serialize_subscription(subscription: Subscription, head: Head, counts: Counts) -> dict[str, Any]:
    """A subscription as `SubscriptionShape`."""
    push = None
    if subscription.mode == "push":
        push = {
            "url": subscription.url,
            "max_open": subscription.max_open,
            "max_in_flight": subscription.max_in_flight,
            "timeout_s": subscription.timeout_s,
            "headers": serialize_headers(subscription.headers),
        }
    place = serialize_position(subscription, head)
    return {
        "id": str(subscription.id),
        "version": subscription.version,
        "name": subscription.name,
        "mode": subscription.mode,
        "filter": orjson.loads(subscription.filter),
        "push": push,
        "status": subscription.status,
        "disabled_reason": subscription.disabled_reason,
        "cursor": place["cursor"],
        "generation": subscription.generation,
        "lag": place["lag"],
        "open": counts.open,
        "dead": counts.dead,
        "consecutive_failures": subscription.consecutive_failures,
        "failing_since": serialize_instant(subscription.failing_since),
        "last_success_at": serialize_instant(subscription.last_success_at),
        "last_error": subscription.last_error,
        "created_at": format_instant(subscription.created_at),
    }


def serialize_position(subscription: Subscription, head: Head) -> dict[str, Any]:
    """Where a subscription stands, as `Place`."""
    return {
        "cursor": format_cursor(head.epoch, subscription.cursor),
        "lag": max(0, head.seq - subscription.cursor),
        "generation": subscription.generation,
    }


def serialize_delivery_head(delivery: Delivery) -> dict[str, Any]:
    """A delivery in a list, as `DeliveryHead`."""
    shown = serialize_delivery(delivery)
    return {("attempt_count" if name == "attempts" else name): value for name, value in shown.items()} | {
        "attempt_count": delivery.attempt_count
    }


def serialize_delivery(delivery: Delivery) -> dict[str, Any]:
    """A delivery with its attempts, as `DeliveryShape`."""
    waits = delivery.status in {"queued", "retrying"}
    return {
        "id": str(delivery.id),
        "subscription_id": str(delivery.subscription),
        "change_id": format_cursor(delivery.epoch, delivery.seq),
        "generation": delivery.generation,
        "status": delivery.status,
        "attempts": orjson.loads(delivery.attempts),
        "next_attempt_at": serialize_instant(delivery.next_attempt_at) if waits else None,
        "created_at": format_instant(delivery.created_at),
    }


def serialize_notice(notice: Notice) -> dict[str, Any]:
    """A notice as `NoticeShape`."""
    return {
        "id": notice.id,
        "type": notice.type,
        "subscription_id": str(notice.subscription),
        "delivery_id": None if notice.delivery is None else str(notice.delivery),
        "at": format_instant(notice.at),
        "detail": notice.detail,
    }
