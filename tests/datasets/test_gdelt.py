"""GDELT: what is read of its rows, which verbs are events, and that one event sent again stays one."""

import csv
import io
from typing import Any

import pytest
from drafts import Read, layout_of, read

from app.datasets import datasets, detect
from app.datasets.codes import cameo, fips
from app.kinds.codes import countries, subdivisions

V1, V2 = "1.0", "2.0"
BLANK: dict[str, Any] = dict.fromkeys(layout_of(datasets()["gdelt"], V2).columns)
ROW = BLANK | {
    "GLOBALEVENTID": "900000001",
    "SQLDATE": "20250907",
    "MonthYear": "202509",
    "Year": "2025",
    "FractionDate": "2025.6767",
    "Actor1Code": "RUSMIL",
    "Actor1Name": "RUSSIAN ARMY",
    "Actor1CountryCode": "RUS",
    "Actor1Type1Code": "MIL",
    "Actor2Code": "UKR",
    "Actor2Name": "UKRAINE",
    "Actor2CountryCode": "UKR",
    "IsRootEvent": "1",
    "EventCode": "195",
    "EventBaseCode": "195",
    "EventRootCode": "19",
    "QuadClass": "4",
    "GoldsteinScale": "-10.0",
    "NumMentions": "6",
    "NumSources": "2",
    "NumArticles": "6",
    "AvgTone": "-5.5",
    "ActionGeo_Type": "4",
    "ActionGeo_FullName": "Kiev, Kyyiv, Misto, Ukraine",
    "ActionGeo_CountryCode": "UP",
    "ActionGeo_ADM1Code": "UP12",
    "ActionGeo_Lat": "50.4333",
    "ActionGeo_Long": "30.5167",
    "ActionGeo_FeatureID": "-1044367",
    "DATEADDED": "20250907101500",
    "SOURCEURL": "https://www.example.org/raid",
}


def gdelt(*rows: dict[str, Any]) -> Read:
    """The rows, each with an id of its own unless it has one."""
    numbered = [{"GLOBALEVENTID": str(900000001 + n)} | row for n, row in enumerate(rows)]
    return read("gdelt", V2, [ROW | row for row in numbered])


def test_a_row_has_a_home_for_each_of_its_columns() -> None:
    found = gdelt({"Actor1EthnicCode": "rus", "Actor1Geo_FullName": "Moscow, Moskva, Russia", "EventCode": "1952"})
    event = found.events["900000001"]
    assert event["kind"] == "attack"
    assert event["status"] == "reported"
    assert (
        event["title"]
        == "Employ remotely piloted aerial munitions: RUSSIAN ARMY against UKRAINE (Kiev, Kyyiv, Misto, Ukraine)"
    )
    assert (event["started_at"], event["time_precision"]) == ("2025-09-07T00:00:00Z", "day")
    assert [(a["name"], a["role"], a["type"], a["country"]) for a in event["actors"]] == [
        ("RUSSIAN ARMY", "initiator", "state_forces", "RU"),
        ("UKRAINE", "target", "other", "UA"),
    ]
    [place] = event["locations"]
    assert (place["country"], place["admin1"], place["precision"], place["role"]) == ("UA", "UA-30", "exact", "impact")
    assert (place["lat"], place["lon"]) == (50.4333, 30.5167)
    assert [(s["publisher"], s["url"]) for s in event["sources"]] == [
        ("example.org", "https://www.example.org/raid"),
        ("The GDELT Project", "https://www.gdeltproject.org"),
    ]
    detail = event["detail"]
    assert (detail["state"], detail["sub_event_type"]) == ("carried_out", "Air/drone strike")
    extra = event["extra"]
    assert (extra["NumMentions"], extra["GoldsteinScale"], extra["AvgTone"]) == (6, -10, -5.5)
    assert (extra["EventCode"], extra["Actor1Code"], extra["Actor1EthnicCode"]) == ("1952", "RUSMIL", "rus")
    assert extra["Actor1Geo_FullName"] == "Moscow, Moskva, Russia"
    assert not {"MonthYear", "SOURCEURL", "Actor1Name", "ActionGeo_Lat", "repeats"} & extra.keys()


