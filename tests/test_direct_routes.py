"""Routes answered without FastAPI's solver give what they would give with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import fastapi.routing
import httpx
import pytest
from fastapi import APIRouter, BackgroundTasks, Body, Depends, FastAPI, Header, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from app.http import DirectRoute, query
from app.http.dependencies import is_direct
from app.main import ROUTES

# What these depend on has needs of its own: other dependencies, or a parameter of the path.
SOLVED = {
    "/metrics",
    "/v1/feed/stream",
    "/v1/feeds/{feed}.atom",
    "/v1/feeds/{feed}.geojson",
    "/v1/streams/events",
}


class Asked(BaseModel):
    """A query."""

    limit: int = 10


async def method(request: Request) -> str:
    return request.method


def blocking(request: Request) -> str:
    return request.method


async def nested(found: Annotated[str, Depends(method)]) -> str:
    return found


async def opened(request: Request) -> AsyncIterator[str]:
    yield request.method


async def with_all(
    request: Request, id: str, found: Annotated[str, Depends(method)], asked: Annotated[Asked, Depends(query(Asked))]
) -> Response:
    return JSONResponse([request.url.path, id, found, asked.limit])


async def with_path(id: str) -> Response:
    return JSONResponse(id)


async def with_nothing() -> Response:
    return JSONResponse("nothing")


async def with_number(id: int) -> Response:
    return JSONResponse(id)


async def with_parameter(id: str, more: str = "none") -> Response:
    return JSONResponse([id, more])


async def with_header(host: Annotated[str, Header()]) -> Response:
    return JSONResponse(host)


async def with_body(sent: Annotated[Any, Body()] = None) -> Response:
    return JSONResponse(sent)


async def with_response(response: Response) -> Response:
    return JSONResponse(str(response.status_code))


async def with_tasks(tasks: BackgroundTasks) -> Response:
    return JSONResponse(len(tasks.tasks))


async def with_blocking(found: Annotated[str, Depends(blocking)]) -> Response:
    return JSONResponse(found)


async def with_nested(found: Annotated[str, Depends(nested)]) -> Response:
    return JSONResponse(found)


async def with_opened(found: Annotated[str, Depends(opened)]) -> Response:
    return JSONResponse(found)


async def with_model() -> Asked:
    return Asked(limit=3)


DIRECT = (with_all, with_path, with_nothing)
OTHERS = (
    with_number,
    with_parameter,
    with_header,
    with_body,
    with_response,
    with_tasks,
    with_blocking,
    with_nested,
    with_opened,
)


def app_of(endpoint: Any, route: type[APIRoute], response_model: Any = None) -> FastAPI:
    router = APIRouter(route_class=route)
    router.add_api_route("/a/{id}", endpoint, response_model=response_model)
    app = FastAPI()
    app.router.routes.extend(router.routes)
    return app


async def answer_of(app: FastAPI) -> tuple[int, bytes]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sitrep") as client:
        answer = await client.get("/a/7", params={"limit": "5"})
    return answer.status_code, answer.content


def route_of(app: FastAPI) -> APIRoute:
    return next(route for route in app.routes if isinstance(route, APIRoute))


@pytest.mark.parametrize("endpoint", [*DIRECT, *OTHERS], ids=lambda endpoint: endpoint.__name__)
async def test_answers_are_those_of_fastapi(endpoint: Any) -> None:
    app = app_of(endpoint, DirectRoute)
    assert is_direct(route_of(app)) == (endpoint in DIRECT)
    status, body = await answer_of(app)
    assert (status, body) == await answer_of(app_of(endpoint, APIRoute))
    assert status == 200


async def test_what_is_not_a_response_is_left_to_fastapi() -> None:
    app = app_of(with_model, DirectRoute, Asked)
    assert not is_direct(route_of(app))
    assert await answer_of(app) == (200, b'{"limit":3}')


@pytest.mark.parametrize("endpoint", DIRECT, ids=lambda endpoint: endpoint.__name__)
async def test_the_solver_is_not_entered(endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(fastapi.routing, "solve_dependencies")
    assert (await answer_of(app_of(endpoint, DirectRoute)))[0] == 200


def test_every_route_is_direct_but_those_whose_dependencies_have_needs() -> None:
    solved = {route.path for route in ROUTES.routes if isinstance(route, APIRoute) and not is_direct(route)}
    assert solved == SOLVED
