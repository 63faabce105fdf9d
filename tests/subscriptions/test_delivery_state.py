"""The phases of a delivery, and what it makes of results that come while callers change the subscription."""

from __future__ import annotations

import ast
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from app.kit.ids import IdSource
from app.subscriptions.delivery import phase, state
from app.subscriptions.delivery.context import WorkerTimings
from app.subscriptions.delivery.endpoint_health import FAILING_AFTER
from app.subscriptions.delivery.phase import TRANSITIONS, IllegalTransition, Phase
from app.subscriptions.delivery.queue import MemoryBudget
from app.subscriptions.delivery.result_writer import PendingResults
from app.subscriptions.delivery.retry_policy import Attempt
from app.subscriptions.delivery.state import DeliveryState
from app.subscriptions.tables import Delivery, Subscription

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.subscriptions.delivery.result_writer import Outcome, ResultBatch

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
GOOD = Attempt(NOW, 200, 5, None)
BAD = Attempt(NOW, 500, 5, "status")
BUSY = Attempt(NOW, 429, 5, "status", HOUR)
GONE = Attempt(NOW, 410, 5, "status")


# What each event leads to; "-": it cannot happen.
EVENTS = """
                STALE     LOADING   READY     STOPPING  DRAINING  LOST  CLOSED
begin_loading   LOADING   -         -         STOPPING  -         -     -
finish_loading  STALE     READY     -         DRAINING  -         LOST  -
fail_loading    STALE     STALE     -         STOPPING  -         LOST  -
note_change     STALE     STALE     STALE     STOPPING  STOPPING  LOST  CLOSED
stop            STOPPING  STOPPING  DRAINING  STOPPING  DRAINING  LOST  CLOSED
lose_lease      LOST      LOST      LOST      LOST      LOST      LOST  CLOSED
close           CLOSED    CLOSED    CLOSED    CLOSED    CLOSED    CLOSED  CLOSED
"""


class Context:
    """A writer that notes the steps and answers as it is told."""

    def __init__(self) -> None:
        self.timings = WorkerTimings()
        self.budget = MemoryBudget()
        self.steps: list[ResultBatch] = []
        self.outcome: Outcome = "written"
        self.writer = self
        self.new_id = IdSource()

    def now(self) -> datetime:
        return NOW

    def jitter(self) -> float:
        return 0.0

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


def delivery(n: int = 5) -> Delivery:
    return Delivery(UUID(int=n), UUID(int=1), 4, 1, 0, "queued", True, 0, 0, "[]", NOW, NOW)


def delivery_state(context: Context | None = None, **fields: Any) -> DeliveryState:
    return DeliveryState(context or Context(), subscription(**fields), UUID(int=9))  # type: ignore[arg-type]


def note(kept: DeliveryState, attempt: Attempt) -> None:
    """An attempt has ended."""
    kept.record_attempt(delivery(), attempt)


def load(kept: DeliveryState, found: Subscription) -> None:
    """Somebody changed the subscription, and it was read anew."""
    kept.note_change()
    kept.begin_loading()
    kept.finish_loading(found, [])


def transitions() -> dict[tuple[str, Phase], Phase | None]:
    """The table above."""
    names, *lines = EVENTS.strip().splitlines()
    return {
        (event, Phase[before]): None if after == "-" else Phase[after]
        for event, *row in map(str.split, lines)
        for before, after in zip(names.split(), row, strict=True)
    }


def test_every_event_leads_where_it_may_and_is_refused_elsewhere() -> None:
    assert {event for event, _ in transitions()} == {*TRANSITIONS}
    for (event, before), after in transitions().items():
        kept = delivery_state()
        kept.phase = before
        values: list[Any] = [subscription(), []] if event == "finish_loading" else []
        if after is None:
            with pytest.raises(IllegalTransition, match=f"{event} cannot happen while {before.name}"):
                getattr(kept, event)(*values)
        else:
            getattr(kept, event)(*values)
        assert kept.phase == (after or before), (event, before)


def test_the_drawing_names_every_phase_and_every_event() -> None:
    drawing = phase.__doc__ or ""

    assert [each for each in (*Phase.__members__, *TRANSITIONS) if each not in drawing] == []


