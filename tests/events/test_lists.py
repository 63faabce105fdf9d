"""The list's forms and orders: GeoJSON and Atom pages, members kept by `fields`, sorting by a measure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from calls import faults, good, written

from app.kinds import MEASURES

if TYPE_CHECKING:
    from conftest import MakeEvent
    from httpx import AsyncClient

ATOM = {"a": "http://www.w3.org/2005/Atom"}
KYIV = {"name": "Kyiv", "country": "UA", "role": "target", "lat": 50.45, "lon": 30.52}
LAUNCH = {"name": "Kursk", "country": "RU", "role": "launch", "lat": 51.73, "lon": 36.19}
NOWHERE = {"name": "Lviv", "country": "UA", "role": "target"}


async def some(api: AsyncClient, make_event: MakeEvent) -> list[dict[str, Any]]:
    """Three events, the newest first: two places with one between that has none, no place, one place."""
    places = [[KYIV], [NOWHERE], [KYIV, NOWHERE, LAUNCH]]
    found = [
        await written(api, make_event(started_at=f"2025-09-0{n}T00:00:00Z", locations=given, extra={"n": n}))
        for n, given in enumerate(places, 1)
    ]
    return found[::-1]


async def test_a_map_is_the_list_in_pages_of_events(api: AsyncClient, make_event: MakeEvent) -> None:
    events = await some(api, make_event)
    features, address, sizes = [], "/v1/events.geojson?limit=1&country=Ukraine", []
    while address:
        answer = await api.get(address)
        page = good(answer)
        assert answer.headers["content-type"] == "application/geo+json"
        assert answer.headers["as-of"] == page["as_of"]
        features += page["features"]
        sizes.append(len(page["features"]))
        assert (page["next"] is None) == ("next" not in answer.links)
        address = answer.links["next"]["url"] if answer.links else ""
    assert sizes == [2, 0, 1]
    newest = events[0]
    assert [feature["id"] for feature in features] == [f"{newest['id']}/0", f"{newest['id']}/2", f"{events[2]['id']}/0"]
    first = features[0]
    assert first["geometry"] == {"type": "Point", "coordinates": [30.52, 50.45]}
    kept = {name: value for name, value in newest.items() if name not in {"detail", "extra", "locations"}}
    assert first["properties"] == {**kept, "location": newest["locations"][0], "places": 2}


async def test_a_reader_pages_through_atom(api: AsyncClient, make_event: MakeEvent) -> None:
    events = await some(api, make_event)
    address, found, ids = "/v1/events.atom?limit=2&sort=started_at&q=drones", [], set()
    while address:
        answer = await api.get(address)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/atom+xml"
        feed = ET.fromstring(answer.content)  # noqa: S314 (our own answer)
        links = {link.get("rel"): link.get("href", "") for link in feed.findall("a:link", ATOM)}
        assert links["self"].endswith(address)
        found += [entry.findtext("a:id", "", ATOM) for entry in feed.findall("a:entry", ATOM)]
        ids.add(feed.findtext("a:id", "", ATOM))
        address = answer.links["next"]["url"] if answer.links else ""
        assert links.get("next", "").endswith(address)
        assert ("next" in links) == bool(address)
    assert found == [f"urn:uuid:{event['id']}" for event in events[::-1]]
    assert len(ids) == 1


@pytest.mark.parametrize("path", ["/v1/events", "/v1/events.geojson", "/v1/events.atom"])
async def test_a_page_that_the_caller_has_is_not_sent_again(api: AsyncClient, make_event: MakeEvent, path: str) -> None:
    await some(api, make_event)
    first = await api.get(f"{path}?limit=2")
    again = await api.get(f"{path}?limit=2", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert (await api.get(f"{path}?cursor=x")).status_code == 400
    assert faults(await api.get(f"{path}?colour=red")) == [("colour", "unknown-parameter")]
    assert (await api.head(path)).status_code == 200


async def test_a_cursor_leads_on_in_another_form(api: AsyncClient, make_event: MakeEvent) -> None:
    events = await some(api, make_event)
    cursor = good(await api.get("/v1/events?limit=1&fields=id"))["next"]
    assert [item["id"] for item in good(await api.get(f"/v1/events?cursor={cursor}"))["items"]] == [
        event["id"] for event in events[1:]
    ]
    features = good(await api.get(f"/v1/events.geojson?cursor={cursor}"))["features"]
    assert [feature["id"] for feature in features] == [f"{events[2]['id']}/0"]


async def test_fields_keep_members_in_the_order_of_the_event(api: AsyncClient, make_event: MakeEvent) -> None:
    events = await some(api, make_event)
    answer = await api.get("/v1/events?fields=title&fields=id&fields=extra&limit=2")
    page = good(answer)
    wanted = [{name: event[name] for name in ("id", "title", "extra")} for event in events[:2]]
    assert page["items"] == wanted
    assert [list(item) for item in page["items"]] == [["id", "title", "extra"]] * 2
    assert page["next"] is not None
    assert answer.headers["etag"] != (await api.get("/v1/events?limit=2")).headers["etag"]
    same = await api.get("/v1/events?fields=extra&fields=id&fields=title&limit=2")
    assert same.headers["etag"] == answer.headers["etag"]
    assert good(await api.get("/v1/events?fields=id&tag=nothing"))["items"] == []
    past = good(await api.get(f"/v1/events?fields=id&sort=-launched&as_of={page['as_of']}"))["items"]
    assert sorted(item["id"] for item in past) == sorted(event["id"] for event in events)


async def test_an_unknown_field_or_order_is_refused_with_what_there_is(api: AsyncClient) -> None:
    for query, name, allowed in (("fields=colour", "fields", "title"), ("sort=colour", "sort", "-launched")):
        answer = await api.get(f"/v1/events?{query}")
        assert faults(answer) == [(name, "enum")]
        assert allowed in answer.json()["errors"][0]["allowed"]
    for path in ("/v1/events.geojson", "/v1/events.atom", "/v1/events/count", "/v1/events/export", "/v1/feed"):
        assert faults(await api.get(f"{path}?fields=id")) == [("fields", "unknown-parameter")]


async def test_every_measure_is_an_order(api: AsyncClient) -> None:
    for name in MEASURES:
        for sort in (name, "-" + name):
            assert good(await api.get(f"/v1/events?sort={sort}"))["items"] == []


async def test_events_without_the_number_come_last(api: AsyncClient, make_event: MakeEvent) -> None:
    def fired(launched: Any) -> dict[str, Any]:
        return make_event(detail={"munitions": [{"category": "other", "launched": launched}]})

    made = {str(n): (await written(api, fired(n)))["id"] for n in (5, 0, 2**63 - 1, 5)}
    bare = [(await written(api, fired(None)))["id"] for _ in range(2)]
    for query in ("", "&kind=attack&exclude=status:retracted"):
        for path in ("/v1/events?sort={}", "/v1/events?sort={}&as_of=e1-000000000006"):
            down = [item["id"] for item in good(await api.get(path.format("-launched") + query))["items"]]
            up = [item["id"] for item in good(await api.get(path.format("launched") + query))["items"]]
            assert (down[0], down[3]) == (made[str(2**63 - 1)], made["0"])
            assert (up[0], up[3]) == (made["0"], made[str(2**63 - 1)])
            assert (down[4:], up[4:]) == (bare[::-1], bare)
