"""From an exception to the response, for the routes of a FastAPI app and for ProblemMiddleware around it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Scope

from app.errors.allowed_methods import Routes
from app.errors.failure_log import SCOPE_KEY as FAILURES
from app.errors.problems import (
    MEDIA_TYPE,
    PROBLEMS,
    FieldError,
    Forbidden,
    Internal,
    Invalid,
    Malformed,
    MethodNotAllowed,
    NotFound,
    Problem,
    Unauthorized,
    Unavailable,
    VersionMismatch,
)

REQUEST_ID = "sitrep.request"
HEAD = "sitrep.head"

# Which class answers for a bare status: the first of that status, but for the general ones.
BY_STATUS = {problem.status: problem for problem in reversed(PROBLEMS.values())} | {
    problem.status: problem for problem in (Malformed, Unauthorized, Forbidden, NotFound, VersionMismatch, Invalid)
}


def request_id(scope: Scope) -> str:
    """The id of this request, made when it is first asked for; it is in `instance` and in the log."""
    found: str | None = scope.get(REQUEST_ID)
    if found is None:
        found = scope[REQUEST_ID] = os.urandom(12).hex()
    return found


def is_head(scope: Scope) -> bool:
    """Whether the caller asked for the header fields alone; the app sees GET, and its body is dropped."""
    return HEAD in scope


def problem_response(problem: Problem, scope: Scope) -> Response:
    """The problem document as an answer to this request."""
    if problem.status >= 500 and not problem.is_logged and not isinstance(problem, Internal):
        scope[FAILURES].report_problem(problem, request_id(scope))
    headers = {"Cache-Control": "no-store", **problem.headers}
    if "bootstrap" in problem.members and scope.get("root_path"):
        problem.members = {**problem.members, "bootstrap": scope["root_path"] + problem.members["bootstrap"]}
    body = problem.body(f"/requests/{request_id(scope)}")
    return Response(body, problem.status, headers=headers, media_type=MEDIA_TYPE)


def internal_error() -> Internal:
    """What is told of an unforeseen exception; ProblemMiddleware logs it under the same id."""
    return Internal("The request met a fault in the server. The id in `instance` finds it in the log.")


def method_not_allowed(methods: frozenset[str]) -> MethodNotAllowed:
    """Refuse a method, telling those that the path has."""
    allowed = ", ".join(sorted(methods))
    return MethodNotAllowed(f"This path answers to {allowed}.", headers={"Allow": allowed})


def problem_from_status(status: int, detail: str, headers: Mapping[str, str] | None) -> Problem:
    """What Starlette or FastAPI refused, as one of ours."""
    if status >= 500:
        return BY_STATUS.get(status, Unavailable)(detail, headers=headers)
    return BY_STATUS.get(status, Malformed)(detail, headers=headers)


def problem_from_validation(error: RequestValidationError) -> Problem:
    """What FastAPI found wrong by itself; a path parameter that cannot be read names nothing."""
    errors = []
    for fault in error.errors():
        place, *rest = fault["loc"]
        if place == "path":
            return NotFound("There is nothing at this path.")
        code, detail = str(fault["type"]).replace("_", "-"), f"{fault['msg']}."
        if place == "body":
            errors.append(FieldError(code, detail, pointer="".join(f"/{part}" for part in rest)))
        else:
            errors.append(FieldError(code, detail, parameter=str(rest[0])))
    return Invalid("The request is invalid; see errors.", errors=errors)


def install_handlers(api: FastAPI, routes: Routes) -> None:
    """Let the app answer with problem documents, whatever is raised in it; before its first request."""

    async def on_problem(request: Request, error: Exception) -> Response:
        return problem_response(error if isinstance(error, Problem) else internal_error(), request.scope)

    async def on_http(request: Request, error: Exception) -> Response:
        status, headers = getattr(error, "status_code", 500), getattr(error, "headers", None)
        if status == 405:
            return problem_response(method_not_allowed(routes.allowed_methods(request.scope)), request.scope)
        if status < 400:
            return Response(status_code=status, headers=headers)
        detail = "There is nothing at this path." if status == 404 else f"{getattr(error, 'detail', '')}."
        return problem_response(problem_from_status(status, detail, headers), request.scope)

    async def on_validation(request: Request, error: Exception) -> Response:
        problem = problem_from_validation(error) if isinstance(error, RequestValidationError) else internal_error()
        return problem_response(problem, request.scope)

    async def on_disconnect(request: Request, error: Exception) -> Response:
        del request, error
        return Response(status_code=400)  # nobody reads it

    api.add_exception_handler(Problem, on_problem)
    api.add_exception_handler(Exception, on_problem)
    api.add_exception_handler(HTTPException, on_http)
    api.add_exception_handler(RequestValidationError, on_validation)
    api.add_exception_handler(ClientDisconnect, on_disconnect)
