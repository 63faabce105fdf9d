"""What follows from attempts, who delivers what, and what is held in memory meanwhile: pure functions, by tables."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.subscriptions.delivery.endpoint_health import PROBE_INTERVAL, Health, after_ping, slots, update_health
from app.subscriptions.delivery.leases import HeartbeatSeen, fair_share, rebalance, stalled, watch_heartbeats
from app.subscriptions.delivery.queue import DeliveryQueue, MemoryBudget
from app.subscriptions.delivery.result_writer import PendingResults
from app.subscriptions.delivery.retry_policy import (
    MAX_RETRY_AFTER,
    NO_PAYLOAD,
    SCHEDULE,
    Attempt,
    after_attempt,
    dead_letter,
    next_try,
    read_retry_after,
)
from app.subscriptions.tables import Delivery, Notice, Status

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
SUB = UUID(int=7)
STATUSES: tuple[Status, ...] = ("pending", "active", "failing", "paused", "disabled")


def good(at: datetime = NOW) -> Attempt:
    return Attempt(at, 204, 12, None)


def bad(at: datetime = NOW, *, code: int = 500, wait: timedelta | None = None) -> Attempt:
    return Attempt(at, code, 12, "status", wait)


def health(status: Status = "active", **known: Any) -> Health:
    unknown: dict[str, Any] = dict.fromkeys(
        ("disabled_reason", "failing_since", "last_attempt_at", "last_success_at", "last_error", "resume_at")
    )
    return Health(**{"status": status, "consecutive_failures": 0, **unknown, **known})


def delivery(n: int = 1, due: datetime | None = NOW, **known: Any) -> Delivery:
    made = Delivery(
        id=UUID(int=n),
        subscription=SUB,
        seq=n,
        epoch=1,
        generation=0,
        status="queued",
        counted=True,
        tries=0,
        attempt_count=0,
        attempts="[]",
        next_attempt_at=due,
        created_at=NOW,
    )
    return made._replace(**known)


@pytest.mark.parametrize(
    ("tries", "pause_s"),
    [(0, 0), (1, 5), (2, 300), (3, 1800), (4, 7200), (5, 18000), (6, 36000), (7, 50400), (8, 72000), (9, 86400)],
)
def test_the_schedule_is_kept_within_a_fifth(tries: int, pause_s: int) -> None:
    for jitter, factor in ((-1.0, 0.8), (0.0, 1.0), (1.0, 1.2)):
        assert next_try(tries, NOW, None, jitter) == NOW + timedelta(seconds=pause_s * factor)


@pytest.mark.parametrize("tries", [10, 11, 1000])
@pytest.mark.parametrize("wait", [None, DAY])
def test_after_the_tenth_try_a_delivery_is_given_up(tries: int, wait: timedelta | None) -> None:
    assert next_try(tries, NOW, wait, 0.0) is None


@pytest.mark.parametrize(
    ("tries", "wait", "pause"),
    [
        (1, 60 * SECOND, 60 * SECOND),
        (1, 2 * SECOND, 5 * SECOND),
        (2, 299 * SECOND, 300 * SECOND),
        (1, DAY, DAY),
        (1, 30 * DAY, DAY),
        (1, timedelta(0), 5 * SECOND),
    ],
)
def test_the_whole_retry_after_is_waited_up_to_a_day(tries: int, wait: timedelta, pause: timedelta) -> None:
    assert next_try(tries, NOW, wait, 0.0) == NOW + pause


@given(st.integers(0, 9), st.floats(-1, 1), st.none() | st.timedeltas(timedelta(0), 400 * DAY))
def test_a_next_try_is_never_earlier_than_four_fifths_of_the_pause(
    tries: int, jitter: float, wait: timedelta | None
) -> None:
    due = next_try(tries, NOW, wait, jitter)
    assert due is not None
    assert due - NOW >= max(SCHEDULE[tries] * 0.8, min(wait or timedelta(0), MAX_RETRY_AFTER))
    assert due - NOW <= max(SCHEDULE[tries] * 1.2, MAX_RETRY_AFTER)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("0000000000000120", 120),
        ("86400", 86400),
        ("86401", 86400),
        ("9" * 5000, 86400),
        ("Sun, 01 Mar 2026 12:01:00 GMT", 60),
        ("Sunday, 01-Mar-26 12:01:00 GMT", 60),
        ("Sun Mar  1 12:01:00 2026", 60),
        ("Sun, 01 Mar 2026 13:01:00 +0100", 60),
        ("Sun, 01 Mar 2026 11:59:00 GMT", 0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400),
        ("-5", None),
        ("1.5", None),
        ("1e3", None),
        ("+5", None),
        ("0x10", None),
        ("٣", None),
        ("²", None),
        ("", None),
        ("   ", None),
        ("soon", None),
        ("5, 6", None),
        ("Sun, 99 Mar 2026 12:01:00 GMT", None),
        ("Sun, 01 Mar 99999999999999999999 12:01:00 GMT", None),
        ("Sun, 01 Mar 2026 99999999999999999999:01:00 GMT", None),
        ("Sun, 01 Mar 2026 12:01:00 +99999999999999999999", None),
        ("Sun, 01 Mar 2026 12:01:00 -9999", None),
        ("\udcff\udcfe", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_never_a_fault(text: str | None, seconds: int | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert read_retry_after(text, NOW) == expected


DATES = st.from_regex(
    r"\A(Sun, )?[0-9]{1,30} (Mar|Foo) [0-9]{1,30} [0-9]{1,30}:[0-9]{1,3}(:[0-9]{2})? [+-]?[0-9]{1,30}\Z"
)


@given(st.text() | DATES)
def test_no_retry_after_asks_for_less_than_nothing_or_more_than_a_day(text: str) -> None:
    found = read_retry_after(text, NOW)
    assert found is None or timedelta(0) <= found <= DAY


def test_an_attempt_is_noted_with_what_came_of_it() -> None:
    first = after_attempt(delivery(), bad(), 0.0, 0)
    assert (first.status, first.tries, first.attempt_count) == ("retrying", 1, 1)
    assert first.next_attempt_at == NOW + 5 * SECOND
    second = after_attempt(first, Attempt(NOW + 5 * SECOND, None, 15_000, "timeout"), 0.0, 0)
    assert second.next_attempt_at == NOW + 305 * SECOND
    done = after_attempt(second, good(NOW + 305 * SECOND), 0.0, 0)
    assert (done.status, done.attempt_count, done.next_attempt_at) == ("delivered", 3, None)
    assert json.loads(done.attempts) == [
        {"n": 1, "at": "2026-03-01T12:00:00Z", "status_code": 500, "duration_ms": 12, "error": "status"},
        {"n": 2, "at": "2026-03-01T12:00:05Z", "status_code": None, "duration_ms": 15_000, "error": "timeout"},
        {"n": 3, "at": "2026-03-01T12:05:05Z", "status_code": 204, "duration_ms": 12, "error": None},
    ]


def test_ten_failures_make_a_delivery_dead_and_a_letter_tells_so() -> None:
    held = delivery()
    for n in range(10):
        assert held.status != "dead", n
        held = after_attempt(held, bad(), 0.0, 0)
    assert (held.status, held.next_attempt_at, held.attempt_count) == ("dead", None, 10)
    told = dead_letter(held, bad())
    assert (told.type, told.subscription, told.delivery, told.at) == ("delivery.dead", SUB, held.id, NOW)
    assert "10" in told.detail
    assert "500" in told.detail


def test_a_delivery_put_back_has_all_its_tries_again_and_keeps_its_history() -> None:
    again = after_attempt(delivery(tries=0, attempt_count=10, attempts='[{"n":10}]'), bad(), 0.0, 0)
    assert (again.status, again.tries, again.attempt_count) == ("retrying", 1, 11)
    assert [each["n"] for each in json.loads(again.attempts)] == [10, 11]


@pytest.mark.parametrize(
    ("error", "counted", "generation", "status"),
    [
        ("status", True, 0, "retrying"),
        ("status", True, 1, "cancelled"),
        ("status", False, 1, "retrying"),
        (None, True, 1, "delivered"),
        (NO_PAYLOAD, True, 0, "dead"),
        (NO_PAYLOAD, True, 1, "dead"),
    ],
)
def test_a_seek_cancels_what_the_cursor_stored_and_what_the_log_has_no_longer_is_dead(
    error: str | None, counted: bool, generation: int, status: str
) -> None:
    after = after_attempt(delivery(counted=counted), Attempt(NOW, None, 0, error), 0.0, generation)

    assert after.status == status
    assert (after.next_attempt_at is None) == (status != "retrying")


def test_ten_failures_in_a_row_mean_failing_and_are_told_once() -> None:
    held, told = health(), list[Notice]()
    for n in range(1, 13):
        held, notices = update_health(held, bad(NOW + n * SECOND), SUB)
        told += notices
        assert held.consecutive_failures == n
        assert held.status == ("failing" if n >= 10 else "active")
    assert [each.type for each in told] == ["subscription.failing"]
    assert told[0].subscription == SUB
    assert told[0].delivery is None
    assert held.failing_since == NOW + 10 * SECOND
    assert held.last_attempt_at == NOW + 12 * SECOND
    assert held.last_error == "status 500"


def test_a_success_within_ten_failures_begins_the_row_anew() -> None:
    held, notices = update_health(health(consecutive_failures=9), good(), SUB)
    assert (held.status, held.consecutive_failures, held.last_success_at, list(notices)) == ("active", 0, NOW, [])
    held, _ = update_health(held, bad(), SUB)
    assert (held.status, held.consecutive_failures) == ("active", 1)


def test_a_success_ends_failing_and_is_told() -> None:
    before = health(
        "failing",
        consecutive_failures=42,
        failing_since=NOW - 3 * DAY,
        last_attempt_at=NOW - DAY,
        last_error="timeout",
        resume_at=NOW - SECOND,
    )
    held, notices = update_health(before, good(), SUB)
    assert held == health("active", last_attempt_at=NOW, last_success_at=NOW)
    assert [each.type for each in notices] == ["subscription.recovered"]


@pytest.mark.parametrize("status", ["active", "failing"])
def test_410_disables_at_once(status: Status) -> None:
    held, notices = update_health(health(status, failing_since=NOW, last_attempt_at=NOW), bad(code=410), SUB)
    assert (held.status, held.disabled_reason, held.last_error) == ("disabled", "gone", "status 410")
    assert [each.type for each in notices] == ["subscription.disabled"]


@pytest.mark.parametrize(
    ("since", "last", "given_up"),
    [
        (5 * DAY, DAY / 2, True),
        (5 * DAY, DAY, True),
        (9 * DAY, SECOND, True),
        (5 * DAY - SECOND, SECOND, False),
        (5 * DAY, DAY + SECOND, False),
        (60 * DAY, 55 * DAY, False),
        (5 * DAY, None, False),
        (None, SECOND, False),
    ],
)
def test_five_days_of_failing_disable_where_we_did_try_within_the_last(
    since: timedelta | None, last: timedelta | None, given_up: bool
) -> None:
    before = health(
        "failing",
        consecutive_failures=30,
        failing_since=None if since is None else NOW - since,
        last_attempt_at=None if last is None else NOW - last,
    )
    held, notices = update_health(before, bad(), SUB)
    assert (held.status == "disabled") is given_up
    assert held.disabled_reason == ("failing" if given_up else None)
    assert [each.type for each in notices] == (["subscription.disabled"] if given_up else [])


def test_five_days_of_failing_end_with_a_success_all_the_same() -> None:
    before = health("failing", failing_since=NOW - 6 * DAY, last_attempt_at=NOW - SECOND)
    assert update_health(before, good(), SUB).health.status == "active"


@pytest.mark.parametrize("status", ["pending", "paused", "disabled"])
@pytest.mark.parametrize("attempt", [bad(), bad(code=410), good()])
def test_a_late_result_changes_no_other_status(status: Status, attempt: Attempt) -> None:
    before = health(status, consecutive_failures=20, failing_since=NOW - 9 * DAY, last_attempt_at=NOW - SECOND)
    held, notices = update_health(before, attempt, SUB)
    assert (held.status, list(notices)) == (status, [])


@pytest.mark.parametrize(
    ("status", "wait", "known", "until"),
    [
        ("active", None, None, None),
        ("active", 60 * SECOND, None, NOW + 60 * SECOND),
        ("active", 2 * DAY, None, NOW + DAY),
        ("active", 60 * SECOND, NOW + 90 * SECOND, NOW + 90 * SECOND),
        ("active", None, NOW + 90 * SECOND, NOW + 90 * SECOND),
        ("failing", None, None, NOW + PROBE_INTERVAL),
        ("failing", SECOND, None, NOW + PROBE_INTERVAL),
        ("failing", 60 * SECOND, None, NOW + 60 * SECOND),
        ("failing", None, NOW + DAY, NOW + DAY),
    ],
)
def test_an_endpoint_is_left_alone_for_as_long_as_it_asks(
    status: Status, wait: timedelta | None, known: datetime | None, until: datetime | None
) -> None:
    before = health(status, resume_at=known, failing_since=NOW)
    assert update_health(before, bad(code=429, wait=wait), SUB).health.resume_at == until


def test_who_becomes_failing_is_left_alone_until_the_first_probe() -> None:
    held = update_health(health(consecutive_failures=9), bad(), SUB).health
    assert held.resume_at == NOW + PROBE_INTERVAL
    held = update_health(health(consecutive_failures=9), bad(code=503, wait=DAY), SUB).health
    assert held.resume_at == NOW + DAY


@given(st.lists(st.tuples(st.sampled_from([204, 429, 500, 410]), st.integers(1, 200_000)), max_size=60))
def test_whatever_happens_failing_has_a_beginning_and_disabled_a_reason(story: list[tuple[int, int]]) -> None:
    held, at = health(), NOW
    for code, later in story:
        at += later * SECOND
        before = held
        held, notices = update_health(held, good(at) if code < 300 else bad(at, code=code), SUB)
        assert (held.failing_since is not None) >= (held.status == "failing")
        assert (held.disabled_reason is not None) is (held.status == "disabled")
        assert bool(notices) is (held.status != before.status)
        assert before.status != "disabled" or held.status == "disabled"


@pytest.mark.parametrize(("status", "free"), [*zip(STATUSES, [0, 9, 1, 0, 0], strict=True)])
def test_a_failing_endpoint_is_probed_by_one_and_only_active_ones_by_many(status: Status, free: int) -> None:
    assert slots(status, 9) == free


def test_a_ping_opens_leaves_pending_or_disables() -> None:
    before = health("pending", last_error="timeout")
    held, notices = after_ping(before, good(), SUB)
    assert held == health("active", last_attempt_at=NOW, last_success_at=NOW)
    assert list(notices) == []
    held, notices = after_ping(before, bad(), SUB)
    assert (held.status, held.last_error, held.consecutive_failures, list(notices)) == ("pending", "status 500", 0, [])
    held, notices = after_ping(before, Attempt(NOW, None, 3, "dns"), SUB)
    assert (held.status, held.last_error) == ("pending", "dns")
    held, notices = after_ping(before, bad(code=410), SUB)
    assert (held.status, held.disabled_reason) == ("disabled", "gone")
    assert [each.type for each in notices] == ["subscription.disabled"]


def test_a_backlog_gives_what_is_due_longest_and_each_once() -> None:
    queue = DeliveryQueue()
    for n, late in ((1, 3), (2, 1), (3, 2)):
        queue.put(delivery(n, NOW + late * SECOND, status="retrying"), b"%d" % n)
    assert queue.open == 3
    assert queue.next_at() == NOW + SECOND
    assert queue.begin(NOW, 0.0) is None
    taken = [queue.begin(NOW + 3 * SECOND, 0.0) for _ in range(4)]
    assert [each and each.seq for each in taken] == [2, 3, 1, None]
    assert [queue.bodies.get(UUID(int=n)) for n in (1, 2, 3)] == [b"1", b"2", b"3"]


def test_bodies_of_all_backlogs_stay_within_one_budget() -> None:
    budget = MemoryBudget(10)
    one, other = DeliveryQueue(budget), DeliveryQueue(budget)
    one.put(delivery(1), b"123456")
    other.put(delivery(2), b"123456")
    other.put(delivery(3), b"1234")
    assert [other.bodies.get(UUID(int=n)) for n in (2, 3)] == [None, b"1234"]
    assert budget.left == 0
    one.drop(UUID(int=1))
    one.drop(UUID(int=1))
    other.bodies.clear()
    assert budget.left == 10


def test_what_was_never_tried_goes_at_once_whatever_clock_its_time_was_taken_from() -> None:
    queue = DeliveryQueue()
    queue.put(delivery(1, NOW - SECOND, status="retrying"))
    queue.put(delivery(2, NOW + DAY))
    queue.put(delivery(3, NOW + DAY, status="sending"))
    assert [each.seq for _ in range(3) if (each := queue.begin(NOW, 0.0))] == [2, 3, 1]


def test_of_those_due_at_one_instant_the_first_change_goes_first() -> None:
    queue = DeliveryQueue()
    for n in (3, 1, 2):
        queue.put(delivery(n))
    assert [each.seq for _ in range(3) if (each := queue.begin(NOW, 0.0))] == [1, 2, 3]


def test_a_backlog_holds_no_finished_delivery_and_forgets_bodies_with_deliveries() -> None:
    queue = DeliveryQueue()
    queue.put(delivery(1, None))
    assert UUID(int=1) not in queue
    assert (queue.open, queue.next_at()) == (0, None)
    queue.put(delivery(2), b"2")
    queue.drop(UUID(int=2))
    queue.drop(UUID(int=2))
    assert (queue.open, queue.extra, len(queue.bodies), queue.next_at()) == (0, 0, 0, None)


def test_a_delivery_that_is_tried_again_waits_for_its_new_time() -> None:
    queue = DeliveryQueue()
    queue.put(delivery(1))
    assert queue.begin(NOW, 0.0)
    queue.end(UUID(int=1))
    queue.drop(UUID(int=1))
    queue.put(delivery(1, NOW + 5 * SECOND, status="retrying"))
    assert queue.begin(NOW, 0.0) is None
    assert queue.next_at() == NOW + 5 * SECOND
    assert queue.open == 1


def test_put_back_deliveries_are_not_open_and_keeping_spares_those_under_way() -> None:
    queue = DeliveryQueue()
    for n in (1, 2, 3, 4):
        queue.put(delivery(n, counted=n != 4))
    assert (queue.open, queue.extra) == (3, 1)
    assert queue.begin(NOW, 0.0)
    queue.keep([UUID(int=2)])
    assert [n for n in (1, 2, 3, 4) if UUID(int=n) in queue] == [1, 2]
    assert (queue.open, queue.extra) == (2, 0)


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 3), st.booleans()), max_size=40))
def test_a_backlog_counts_what_it_holds(story: list[tuple[int, int, bool]]) -> None:
    queue, held = DeliveryQueue(), dict[UUID, bool]()
    for n, late, counted in story:
        id = UUID(int=n)
        if id in held:
            queue.drop(id)
            del held[id]
        else:
            queue.put(delivery(n, NOW + late * SECOND, counted=counted, status="retrying"))
            held[id] = counted
        assert queue.open == sum(held.values())
        assert queue.extra == len(held) - sum(held.values())
    drained = []
    while (taken := queue.begin(NOW + DAY, 0.0)) is not None:
        drained.append(taken)
    assert sorted(each.id for each in drained) == sorted(held)
    assert all((a.next_attempt_at, a.seq) <= (b.next_attempt_at, b.seq) for a, b in pairwise(drained))


@given(st.integers(0, 10_000), st.integers(0, 50))
def test_fair_shares_sum_up_to_all_and_to_no_more_than_one_each_above(subscriptions: int, workers: int) -> None:
    share = fair_share(subscriptions, workers)
    assert share * max(1, workers) >= subscriptions
    assert share * max(1, workers) < subscriptions + max(1, workers)


def settled(wanted: dict[UUID, UUID | None], workers: list[UUID]) -> dict[UUID, UUID | None]:
    """Each worker moves in its turn, and takes only what is free by then."""
    for me in workers:
        plan = rebalance(wanted, [id for id, holder in wanted.items() if holder == me], len(workers))
        assert all(wanted[id] is None for id in plan.take)
        assert all(wanted[id] == me for id in plan.release)
        assert len(set(plan.take)) == len(plan.take)
        assert not (plan.take and plan.release)
        wanted = wanted | dict.fromkeys(plan.take, me) | dict.fromkeys(plan.release)
    return wanted


@given(st.lists(st.integers(-1, 4), max_size=60), st.integers(1, 5))
def test_after_two_rounds_all_is_held_evenly_and_nothing_moves_any_more(holders: list[int], count: int) -> None:
    workers = [UUID(int=n + 1) for n in range(count)]
    wanted: dict[UUID, UUID | None] = {
        UUID(int=100 + n): workers[holder] if 0 <= holder < count else None for n, holder in enumerate(holders)
    }
    even = settled(settled(wanted, workers), workers)
    assert None not in even.values()
    assert max((list(even.values()).count(me) for me in workers), default=0) <= fair_share(len(even), count)
    assert settled(even, workers) == even


def test_what_is_wanted_no_more_is_neither_kept_in_the_count_nor_given_back() -> None:
    gone, kept, free = UUID(int=1), UUID(int=2), UUID(int=3)
    assert rebalance({kept: SUB, free: None}, [gone, kept], 1) == ([free], [])


def test_only_a_beat_that_stands_still_is_silent_by_the_own_clock() -> None:
    me, other, third = UUID(int=1), UUID(int=2), UUID(int=3)
    known = watch_heartbeats({}, {me: 5, other: 9}, 100.0)
    assert known == {me: HeartbeatSeen(5, 100.0), other: HeartbeatSeen(9, 100.0)}
    known = watch_heartbeats(known, {me: 6, other: 9, third: 0}, 104.0)
    assert known == {me: HeartbeatSeen(6, 104.0), other: HeartbeatSeen(9, 100.0), third: HeartbeatSeen(0, 104.0)}
    assert stalled(known, me, 105.0, 5.0) == []
    assert stalled(known, me, 105.1, 5.0) == [other]
    assert stalled(known, other, 110.0, 5.0) == [me, third]
    assert watch_heartbeats(known, {me: 6, other: 1}, 106.0) == {
        me: HeartbeatSeen(6, 104.0),
        other: HeartbeatSeen(1, 106.0),
    }


def told(n: int) -> Notice:
    return Notice("delivery.dead", SUB, UUID(int=n), NOW, "")


def test_nothing_unwritten_is_nothing_to_write() -> None:
    assert not PendingResults().any
    for each in (
        PendingResults(changed={SUB: delivery()}),
        PendingResults(added=[delivery()]),
        PendingResults(notices=[told(1)]),
        PendingResults(health=health()),
        PendingResults(pinged=True),
    ):
        assert each.any


def test_what_could_not_be_written_comes_before_what_came_up_since() -> None:
    first, second = delivery(1, status="sending"), delivery(1, None, status="delivered")
    failed = PendingResults({first.id: first}, [delivery(2)], [told(1)], health=health("active"), pinged=True)
    later = PendingResults({second.id: second}, [delivery(3)], [told(2)], health=health("failing"), verified=True)
    joined = failed.after(later)
    assert joined.changed == {first.id: second}
    assert [each.seq for each in joined.added] == [2, 3]
    assert [each.delivery for each in joined.notices] == [UUID(int=1), UUID(int=2)]
    assert joined.health == health("failing")
    assert (joined.pinged, joined.verified) == (True, True)
    assert failed.after(PendingResults()) == failed
