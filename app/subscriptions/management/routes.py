"""The routes of subscriptions: make, list, change and delete them, move their cursors, fetch and acknowledge."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from starlette.responses import Response

from app.auth import Actor, Key, SubscribeKey, client_address
from app.auth.keys import utc_now
from app.auth.routes import json_response
from app.errors import (
    CursorAhead,
    CursorEpoch,
    CursorExpired,
    CursorMalformed,
    NotFound,
    SubscriptionMode,
    problem_responses,
)
from app.events.write.responses import event_response, idempotent_request
from app.events.write.routes import require_object
from app.feed.page_writer import change_page_response
from app.http import DirectRoute, NoQuery, body, parse_if_match, query
from app.kit.ids import read_id
from app.subscriptions.management.operations import OperationsDep
from app.subscriptions.management.transactions import Caller
from app.subscriptions.management.updates import ParsedSubscription, read_body, read_new
from app.subscriptions.output_schemas import (
    CreatedSubscription,
    DeliveryList,
    Matched,
    NewSecret,
    PingResult,
    Place,
    PullPage,
    SubscriptionList,
    SubscriptionShape,
)
from app.subscriptions.schemas import (
    Ack,
    DeliveriesQuery,
    NewSubscription,
    PageQuery,
    PullQuery,
    Retry,
    Rotation,
    Seek,
    SubscriptionPatch,
)

router = APIRouter(prefix="/v1/subscriptions", tags=["subscriptions"], route_class=DirectRoute)

CURSOR_PROBLEMS = (CursorMalformed, CursorAhead, CursorEpoch, CursorExpired)
NO_STORE = {"cache-control": "no-store"}
PATCHES = ("application/merge-patch+json", "application/json")
SHAPE: dict[int | str, dict[str, Any]] = {200: {"model": SubscriptionShape}}


def identify_caller(request: Request, key: Key) -> Caller:
    """Name the caller of a request: the key, the address, and the time."""
    return Caller(key, Actor(key.owner, client_address(request)), utc_now())


def parse_id(id: str) -> UUID:
    """The id in the path; what cannot be one is not found."""
    found = read_id(id)
    if found is None:
        raise NotFound("There is no subscription with that id.")
    return found


def model_response(model: BaseModel, status: int = 200) -> Response:
    """Answer with a model's JSON."""
    return json_response(model.model_dump(mode="json"), status)


def subscription_response(subscription: SubscriptionShape) -> Response:
    """A subscription with its ETag, which is the version of its configuration."""
    response = model_response(subscription)
    response.headers["etag"] = f'"{subscription.version}"'
    return response


@router.post(
    "",
    status_code=201,
    response_model=None,
    responses={
        201: {"model": CreatedSubscription},
        **problem_responses(*CURSOR_PROBLEMS),
    },
)
async def create_subscription(
    request: Request,
    key: SubscribeKey,
    _: NoQuery,
    wanted: Annotated[ParsedSubscription, Depends(body(read_new, schema=NewSubscription))],
    operations: OperationsDep,
) -> Response:
    """Subscribe: to have changes pushed to an https address, or to fetch and acknowledge them.

    A push subscription is `pending` until its endpoint answers a signed ping with 2xx. Its secret is shown this once.
    An address that must not be called is refused with the class of reason as `code`.
    """
    return event_response(
        await operations.create(wanted, identify_caller(request, key), await idempotent_request(request, key.owner))
    )


@router.get(
    "",
    response_model=None,
    responses={200: {"model": SubscriptionList}, **problem_responses(CursorMalformed)},
)
async def list_subscriptions(
    key: SubscribeKey,
    page: Annotated[PageQuery, Depends(query(PageQuery))],
    operations: OperationsDep,
) -> Response:
    """List the owner's subscriptions, newest first; with scope `admin`, everybody's."""
    return model_response(await operations.list(key, page.limit, page.cursor))


@router.get("/{id}", response_model=None, responses={**SHAPE})
async def get_subscription(key: SubscribeKey, _: NoQuery, id: str, operations: OperationsDep) -> Response:
    """Show where a subscription stands: its cursor, how far behind it is, and how its endpoint is doing."""
    return subscription_response(await operations.get(parse_id(id), key))


@router.patch(
    "/{id}",
    response_model=None,
    responses={**SHAPE},
)
async def patch_subscription(
    request: Request,
    key: SubscribeKey,
    _: NoQuery,
    patch: Annotated[Any, Depends(body(require_object, schema=SubscriptionPatch, media=PATCHES))],
    id: str,
    operations: OperationsDep,
) -> Response:
    """Change name, filter or endpoint by a merge patch (RFC 7396), pause, or go on with `status`.

    Another address, and `active` after `disabled`, wait for a signed ping first. Paused subscriptions keep their
    cursor: nothing is lost. `If-Match` guards against overwriting.
    """
    return subscription_response(
        await operations.patch(parse_id(id), patch, identify_caller(request, key), if_match(request))
    )


