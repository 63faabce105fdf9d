"""A filtered feed gives what the filtered list gives, and tells when an event leaves the filter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.feed.matcher import Matcher
from app.feed.reader import MAX_SCANNED, PageReader
from app.feed.recent_changes import RecentChanges
from app.feed.schemas import FeedQuery
from app.kinds import FACETS

if TYPE_CHECKING:
    import httpx
    from fastapi import FastAPI

FILTERS = (
    "kind=attack",
    "kind=attack&kind=sanction_move",
    "country=UA",
    "country=UA&country=US&kind=negotiation_round",
    "place=kyiv",
    "admin1=UA-30",
    "actor=russia",
    "initiator=RU&kind=attack",
    "actor_country=US",
    "target_country=UA&status=confirmed",
    "publisher=nobody",
    "since=2025-09-01&until=2025-09-08",
    "since=2025-09-07&until=2025-09-08&timezone=Europe/Kyiv",
    "until=2025-06-01&actor=Russia",
    "near=50.45,30.52&radius_km=30",
    "near=50.45,30.52&radius_km=1000&kind=attack",
    "bbox=22,44,41,53",
    "bbox=170,-80,-60,80",
    "launched_min=800",
    "launched_max=799",
    "killed_min=1&killed_max=5",
    "rounds_min=1",
    "q=drones",
    "q=%22air%20attack%22",
    "q=negotiat*%20istanbul",
    "external_id=sitrep-sample:kyiv-air-attack",
    "attack_state=carried_out&since=2025-09-01&until=2025-10-01",
)


async def subjects(client: httpx.AsyncClient, question: str, **more: Any) -> list[str]:
    """The events of every page of the feed, in order."""
    found, path = [], f"/v1/feed?{question}"
    while True:
        page = await client.get(path, params=more or None)
        assert page.status_code == 200, page.text
        found += [item["subject"] for item in page.json()["items"]]
        if not page.json()["has_more"]:
            return found
        path = page.links["next"]["url"]


async def test_the_feed_gives_what_the_list_gives(demo: httpx.AsyncClient) -> None:
    for question in FILTERS:
        listed = (await demo.get(f"/v1/events?{question}&limit=1000")).json()["items"]
        assert sorted(await subjects(demo, question)) == sorted(event["id"] for event in listed), question
        assert sorted(await subjects(demo, f"{question}&limit=2")) == sorted(event["id"] for event in listed), question


async def test_events_are_found_by_id_and_by_relation(demo: httpx.AsyncClient) -> None:
    events = (await demo.get("/v1/events?limit=1000")).json()["items"]
    pair = [events[0]["id"], events[3]["id"]]
    assert sorted(await subjects(demo, f"id={pair[0]}&id={pair[1]}")) == sorted(pair)
    assert await subjects(demo, f"id={pair[0][:-4]}0000") == []
    related = next(event for event in events if event["relations"])
    other = related["relations"][0]["event_id"]
    named = [event["id"] for event in events if other in {relation["event_id"] for relation in event["relations"]}]
    assert sorted(await subjects(demo, f"related_to={other}")) == sorted(named)


async def test_the_samples_show_that_the_filters_bite(demo: httpx.AsyncClient) -> None:
    every = len((await demo.get("/v1/events?limit=1000")).json()["items"])
    counts = [len(await subjects(demo, question)) for question in FILTERS]
    assert sum(0 < count < every for count in counts) > len(FILTERS) // 2


async def follow(api: httpx.AsyncClient, question: str) -> list[str]:
    return [item["type"] for item in (await api.get(f"/v1/feed?{question}")).json()["items"]]


LEAVING = (
    ("place=Kyiv", {"locations": [{"name": "Lviv", "country": "UA", "role": "target"}]}),
    ("near=50.45,30.52&radius_km=5", {"locations": [{"country": "UA", "lat": 50.45, "lon": 30.7, "role": "target"}]}),
    ("q=drones", {"title": "Missiles over Kyiv"}),
    ("launched_min=700&launched_max=900", {"detail": {"munitions": [{"category": "other", "launched": 1000}]}}),
    ("until=2025-09-08", {"started_at": "2025-09-10T00:00:00+03:00"}),
)


@pytest.mark.parametrize(("question", "patch"), LEAVING)
async def test_a_reader_learns_that_an_event_left_the_filter(
    api: httpx.AsyncClient, make_event: Any, question: str, patch: dict[str, Any]
) -> None:
    summary = {"summary": "It was before dawn."}
    made = (await api.post("/v1/events", json=make_event(**summary))).json()
    address = f"/v1/events/{made['id']}"
    changed = await api.patch(address, json=patch, headers={"if-match": '"1"'})
    assert changed.status_code == 200, changed.text
    await api.patch(address, json={"tags": ["late"]}, headers={"if-match": '"2"'})
    assert await follow(api, question) == ["attack.created", "attack.updated"]
    await api.patch(address, json={"status": "confirmed"}, headers={"if-match": '"3"'})
    assert len(await follow(api, "status=reported")) == 4
    assert await follow(api, "status=confirmed") == ["attack.updated"]


async def test_a_deletion_matches_as_the_event_did(api: httpx.AsyncClient, make_event: Any) -> None:
    made = (await api.post("/v1/events", json=make_event())).json()
    await api.delete(f"/v1/events/{made['id']}?reason=duplicate")
    for question in ("place=Kyiv", "q=drones", "launched_min=800", f"id={made['id']}", "near=50,30&radius_km=200"):
        assert await follow(api, question) == ["attack.created", "attack.deleted"], question
    assert await follow(api, "place=Lviv") == []


async def test_an_erased_event_stays_in_its_feed_as_tombstone(api: httpx.AsyncClient, make_event: Any) -> None:
    made = (await api.post("/v1/events", json=make_event())).json()
    await api.patch(f"/v1/events/{made['id']}", json={"title": "Drones"}, headers={"if-match": '"1"'})
    await api.delete(f"/v1/events/{made['id']}?reason=legal")
    for question in ("", "place=Kyiv", "place=Kyiv&q=drones", "launched_min=800"):
        items = (await api.get(f"/v1/feed?{question}")).json()["items"]
        assert [item["type"].partition(".")[2] for item in items] == ["created", "updated", "deleted"], question
        assert all(item["data"]["erased"] for item in items)


async def test_a_value_that_comes_into_being_later_is_found(api: httpx.AsyncClient, make_event: Any) -> None:
    first = (await api.get("/v1/feed?place=Lviv")).json()
    assert first["items"] == []
    await api.post("/v1/events", json=make_event(locations=[{"name": "Lviv", "country": "UA", "role": "target"}]))
    assert len((await api.get(f"/v1/feed?place=Lviv&after={first['next']}")).json()["items"]) == 1


async def test_one_call_looks_at_a_bounded_stretch(app: FastAPI, api: httpx.AsyncClient, make_event: Any) -> None:
    body = {"items": [{"op": "create", "event": make_event()} for _ in range(30)]}
    body["items"][25]["event"] = make_event(tags=["rare"])
    await api.post("/v1/events/batch", json=body)
    log = app.state.services.log
    reader = PageReader(log, Matcher(FeedQuery.model_validate({"tag": ["rare"]})), RecentChanges(1))
    pages = [await reader.page(after, 100, await log.head(), 10) for after in (0, 10, 20)]
    assert [(len(page.pieces), page.next, page.more) for page in pages] == [
        (0, 10, True),
        (0, 20, True),
        (1, 30, False),
    ]
    assert MAX_SCANNED == 10_000


def test_every_facet_is_a_parameter_of_the_feed() -> None:
    assert FACETS.keys() <= FeedQuery.model_fields.keys()
    for name in ("changed_since", "sort", "cursor", "format", "as_of"):
        assert name not in FeedQuery.model_fields


def test_a_zone_alone_is_no_filter() -> None:
    assert Matcher(FeedQuery.model_validate({"timezone": "Europe/Kyiv", "after": "now", "limit": "3"})).everything
    assert not Matcher(FeedQuery.model_validate({"kind": "attack"})).everything


def test_an_unreadable_body_is_passed_on_rather_than_hidden() -> None:
    matcher = Matcher(FeedQuery.model_validate({"killed_min": "5"}))
    assert matcher.settle(b'{"kind":"a kind that is gone","locations":[],"title":"","summary":null}')
