"""What is refused, under which code and at which place: the table of the domain model."""

from __future__ import annotations

from typing import Any

import pytest
from specimens import ABSENT, SPECIMENS, changed, faults, parsed, refusals

from app.kinds import CODES, KINDS, parse_event

LONG = "x" * 301
BIG = 2**63
A, N, S, G = "attack", "negotiation_round", "sanction_move", "security_guarantee"

RATE = "/detail/measures/0/rate_low_pct"

REFUSED: list[tuple[str, str, Any, str, str]] = [
    # unknown fields and words
    (A, "/foo", 1, "/foo", "unknown-field"),
    (A, "/a~b", 1, "/a~0b", "unknown-field"),
    (A, "/id", "x", "/id", "unknown-field"),
    (A, "/version", 1, "/version", "unknown-field"),
    (A, "/quality_flags", [], "/quality_flags", "unknown-field"),
    (A, "/detail/foo", 1, "/detail/foo", "unknown-field"),
    (A, "/detail/munitions/0/launched", {"n": 1}, "/detail/munitions/0/launched/n", "unknown-field"),
    (A, "/status", "rumoured", "/status", "enum"),
    (A, "/status", None, "/status", "enum"),
    (A, "/time_precision", "hour", "/time_precision", "enum"),
    (A, "/actors/0/role", "villain", "/actors/0/role", "enum"),
    (A, "/actors/0/type", "army", "/actors/0/type", "enum"),
    (A, "/detail/munitions/0/category", "drone", "/detail/munitions/0/category", "enum"),
    (A, "/detail/event_type", "Battle", "/detail/event_type", "enum"),
    (N, "/detail/issues/0", "peace", "/detail/issues/0", "enum"),
    (S, "/detail/measures/0/targets/0/schema", "Ship", "/detail/measures/0/targets/0/schema", "enum"),
    (G, "/detail/commitments/0", "love", "/detail/commitments/0", "enum"),
    # absent and null
    (A, "/title", ABSENT, "/title", "missing"),
    (A, "/title", None, "/title", "type"),
    (A, "/started_at", ABSENT, "/started_at", "missing"),
    (A, "/detail", ABSENT, "/detail", "missing"),
    (A, "/sources/0/publisher", ABSENT, "/sources/0/publisher", "missing"),
    (N, "/detail/state", ABSENT, "/detail/state", "missing"),
    (S, "/detail/measures", [], "/detail/measures", "too-short"),
    (S, "/detail/authority", ABSENT, "/detail/authority", "missing"),
    (G, "/detail/stage", ABSENT, "/detail/stage", "missing"),
    # types are strict
    (N, "/detail/rounds_covered", "5", "/detail/rounds_covered", "type"),
    (N, "/detail/rounds_covered", True, "/detail/rounds_covered", "type"),
    (A, "/detail/civilian_targeting", 1, "/detail/civilian_targeting", "type"),
    (A, "/detail/civilian_targeting", "true", "/detail/civilian_targeting", "type"),
    (A, "/locations", {}, "/locations", "type"),
    (A, "/locations", None, "/locations", "type"),
    (A, "/locations/0", "Kyiv", "/locations/0", "type"),
    (A, "/locations/0/lat", "50", "/locations/0/lat", "type"),
    (A, "/title", 5, "/title", "type"),
    (A, "/started_at", 1757192400, "/started_at", "type"),
    (A, "/extra", [], "/extra", "type"),
    (A, "/detail", [], "/detail", "type"),
    (A, "/casualties/0/count", "3", "/casualties/0/count", "type"),
    (A, "/casualties/0/count", True, "/casualties/0/count", "type"),
    (A, "/casualties/0/count", None, "/casualties/0/count", "type"),
    (N, "/detail/rounds_covered", 1.5, "/detail/rounds_covered", "type"),
    (A, "/casualties/0/count", 90.5, "/casualties/0/count", "type"),
    (A, "/casualties/0/count", {"best": 90.5}, "/casualties/0/count/best", "type"),
    (A, "/claims/0/source", 0.5, "/claims/0/source", "type"),
    # numbers
    (A, "/casualties/0/count", 1e300, "/casualties/0/count", "range"),
    (A, "/casualties/0/count", float("nan"), "/casualties/0/count", "type"),
    (A, "/casualties/0/count", {"best": 1e300}, "/casualties/0/count/best", "range"),
    (N, "/detail/rounds_covered", 1e300, "/detail/rounds_covered", "range"),
    (N, "/detail/rounds_covered", float("inf"), "/detail/rounds_covered", "type"),
    (S, "/detail/measures/0/rate_low_pct", 1e400, "/detail/measures/0/rate_low_pct", "range"),
    (S, "/detail/measures/0", {"type": "tariff", "rate_low_pct": 9, "rate_pct": 8}, RATE, "order"),
    (A, "/casualties/0/count", -1, "/casualties/0/count", "range"),
    (A, "/casualties/0/count", BIG, "/casualties/0/count", "range"),
    (A, "/casualties/0/count", {"low": -1}, "/casualties/0/count/low", "range"),
    (A, "/casualties/0/count", {"high": BIG}, "/casualties/0/count/high", "range"),
    (A, "/casualties/0/count", {"qualifier": "exact"}, "/casualties/0/count", "qualifier"),
    (A, "/casualties/-", {"measure": "killed", "group": "civilian", "count": BIG - 1}, "", "range"),
    (N, "/detail/rounds_covered", 0, "/detail/rounds_covered", "range"),
    (N, "/detail/rounds_covered", BIG, "/detail/rounds_covered", "range"),
    (S, "/detail/measures/1/amount", float("inf"), "/detail/measures/1/amount", "range"),
    (S, "/detail/measures/1/amount", float("nan"), "/detail/measures/1/amount", "range"),
    (S, "/detail/measures/1/amount", -1, "/detail/measures/1/amount", "range"),
    (S, "/detail/measures/1/amount", None, "/detail/measures/1/amount", "missing"),
    (S, "/detail/measures/1/currency", None, "/detail/measures/1/currency", "missing"),
    # instants and dates
    (A, "/started_at", "2025-09-07T00:00:00", "/started_at", "offset-missing"),
    (A, "/started_at", "2025-09-07T00:00:00 03:00", "/started_at", "offset-missing"),
    (A, "/started_at", "2025-09-07 00:00:00", "/started_at", "offset-missing"),
    (A, "/started_at", "2025-09-07 00:00:00 03:00", "/started_at", "offset-missing"),
    (A, "/started_at", "2025-09-07  00:00:00Z", "/started_at", "instant"),
    (A, "/started_at", "2025-09-07 00:00:60Z", "/started_at", "instant"),
    (A, "/started_at", "2025-09-07T00:00:00.1234567890Z", "/started_at", "instant"),
    (A, "/started_at", "2025-9-7", "/started_at", "instant"),
    (A, "/started_at", "2025-02-30", "/started_at", "date"),
    (A, "/started_at", "1900-01-01", "/started_at", "range"),  # midnight in Kyiv is still 1899 in UTC
    (A, "/sources/0/published_at", "2025-09-07T00:00:00", "/sources/0/published_at", "offset-missing"),
    (A, "/started_at", "2025-09-07T00:00Z", "/started_at", "instant"),
    (A, "/started_at", "2025-09-07T00:00:60Z", "/started_at", "instant"),
    (A, "/started_at", "2025-09-07T24:00:00Z", "/started_at", "instant"),
    (A, "/started_at", "2025-02-29T00:00:00Z", "/started_at", "instant"),
    (A, "/started_at", "2025-09-07T00:00:00+24:00", "/started_at", "instant"),
    (A, "/started_at", "٢٠٢٥-09-07T00:00:00Z", "/started_at", "instant"),
    (A, "/started_at", "", "/started_at", "instant"),
    (A, "/started_at", "1899-12-31T23:59:59Z", "/started_at", "range"),
    (A, "/started_at", "0001-01-01T00:00:00+14:00", "/started_at", "range"),
    (A, "/started_at", "9999-12-31T23:59:59-14:00", "/started_at", "range"),
    (A, "/started_at", "1900-01-01T00:00:00+01:00", "/started_at", "range"),
    (A, "/started_at", "2200-12-31T23:00:00-02:00", "/started_at", "range"),
    (A, "/time_precision", "days", "/ended_at", "missing"),
    (A, "/timezone", "Europe/Atlantis", "/timezone", "timezone"),
    (A, "/timezone", "../etc/passwd", "/timezone", "timezone"),
    (N, "/detail/next_round/date", "2025-02-30", "/detail/next_round/date", "date"),
    (N, "/detail/next_round/date", "2025-10-01T00:00:00Z", "/detail/next_round/date", "date"),
    (N, "/detail/next_round/date", "1899-01-01", "/detail/next_round/date", "date"),
    (N, "/detail/next_round/date", 20251001, "/detail/next_round/date", "type"),
    # places
    (A, "/locations/0/lat", ABSENT, "/locations/0/lat", "missing"),
    (A, "/locations/0/lon", None, "/locations/0/lon", "missing"),
    (A, "/locations/0/lat", 90.1, "/locations/0/lat", "range"),
    (A, "/locations/0/lon", -180.5, "/locations/0/lon", "range"),
    (A, "/locations/0/lat", float("nan"), "/locations/0/lat", "range"),
    (A, "/locations/0/country", "ZZ", "/locations/0/country", "country"),
    (A, "/locations/0/country", "ua", "/locations/0/country", "country"),
    (A, "/locations/0/country", "EU", "/locations/0/country", "country"),
    (A, "/locations/0/admin1", "UA-99", "/locations/0/admin1", "admin1"),
    (A, "/locations/0/admin1", "US-AK", "/locations/0/admin1", "admin1"),
    (A, "/locations/0/country", None, "/locations/0/admin1", "admin1"),
    (A, "/locations/0", {"role": "venue"}, "/locations/0", "missing"),
    # codes
    (A, "/actors/0/country", "ZZ", "/actors/0/country", "country"),
    (A, "/sources/0/language", "xx", "/sources/0/language", "language"),
    (A, "/sources/0/language", "eng", "/sources/0/language", "language"),
    (S, "/detail/ultimate_target", "Russia", "/detail/ultimate_target", "country"),
    (S, "/detail/measures/0/targets/0/imo", "9308066", "/detail/measures/0/targets/0/imo", "imo"),
    (S, "/detail/measures/0/targets/0/imo", "930806", "/detail/measures/0/targets/0/imo", "imo"),
    (S, "/detail/measures/0/targets/0/bic", "SABRRU", "/detail/measures/0/targets/0/bic", "bic"),
    (S, "/detail/measures/0/targets/0/bic", "SABRZZMM", "/detail/measures/0/targets/0/bic", "bic"),
    (S, "/detail/programme/legal_act", "32014R833", "/detail/programme/legal_act", "legal-act"),
    (A, "/sources/0/language", "kur", "/sources/0/language", "language"),  # ku
    (S, "/detail/measures/1/currency", "XBT", "/detail/measures/1/currency", "currency"),
    (S, "/detail/measures/0/targets/0/countries", ["PA", "ZZ"], "/detail/measures/0/targets/0/countries/1", "country"),
    (S, "/detail/measures/0/targets/0/status", "gone", "/detail/measures/0/targets/0/status", "enum"),
    (S, "/detail/programme/legal_act", "CELEX:32014R833", "/detail/programme/legal_act", "legal-act"),
    (S, "/detail/programme/legal_act", "", "/detail/programme/legal_act", "too-short"),
    (A, "/casualties/0/actor", "Nobody", "/casualties/0/actor", "unknown-actor"),
    # control characters, and names without a letter
    (A, "/title", "a\nb", "/title", "control-character"),
    (A, "/title", "a\x00b", "/title", "control-character"),
    (A, "/summary", "a\rb", "/summary", "control-character"),
    (A, "/summary", "a\x85b", "/summary", "control-character"),
    (S, "/detail/reason", "a\x0bb", "/detail/reason", "control-character"),
    (A, "/actors/0/aliases", ["a\tb"], "/actors/0/aliases/0", "control-character"),
    (A, "/title", " \ufeff\u200b\u00ad\n", "/title", "too-short"),
    (A, "/actors/0/name", "\u3000", "/actors/0/name", "too-short"),
    (A, "/actors/0/aliases", [" "], "/actors/0/aliases/0", "too-short"),
    (A, "/external_ids/0/id", "\u2060", "/external_ids/0/id", "too-short"),
    # pairs
    (A, "/detail/event_type", "Battles", "/detail/sub_event_type", "pair"),
    (A, "/detail/event_type", None, "/detail/event_type", "missing"),
    # lengths
    (A, "/title", "", "/title", "too-short"),
    (A, "/title", LONG, "/title", "too-long"),
    (A, "/summary", "x" * 5001, "/summary", "too-long"),
    (A, "/actors/0/name", LONG, "/actors/0/name", "too-long"),
    (A, "/actors/0/name", "💥" * 251, "/actors/0/name", "too-long"),
    (A, "/locations/0/name", "\ufdfa" * 100, "/locations/0/name", "too-long"),
    (A, "/external_ids/0/id", "💥" * 251, "/external_ids/0/id", "too-long"),
    (A, "/actors/0/aliases", ["💥" * 251], "/actors/0/aliases/0", "too-long"),
    (S, "/detail/measures/0/targets/0/ids/0", "💥" * 251, "/detail/measures/0/targets/0/ids/0", "too-long"),
    (A, "/sources/0/url", "https://example.org/" + "x" * 2000, "/sources/0/url", "too-long"),
    (A, "/tags", [f"t{n}" for n in range(1001)], "/tags", "too-long"),
    (A, "/extra", {"x": "y" * 16_384}, "/extra", "too-long"),
    # forms
    (A, "/tags/0", "Drones", "/tags/0", "pattern"),
    (A, "/tags/0", "two words", "/tags/0", "pattern"),
    (A, "/sources/0/url", "ftp://example.org/", "/sources/0/url", "url"),
    (A, "/sources/0/url", "javascript:alert(1)", "/sources/0/url", "url"),
    (A, "/sources/0/url", "https:///path", "/sources/0/url", "url"),
    (A, "/sources/0/url", "https://[::1/", "/sources/0/url", "url"),
    (A, "/sources/0/url", "https://example.org/a b", "/sources/0/url", "url"),
    (A, "/external_ids/0/system", "RFERL", "/external_ids/0/system", "pattern"),
    (A, "/external_ids/0/system", "x" * 65, "/external_ids/0/system", "pattern"),
    (A, "/external_ids/0/system", "-x", "/external_ids/0/system", "pattern"),
    (A, "/external_ids/-", {"system": "rferl", "id": "2025/09:1"}, "/external_ids/1", "duplicate"),
    (A, "/claims/0/field", "title", "/claims/0/field", "pattern"),
    (A, "/claims/0/field", "/a~2", "/claims/0/field", "pattern"),
    (A, "/claims/0/source", 1, "/claims/0/source", "range"),
    (A, "/claims/0/source", -1, "/claims/0/source", "range"),
    (A, "/claims/0/value", ABSENT, "/claims/0/value", "missing"),
    (A, "/relations/0/event_id", "x", "/relations/0/event_id", "uuid"),
    (A, "/relations/0/event_id", "#0", "/relations/0/event_id", "uuid"),
    (A, "/relations/0/event_id", "0197f2a000007000800000000000000f", "/relations/0/event_id", "uuid"),
    # counts
    (G, "/detail/pledgers/count", {"low": 0, "high": 0}, "/detail/pledgers/count", "pledgers"),
]


