"""Keys over HTTP: whose key this is, making and revoking keys, and the audit trail."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.auth.audit import Actor, list_entries
from app.auth.authentication import AdminKey, MeKey, client_address
from app.auth.keys import issue_key, list_keys, revoke_key
from app.auth.schemas import (
    AuditList,
    IssuedKey,
    KeyList,
    Me,
    NewKey,
    parse_new_key,
    serialize_entry,
    serialize_key,
    serialize_me,
)
from app.db import DatabaseDep
from app.errors import (
    CursorMalformed,
    NotFound,
    problem_responses,
)
from app.http import DirectRoute, NoQuery, body, query
from app.kit.json_lines import dump_json

router = APIRouter(prefix="/v1", tags=["keys"], route_class=DirectRoute)


class PageParams(BaseModel):
    """Which page of a list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=100, ge=1, le=1000, description="How many items at most.")
    cursor: str | None = Field(default=None, description="The `next` of the page before.")


PageQuery = Annotated[PageParams, Depends(query(PageParams))]
NewKeyBody = Annotated[NewKey, Depends(body(parse_new_key, schema=NewKey))]


@router.get(
    "/me",
    operation_id="get_me",
    response_model=None,
    responses={200: {"model": Me}},
)
async def show_own_key(key: MeKey, _: NoQuery) -> Response:
    """Tell whose key this is and what it may do. Any good key may ask; without a key the answer is 401."""
    return json_response(serialize_me(key))


@router.get(
    "/keys",
    operation_id="list_keys",
    response_model=None,
    responses={200: {"model": KeyList}, **problem_responses(CursorMalformed)},
)
async def list_keys_route(_: AdminKey, page: PageQuery, db: DatabaseDep) -> Response:
    """List the keys, newest first, revoked and expired ones too; secrets are never shown again."""
    keys, following = await list_keys(db, page.limit, page.cursor)
    return json_response({"items": [serialize_key(key) for key in keys], "next": following})


@router.post(
    "/keys",
    status_code=201,
    operation_id="create_key",
    response_model=None,
    responses={201: {"model": IssuedKey}},
)
async def post_key(request: Request, key: AdminKey, _: NoQuery, new: NewKeyBody, db: DatabaseDep) -> Response:
    """Make a key. The answer holds it as `key`, this once: only its hash is stored."""
    stored, text = await issue_key(db, new, actor_from_request(key.owner, request))
    return json_response({**serialize_key(stored), "key": text}, 201)


@router.delete(
    "/keys/{id}",
    status_code=204,
    operation_id="revoke_key",
    response_model=None,
)
async def delete_key(request: Request, key: AdminKey, _: NoQuery, id: str, db: DatabaseDep) -> Response:
    """Revoke a key: it stops working at once, everywhere. It stays in the list; revoking it again is 204 as well."""
    by = actor_from_request(key.owner, request)
    if not await revoke_key(db, id, by.by, address=by.address):
        raise NotFound("There is no key of that id.")
    return Response(status_code=204)


@router.get(
    "/audit",
    operation_id="list_audit",
    response_model=None,
    responses={200: {"model": AuditList}, **problem_responses(CursorMalformed)},
)
async def get_audit(_: AdminKey, page: PageQuery, db: DatabaseDep) -> Response:
    """List who made or revoked what and from where, newest first."""
    entries, following = await list_entries(db, page.limit, page.cursor)
    return json_response({"items": [serialize_entry(entry) for entry in entries], "next": following})


def actor_from_request(owner: str, request: Request) -> Actor:
    """Name the one who asks, as the audit trail does."""
    return Actor(owner, client_address(request))


def json_response(shown: dict[str, Any], status: int = 200) -> Response:
    """Answer in JSON that no cache keeps."""
    return Response(dump_json(shown), status, {"Cache-Control": "no-store"}, "application/json")
