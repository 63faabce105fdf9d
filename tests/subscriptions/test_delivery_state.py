"""What a pump makes of results that come while callers change the subscription: theirs is what stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.subscriptions.delivery.context import WorkerTimings
from app.subscriptions.delivery.pending_results import PendingResults
from app.subscriptions.delivery.queue import MemoryBudget
from app.subscriptions.delivery.retry_policy import FAILING_AFTER, Attempt
from app.subscriptions.delivery.state import DeliveryState
from app.subscriptions.tables import Delivery, Subscription

if TYPE_CHECKING:
    from app.subscriptions.delivery.result_writer import Outcome, ResultBatch

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
GOOD = Attempt(NOW, 200, 5, None)
BAD = Attempt(NOW, 500, 5, "status")
BUSY = Attempt(NOW, 429, 5, "status", HOUR)
GONE = Attempt(NOW, 410, 5, "status")


class Means:
    """A writer that notes the steps and answers as it is told."""

    def __init__(self) -> None:
        self.timings = WorkerTimings()
        self.budget = MemoryBudget()
        self.steps: list[ResultBatch] = []
        self.outcome: Outcome = "written"
        self.writer = self

    def ticks(self) -> float:
        return 0.0

    async def submit(self, step: ResultBatch) -> Outcome:
        self.steps.append(step)
        return self.outcome


def subscription(**fields: Any) -> Subscription:
    nothing: dict[str, Any] = dict.fromkeys(
        (
            "disabled_reason", "failing_since", "last_attempt_at", "last_success_at", "last_error", "resume_at",
            "secret", "previous_secret", "previous_expires_at",
        )
    )  # fmt: skip
    made = Subscription(
        id=UUID(int=1), owner="desk", version=1, name="desk", mode="push", filter="{}", url="https://a.example.org",
        max_open=10, max_in_flight=4, timeout_s=15, status="active", cursor=0, generation=0, verified=True,
        ping_due=False, consecutive_failures=0, created_at=NOW, **nothing,
    )  # fmt: skip
    return replace(made, **fields)


def delivery_state(context: Means, **fields: Any) -> DeliveryState:
    return DeliveryState(context, subscription(**fields), UUID(int=9))  # type: ignore[arg-type]


async def test_a_result_that_comes_while_it_is_read_anew_undoes_no_pause() -> None:
    kept = delivery_state(context := Means())
    kept.judge(GOOD)

    kept.open_at(subscription(version=2, status="paused"))
    await kept.write()

    assert kept.health.status == "paused"
    assert [step.health and step.health.status for step in context.steps] == ["paused"]


async def test_what_was_asked_or_told_by_a_result_that_came_too_late_still_counts() -> None:
    kept = delivery_state(context := Means())
    context.outcome = "stale"
    kept.judge(BUSY)
    await kept.write()

    kept.open_at(subscription(version=2, name="renamed"))

    assert (kept.health.status, kept.health.consecutive_failures) == ("active", 1)
    assert kept.health.resume_at == NOW + HOUR


async def test_gone_disables_though_a_caller_was_faster() -> None:
    kept = delivery_state(context := Means())
    context.outcome = "stale"
    kept.judge(GONE)
    await kept.write()
    kept.open_at(subscription(version=2, name="renamed"))
    context.outcome = "written"
    await kept.write()

    assert kept.health.disabled_reason == "gone"
    assert [told.type for told in context.steps[-1].notices] == ["subscription.disabled"]


async def test_results_of_another_address_say_nothing_of_the_new_one() -> None:
    kept = delivery_state(Means())
    for _ in range(FAILING_AFTER):
        kept.judge(BAD)
    assert kept.health.status == "failing"

    kept.open_at(subscription(version=2, url="https://b.example.org", status="pending", verified=False))

    assert (kept.health.status, kept.health.consecutive_failures) == ("pending", 0)
    assert not kept.pending_results.any


async def test_what_is_written_is_judged_once() -> None:
    kept = delivery_state(Means())
    kept.judge(BAD)
    await kept.write()

    kept.open_at(subscription(consecutive_failures=1))

    assert kept.health.consecutive_failures == 1


async def test_of_successes_in_a_row_the_last_tells_how_the_endpoint_is() -> None:
    kept = delivery_state(context := Means())
    times = [NOW + timedelta(seconds=n) for n in range(3)]
    for at in times:
        kept.judge(GOOD._replace(at=at))
    await kept.write()

    [step] = context.steps
    assert step.health is not None
    assert (step.health.last_success_at, step.health.last_attempt_at) == (times[-1], times[-1])
    assert step.health.consecutive_failures == 0


async def test_a_failure_after_successes_and_a_success_after_failures_both_count() -> None:
    kept = delivery_state(Means())
    later = NOW + HOUR
    kept.judge(GOOD)
    kept.judge(BAD._replace(at=later))

    assert (kept.health.consecutive_failures, kept.health.last_success_at) == (1, NOW)
    assert kept.health.last_attempt_at == later
    kept.judge(GOOD._replace(at=later + HOUR))
    assert (kept.health.consecutive_failures, kept.health.last_success_at) == (0, later + HOUR)


async def test_a_success_that_was_not_judged_yet_is_judged_by_what_a_caller_made_of_it() -> None:
    kept = delivery_state(context := Means())
    kept.judge(GOOD)

    kept.open_at(subscription(version=2, consecutive_failures=3))
    await kept.write()

    assert [step.health and step.health.consecutive_failures for step in context.steps] == [0]


async def test_what_was_shown_as_sending_and_then_delivered_is_delivered_also_after_a_write_that_failed() -> None:
    one = Delivery(UUID(int=5), UUID(int=1), 4, 1, 0, "queued", True, 0, 0, "[]", NOW, NOW)
    shown, since = (
        PendingResults(changed={one.id: one._replace(status="sending")}),
        PendingResults(delivered={one.id: "[1]"}),
    )

    both = shown.after(since)

    assert (both.changed, both.delivered) == ({}, {one.id: "[1]"})
    assert both.has_news_of(one.id)
    assert not both.has_news_of(UUID(int=6))