@pytest.mark.parametrize(("kind", "place", "value", "pointer", "code"), REFUSED)
def test_what_does_not_fit_is_refused_at_its_place(kind: str, place: str, value: Any, pointer: str, code: str) -> None:
    assert faults(changed(kind, (place, value))) == [(pointer, code)]


@pytest.mark.parametrize("kind", SPECIMENS)
def test_the_specimen_of_each_kind_is_accepted(kind: str) -> None:
    assert refusals(SPECIMENS[kind]) == []


def test_every_code_in_use_is_described() -> None:
    assert {code for *_, code in REFUSED} <= CODES.keys()


@pytest.mark.parametrize("data", [None, [], "x", 1, True])
def test_an_event_is_an_object(data: object) -> None:
    assert faults(data) == [("", "type")]


@pytest.mark.parametrize(("kind", "code"), [(ABSENT, "missing"), (None, "enum"), ("war", "enum"), ([], "enum")])
def test_an_unknown_kind_is_told_the_kinds_there_are(kind: object, code: str) -> None:
    [error] = refusals(changed("attack", ("/kind", kind)))

    assert (error.pointer, error.code, error.allowed) == ("/kind", code, tuple(KINDS))


def test_all_errors_are_told_at_once_below_the_base() -> None:
    data = changed("attack", ("/title", ABSENT), ("/status", "x"), ("/detail/munitions/1/launched", -1))

    found = faults(data, base="/items/3/event")

    assert found == [
        ("/items/3/event/status", "enum"),
        ("/items/3/event/title", "missing"),
        ("/items/3/event/detail/munitions/1/launched", "range"),
    ]