@pytest.mark.parametrize(
    ("code", "root", "kind", "expected"),
    [
        ("36", "3", "negotiation_round", {"state": "proposed"}),
        ("045", "04", "negotiation_round", {"state": "held", "format": "mediated"}),
        ("46", "4", "negotiation_round", {"state": "held"}),
        ("57", "5", "negotiation_round", {"state": "held", "outcome": "agreement"}),
        ("164", "16", "negotiation_round", {"state": "collapsed"}),
        ("138", "13", "attack", {"state": "threatened"}),
        ("1823.0", "18.0", "attack", {"state": "carried_out", "event_type": None}),
        ("202", "20", "attack", {"event_type": "Violence against civilians"}),
        ("163", "16", "sanction_move", {"stage": "adopted", "direction": "impose"}),
        ("85", "8", "sanction_move", {"stage": "lifted", "direction": "ease"}),
        ("354", "3", "sanction_move", {"stage": "announced", "direction": "ease"}),
        ("1312", "13", "sanction_move", {"stage": "threatened", "ultimate_target": "UA"}),
        ("1622", "16", "sanction_move", {"stage": "adopted"}),
    ],
)
def test_a_verb_settles_kind_and_detail_also_without_its_zero(
    code: str, root: str, kind: str, expected: dict[str, Any]
) -> None:
    [event] = gdelt({"EventCode": code, "EventRootCode": root}).events.values()
    assert event["kind"] == kind
    assert {name: event["detail"][name] for name in expected} == expected
    if kind == "sanction_move":
        assert event["detail"]["authority"] == {"name": "RUSSIAN ARMY", "type": "state", "country": "RU"}
        [measure] = event["detail"]["measures"]
        assert [(t["name"], t["schema"], t["country"]) for t in measure["targets"]] == [("UKRAINE", "Country", "UA")]
    if code == "045":
        assert [actor["role"] for actor in event["actors"]] == ["mediator", "participant"]


def test_what_has_no_kind_is_skipped_by_class_and_what_is_no_code_refused() -> None:
    found = gdelt(
        {"EventCode": "61", "EventRootCode": "6"},
        {"EventCode": "10", "EventRootCode": "1"},
        {"EventCode": "81", "EventRootCode": "8"},
        {"EventCode": "163", "EventRootCode": "16", "Actor1Type1Code": "BUS", "Actor1Code": "RUSBUS"},
        {"EventCode": "195", "EventRootCode": "04"},
        {"EventCode": "NULL"},
        {"ActionGeo_Lat": "50#4"},
        {"GLOBALEVENTID": None},
        {"SQLDATE": "20251399"},
    )
    assert not found.events
    assert sorted(found.skipped) == [
        (2, "no kind for CAMEO 06 (engage in material cooperation)"),
        (3, "no kind for CAMEO 01 (make public statement)"),
        (4, "no kind for CAMEO 08 (yield)"),
        (5, "sanctions by no state or organisation of states (CAMEO 163)"),
    ]
    assert sorted((row.line, row.code, row.column) for row in found.refused) == [
        (6, "code", "EventCode"),
        (7, "missing", "EventCode"),
        (8, "number", "ActionGeo_Lat"),
        (9, "missing", "GLOBALEVENTID"),
        (10, "date", "SQLDATE"),
    ]
    assert all(row.remedy for row in found.refused)


def test_the_same_event_again_within_three_hours_is_one_with_two_sources() -> None:
    again = {"SOURCEURL": "http://other.example/2", "NumMentions": "1"}
    rows = [
        {"DATEADDED": "20250907131500", "SOURCEURL": "http://third.example/3"},  # 3 h after the first
        {},
        again | {"DATEADDED": "20250907120000"},
        again | {"DATEADDED": "20250907131501"},  # a second too late
        again | {"Actor2Name": "UKRAINIAN"},
        again | {"EventCode": "194"},
        again | {"SQLDATE": "20250906"},
        again | {"ActionGeo_FeatureID": "-1"},
    ]
    found = gdelt(*rows)
    first = found.events["900000002"]
    assert [source["publisher"] for source in first["sources"]] == [
        "example.org",
        "other.example",
        "third.example",
        "The GDELT Project",
    ]
    assert [row["GLOBALEVENTID"] for row in first["extra"]["repeats"]] == ["900000003", "900000001"]
    assert first["extra"]["NumMentions"] == 6
    assert len(found.events) == 6
    assert found.skipped == [(4, "the same event again"), (2, "the same event again")]
    numbered = [{"GLOBALEVENTID": str(900000001 + n)} | row for n, row in enumerate(rows)]
    backwards = gdelt(*reversed(numbered))
    assert backwards.events == found.events


