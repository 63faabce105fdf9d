"""Equal events have equal bytes, whatever way they were written."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from drawn import events
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from specimens import SPECIMENS, changed, refusals

from app.kinds import KINDS, Event, broken_rules, canonical_json, facets_of, fold, interval, measures_of, parse_event

ORDER = [
    "status",
    "title",
    "summary",
    "started_at",
    "ended_at",
    "time_precision",
    "timezone",
    "locations",
    "actors",
    "casualties",
    "sources",
    "claims",
    "external_ids",
    "relations",
    "tags",
    "quality_flags",
    "extra",
    "detail",
]


def reread(kind: str, text: bytes) -> Event:
    """Parse what `core` wrote, as a writer who sends it back."""
    content = orjson.loads(text)
    del content["quality_flags"]
    return parse_event({"kind": kind, **content})


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(data=st.data())
def test_what_was_written_is_read_and_written_the_same(kind: str, data: st.DataObject) -> None:
    sent = data.draw(events(kind))
    assume(not any(error.code == "range" and error.pointer == "" for error in refusals(sent)))  # sums beyond int64
    event = parse_event(sent)
    text = canonical_json(event, [])

    again = reread(kind, text)

    assert canonical_json(again, []) == text
    assert facets_of(again) == facets_of(event)
    assert measures_of(again) == measures_of(event)
    assert interval(again) == interval(event)
    assert broken_rules(again) == broken_rules(event)
    begin, end = interval(event)
    assert begin < end
    assert all(fold(value.label) for _, value in facets_of(event))


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_written_in_the_order_of_the_contract(kind: str) -> None:
    content = json.loads(canonical_json(parse_event(SPECIMENS[kind]), ["no-source"]))
    least = {name: SPECIMENS[kind][name] for name in ("kind", "title", "started_at", "detail")}

    assert list(content) == ORDER
    assert content["quality_flags"] == ["no-source"]
    assert list(json.loads(canonical_json(parse_event(least), []))) == ORDER


def test_every_object_in_an_event_has_all_its_fields() -> None:
    content = json.loads(canonical_json(parse_event(SPECIMENS["attack"]), []))

    assert content["summary"] is None
    assert content["sources"][0]["scale"] is None
    assert content["detail"]["munitions"][1] == {
        "category": "cruise_missile",
        "model": None,
        "launched": {"low": 3, "best": 4, "high": None, "qualifier": "unknown"},
        "intercepted": None,
        "suppressed": None,
        "hit": None,
        "decoys": None,
        "includes_decoys": None,
    }


def test_a_field_keeps_the_name_that_python_would_not_have() -> None:
    content = json.loads(canonical_json(parse_event(SPECIMENS["sanction_move"]), []))

    assert content["detail"]["measures"][0]["targets"][0]["schema"] == "Vessel"


@pytest.mark.parametrize(
    ("place", "one", "other"),
    [
        ("/extra", {"a": 1, "b": {"c": 1, "d": 2}}, {"b": {"d": 2, "c": 1}, "a": 1}),
        ("/claims/0/value", {"a": 1, "b": [{"c": 1, "d": 2}]}, {"b": [{"d": 2, "c": 1}], "a": 1}),
        ("/casualties/0/count", 3, {"low": 3, "best": 3, "high": 3}),
        ("/started_at", "2025-09-07T00:00:00Z", "2025-09-07T03:00:00.000+03:00"),
        ("/locations/0/lat", 50, 50.00000001),
        ("/tags", ["a", "b"], ["a", "b", "a"]),
        ("/summary", None, None),
    ],
)
def test_two_spellings_of_one_event_are_equal(place: str, one: Any, other: Any) -> None:
    first, second = (parse_event(changed("attack", (place, value))) for value in (one, other))

    assert canonical_json(first, []) == canonical_json(second, [])
