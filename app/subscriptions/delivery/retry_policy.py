"""What follows from an attempt: when to try again, when an endpoint is failing, when it is given up; no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from uuid import UUID

from app.kinds import format_instant
from app.subscriptions.tables import Delivery, DeliveryStatus, Notice, NoticeType, Status, Subscription

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
# When the first, second ... attempt comes after the one before.
SCHEDULE = (
    timedelta(0),
    5 * SECOND,
    300 * SECOND,
    1800 * SECOND,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
)
JITTER = 0.2
MAX_RETRY_AFTER = DAY
FAILING_AFTER = 10
DISABLED_AFTER = 5 * DAY
# A failing endpoint is asked by one delivery at a time, and no sooner than this after the last.
PROBE_INTERVAL = 5 * SECOND
GONE = 410
ASKS_TO_WAIT = frozenset({429, 503})


class Attempt(NamedTuple):
    """What came of one request: `error` is None after a 2xx; `wait` is what 429 or 503 asked for."""

    at: datetime
    status_code: int | None
    duration_ms: int
    error: str | None
    wait: timedelta | None = None

    @property
    def failure(self) -> str | None:
        """The error in a word or two."""
        return f"status {self.status_code}" if self.error == "status" else self.error


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


def next_try(tries: int, failed_at: datetime, wait: timedelta | None, jitter: float) -> datetime | None:
    """When to try again after so many tries; None when it is time to give up. `jitter` lies in -1..1."""
    if tries >= len(SCHEDULE):
        return None
    pause = SCHEDULE[tries] * (1 + JITTER * jitter)
    return failed_at + max(pause, min(wait or timedelta(0), MAX_RETRY_AFTER))


def read_retry_after(text: str | None, now: datetime) -> timedelta | None:
    """How long `Retry-After` asks to wait: seconds or an HTTP date (RFC 9110, 10.2.3); None when it says nothing."""
    if text is None:
        return None
    if text.isascii() and text.strip().isdigit():
        digits = text.strip().lstrip("0")
        return MAX_RETRY_AFTER if len(digits) > 9 else min(timedelta(seconds=int(digits or "0")), MAX_RETRY_AFTER)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter for numbers of twenty digits
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(timedelta(0), min(until - now, MAX_RETRY_AFTER))


def after_attempt(delivery: Delivery, attempt: Attempt, jitter: float) -> Delivery:
    """The delivery with the attempt noted: delivered, to be tried again, or dead."""
    tries, number = delivery.tries + 1, delivery.attempt_count + 1
    due = next_try(tries, attempt.at, attempt.wait, jitter) if attempt.error else None
    status: DeliveryStatus = "delivered" if attempt.error is None else "dead" if due is None else "retrying"
    noted = with_attempt(delivery.attempts, number, attempt)
    kept, created = delivery[:5], delivery.created_at
    return Delivery(*kept, status, delivery.counted, tries, number, noted, due, created)


def with_attempt(attempts: str, number: int, attempt: Attempt) -> str:
    """The JSON list with one attempt more."""
    status = "null" if attempt.status_code is None else attempt.status_code
    error = "null" if attempt.error is None else f'"{attempt.error}"'  # a word of ours
    entry = (
        f'{{"n":{number},"at":"{format_instant(attempt.at)}","status_code":{status},'
        f'"duration_ms":{attempt.duration_ms},"error":{error}}}'
    )
    return f"{attempts[:-1]}{',' if len(attempts) > 2 else ''}{entry}]"


def update_health(health: Health, attempt: Attempt, subscription: UUID) -> HealthUpdate:
    """What an attempt does to the endpoint's standing."""
    return (succeeded if attempt.error is None else failed)(health, attempt, subscription)


def succeeded(health: Health, attempt: Attempt, subscription: UUID) -> HealthUpdate:
    """A success ends a row of failures, and `failing` with it."""
    at, (status, reason, *_) = attempt.at, health
    after = Health(status, reason, 0, None, at, at, health.last_error, health.resume_at)
    if health.status != "failing":
        return HealthUpdate(after, ())
    detail = f"It answers again, after {health.consecutive_failures} failures in a row."
    recovered = notice("subscription.recovered", subscription, attempt, detail)
    return HealthUpdate(after._replace(status="active", last_error=None, resume_at=None), [recovered])


def failed(health: Health, attempt: Attempt, subscription: UUID) -> HealthUpdate:
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
        return disabled(after, attempt, subscription, "gone", "The endpoint answered 410: it is gone.")
    if health.status == "failing" and is_given_up(health, attempt.at):
        return disabled(after, attempt, subscription, "failing", f"It failed for {DISABLED_AFTER.days} days.")
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
    return since is not None and now - since >= DISABLED_AFTER and last is not None and now - last <= DAY


def disabled(health: Health, attempt: Attempt, subscription: UUID, reason: str, detail: str) -> HealthUpdate:
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
        return disabled(after, attempt, subscription, "gone", "The endpoint answered 410: it is gone.")
    return HealthUpdate(after, ())


def health_of(subscription: Subscription) -> Health:
    """How the endpoint has been doing."""
    return Health(*(getattr(subscription, name) for name in HEALTH))


def dead_letter(delivery: Delivery, attempt: Attempt) -> Notice:
    """What is told when a delivery is given up."""
    detail = f"Given up after {delivery.attempt_count} attempts: {attempt.failure}."
    return Notice("delivery.dead", delivery.subscription, delivery.id, attempt.at, detail)


def slots(status: Status, max_in_flight: int) -> int:
    """How many deliveries may be under way at once."""
    return max_in_flight if status == "active" else int(status == "failing")
