"""OpenSanctions: entities that are sanctioned, as a table, as FollowTheMoney entities, and as deltas."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from drafts import Read, layout_of, read

from app.datasets import datasets, detect
from app.datasets.codes.sanction_lists import is_sanctions_list, keeper

SIMPLE: dict[str, Any] = dict.fromkeys(layout_of(datasets()["opensanctions"], "simple").columns, "") | {
    "id": "NK-made-up",
    "schema": "Vessel",
    "name": "Sea Star",
    "aliases": 'Star of the Sea;"Star; Sea"',
    "countries": "na;pa",
    "identifiers": "IMO9074729;273000000",
    "sanctions": "EU 833/2014 - carries oil - 2025-02-25;Other - 2023-01-31 - 2029-01-31",
    "dataset": "EU Sanctions from the Official Journal;US OFAC Specially Designated Nationals (SDN) List;Ships",
    "first_seen": "2024-01-02T00:00:00",
    "last_seen": "2026-05-06T00:00:00",
}


def entity(schema: str = "Company", ident: str = "NK-1", **properties: Any) -> dict[str, Any]:
    """A sanctioned entity."""
    return {
        "id": ident,
        "caption": "Works One",
        "schema": schema,
        "properties": {"name": ["Works One", "Завод"], "topics": ["sanction"]} | properties,
        "referents": ["eu-fsf-1", "ofac-1"],
        "datasets": ["eu_fsf", "ext_companies"],
        "first_seen": "2023-04-20T18:00:25",
        "last_seen": "2026-05-06T00:00:00",
        "last_change": "2025-01-01T00:00:00",
        "target": True,
    }


def sanction(ident: str, target: str, **properties: Any) -> dict[str, Any]:
    """A sanction, which FollowTheMoney keeps apart from its entity."""
    return {"id": ident, "schema": "Sanction", "properties": {"entity": [target]} | properties}


def entities(*rows: dict[str, Any]) -> Read:
    """The entities of a snapshot."""
    return read("opensanctions", "entities", rows)


def deltas(*rows: tuple[str, dict[str, Any]]) -> Read:
    """The operations of a delta."""
    return read("opensanctions", "delta", [{"op": op, "entity": found} for op, found in rows])


def target_of(event: dict[str, Any]) -> dict[str, Any]:
    """The one target of a move."""
    [target] = [target for measure in event["detail"]["measures"] for target in measure["targets"]]
    return dict(target)


def test_an_entity_is_a_move_with_one_target() -> None:
    found = entities(
        entity(
            weakAlias=["W1"],
            jurisdiction=["ru"],
            country=["suhh", "ge-ab", "zz"],
            registrationNumber=["808000714", "A-2"],
            innCode=["7704730655"],
            swiftBic=["SABRRUMM"],
            wikidataId=["Q1"],
            createdAt=["2022-06-03", "2022-05"],
            sourceUrl=["https://www.lists.example/1", "ftp://no"],
            notes=["x" * 20_000, "kept"],
            position=["Maker"],
        )
    )
    [event] = found.events.values()
    assert (event["kind"], event["title"], event["status"]) == (
        "sanction_move",
        "Works One: sanctioned by European Union",
        "confirmed",
    )
    assert (event["started_at"], event["time_precision"]) == ("2022-05-01T00:00:00Z", "month")
    target = target_of(event)
    assert (target["name"], target["schema"], target["aliases"]) == ("Works One", "Company", ["Завод", "W1"])
    assert (target["country"], target["countries"]) == ("GE", ["GE", "SUHH", "RU"])
    assert (target["registration"], target["bic"], target["imo"]) == ("808000714", "SABRRUMM", None)
    assert target["ids"] == ["NK-1", "eu-fsf-1", "ofac-1", "A-2", "Q1", "7704730655"]
    assert [(a["name"], a["role"], a["type"], a["ref"]) for a in event["actors"]] == [
        ("European Union", "initiator", "igo", None),
        ("Works One", "target", "company", "NK-1"),
    ]
    assert [source["url"] for source in event["sources"]] == [
        "https://www.opensanctions.org/entities/NK-1/",
        "https://www.lists.example/1",
    ]
    assert "CC BY-NC" in event["sources"][0]["title"]
    assert event["extra"]["left_out"] == ["notes"]
    assert event["extra"]["position"] == ["Maker"]
    assert "last_seen" not in event["extra"]
    shuffled = entity(**{**found.drafts[0].rows[0].values["properties"], "country": ["ge-ab", "zz", "suhh"]})
    assert entities(shuffled | {"referents": ["ofac-1", "eu-fsf-1"]}).events == found.events


def test_sanctions_tell_who_since_when_and_what() -> None:
    day = (datetime.now(UTC).date() + timedelta(days=30)).isoformat()
    parts: dict[str, Any] = {
        "authority": ["Office of Foreign Assets Control"],
        "country": ["us"],
        "program": ["RUSSIA-EO14024"],
        "startDate": ["2023-02-24"],
        "provisions": ["Asset freeze", "Travel ban", "By hand"],
        "reason": ["Builds\nthings"],
    }
    found = entities(
        sanction("s-1", "NK-1", **parts),
        entity(programId=["US-RUSHAR"]),
        sanction("s-2", "NK-1", country=["eu"], listingDate=["2024-05"]),
        sanction("s-3", "NK-9", country=["eu"]),
        entity("Person", "NK-2", sanctions=[sanction("s-4", "NK-2", endDate=["2020-01-01"], startDate=["2015"])]),
        entity("Vessel", "NK-3", imoNumber=["9074720", "IMO9074729"], createdAt=[day]),
        entity("LegalEntity", "NK-4", topics=["debarment", "sanction.counter"]) | {"datasets": ["made_up_list"]},
    )
    first, second, third, fourth = (found.events[f"NK-{n}"] for n in range(1, 5))
    detail = first["detail"]
    assert detail["authority"] == {
        "name": "Office of Foreign Assets Control, European Union",
        "type": "coalition",
        "country": None,
    }
    assert [(a["name"], a["country"]) for a in first["actors"] if a["role"] == "initiator"] == [
        ("Office of Foreign Assets Control", "US"),
        ("European Union", "EU"),
    ]
    many = entities(entity() | {"datasets": ["eu_fsf", "us_ofac_sdn", "gb_fcdo_sanctions", "un_sc_sanctions"]})
    [listed] = many.events.values()
    assert (listed["title"], listed["detail"]["authority"]["name"]) == (
        "Works One: sanctioned by 4 authorities",
        "4 authorities",
    )
    assert [a["country"] for a in listed["actors"] if a["role"] == "initiator"] == ["EU", "GB", None, "US"]
    assert (detail["programme"]["name"], detail["programme"]["id"]) == ("RUSSIA-EO14024", "US-RUSHAR")
    assert [measure["type"] for measure in detail["measures"]] == ["asset_freeze", "travel_ban"]
    assert (detail["effective_on"], detail["stage"], detail["reason"]) == ("2023-02-24", "in_force", "Builds things")
    assert [row.line for row in found.drafts[0].rows] == [3, 2, 4]
    assert (second["detail"]["stage"], second["detail"]["expires_on"]) == ("expired", "2020-01-01")
    assert (second["started_at"], second["time_precision"]) == ("2015-01-01T00:00:00Z", "year")
    assert third["detail"]["stage"] == "adopted"
    assert (target_of(third)["imo"], "9074720" in target_of(third)["ids"]) == ("9074729", True)
    assert fourth["detail"]["authority"]["name"] == "made_up_list"
    assert [measure["type"] for measure in fourth["detail"]["measures"]] == ["debarment", "unspecified"]
    assert fourth["detail"]["direction"] == "countermeasure"
    assert found.skipped == [(5, "a sanction of no entity in the file that has the topic")]
    assert not found.flags


def test_what_is_not_sanctioned_is_skipped_and_what_is_no_entity_refused() -> None:
    found = entities(
        entity("Address"),
        entity("Ownership"),
        entity(topics=["role.pep"]),
        entity(topics=["sanction.linked"]),
        {"id": 5, "schema": "Person", "properties": {}},
        {"id": "x", "schema": "Person", "properties": []},
        entity() | {"first_seen": None},
    )
    assert not found.events
    assert found.skipped == [
        (2, "no target of sanctions: Address"),
        (3, "no target of sanctions: Ownership"),
        (4, "not sanctioned"),
        (5, "linked to sanctions, not sanctioned"),
    ]
    assert [(row.line, row.code) for row in found.refused] == [(6, "entity"), (7, "entity"), (8, "missing")]


def test_a_delta_adds_changes_and_removes() -> None:
    found = deltas(
        ("ADD", entity(ident="NK-1")),
        ("MOD", entity(ident="NK-2", alias=["New name"])),
        ("DEL", {"id": "NK-3"}),
        ("MOD", entity(ident="NK-4", topics=["corp.public"])),
        ("MOD", entity("Address", "addr-1")),
        ("ADD", entity(ident="NK-5")),
        ("DEL", {"id": "NK-5"}),
        ("DEL", {"id": "NK-6"}),
        ("ADD", entity(ident="NK-6")),
        ("PUT", entity(ident="NK-7")),
        ("ADD", {"caption": "nobody"}),
    )
    assert list(found.events) == ["NK-1", "NK-2", "NK-6"]
    assert found.removed == ["NK-3", "NK-4", "NK-5"]
    assert [(row.line, row.code) for row in found.refused] == [(11, "op"), (12, "entity")]
    assert found.skipped == [
        (6, "no target of sanctions: Address"),
        (7, "changed again in the same file"),
        (9, "changed again in the same file"),
    ]


def test_an_entity_that_is_not_merged_yet_is_another_event_until_a_snapshot_lacks_it() -> None:
    """Both are found by the id of the part, which the merged entity has among its target's ids."""
    found = deltas(("ADD", entity(ident="eu-fsf-1") | {"referents": []}), ("MOD", entity(ident="NK-1")))
    assert list(found.events) == ["eu-fsf-1", "NK-1"]
    assert all("eu-fsf-1" in target_of(event)["ids"] for event in found.events.values())
    dataset = datasets()["opensanctions"]
    assert dataset.layouts[2].snapshot is False
    numbered = entities(
        entity(ident="NK-2", registrationNumber=["77"]), entity(ident="NK-3", registrationNumber=["77"])
    )
    one, other = map(dataset.match_key, numbered.events.values())
    assert one == other is not None
    assert dataset.match_key(found.events["NK-1"]) is None


