"""The fixed feeds: which events they have, how they are kept, and that maps and feed readers can read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import feedparser
import orjson
import pytest
from calls import good, problem, written
from conftest import client_of

from app.events.feeds.summary_feeds import SUMMARY_FEEDS, newest_change

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI
    from httpx import AsyncClient

    from app.db import Database

    MakeEvent = Callable[..., dict[str, Any]]

ATOM = "{http://www.w3.org/2005/Atom}"
NOW = datetime(2026, 3, 10, 12, 34, 56, 789, tzinfo=UTC)
KYIV = {"name": "Kyiv", "country": "UA", "lat": 50.45, "lon": 30.52, "role": "impact"}
ENGELS = {"name": "Engels", "country": "RU", "lat": 51.48, "lon": 46.2, "role": "launch"}


def ago(now: datetime | None = None, **back: float) -> str:
    return ((now or datetime.now(UTC)) - timedelta(**back)).isoformat()


def titles(collection: Any) -> list[str]:
    return [feature["properties"]["title"] for feature in collection["features"]]


async def atom_of(api: AsyncClient, name: str) -> ET.Element:
    answer = await api.get(f"/v1/feeds/{name}.atom")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/atom+xml"
    return checked(answer.content)


def checked(text: bytes) -> ET.Element:
    """The feed, held to what RFC 4287 demands of one."""
    feed = ET.fromstring(text)  # noqa: S314 (our own answer)
    assert feed.tag == f"{ATOM}feed"
    entries = feed.findall(f"{ATOM}entry")
    for part in (feed, *entries):
        for name in ("id", "title", "updated"):
            [found] = part.findall(f"{ATOM}{name}")
            assert found.text
        assert urlsplit(part.findtext(f"{ATOM}id", "")).scheme
        assert datetime.fromisoformat(part.findtext(f"{ATOM}updated", "")).tzinfo is not None
        alternates = [link.get("type") for link in part.findall(f"{ATOM}link") if link.get("rel") == "alternate"]
        assert alternates
        assert len(alternates) == len(set(alternates))
        assert all(urlsplit(link.attrib["href"]).scheme in {"http", "https"} for link in part.findall(f"{ATOM}link"))
        assert all(category.get("term") for category in part.findall(f"{ATOM}category"))
    assert feed.findtext(f"{ATOM}author/{ATOM}name")
    assert [link.get("rel") for link in feed.findall(f"{ATOM}link")].count("self") == 1
    ids = [entry.findtext(f"{ATOM}id") for entry in entries]
    assert len(ids) == len(set(ids))
    return feed


@pytest.mark.parametrize("name", SUMMARY_FEEDS)
async def test_every_feed_is_there_in_both_forms_and_empty_is_valid(api: AsyncClient, name: str) -> None:
    found = await api.get(f"/v1/feeds/{name}.geojson")

    assert found.status_code == 200
    assert found.headers["content-type"] == "application/geo+json"
    assert found.json() == {
        "type": "FeatureCollection",
        "features": [],
        "next": None,
        "as_of": found.headers["as-of"],
    }
    assert (await atom_of(api, name)).findall(f"{ATOM}entry") == []


def test_the_names_are_the_contracts() -> None:
    scopes, periods = ("all", "attacks", "negotiations", "sanctions", "guarantees"), ("day", "week", "month")
    assert list(SUMMARY_FEEDS) == [f"{scope}_{period}" for scope in scopes for period in periods]


@pytest.mark.parametrize(
    "path", ["all_year.geojson", "attack_day.atom", "all_day.json", "all_day", "all_day.atom/", "all_day.geojson.atom"]
)
async def test_another_feed_is_not_found(api: AsyncClient, path: str) -> None:
    assert problem(await api.get(f"/v1/feeds/{path}"), 404)["type"] == "/problems/not-found"


@pytest.mark.parametrize("name", ["all_day.atom", "all_day.geojson"])
async def test_names_that_map_libraries_append_are_ignored(app: FastAPI, api: AsyncClient, name: str) -> None:
    plain = await api.get(f"/v1/feeds/{name}")
    for query in ("_=1700000000", "t=1&t=2", "limit=1", "utm_source=x", "%ff=%zz", "a" * 8000):
        assert (await api.get(f"/v1/feeds/{name}?{query}")).content == plain.content

    assert [place[:2] for place in app.state.services.response_cache._kept] == [(f"/v1/feeds/{name}", b"")]


@pytest.mark.parametrize(
    ("period", "length"),
    [("day", timedelta(hours=24)), ("week", timedelta(days=7)), ("month", timedelta(days=30))],
)
async def test_a_period_has_all_of_which_a_moment_lies_in_it(
    api: AsyncClient, db: Database, make_event: MakeEvent, period: str, length: timedelta
) -> None:
    minute = NOW.replace(second=0, microsecond=0)
    second = timedelta(seconds=1)
    begin, end = minute - length, minute + timedelta(minutes=1)
    for name, at, until in (
        ("before", begin - second, None),
        ("first", begin, None),
        ("reaching in", begin - timedelta(days=50), begin),
        ("now", NOW, None),
        ("last", end - second, end + timedelta(days=1)),
        ("to come", end, None),
    ):
        ended = None if until is None else until.isoformat()
        await written(api, make_event(title=name, started_at=at.isoformat(), ended_at=ended, time_precision="instant"))

    rows = [row async for page in newest_change(db, SUMMARY_FEEDS[f"all_{period}"], NOW) for row in page]

    assert [orjson.loads(row.body)["title"] for row in rows] == ["last", "now", "first", "reaching in"]


async def test_only_the_newest_are_given_where_there_are_too_many(
    api: AsyncClient, db: Database, make_event: MakeEvent
) -> None:
    for hours in range(1, 6):
        await written(api, make_event(title=f"{hours}", started_at=ago(NOW, hours=hours), time_precision="instant"))

    rows = [row async for page in newest_change(db, SUMMARY_FEEDS["all_day"], NOW, most=3) for row in page]

    assert [orjson.loads(row.body)["title"] for row in rows] == ["1", "2", "3"]


async def test_a_kind_has_its_own(api: AsyncClient, make_event: MakeEvent) -> None:
    await written(api, make_event(title="An attack", started_at=ago(hours=1), locations=[KYIV]))
    detail = {"process": {"key": "talks", "name": "Talks"}, "state": "held", "format": "direct"}
    talks = make_event(kind="negotiation_round", title="Talks", started_at=ago(hours=2), detail=detail)
    await written(api, {**talks, "locations": [{**KYIV, "role": "venue"}]})

    names = ("all", "attacks", "negotiations", "sanctions")
    found = {name: titles(good(await api.get(f"/v1/feeds/{name}_day.geojson"))) for name in names}

    assert list(found.values()) == [["An attack", "Talks"], ["An attack"], ["Talks"], []]


async def test_the_map_leaves_out_what_has_no_coordinates_and_the_reader_has_all(
    api: AsyncClient, make_event: MakeEvent
) -> None:
    sea = {"name": "Sea", "country": "UA", "role": "impact"}
    await written(api, make_event(title="Nowhere", started_at=ago(hours=1), locations=[sea]))
    here = await written(api, make_event(title="Here", started_at=ago(hours=2), locations=[ENGELS, KYIV]))

    collection = (await api.get("/v1/feeds/all_day.geojson")).json()
    entries = (await atom_of(api, "all_day")).findall(f"{ATOM}entry")

    assert [feature["id"] for feature in collection["features"]] == [f"{here['id']}/0", f"{here['id']}/1"]
    assert [entry.findtext(f"{ATOM}title") for entry in entries] == ["Nowhere", "Here"]
    assert [entry.findtext("{http://www.georss.org/georss}point") for entry in entries] == [
        None,
        "50.4500000 30.5200000",
    ]


async def test_an_entry_says_what_the_event_says(api: AsyncClient, make_event: MakeEvent) -> None:
    sources = [{"publisher": "Wire", "url": "https://wire.example/1?a=1&b=2"}, {"publisher": "Paper"}]
    munition = {"category": "rocket_artillery", "launched": {"low": 5, "best": 7, "high": 9}}
    made = await written(
        api,
        make_event(
            title="Rockets & <smoke>",
            summary='Told "twice" \ufffe.',
            started_at=ago(hours=1),
            locations=[KYIV],
            sources=sources,
            tags=["night"],
            casualties=[],
            detail={"munitions": [munition]},
        ),
    )
    changed = await api.patch(f"/v1/events/{made['id']}", json={"status": "confirmed"}, headers={"If-Match": '"1"'})

    text = (await api.get("/v1/feeds/attacks_week.atom")).content
    checked(text)
    read = feedparser.parse(text)
    [entry] = read.entries

    assert not read.bozo
    assert read.feed.title == "Attacks of the last 7 days"
    assert entry.id == f"urn:uuid:{made['id']}"
    assert entry.title == "Rockets & <smoke>"
    assert (entry.updated, entry.published) == (changed.json()["updated_at"], made["created_at"])
    assert [tag.term for tag in entry.tags] == ["attack", "night"]
    assert {(link.rel, link.href) for link in entry.links} == {
        ("alternate", f"http://sitrep.test/events/{made['id']}"),
        ("alternate", f"http://sitrep.test/v1/events/{made['id']}"),
        ("via", "https://wire.example/1?a=1&b=2"),
    }
    lines = entry.summary.splitlines()
    assert lines[0] == 'Told "twice" \ufffd.'
    assert lines[2:] == [
        "Where: Kyiv, UA (impact)",
        "Numbers: launched 7 (5 to 9)",
        "Status: confirmed",
        "Sources: Wire, Paper",
    ]


@pytest.mark.parametrize("form", ["geojson", "atom"])
async def test_what_is_unchanged_is_not_sent_again(api: AsyncClient, make_event: MakeEvent, form: str) -> None:
    made = await written(api, make_event(started_at=ago(hours=1), locations=[KYIV]))
    path = f"/v1/feeds/all_day.{form}"
    first = await api.get(path)
    known = {"If-None-Match": first.headers["etag"]}

    unchanged = await api.get(path, headers=known)
    await api.delete(f"/v1/events/{made['id']}", params={"reason": "erroneous"})
    changed = await api.get(path, headers=known)

    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert first.headers["cache-control"] == unchanged.headers["cache-control"] == "private, max-age=60"
    assert changed.status_code == 200
    assert made["id"] not in changed.text
    assert (await api.head(path)).headers["etag"] == changed.headers["etag"]


async def test_any_cache_may_keep_what_anyone_may_read(make_app: Callable[..., Any]) -> None:
    async with client_of(await make_app(anonymous_read=True)) as reader:
        answer = await reader.get("/v1/feeds/all_month.geojson")

    assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=60")


async def test_without_a_key_nothing_is_told(client: AsyncClient) -> None:
    problem(await client.get("/v1/feeds/all_day.atom"), 401)


async def test_links_lead_to_the_address_that_was_asked_and_to_no_strange_host(api: AsyncClient) -> None:
    text = (await api.get("/v1/feeds/all_day.atom", headers={"host": "news.example:8443"})).text
    strange = (await api.get("/v1/feeds/all_day.atom", headers={"host": "x'><script>alert(1)</script>"})).text

    assert 'href="http://news.example:8443/v1/feeds/all_day.atom"' in text
    assert "<script" not in strange
    assert 'href="http://127.0.0.1:8000/v1/feeds/all_day.atom"' in strange


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ({"name": "Kyiv", "country": "UA", "role": "target"}, "Where: Kyiv, UA (target)"),
        ({"name": "Black Sea"}, "Where: Black Sea"),
        ({"country": "UA", "role": "impact"}, "Where: UA (impact)"),
        ({"lat": 44.0, "lon": 33.0}, None),
    ],
)
async def test_what_is_not_known_is_not_written(
    api: AsyncClient, make_event: Callable[..., dict[str, Any]], place: dict[str, Any], shown: str | None
) -> None:
    now = datetime.now(UTC).isoformat()
    await written(api, {**make_event(started_at=now, summary=None, actors=[], casualties=[]), "locations": [place]})

    for path in ("/v1/feeds/all_month.atom", "/v1/events/export?format=csv"):
        assert "None" not in (await api.get(path)).text
    text = (await api.get("/v1/feeds/all_month.atom")).text
    assert [line for line in text.splitlines() if line.startswith("Where")] == ([] if shown is None else [shown])
