"""The feed routes: poll, wait, stream, where the feed ends, and the checkpoint digest."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from app.auth.authentication import ReadKey
from app.changes import ChangeLogDep, format_cursor
from app.changes.tables import parse_cursor
from app.errors import CursorExpired, problem_responses
from app.events.read.as_of import DATED
from app.feed.notifier import NotifierDep
from app.feed.open_stream import StreamOpener
from app.feed.page_writer import change_page_response, page_etag
from app.feed.reader import CURSOR_PROBLEMS, ChangePage, find_page
from app.feed.schemas import Checkpoint, CheckpointQuery, FeedHead, FeedPage, FeedQuery, StreamQuery
from app.feed.sse import FEED_FORMAT
from app.http import DirectRoute, NoQuery, SettingsDep, if_none_match, query, query_pairs
from app.kinds import format_instant
from app.kit.json_lines import dump_json
from app.response_cache import Terms, cache_control, keep

router = APIRouter(prefix="/v1/feed", tags=["feed"], route_class=DirectRoute)
JSON, SSE = "application/json", "text/event-stream"
NO_STORE = {"cache-control": "no-store"}
UNCHANGING = "max-age=86400, immutable"
# What a reader who cannot wait should leave between two calls for the same page.
POLL_INTERVAL = {"cache-control": "no-cache", "x-poll-interval": "5"}


@router.get(
    "",
    response_model=None,
    responses={
        200: {"model": FeedPage},
        304: {"description": "Not modified."},
        **problem_responses(*CURSOR_PROBLEMS),
    },
)
async def read_feed(
    request: Request,
    _: ReadKey,
    params: Annotated[FeedQuery, Depends(query(FeedQuery))],
    log: ChangeLogDep,
    notifier: NotifierDep,
    settings: SettingsDep,
) -> Response:
    """Read the changes after a position, in the order in which they were committed; each is there exactly once.

    Follow `next`, which is always present and always moves on. A change is given if the event matched the filter
    before it or matches after it, so that a reader learns when an event leaves the filter. One call looks at no more
    than 10,000 changes: a page may be empty and yet `has_more`. With `wait` the call blocks at the end of the feed
    until there is a change to give. A page asked for by a cursor that has more behind it is final: cache it.
    """
    head, page = await find_page(log, notifier, params, params.after, limit=params.limit, wait=params.wait)
    final = page.more and is_literal(params.after)
    members = {"next": format_cursor(head.epoch, page.next), "has_more": page.more}
    etag = page_etag(page, await log.source(), members)
    headers = {
        "etag": etag,
        **(cache_control(settings, UNCHANGING) if final else POLL_INTERVAL),
        **link(request, page, head.epoch),
    }
    terms = Terms(after=parse_cursor(params.after)[1]) if final else Terms()
    if if_none_match(request.headers.get("if-none-match"), etag):
        return keep(request, Response(status_code=304, headers=headers), terms)
    return keep(request, await change_page_response(page, members, headers), terms)


@router.get(
    "/stream",
    response_model=None,
    responses={
        200: {"description": "Server-sent events.", "content": {SSE: {"schema": {"type": "string"}}}},
        **problem_responses(*CURSOR_PROBLEMS),
    },
)
async def stream_feed(
    *,
    request: Request,
    _: ReadKey,
    params: Annotated[StreamQuery, Depends(query(StreamQuery))],
    streams: Annotated[StreamOpener, Depends()],
) -> Response:
    """Follow the changes as server-sent events: `event: change`, the feed item as `data`, its position as `id`.

    `Last-Event-ID`, which browsers send by themselves, goes before `after`. A block with an `id` alone is a heartbeat
    and a checkpoint, every 15 s and after 10,000 changes that did not match. The stream ends after 15 minutes, when the
    server goes down or when the reader falls 1,000 changes behind; connect again and it goes on where it was.
    """
    resumed = request.headers.get("last-event-id")
    if resumed:
        parse_cursor(resumed)
    return await streams.open(params, resumed or params.after, FEED_FORMAT)


@router.get("/head", response_model=None, responses={200: {"model": FeedHead}})
async def read_head(_: ReadKey, __: NoQuery, log: ChangeLogDep) -> Response:
    """Tell where the feed ends now, and the lowest cursor that is accepted."""
    head = await log.head()
    shown = {
        "epoch": head.epoch,
        "head": head.cursor,
        "oldest": format_cursor(head.epoch, head.oldest),
        "time": format_instant(head.time),
    }
    return Response(dump_json(shown), headers=NO_STORE, media_type=JSON)


@router.get(
    "/checkpoint",
    response_model=None,
    responses={200: {"model": Checkpoint}, **problem_responses(*CURSOR_PROBLEMS)},
)
async def read_checkpoint(
    _: ReadKey, params: Annotated[CheckpointQuery, Depends(query(CheckpointQuery))], log: ChangeLogDep
) -> Response:
    """Give the digest over all events that live at a position, so that a mirror can prove that it equals the source."""
    head = await log.head()
    at = head.seq if params.at is None else await log.moment(params.at, head)
    if at < head.oldest:
        raise log.gone(CursorExpired, "The feed no longer reaches back to that cursor.", head)
    live, digest = await log.checkpoint(at)
    shown = {"at": format_cursor(head.epoch, at), "live_events": live, "digest": digest}
    return Response(dump_json(shown), headers=NO_STORE, media_type=JSON)


def is_literal(after: str) -> bool:
    """The position is a cursor, which always means the same."""
    return after not in {"oldest", "now"} and not DATED.match(after)


def link(request: Request, page: ChangePage, epoch: int) -> dict[str, str]:
    """Where the next page is, with all else that the caller asked."""
    if not page.more:
        return {}
    others = [(name, value) for name, value in query_pairs(request.scope["query_string"]) if name != "after"]
    target = urlencode([("after", format_cursor(epoch, page.next)), *others])
    return {"link": f'</v1/feed?{target}>; rel="next"'}
