"""The feed over HTTP: positions, final pages, waiting, streaming, head and checkpoint."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import re
import time
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest
from starlette.requests import Request
from starlette.responses import Response
from streams import Stream

from app.auth.keys import create_key, revoke_key
from app.feed.schemas import StreamQuery
from app.feed.sse import StreamTimings

if TYPE_CHECKING:
    from fastapi import FastAPI

    from app.db import Database

ITEM = [
    "specversion", "id", "source", "type", "subject", "time", "sequence", "version", "datacontenttype", "dataschema",
    "data",
]  # fmt: skip


async def write(api: httpx.AsyncClient, make_event: Any, count: int = 1, **fields: Any) -> list[str]:
    """Events in one batch; their cursors."""
    items = [{"op": "create", "event": make_event(title=f"Number {n}", **fields)} for n in range(count)]
    answer = await api.post("/v1/events/batch", json={"items": items})
    assert answer.status_code == 200, answer.text
    return [result["cursor"] for result in answer.json()["results"]]


async def test_an_item_is_a_cloud_event_around_the_very_bytes_of_the_event(
    api: httpx.AsyncClient, make_event: Any
) -> None:
    made = await api.post("/v1/events", json=make_event())
    page = await api.get("/v1/feed")
    [item] = page.json()["items"]
    assert list(page.json()) == ["items", "next", "has_more"]
    assert list(item) == ITEM
    assert item["id"] == made.headers["feed-cursor"] == page.json()["next"] == "e1-000000000001"
    assert (item["type"], item["sequence"], item["version"]) == ("attack.created", "000000000001", 1)
    assert item["time"] == made.json()["updated_at"]
    assert item["source"].startswith("urn:sitrep:")
    assert made.content in page.content


async def test_unfiltered_pages_end_at_multiples_of_the_limit(api: httpx.AsyncClient, make_event: Any) -> None:
    await write(api, make_event, 7)
    page = await api.get("/v1/feed?after=e1-000000000002&limit=5")
    assert [item["sequence"][-1] for item in page.json()["items"]] == ["3", "4", "5"]
    assert page.json()["has_more"]
    assert page.links["next"]["url"] == "/v1/feed?after=e1-000000000005&limit=5"
    rest = await api.get(page.links["next"]["url"])
    assert [item["sequence"][-1] for item in rest.json()["items"]] == ["6", "7"]
    assert not rest.json()["has_more"]
    assert "link" not in rest.headers


async def test_a_page_is_final_when_more_follows_a_literal_cursor(api: httpx.AsyncClient, make_event: Any) -> None:
    await write(api, make_event, 3)
    final = await api.get("/v1/feed?after=e1-000000000000&limit=2")
    assert final.headers["cache-control"] == "private, max-age=86400, immutable"
    assert re.fullmatch('"[0-9a-f]+-gzip"', final.headers["etag"])
    plain = await api.get("/v1/feed?after=e1-000000000000&limit=2", headers={"accept-encoding": "identity"})
    assert plain.headers["etag"] == final.headers["etag"].replace("-gzip", "")
    assert "x-poll-interval" not in final.headers
    await write(api, make_event, 3)
    assert (await api.get("/v1/feed?after=e1-000000000000&limit=2")).content == final.content
    for other in ("after=oldest&limit=2", "after=2020-01-01&limit=2", "after=e1-000000000004&limit=2", "limit=100"):
        page = await api.get(f"/v1/feed?{other}")
        assert page.headers["cache-control"] == "no-cache", other
        assert int(page.headers["x-poll-interval"]) > 0
        same = await api.get(f"/v1/feed?{other}", headers={"if-none-match": page.headers["etag"]})
        assert (same.status_code, same.content) == (304, b"")


async def test_the_etag_of_a_page_changes_with_its_bytes(
    make_app: Any, make_event: Any, api: httpx.AsyncClient
) -> None:
    await write(api, make_event, 3)
    sources = ("https://one.example", "https://one.example", "https://two.example", "https://%d.example")
    clients = [client_of(await make_app(anonymous_read=True, source=source)) for source in sources]

    async def pages() -> list[tuple[str, bytes]]:
        answers = [await client.get("/v1/feed?after=e1-000000000000&limit=2") for client in clients]
        return [(answer.headers["etag"], answer.content) for answer in answers]

    first, again, other, last = before = await pages()
    assert first == again
    assert len({etag for etag, _ in before}) == len({page for _, page in before}) == 3
    assert orjson.loads(last[1])["items"][0]["source"] == sources[-1]
    erased = orjson.loads(other[1])["items"][1]["data"]["id"]
    assert (await api.delete(f"/v1/events/{erased}?reason=legal", headers={"if-match": "*"})).status_code == 204
    for (was_etag, was), (etag, page) in zip(before, await pages(), strict=True):
        assert was_etag != etag
        assert was != page
    for client in clients:
        await client.aclose()


async def test_a_final_page_is_public_where_reading_is(make_app: Any, make_event: Any, api: httpx.AsyncClient) -> None:
    await write(api, make_event, 3)
    app = await make_app(anonymous_read=True, rate_limit="100/60")
    async with client_of(app) as anyone:
        final = await anyone.get("/v1/feed?after=e1-000000000000&limit=2")
        assert final.headers["cache-control"] == "public, max-age=86400, immutable"
        assert "ratelimit" not in final.headers
        assert "ratelimit" in (await anyone.get("/v1/feed")).headers


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sitrep.test", trust_env=False)


REFUSED = (
    ("after=e1-1", 400, "cursor-malformed"),
    ("after=yesterday", 400, "cursor-malformed"),
    ("after=e1-000000000009", 400, "cursor-ahead"),
    ("after=e2-000000000001", 410, "cursor-epoch"),
    ("after=e9-000000000009", 410, "cursor-epoch"),
    ("after=2025-13-01", 422, "validation"),
    ("after=2025-09-07T00:00:00", 422, "validation"),
    ("after=2025-09-07T00:00:00%2B03", 422, "validation"),
    ("after=now&after=oldest", 422, "validation"),
    ("limit=0", 422, "validation"),
    ("limit=1001", 422, "validation"),
    ("limit=1_0", 422, "validation"),
    ("wait=51", 422, "validation"),
    ("wait=-1", 422, "validation"),
    ("changed_since=2025-09-07", 422, "validation"),
    ("sort=started_at", 422, "validation"),
    ("as_of=e1-000000000001", 422, "validation"),
    ("kind=battle", 422, "validation"),
    ("near=50,30", 422, "validation"),
    ("colour=red", 422, "validation"),
)


async def test_what_is_refused(api: httpx.AsyncClient, make_event: Any) -> None:
    await write(api, make_event)
    for (question, status, slug), path in product(REFUSED, ("/v1/feed", "/v1/feed/stream")):
        answer = await api.get(f"{path}?{question}")
        assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{slug}"), question
        assert answer.headers["content-type"] == "application/problem+json"
        if status == 410:
            assert answer.json()["oldest"] == "e1-000000000000"
            assert answer.json()["bootstrap"] == "/v1/events"


async def test_time_is_a_position_too(api: httpx.AsyncClient, make_event: Any) -> None:
    await write(api, make_event, 2)
    middle = (await api.get("/v1/feed/head")).json()["time"]
    await asyncio.sleep(0.01)
    await write(api, make_event, 2)
    numbers = [item["sequence"][-1] for item in (await api.get("/v1/feed", params={"after": middle})).json()["items"]]
    assert numbers in (["1", "2", "3", "4"], ["2", "3", "4"])
    assert (await api.get("/v1/feed?after=2199-01-01")).json() == {
        "items": [], "next": "e1-000000000004", "has_more": False,
    }  # fmt: skip
    assert (await api.get("/v1/feed?after=now")).json()["next"] == "e1-000000000004"


async def test_a_wait_is_over_with_the_commit(api: httpx.AsyncClient, make_event: Any) -> None:
    waiting = asyncio.create_task(api.get("/v1/feed?after=now&wait=50"))
    while not waiting_in(api):  # noqa: ASYNC110 (nothing tells)
        await asyncio.sleep(0.001)
    await api.post("/v1/events", json=make_event())
    page = await asyncio.wait_for(waiting, 40)
    assert len(page.json()["items"]) == 1


def waiting_in(api: Any) -> bool:
    return bool(api._transport.app.state.services.notifier.waiting)


async def test_a_wait_is_over_soon_after_the_commit_of_another_process(
    api: httpx.AsyncClient, make_app: Any, make_event: Any, admin_key: str
) -> None:
    other = await make_app()
    waiting = asyncio.create_task(api.get("/v1/feed?after=now&wait=50"))
    while not waiting_in(api):  # noqa: ASYNC110 (nothing tells)
        await asyncio.sleep(0.001)
    async with client_of(other) as writer:
        await writer.post("/v1/events", json=make_event(), headers={"authorization": f"Bearer {admin_key}"})
    page = await asyncio.wait_for(waiting, 40)
    assert len(page.json()["items"]) == 1


async def test_a_wait_runs_out_with_an_empty_page_and_its_position(api: httpx.AsyncClient, make_event: Any) -> None:
    await write(api, make_event, 2)
    started = time.monotonic()
    waiting = asyncio.create_task(api.get("/v1/feed?after=e1-000000000002&wait=1&place=Lviv"))
    await asyncio.sleep(0.1)
    await write(api, make_event, 3)
    page = await waiting
    assert page.status_code == 200
    assert page.json() == {"items": [], "next": "e1-000000000005", "has_more": False}
    assert time.monotonic() - started > 0.9


async def test_a_wait_comes_before_the_etag(api: httpx.AsyncClient, make_event: Any) -> None:
    page = await api.get("/v1/feed?after=now")
    tag = {"if-none-match": page.headers["etag"]}
    waiting = asyncio.create_task(api.get("/v1/feed?after=e1-000000000000&wait=20", headers=tag))
    while not waiting_in(api):  # noqa: ASYNC110 (nothing tells)
        await asyncio.sleep(0.001)
    await write(api, make_event)
    assert (await waiting).status_code == 200


async def test_waiting_polls_answer_when_the_server_drains(
    api: httpx.AsyncClient, app: FastAPI, make_event: Any
) -> None:
    await write(api, make_event)
    waits = [asyncio.create_task(api.get("/v1/feed?after=now&wait=50")) for _ in range(3)]
    while app.state.services.notifier.waiting < 3:  # noqa: ASYNC110 (nothing tells)
        await asyncio.sleep(0.001)
    app.state.services.notifier.drain()
    for answer in await asyncio.wait_for(asyncio.gather(*waits), 2):
        assert answer.json() == {"items": [], "next": "e1-000000000001", "has_more": False}


async def test_head_and_checkpoint(api: httpx.AsyncClient, make_event: Any) -> None:
    empty = (await api.get("/v1/feed/checkpoint")).json()
    assert empty == {"at": "e1-000000000000", "live_events": 0, "digest": "0" * 64}
    one = (await api.post("/v1/events", json=make_event())).json()
    two = (await api.post("/v1/events", json=make_event())).json()
    await api.patch(f"/v1/events/{two['id']}", json={"title": "New"}, headers={"if-match": "*"})
    assert (await api.get("/v1/feed/checkpoint")).json()["digest"] == digest((one["id"], 1), (two["id"], 2))
    await api.delete(f"/v1/events/{one['id']}?reason=duplicate")
    now = await api.get("/v1/feed/checkpoint")
    assert now.json() == {"at": "e1-000000000004", "live_events": 1, "digest": digest((two["id"], 2))}
    before = (await api.get("/v1/feed/checkpoint?at=e1-000000000002")).json()
    assert before == {"at": "e1-000000000002", "live_events": 2, "digest": digest((one["id"], 1), (two["id"], 1))}
    head = await api.get("/v1/feed/head")
    assert list(head.json()) == ["epoch", "head", "oldest", "time"]
    assert (head.json()["head"], head.json()["oldest"]) == ("e1-000000000004", "e1-000000000000")
    assert head.headers["cache-control"] == "no-store"


def digest(*versions: tuple[str, int]) -> str:
    hashes = (hashlib.sha256(f"{event}:{version}".encode()).digest() for event, version in versions)
    return f"{sum(int.from_bytes(found) for found in hashes) % 2**256:064x}"


@pytest.mark.parametrize(
    ("at", "status"), [("e1-000000000009", 400), ("e2-000000000000", 410), ("now", 400), ("2025-01-01", 400)]
)
async def test_a_checkpoint_names_a_position_of_the_log(api: httpx.AsyncClient, at: str, status: int) -> None:
    assert (await api.get(f"/v1/feed/checkpoint?at={at}")).status_code == status


async def test_the_feed_needs_a_key_unless_anyone_may_read(client: httpx.AsyncClient) -> None:
    for path in ("/v1/feed", "/v1/feed/stream", "/v1/feed/head", "/v1/feed/checkpoint"):
        assert (await client.get(path)).status_code == 401


async def test_a_stream_gives_the_past_and_then_the_present(server: httpx.AsyncClient, make_event: Any) -> None:
    await write(server, make_event, 2)
    async with server.stream("GET", "/v1/feed/stream") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-accel-buffering"] == "no"
        stream = Stream(response)
        assert await stream.block() == {"retry": "3000"}
        blocks = [await stream.block(), await stream.block()]
        await write(server, make_event)
        blocks.append(await stream.block())
    items = (await server.get("/v1/feed")).json()["items"]
    assert [orjson.loads(block["data"]) for block in blocks] == items
    assert [block["id"] for block in blocks] == [item["id"] for item in items]
    assert {block["event"] for block in blocks} == {"change"}


async def test_a_stream_resumes_after_the_last_id_whatever_after_says(
    server: httpx.AsyncClient, make_event: Any
) -> None:
    await write(server, make_event, 3)
    resumed = {"last-event-id": "e1-000000000002", "accept": "text/event-stream"}
    async with server.stream("GET", "/v1/feed/stream?after=oldest", headers=resumed) as response:
        stream = Stream(response)
        await stream.block()
        assert (await stream.block())["id"] == "e1-000000000003"
    for bad, status in (("e1-000000000009", 400), ("e2-000000000001", 410), ("now", 400)):
        answer = await server.get("/v1/feed/stream", headers={"last-event-id": bad})
        assert answer.status_code == status


async def test_a_filtered_stream_learns_values_that_come_into_being(server: httpx.AsyncClient, make_event: Any) -> None:
    async with server.stream("GET", "/v1/feed/stream?after=now&place=Lviv&q=second") as response:
        stream = Stream(response)
        await stream.block()
        lviv = [{"name": "Lviv", "country": "UA", "role": "target"}]
        await server.post("/v1/events", json=make_event())
        await server.post("/v1/events", json=make_event(locations=lviv))
        await server.post("/v1/events", json=make_event(locations=lviv, title="Second"))
        assert (await stream.block())["id"] == "e1-000000000003"
        long = {"started_at": "2025-01-01T00:00:00Z", "ended_at": "2025-09-01T00:00:00Z", "title": "Second"}
        await server.post("/v1/events", json=make_event(locations=lviv, **long))
        assert (await stream.block())["id"] == "e1-000000000004"


async def test_a_quiet_stream_breathes_and_ends_with_its_key(
    server: httpx.AsyncClient, app: FastAPI, db: Database
) -> None:
    app.state.services = replace(app.state.services, stream_timings=StreamTimings(heartbeat_s=0.05))
    key, text = await create_key(db, "reader", ["read"])
    headers = {"authorization": f"Bearer {text}"}
    async with server.stream("GET", "/v1/feed/stream", headers=headers) as response:
        stream = Stream(response)
        await stream.block()
        assert await stream.block() == {"id": "e1-000000000000"}
        await revoke_key(db, key.id)
        await stream.rest()


async def test_streams_end_with_their_position_when_the_server_drains(
    server: httpx.AsyncClient, app: FastAPI, make_event: Any
) -> None:
    await write(server, make_event)
    async with server.stream("GET", "/v1/feed/stream?after=now") as response:
        stream = Stream(response)
        await stream.block()
        app.state.services.notifier.drain()
        assert await stream.rest() == b"id: e1-000000000001\n\n"


async def test_a_waiting_stream_holds_nothing_of_its_request(server: httpx.AsyncClient) -> None:
    sorts = (Request, Response, StreamQuery, ExitStack, AsyncExitStack)

    def standing() -> dict[int, object]:
        gc.collect()
        return {id(each): each for each in gc.get_objects() if isinstance(each, sorts)}

    before = standing()
    async with server.stream("GET", "/v1/feed/stream?after=now&kind=attack") as response:
        stream = Stream(response)
        while "id" not in await stream.block():
            pass
        assert not [each for name, each in standing().items() if name not in before]


async def test_open_streams_are_limited(make_app: Any, admin_key: str) -> None:
    app = await make_app(sse_max=3, sse_per_key=2)
    notifier = app.state.services.notifier
    headers = {"authorization": f"Bearer {admin_key}"}
    async with client_of(app) as reader:
        other = notifier.connections.seat("somebody else", 3, 2)
        other.take()
        one = asyncio.create_task(reader.get("/v1/feed/stream", headers=headers))
        while not notifier.waiting:  # noqa: ASYNC110 (nothing tells)
            await asyncio.sleep(0.001)
        two = asyncio.create_task(reader.get("/v1/feed/stream", headers=headers))
        while notifier.waiting < 2:  # noqa: ASYNC110 (nothing tells)
            await asyncio.sleep(0.001)
        full = await reader.get("/v1/feed/stream", headers=headers)
        assert (full.status_code, full.headers["retry-after"]) == (503, "30")
        other.leave()
        mine = await reader.get("/v1/feed/stream", headers=headers)
        assert (mine.status_code, mine.headers["retry-after"]) == (429, "30")
        notifier.drain()
        assert {(await one).status_code, (await two).status_code} == {200}
        assert not notifier.connections.taken


async def test_head_requests_do_not_open_streams(server: httpx.AsyncClient, app: FastAPI) -> None:
    for path in ("/v1/feed", "/v1/feed/stream", "/v1/feed/head", "/v1/feed/checkpoint"):
        answer = await asyncio.wait_for(server.head(path), 2)
        assert (answer.status_code, answer.content) == (200, b"")
    assert not app.state.services.notifier.connections.taken
