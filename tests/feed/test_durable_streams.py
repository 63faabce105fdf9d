"""The read half of Durable Streams, header by header: what its specification asks of a server, and what we refuse."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from calls import good, problem
from conftest import client_of

from app.feed.sse import StreamTimings
from app.feed.stream_format import next_stream_cursor

if TYPE_CHECKING:
    import httpx
    from fastapi import FastAPI

EVENTS = "/v1/streams/events"


async def write(api: httpx.AsyncClient, event: dict[str, Any], count: int = 1) -> None:
    items = [{"op": "create", "event": event} for _ in range(count)]
    good(await api.post("/v1/events/batch", json={"items": items}))


def where(answer: httpx.Response) -> tuple[str, str | None, bool]:
    """What the answer says of the position: where to go on, whether that is the end, and whether there is a cursor."""
    fields = answer.headers
    return fields["stream-next-offset"], fields.get("stream-up-to-date"), fields["stream-cursor"].isdigit()


async def test_catching_up_gives_the_items_of_the_feed_in_pages(api: httpx.AsyncClient, make_event: Any) -> None:
    empty = await api.get(EVENTS)
    assert (empty.json(), where(empty)) == ([], ("e1-000000000000", "true", True))
    await write(api, make_event(), 510)
    whole = await api.get(f"{EVENTS}?offset=-1")
    assert where(whole) == ("e1-000000000500", None, True)
    rest = await api.get(f"{EVENTS}?offset=e1-000000000500")
    assert where(rest) == ("e1-000000000510", "true", True)
    assert whole.content[:-1] + b"," + rest.content[1:] == b"[%b]" % b",".join(await feed_items(api))
    assert whole.headers["content-type"] == "application/json"
    assert whole.headers["cache-control"] == "private, max-age=60, stale-while-revalidate=300"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["cross-origin-resource-policy"] == "cross-origin"
    same = await api.get(EVENTS, headers={"if-none-match": whole.headers["etag"]})
    assert (same.status_code, same.content, where(same)) == (304, b"", where(whole))
    more = await api.get(f"{EVENTS}?offset=e1-000000000500", headers={"if-none-match": whole.headers["etag"]})
    assert more.status_code == 200
    head = await api.head(EVENTS)
    assert (head.headers["stream-next-offset"], head.headers["cache-control"]) == ("e1-000000000510", "no-store")
    assert (head.status_code, head.headers["content-type"]) == (200, "application/json")
    assert (await api.head(f"{EVENTS}?offset=-1&live=sse")).headers["stream-next-offset"] == "e1-000000000510"


async def feed_items(api: httpx.AsyncClient) -> list[bytes]:
    """Every item of the feed, byte for byte."""
    pages = [
        await api.get("/v1/feed?after=oldest&limit=500"),
        await api.get("/v1/feed?after=e1-000000000500&limit=500"),
    ]
    return [page.content.removeprefix(b'{"items":[').rpartition(b'],"next"')[0] for page in pages]


async def test_the_end_is_told_and_waited_at(app: FastAPI, api: httpx.AsyncClient, make_event: Any) -> None:
    await write(api, make_event())
    now = await api.get(f"{EVENTS}?offset=now")
    assert (now.json(), where(now)) == ([], ("e1-000000000001", "true", True))
    assert "etag" not in now.headers
    assert now.headers["cache-control"] == "no-store"
    app.state.services = replace(app.state.services, stream_timings=StreamTimings(long_poll_s=0.02))
    late = await api.get(f"{EVENTS}?offset=e1-000000000001&live=long-poll")
    assert (late.status_code, late.content, where(late)) == (204, b"", ("e1-000000000001", "true", True))
    assert late.headers["cache-control"] == "no-store"
    other = await api.get(f"{EVENTS}?offset=-1&live=long-poll&kind=negotiation_round")
    assert (other.status_code, where(other)) == (204, ("e1-000000000001", "true", True))
    at_once = await api.get(f"{EVENTS}?offset=-1&live=long-poll")
    assert (len(good(at_once)), "max-age=60" in at_once.headers["cache-control"]) == (1, True)
    app.state.services = replace(app.state.services, stream_timings=StreamTimings(long_poll_s=60))
    for offset, caching in (
        ("now", "no-store"),
        ("e1-000000000002", "private, max-age=60, stale-while-revalidate=300"),
    ):
        waiting = asyncio.create_task(api.get(f"{EVENTS}?offset={offset}&live=long-poll&cursor={10**12}"))
        while not app.state.services.notifier.waiting:  # noqa: ASYNC110 (it has no event)
            await asyncio.sleep(0.005)
        await write(api, make_event())
        came = await waiting
        assert ([item["sequence"] for item in good(came)], where(came)[1]) == (
            [came.headers["stream-next-offset"][3:]],
            "true",
        )
        assert int(came.headers["stream-cursor"]) > 10**12
        assert came.headers["cache-control"] == caching


async def test_a_stream_tells_its_position_after_every_batch(make_app: Any, admin_key: str, make_event: Any) -> None:
    app = await make_app()
    app.state.services = replace(app.state.services, stream_timings=StreamTimings(life_s=0.1, heartbeat_s=0.01))
    async with client_of(app, admin_key) as api:
        await write(api, make_event(), 3)
        every = await api.get(f"{EVENTS}?offset=-1&live=sse")
        others = await api.get(f"{EVENTS}?offset=-1&live=sse&kind=negotiation_round")
        at_end = await api.get(f"{EVENTS}?offset=now&live=sse&cursor={10**12}")
    assert every.headers["content-type"].startswith("text/event-stream")
    assert every.headers["cache-control"] == "no-store"
    first, *controls = blocks(every.text)
    assert [item["sequence"][-1] for item in first["data"]] == ["1", "2", "3"]
    for found in (controls, blocks(others.text), blocks(at_end.text)):
        assert found
        assert all(block["control"]["streamNextOffset"] == "e1-000000000003" for block in found)
        assert all(block["control"]["upToDate"] is True for block in found)
    assert all(int(block["control"]["streamCursor"]) > 10**12 for block in blocks(at_end.text))


def blocks(text: str) -> list[dict[str, Any]]:
    """Each event of a stream: its name and its data."""
    found = [dict(line.split(": ", 1) for line in block.split("\n")) for block in text.split("\n\n") if block]
    return [{block["event"]: json.loads(block["data"])} for block in found]


REFUSED = (
    ("offset=yesterday", 400, "cursor-malformed"),
    ("offset=oldest", 400, "cursor-malformed"),
    ("offset=2025-09-07", 400, "cursor-malformed"),
    ("offset=e1-000000000009", 400, "cursor-ahead"),
    ("live=long-poll", 400, "cursor-malformed"),
    ("live=sse", 400, "cursor-malformed"),
    ("offset=-1&live=yes", 422, "validation"),
    ("offset=e2-000000000001", 410, "cursor-epoch"),
    ("offset=e2-000000000001&live=sse", 410, "cursor-epoch"),
    ("cursor=x", 422, "validation"),
    ("after=now", 422, "validation"),
    ("kind=battle&offset=now&live=sse", 422, "validation"),
)


async def test_what_is_refused_is_told_as_a_problem(api: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    for question, status, slug in REFUSED:
        problem(await api.get(f"{EVENTS}?{question}"), status, slug)
    for method in ("PUT", "POST", "DELETE", "PATCH"):
        refused = await api.request(method, EVENTS)
        problem(refused, 405, "method-not-allowed")
        assert refused.headers["allow"] == "GET, HEAD"
    problem(await client.get(f"{EVENTS}?offset=now&live=sse"), 401, "unauthorized")


async def test_streams_of_both_sorts_share_their_limit(make_app: Any, admin_key: str) -> None:
    app = await make_app(sse_per_key=1)
    async with client_of(app, admin_key) as api:
        id_ = good(await api.get("/v1/me"))["id"]
        app.state.services.notifier.connections.seat(f"key {id_}", 1, 1).take()
        for path in ("/v1/feed/stream", f"{EVENTS}?offset=now&live=sse"):
            problem(await api.get(path), 429)


@pytest.mark.parametrize("sent", [None, "0", "9" * 17])
def test_a_cursor_always_goes_forward(sent: str | None) -> None:
    assert int(next_stream_cursor(sent)) > int(sent or 0)
