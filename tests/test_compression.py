"""Answers in gzip: for those who accept it, the same text, ETags that hold, and single events left alone."""

from __future__ import annotations

import asyncio
import gzip
import random
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from calls import written
from starlette.responses import Response, StreamingResponse

from app.compression import CompressionMiddleware
from app.http import if_none_match

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from fastapi import FastAPI
    from httpx import AsyncClient
    from starlette.types import Receive, Scope, Send

    MakeApp = Callable[..., Awaitable[FastAPI]]
    MakeEvent = Callable[..., dict[str, Any]]

LONG = (
    "/v1/events",
    "/v1/events/export?format=ndjson",
    "/v1/events/export?format=csv",
    "/v1/events/export?format=geojson",
    "/v1/stats/series?interval=day&group_by=country",
    "/v1/feed?limit=5",
    "/v1/kinds/attack",
    "/openapi.json",
    "/docs",
    "/",
)
GZIP = {"accept-encoding": "gzip"}
PLAIN = {"accept-encoding": "identity"}


@pytest.mark.parametrize("path", LONG)
async def test_a_long_answer_is_the_same_text_in_gzip(demo: AsyncClient, path: str) -> None:
    plain, packed, again = [await demo.get(path, headers=headers) for headers in (PLAIN, GZIP, GZIP)]
    head = await demo.head(path, headers=GZIP)

    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == head.headers["content-encoding"] == "gzip"
    assert packed.text == again.text == plain.text
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding, Authorization, Origin"
    assert packed.headers.get("content-length") == head.headers.get("content-length")
    assert packed.headers.get("content-length") == again.headers.get("content-length")
    if "etag" in plain.headers:
        is_weak = plain.headers["etag"].startswith("W/")
        assert (packed.headers["etag"] == plain.headers["etag"]) == is_weak
        for known in (packed.headers["etag"], plain.headers["etag"]):
            unchanged = await demo.get(path, headers={**GZIP, "if-none-match": f'"x", {known}'})
            assert (unchanged.status_code, unchanged.content) == (304, b"")
            assert unchanged.headers["etag"] == known
        assert (await demo.get(path, headers={**PLAIN, "if-none-match": plain.headers["etag"]})).status_code == 304


async def test_single_events_short_answers_and_refusals_stay_as_they_are(
    api: AsyncClient, make_event: MakeEvent
) -> None:
    event = await written(api, make_event(summary="word " * 900))
    for path in (f"/v1/events/{event['id']}", "/v1/events/count", "/v1/me", "/v1/events?limit=x", "/livez"):
        answer = await api.get(path, headers=GZIP)
        assert "content-encoding" not in answer.headers, path
    refused = {"accept-encoding": "gzip, identity;q=0"}
    assert (await api.get("/v1/events/count", headers=refused)).headers["content-encoding"] == "gzip"
    assert (await api.get("/v1/events", headers={"accept-encoding": "gzip;q=0"})).headers.get(
        "content-encoding"
    ) is None


async def ask(response: Response, **fields: str) -> tuple[dict[str, str], list[bytes]]:
    """What a response becomes on its way out: header fields, and the parts of its body."""
    messages: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await response(scope, receive, send)

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def keep(message: Any) -> None:
        messages.append(message)

    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    await CompressionMiddleware(app)({"type": "http", "method": "GET", "headers": headers}, receive, keep)
    return {name.decode(): value.decode() for name, value in messages[0]["headers"]}, [m["body"] for m in messages[1:]]


async def test_a_stream_is_compressed_piece_by_piece() -> None:
    pieces = [random.Random(n).randbytes(20_000).hex().encode() for n in range(20)]

    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    headers, sent = await ask(StreamingResponse(body(), media_type="application/x-ndjson"), accept_encoding="gzip")

    assert headers["content-encoding"] == "gzip"
    assert "content-length" not in headers
    assert gzip.decompress(b"".join(sent)) == b"".join(pieces)
    unpack = zlib.decompressobj(31)
    assert len(unpack.decompress(b"".join(sent[: len(sent) // 2]))) > 100_000  # it does not wait for the end


@pytest.mark.parametrize("media", ["text/event-stream", "image/png", "application/octet-stream", "application/zip"])
async def test_events_of_streams_and_packed_media_are_left_alone(media: str) -> None:
    headers, sent = await ask(Response(bytes(5000), media_type=media), accept_encoding="gzip")

    assert "content-encoding" not in headers
    assert sent == [bytes(5000)]


@pytest.mark.parametrize(("size", "packed"), [(1023, False), (1024, True)])
async def test_a_kilobyte_is_worth_it(size: int, *, packed: bool) -> None:
    headers, _ = await ask(Response(b"x" * size, media_type="application/json"), accept_encoding="gzip")

    assert (headers.get("content-encoding") == "gzip") is packed


async def test_a_version_is_the_etag_of_one_sequence_of_bytes() -> None:
    response = Response(b"x" * 5000, headers={"etag": '"7"'}, media_type="application/json")
    headers, _ = await ask(response, accept_encoding="gzip")

    assert "content-encoding" not in headers
    assert headers["etag"] == '"7"'
    assert if_none_match('"7-gzip"', headers["etag"]) is False