@router.delete(
    "/{id}",
    status_code=204,
    response_model=None,
)
async def delete_subscription(
    request: Request, key: SubscribeKey, _: NoQuery, id: str, operations: OperationsDep
) -> Response:
    """End a subscription, and with it its deliveries."""
    await operations.delete(parse_id(id), identify_caller(request, key), if_match(request))
    return Response(status_code=204)


@router.post(
    "/{id}/seek",
    response_model=None,
    responses={200: {"model": Place}, **problem_responses(*CURSOR_PROBLEMS)},
)
async def seek_subscription(
    request: Request,
    key: SubscribeKey,
    _: NoQuery,
    wanted: Annotated[Seek, Depends(body(lambda data: read_body(data, Seek), schema=Seek))],
    id: str,
    operations: OperationsDep,
) -> Response:
    """Move the cursor: back to replay, ahead to skip. A new generation begins; unfinished deliveries are cancelled."""
    return model_response(await operations.seek(parse_id(id), wanted.to, identify_caller(request, key)))


@router.get(
    "/{id}/events",
    response_model=None,
    responses={200: {"model": PullPage}, **problem_responses(SubscriptionMode)},
)
async def pull_events(
    key: SubscribeKey,
    asked: Annotated[PullQuery, Depends(query(PullQuery))],
    id: str,
    operations: OperationsDep,
) -> Response:
    """Fetch what lies behind the committed cursor of a pull subscription: the same again until it is acknowledged.

    Acknowledge `next` even where `items` is empty: one call looks at no more than 10,000 changes.
    """
    return await change_page_response(*await operations.pull(parse_id(id), key, asked), NO_STORE)


@router.post(
    "/{id}/ack",
    response_model=None,
    responses={
        200: {"model": Place},
        **problem_responses(*CURSOR_PROBLEMS, SubscriptionMode),
    },
)
async def ack_events(
    request: Request,
    key: SubscribeKey,
    _: NoQuery,
    taken: Annotated[Ack, Depends(body(lambda data: read_body(data, Ack), schema=Ack))],
    id: str,
    operations: OperationsDep,
) -> Response:
    """Commit a cursor of a pull subscription; one that lies behind changes nothing."""
    return model_response(await operations.ack(parse_id(id), taken.cursor, identify_caller(request, key)))


@router.post(
    "/{id}/test",
    response_model=None,
    responses={200: {"model": PingResult}, **problem_responses(SubscriptionMode)},
)
async def ping_subscription(
    request: Request, key: SubscribeKey, _: NoQuery, id: str, operations: OperationsDep
) -> Response:
    """Send one signed ping now and tell what came of it; a 2xx opens a pending subscription."""
    return model_response(await operations.test(parse_id(id), identify_caller(request, key)))


@router.post(
    "/{id}/rotate-secret",
    response_model=None,
    responses={
        200: {"model": NewSecret},
        **problem_responses(SubscriptionMode),
    },
)
async def rotate_secret(
    request: Request,
    key: SubscribeKey,
    _: NoQuery,
    wanted: Annotated[
        Rotation | None, Depends(body(lambda data: read_body(data, Rotation), schema=Rotation, optional=True))
    ],
    id: str,
    operations: OperationsDep,
) -> Response:
    """Make a new secret, shown this once; the old one signs as well for `overlap_s` seconds."""
    return model_response(
        await operations.rotate(parse_id(id), (wanted or Rotation()).overlap_s, identify_caller(request, key))
    )


@router.get(
    "/{id}/deliveries",
    response_model=None,
    responses={200: {"model": DeliveryList}, **problem_responses(CursorMalformed)},
)
async def list_deliveries(
    key: SubscribeKey,
    asked: Annotated[DeliveriesQuery, Depends(query(DeliveriesQuery))],
    id: str,
    operations: OperationsDep,
) -> Response:
    """List a subscription's deliveries, newest first."""
    return model_response(await operations.deliveries(parse_id(id), key, asked))


@router.post(
    "/{id}/deliveries/retry",
    status_code=202,
    response_model=None,
    responses={202: {"model": Matched}},
)
async def retry_deliveries(
    request: Request,
    key: SubscribeKey,
    _: NoQuery,
    wanted: Annotated[Retry | None, Depends(body(lambda data: read_body(data, Retry), schema=Retry, optional=True))],
    id: str,
    operations: OperationsDep,
) -> Response:
    """Send again what was given up, all of it or what was made since a time; no cap."""
    return model_response(
        await operations.retry(parse_id(id), (wanted or Retry()).since, identify_caller(request, key)), 202
    )


def if_match(request: Request) -> Any:
    """The configurations that the caller read."""
    return parse_if_match(request.headers.get("if-match"))
