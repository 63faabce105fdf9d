"""PA-X: agreements as rounds of negotiation, with what they provide for, who signed, and where."""

from typing import Any

import pytest
from drafts import Read, read

from app.datasets import datasets, detect
from app.datasets.codes.pa_x import ISSUES, country_of_party, parties, third_parties

ROW: dict[str, Any] = {
    "Con": "Ruritania/Strelsau",
    "Contp": "Government",
    "PP": "77",
    "PPName": "Ruritania peace process",
    "Reg": "Europe and Eurasia",
    "AgtId": "9001",
    "Ver": "1",
    "Agt": "Strelsau Accord on a Ceasefire",
    "Dat": "1995-03-04",
    "Status": "Multiparty signed/agreed",
    "Lgt": "2",
    "N_characters": "5120",
    "Agtp": "Intra",
    "Stage": "Cea",
    "StageSub": "Ceas",
    "Part": "Government of Georgia;\nElphberg Front",
    "ThrdPart": "Mediator: Norway\nWitnessed by:\nUnited Nations",
    "OthAgr": "NA",
    "Loc1ISO": "GEO",
    "Loc2ISO": None,
    "Loc1GWNO": "372",
    "GCh": "0",
    "GeWom": "2",
    **{column: "0" for columns in ISSUES.values() for column in columns},
    "TjPrire": "1",
}


def pa_x(*rows: dict[str, Any]) -> Read:
    """The rows, each with an id of its own."""
    return read("pa_x", "3", [ROW | {"AgtId": str(9001 + n)} | row for n, row in enumerate(rows)])


def test_an_agreement_is_a_round_that_was_held() -> None:
    [event] = pa_x({}).events.values()
    assert (event["kind"], event["title"], event["status"]) == ("negotiation_round", ROW["Agt"], "confirmed")
    assert (event["started_at"], event["time_precision"]) == ("1995-03-04T00:00:00Z", "day")
    detail = event["detail"]
    assert detail["process"] == {"key": "pa-x-77", "name": "Ruritania peace process"}
    assert (detail["state"], detail["format"], detail["outcome"]) == ("held", "mediated", "agreement")
    assert detail["issues"] == ["ceasefire", "prisoner_exchange"]
    [agreement] = detail["agreements"]
    assert (agreement["stage"], agreement["issue"], agreement["text_status"]) == ("Cea", "ceasefire", ROW["Status"])
    assert agreement["signatories"] == ["Government of Georgia", "Elphberg Front"]
    assert agreement["url"].endswith("/9001")
    assert [(a["name"], a["role"], a["type"], a["country"]) for a in event["actors"]] == [
        ("Government of Georgia", "participant", "government", "GE"),
        ("Elphberg Front", "participant", "other", None),
        ("Mediator: Norway", "mediator", "other", None),
        ("United Nations", "observer", "igo", None),
    ]
    [place] = event["locations"]
    assert (place["name"], place["country"], place["precision"]) == ("Ruritania/Strelsau", "GE", "country")
    extra = event["extra"]
    assert (extra["GeWom"], extra["TjPrire"], extra["StageSub"], extra["N_characters"]) == (2, 1, "Ceas", "5120")
    assert not {"GCh", "Ce", "OthAgr", "PPName", "Dat"} & extra.keys()
    assert (extra["Part"], extra["Ver"]) == (ROW["Part"], "1")


def test_the_hazards_of_a_row() -> None:
    found = pa_x(
        {"Stage": "Pre", "Status": "Unilateral document", "Part": "", "ThrdPart": "/", "TjPrire": None},
        {"Dat": "4/3/1995"},
        {"Dat": None},
        {"Stage": "Late"},
        {"Loc1ISO": "XQZ"},
        {"Con": "Kosovo/Serbia/Yugoslavia (former)", "Loc1ISO": None, "Loc1GWNO": "347", "Loc2ISO": "SRB"},
        {"Con": "China/Mongolia/Russia", "Loc1ISO": None, "Loc1GWNO": None},
        {"PP": "78.0", "AgtId": "9100.0", "Part": "x\x01y, " * 4000, "Note": "added later", "Ce": 3.0},
    )
    first, kosovo, many, typed = found.events.values()
    assert (first["detail"]["issues"], first["detail"]["outcome"], first["actors"]) == (["process"], "unknown", [])
    assert [place["country"] for place in kosovo["locations"]] == ["XK", "RS"]
    assert [(place["country"], place["precision"]) for place in many["locations"]] == [(None, "international")]
    assert typed["detail"]["process"]["key"] == "pa-x-78"
    assert "9100" in found.events
    assert typed["extra"]["left_out"] == ["Part"]
    assert (typed["extra"]["Note"], typed["extra"]["Ce"]) == ("added later", 3)
    assert [(row.line, row.code, row.column) for row in found.refused] == [
        (3, "date", "Dat"),
        (4, "missing", "Dat"),
        (5, "code", "Stage"),
        (6, "code", "Loc1ISO"),
    ]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("1. First Front\n2. Second Front\n\n- Third", ["First Front", "Second Front", "Third"]),
        ("On behalf of the Front: A. Aye\nFor FARC: B. Bee; C. Cee", ["Front", "A. Aye", "FARC", "B. Bee", "C. Cee"]),
        ("Aye, Bee, Cee, Dee, Eff", ["Aye", "Bee", "Cee", "Dee", "Eff"]),
        ("Aye, commander of the Front", ["Aye, commander of the Front"]),
        ("Georgia, signed\nPage 3, Article 1\nnobody", ["Georgia, signed"]),
        ("long words " * 30, []),
    ],
)
def test_parties_are_told_apart_as_far_as_the_text_does(text: str, names: list[str]) -> None:
    assert [actor["name"] for actor in parties(text)] == names


def test_a_third_party_has_the_role_that_the_text_tells() -> None:
    text = "Guarantors:\nFrance\nGermany\nWitnessed by:\nEgypt\nthe European Union, facilitator\nEuropean Union"
    assert [(actor["name"], actor["role"], actor["country"]) for actor in third_parties(text)] == [
        ("France", "guarantor", "FR"),
        ("Germany", "guarantor", "DE"),
        ("Egypt", "observer", "EG"),
        ("the European Union, facilitator", "mediator", None),
        ("European Union", "observer", "EU"),
    ]


def test_the_layout_is_told_by_the_header() -> None:
    header = [*ROW, "Note", "None", "None"]
    [fit] = [fit for fit in detect(datasets().values(), [header]) if fit.dataset.name == "pa_x"]
    assert (fit.layout.version, set(fit.unknown)) == ("3", {"Note", "None"})


def test_a_state_is_known_by_any_form_of_its_name() -> None:
    told = {
        "Government of Sudan (GoS)": "SD",
        "The Republic of South Sudan (RSS)": "SS",
        "State of Eritrea, President A. Aye": "ER",
        "REPUBLIC OF EGYPT": "EG",
        "Royal Government of Norway": "NO",
        "Transitional Federal Government of the Republic of Somalia": "SO",
        "Gouvernement de la R\u00e9publique du Mali": "ML",
        "Government of the People's Republic of China": "CN",
        "Republic of China": None,
        "Government of Angola, Elphberg Front": None,
        "Islamic State of Iraq": None,
        "Republic of Ruritania": None,
        "NLD": None,
        "EU": "EU",
    }
    assert {name: country_of_party(name) for name in told} == told
