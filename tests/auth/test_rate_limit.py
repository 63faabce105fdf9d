"""Limits by time: failures in a sliding window, requests in token buckets."""

import pytest

from app.auth.rate_limit import FailureWindow, TokenBucket, client_network, is_cacheable, rate_limit_headers


def test_twenty_failures_a_minute_pass_and_the_next_waits() -> None:
    failures = FailureWindow()
    assert [failures.count("a", second) for second in range(20)] == [0.0] * 20
    assert failures.count("a", 20) == 40
    assert failures.count("b", 20) == 0


def test_waiting_failures_do_not_lengthen_the_wait() -> None:
    failures = FailureWindow(allowed=1)
    failures.count("a", 0)
    assert [failures.count("a", second) for second in (10, 30, 59)] == [50, 30, 1]
    assert failures.count("a", 60) == 0


def test_the_table_of_failures_stays_bounded() -> None:
    failures = FailureWindow(allowed=1, capacity=3)
    for number in range(100):
        failures.count(str(number), 0)
    assert len(failures._seen) == 3
    assert failures.count("99", 1) > 0
    assert failures.count("0", 1) == 0


def test_a_bucket_lets_its_size_through_and_then_its_refill() -> None:
    quota = TokenBucket(3, 60)
    assert [quota.take("a", 0).allowed for _ in range(4)] == [True, True, True, False]
    refused = quota.take("a", 1)
    assert (refused.allowed, refused.remaining, refused.retry_after, refused.full_after) == (False, 0, 19, 59)
    assert not quota.take("a", 19.9).allowed
    assert quota.take("a", 20).allowed
    assert not quota.take("a", 20).allowed


def test_who_waits_as_told_is_let_through() -> None:
    for n, seconds in ((1, 1), (3, 10), (7, 60), (100, 3), (13, 3600)):
        quota, now = TokenBucket(n, seconds), 0.1
        for _ in range(200):
            taken = quota.take("a", now)
            if not taken.allowed:
                now += taken.retry_after
                assert quota.take("a", now).allowed


def test_callers_have_their_own_buckets_and_the_table_stays_bounded() -> None:
    quota = TokenBucket(1, 60, capacity=2)
    assert quota.take("a", 0).allowed
    assert quota.take("b", 0).allowed
    assert not quota.take("b", 0).allowed
    quota.take("c", 0)
    assert len(quota._buckets) == 2


def test_a_clock_that_runs_back_gives_nothing_away() -> None:
    quota = TokenBucket(1, 10)
    quota.take("a", 100)
    assert not quota.take("a", 50).allowed


def test_the_header_fields_are_structured_fields() -> None:
    quota = TokenBucket(100, 60)
    fields = rate_limit_headers("key", quota, quota.take("a", 0))
    assert fields == {"RateLimit-Policy": '"key";q=100;w=60', "RateLimit": '"key";r=99;t=1'}


@pytest.mark.parametrize(
    ("cache_control", "expected"),
    [
        ("", False),
        ("no-store", False),
        ("no-cache", False),
        ("private, no-cache, max-age=0", False),
        ("max-age=60", True),
        ("private, max-age=86400, immutable", True),
        ("Public, Max-Age=60", True),
    ],
)
def test_what_a_cache_may_reuse_is_told_apart(cache_control: str, *, expected: bool) -> None:
    assert is_cacheable(cache_control) is expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_one_subscriber_counts_as_one_address(host: str, expected: str) -> None:
    assert client_network(host) == expected