def test_all_broken_rules_are_told_at_once_below_the_base() -> None:
    data = changed("attack", ("/locations/0/lat", None), ("/claims/0/source", 7), ("/detail/event_type", "Riots"))

    found = faults(data, base="/event")

    assert found == [
        ("/event/locations/0/lat", "missing"),
        ("/event/claims/0/source", "range"),
        ("/event/detail/sub_event_type", "pair"),
    ]


def test_an_error_lists_the_words_or_fields_allowed() -> None:
    [word] = refusals(changed("attack", ("/detail/event_type", "x")))
    [field] = refusals(changed("attack", ("/detail/munitions/0/launched", {"lo": 1})))
    [pair] = refusals(changed("attack", ("/detail/event_type", "Riots")))

    assert word.allowed is not None
    assert "Explosions/Remote violence" in word.allowed
    assert field.allowed == ("low", "best", "high", "qualifier")
    assert pair.allowed == ("Violent demonstration", "Mob violence")


def test_a_refusal_never_repeats_what_was_sent() -> None:
    mark = "zzqzz"
    for kind, place, value, *_ in REFUSED:
        if isinstance(value, str) and place.rsplit("/", 1)[-1] not in {"summary", "url"}:
            errors = refusals(changed(kind, (place, value + mark)))
            assert not any(mark in error.detail for error in errors)


