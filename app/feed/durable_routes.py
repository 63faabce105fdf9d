"""The read half of the Durable Streams protocol 1.0 over the feed: catch-up, long poll and server-sent events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from app.auth.authentication import ReadKey
from app.changes import ChangeLogDep, format_cursor
from app.changes.tables import parse_cursor
from app.errors import CursorMalformed, is_head, problem_responses
from app.feed.notifier import NotifierDep
from app.feed.open_stream import StreamOpener
from app.feed.page_writer import change_array_response, page_etag
from app.feed.reader import CURSOR_PROBLEMS, find_page
from app.feed.schemas import DurableQuery, FeedItems
from app.feed.sse import StreamTimingsDep
from app.feed.stream_format import DurableFormat, next_stream_cursor
from app.http import DirectRoute, SettingsDep, if_none_match, query
from app.response_cache import cache_control

router = APIRouter(prefix="/v1/streams", tags=["feed"], route_class=DirectRoute)
JSON = "application/json"
# Changes in one answer: about a megabyte of events.
MAX_ITEMS = 500
# Durable Streams 1.0, 8.2: streams end after about a minute, so that caches can join their readers.
STREAM_LIFE_S = 60.0
KEEP = "max-age=60, stale-while-revalidate=300"
NO_STORE = {"cache-control": "no-store"}
GUARDS = {"x-content-type-options": "nosniff", "cross-origin-resource-policy": "cross-origin"}
POSITIONS = {"-1": "oldest", "now": "now"}


@router.get(
    "/events",
    response_model=None,
    responses={
        200: {"model": FeedItems},
        204: {"description": "Nothing came while the long poll waited."},
        304: {"description": "Not modified."},
        **problem_responses(*CURSOR_PROBLEMS),
    },
)
async def read_durable_stream(
    *,
    request: Request,
    _: ReadKey,
    params: Annotated[DurableQuery, Depends(query(DurableQuery))],
    log: ChangeLogDep,
    notifier: NotifierDep,
    settings: SettingsDep,
    timings: StreamTimingsDep,
    streams: Annotated[StreamOpener, Depends()],
) -> Response:
    """Read the feed by the Durable Streams protocol 1.0 (its read half, JSON mode), for which there are clients.

    The answer is an array of feed items; `Stream-Next-Offset` is where to go on, `Stream-Up-To-Date` says that there
    was no more. `live=long-poll` waits for changes at the end, and answers 204 when none came; `live=sse` answers with
    `text/event-stream`: `data` events, each an array, and `control` events with the position. HEAD tells the end.
    """
    if is_head(request.scope):
        headers = {"stream-next-offset": (await log.head()).cursor, **NO_STORE, **GUARDS}
        return Response(headers=headers, media_type=JSON)
    after = read_offset(params)
    if params.live == "sse":
        return await streams.open(params, after, DurableFormat(params.cursor), life_s=STREAM_LIFE_S)
    wait = 0 if params.live is None else timings.long_poll_s
    head, page = await find_page(log, notifier, params, after, limit=MAX_ITEMS, wait=wait)
    following = format_cursor(head.epoch, page.next)
    headers = {
        "stream-next-offset": following,
        "stream-cursor": next_stream_cursor(params.cursor),
        **GUARDS,
        **({} if page.more else {"stream-up-to-date": "true"}),
    }
    if params.live and not (page.pieces or page.more):
        return Response(status_code=204, headers=headers | NO_STORE)
    if after == "now":
        return await change_array_response(page, headers | NO_STORE)
    headers["etag"] = etag = page_etag(page, await log.source(), {"next": following, "more": page.more})
    headers |= cache_control(settings, KEEP)
    if if_none_match(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return await change_array_response(page, headers)


def read_offset(params: DurableQuery) -> str:
    """Give the position as the feed calls it; CursorMalformed (400) for any other, or for none where one is needed."""
    if params.offset is None and params.live is not None:
        raise CursorMalformed("A live read needs `offset`: -1, now, or the Stream-Next-Offset of the answer before.")
    offset = params.offset or "-1"
    if offset not in POSITIONS:
        parse_cursor(offset)
    return POSITIONS.get(offset, offset)
