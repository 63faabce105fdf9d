"""The fixed feeds over HTTP: GeoJSON for maps, Atom for feed readers, kept by caches for a minute."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from app.auth.authentication import ReadKey
from app.changes import Head
from app.errors import Forbidden, Invalid, NotFound, TooManyRequests, Unauthorized, Unavailable, refusals
from app.events.feeds.summary_feeds import FIXED_FEEDS, FixedFeed, newest
from app.events.formats.atom import ATOM, Channel, atom_feed
from app.events.formats.export import GEOJSON, export_stream, page_response
from app.events.read.rows import Row
from app.events.schemas import FeatureCollection
from app.events.write.responses import page_etag
from app.http import base_address
from app.kinds import format_instant
from app.response_cache import answered, lasting

router = APIRouter(prefix="/v1/feeds", tags=["fixed feeds"])
ALWAYS = (NotFound, Unauthorized, Forbidden, Invalid, TooManyRequests, Unavailable)
A_MINUTE = "max-age=60"
# A feed of more bytes, or of events that have more, is made for each caller anew and leaves as it is made.
MAX_KEPT_BYTES = 8 * 1024 * 1024
UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "Not modified."}}


class TooLargeToKeep(Exception):
    """The answer would take too much memory at once."""


@router.get(
    "/{feed}.geojson",
    response_model=None,
    responses={
        200: {"description": "The map.", "content": {GEOJSON: {"schema": FeatureCollection.model_json_schema()}}},
        **UNCHANGED,
        **refusals(*ALWAYS),
    },
)
async def get_geojson_feed(request: Request, _: ReadKey, feed: str) -> Response:
    """Get the events of the last day, week or month as GeoJSON, newest first: a map layer that needs no query.

    It has every event of which some moment lies in the period, which ends with the current minute; one feature for
    each located place, nothing for events without coordinates, and at most the newest 10,000 events.
    """
    return await read_feed(request, feed, GEOJSON)


@router.get(
    "/{feed}.atom",
    response_model=None,
    responses={200: {"description": "The feed.", "content": {ATOM: {}}}, **UNCHANGED, **refusals(*ALWAYS)},
)
async def get_atom_feed(request: Request, _: ReadKey, feed: str) -> Response:
    """Get the events of the last day, week or month as an Atom 1.0 feed (RFC 4287), for feed readers.

    It has the same events as the map, those without coordinates too. An entry's id is `urn:uuid:` and the event's id,
    its `updated` the event's `updated_at`; `via` links lead to the sources, and `georss:point` tells where.
    """
    return await read_feed(request, feed, ATOM)


async def read_feed(request: Request, name: str, media: str) -> Response:
    """Give the feed in that form, or 304 when the caller has it; one too large to keep is streamed to each caller."""
    feed = FIXED_FEEDS.get(name)
    if feed is None:
        raise NotFound(f"There is no such feed. There are: {', '.join(FIXED_FEEDS)}.")
    now, lasts = datetime.now(UTC), lasting(request, A_MINUTE)

    async def make(head: Head) -> Response:
        rows = await held(newest(request.app.state.db, feed, now))
        headers = {"etag": page_etag(rows, None, media), "as-of": head.cursor, **lasts}
        answer = await page_response(
            await written(request, feed, media, one([row.body for row in rows]), head), headers, media, MAX_KEPT_BYTES
        )
        if isinstance(answer, StreamingResponse):
            raise TooLargeToKeep
        return answer

    try:
        return await answered(request, make, until=feed.ends(now).timestamp())
    except TooLargeToKeep:
        head = await request.app.state.log.head()
        pieces = await written(request, feed, media, bodies_of(newest(request.app.state.db, feed, now)), head)
        return StreamingResponse(pieces, headers={"as-of": head.cursor, **lasts}, media_type=media)


async def held(pages: AsyncIterator[list[Row]]) -> list[Row]:
    """Take all rows, unless their bodies are too large to be held at once."""
    rows: list[Row] = []
    size = 0
    async for page in pages:
        rows += page
        size += sum(len(row.body) for row in page)
        if size > MAX_KEPT_BYTES:
            raise TooLargeToKeep
    return rows


async def one(bodies: list[bytes]) -> AsyncIterator[list[bytes]]:
    """Give a single page."""
    yield bodies


async def bodies_of(pages: AsyncIterator[list[Row]]) -> AsyncIterator[list[bytes]]:
    """Give only the bodies of the pages."""
    async for rows in pages:
        yield [row.body for row in rows]


async def written(
    request: Request, feed: FixedFeed, media: str, pages: AsyncIterator[list[bytes]], head: Head
) -> AsyncIterator[bytes]:
    """Write the events as GeoJSON, or as Atom, whose id is the source's: it lasts when the address changes."""
    if media == GEOJSON:
        return export_stream(pages, "geojson", head.cursor)
    source = orjson.loads(await request.app.state.log.source())
    path = f"v1/feeds/{feed.name}.atom"
    channel = Channel(f"{source}#{feed.name}", feed.title, format_instant(head.time), base_address(request), path)
    return atom_feed(channel, pages)
