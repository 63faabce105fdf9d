"""The fixed feeds over HTTP: GeoJSON for maps, Atom for feed readers, kept by caches for a minute."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from app.auth.access import ReadKey
from app.changes import Head
from app.errors import Forbidden, Invalid, NotFound, TooManyRequests, Unauthorized, Unavailable, refusals
from app.events.answers import page_etag
from app.events.atom import ATOM, Channel, atom_feed
from app.events.fixed import FIXED_FEEDS, FixedFeed, newest
from app.events.formats import GEOJSON, export_stream
from app.events.shapes import FeatureCollection
from app.kept import answered, lasting
from app.kinds import format_instant
from app.wire import NoQuery, base_address

router = APIRouter(prefix="/v1/feeds", tags=["fixed feeds"])
ALWAYS = (NotFound, Unauthorized, Forbidden, Invalid, TooManyRequests, Unavailable)
A_MINUTE = "max-age=60"
UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "Not modified."}}


@router.get(
    "/{feed}.geojson",
    response_model=None,
    responses={
        200: {"description": "The map.", "content": {GEOJSON: {"schema": FeatureCollection.model_json_schema()}}},
        **UNCHANGED,
        **refusals(*ALWAYS),
    },
)
async def get_geojson_feed(request: Request, _: ReadKey, __: NoQuery, feed: str) -> Response:
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
async def get_atom_feed(request: Request, _: ReadKey, __: NoQuery, feed: str) -> Response:
    """Get the events of the last day, week or month as an Atom 1.0 feed (RFC 4287), for feed readers.

    It has the same events as the map, those without coordinates too. An entry's id is `urn:uuid:` and the event's id,
    its `updated` the event's `updated_at`; `via` links lead to the sources, and `georss:point` tells where.
    """
    return await read_feed(request, feed, ATOM)


async def read_feed(request: Request, name: str, media: str) -> Response:
    """The feed in that form, or 304 when the caller has it."""
    feed = FIXED_FEEDS.get(name)
    if feed is None:
        raise NotFound(f"There is no such feed. There are: {', '.join(FIXED_FEEDS)}.")
    now = datetime.now(UTC)

    async def make(head: Head) -> Response:
        rows = await newest(request.app.state.db, feed, now)
        bodies = [row.body for row in rows]
        written = map_of(bodies, head) if media == GEOJSON else reader_feed(request, feed, bodies, head)
        headers = {"etag": page_etag(rows, None, media), "as-of": head.cursor, **lasting(request, A_MINUTE)}
        return Response(await written, headers=headers, media_type=media)

    return await answered(request, make, until=feed.ends(now).timestamp())


async def map_of(bodies: Sequence[bytes], head: Head) -> bytes:
    """The events as one FeatureCollection."""

    async def pages() -> AsyncIterator[list[bytes]]:
        yield list(bodies)

    return b"".join([piece async for piece in export_stream(pages(), "geojson", head.cursor)])


async def reader_feed(request: Request, feed: FixedFeed, bodies: Sequence[bytes], head: Head) -> bytes:
    """The events as Atom; the feed's id is the source's, so that it lasts when the address changes."""
    source = orjson.loads(await request.app.state.log.source())
    path = f"v1/feeds/{feed.name}.atom"
    channel = Channel(f"{source}#{feed.name}", feed.title, format_instant(head.time), base_address(request), path)
    return await atom_feed(channel, bodies)
