"""Reads what a trusted proxy says of the original request, and answers with addresses under its path prefix."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.http import HOST
from app.http.rest_of_response import REST_SCOPE_KEY, send_rest
from app.settings import PATH_PREFIX

LINK_TARGET = re.compile(r"<(?=/(?!/))")


class Application(FastAPI):
    """A FastAPI app with a layer, `front`, ahead of all of FastAPI; what a response leaves is sent after that."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.front: ASGIApp = super().__call__

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.front(scope, receive, send)
        if REST_SCOPE_KEY in scope:
            await send_rest(scope, receive, send)


class ForwardedHeadersMiddleware:
    """Wrap an ASGI app that may stand behind proxies, with or without a path prefix.

    From a trusted peer `X-Forwarded-For` and `-Proto` (read by uvicorn's middleware), `-Host` and `-Prefix` are taken;
    what is malformed in them is ignored. The app sees paths without the prefix, whether the proxy stripped it or not,
    and the prefix as `root_path`. `Location` and `Link` that begin with a slash leave with the prefix, so that the app
    can keep and store its answers without it.
    """

    def __init__(self, app: ASGIApp, root_path: str, trusted: Sequence[str]) -> None:
        self._direct = app
        self._forwarded: Any = ProxyHeadersMiddleware(app, list(trusted))  # type: ignore[arg-type]  # uvicorn's types
        self._trusted = self._forwarded.trusted_hosts
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._direct(scope, receive, send)
            return
        peer, app = scope.get("client"), self._direct
        prefix = scope.get("root_path") or self._root_path
        if peer is not None and is_forwarded(scope) and peer[0] in self._trusted:
            app, forwarded = self._forwarded, Headers(scope=scope)
            prefix = read_prefix(forwarded.getlist("x-forwarded-prefix"), prefix)
            replace_host(scope, forwarded.get("x-forwarded-host", ""))
        scope["root_path"] = prefix
        if not prefix:
            await app(scope, receive, send)
            return
        if scope["path"] == prefix:  # the pages link relatively, so they need the slash
            query = scope["query_string"].decode("latin-1")
            response = RedirectResponse(f"{prefix}/" + (f"?{query}" if query else ""), 308)
            await response(scope, receive, send)
            return
        scope["path"] = without_prefix(scope["path"], prefix)

        async def send_under_prefix(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_prefix(MutableHeaders(scope=message), prefix)
            await send(message)

        await app(scope, receive, send_under_prefix)


def is_forwarded(scope: Scope) -> bool:
    """Tell whether a proxy, or someone who plays one, says anything of the original request."""
    return any(name.startswith(b"x-forwarded-") for name, _ in scope["headers"])


def read_prefix(fields: Sequence[str], default: str) -> str:
    """Return the prefixes of all proxies in a row, joined; the default if none is given or one is malformed."""
    parts = [part.strip() for field in fields for part in field.split(",")]
    if not any(parts) or not all(part.startswith("/") for part in parts):
        return default
    prefix = "".join(part.removesuffix("/") for part in parts)
    return prefix if prefix == "" or PATH_PREFIX.fullmatch(prefix) else default


def replace_host(scope: Scope, forwarded: str) -> None:
    """Put the host that the first proxy was asked for into the place of the Host field, if it is one."""
    host = forwarded.partition(",")[0].strip()
    if HOST.fullmatch(host):
        others = [field for field in scope["headers"] if field[0] != b"host"]
        scope["headers"] = [*others, (b"host", host.encode("ascii"))]


def without_prefix(path: str, prefix: str) -> str:
    """Return the path as the app knows it; a proxy may have stripped the prefix already."""
    return path.removeprefix(prefix) if path.startswith(f"{prefix}/") else path


def add_prefix(headers: MutableHeaders, prefix: str) -> None:
    """Let addresses that begin at the root of the host begin at the prefix."""
    location, link = headers.get("location"), headers.get("link")
    if location is not None and location.startswith("/"):
        headers["location"] = prefix + location
    if link is not None:
        headers["link"] = LINK_TARGET.sub(f"<{prefix}", link)