def test_a_flood_of_errors_is_cut() -> None:
    assert len(refusals(changed("attack", ("/tags", ["X"] * 900)))) == 100


def test_only_a_batch_may_name_an_earlier_item() -> None:
    data = changed("attack", ("/relations/0/event_id", "#12"))

    assert parse_event(data, batch=True).relations[0].event_id == "#12"
    assert faults(changed("attack", ("/relations/0/event_id", "#-1")), batch=True) == [
        ("/relations/0/event_id", "uuid")
    ]


def test_the_hint_for_a_space_in_place_of_a_plus_is_given() -> None:
    [error] = refusals(changed("attack", ("/started_at", "2025-09-07T00:00:00 03:00")))

    assert "+" in error.detail


@pytest.mark.parametrize(
    ("kind", "place", "value"),
    [
        ("attack", "/started_at", "2025-09-07t00:00:00z"),
        ("attack", "/started_at", "2025-09-07T00:00:00.1-23:59"),
        ("attack", "/started_at", "1900-01-01T00:00:00Z"),
        ("attack", "/started_at", "2025-09-07 01:00:00+03:00"),
        ("attack", "/started_at", "2025-09-07"),
        ("attack", "/sources/0/published_at", "2025-09-07"),
        ("attack", "/casualties/0/count", 90.0),
        ("attack", "/casualties/0/count", {"low": 1.0, "high": 3.0, "qualifier": None}),
        ("attack", "/casualties/0/actor", "Russia"),
        ("attack", "/claims/0/source", 0.0),
        ("attack", "/actors/0/role", "party"),
        ("attack", "/summary", "One.\n\tTwo."),
        ("attack", "/title", "\n " + "x" * 300 + "\u200b"),
        ("attack", "/sources/0/language", "kmr"),
        ("attack", "/locations/0", {"country": "FR", "admin1": "FR-75"}),
        ("negotiation_round", "/detail/rounds_covered", 3.0),
        ("negotiation_round", "/detail/state", "ongoing"),
        ("negotiation_round", "/detail/issues", ["disarmament", "elections", "justice", "amnesty"]),
        ("sanction_move", "/detail/measures/1/currency", "BGN"),
        ("sanction_move", "/detail/measures/1/currency", "DEM"),
        ("sanction_move", "/detail/measures/1/currency", "USDT"),
        ("sanction_move", "/detail/reason", "One.\nTwo."),
        ("sanction_move", "/detail/measures/0", {"type": "tariff", "rate_low_pct": 10, "rate_high_pct": 25}),
        ("sanction_move", "/detail/programme/legal_act", "S/RES/2231 (2015)"),
        ("sanction_move", "/detail/programme/legal_act", "SR 946.231.176.72"),
        ("sanction_move", "/detail/programme/legal_act", "833/2014"),
        ("sanction_move", "/detail/measures/0/targets/0/schema", "CryptoWallet"),
        ("security_guarantee", "/detail/trigger/text", "One.\nTwo."),
        ("attack", "/started_at", "2200-12-31T23:59:59.999999Z"),
        ("attack", "/locations/0", {"name": "Chernihiv"}),
        ("attack", "/locations/0", {"country": "SUHH"}),
        ("attack", "/locations/0", {"country": "YU"}),
        ("attack", "/locations/0", {"country": "XK"}),
        ("attack", "/locations/0", {"lat": -90, "lon": 180}),
        ("attack", "/locations/0/lat", 50),
        ("attack", "/actors/0/country", "EU"),
        ("attack", "/actors/0/name", "💥" * 250),
        ("attack", "/title", "💥" * 300),
        ("attack", "/title", "x" * 300),
        ("attack", "/extra", {"x": "y" * 16_000}),
        ("attack", "/casualties/0/count", {}),
        ("attack", "/casualties/0/count", 2**63 - 1),
        ("attack", "/claims/0/value", None),
        ("attack", "/claims/0/field", "/detail/a~1b~0"),
        ("attack", "/sources/0/url", "HTTP://example.org:8080/a?b#c"),
        ("attack", "/detail", {}),
        ("negotiation_round", "/detail", {"state": "proposed"}),
        ("sanction_move", "/detail/measures/0/targets/0/bic", "SABRRUMMXXX"),
        ("sanction_move", "/detail/programme/legal_act", "EO 14024"),
        ("sanction_move", "/detail/programme/legal_act", "02014R0833-20240625"),
        ("sanction_move", "/detail/measures/0/targets/0/country", "EU"),
        ("security_guarantee", "/detail", {"stage": "opposed"}),
    ],
)
def test_what_is_rare_but_right_is_accepted(kind: str, place: str, value: Any) -> None:
    assert faults(changed(kind, (place, value))) == []


