"""The list of events over HTTP: as JSON for programs, as GeoJSON for maps, as Atom for feed readers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from app.auth.authentication import ReadKey
from app.auth.feed_token_middleware import token_pairs
from app.changes import ChangeLog, ChangeLogDep, Head
from app.db import Database, DatabaseDep
from app.errors import (
    CursorAhead,
    CursorEpoch,
    CursorMalformed,
    CursorMismatch,
    problem_responses,
)
from app.events.formats.atom import ATOM, Channel, atom_feed
from app.events.formats.export import GEOJSON, JSON, fields_page, geojson_page, json_page, page_response
from app.events.read import queries as reads
from app.events.read.as_of import resolve_query
from app.events.read.rows import Row, single_chunk
from app.events.schemas import EventList, FeatureCollection, ListQuery, PageQuery
from app.events.write.responses import page_etag
from app.http import DirectRoute, base_address, if_none_match, query, query_pairs
from app.http.pagination import decode_place, encode_place, query_hash
from app.kinds import format_instant
from app.response_cache import keep

router = APIRouter(prefix="/v1/events", tags=["events"], route_class=DirectRoute)
LIST_PROBLEMS = problem_responses(
    CursorMismatch,
    CursorMalformed,
    CursorAhead,
    CursorEpoch,
)
SUFFIXES = {JSON: "", GEOJSON: ".geojson", ATOM: ".atom"}
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "Not modified."}}


class ListResult(NamedTuple):
    """A page of the list, the feed's head before it was read, and the cursor of the page that follows."""

    head: Head
    rows: list[Row]
    following: str | None

    @property
    def bodies(self) -> list[bytes]:
        """The events as they are stored."""
        return [row.body for row in self.rows]


@router.get("", response_model=None, responses={200: {"model": EventList}, **NOT_MODIFIED, **LIST_PROBLEMS})
async def list_events(
    request: Request,
    _: ReadKey,
    params: Annotated[ListQuery, Depends(query(ListQuery))],
    db: DatabaseDep,
    log: ChangeLogDep,
) -> Response:
    """Find events, newest first unless sorted otherwise.

    Follow `next` (also the `Link` header) to read on; follow the feed from the first page's `as_of` to keep up. With
    `fields` the events have only these members. Maps and feed readers take the same list as `/v1/events.geojson` and
    `/v1/events.atom`.
    """
    found = await find_page(db, log, params)
    fields = params.fields or []
    pieces = (
        fields_page(found.bodies, fields, found.following, found.head.cursor)
        if fields
        else json_page(found.bodies, found.following, found.head.cursor)
    )
    return await list_response(request, found, pieces, JSON, sorted(set(fields)))


@router.get(
    ".geojson",
    response_model=None,
    responses={
        200: {"description": "The map.", "content": {GEOJSON: {"schema": FeatureCollection.model_json_schema()}}},
        **NOT_MODIFIED,
        **LIST_PROBLEMS,
    },
)
async def list_events_geojson(
    request: Request,
    _: ReadKey,
    params: Annotated[PageQuery, Depends(query(PageQuery))],
    db: DatabaseDep,
    log: ChangeLogDep,
) -> Response:
    """Find events as a GeoJSON FeatureCollection (RFC 7946): the list, with a feature for each place with coordinates.

    A page has `limit` events, whatever the number of their places; one whose events have none is without features.
    Follow `next`, also the `Link` header, to read on.
    """
    found = await find_page(db, log, params)
    return await list_response(request, found, geojson_page(found.bodies, found.following, found.head.cursor), GEOJSON)


@router.get(
    ".atom",
    response_model=None,
    responses={200: {"description": "The feed.", "content": {ATOM: {}}}, **NOT_MODIFIED, **LIST_PROBLEMS},
)
async def list_events_atom(
    request: Request,
    _: ReadKey,
    params: Annotated[PageQuery, Depends(query(PageQuery))],
    db: DatabaseDep,
    log: ChangeLogDep,
) -> Response:
    """Find events as an Atom 1.0 feed (RFC 4287): the list, with an entry for each event.

    `rel="next"`, in the feed and in the `Link` header, leads to the next page (RFC 5005).
    """
    found = await find_page(db, log, params)
    return await list_response(
        request,
        found,
        atom_feed(channel_of(request, found, orjson.loads(await log.source())), single_chunk(found.bodies)),
        ATOM,
    )


async def find_page(db: Database, log: ChangeLog, params: PageQuery) -> ListResult:
    """Read the page that is asked for."""
    head, resolved = await resolve_query(log, params)
    checked = query_hash(params)
    after = None if params.cursor is None else decode_place(params.cursor, checked)
    page = await reads.list_page(db, resolved, params.sort, params.limit, after)
    return ListResult(head, page.rows, None if page.last is None else encode_place(*page.last, checked))


async def list_response(
    request: Request, found: ListResult, pieces: AsyncIterator[bytes], media: str, variant: Iterable[str] = ()
) -> Response:
    """Answer with the page, or 304 when the caller has it; `variant` tells answers of one media type apart."""
    etag = page_etag(found.rows, found.following, " ".join((media, *variant)))
    headers = {
        "etag": etag,
        "as-of": found.head.cursor,
        "cache-control": "no-cache",
        **link(request, media, found.following),
    }
    if if_none_match(request.headers.get("if-none-match"), etag):
        return keep(request, Response(status_code=304, headers=headers))
    return keep(request, await page_response(pieces, headers, media))


def link(request: Request, media: str, cursor: str | None) -> dict[str, str]:
    """Where the next page is, relative to this one."""
    path = f"/v1/events{SUFFIXES[media]}"
    return {} if cursor is None else {"link": f'<{path}?{next_query(request, cursor)}>; rel="next"'}


def next_query(request: Request, cursor: str) -> str:
    """The query of the next page."""
    pairs = query_pairs(request.scope["query_string"])
    return urlencode([*without_cursor(pairs), ("cursor", cursor), *token_pairs(request.scope)])


def channel_of(request: Request, found: ListResult, source: str) -> Channel:
    """What the feed says of itself; its id is that of the filter, whichever page it is."""
    pairs = query_pairs(request.scope["query_string"])
    queries = [f"?{text}" if (text := urlencode(some)) else "" for some in (without_cursor(pairs), pairs)]
    path = "v1/events.atom"
    following = None if found.following is None else f"{path}?{next_query(request, found.following)}"
    id, updated = f"{source}#events{queries[0]}", format_instant(found.head.time)
    return Channel(id, "Events", updated, base_address(request), path + queries[1], following)


def without_cursor(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The query of all pages."""
    return [pair for pair in pairs if pair[0] != "cursor"]
