"""EU sanctions: one move for each legal act, annex and day, with all its targets."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from drafts import Read, layout_of, read

from app.datasets import datasets, detect
from app.datasets.codes.eu_measures import cite, ultimate_target

COLUMNS = layout_of(datasets()["eu_sanctions"], "journal").columns
ROW: dict[str, Any] = dict.fromkeys(COLUMNS) | {
    "celex": "32014R0833",
    "recordId": "1",
    "programKey": "EU-RUS",
    "annex": "IV",
    "measure": "Export control",
    "startDate": "3.6.2022",
    "schema": "LegalEntity",
    "name": "Works One",
}
SHIP = {
    "annex": "XLII",
    "measure": "Transportation restrictions",
    "schema": "Vessel",
    "startDate": "25 February 2025",
    "reason": "Article 3s(2), point (b): transports oil",
}


def eu(*rows: dict[str, Any]) -> Read:
    """The rows."""
    return read("eu_sanctions", "journal", [ROW | row for row in rows])


def targets(event: dict[str, Any]) -> list[dict[str, Any]]:
    """All targets of a move."""
    return [target for measure in event["detail"]["measures"] for target in measure["targets"]]


def test_rows_of_one_act_annex_and_day_are_one_move_wherever_they_are() -> None:
    found = eu(
        {"alias": "First; Other Works; First", "registrationNumber": "7704730655 (Tax ID/INN); 12 (CR No.)"},
        SHIP | {"name": "Sea Star", "imoNumber": "9074729", "previousName": "Old Star", "flag": "Panama"},
        {"name": "Works Two", "country": "Russia; Nowhere", "swiftBic": "SABRRUMM", "address": "1 Street"},
        SHIP | {"name": "Sea Moon", "imoNumber": "9074720", "mmsi": "273000000"},
        {"name": "Works Three", "startDate": "12.11.2025"},
    )
    assert list(found.events) == [
        "32014R0833/EU-RUS/IV/2022-06-03",
        "32014R0833/EU-RUS/XLII/2025-02-25",
        "32014R0833/EU-RUS/IV/2025-11-12",
    ]
    works, ships, _ = found.events.values()
    assert (works["started_at"], works["time_precision"]) == ("2022-06-03T00:00:00Z", "day")
    assert works["title"] == "EU sanctions: 2 targets in Annex IV of Regulation 833/2014 (Russia)"
    detail = works["detail"]
    assert detail["authority"] == {"name": "European Union", "type": "igo", "country": "EU"}
    assert (detail["programme"]["id"], detail["programme"]["legal_act"]) == ("EU-RUS", "32014R0833")
    assert (detail["stage"], detail["effective_on"], detail["ultimate_target"]) == ("in_force", "2022-06-03", "RU")
    assert [(m["type"], m["subtype"]) for m in detail["measures"]] == [("export_control", "military_end_user")]
    one, two = targets(works)
    assert (one["aliases"], one["registration"], one["ids"]) == (["First", "Other Works"], "7704730655", ["12"])
    assert (two["country"], two["bic"], two["status"]) == ("RU", "SABRRUMM", "listed")
    assert works["extra"]["records"] == {"1 Works Two": {"country": "Russia; Nowhere", "address": "1 Street"}}
    assert [(m["type"], m["subtype"]) for m in ships["detail"]["measures"]] == [
        ("transportation_restrictions", "vessel_listing")
    ]
    assert ships["detail"]["reason"] == SHIP["reason"]
    star, moon = targets(ships)
    assert (star["imo"], star["country"], star["aliases"]) == ("9074729", "PA", ["Old Star"])
    assert (moon["imo"], moon["ids"]) == (None, ["273000000", "9074720"])
    assert [source["publisher"] for source in works["sources"]] == [
        "Official Journal of the European Union",
        "OpenSanctions",
    ]


def test_the_hazards_of_a_row() -> None:
    soon = datetime.now(UTC).date() + timedelta(days=40)
    found = eu(
        {"startDate": None, "annex": "XV", "measure": "Services ban"},
        {
            "startDate": f"{soon.day}.{soon.month}.{soon.year}",
            "schema": "Asset",
            "measure": "Asset freeze and travel ban",
        },
        {"annex": None, "celex": "Decision 1", "measure": "Ban on yachts", "programKey": None},
        {"celex": "Decision 1", "startDate": None},
        {"startDate": "31.2.2022"},
        {"name": None},
        {"celex": None},
        {"annex": "I", "name": None},
    )
    undated, later, other = found.events.values()
    assert (undated["started_at"], undated["time_precision"]) == ("2014-01-01T00:00:00Z", "year")
    assert undated["detail"]["effective_on"] is None
    assert "year" in undated["extra"]["started_at"]
    assert later["detail"]["stage"] == "adopted"
    assert [(m["type"], len(m["targets"])) for m in later["detail"]["measures"]] == [
        ("asset_freeze", 1),
        ("travel_ban", 0),
    ]
    assert (targets(later)[0]["schema"], later["extra"]["records"]) == (
        "LegalEntity",
        {"1 Works One": {"schema": "Asset"}},
    )
    assert other["detail"]["measures"][0]["type"] == "other"
    assert other["detail"]["measures"][0]["subtype"] == "Ban on yachts"
    assert list(found.events)[2] == "Decision 1/-/-/2022-06-03"
    assert sorted((row.line, row.code, row.column) for row in found.refused) == [
        (5, "missing", "startDate"),
        (6, "date", "startDate"),
        (7, "missing", "name"),
        (8, "missing", "celex"),
        (9, "missing", "name"),
    ]
    assert not found.flags


def test_a_move_of_too_many_targets_is_told_in_parts_that_keep_their_keys() -> None:
    rows = [{"recordId": str(n), "name": f"Works {n}", "address": "1 Long Street " * 3} for n in range(1_100)]
    rows += [
        {"annex": "V", "name": f"{n} " + "Ж" * 200, "alias": "; ".join(f"{a}" + "Ж" * 250 for a in range(9))}
        for n in range(50)
    ]
    found = eu(*rows)
    assert [len(targets(event)) for event in found.events.values()][-1] < 50
    assert sum(len(targets(event)) for event in found.events.values()) == 1_150
    assert sum(len(draft.rows) for draft in found.drafts) == 1_150
    assert max(len(orjson.dumps(event)) for event in found.events.values()) < 256 * 1024
    parts = [key for key in found.events if "/IV/" in key]
    assert parts[:2] == ["32014R0833/EU-RUS/IV/2022-06-03", "32014R0833/EU-RUS/IV/2022-06-03/2"]
    first = found.events[parts[0]]
    assert len(first["extra"]["records"]) + first["extra"]["records_left_out"] == len(targets(first))
    more = eu(*rows[:1_100], {"recordId": "1100", "name": "Works 1100"})
    assert more.events[parts[0]] == first
    assert set(parts) <= more.events.keys()


def test_the_layout_is_told_by_the_header() -> None:
    [fit] = [fit for fit in detect(datasets().values(), [list(COLUMNS)]) if not fit.missing]
    assert (fit.dataset.name, fit.unknown) == ("eu_sanctions", ())


def test_an_act_is_cited_in_words_where_it_is_known() -> None:
    told = [
        cite(*act) for act in (("32024R1485", None), ("32014D0512", "EU-RUS"), ("32098R0007", None), ("C/1", "EU-RUS"))
    ]
    assert told == [
        "Regulation 2024/1485 (Russia, repression)",
        "Decision 2014/512 (Russia)",
        "Regulation 2098/7",
        "C/1",
    ]
    acts = (("32014R0269", "EU-UKR"), ("32012R0267", None), ("32019R0796", None), ("32014R0833", "EU-XYZ"))
    assert [ultimate_target(*act) for act in acts] == ["RU", "IR", None, None]