@pytest.mark.parametrize("precision", ["instant", ABSENT])
@pytest.mark.parametrize("place", ["/started_at", "/ended_at"])
def test_a_bare_day_needs_times_of_days(precision: Any, place: str) -> None:
    [error] = refusals(changed("attack", ("/time_precision", precision), (place, "2025-09-07")))

    assert (error.pointer, error.code) == (place, "instant")
    assert "time_precision" in error.detail


@pytest.mark.parametrize(
    ("zone", "precision", "day", "instant"),
    [
        ("Europe/Kyiv", "day", "2025-09-07", "2025-09-06T21:00:00Z"),
        (None, "month", "2025-09-07", "2025-09-07T00:00:00Z"),
        ("Europe/Kyiv", "week", "2025-12-07", "2025-12-06T22:00:00Z"),
        ("America/Santiago", "year", "2025-09-07", "2025-09-07T04:00:00Z"),  # the clocks skip midnight
    ],
)
def test_a_bare_day_is_its_midnight(zone: str | None, precision: str, day: str, instant: str) -> None:
    places = ("/started_at", "/ended_at", "/sources/0/published_at")
    whole = [("/timezone", zone), ("/time_precision", precision)]
    dated = parsed("attack", *whole, *((place, day) for place in places))
    timed = parsed("attack", *whole, *((place, instant) for place in places))

    assert dated == timed


