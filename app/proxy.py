"""Reads what a trusted proxy says of the original request, and answers with addresses under its path prefix."""

from __future__ import annotations

import re
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.http import HOST
from app.settings import PATH_PREFIX

LINK_TARGET = re.compile(r"<(?=/(?!/))")


class ForwardedHeadersMiddleware:
    """Wrap an ASGI app that may stand behind proxies, with or without a path prefix.

    From a trusted peer `X-Forwarded-For` and `-Proto` (read by uvicorn's middleware), `-Host` and `-Prefix` are taken;
    what is malformed in them is ignored. The app sees paths without the prefix, whether the proxy stripped it or not,
    and the prefix as `root_path`. `Location` and `Link` that begin with a slash leave with the prefix, so that the app
    can keep and store its answers without it.
    """

    def __init__(self, app: ASGIApp, root_path: str, trusted: Sequence[str]) -> None:
        self._app = ProxyHeadersMiddleware(app, list(trusted))  # type: ignore[arg-type]  # uvicorn's own ASGI types
        self._trusted = self._app.trusted_hosts
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)  # type: ignore[arg-type]
            return
        peer = scope.get("client")
        forwarded = Headers(scope=scope) if peer is not None and peer[0] in self._trusted else None
        prefix = scope.get("root_path") or self._root_path
        if forwarded is not None:
            prefix = read_prefix(forwarded.getlist("x-forwarded-prefix"), prefix)
            replace_host(scope, forwarded.get("x-forwarded-host", ""))
        scope["root_path"] = prefix
        if not prefix:
            await self._app(scope, receive, send)  # type: ignore[arg-type]
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

        await self._app(scope, receive, send_under_prefix)  # type: ignore[arg-type]


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
