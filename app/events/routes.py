"""The event routes: write, read, find, count and export."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response, StreamingResponse

from app.auth.access import ReadKey, WriteKey
from app.auth.routes import refusals
from app.errors import (
    CursorAhead,
    CursorEpoch,
    CursorMalformed,
    CursorMismatch,
    Deleted,
    DiskFull,
    DuplicateExternalId,
    FieldError,
    Forbidden,
    IdempotencyInProgress,
    IdempotencyMismatch,
    Invalid,
    Malformed,
    NotAcceptable,
    NotFound,
    PayloadTooLarge,
    PreconditionRequired,
    RequestTimeout,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
    VersionMismatch,
)
from app.events import reads
from app.events.answers import created, refuse_bad_text, removed, reuse_of, shown, stored
from app.events.batch import batch_answer, read_batch, read_items, read_known, read_new, upsert_of
from app.events.commands import Create, Patch, Remove, Replace
from app.events.formats import MEDIA_TYPES, export_stream, geojson_page, json_page
from app.events.identity import read_id
from app.events.moments import read_as_of, wanted_of
from app.events.shapes import (
    BatchIn,
    BatchOut,
    BatchQuery,
    Count,
    CountQuery,
    EventIn,
    EventList,
    EventOut,
    EventQuery,
    ExportQuery,
    FeatureCollection,
    ListQuery,
    MergePatch,
    NoQuery,
    RemoveQuery,
    Revisions,
    RevisionsQuery,
)
from app.events.store import Job, Outcome
from app.wire import accepts, body, if_none_match, parse_if_match, query

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.events.store import Result

router = APIRouter(prefix="/v1/events", tags=["events"])

JSON, GEOJSON = "application/json", "application/geo+json"
ALWAYS = (Unauthorized, Forbidden, Invalid, TooManyRequests, Unavailable)
SENDING = (Malformed, RequestTimeout, PayloadTooLarge, UnsupportedMediaType, DiskFull, *ALWAYS)
POSITIONS = (CursorMalformed, CursorAhead, CursorEpoch)
ONCE = (IdempotencyInProgress, IdempotencyMismatch)
EVENT: dict[int | str, dict[str, Any]] = {200: {"model": EventOut}}


@router.post(
    "",
    status_code=201,
    response_model=None,
    responses={201: {"model": EventOut}, **refusals(DuplicateExternalId, *ONCE, *SENDING)},
)
async def create_event(
    request: Request,
    key: WriteKey,
    _: Annotated[NoQuery, Depends(query(NoQuery))],
    event: Annotated[Any, Depends(body(lambda data: read_new(data, batch=False), schema=EventIn))],
) -> Response:
    """Add an event; it appears in the feed at once.

    An `Idempotency-Key` makes a repeated call answer as the first one did, for 24 hours.
    An external id that another event holds is 409, with `existing`.
    """
    job = Job(
        [Create(event)], key.owner, lambda results: created(only(results)), reuse=await reuse_of(request, key.owner)
    )
    return shown(await request.app.state.store.run(job))


@router.get(
    "",
    response_model=None,
    responses={
        200: {"model": EventList, "content": {GEOJSON: {"schema": FeatureCollection.model_json_schema()}}},
        304: {"description": "Not modified."},
        **refusals(CursorMismatch, NotAcceptable, *POSITIONS, *ALWAYS),
    },
)
async def list_events(request: Request, _: ReadKey, asked: Annotated[ListQuery, Depends(query(ListQuery))]) -> Response:
    """Find events, newest first unless sorted otherwise.

    Follow `next` (also the `Link` header) to read on; follow the feed from the first page's `as_of` to keep up.
    `Accept: application/geo+json` gives a FeatureCollection, one feature per event and located place.
    """
    media = accepts(request.headers.get("accept"), (JSON, GEOJSON))
    head, wanted = await wanted_of(request.app.state.log, asked)
    checked = reads.question_hash(asked)
    page = await reads.list_page(request.app.state.db, wanted, asked.sort, asked.limit, asked.cursor, checked)
    etag = page_etag(page, media)
    headers = {"etag": etag, "as-of": head.cursor, "cache-control": "no-cache", **link(request, page.next)}
    if if_none_match(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    bodies = [row.body for row in page.rows]
    text = (json_page if media == JSON else geojson_page)(bodies, page.next, head.cursor)
    return Response(text, headers=headers, media_type=media)


@router.get("/count", response_model=None, responses={200: {"model": Count}, **refusals(*POSITIONS, *ALWAYS)})
async def count_events(
    request: Request, _: ReadKey, asked: Annotated[CountQuery, Depends(query(CountQuery))]
) -> Response:
    """Count the events that match: the number of events that the list and the export give for the same filter."""
    head, wanted = await wanted_of(request.app.state.log, asked)
    count = await reads.count_events(request.app.state.db, request.app.state.log, wanted, head)
    return Response(
        orjson.dumps({"count": count, "as_of": head.cursor}),
        headers={"as-of": head.cursor, "cache-control": "no-cache"},
        media_type=JSON,
    )


@router.get(
    "/export",
    response_model=None,
    responses={
        200: {"description": "The file.", "content": {media: {} for media in MEDIA_TYPES.values()}},
        **refusals(*POSITIONS, *ALWAYS),
    },
)
async def export_events(
    request: Request, _: ReadKey, asked: Annotated[ExportQuery, Depends(query(ExportQuery))]
) -> Response:
    """Stream every match as one file, as it stood when the call came in; there is no row limit."""
    head, wanted = await wanted_of(request.app.state.log, asked)
    wanted = wanted._replace(as_of=head.seq)
    stream = export_stream(bodies_of(reads.walk(request.app.state.db, wanted)), asked.format, head.cursor)
    headers = {"as-of": head.cursor, "cache-control": "no-cache"}
    return StreamingResponse(stream, headers=headers, media_type=MEDIA_TYPES[asked.format])


@router.post(
    "/batch",
    response_model=None,
    responses={
        200: {"model": BatchOut},
        **refusals(NotFound, DuplicateExternalId, Deleted, VersionMismatch, PreconditionRequired, *ONCE, *SENDING),
    },
)
async def write_batch(
    request: Request,
    key: WriteKey,
    asked: Annotated[BatchQuery, Depends(query(BatchQuery))],
    items: Annotated[Any, Depends(body(read_batch, schema=BatchIn))],
) -> Response:
    """Write up to 1,000 items, decided in order; later ones see earlier ones.

    By default all or nothing: the answer has the status of the first item that fails, its pointers below
    `/items/<n>`. With `partial=true` each item stands for itself. `#<index>` names the event of an earlier item.
    """
    commands, places = read_items(items)
    instance = instance_of(request)
    job = Job(
        commands,
        key.owner,
        lambda results: batch_answer(results, instance),
        atomic=asked.partial == "false",
        places=places,
        reuse=await reuse_of(request, key.owner),
    )
    return shown(await request.app.state.store.run(job))


@router.get(
    "/by-external-id/{system}/{id:path}",
    response_model=None,
    responses={**EVENT, 304: {"description": "Not modified."}, **refusals(NotFound, *ALWAYS)},
)
async def find_by_external_id(
    request: Request,
    _: ReadKey,
    __: Annotated[NoQuery, Depends(query(NoQuery))],
    system: str,
    id: str,  # noqa: A002 (the contract's name)
) -> Response:
    """Get the event that holds an external id. After its deletion the id is free again: 404."""
    refuse_bad_text(system, id)
    return conditional(request, await reads.held_by(request.app.state.db, system, id))


@router.put(
    "/by-external-id/{system}/{id:path}",
    response_model=None,
    responses={
        **EVENT,
        201: {"model": EventOut},
        **refusals(NotFound, DuplicateExternalId, VersionMismatch, *SENDING),
    },
)
async def upsert_event(  # noqa: PLR0913, PLR0917 (each is a part of the request)
    request: Request,
    key: WriteKey,
    _: Annotated[NoQuery, Depends(query(NoQuery))],
    data: Annotated[Any, Depends(body(lambda data: data, schema=EventIn))],
    system: str,
    id: str,  # noqa: A002 (the contract's name)
) -> Response:
    """Add the event, or replace the one that holds this external id; the same content again changes nothing.

    `If-Match` guards against overwriting, `If-None-Match: *` against replacing at all.
    """
    refuse_bad_text(system, id)
    only_new = request.headers.get("if-none-match", "").strip() == "*"
    command = upsert_of(system, id, data, if_match(request), only_new=only_new, batch=False)
    return shown(await request.app.state.store.run(Job([command], key.owner, lambda results: stored(only(results)))))


@router.get(
    "/{id}",
    response_model=None,
    responses={
        **EVENT,
        304: {"description": "Not modified."},
        **refusals(NotFound, Deleted, *POSITIONS, *ALWAYS),
    },
)
async def get_event(
    request: Request,
    _: ReadKey,
    asked: Annotated[EventQuery, Depends(query(EventQuery))],
    id: str,  # noqa: A002 (the contract's name)
) -> Response:
    """Get an event, now or as it was: `version` and `as_of` answer even after a deletion, so that a citation holds."""
    db, event_id = request.app.state.db, read_id(id)
    if asked.version is None and asked.as_of is None:
        return conditional(request, await reads.live_event(db, event_id))
    as_of = None if asked.as_of is None else await read_as_of(request.app.state.log, asked.as_of, "UTC")
    return conditional(request, await reads.past_version(db, event_id, version=asked.version, as_of=as_of))


@router.get(
    "/{id}/revisions",
    response_model=None,
    responses={200: {"model": Revisions}, **refusals(NotFound, CursorMalformed, *ALWAYS)},
)
async def list_revisions(
    request: Request,
    key: ReadKey,
    asked: Annotated[RevisionsQuery, Depends(query(RevisionsQuery))],
    id: str,  # noqa: A002 (the contract's name)
) -> Response:
    """Get an event's history, newest first: what changed when, by whom, and each change's place in the feed."""
    page = await reads.revisions(request.app.state.db, read_id(id), asked.cursor, asked.limit, named=key.owner != "")
    return Response(orjson.dumps(page), headers={"cache-control": "no-cache"}, media_type=JSON)


@router.put(
    "/{id}",
    response_model=None,
    responses={
        **EVENT,
        **refusals(NotFound, DuplicateExternalId, Deleted, VersionMismatch, PreconditionRequired, *SENDING),
    },
)
async def replace_event(
    request: Request,
    key: WriteKey,
    _: Annotated[NoQuery, Depends(query(NoQuery))],
    known: Annotated[Any, Depends(body(lambda data: read_known(data, batch=False), schema=EventIn))],
    id: str,  # noqa: A002 (the contract's name)
) -> Response:
    """Replace an event whole; `If-Match` names the version that was read, so that no change is overwritten unseen.

    Server-set fields may be sent back as they came: GET then PUT works.
    """
    event, sent = known
    command = Replace(await known_id(request, id), event, sent, if_match(request))
    return shown(await request.app.state.store.run(Job([command], key.owner, lambda results: stored(only(results)))))


@router.patch(
    "/{id}",
    response_model=None,
    responses={
        **EVENT,
        **refusals(NotFound, DuplicateExternalId, Deleted, VersionMismatch, PreconditionRequired, *SENDING),
    },
)
async def patch_event(
    request: Request,
    key: WriteKey,
    _: Annotated[NoQuery, Depends(query(NoQuery))],
    patch: Annotated[
        Any,
        Depends(
            body(
                lambda data: as_object(data),
                schema=MergePatch,
                media=("application/merge-patch+json", "application/json"),
            )
        ),
    ],
    id: str,  # noqa: A002 (the contract's name)
) -> Response:
    """Change parts of an event by a JSON merge patch (RFC 7396) on its output form; the result is validated whole.

    Lists are replaced whole; an estimate object merges by key, a bare integer takes its place.
    """
    command = Patch(await known_id(request, id), patch, if_match(request))
    return shown(await request.app.state.store.run(Job([command], key.owner, lambda results: stored(only(results)))))


@router.delete(
    "/{id}",
    status_code=204,
    response_model=None,
    responses=refusals(NotFound, Deleted, VersionMismatch, Malformed, DiskFull, *ALWAYS),
)
async def delete_event(
    request: Request,
    key: WriteKey,
    asked: Annotated[RemoveQuery, Depends(query(RemoveQuery))],
    id: str,  # noqa: A002 (the contract's name)
) -> Response:
    """Delete an event for a reason; a tombstone takes its place, followers hear of it, its external ids are free.

    `reason=legal` also erases every earlier version.
    """
    command = Remove(await known_id(request, id), asked.reason, asked.superseded_by, if_match(request))
    return shown(await request.app.state.store.run(Job([command], key.owner, lambda results: removed(only(results)))))


def only(results: list[Result]) -> Outcome:
    """The result of a job with one command, which succeeded."""
    [result] = results
    assert isinstance(result, Outcome)  # noqa: S101 (an atomic job that fails is not rendered)
    return result


async def known_id(request: Request, text: str) -> Any:
    """The id in the path; what cannot be one is not found."""
    found = read_id(text)
    if found is None:
        raise NotFound("There is no event with that id.")
    return found


def as_object(data: object) -> dict[str, Any]:
    """A merge patch is an object, or the event would be replaced by something that is none."""
    if isinstance(data, dict):
        return data
    raise Invalid(
        "The patch was refused; see errors.", errors=[FieldError("type", "A patch is an object.", pointer="")]
    )


def if_match(request: Request) -> Any:
    """The versions that the caller read."""
    return parse_if_match(request.headers.get("if-match"))


def conditional(request: Request, found: Any) -> Response:
    """An event with its ETag, or 304 when the caller has it."""
    etag = f'"{found.version}"'
    headers = {"etag": etag, "cache-control": "no-cache"}
    if if_none_match(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return Response(found.body, headers=headers, media_type=JSON)


def page_etag(page: reads.Page, media: str) -> str:
    """A weak ETag over items and next: equal versions are equal bytes."""
    told = hashlib.blake2b(media.encode(), digest_size=12)
    told.update(repr(([(row.key, row.version) for row in page.rows], page.next)).encode())
    return f'W/"{told.hexdigest()}"'


def link(request: Request, cursor: str | None) -> dict[str, str]:
    """Where the next page is, relative to this one."""
    if cursor is None:
        return {}
    kept = [part for part in request.url.query.split("&") if part and not part.startswith("cursor=")]
    return {"link": f'</v1/events?{"&".join([*kept, "cursor=" + cursor])}>; rel="next"'}


def instance_of(request: Request) -> str:
    """The address of this one request, as problem documents name it."""
    return str(request.scope.get("instance", "/requests/unknown"))


async def bodies_of(pages: AsyncIterator[list[reads.Row]]) -> AsyncIterator[list[bytes]]:
    """Only the bodies of a walk."""
    async for rows in pages:
        yield [row.body for row in rows]
