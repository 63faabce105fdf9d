"""The writing routes: add, replace, patch, delete, upsert and batch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from app.auth.authentication import WriteKey
from app.auth.tables import Key
from app.errors import (
    Deleted,
    DuplicateExternalId,
    FieldError,
    Invalid,
    NotFound,
    PreconditionRequired,
    VersionMismatch,
    problem_responses,
    request_id,
)
from app.events.schemas import (
    BatchIn,
    BatchOut,
    BatchQuery,
    MergePatch,
    RemoveQuery,
)
from app.events.write.commands import Command, Create, IfMatch, Patch, Remove, Replace
from app.events.write.idempotency import IdempotentRequest, ResponseData
from app.events.write.parse_commands import (
    batch_response,
    isolate_items,
    known_id,
    read_batch,
    read_items,
    read_known,
    read_new,
    upsert_of,
)
from app.events.write.responses import (
    created_response,
    deleted_response,
    event_response,
    idempotent_request,
    reject_bad_address,
    stored_response,
)
from app.events.write.store import Store, StoreDep
from app.events.write.transaction import CommandResult, Result, WriteRequest
from app.http import SMALL_BODY, DirectRoute, NoQuery, body, parse_if_match, query
from app.kinds import Event, EventIn, EventOut
from app.kinds.unlisted_codes import CodeChange
from app.kit.offload import run_in_thread

router = APIRouter(prefix="/v1/events", tags=["events"], route_class=DirectRoute)
EVENT: dict[int | str, dict[str, Any]] = {200: {"model": EventOut}}


def require_object(data: object) -> dict[str, Any]:
    """A merge patch is an object, or the event would be replaced by something that is none."""
    if isinstance(data, dict):
        return data
    raise Invalid(
        "The patch was refused; see errors.", errors=[FieldError("type", "A patch is an object.", pointer="")]
    )


@router.post(
    "",
    status_code=201,
    response_model=None,
    responses={
        201: {"model": EventOut},
        **problem_responses(DuplicateExternalId),
    },
)
async def create_event(
    request: Request,
    key: WriteKey,
    _: NoQuery,
    event: Annotated[Event, Depends(body(lambda data: read_new(data, batch=False), schema=EventIn, lines=True))],
    store: StoreDep,
) -> Response:
    """Add an event; it appears in the feed at once.

    An `Idempotency-Key` makes a repeated call answer as the first one did, for 24 hours.
    An external id that another event holds is 409, with `existing`.
    """
    reuse = await idempotent_request(request, key.owner)
    return await write_event(store, request, key, Create(event), created_response, reuse=reuse)


@router.post(
    "/batch",
    response_model=None,
    responses={
        200: {"model": BatchOut},
        **problem_responses(NotFound, DuplicateExternalId, Deleted, VersionMismatch, PreconditionRequired),
    },
)
async def write_batch(
    request: Request,
    key: WriteKey,
    params: Annotated[BatchQuery, Depends(query(BatchQuery))],
    items: Annotated[list[object], Depends(body(read_batch, schema=BatchIn, lines=True, isolate=isolate_items))],
    store: StoreDep,
) -> Response:
    """Write up to 1,000 items, decided in order; later ones see earlier ones.

    By default all or nothing: the answer has the status of the first item that fails, and `errors` the faults of
    all items, to 1,000, their pointers below `/items/<n>`. With `partial=true` each item stands for itself. `#<index>`
    names the event of an earlier item.
    """
    commands, places = await run_in_thread(read_items, items)
    instance = f"/requests/{request_id(request.scope)}"
    job = WriteRequest(
        commands,
        key.owner,
        lambda results: batch_response(results, instance),
        atomic=params.partial == "false",
        places=places,
        reuse=await idempotent_request(request, key.owner),
        size=len(await request.body()),
    )
    return event_response(await store.run(job))


@router.put(
    "/by-external-id/{system}/{id:path}",
    response_model=None,
    responses={
        **EVENT,
        201: {"model": EventOut},
        **problem_responses(DuplicateExternalId),
    },
)
async def upsert_event(
    *,
    request: Request,
    key: WriteKey,
    _: NoQuery,
    data: Annotated[object, Depends(body(lambda data: data, schema=EventIn, lines=True))],
    system: str,
    id: str,
    store: StoreDep,
) -> Response:
    """Add the event, or replace the one that holds this external id; the same content again changes nothing.

    `If-Match` guards against overwriting, `If-None-Match: *` against replacing at all.
    """
    reject_bad_address(request, system, id)
    only_new = request.headers.get("if-none-match", "").strip() == "*"
    read = partial(upsert_of, system, id, data, if_match(request), only_new=only_new, batch=False)
    command = read() if len(await request.body()) <= SMALL_BODY else await run_in_thread(read)
    return await write_event(store, request, key, command, stored_response)


@router.put(
    "/{id}",
    response_model=None,
    responses={
        **EVENT,
        **problem_responses(DuplicateExternalId, Deleted),
    },
)
async def replace_event(
    request: Request,
    key: WriteKey,
    _: NoQuery,
    known: Annotated[
        tuple[CodeChange, dict[str, Any]],
        Depends(body(lambda data: read_known(data, batch=False), schema=EventIn, lines=True)),
    ],
    id: str,
    store: StoreDep,
) -> Response:
    """Replace an event whole; `If-Match` names the version that was read, so that no change is overwritten unseen.

    Server-set fields may be sent back as they came: GET then PUT works.
    """
    event, sent = known
    command = Replace(known_id(id), event, sent, if_match(request))
    return await write_event(store, request, key, command, stored_response)


@router.patch(
    "/{id}",
    response_model=None,
    responses={
        **EVENT,
        **problem_responses(DuplicateExternalId, Deleted),
    },
)
async def patch_event(
    request: Request,
    key: WriteKey,
    _: NoQuery,
    patch: Annotated[
        dict[str, Any],
        Depends(
            body(
                require_object,
                schema=MergePatch,
                media=("application/merge-patch+json", "application/json"),
                lines=True,
            )
        ),
    ],
    id: str,
    store: StoreDep,
) -> Response:
    """Change parts of an event by a JSON merge patch (RFC 7396) on its output form; the result is validated whole.

    Lists are replaced whole; an estimate object merges by key, a bare integer takes its place.
    """
    command = Patch(known_id(id), patch, if_match(request))
    return await write_event(store, request, key, command, stored_response)


@router.delete(
    "/{id}",
    status_code=204,
    response_model=None,
    responses=problem_responses(Deleted),
)
async def delete_event(
    request: Request,
    key: WriteKey,
    params: Annotated[RemoveQuery, Depends(query(RemoveQuery))],
    id: str,
    store: StoreDep,
) -> Response:
    """Delete an event for a reason; a tombstone takes its place, followers hear of it, its external ids are free.

    `reason=legal` also erases every earlier version.
    """
    command = Remove(known_id(id), params.reason, params.superseded_by, if_match(request))
    return await write_event(store, request, key, command, deleted_response)


async def write_event(
    store: Store,
    request: Request,
    key: Key,
    command: Command,
    render: Callable[[CommandResult], ResponseData],
    *,
    reuse: IdempotentRequest | None = None,
) -> Response:
    """Do one command. `render` is called in the transaction, as a stored idempotent response is part of it."""

    def only_result(results: list[Result]) -> ResponseData:
        [result] = results
        if isinstance(result, CommandResult):
            return render(result)
        raise result

    size = len(await request.body())
    return event_response(await store.run(WriteRequest([command], key.owner, only_result, reuse=reuse, size=size)))


def if_match(request: Request) -> IfMatch:
    """The versions that the caller read."""
    return parse_if_match(request.headers.get("if-match"))
