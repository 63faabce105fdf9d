"""The rules that a lenient import may break, each with its flag."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from specimens import ABSENT, SPECIMENS, parsed

from app.kinds import FLAGS, broken_rules, parse_event, rule_values

NOW = datetime(2025, 9, 9, 12, tzinfo=UTC)
ROW = "/detail/munitions/0"

BREACHES: list[tuple[str, list[tuple[str, Any]], str, str, str]] = [
    ("attack", [("/casualties/0/count", {"low": 5, "best": 3})], "bounds-order", "/casualties/0/count", "order"),
    ("attack", [(f"{ROW}/launched", {"low": 900, "high": 810})], "bounds-order", f"{ROW}/launched", "order"),
    ("attack", [(f"{ROW}/launched", {"best": 900, "high": 810})], "bounds-order", f"{ROW}/launched", "order"),
    (
        "sanction_move",
        [("/detail/measures/0/targets/1/count", {"low": 5, "high": 3})],
        "bounds-order",
        "/detail/measures/0/targets/1/count",
        "order",
    ),
    (
        "security_guarantee",
        [("/detail/pledgers/count", {"low": 30, "best": 26})],
        "bounds-order",
        "/detail/pledgers/count",
        "order",
    ),
    (
        "attack",
        [(ROW, {"category": "cruise_missile", "launched": 16, "intercepted": 15, "suppressed": 11})],
        "losses-exceed-launched",
        f"{ROW}/launched",
        "losses-exceed-launched",
    ),
    (
        "attack",
        [(ROW, {"category": "cruise_missile", "launched": 16, "decoys": 17})],
        "decoys-exceed-launched",
        f"{ROW}/decoys",
        "decoys-exceed-launched",
    ),
    (
        "attack",
        [("/ended_at", "2025-09-07T01:30:00+04:00")],
        "end-before-start",
        "/ended_at",
        "end-before-start",
    ),
    ("attack", [("/sources", []), ("/claims", [])], "no-source", "/sources", "no-source"),
    ("attack", [("/sources", ABSENT), ("/claims", [])], "no-source", "/sources", "no-source"),
    (
        "sanction_move",
        [
            ("/detail/stage", "in_force"),
            ("/detail/effective_on", "2025-09-10"),
            ("/detail/measures/0/status", "in_force"),
        ],
        "stage-date",
        "/detail/effective_on",
        "stage-date",
    ),
    (
        "sanction_move",
        [("/detail/stage", "adopted")],
        "stage-date",
        "/detail/measures/0/status",
        "stage-date",
    ),
]

KEPT: list[tuple[str, list[tuple[str, Any]]]] = [
    ("attack", [("/casualties/0/count", {"low": 3, "high": 3})]),
    ("attack", [(ROW, {"category": "other", "launched": {"best": 16}, "intercepted": 15, "suppressed": 11})]),
    ("attack", [(ROW, {"category": "other", "launched": 26, "intercepted": 15, "suppressed": 11})]),
    (
        "attack",
        [
            (
                ROW,
                {
                    "category": "other",
                    "launched": 16,
                    "intercepted": {"best": 15, "qualifier": "at_most"},
                    "suppressed": 11,
                },
            )
        ],
    ),
    ("attack", [(ROW, {"category": "other", "launched": 5, "decoys": 9, "includes_decoys": False})]),
    ("attack", [(ROW, {"category": "other", "launched": {"best": 5, "high": 9}, "decoys": {"low": 8, "best": 10}})]),
    ("attack", [(ROW, {"category": "other", "launched": 5, "decoys": {"high": 9}})]),
    ("attack", [(ROW, {"category": "other", "launched": {"low": 5}, "decoys": 9})]),
    ("attack", [(ROW, {"category": "other", "launched": {"best": 5, "qualifier": "at_least"}, "decoys": 9})]),
    ("attack", [("/ended_at", "2025-09-07T01:00:00+03:00")]),
    ("attack", [("/ended_at", "2025-09-06T23:30:00+01:00")]),
    ("sanction_move", [("/detail/stage", "in_force"), ("/detail/measures/0/status", "in_force")]),
    ("sanction_move", [("/detail/effective_on", "2025-12-01")]),
    (
        "sanction_move",
        [
            ("/detail/stage", "in_force"),
            ("/detail/effective_on", "2025-09-09"),
            ("/detail/measures/0/status", "in_force"),
        ],
    ),
]


@pytest.mark.parametrize(("kind", "changes", "flag", "pointer", "code"), BREACHES)
def test_a_breach_is_told_with_its_flag(
    kind: str, changes: list[tuple[str, Any]], flag: str, pointer: str, code: str
) -> None:
    [broken] = broken_rules(parsed(kind, *changes), base="/event", now=NOW)

    assert (broken.flag, broken.error.pointer, broken.error.code) == (flag, f"/event{pointer}", code)


@pytest.mark.parametrize(("kind", "changes"), KEPT)
def test_what_may_be_true_is_no_breach(kind: str, changes: list[tuple[str, Any]]) -> None:
    assert broken_rules(parsed(kind, *changes), now=NOW) == []


@pytest.mark.parametrize("kind", SPECIMENS)
def test_the_specimens_break_no_rule(kind: str) -> None:
    assert broken_rules(parse_event(SPECIMENS[kind]), now=NOW) == []


def test_the_flags_are_those_of_the_contract() -> None:
    assert set(FLAGS) == {
        "bounds-order",
        "losses-exceed-launched",
        "decoys-exceed-launched",
        "end-before-start",
        "stage-date",
        "no-source",
    }
    assert {flag for _, _, flag, _, _ in BREACHES} == set(FLAGS)


def test_every_breach_is_told() -> None:
    event = parsed("attack", ("/sources", []), ("/claims", []), ("/ended_at", "2025-09-01T00:00:00Z"))

    assert [broken.flag for broken in broken_rules(event)] == ["end-before-start", "no-source"]


def test_a_rule_without_a_time_uses_the_clock() -> None:
    event = parsed(
        "sanction_move",
        ("/detail/stage", "in_force"),
        ("/detail/effective_on", "2200-01-01"),
        ("/detail/measures/0/status", "in_force"),
    )

    assert [broken.flag for broken in broken_rules(event)] == ["stage-date"]


@pytest.mark.parametrize(
    ("kind", "flag", "change"),
    [
        ("attack", "bounds-order", ("/casualties/0/count", 4)),
        ("attack", "bounds-order", ("/detail/munitions/1/launched", {"low": 3, "best": 5})),
        ("attack", "losses-exceed-launched", ("/detail/munitions/0/intercepted", 1)),
        (
            "attack",
            "losses-exceed-launched",
            ("/detail/munitions/0/launched", {"low": 810, "best": 810, "high": 810, "qualifier": "at_least"}),
        ),
        ("attack", "decoys-exceed-launched", ("/detail/munitions/0/includes_decoys", True)),
        ("attack", "end-before-start", ("/ended_at", "2025-09-08T00:00:00Z")),
        ("attack", "no-source", ("/sources/-", {"publisher": "B"})),
        ("sanction_move", "stage-date", ("/detail/measures/0/status", "proposed")),
        ("sanction_move", "stage-date", ("/detail/effective_on", "2025-12-01")),
    ],
)
def test_the_values_of_a_rule_change_with_what_it_reads(kind: str, flag: str, change: tuple[str, Any]) -> None:
    before, after = parsed(kind), parsed(kind, change)

    assert rule_values(flag, before) == rule_values(flag, parse_event(SPECIMENS[kind]))
    assert rule_values(flag, before) != rule_values(flag, after)


@pytest.mark.parametrize("kind", SPECIMENS)
@pytest.mark.parametrize("flag", sorted(FLAGS))
def test_the_values_of_a_rule_stay_when_it_reads_nothing_that_changed(kind: str, flag: str) -> None:
    before, after = parsed(kind), parsed(kind, ("/title", "Another"), ("/tags", []), ("/extra", {}))

    assert rule_values(flag, before) == rule_values(flag, after)