def test_a_day_is_all_that_1_0_tells_of_when_a_row_was_added() -> None:
    rows = [
        {name: value for name, value in row.items() if not name.endswith("ADM2Code")}
        for row in (
            ROW | {"DATEADDED": "20250907"},
            ROW | {"DATEADDED": "20250908", "GLOBALEVENTID": "900000002", "SOURCEURL": "BBC Monitoring"},
        )
    ]
    found = read("gdelt", V1, rows)
    [event] = found.events.values()
    assert [(source["publisher"], source["url"]) for source in event["sources"]] == [
        ("example.org", "https://www.example.org/raid"),
        ("BBC Monitoring", None),
        ("The GDELT Project", "https://www.gdeltproject.org"),
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            {
                "ActionGeo_Type": "1",
                "ActionGeo_FullName": "Russia",
                "ActionGeo_CountryCode": "RS",
                "ActionGeo_ADM1Code": "RS",
            },
            ("RU", None, "country"),
        ),
        (
            {"ActionGeo_Type": "5", "ActionGeo_ADM1Code": "RS38", "ActionGeo_CountryCode": "RS"},
            ("RU", "RU-KDA", "admin1"),
        ),
        (
            {"ActionGeo_Type": "2", "ActionGeo_ADM1Code": "USTX", "ActionGeo_CountryCode": "US"},
            ("US", "US-TX", "admin1"),
        ),
        (
            {
                "ActionGeo_FullName": "Munich, Bayern, Germany",
                "ActionGeo_ADM1Code": "GM02",
                "ActionGeo_CountryCode": "GM",
            },
            ("DE", "DE-BY", "exact"),
        ),
        (
            {"ActionGeo_FullName": "Red Sea, Oceans", "ActionGeo_ADM1Code": "OS00", "ActionGeo_CountryCode": "OS"},
            (None, None, "international"),
        ),
    ],
)
def test_fips_codes_are_not_iso_codes(row: dict[str, Any], expected: tuple[str | None, ...]) -> None:
    [event] = gdelt(row).events.values()
    [place] = event["locations"]
    assert (place["country"], place["admin1"], place["precision"]) == expected


def test_what_is_not_told_is_left_out() -> None:
    nothing = dict.fromkeys(("Actor2Code", "Actor2Name", "Actor2CountryCode", "SOURCEURL", "ActionGeo_CountryCode"))
    nothing |= {"ActionGeo_Type": "0", "ActionGeo_FullName": "NULL", "Actor1Name": None, "Actor1CountryCode": "EUR"}
    [event] = gdelt(nothing).events.values()
    assert event["locations"] == []
    assert event["title"] == "Employ aerial weapons: RUSMIL"
    hidden = dict.fromkeys(("Actor1Code", "Actor1Name", "Actor1CountryCode", "Actor1Type1Code"))
    assert gdelt(hidden).events["900000001"]["title"].startswith("Employ aerial weapons: against UKRAINE (Kiev")
    assert (
        gdelt(hidden | {"EventCode": "046", "EventRootCode": "04"})
        .events["900000001"]["title"]
        .startswith("Engage in negotiation: UKRAINE")
    )
    assert [(actor["name"], actor["country"]) for actor in event["actors"]] == [("RUSMIL", None)]
    assert [source["publisher"] for source in event["sources"]] == ["The GDELT Project"]
    [general] = gdelt({"ActionGeo_ADM1Code": "UP00", "ActionGeo_Type": "4"}).events.values()
    assert general["locations"][0]["precision"] == "country"


@pytest.mark.parametrize("delimiter", ["\t", ","])
def test_the_layout_is_told_by_the_first_rows(delimiter: str) -> None:
    known = [datasets()["gdelt"]]
    for version in (V1, V2):
        columns = layout_of(known[0], version).columns
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter).writerows([[ROW[name] or "NULL" for name in columns]] * 3)
        rows = list(csv.reader(io.StringIO(text.getvalue()), delimiter=delimiter))
        assert [fit.layout.version for fit in detect(known, rows)] == [version]
        assert [fit.layout.version for fit in detect(known, [*rows, rows[0][:9]])] == [version]
        older = [fit.layout.version for fit in detect(known, [row[:-1] for row in rows])]
        assert older == (["before 2013-04"] if version == V1 else [])
        assert detect(known, [["a"] * len(columns)]) == []
        [named] = detect(known, [list(columns), *rows])
        assert named.layout.version == "2.0 with header"
        assert len(named.missing) == (3 if version == V1 else 0)


def test_the_lists_of_codes_hold_codes_that_there_are() -> None:
    assert set(fips.country_codes().values()) <= countries()
    assert set(fips.division_codes().values()) <= subdivisions()
    assert {code[:2] for code in cameo.VERBS} <= cameo.ROOTS.keys()
    assert set(cameo.OWN_COUNTRIES.values()) <= countries()
    assert (fips.country_codes()["UP"], fips.country_codes()["RS"], fips.country_codes()["RI"]) == ("UA", "RU", "RS")
    assert (cameo.actor_country("ROM"), cameo.actor_country("EUR"), cameo.actor_country("UKR")) == ("RO", None, "UA")
