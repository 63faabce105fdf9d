"""What follows from an attempt for the delivery: done, tried again at a time, or given up; no I/O."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from app.kinds import format_instant
from app.subscriptions.tables import Delivery, DeliveryStatus, Notice

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
# The error of an attempt that sent nothing, because the log has the change no longer.
NO_PAYLOAD = "payload"


class Attempt(NamedTuple):
    """What came of one request: `error` is None after a 2xx; `wait` is what 429 or 503 asked for."""

    at: datetime
    status_code: int | None
    duration_ms: int
    error: str | None
    wait: timedelta | None = None

    @property
    def ok(self) -> bool:
        """It was answered with 2xx."""
        return self.error is None

    @property
    def failure(self) -> str | None:
        """The error in a word or two."""
        return f"status {self.status_code}" if self.error == "status" else self.error


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


def after_attempt(delivery: Delivery, attempt: Attempt, jitter: float, generation: int) -> Delivery:
    """The delivery with the attempt noted: delivered, to be tried again, dead, or cancelled.

    `generation` is the subscription's: a seek has cancelled what the cursor stored in a former one.
    """
    tries, number = delivery.tries + 1, delivery.attempt_count + 1
    due: datetime | None = None
    status: DeliveryStatus = "delivered"
    if attempt.error is not None:
        due = None if attempt.error == NO_PAYLOAD else next_try(tries, attempt.at, attempt.wait, jitter)
        status = "dead" if due is None else "retrying"
    if status == "retrying" and delivery.counted and delivery.generation != generation:
        due, status = None, "cancelled"
    attempts = with_attempt(delivery.attempts, number, attempt)
    return delivery._replace(status=status, tries=tries, attempt_count=number, attempts=attempts, next_attempt_at=due)


def with_attempt(attempts: str, number: int, attempt: Attempt) -> str:
    """The JSON list with one attempt more."""
    status = "null" if attempt.status_code is None else attempt.status_code
    error = "null" if attempt.error is None else f'"{attempt.error}"'  # a word of ours
    entry = (
        f'{{"n":{number},"at":"{format_instant(attempt.at)}","status_code":{status},'
        f'"duration_ms":{attempt.duration_ms},"error":{error}}}'
    )
    return f"{attempts[:-1]}{',' if len(attempts) > 2 else ''}{entry}]"


def dead_letter(delivery: Delivery, attempt: Attempt) -> Notice:
    """What is told when a delivery is given up."""
    detail = f"Given up after {delivery.attempt_count} attempts: {attempt.failure}."
    return Notice("delivery.dead", delivery.subscription, delivery.id, attempt.at, detail)
