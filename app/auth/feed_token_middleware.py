"""Takes the feed token out of the address of a feed, so that nothing behind it logs, keeps or repeats the token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import FieldError
from app.http.query_params import field_errors_problem, read_text

PARAMETER = "token"
FEED_TOKEN_SCOPE_KEY = "sitrep.feed_token"  # noqa: S105 (a name)
PATHS = frozenset({"/v1/events.atom", "/v1/events.geojson", "/v1/events/export"})
FIXED_FEEDS = "/v1/feeds/"


class FeedTokenMiddleware:
    """Wraps an ASGI app: moves `token` from the query of a feed into the scope, where the authenticator finds it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not takes_token(scope["path"]) or not take_token(scope):
            await self.app(scope, receive, send)
            return

        async def send_privately(message: Message) -> None:
            if message["type"] == "http.response.start":
                keep_private(MutableHeaders(scope=message))
            await send(message)

        await self.app(scope, receive, send_privately)


def takes_token(path: str) -> bool:
    """Tell whether a path takes a token in its address."""
    return path in PATHS or path.startswith(FIXED_FEEDS)


def take_token(scope: Scope) -> bool:
    """Move the token, if there is one; raises Invalid (422) for a second one."""
    parts = scope["query_string"].split(b"&")
    tokens = [part for part in parts if read_text(part.partition(b"=")[0]) == PARAMETER]
    if not tokens:
        return False
    if len(tokens) > 1:
        fault = FieldError("repeated", "This parameter may be given once only.", parameter=PARAMETER)
        raise field_errors_problem([fault])
    scope["query_string"] = b"&".join(part for part in parts if part is not tokens[0])
    scope[FEED_TOKEN_SCOPE_KEY] = read_text(tokens[0].partition(b"=")[2]) or ""
    return True


def feed_token(scope: Mapping[str, Any]) -> str | None:
    """Give the token of a request's address."""
    token: str | None = scope.get(FEED_TOKEN_SCOPE_KEY)
    return token


def token_pairs(scope: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Give what the address of a next page needs, so that a reader who has only the token gets it."""
    token = feed_token(scope)
    return [] if token is None else [(PARAMETER, token)]


def keep_private(headers: MutableHeaders) -> None:
    """Keep the answer to the reader's own cache, and its address from whatever the answer links to."""
    words = [word.strip() for word in headers.get("cache-control", "").split(",")]
    others = [word for word in words if word and word not in {"public", "private"}]
    headers["cache-control"] = ", ".join(["private", *others])
    headers["referrer-policy"] = "no-referrer"
