"""The reading routes beside the list: count, export, and single events with their history."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response, StreamingResponse

from app.auth.authentication import ReadKey
from app.changes import ChangeLogDep
from app.db import DatabaseDep
from app.errors import (
    CursorAhead,
    CursorEpoch,
    CursorMalformed,
    Deleted,
    problem_responses,
)
from app.events.formats.export import MEDIA_TYPES
from app.events.read import queries, single_event
from app.events.read.as_of import read_as_of, resolve_query
from app.events.read.export import open_export
from app.events.schemas import (
    Count,
    CountQuery,
    EventQuery,
    ExportQuery,
    Revisions,
    RevisionsQuery,
)
from app.events.write.commands import EventVersion
from app.events.write.responses import reject_bad_address
from app.http import DirectRoute, NoQuery, query
from app.kinds import EventOut
from app.kinds.line_endings import strip_invisible
from app.kit.ids import read_id
from app.kit.json_lines import dump_json
from app.response_cache import Terms, keep

router = APIRouter(prefix="/v1/events", tags=["events"], route_class=DirectRoute)
JSON = "application/json"
CURSOR_PROBLEMS = (CursorMalformed, CursorAhead, CursorEpoch)
EVENT: dict[int | str, dict[str, Any]] = {200: {"model": EventOut}}


@router.get(
    "/count",
    response_model=None,
    responses={200: {"model": Count}, **problem_responses(*CURSOR_PROBLEMS)},
)
async def count_events(
    request: Request,
    _: ReadKey,
    params: Annotated[CountQuery, Depends(query(CountQuery))],
    db: DatabaseDep,
    log: ChangeLogDep,
) -> Response:
    """Count the events that match: the number of events that the list and the export give for the same filter."""
    head, resolved = await resolve_query(log, params)
    counted = {"count": await queries.count_events(db, log, resolved, head), "as_of": head.cursor}
    headers = {"as-of": head.cursor, "cache-control": "no-cache"}
    return keep(request, Response(dump_json(counted), headers=headers, media_type=JSON))


@router.get(
    "/export",
    response_model=None,
    responses={
        200: {"description": "The file.", "content": {media: {} for media in MEDIA_TYPES.values()}},
        **problem_responses(*CURSOR_PROBLEMS),
    },
)
async def export_events(
    _: ReadKey, params: Annotated[ExportQuery, Depends(query(ExportQuery))], db: DatabaseDep, log: ChangeLogDep
) -> Response:
    """Stream every match as one file, as it stood when the call came in; there is no row limit.

    Parquet and GeoParquet ask for pyarrow on the server, which `pip install 'sitrep[parquet]'` brings.
    """
    export = await open_export(db, log, params)
    headers = {"as-of": export.as_of, "cache-control": "no-cache"}
    return StreamingResponse(export.pieces, headers=headers, media_type=export.media_type)


@router.get(
    "/by-external-id/{system}/{id:path}",
    response_model=None,
    responses={**EVENT, 304: {"description": "Not modified."}},
)
async def find_by_external_id(
    request: Request,
    _: ReadKey,
    __: NoQuery,
    system: str,
    id: str,
    db: DatabaseDep,
    log: ChangeLogDep,
) -> Response:
    """Get the event that holds an external id. After its deletion the id is free again: 404."""
    reject_bad_address(request, system, id)
    await log.read_no_older()
    return conditional(request, await single_event.find_holder(db, system, strip_invisible(id)))


@router.get(
    "/{id}",
    response_model=None,
    responses={
        **EVENT,
        304: {"description": "Not modified."},
        **problem_responses(*CURSOR_PROBLEMS, Deleted),
    },
)
async def get_event(
    request: Request,
    _: ReadKey,
    params: Annotated[EventQuery, Depends(query(EventQuery))],
    id: str,
    db: DatabaseDep,
    log: ChangeLogDep,
) -> Response:
    """Get an event, now or as it was: `version` and `as_of` answer even after a deletion, so that a citation holds."""
    event_id = read_id(id)
    await log.read_no_older()
    if params.version is None and params.as_of is None:
        return conditional(request, await single_event.live_event(db, event_id))
    as_of = None if params.as_of is None else await read_as_of(log, params.as_of, "UTC")
    return conditional(request, await single_event.past_version(db, event_id, version=params.version, as_of=as_of))


@router.get(
    "/{id}/revisions",
    response_model=None,
    responses={200: {"model": Revisions}, **problem_responses(CursorMalformed)},
)
async def list_revisions(
    key: ReadKey,
    params: Annotated[RevisionsQuery, Depends(query(RevisionsQuery))],
    id: str,
    db: DatabaseDep,
    log: ChangeLogDep,
) -> Response:
    """Get an event's history, newest first: what changed when, by whom, and each change's place in the feed."""
    await log.read_no_older()
    page = await single_event.revisions(db, read_id(id), params.cursor, params.limit, named=key.owner != "")
    return Response(dump_json(page), headers={"cache-control": "no-cache"}, media_type=JSON)


def conditional(request: Request, found: EventVersion) -> Response:
    """An event with its ETag, or 304 when the caller has it; it is kept until the event changes."""
    headers = {"etag": f'"{found.version}"', "cache-control": "no-cache"}
    return keep(request, Response(found.body, headers=headers, media_type=JSON), Terms(event=found.key))