def assignments(path: Path) -> Iterator[ast.Attribute]:
    """The attributes that a module sets or deletes."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            yield node


def is_own(owner: ast.expr) -> bool:
    """The object itself, or a part of it that nobody else may touch."""
    if isinstance(owner, ast.Attribute) and owner.attr.startswith("_"):
        owner = owner.value
    return isinstance(owner, ast.Name) and owner.id == "self"


def test_no_module_sets_an_attribute_of_the_state_of_another_object() -> None:
    rooms = Path(state.__file__).parent
    files = sorted([*rooms.glob("*.py"), *rooms.parent.glob("*.py"), *rooms.parent.glob("management/*.py")])
    others = [
        f"{path.name}:{node.lineno} {ast.unparse(node)}"
        for path in files
        for node in assignments(path)
        if not is_own(node.value)
    ]

    assert others == []
    assert not [path for path in rooms.glob("*.py") if "setattr(" in path.read_text(encoding="utf-8")]


def test_the_phase_is_only_moved_by_the_event_that_the_method_is_named_after() -> None:
    tree = ast.parse(Path(state.__file__).read_text(encoding="utf-8"))
    moves = {
        method.name: ast.unparse(node.value)
        for method in ast.walk(tree)
        if isinstance(method, ast.FunctionDef)
        for node in ast.walk(method)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "self.phase"
    }

    assert moves == {
        "__init__": "Phase.STALE",
        **{event: f"next_phase(self.phase, {event!r})" for event in TRANSITIONS},
    }
    setters = [
        path.name
        for path in Path(state.__file__).parent.glob("*.py")
        for node in assignments(path)
        if node.attr == "phase"
    ]
    assert {*setters} == {"state.py"}


async def test_a_result_that_comes_while_it_is_read_anew_undoes_no_pause() -> None:
    kept = delivery_state(context := Context())
    note(kept, GOOD)

    load(kept, subscription(version=2, status="paused"))
    await kept.write()

    assert kept.health.status == "paused"
    assert [step.results.health and step.results.health.status for step in context.steps] == ["paused"]


async def test_what_was_asked_or_told_by_a_result_that_came_too_late_still_counts() -> None:
    kept = delivery_state(context := Context())
    context.outcome = "stale"
    note(kept, BUSY)
    await kept.write()

    load(kept, subscription(version=2, name="renamed"))

    assert (kept.health.status, kept.health.consecutive_failures) == ("active", 1)
    assert kept.health.resume_at == NOW + HOUR


async def test_gone_disables_though_a_caller_was_faster() -> None:
    kept = delivery_state(context := Context())
    context.outcome = "stale"
    note(kept, GONE)
    await kept.write()
    load(kept, subscription(version=2, name="renamed"))
    context.outcome = "written"
    await kept.write()

    assert kept.health.disabled_reason == "gone"
    assert [told.type for told in context.steps[-1].results.notices] == ["subscription.disabled"]


async def test_results_of_another_address_say_nothing_of_the_new_one() -> None:
    kept = delivery_state(context := Context())
    for _ in range(FAILING_AFTER):
        note(kept, BAD)
    assert kept.health.status == "failing"

    load(kept, subscription(version=2, url="https://b.example.org", status="pending", verified=False))

    assert (kept.health.status, kept.health.consecutive_failures) == ("pending", 0)
    await kept.write()
    [batch] = context.steps
    assert (batch.results.health, batch.results.notices) == (None, [])


async def test_what_is_written_is_judged_once() -> None:
    kept = delivery_state()
    note(kept, BAD)
    await kept.write()

    load(kept, subscription(consecutive_failures=1))

    assert kept.health.consecutive_failures == 1


async def test_of_successes_in_a_row_the_last_tells_how_the_endpoint_is() -> None:
    kept = delivery_state(context := Context())
    times = [NOW + timedelta(seconds=n) for n in range(3)]
    for at in times:
        note(kept, GOOD._replace(at=at))
    await kept.write()

    [step] = context.steps
    assert step.results.health is not None
    assert (step.results.health.last_success_at, step.results.health.last_attempt_at) == (times[-1], times[-1])
    assert step.results.health.consecutive_failures == 0


async def test_a_failure_after_successes_and_a_success_after_failures_both_count() -> None:
    kept = delivery_state()
    later = NOW + HOUR
    note(kept, GOOD)
    note(kept, BAD._replace(at=later))

    assert (kept.health.consecutive_failures, kept.health.last_success_at) == (1, NOW)
    assert kept.health.last_attempt_at == later
    note(kept, GOOD._replace(at=later + HOUR))
    assert (kept.health.consecutive_failures, kept.health.last_success_at) == (0, later + HOUR)


async def test_a_success_that_was_not_judged_yet_is_judged_by_what_a_caller_made_of_it() -> None:
    kept = delivery_state(context := Context())
    note(kept, GOOD)

    load(kept, subscription(version=2, consecutive_failures=3))
    await kept.write()

    assert [step.results.health and step.results.health.consecutive_failures for step in context.steps] == [0]


async def test_what_was_shown_as_sending_and_then_delivered_is_delivered_also_after_a_write_that_failed() -> None:
    one = delivery()
    shown, since = (
        PendingResults(changed={one.id: one._replace(status="sending")}),
        PendingResults(delivered={one.id: "[1]"}),
    )

    both = shown.after(since)

    assert (both.changed, both.delivered) == ({}, {one.id: "[1]"})
    assert both.has_news_of(one.id)
    assert not both.has_news_of(UUID(int=6))


async def test_a_write_takes_all_that_is_unwritten_under_the_lease() -> None:
    kept = delivery_state(context := Context(), token=3, version=4, generation=5, cursor=6)
    kept.record_ping(GOOD)
    kept.record_attempt(delivery(1), GOOD)
    kept.record_attempt(delivery(2), BAD)
    await kept.write()
    await kept.write()

    [batch] = context.steps
    assert (batch.lease.subscription, batch.lease.worker, batch.lease.token) == (UUID(int=1), UUID(int=9), 3)
    assert (batch.version, batch.generation, batch.cursor, batch.size) == (4, 5, None, 3)
    results = batch.results
    assert ([*results.delivered], [*results.changed]) == ([UUID(int=1)], [UUID(int=2)])
    assert (results.pinged, results.verified, results.health) == (True, True, kept.health)


async def test_a_change_while_the_row_is_read_has_it_read_once_more() -> None:
    kept = delivery_state()
    kept.begin_loading()
    kept.note_change()
    kept.finish_loading(subscription(), [])
    assert (kept.must_load, kept.begin_next(NOW)) == (True, None)

    kept.begin_loading()
    kept.finish_loading(subscription(), [delivery()])
    assert not kept.must_load
    assert kept.begin_next(NOW) == delivery()


async def test_who_stops_sends_nothing_more_and_judges_late_results_by_the_row_as_it_is_now() -> None:
    kept = delivery_state(context := Context())
    load(kept, subscription())
    kept.queue.put(delivery(7))
    kept.stop()
    assert (kept.phase, kept.begin_next(NOW)) == (Phase.DRAINING, None)

    context.outcome = "stale"
    note(kept, GONE)
    await kept.write()
    assert (kept.phase, kept.is_finished) == (Phase.STOPPING, False)
    kept.begin_loading()
    kept.finish_loading(subscription(version=2), [])
    context.outcome = "written"
    await kept.write()
    assert (kept.phase, kept.is_finished, kept.health.disabled_reason) == (Phase.DRAINING, True, "gone")


async def test_a_fenced_write_loses_the_lease_for_good() -> None:
    kept = delivery_state(context := Context())
    load(kept, subscription())
    context.outcome = "fenced"
    note(kept, BAD)
    await kept.write()
    kept.note_change()

    assert (kept.phase, kept.is_finished) == (Phase.LOST, True)


async def test_a_cursor_that_was_moved_for_it_is_not_written_again_and_moves_nothing_that_was_read_anew() -> None:
    kept = delivery_state(context := Context())
    load(kept, subscription(cursor=3))
    fence = kept.fence
    kept.follow(fence, 8)
    kept.follow(fence, 5)
    assert (kept.position, kept.is_ahead) == (8, False)

    load(kept, subscription(cursor=2, generation=1, version=1))
    kept.follow(fence, 9)
    assert (kept.position, kept.is_ahead) == (2, False)
    await kept.write()
    assert context.steps == []
