"""What filters, counts and sums read from an event of each kind."""

from __future__ import annotations

from typing import Any

import pytest
from specimens import SPECIMENS, parsed

from app.kinds import FACETS, KINDS, MEASURES, FacetValue, Numbers, facets_of, measures_of, parse_event, points


def facet(name: str, kind: str, *changes: tuple[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    """Labels and aliases of the facet's values."""
    found = facets_of(parsed(kind, *changes))
    return [(value.label, value.aliases) for facet, value in found if facet == name]


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("attack", "kind", [("attack", ())]),
        ("attack", "status", [("reported", ())]),
        ("attack", "country", [("UA", ())]),
        ("attack", "admin1", [("UA-30", ())]),
        ("attack", "place", [("Kyiv", ())]),
        ("attack", "actor", [("Russia", ("Russian Federation", "Q159", "RU")), ("Ukraine", ("UA",))]),
        ("attack", "actor_country", [("RU", ()), ("UA", ())]),
        ("attack", "initiator", [("Russia", ("Russian Federation", "Q159", "RU"))]),
        ("attack", "target_country", [("UA", ())]),
        ("attack", "publisher", [("RFE/RL", ())]),
        ("attack", "tag", [("drones", ())]),
        ("attack", "attack_state", [("carried_out", ())]),
        ("attack", "event_type", [("Explosions/Remote violence", ())]),
        ("attack", "sub_event_type", [("Air/drone strike", ())]),
        ("attack", "civilian_targeting", [("false", ())]),
        ("attack", "munition", [("uav_one_way_attack", ()), ("cruise_missile", ())]),
        ("attack", "target", [("government_building", ()), ("residential", ())]),
        ("negotiation_round", "process", [("istanbul-2025", ())]),
        ("negotiation_round", "talks_format", [("direct", ())]),
        ("negotiation_round", "level", [("delegation", ())]),
        ("negotiation_round", "talks_state", [("held", ())]),
        ("negotiation_round", "issue", [("prisoner_exchange", ()), ("remains", ())]),
        ("negotiation_round", "outcome", [("partial_agreement", ())]),
        ("sanction_move", "authority", [("European Union", ("EU",))]),
        ("sanction_move", "programme", [("19th package", ("EU-UKR",))]),
        ("sanction_move", "stage", [("proposed", ())]),
        ("sanction_move", "measure_type", [("transportation_restrictions", ()), ("price_cap", ())]),
        ("sanction_move", "measure_subtype", [("vessel_listing", ())]),
        ("sanction_move", "ultimate_target", [("RU", ())]),
        ("sanction_move", "sanctioned_country", [("PA", ())]),
        (
            "sanction_move",
            "sanctioned_entity",
            [("EVENTIN", ("NK-1", "9308065", "IMO9308065", "IMO 9308065")), ("Other tankers", ())],
        ),
        ("sanction_move", "imo", [("9308065", ("IMO9308065", "IMO 9308065"))]),
        ("security_guarantee", "framework", [("coalition-of-the-willing", ())]),
        ("security_guarantee", "stage", [("pledged", ())]),
        ("security_guarantee", "commitment", [("troop_deployment", ()), ("air_policing", ())]),
        ("security_guarantee", "beneficiary", [("Ukraine", ("Q212", "UA"))]),
        ("attack", "beneficiary", []),
    ],
)
def test_a_facet_reads_labels_and_aliases(kind: str, name: str, expected: list[tuple[str, tuple[str, ...]]]) -> None:
    assert facet(name, kind) == expected


def test_launch_sites_are_no_places_of_the_event() -> None:
    launch = {"name": "Kursk", "country": "RU", "lat": 51.7, "lon": 36.2, "role": "launch"}
    event = parsed("attack", ("/locations/-", launch))

    assert points(event) == [(50.45, 30.52)]
    assert {"RU", "Kursk"}.isdisjoint(value.label for name, value in facets_of(event) if name in {"country", "place"})


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("SU", ("SU", ("SUHH",))),
        ("SUHH", ("SU", ("SUHH",))),
        ("CSHH", ("CSHH", ("CS",))),
        ("CSXX", ("CSXX", ("CS",))),
        ("CS", ("CS", ("CSHH", "CSXX"))),
        ("ZR", ("ZR", ("ZRCD", "CD"))),
        ("MM", ("MM", ())),
        ("XK", ("XK", ())),
    ],
)
def test_a_former_state_is_found_by_all_its_codes(code: str, value: tuple[str, tuple[str, ...]]) -> None:
    assert facet("country", "attack", ("/locations/0/admin1", None), ("/locations/0/country", code)) == [value]


