"""Codes in filters: whatever a country is called, `exclude`, `missing` and what they refuse, by every way in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from calls import faults, good, written

from app.kinds.countries import read_country

if TYPE_CHECKING:
    from conftest import MakeEvent
    from httpx import AsyncClient

SPOKEN = [
    ("UA", "UA"),
    ("ua", "UA"),
    ("UKR", "UA"),
    ("Ukraine", "UA"),
    ("UK", "GB"),
    ("United Kingdom of Great Britain and Northern Ireland", "GB"),
    ("great britain", "GB"),
    ("usa", "US"),
    ("Russia", "RU"),
    ("Russian Federation", "RU"),
    ("Türkiye", "TR"),
    ("Turkiye", "TR"),
    ("Turkey", "TR"),
    ("Iran", "IR"),
    ("Islamic Republic of Iran", "IR"),
    ("North Korea", "KP"),
    ("Republic of Korea", "KR"),
    ("Côte d\u2019Ivoire", "CI"),
    ("Ivory Coast", "CI"),
    ("Czech Republic", "CZ"),
    ("Burma", "MM"),
    ("Swaziland", "SZ"),
    ("Macedonia", "MK"),
    ("Upper Volta", "BF"),
    ("The Gambia", "GM"),
    ("St. Lucia", "LC"),
    ("Antigua & Barbuda", "AG"),
    ("Kosovo", "XK"),
    ("XK", "XK"),
    ("EU", "EU"),
    ("European Union", "EU"),
    ("SU", "SU"),
    ("SUHH", "SUHH"),
    ("SUN", "SU"),
    ("Soviet Union", "SU"),
    ("Yugoslavia", "YU"),
    ("Czechoslovakia", "CSHH"),
    ("Serbia and Montenegro", "CSXX"),
    ("CS", "CS"),
    ("Zaire", "CD"),
    ("ZR", "ZR"),
]
COUNTRY_FACETS = ["country", "actor_country", "target_country", "ultimate_target", "sanctioned_country"]


@pytest.mark.parametrize(("name", "code"), SPOKEN)
def test_a_country_has_many_names(name: str, code: str) -> None:
    assert read_country(name) == code


async def refusal(api: AsyncClient, query: list[tuple[str, str]], path: str = "/v1/events") -> Any:
    answer = await api.get(f"{path}?{urlencode(query)}")
    assert answer.status_code == 422, answer.text
    return answer.json()["errors"]


@pytest.mark.parametrize("facet", COUNTRY_FACETS)
async def test_an_unknown_country_is_refused_with_the_nearest(api: AsyncClient, facet: str) -> None:
    for query, parameter in (([(facet, "Ukrania")], facet), ([("exclude", f"{facet}:Ukrania")], "exclude")):
        [fault] = await refusal(api, query)
        assert (fault["parameter"], fault["code"]) == (parameter, "country")
        assert "UA (Ukraine)" in fault["detail"]
        assert "Ukrania" not in fault["detail"]


async def test_an_unknown_division_is_refused_with_the_nearest(api: AsyncClient) -> None:
    for query, parameter in (([("admin1", "UA-99")], "admin1"), ([("exclude", "admin1:UA-99")], "exclude")):
        [fault] = await refusal(api, query)
        assert (fault["parameter"], fault["code"]) == (parameter, "admin1")
        assert "UA-" in fault["detail"]
    assert good(await api.get("/v1/events?admin1=ua-30"))["items"] == []


async def test_a_name_finds_what_the_code_finds_by_every_way_in(api: AsyncClient, make_event: MakeEvent) -> None:
    kyiv = await written(api, make_event())
    await written(api, make_event(locations=[{"name": "Lviv", "country": "PL", "role": "target"}]))
    for name in ("UA", "UKR", "Ukraine", "ukraine"):
        query = urlencode({"country": name})
        assert [event["id"] for event in good(await api.get(f"/v1/events?{query}"))["items"]] == [kyiv["id"]]
        assert good(await api.get(f"/v1/events/count?{query}"))["count"] == 1
        assert [item["subject"] for item in good(await api.get(f"/v1/feed?{query}"))["items"]] == [kyiv["id"]]
        rows = good(await api.get(f"/v1/stats/series?{query}&interval=year&group_by=country"))
        assert [(row["group"], row["count"]) for row in rows] == [("UA", 1)]
        counted = good(await api.get(f"/v1/stats/facets?{query}&facet=kind"))["facets"]
        assert counted == {"kind": [{"value": "attack", "count": 1}]}
        excluded = good(await api.get(f"/v1/events?{urlencode({'exclude': f'country:{name}'})}"))["items"]
        assert [event["locations"][0]["country"] for event in excluded] == ["PL"]


@pytest.mark.parametrize(
    "asked", ["Atlantis", "Deutschland", "Mordor", "\u0423\u043a\u0440\u0430\u0457\u043d\u0430", "??"]
)
async def test_what_is_like_no_country_is_told_what_is_accepted(api: AsyncClient, asked: str) -> None:
    [fault] = await refusal(api, [("country", asked)])
    assert fault["code"] == "country"
    assert "nearest" not in fault["detail"]
    assert "ISO 3166" in fault["detail"]
    assert "English name" in fault["detail"]


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("Untied Kingdom", "GB (United Kingdom)"),
        ("Frnace", "FR (France)"),
        ("Chian", "CN (China)"),
        ("Isreal", "IL (Israel)"),
        ("Germny", "DE (Germany)"),
    ],
)
async def test_a_slip_is_told_what_was_meant(api: AsyncClient, asked: str, near: str) -> None:
    [fault] = await refusal(api, [("country", asked)])
    assert f"The nearest is {near}." in fault["detail"]


# Facets that find an event by a name or by the code of its country, and how a country is asked for there.
PARTIES = ["actor", "initiator", "beneficiary", "authority"]
CALLED = {
    "GB": ["GB", "gb", "GBR", "UK", "uk", "United Kingdom", "Great Britain", "the united kingdom"],
    "EU": ["EU", "EUE", "European Union"],
    "CI": ["Ivory Coast", "Cote d'Ivoire", "CIV"],
    "SU": ["SU", "SUHH", "SUN", "Soviet Union"],
    "RU": ["RU", "RUS", "Russia", "Russian Federation"],
}


def of_party(make_event: MakeEvent, facet: str, name: str, code: str | None) -> dict[str, Any]:
    """An event that a facet finds by this name and this country."""
    if facet == "authority":
        measure = {"type": "tariff", "targets": []}
        authority = {"name": name, "type": "state", "country": code}
        detail = {"authority": authority, "stage": "adopted", "measures": [measure]}
        return make_event(kind="sanction_move", actors=[], detail=detail)
    actor = {"name": name, "role": facet if facet != "actor" else "mediator", "type": "government", "country": code}
    if facet == "beneficiary":
        return make_event(kind="security_guarantee", actors=[actor], detail={"stage": "pledged"})
    return make_event(actors=[actor])


@pytest.mark.parametrize("code", CALLED)
@pytest.mark.parametrize("facet", PARTIES)
async def test_a_party_is_found_by_whatever_its_country_is_called(
    api: AsyncClient, make_event: MakeEvent, facet: str, code: str
) -> None:
    theirs = await written(api, of_party(make_event, facet, "The cabinet", code))
    other = await written(api, of_party(make_event, facet, "Another cabinet", "NO"))
    unnamed = await written(api, of_party(make_event, facet, CALLED[code][-1], None))
    for called in CALLED[code]:
        found, left = {theirs["id"]}, {other["id"], unnamed["id"]}
        if called == CALLED[code][-1]:
            found, left = {*found, unnamed["id"]}, {other["id"]}  # a name that an event has finds it as before
        for query, ids in (({facet: called}, found), ({"exclude": f"{facet}:{called}"}, left)):
            text = urlencode(query)
            assert {event["id"] for event in good(await api.get(f"/v1/events?{text}"))["items"]} == ids, text
            assert good(await api.get(f"/v1/events/count?{text}"))["count"] == len(ids), text
            assert {change["subject"] for change in good(await api.get(f"/v1/feed?{text}"))["items"]} == ids, text
            asked = {"name": "n", "mode": "pull", "filter": query, "start": "oldest"}
            made = good(await api.post("/v1/subscriptions", json=asked), 201)
            pulled = good(await api.get(f"/v1/subscriptions/{made['id']}/events"))
            assert {change["subject"] for change in pulled["items"]} == ids, text


async def test_a_name_of_no_country_is_taken_where_names_are_open(api: AsyncClient, make_event: MakeEvent) -> None:
    for facet in PARTIES:
        wagner = await written(api, of_party(make_event, facet, "Wagner", "RU"))
        assert [row["id"] for row in good(await api.get(f"/v1/events?{facet}=wagner"))["items"]][:1] == [wagner["id"]]
        assert good(await api.get(f"/v1/events?{facet}=Atlantis"))["items"] == []


ODD = [
    ([("exclude", "country")], "exclude", "facet-value"),
    ([("exclude", ":UA")], "exclude", "facet-value"),
    ([("exclude", "country:")], "exclude", "facet-value"),
    ([("exclude", "colour:red")], "exclude", "enum"),
    ([("exclude", "kind:war")], "exclude", "enum"),
    ([("exclude", "id:0197f2a0-0000-7000-8000-000000000001")], "exclude", "enum"),
    ([("missing", "colour")], "missing", "enum"),
    ([("missing", "id")], "missing", "enum"),
]
PATHS = ["/v1/events", "/v1/events/count", "/v1/events/export", "/v1/feed", "/v1/feed/stream", "/v1/stats/series"]


@pytest.mark.parametrize(("query", "parameter", "code"), ODD)
async def test_what_is_no_facet_or_no_value_is_refused_with_what_there_is(
    api: AsyncClient, query: list[tuple[str, str]], parameter: str, code: str
) -> None:
    for path in PATHS:
        [fault] = await refusal(api, query, path)
        assert (fault["parameter"], fault["code"]) == (parameter, code), path
        assert fault["allowed"], path
    name, value = query[0]
    asked = {"name": "n", "mode": "pull", "filter": {name: value}}
    answer = await api.post("/v1/subscriptions", json=asked)
    assert faults(answer) == [(f"/filter/{name}", code)]
    assert answer.json()["errors"][0]["allowed"]


@pytest.mark.parametrize("path", ["/v1/events", "/v1/events/count", "/v1/events/export", "/v1/stats/series"])
async def test_sorts_of_change_are_for_readers_of_changes(api: AsyncClient, path: str) -> None:
    [fault] = await refusal(api, [("change", "created")], path)
    assert (fault["parameter"], fault["code"]) == ("change", "unknown-parameter")


async def test_a_subscription_takes_and_shows_the_new_filters(api: AsyncClient, make_event: MakeEvent) -> None:
    asked = {"country": "Ukraine", "exclude": "status:retracted", "missing": ["tag"], "change": "deleted"}
    made = await api.post("/v1/subscriptions", json={"name": "n", "mode": "pull", "filter": asked})
    assert made.status_code == 201, made.text
    assert made.json()["filter"] == {
        "country": ["Ukraine"],
        "exclude": ["status:retracted"],
        "missing": ["tag"],
        "change": ["deleted"],
    }
    kept = await written(api, make_event(tags=[]))
    tagged = await written(api, make_event(tags=["night"]))
    for event in (tagged, kept):
        await api.delete(f"/v1/events/{event['id']}?reason=duplicate")
    items = good(await api.get(f"/v1/subscriptions/{made.json()['id']}/events"))["items"]
    assert [(item["subject"], item["type"]) for item in items] == [(kept["id"], "attack.deleted")]
    wrong = {"name": "n", "mode": "pull", "filter": {"change": ["made"], "country": ["UA", "Atlantis"]}}
    assert faults(await api.post("/v1/subscriptions", json=wrong)) == [
        ("/filter/country/1", "country"),
        ("/filter/change/0", "enum"),
    ]
