"""Tells whether the process is alive, and whether it can serve."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from app.errors import Problem, Unavailable, refusals

router = APIRouter(tags=["health"])
OK = b'{"status":"ok"}'


class Health(BaseModel):
    """All is well."""

    status: Literal["ok"]


@router.get("/livez", response_model=None, responses={200: {"model": Health}})
async def is_alive() -> Response:
    """The process answers."""
    return answer()


@router.get("/readyz", response_model=None, responses={200: {"model": Health}, **refusals(Unavailable)})
async def is_ready(request: Request) -> Response:
    """The database answers and has this version's tables; 503 otherwise."""
    try:
        await request.app.state.log.head(primary=True)
    except Problem:
        raise
    except Exception as error:
        raise Unavailable("The database does not answer as it should; see the server's log.") from error
    return answer()


def answer() -> Response:
    """200."""
    return Response(OK, headers={"cache-control": "no-store"}, media_type="application/json")