@pytest.mark.parametrize("precision", ["instant", ABSENT, "day", "month"])
@pytest.mark.parametrize(("zone", "instant"), [("Europe/Kyiv", "2025-09-06T21:00:00Z"), (None, "2025-09-07T00:00:00Z")])
def test_a_day_of_publication_is_taken_however_exact_the_times_are(
    precision: Any, zone: str | None, instant: str
) -> None:
    place = "/sources/0/published_at"
    event = parsed("attack", ("/timezone", zone), ("/time_precision", precision), (place, "2025-09-07"))

    assert event.model_dump(mode="json")["sources"][0]["published_at"] == instant
    [error] = refusals(changed("attack", ("/time_precision", precision), (place, "2025-09-31")))
    assert (error.pointer, error.code) == (place, "date")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2025-09-07T00:00:00.123456789Z", "2025-09-07T00:00:00.123456Z"),
        ("2025-09-07T00:00:00.1234569Z", "2025-09-07T00:00:00.123456Z"),
        ("2025-09-07 03:00:00.5+03:00", "2025-09-07T00:00:00.500000Z"),
        ("2025-12-31T23:59:59.999999999Z", "2025-12-31T23:59:59.999999Z"),
    ],
)
def test_more_digits_than_six_are_cut_off(sent: str, kept: str) -> None:
    event = parsed("attack", ("/started_at", sent), ("/sources/0/published_at", sent))

    assert event.model_dump(mode="json")["started_at"] == kept
    assert event.model_dump(mode="json")["sources"][0]["published_at"] == kept


