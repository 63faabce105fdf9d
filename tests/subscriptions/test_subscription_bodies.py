"""What a body makes of a subscription: new ones, merge patches, and filters as JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from app.errors import Invalid
from app.events.read.filter import ChangeFilter
from app.http import read_query
from app.kinds import FACETS, MEASURES
from app.settings import Settings
from app.subscriptions.filter import Filter, read_filter, stored_filter
from app.subscriptions.management import updates as configuring
from app.subscriptions.management.updates import new_subscription, read_new
from app.subscriptions.tables import Status, Subscription
from app.subscriptions.transport.secret_cipher import SecretCipher

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
URL = "https://desk.example.org/sitrep"
EVENT = "00000000-0000-7000-8000-000000000001"
SEALER = SecretCipher(Settings(database_url="postgresql://somebody@127.0.0.1/sitrep", secret_key=SecretStr("k" * 32)))
ARRAYS = ["external_id", "related_to", "country", "place", "tag", "munition", "killed_min"]


def faults(call: Callable[[], Any]) -> list[tuple[str | None, str]]:
    with pytest.raises(Invalid) as refusal:
        call()
    assert all(error.parameter is None for error in refusal.value.errors)
    return [(error.pointer, error.code) for error in refusal.value.errors]


def asked(**fields: Any) -> dict[str, Any]:
    return {"name": "desk", "mode": "push", "push": {"url": URL}, **fields}


def made(**fields: Any) -> Subscription:
    wanted, secret = read_new(asked(**fields)), "whsec_" if "mode" not in fields else None
    return replace(
        new_subscription(UUID(int=1), "desk", wanted, cursor=5, secret=secret, cipher=SEALER, now=NOW),
        secret=None if secret is None else b"x",  # sealed twice it is not the same
    )


def patched(current: Subscription, patch: dict[str, Any]) -> Subscription:
    return configuring.apply_patch(current, patch, SEALER)


def active(**fields: Any) -> Subscription:
    return replace(made(**fields), status="active", verified=True, ping_due=False)


def pull(**fields: Any) -> Subscription:
    return made(mode="pull", push=None, **fields)


def standing(status: Status) -> Subscription:
    """A push subscription in that status, as the worker or a caller leaves it."""
    troubled = {"consecutive_failures": 12, "failing_since": NOW, "resume_at": NOW, "last_error": "timeout"}
    changes: dict[Status, dict[str, Any]] = {
        "pending": {"verified": False, "ping_due": False, "last_error": "dns"},
        "active": {},
        "failing": troubled,
        "paused": {},
        "disabled": {**troubled, "disabled_reason": "failing"},
    }
    return replace(active(), status=status, **changes[status])


def test_a_push_subscription_begins_pending_with_a_ping_due() -> None:
    new = made(filter={"kind": "attack"})
    assert (new.status, new.verified, new.ping_due, new.version, new.generation) == ("pending", False, True, 1, 0)
    assert (new.url, new.max_open, new.max_in_flight, new.timeout_s, new.cursor) == (URL, 100, 4, 15, 5)
    assert orjson.loads(new.filter) == {"kind": ["attack"]}


def test_a_pull_subscription_begins_active_without_an_endpoint() -> None:
    new = pull()
    assert (new.status, new.verified, new.ping_due, new.url, new.secret) == ("active", True, False, None, None)
    assert orjson.loads(new.filter) == {}


@pytest.mark.parametrize(
    ("push", "in_flight"),
    [
        ({}, 4),
        ({"max_open": 1}, 1),
        ({"max_open": 3}, 3),
        ({"max_open": 4}, 4),
        ({"max_open": 10_000}, 4),
        ({"max_in_flight": None}, 4),
        ({"max_open": 2, "max_in_flight": 2}, 2),
        ({"max_open": 100, "max_in_flight": 100}, 100),
        ({"max_in_flight": 100}, 100),
    ],
)
def test_as_many_are_in_flight_as_were_asked_for_else_four_or_what_is_open(push: Any, in_flight: int) -> None:
    assert made(push={"url": URL, **push}).max_in_flight == in_flight


PUSH_FAULTS: list[tuple[Any, list[tuple[str, str]]]] = [
    ({"max_open": 2, "max_in_flight": 3}, [("/push/max_in_flight", "range")]),
    ({"max_open": 1, "max_in_flight": 4}, [("/push/max_in_flight", "range")]),
    ({"max_open": 0}, [("/push/max_open", "range")]),
    ({"max_open": -1}, [("/push/max_open", "range")]),
    ({"max_open": 10_001}, [("/push/max_open", "range")]),
    ({"max_open": "5"}, [("/push/max_open", "type")]),
    ({"max_open": 5.5}, [("/push/max_open", "type")]),
    ({"max_open": True}, [("/push/max_open", "type")]),
    ({"max_open": 2**63 - 1}, [("/push/max_open", "range")]),
    ({"max_in_flight": 101}, [("/push/max_in_flight", "range")]),
    ({"max_in_flight": 0}, [("/push/max_in_flight", "range")]),
    ({"timeout_s": 0}, [("/push/timeout_s", "range")]),
    ({"timeout_s": 61}, [("/push/timeout_s", "range")]),
    ({"timeout_s": 1.5}, [("/push/timeout_s", "type")]),
    ({"url": 7}, [("/push/url", "type")]),
    ({"url": ""}, [("/push/url", "too-short")]),
    ({"url": f"https://e.org/{'x' * 2000}"}, [("/push/url", "too-long")]),
    ({"secret": "whsec_"}, [("/push/secret", "unknown-field")]),
]


@pytest.mark.parametrize(("push", "expected"), PUSH_FAULTS)
def test_a_bad_endpoint_is_refused_at_its_place(push: Any, expected: Any) -> None:
    assert faults(lambda: read_new(asked(push={"url": URL, **push}))) == expected
    assert faults(lambda: patched(active(), {"push": push})) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [("/name", "missing"), ("/mode", "missing")]),
        ([], [("", "type")]),
        (None, [("", "type")]),
        ("push", [("", "type")]),
        (asked(push=None), [("/push", "missing")]),
        ({"name": "desk", "mode": "push"}, [("/push", "missing")]),
        (asked(push=[]), [("/push", "type")]),
        (asked(push={}), [("/push/url", "missing")]),
        (asked(mode="pull"), [("/push", "pair")]),
        (asked(mode="both"), [("/mode", "enum")]),
        (asked(mode=None), [("/mode", "enum")]),
        (asked(name=""), [("/name", "too-short")]),
        (asked(name="x" * 301), [("/name", "too-long")]),
        (asked(name=7), [("/name", "type")]),
        (asked(name=None), [("/name", "type")]),
        (asked(start=""), [("/start", "too-short")]),
        (asked(start=5), [("/start", "type")]),
        (asked(start=None), [("/start", "type")]),
        (asked(filter=None), [("/filter", "type")]),
        (asked(status="active"), [("/status", "unknown-field")]),
        (asked(owner="me"), [("/owner", "unknown-field")]),
        (asked(cursor="e1-000000000000"), [("/cursor", "unknown-field")]),
    ],
)
def test_a_bad_new_subscription_is_refused_at_its_place(body: Any, expected: Any) -> None:
    assert faults(lambda: read_new(body)) == expected


@pytest.mark.parametrize(
    "patch",
    [
        {},
        {"name": "desk"},
        {"filter": {}},
        {"filter": {"kind": ["attack"]}},
        {"filter": {"kind": "attack"}},
        {"filter": {"country": None}},
        {"push": {}},
        {"push": {"url": URL, "max_open": 100, "max_in_flight": 4, "timeout_s": 15}},
        {"push": {"max_open": None, "max_in_flight": None, "timeout_s": None}},
        {"status": "active"},
    ],
)
def test_a_patch_that_changes_nothing_bumps_nothing(patch: dict[str, Any]) -> None:
    current = replace(active(filter={"kind": ["attack"]}), version=7)
    assert patched(current, patch) == current


@pytest.mark.parametrize(
    ("patch", "name", "value"),
    [
        ({"name": "other"}, "name", "other"),
        ({"filter": {"kind": ["sanction_move"]}}, "filter", '{"kind":["sanction_move"]}'),
        ({"filter": {"kind": None}}, "filter", "{}"),
        ({"filter": {"country": "UA"}}, "filter", '{"kind":["attack"],"country":["UA"]}'),
        ({"push": {"max_open": 7}}, "max_open", 7),
        ({"push": {"timeout_s": 60}}, "timeout_s", 60),
        ({"push": {"max_in_flight": 9}}, "max_in_flight", 9),
        ({"status": "paused"}, "status", "paused"),
    ],
)
def test_a_patch_changes_what_it_names_and_the_version(patch: dict[str, Any], name: str, value: Any) -> None:
    current = active(filter={"kind": ["attack"]})
    after = patched(current, patch)
    assert after == replace(current, version=2, **{name: value})
    assert patched(after, patch) == after


def test_null_in_a_patch_gives_defaults_back() -> None:
    current = active(push={"url": URL, "max_open": 50, "max_in_flight": 40, "timeout_s": 3})
    after = patched(current, {"push": {"timeout_s": None}})
    assert (after.timeout_s, after.max_open, after.max_in_flight, after.version) == (15, 50, 40, 2)
    after = patched(current, {"push": {"max_in_flight": None}})
    assert (after.timeout_s, after.max_open, after.max_in_flight) == (3, 50, 4)
    after = patched(current, {"push": {"max_open": None}})
    assert (after.timeout_s, after.max_open, after.max_in_flight) == (3, 100, 40)


@pytest.mark.parametrize(
    ("held", "push", "result"),
    [
        ((100, 4), {"max_open": 2}, (2, 2)),
        ((100, 4), {"max_open": 1}, (1, 1)),
        ((100, 40), {"max_open": 39}, (39, 39)),
        ((200, 150), {"max_open": None}, None),
        ((2, 2), {"max_open": 100}, (100, 2)),
        ((100, 4), {"max_open": 2, "max_in_flight": None}, (2, 2)),
        ((100, 40), {"max_open": 50, "max_in_flight": None}, (50, 4)),
        ((100, 4), {"max_open": 2, "max_in_flight": 2}, (2, 2)),
    ],
)
def test_max_in_flight_goes_down_with_max_open_where_only_that_is_named(
    held: tuple[int, int], push: dict[str, Any], result: tuple[int, int] | None
) -> None:
    current = replace(active(), max_open=held[0], max_in_flight=min(held[1], 100))
    after = patched(current, {"push": push})
    assert (after.max_open, after.max_in_flight) == (result or (100, 100))


def test_more_in_flight_than_open_is_refused_where_it_is_named() -> None:
    place = [("/push/max_in_flight", "range")]
    assert faults(lambda: patched(active(), {"push": {"max_open": 2, "max_in_flight": 3}})) == place
    few = active(push={"url": URL, "max_open": 2})
    assert faults(lambda: patched(few, {"push": {"max_in_flight": 3}})) == place


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ({"name": None}, [("/name", "missing")]),
        ({"filter": []}, [("/filter", "type")]),
        ({"filter": {"kind": "war"}}, [("/filter/kind", "enum")]),
        ({"filter": {"kind": {"a": 1}}}, [("/filter/kind", "type")]),
        ({"push": None}, [("/push", "missing")]),
        ({"push": 7}, [("/push", "type")]),
        ({"push": {"url": None}}, [("/push/url", "missing")]),
        ({"status": None}, [("/status", "enum")]),
        ({"status": "pending"}, [("/status", "enum")]),
        ({"status": "failing"}, [("/status", "enum")]),
        ({"status": "disabled"}, [("/status", "enum")]),
        ({"status": True}, [("/status", "enum")]),
        ({"mode": "pull"}, [("/mode", "unknown-field")]),
        ({"cursor": "e1-000000000000"}, [("/cursor", "unknown-field")]),
        ({"version": 1}, [("/version", "unknown-field")]),
        ({"secret": "whsec_"}, [("/secret", "unknown-field")]),
    ],
)
def test_a_bad_patch_is_refused_at_its_place(patch: dict[str, Any], expected: Any) -> None:
    assert faults(lambda: patched(active(), patch)) == expected


@pytest.mark.parametrize("push", [{"url": URL}, {"url": URL, "max_open": 5}])
def test_a_pull_subscription_takes_no_endpoint(push: Any) -> None:
    assert faults(lambda: patched(pull(), {"push": push})) == [("/push", "pair")]


@pytest.mark.parametrize("patch", [{"push": None}, {"status": "active"}, {"name": "desk"}, {}])
def test_a_patch_may_say_of_a_pull_subscription_what_it_is(patch: dict[str, Any]) -> None:
    assert patched(pull(), patch) == pull()


@pytest.mark.parametrize("status", ["pending", "active", "failing", "disabled"])
def test_another_address_has_to_show_itself(status: Status) -> None:
    after = patched(standing(status), {"push": {"url": URL + "/2"}})
    assert (after.status, after.verified, after.ping_due, after.version) == ("pending", False, True, 2)
    assert (after.consecutive_failures, after.failing_since, after.disabled_reason) == (0, None, None)
    assert (after.cursor, after.generation, after.secret) == (5, 0, b"x")


def test_another_address_of_a_paused_subscription_shows_itself_when_it_goes_on() -> None:
    after = patched(standing("paused"), {"push": {"url": URL + "/2"}})
    assert (after.status, after.verified, after.ping_due) == ("paused", False, False)
    after = patched(after, {"status": "active"})
    assert (after.status, after.verified, after.ping_due, after.version) == ("pending", False, True, 3)
    at_once = patched(standing("paused"), {"push": {"url": URL + "/2"}, "status": "active"})
    assert (at_once.status, at_once.ping_due) == ("pending", True)


@pytest.mark.parametrize("status", ["pending", "active", "failing", "paused", "disabled"])
def test_anything_can_be_paused_and_paused_twice_is_paused_once(status: Status) -> None:
    after = patched(standing(status), {"status": "paused"})
    assert (after.status, after.ping_due, after.disabled_reason) == ("paused", False, None)
    assert after.version == (1 if status == "paused" else 2)
    assert patched(after, {"status": "paused"}) == after


@pytest.mark.parametrize(
    ("status", "result"),
    [
        ("pending", "pending"),
        ("active", "active"),
        ("failing", "active"),
        ("paused", "active"),
        ("disabled", "pending"),
    ],
)
def test_active_goes_on_or_asks_the_endpoint_first(status: Status, result: Status) -> None:
    before = standing(status)
    after = patched(before, {"status": "active"})
    assert (after.status, after.ping_due, after.verified) == (result, result == "pending", result == "active")
    assert (after.cursor, after.disabled_reason, after.consecutive_failures) == (5, None, 0)
    assert after.version == (1 if status in {"pending", "active"} else 2)


def test_a_ping_that_is_asked_for_again_is_stored_but_is_no_new_version() -> None:
    after = patched(standing("pending"), {"status": "active"})
    assert after == replace(standing("pending"), ping_due=True)


@pytest.mark.parametrize("status", ["pending", "disabled"])
def test_pausing_does_not_spare_an_endpoint_its_ping(status: Status) -> None:
    after = patched(patched(standing(status), {"status": "paused"}), {"status": "active"})
    assert (after.status, after.ping_due) == ("pending", True)


def test_a_pull_subscription_is_paused_and_goes_on_without_a_ping() -> None:
    paused = patched(pull(), {"status": "paused"})
    assert (paused.status, paused.version) == ("paused", 2)
    assert patched(paused, {"status": "active"}) == replace(pull(), version=3)


GOOD_FILTERS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"kind": "attack"}, {"kind": ["attack"]}),
    ({"kind": ["attack", "sanction_move"]}, {"kind": ["attack", "sanction_move"]}),
    ({"id": EVENT}, {"id": [EVENT]}),
    ({"external_id": "a:b:c"}, {"external_id": ["a:b:c"]}),
    ({"bbox": [22, 44.5, 41, 53]}, {"bbox": [22, 44.5, 41, 53]}),
    ({"bbox": [170, -80, -60, 80]}, {"bbox": [170, -80, -60, 80]}),
    ({"near": [50.45, 30.52], "radius_km": 30}, {"near": [50.45, 30.52], "radius_km": 30}),
    ({"near": [0, 0], "radius_km": 0.5}, {"near": [0, 0], "radius_km": 0.5}),
    ({"since": "2025-09-01", "timezone": "Europe/Kyiv"}, {"since": "2025-09-01", "timezone": "Europe/Kyiv"}),
    ({"until": "2025-09-01T00:00:00+03:00"}, {"until": "2025-09-01T00:00:00+03:00"}),
    ({"q": '"air raid" energ*'}, {"q": '"air raid" energ*'}),
    ({"killed_min": 0, "launched_max": -1}, {"killed_min": 0, "launched_max": -1}),
]


@pytest.mark.parametrize(("sent", "shown"), GOOD_FILTERS)
def test_a_filter_comes_back_with_arrays_and_can_be_sent_again(sent: dict[str, Any], shown: dict[str, Any]) -> None:
    found = read_filter(sent)
    assert found.document == shown
    assert list(found.document) == list(sent)
    assert read_filter(found.document) == found
    assert stored_filter(orjson.dumps(found.document).decode()) == found.params


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (None, [("/filter", "type")]),
        ([], [("/filter", "type")]),
        ("kind=attack", [("/filter", "type")]),
        (0, [("/filter", "type")]),
        (False, [("/filter", "type")]),
        ({"kind": None}, [("/filter/kind", "type")]),
        ({"kind": 5}, [("/filter/kind", "type")]),
        ({"kind": {}}, [("/filter/kind", "type")]),
        ({"kind": []}, [("/filter/kind", "too-short")]),
        ({"kind": ""}, [("/filter/kind", "empty")]),
        ({"kind": ["attack", ""]}, [("/filter/kind/1", "empty")]),
        ({"kind": ["attack", 5, None]}, [("/filter/kind/1", "type"), ("/filter/kind/2", "type")]),
        ({"kind": [["attack"]]}, [("/filter/kind/0", "type")]),
        ({"kind": "war"}, [("/filter/kind", "enum")]),
        ({"kind": ["attack", "war"]}, [("/filter/kind/1", "enum")]),
        ({"id": "7"}, [("/filter/id", "uuid")]),
        ({"id": [EVENT, "7"]}, [("/filter/id/1", "uuid")]),
        ({"related_to": 7}, [("/filter/related_to", "type")]),
        ({"external_id": "nocolon"}, [("/filter/external_id", "external-id")]),
        ({"since": 20250901}, [("/filter/since", "type")]),
        ({"since": ["2025-09-01"]}, [("/filter/since", "type")]),
        ({"since": "2025-13-01"}, [("/filter/since", "date")]),
        ({"since": "2025-09-01T00:00:00"}, [("/filter/since", "offset-missing")]),
        ({"until": ""}, [("/filter/until", "empty")]),
        ({"timezone": "Mars/Olympus"}, [("/filter/timezone", "timezone")]),
        ({"timezone": None}, [("/filter/timezone", "type")]),
        ({"q": ["drones"]}, [("/filter/q", "type")]),
        ({"q": 5}, [("/filter/q", "type")]),
        ({"q": "!!!"}, [("/filter/q", "words")]),
        ({"killed_min": "5"}, [("/filter/killed_min", "type")]),
        ({"killed_min": 5.5}, [("/filter/killed_min", "type")]),
        ({"killed_min": True}, [("/filter/killed_min", "type")]),
        ({"killed_min": [5]}, [("/filter/killed_min", "type")]),
        ({"killed_min": None}, [("/filter/killed_min", "type")]),
        ({"near": "50,30", "radius_km": 5}, [("/filter/near", "type")]),
        ({"near": [50], "radius_km": 5}, [("/filter/near", "type")]),
        ({"near": [50, 30, 1], "radius_km": 5}, [("/filter/near", "type")]),
        ({"near": [50, "30"], "radius_km": 5}, [("/filter/near", "type")]),
        ({"near": [50, True], "radius_km": 5}, [("/filter/near", "type")]),
        ({"near": [91, 30], "radius_km": 5}, [("/filter/near", "range")]),
        ({"near": [50, 30]}, [("/filter/radius_km", "together")]),
        ({"radius_km": 5}, [("/filter/radius_km", "together")]),
        ({"near": [50, 30], "radius_km": "5"}, [("/filter/radius_km", "type")]),
        ({"near": [50, 30], "radius_km": False}, [("/filter/radius_km", "type")]),
        ({"near": [50, 30], "radius_km": [5]}, [("/filter/radius_km", "type")]),
        ({"near": [50, 30], "radius_km": 1001}, [("/filter/radius_km", "range")]),
        ({"near": [50, 30], "radius_km": -0.1}, [("/filter/radius_km", "range")]),
        ({"bbox": "22,44,41,53"}, [("/filter/bbox", "type")]),
        ({"bbox": [22, 44, 41]}, [("/filter/bbox", "type")]),
        ({"bbox": [22, 44, 41, None]}, [("/filter/bbox", "type")]),
        ({"bbox": [22, 53, 41, 44]}, [("/filter/bbox", "range")]),
        ({"bbox": [22, 44, 41, 1e308]}, [("/filter/bbox", "range")]),
        ({"a/b~c": 1}, [("/filter/a~1b~0c", "unknown-field")]),
        ({"": 1}, [("/filter/", "unknown-field")]),
        ({"Kind": "attack"}, [("/filter/Kind", "unknown-field")]),
        ({"kind": "war", "nonsense": 1}, [("/filter/nonsense", "unknown-field")]),
    ],
)
def test_a_bad_filter_is_refused_at_its_place(sent: Any, expected: Any) -> None:
    assert faults(lambda: read_filter(sent)) == expected


@pytest.mark.parametrize("name", ["sort", "limit", "cursor", "format", "as_of", "changed_since", "after", "wait"])
@pytest.mark.parametrize("value", ["now", 5, ["now"], None])
def test_names_of_a_page_are_no_names_of_a_filter(name: str, value: object) -> None:
    assert faults(lambda: read_filter({name: value})) == [(f"/filter/{name}", "unknown-field")]


def test_a_word_that_is_not_known_is_answered_with_those_that_are() -> None:
    with pytest.raises(Invalid) as refusal:
        read_filter({"kind": ["war"]})
    assert "attack" in (refusal.value.errors[0].allowed or ())


def test_a_filter_has_at_most_two_kibibytes() -> None:
    just = {"tag": ["x" * 1000, "y" * (2048 - len('{"tag":["",""]}') - 1000)]}
    assert len(orjson.dumps(just)) == 2048
    assert read_filter(just).document == just
    assert faults(lambda: read_filter({"tag": [*just["tag"][:1], just["tag"][1] + "y"]})) == [("/filter", "too-long")]
    letters = {"tag": ["ж" * 500, "ж" * 511]}
    assert len(orjson.dumps(letters)) < 2048 < len(orjson.dumps({"tag": ["ж" * 500, "ж" * 520]}))
    assert read_filter(letters).document == letters
    assert faults(lambda: read_filter({"tag": ["ж" * 500, "ж" * 520]})) == [("/filter", "too-long")]


def test_a_filter_that_grew_by_its_brackets_still_works_and_can_be_kept() -> None:
    sent = {"tag": "x" * 1000, "place": "y" * (2048 - len('{"tag":"","place":""}') - 1000)}
    assert len(orjson.dumps(sent)) == 2048
    current = active(filter=sent)
    assert len(current.filter) > 2048
    assert stored_filter(current.filter) == read_filter(sent).params
    assert patched(current, {"name": "other"}) == replace(current, name="other", version=2)


WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12)
NUMBERS = st.integers(-1000, 1000) | st.integers(-1000, 1000).map(lambda n: n / 8)
MANY: dict[str, st.SearchStrategy[Any]] = {
    "id": st.uuids().map(str),
    "related_to": st.uuids().map(str),
    "change": st.sampled_from(["created", "updated", "deleted"]),
    "missing": st.sampled_from(sorted(FACETS)),
    "external_id": st.tuples(WORDS, WORDS).map(":".join),
    **{name: WORDS if spec.values is None else st.sampled_from(spec.values) for name, spec in FACETS.items()},
}
SINGLE: dict[str, st.SearchStrategy[Any]] = {
    "since": st.dates(datetime(1950, 1, 1).date(), datetime(2100, 1, 1).date()).map(str),  # noqa: DTZ001
    "until": st.sampled_from(["2025-09-07", "2025-09-07T00:00:00Z", "2025-09-07T00:00:00.25+03:00"]),
    "timezone": st.sampled_from(["UTC", "Europe/Kyiv", "Asia/Kathmandu"]),
    "q": WORDS,
    "bbox": st.lists(NUMBERS.map(lambda n: n / 6), min_size=4, max_size=4),
    "near": st.lists(NUMBERS.map(lambda n: n / 6), min_size=2, max_size=2),
    "radius_km": NUMBERS.map(abs),
    **{f"{name}_{end}": st.integers(-(2**63), 2**63 - 1) for name in MEASURES for end in ("min", "max")},
}
FILTERS = st.fixed_dictionaries(
    {}, optional={**SINGLE, **{name: each | st.lists(each, min_size=1, max_size=3) for name, each in MANY.items()}}
)
SOME = st.lists(st.sampled_from(sorted({*SINGLE, *MANY})), max_size=5)


def as_query(filter: dict[str, Any]) -> bytes:
    """The same filter as a query string."""
    pairs = {name: ",".join(map(plain, value)) if name in {"bbox", "near"} else value for name, value in filter.items()}
    return urlencode({name: plain(value) for name, value in pairs.items()}, doseq=True).encode()


def plain(value: Any) -> Any:
    return format(value, ".12f") if isinstance(value, float) else value


@settings(deadline=None)
@given(FILTERS, SOME)
def test_a_filter_means_what_the_query_string_means(full: dict[str, Any], names: list[str]) -> None:
    filter = {name: value for name, value in full.items() if name in names}
    filter = {name: rounded(value) for name, value in filter.items()}
    try:
        found = read_filter(filter)
    except Invalid:
        with pytest.raises(Invalid):
            read_query(as_query(filter), ChangeFilter)
        return
    same = read_query(as_query(filter), ChangeFilter)
    assert found.params == same
    assert found.params.groups is not None
    assert {(g.facet, g.values) for g in found.params.groups} == {(g.facet, g.values) for g in same.groups}
    assert stored_filter(orjson.dumps(found.document).decode()) == same


def rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return round(value, 6) if isinstance(value, float) else value


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(ARRAYS) | st.text(max_size=5),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(2**63), 2**63 - 1)
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
            max_leaves=5,
        ),
        max_size=4,
    )
)
def test_whatever_json_a_filter_is_it_is_read_or_refused(sent: dict[str, Any]) -> None:
    try:
        found: Filter | None = read_filter(sent)
    except Invalid as refusal:
        found, places = None, [error.pointer or "" for error in refusal.errors]
    else:
        places = []
    assert all(place.startswith("/filter") for place in places)
    assert found is None or stored_filter(orjson.dumps(found.document).decode()) == found.params