def test_the_table_has_lists_in_its_cells() -> None:
    found = read(
        "opensanctions",
        "simple",
        [
            SIMPLE,
            SIMPLE | {"id": "Q2", "schema": "Person", "sanctions": "", "dataset": "Wikidata PEPs"},
            SIMPLE | {"id": "Q3", "schema": "Address"},
            SIMPLE | {"id": "Q4", "schema": "Person", "sanctions": "", "program_ids": "EU-RUS;US-RUSHAR"},
            SIMPLE | {"id": "Q5", "name": ""},
        ],
    )
    event = found.events["NK-made-up"]
    target = target_of(event)
    assert (target["aliases"], target["imo"]) == (["Star of the Sea", "Star; Sea"], "9074729")
    assert (target["countries"], target["ids"]) == (["NA", "PA"], ["NK-made-up", "273000000"])
    detail = event["detail"]
    assert detail["authority"]["name"] == "European Union, United States"
    assert (detail["programme"]["name"], event["started_at"]) == ("EU 833/2014", "2023-01-31T00:00:00Z")
    assert event["extra"]["sanctions"] == SIMPLE["sanctions"]
    assert not {"last_seen", "aliases"} & event["extra"].keys()
    assert found.events["Q4"]["detail"]["programme"]["id"] == "EU-RUS"
    assert (found.events["Q4"]["started_at"], found.events["Q4"]["detail"]["effective_on"]) == (
        "2024-01-02T00:00:00Z",
        None,
    )
    assert found.skipped == [(3, "not sanctioned"), (4, "no target of sanctions: Address")]
    assert [(row.line, row.column) for row in found.refused] == [(6, "name")]


@pytest.mark.parametrize(
    ("name", "country"),
    [
        ("us_ofac_sdn", "US"),
        ("gb_hmt_sanctions", "GB"),
        ("eu_fsf", "EU"),
        ("UK FCDO Sanctions List", "GB"),
        ("Swiss SECO Sanctions/Embargoes", "CH"),
        ("New Zealand Russia Sanctions", "NZ"),
        ("EU-RUS", "EU"),
    ],
)
def test_a_list_or_programme_tells_who_keeps_it(name: str, country: str) -> None:
    found = keeper(name)
    assert found is not None
    assert found["country"] == country
    assert is_sanctions_list(name) or "-" in name
    assert keeper("un_sc_sanctions") == keeper("UN Security Council Consolidated Sanctions")
    assert keeper("ext_gleif") is keeper("Ships") is None


@pytest.mark.parametrize(
    ("keys", "version"), [([*SIMPLE], "simple"), ([*entity()], "entities"), (["op", "entity"], "delta")]
)
def test_the_layout_is_told_by_columns_or_members(keys: list[str], version: str) -> None:
    found = [fit for fit in detect(datasets().values(), [keys]) if fit.dataset.name == "opensanctions"]
    assert [fit.layout.version for fit in found] == [version]
