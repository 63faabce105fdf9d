"""How an endpoint is doing after an attempt: failing, disabled, recovered; no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from app.subscriptions.delivery.retry_policy import MAX_RETRY_AFTER, Attempt
from app.subscriptions.tables import Notice, NoticeType, Status, Subscription

FAILING_AFTER = 10
# It is given up when it has failed for so long, and the last attempt is no older than RECENT.
DISABLED_AFTER = timedelta(days=5)
RECENT = timedelta(days=1)
# A failing endpoint is asked by one delivery at a time, and no sooner than this after the last.
PROBE_INTERVAL = timedelta(seconds=5)
GONE = 410


class Health(NamedTuple):
    """How an endpoint has been doing: the part of a subscription that its worker writes."""

    status: Status
    disabled_reason: str | None
    consecutive_failures: int
    failing_since: datetime | None
    last_attempt_at: datetime | None
    last_success_at: datetime | None
    last_error: str | None
    resume_at: datetime | None


HEALTH = Health._fields


class HealthUpdate(NamedTuple):
    """The endpoint's health after an attempt, and what is to be told about it."""

    health: Health
    notices: Sequence[Notice]


def update_health(health: Health, attempt: Attempt, subscription: UUID) -> HealthUpdate:
    """What an attempt does to the endpoint's standing."""
    return (record_success if attempt.error is None else record_failure)(health, attempt, subscription)


def record_success(health: Health, attempt: Attempt, subscription: UUID) -> HealthUpdate:
    """A success ends a row of failures, and `failing` with it."""
    at, (status, reason, *_) = attempt.at, health
    after = Health(status, reason, 0, None, at, at, health.last_error, health.resume_at)
    if health.status != "failing":
        return HealthUpdate(after, ())
    detail = f"It answers again, after {health.consecutive_failures} failures in a row."
    recovered = notice("subscription.recovered", subscription, attempt, detail)
    return HealthUpdate(after._replace(status="active", last_error=None, resume_at=None), [recovered])


def record_failure(health: Health, attempt: Attempt, subscription: UUID) -> HealthUpdate:
    """A failure counts; the tenth in a row means failing, 410 or five days of failing mean disabled."""
    count = health.consecutive_failures + 1
    after = health._replace(
        consecutive_failures=count,
        last_attempt_at=attempt.at,
        last_error=attempt.failure,
        resume_at=held(health, attempt),
    )
    if health.status not in {"active", "failing"}:
        return HealthUpdate(after, ())
    if attempt.status_code == GONE:
        return disable(after, attempt, subscription, "gone", "The endpoint answered 410: it is gone.")
    if health.status == "failing" and is_given_up(health, attempt.at):
        return disable(after, attempt, subscription, "failing", f"It failed for {DISABLED_AFTER.days} days.")
    if health.status == "active" and count >= FAILING_AFTER:
        told = notice("subscription.failing", subscription, attempt, f"{count} failures in a row: {attempt.failure}.")
        resume = max(after.resume_at or attempt.at, attempt.at + PROBE_INTERVAL)
        return HealthUpdate(after._replace(status="failing", failing_since=attempt.at, resume_at=resume), [told])
    return HealthUpdate(after, ())


def held(health: Health, attempt: Attempt) -> datetime | None:
    """Until when the endpoint is left alone: as long as it asked for, or until the next probe."""
    pause = max(attempt.wait or timedelta(0), PROBE_INTERVAL if health.status == "failing" else timedelta(0))
    until = attempt.at + min(pause, MAX_RETRY_AFTER) if pause else None
    known = [moment for moment in (health.resume_at, until) if moment is not None]
    return max(known, default=None)


def is_given_up(health: Health, now: datetime) -> bool:
    """It has been failing for five days, and we did try within the last of them."""
    since, last = health.failing_since, health.last_attempt_at
    return since is not None and now - since >= DISABLED_AFTER and last is not None and now - last <= RECENT


def disable(health: Health, attempt: Attempt, subscription: UUID, reason: str, detail: str) -> HealthUpdate:
    """Nothing more is sent until somebody sets it active again."""
    told = notice("subscription.disabled", subscription, attempt, detail)
    return HealthUpdate(health._replace(status="disabled", disabled_reason=reason), [told])


def notice(what: NoticeType, subscription: UUID, attempt: Attempt, detail: str) -> Notice:
    """Something to tell an operator."""
    return Notice(what, subscription, None, attempt.at, detail)


def after_ping(health: Health, attempt: Attempt, subscription: UUID) -> HealthUpdate:
    """A good answer to the ping opens a pending subscription; a bad one leaves it pending, and 410 disables it."""
    after = health._replace(last_attempt_at=attempt.at, last_error=attempt.failure)
    if attempt.error is None:
        return HealthUpdate(after._replace(status="active", last_success_at=attempt.at), ())
    if attempt.status_code == GONE:
        return disable(after, attempt, subscription, "gone", "The endpoint answered 410: it is gone.")
    return HealthUpdate(after, ())


def health_of(subscription: Subscription) -> Health:
    """How the endpoint has been doing."""
    return Health(*(getattr(subscription, name) for name in HEALTH))


def slots(status: Status, max_in_flight: int) -> int:
    """How many deliveries may be under way at once."""
    return max_in_flight if status == "active" else int(status == "failing")
