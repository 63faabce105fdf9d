"""The fixed feeds over HTTP: GeoJSON for maps, Atom for feed readers, kept by caches for a minute."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response, StreamingResponse

from app.auth.authentication import ReadKey
from app.changes import ChangeLog, ChangeLogDep, Head
from app.db import Database, DatabaseDep
from app.errors import Invalid, NotFound, problem_responses
from app.events.feeds.summary_feeds import SUMMARY_FEEDS, newest_change
from app.events.formats.atom import ATOM, Channel, atom_feed
from app.events.formats.export import GEOJSON, export_stream, page_response
from app.events.read.rows import Row, read_bodies, single_chunk
from app.events.schemas import FeatureCollection
from app.events.write.responses import page_etag
from app.http import DirectRoute, SettingsDep, base_address
from app.kinds import format_instant
from app.response_cache import Terms, cache_control, keep
from app.settings import Settings

router = APIRouter(prefix="/v1/feeds", tags=["fixed feeds"], route_class=DirectRoute)
CACHE_LIFETIME = "max-age=60"
# A feed of more bytes, or of events that have more, is made for each caller anew and leaves as it is made.
MAX_CACHED_BYTES = 8 * 1024 * 1024
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "Not modified."}}


class TooLargeToCache(Exception):
    """The answer would take too much memory at once."""


async def read_feed(
    request: Request, db: DatabaseDep, log: ChangeLogDep, settings: SettingsDep
) -> Callable[[str, str], Awaitable[Response]]:
    """Read a feed by its name, in a media type."""
    return partial(feed_response, request, db=db, log=log, settings=settings)


FeedReader = Annotated[Callable[[str, str], Awaitable[Response]], Depends(read_feed)]


@router.get(
    "/{feed}.geojson",
    response_model=None,
    responses={
        200: {"description": "The map.", "content": {GEOJSON: {"schema": FeatureCollection.model_json_schema()}}},
        **NOT_MODIFIED,
        **problem_responses(Invalid),
    },
)
async def get_geojson_feed(_: ReadKey, feed: str, read: FeedReader) -> Response:
    """Get the events of the last day, week or month as GeoJSON, newest first: a map layer that needs no query.

    It has every event of which some moment lies in the period, which ends with the current minute; one feature for
    each located place, nothing for events without coordinates, and at most the newest 10,000 events.
    """
    return await read(feed, GEOJSON)


@router.get(
    "/{feed}.atom",
    response_model=None,
    responses={
        200: {"description": "The feed.", "content": {ATOM: {}}},
        **NOT_MODIFIED,
        **problem_responses(Invalid),
    },
)
async def get_atom_feed(_: ReadKey, feed: str, read: FeedReader) -> Response:
    """Get the events of the last day, week or month as an Atom 1.0 feed (RFC 4287), for feed readers.

    It has the same events as the map, those without coordinates too. An entry's id is `urn:uuid:` and the event's id,
    its `updated` the event's `updated_at`; `via` links lead to the sources, and `georss:point` tells where.
    """
    return await read(feed, ATOM)


async def feed_response(
    request: Request,
    name: str,
    media: str,
    *,
    db: Database,
    log: ChangeLog,
    settings: Settings,
) -> Response:
    """Give the feed in that form, or 304 when the caller has it; one too large to cache is streamed to each caller."""
    feed = SUMMARY_FEEDS.get(name)
    if feed is None:
        raise NotFound(f"There is no such feed. There are: {', '.join(SUMMARY_FEEDS)}.")
    now, lasts = datetime.now(UTC), cache_control(settings, CACHE_LIFETIME)

    async def render(head: Head, pages: AsyncIterator[list[bytes]]) -> AsyncIterator[bytes]:
        if media == GEOJSON:
            return export_stream(pages, "geojson", head.cursor)
        # The id is the source's: it lasts when the address changes.
        source, path = orjson.loads(await log.source()), f"v1/feeds/{feed.name}.atom"
        channel = Channel(f"{source}#{feed.name}", feed.title, format_instant(head.time), base_address(request), path)
        return atom_feed(channel, pages)

    async def make(head: Head) -> Response:
        rows = await limit_size(newest_change(db, feed, now))
        headers = {"etag": page_etag(rows, None, media), "as-of": head.cursor, **lasts}
        pieces = await render(head, single_chunk([row.body for row in rows]))
        response = await page_response(pieces, headers, media, MAX_CACHED_BYTES)
        if isinstance(response, StreamingResponse):
            raise TooLargeToCache
        return response

    head = await log.head()
    try:
        return keep(request, await make(head), Terms(until=feed.ends(now).timestamp()))
    except TooLargeToCache:
        pieces = await render(head, read_bodies(newest_change(db, feed, now)))
        return StreamingResponse(pieces, headers={"as-of": head.cursor, **lasts}, media_type=media)


async def limit_size(pages: AsyncIterator[list[Row]]) -> list[Row]:
    """Take all rows, unless their bodies are too large to be held at once."""
    rows: list[Row] = []
    size = 0
    async for page in pages:
        rows += page
        size += sum(len(row.body) for row in page)
        if size > MAX_CACHED_BYTES:
            raise TooLargeToCache
    return rows
