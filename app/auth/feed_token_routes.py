"""Feed tokens over HTTP: made and revoked by anyone who may read, for readers and maps that can send no header."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from app.auth.authentication import PersonalReadKey
from app.auth.feed_tokens import issue_feed_token, list_feed_tokens, revoke_feed_token
from app.auth.routes import PageQuery, actor_from_request, json_response
from app.auth.schemas import (
    FeedTokenList,
    IssuedFeedToken,
    NewFeedToken,
    parse_new_feed_token,
    serialize_feed_token,
)
from app.auth.tables import Key
from app.db import DatabaseDep
from app.errors import CursorMalformed, NotFound, problem_responses
from app.http import DirectRoute, NoQuery, body

router = APIRouter(prefix="/v1/feed-tokens", tags=["keys"], route_class=DirectRoute)
NewFeedTokenBody = Annotated[NewFeedToken, Depends(body(parse_new_feed_token, schema=NewFeedToken))]


@router.post(
    "",
    status_code=201,
    operation_id="create_feed_token",
    response_model=None,
    responses={201: {"model": IssuedFeedToken}},
)
async def post_feed_token(
    request: Request, key: PersonalReadKey, _: NoQuery, new: NewFeedTokenBody, db: DatabaseDep
) -> Response:
    """Make a token that reads feeds from their address, `?token=...`, for programs that can send no header.

    The answer holds it as `token`, this once: only its hash is stored. It opens `/v1/events.atom`,
    `/v1/events.geojson`, `/v1/events/export` and `/v1/feeds/`, and nothing else, as long as its owner has a valid key.
    """
    stored, text = await issue_feed_token(db, new, key.owner, actor_from_request(key.owner, request))
    return json_response({**serialize_feed_token(stored), "token": text}, 201)


@router.get(
    "",
    operation_id="list_feed_tokens",
    response_model=None,
    responses={200: {"model": FeedTokenList}, **problem_responses(CursorMalformed)},
)
async def get_feed_tokens(key: PersonalReadKey, page: PageQuery, db: DatabaseDep) -> Response:
    """List one's own feed tokens, newest first; an admin key sees every owner's. Their texts are never shown again."""
    tokens, following = await list_feed_tokens(db, owner_of(key), page.limit, page.cursor)
    return json_response({"items": [serialize_feed_token(token) for token in tokens], "next": following})


@router.delete("/{id}", status_code=204, operation_id="revoke_feed_token", response_model=None)
async def delete_feed_token(request: Request, key: PersonalReadKey, _: NoQuery, id: str, db: DatabaseDep) -> Response:
    """Revoke a feed token: its addresses stop working at once, everywhere, and it leaves the list."""
    if not await revoke_feed_token(db, id, owner_of(key), actor_from_request(key.owner, request)):
        raise NotFound("There is no feed token of that id.")
    return Response(status_code=204)


def owner_of(key: Key) -> str | None:
    """Whose tokens the key may see; None: everybody's."""
    return None if key.may("admin") else key.owner
