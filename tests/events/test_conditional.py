"""Conditional requests, the headers that tie a list to the feed, and HEAD."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from calls import good, head_of, problem, written

if TYPE_CHECKING:
    from conftest import MakeEvent
    from httpx import AsyncClient, Response

GEOJSON = "application/geo+json"


def next_of(response: Response) -> str:
    """The relative reference to the next page."""
    address, _, rest = response.headers["link"].partition(">")
    assert (address[0], rest) == ("<", '; rel="next"')
    assert not urlsplit(address[1:]).netloc
    return str(address[1:])


async def test_an_event_read_before_is_not_sent_again(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event(external_ids=[{"system": "s", "id": "1"}]))

    for address in (
        f"/v1/events/{event['id']}",
        f"/v1/events/{event['id']}?version=1",
        f"/v1/events/{event['id']}?as_of={await head_of(api)}",
        "/v1/events/by-external-id/s/1",
    ):
        for known in ('"1"', 'W/"1"', '"0", "1"', '"x","1"', "*", ' "1" '):
            same = await api.get(address, headers={"if-none-match": known})
            assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", '"1"'), (address, known)
        for other in ('"2"', "1", '"11"', 'w/"1"', "nonsense", '"1', ""):
            fresh = await api.get(address, headers={"if-none-match": other})
            assert (good(fresh), fresh.headers["etag"]) == (event, '"1"')


async def test_a_changed_event_is_sent_again(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event())
    address = f"/v1/events/{event['id']}"
    await api.patch(address, json={"title": "New"}, headers={"if-match": '"1"'})

    assert (await api.get(address, headers={"if-none-match": '"1"'})).headers["etag"] == '"2"'
    assert (await api.get(address + "?version=1", headers={"if-none-match": '"1"'})).status_code == 304
    assert good(await api.get(address + "?version=1"))["version"] == 1


async def test_if_match_takes_tags_weak_tags_lists_and_a_star(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event())
    address = f"/v1/events/{event['id']}"

    for n, form in enumerate(('"{}"', 'W/"{}"', '"77", "{}"', '"x",W/"{}" , "y"', "*", ' "{}"', ', "{}",,'), 1):
        headers = {"if-match": form.format(n)}
        changed = await api.patch(address, json={"title": str(n)}, headers=headers)
        assert good(changed)["version"] == n + 1, form


async def test_if_match_that_names_another_version_does_not_match(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event())
    address = f"/v1/events/{event['id']}"

    for tag in ('"2"', '"01"', '"1.0"', '""', '"x"', '"-1"', f'"{2**70}"', '"2", "3"', '"*"'):
        refused = await api.patch(address, json={"title": "New"}, headers={"if-match": tag})
        assert problem(refused, 412, "version-mismatch")["current"] == 1, tag


async def test_an_if_match_that_cannot_be_read_is_malformed(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event())
    address = f"/v1/events/{event['id']}"

    for tag in ("1", "", " ", '"1', "W/1", 'w/"1"', '"1" "2"', '*, "1"', "**", '"1";', "'1'"):
        for method, body in (("PATCH", {"title": "New"}), ("PUT", event)):
            refused = await api.request(method, address, json=body, headers={"if-match": tag})
            problem(refused, 400, "malformed")
        problem(await api.delete(address + "?reason=legal", headers={"if-match": tag}), 400, "malformed")
    assert good(await api.get(address)) == event


async def test_the_etag_of_a_list_covers_its_items_and_next_only(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event(tags=["shown"]))
    first = await api.get("/v1/events?tag=shown")
    etag = first.headers["etag"]
    assert etag.startswith('W/"')

    await written(api, make_event())
    elsewhere = await api.get("/v1/events?tag=shown", headers={"if-none-match": etag})
    assert (elsewhere.status_code, elsewhere.content, elsewhere.headers["etag"]) == (304, b"", etag)
    assert elsewhere.headers["as-of"] == "e1-000000000002"

    await written(api, make_event(tags=["shown"]))
    more = await api.get("/v1/events?tag=shown&limit=1", headers={"if-none-match": etag})
    assert more.status_code == 200
    await api.patch(f"/v1/events/{event['id']}", json={"title": "New"}, headers={"if-match": "*"})
    changed = await api.get("/v1/events?tag=shown", headers={"if-none-match": etag})
    assert changed.status_code == 200
    geojson = await api.get("/v1/events.geojson?tag=shown", headers={"if-none-match": changed.headers["etag"]})
    assert (geojson.status_code, geojson.headers["content-type"]) == (200, GEOJSON)


async def test_the_link_leads_through_every_page_and_keeps_the_question(
    api: AsyncClient, make_event: MakeEvent
) -> None:
    for n in range(5):
        await written(api, make_event(title=f"Drones {n}", tags=["a-b"]))
    await written(api, make_event(tags=["other"]))
    question: list[tuple[str, Any]] = [
        ("tag", "a-b"),
        ("tag", "c"),
        ("q", '"drones" dro*'),
        ("since", "2025-09-07T00:00:00+03:00"),
        ("place", "Kyiv"),
        ("place", "Köln & Umgebung #1"),
        ("sort", "updated_at"),
        ("limit", "2"),
    ]

    page = await api.get("/v1/events", params=question)
    titles, links = [event["title"] for event in good(page)["items"]], 0
    while "link" in page.headers:
        links += 1
        told = parse_qsl(urlsplit(next_of(page)).query)
        assert [pair for pair in told if pair[0] != "cursor"] == question
        assert dict(told)["cursor"] == page.json()["next"]
        page = await api.get(next_of(page))
        titles += [event["title"] for event in good(page)["items"]]

    assert titles == [f"Drones {n}" for n in range(5)]
    assert (links, page.json()["next"]) == (2, None)


async def test_following_the_link_of_a_geojson_page_works_as_well(api: AsyncClient, make_event: MakeEvent) -> None:
    for _ in range(3):
        await written(api, make_event())

    page = await api.get("/v1/events.geojson?limit=2")
    last = await api.get(next_of(page))

    assert [len(good(found)["features"]) for found in (page, last)] == [2, 1]
    assert (page.json()["next"] is not None, last.json()["next"]) == (True, None)


async def test_as_of_is_never_newer_than_the_rows(api: AsyncClient, make_event: MakeEvent) -> None:
    await written(api, make_event())
    for path in ("/v1/events", "/v1/events/count", "/v1/events/export"):
        answer = await api.get(path)
        assert answer.headers["as-of"] == "e1-000000000001"
    assert good(await api.get("/v1/events"))["as_of"] == "e1-000000000001"
    assert good(await api.get("/v1/events/count"))["as_of"] == "e1-000000000001"
    assert good(await api.get("/v1/events.geojson"))["as_of"] == "e1-000000000001"


async def test_a_list_of_the_past_says_of_when_it_is(api: AsyncClient, make_event: MakeEvent) -> None:
    for _ in range(3):
        await written(api, make_event())

    page = await api.get("/v1/events?as_of=e1-000000000002")
    by_time = await api.get("/v1/events/count?as_of=2200-12-31")

    assert (page.headers["as-of"], good(page)["as_of"], len(page.json()["items"])) == (
        "e1-000000000002",
        "e1-000000000002",
        2,
    )
    assert (by_time.headers["as-of"], good(by_time)["count"]) == ("e1-000000000003", 3)


@pytest.mark.parametrize("readable", [True, False])
async def test_head_answers_as_get_does_without_a_body(api: AsyncClient, make_event: MakeEvent, readable: bool) -> None:
    event = await written(api, make_event(external_ids=[{"system": "s", "id": "1"}]))
    id = event["id"] if readable else "unknown"

    for path in (
        f"/v1/events/{id}",
        f"/v1/events/{id}/revisions",
        "/v1/events" if readable else "/v1/events?limit=0",
        "/v1/events/count" if readable else "/v1/events/count?x=1",
        "/v1/events/export",
        "/v1/events/by-external-id/s/" + ("1" if readable else "2"),
        "/v1/kinds/" + ("attack" if readable else "rumour"),
    ):
        got, asked = await api.get(path), await api.head(path)
        assert (asked.status_code, asked.content) == (got.status_code, b""), path
        kept: Any = {name: value for name, value in got.headers.items() if name not in {"content-length", "date"}}
        assert {name: asked.headers.get(name) for name in kept} == kept, path


async def test_single_events_are_never_content_encoded(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event(summary="word " * 900))

    answer = await api.get(f"/v1/events/{event['id']}", headers={"accept-encoding": "gzip, br, zstd"})

    assert "content-encoding" not in answer.headers
    assert set(answer.headers["vary"].split(", ")) == {"Accept-Encoding", "Authorization", "Origin"}


@pytest.mark.parametrize(
    "accept", ["*/*", "*/*; q=.2", "", "text/html", "image/*", "application/json;q=0", GEOJSON, "??"]
)
async def test_a_path_gives_one_media_type_whatever_accept_says(
    server: AsyncClient, make_event: MakeEvent, accept: str
) -> None:
    event = await written(server, make_event())

    for path, media in (
        ("/v1/events", "application/json"),
        (f"/v1/events/{event['id']}", "application/json"),
        ("/v1/events.geojson", GEOJSON),
        ("/v1/events.atom", "application/atom+xml"),
        ("/v1/events/export", "application/x-ndjson"),
        ("/v1/feed", "application/json"),
        ("/v1/feeds/all_day.geojson", GEOJSON),
    ):
        answer = await server.get(path, headers={"accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (200, media), path
    async with server.stream("GET", "/v1/feed/stream", headers={"accept": accept}) as stream:
        assert (stream.status_code, stream.headers["content-type"].partition(";")[0]) == (200, "text/event-stream")
