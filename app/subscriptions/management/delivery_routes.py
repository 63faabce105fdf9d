"""The routes of single deliveries and of notices; a subscription's own deliveries are in routes.py."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from app.auth import AdminKey, SubscribeKey
from app.http import DirectRoute, NoQuery, query
from app.kit.ids import read_id
from app.subscriptions.management.operations import OperationsDep
from app.subscriptions.management.routes import identify_caller, model_response
from app.subscriptions.output_schemas import DeliveryShape, Matched, NoticeList
from app.subscriptions.schemas import NoticesQuery

router = APIRouter(prefix="/v1", tags=["subscriptions"], route_class=DirectRoute)


@router.get(
    "/deliveries/{id}",
    response_model=None,
    responses={200: {"model": DeliveryShape}},
)
async def get_delivery(key: SubscribeKey, _: NoQuery, id: str, operations: OperationsDep) -> Response:
    """Show a delivery with every attempt that was made."""
    return model_response(await operations.delivery(read_id(id), key))


@router.post(
    "/deliveries/{id}/retry",
    status_code=202,
    response_model=None,
    responses={202: {"model": Matched}},
)
async def retry_delivery(
    request: Request, key: SubscribeKey, _: NoQuery, id: str, operations: OperationsDep
) -> Response:
    """Send one delivery again, whatever became of it; `matched` is 0 when it is on its way already."""
    return model_response(await operations.retry_one(read_id(id), identify_caller(request, key)), 202)


@router.get("/notices", response_model=None, responses={200: {"model": NoticeList}})
async def list_notices(
    _: AdminKey,
    asked: Annotated[NoticesQuery, Depends(query(NoticesQuery))],
    operations: OperationsDep,
) -> Response:
    """List what happened to subscriptions (failing, disabled, recovered) and deliveries (dead), oldest first."""
    return model_response(await operations.notices(asked.after, asked.limit))
