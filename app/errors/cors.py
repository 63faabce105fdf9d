"""CORS around the shell, so that refusals carry its headers too and a refused preflight is a problem document."""

from collections.abc import Collection
from functools import partial

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors.answers import answer
from app.errors.problems import Forbidden

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
REQUEST_HEADERS = (
    "Authorization",
    "Content-Type",
    "Accept",
    "If-Match",
    "If-None-Match",
    "Idempotency-Key",
    "Last-Event-ID",
)
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
)


class Cors(CORSMiddleware):
    """Starlette's CORS for the given origins, with refusals in our form and each Vary name once."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=REQUEST_HEADERS,
            expose_headers=EXPOSED,
            max_age=86400,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_preflight(scope):
            response = self.preflight_response(Headers(scope=scope))
            if response.status_code >= 400:
                response = refused_preflight(response, scope)
            await response(scope, receive, send)
            return
        await super().__call__(scope, receive, partial(send_vary_once, send))


def is_preflight(scope: Scope) -> bool:
    """Whether a browser asks what it may do."""
    names = {name for name, _ in scope["headers"]} if scope["method"] == "OPTIONS" else set()
    return {b"origin", b"access-control-request-method"} <= names


def refused_preflight(response: Response, scope: Scope) -> Response:
    """The refusal with the headers that Starlette gave it."""
    kept = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
    return answer(Forbidden("This origin, method or header field is not allowed by CORS.", headers=kept), scope)


async def send_vary_once(send: Send, message: Message) -> None:
    """Take out the names that Vary has twice, now that CORS has added its own."""
    if message["type"] == "http.response.start":
        headers = MutableHeaders(scope=message)
        names = [name.strip() for value in headers.getlist("vary") for name in value.split(",")]
        headers["vary"] = ", ".join(dict.fromkeys(names))
    await send(message)
