"""CORS around ProblemMiddleware: refusals carry its headers too, and a refused preflight is a problem document."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import partial

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors.handlers import problem_response
from app.errors.problems import Forbidden

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
MAX_FIELD_NAMES = 4096  # characters in all
EXPOSED = (
    "ETag",
    "Link",
    "Location",
    "As-Of",
    "Feed-Cursor",
    "Retry-After",
    "X-Poll-Interval",
    "Idempotency-Replayed",
    "RateLimit",
    "RateLimit-Policy",
    "Stream-Next-Offset",
    "Stream-Up-To-Date",
    "Stream-Cursor",
)


class CorsMiddleware(CORSMiddleware):
    """Starlette's CORS for the given origins, any header field, refusals in our form and each Vary name once."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=("*",),
            expose_headers=EXPOSED,
            max_age=86400,
            allow_private_network=True,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """Allow the fields that are asked for, whatever they are: proxies and tracing add their own."""
        asked = request_headers.getlist("access-control-request-headers")
        names = [name for name in (part.strip(" \t") for part in ",".join(asked).split(",")) if name]
        plain = [field for field in request_headers.raw if field[0] != b"access-control-request-headers"]
        response = super().preflight_response(Headers(raw=plain))
        if sum(map(len, names)) > MAX_FIELD_NAMES or not all(map(FIELD_NAME.fullmatch, names)):
            response.status_code = 400
        elif names:
            response.headers["access-control-allow-headers"] = ", ".join(names)
        return response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_preflight(scope):
            response = self.preflight_response(Headers(scope=scope))
            if response.status_code >= 400:
                response = reject_preflight(response, scope)
            await response(scope, receive, send)
            return
        await super().__call__(scope, receive, partial(send_vary_once, send))


def is_preflight(scope: Scope) -> bool:
    """Whether a browser asks what it may do."""
    names = {name for name, _ in scope["headers"]} if scope["method"] == "OPTIONS" else set()
    return {b"origin", b"access-control-request-method"} <= names


def reject_preflight(response: Response, scope: Scope) -> Response:
    """The refusal with the headers that Starlette gave it."""
    kept = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
    return problem_response(
        Forbidden("This origin, method or header field is not allowed by CORS.", headers=kept), scope
    )


async def send_vary_once(send: Send, message: Message) -> None:
    """Take out the names that Vary has twice, now that CORS has added its own."""
    if message["type"] == "http.response.start":
        headers = MutableHeaders(scope=message)
        names = [name.strip() for value in headers.getlist("vary") for name in value.split(",")]
        headers["vary"] = ", ".join(dict.fromkeys(names))
    await send(message)