def test_names_and_titles_lose_what_is_not_seen_at_their_ends() -> None:
    event = parsed(
        "attack",
        ("/title", "\ufeff A\u200b title \u00ad\n"),
        ("/actors/0/name", "\tRussia\u200e"),
        ("/actors/0/aliases", ["Rossiya ", "Rossiya", "\u2066RF\u2069"]),
        ("/external_ids/0/id", " 2025/09:1 "),
        ("/sources/0/url", " https://example.org/1 "),
        ("/summary", " as it is\n"),
    )

    assert event.title == "A\u200b title"
    assert event.actors[0].name == "Russia"
    assert event.actors[0].aliases == ["Rossiya", "RF"]
    assert event.external_ids[0].id == "2025/09:1"
    assert event.sources[0].url == "https://example.org/1"
    assert event.summary == " as it is\n"


def test_values_come_back_in_one_spelling() -> None:
    event = parsed(
        "sanction_move",
        ("/started_at", "2025-09-07T03:00:00.5+03:00"),
        ("/relations/0/event_id", "0197F2A0-0000-7000-8000-00000000000F"),
        ("/locations/0/lat", 50.123456789),
        ("/locations/0/lon", -0.0),
        ("/detail/measures/1/amount", 47.605),
        ("/tags", ["b", "a", "b"]),
    )
    form = event.model_dump(mode="json")

    assert form["started_at"] == "2025-09-07T00:00:00.500000Z"
    assert form["relations"][0]["event_id"] == "0197f2a0-0000-7000-8000-00000000000f"
    assert str(form["locations"][0]["lat"]) == "50.1234568"
    assert str(form["locations"][0]["lon"]) == "0.0"
    assert str(form["detail"]["measures"][1]["amount"]) in {"47.6", "47.61"}
    assert form["detail"]["measures"][0]["targets"][0]["imo"] == "9308065"
    assert form["tags"] == ["b", "a"]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (5, {"low": 5, "best": 5, "high": 5, "qualifier": "exact"}),
        ({"best": 5}, {"low": None, "best": 5, "high": None, "qualifier": "unknown"}),
        ({"low": 5, "best": 5, "high": 5}, {"low": 5, "best": 5, "high": 5, "qualifier": "exact"}),
        ({"low": 5, "best": 5, "high": 6}, {"low": 5, "best": 5, "high": 6, "qualifier": "unknown"}),
        ({"low": 5, "qualifier": "at_least"}, {"low": 5, "best": None, "high": None, "qualifier": "at_least"}),
        ({}, {"low": None, "best": None, "high": None, "qualifier": "unknown"}),
        (0, {"low": 0, "best": 0, "high": 0, "qualifier": "exact"}),
    ],
)
def test_an_estimate_is_always_spelled_out(sent: object, kept: dict[str, object]) -> None:
    event = parsed("attack", ("/casualties/0/count", sent))

    assert event.casualties[0].count.model_dump() == kept