def test_the_target_country_is_told_by_actors_and_by_places_hit() -> None:
    hit = {"country": "PL", "role": "target"}
    seen = {"country": "DE", "role": "venue"}

    assert facet("target_country", "attack", ("/locations/-", hit), ("/locations/-", seen)) == [("UA", ()), ("PL", ())]


def test_what_several_impose_together_is_found_under_each_of_them() -> None:
    authority = {"name": "2 authorities", "type": "coalition"}
    union = {"name": "European Union", "role": "initiator", "type": "igo", "country": "EU"}

    [(label, aliases)] = facet("authority", "sanction_move", ("/detail/authority", authority), ("/actors/-", union))
    assert label == "2 authorities"
    assert {"European Union", "EU"} <= set(aliases)


def test_a_programme_without_a_name_is_shown_by_its_id() -> None:
    assert facet("programme", "sanction_move", ("/detail/programme/name", None)) == [("EU-UKR", ())]


def test_one_name_is_one_value_with_all_its_aliases() -> None:
    again = {"name": "Russia", "role": "claimant", "type": "head_of_state", "ref": "Q7747"}

    assert facet("actor", "attack", ("/actors/-", again))[0] == (
        "Russia",
        ("Russian Federation", "Q159", "RU", "Q7747"),
    )


@pytest.mark.parametrize(
    ("kind", "changes", "expected"),
    [
        ("attack", [], {"killed": (3, 3, 3), "launched": (813, 814, 814), "intercepted": (747, 747, 747)}),
        ("attack", [("/detail/state", "planned")], {"killed": (3, 3, 3)}),
        ("attack", [("/casualties", []), ("/detail/munitions", [])], {}),
        ("negotiation_round", [], {"killed": (3, 3, 3), "rounds": (3, 3, 3)}),
        ("negotiation_round", [("/detail/state", "proposed")], {"killed": (3, 3, 3)}),
        ("sanction_move", [("/casualties", [])], {"targets_listed": (101, 101, 121)}),
        ("sanction_move", [("/casualties", []), ("/detail/measures/0/targets", [])], {}),
        (
            "sanction_move",
            [("/casualties", []), ("/detail/measures/0/targets/1/count", {})],
            {"targets_listed": (2, 2, 2)},
        ),
        (
            "security_guarantee",
            [("/casualties", [])],
            {"pledgers": (26, 26, 26), "personnel": (5000, 5000, 5000)},
        ),
        (
            "security_guarantee",
            [("/casualties", []), ("/detail/pledgers", None), ("/detail/contributions", [])],
            {"pledgers": (1, 1, 1)},
        ),
        (
            "security_guarantee",
            [("/casualties", []), ("/detail/pledgers", {}), ("/detail/contributions", []), ("/actors", [])],
            {},
        ),
    ],
)
def test_measures_are_sums_and_absent_without_a_number(
    kind: str, changes: list[tuple[str, Any]], expected: dict[str, tuple[int, int, int]]
) -> None:
    assert measures_of(parsed(kind, *changes)) == expected


@pytest.mark.parametrize(
    ("counts", "total"),
    [
        ([3], (3, 3, 3)),
        ([{"low": 1}, {"best": 10}, {"high": 100}], (111, 111, 111)),
        ([{"low": 1, "high": 3}], (1, 1, 3)),
        ([{"best": 2, "high": 3}], (2, 2, 3)),
        ([{"low": 1, "best": 2}], (1, 2, 2)),
        ([0, {}], (0, 0, 0)),
        ([{}], None),
        ([], None),
    ],
)
def test_a_row_without_one_number_lends_another(counts: list[Any], total: tuple[int, int, int] | None) -> None:
    rows = [{"measure": "injured", "group": "unknown", "count": count} for count in counts]

    assert measures_of(parsed("attack", ("/casualties", rows))).get("injured") == total


def test_a_row_of_a_subgroup_adds_nothing() -> None:
    part = {"measure": "killed", "group": "civilian", "subgroup": "children", "count": 1}

    assert measures_of(parsed("attack", ("/casualties/-", part)))["killed"] == Numbers(3, 3, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_every_facet_and_measure_read_is_declared(kind: str) -> None:
    event = parse_event(SPECIMENS[kind])

    assert {name for name, _ in facets_of(event)} <= FACETS.keys()
    assert measures_of(event).keys() <= MEASURES.keys()
    assert all(isinstance(value, FacetValue) for _, value in facets_of(event))


@pytest.mark.parametrize("kind", KINDS)
def test_every_value_of_a_closed_facet_is_in_its_vocabulary(kind: str) -> None:
    for name, value in facets_of(parse_event(SPECIMENS[kind])):
        vocabulary = FACETS[name].values
        assert vocabulary is None or value.label in vocabulary
