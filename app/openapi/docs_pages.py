"""Serves the document, the pages that show it, and their assets: always open, and all from here."""

from __future__ import annotations

import asyncio
import html
from collections.abc import Awaitable, Callable
from functools import partial

from fastapi import FastAPI, Request
from starlette.responses import Response

from app.errors import NotFound
from app.events.read.filter import EventFilter
from app.http.query_params import parameters_of
from app.kinds import MEASURES
from app.openapi.region_names import region_names
from app.openapi.static_files import ASSETS, DIGEST, StaticFile, file_response, read_page
from app.settings import Settings
from app.version import get_version

# Nothing from elsewhere, and no script but our files. Swagger UI draws without inline styles; Redoc writes style
# elements (styled-components) and searches in a worker that it makes of a blob.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
REDOC = "; style-src-elem 'self' 'unsafe-inline'; style-src-attr 'none'; worker-src blob:"
# The maps work in a script of ours that runs beside the page.
MAPS = POLICY + "; worker-src 'self'"
POLICIES = {
    "docs": POLICY,
    "redoc": POLICY + REDOC,
    "overview": MAPS,
    "event": MAPS,
    "subscriptions": POLICY,
    "sources": POLICY,
}
GUARDS = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
MAX_DOCUMENTS = 8  # one for each path prefix, which a proxy may let the caller choose
FOR_EVER = "public, max-age=31536000, immutable"

Endpoint = Callable[[Request], Awaitable[Response]]


def serve_documents(app: FastAPI) -> None:
    """Add the pages to the app: those of the dashboard, /docs, /redoc, /openapi.json, /assets and the icon."""
    app.state.documents = {}
    add(app, "/", partial(show_page, "overview"))
    add(app, "/events/{id}", partial(show_page, "event", root="../"))
    add(app, "/subscriptions", partial(show_page, "subscriptions"))
    add(app, "/sources", partial(show_page, "sources"))
    add(app, "/docs", partial(show_page, "docs"))
    add(app, "/redoc", partial(show_page, "redoc"))
    add(app, "/openapi.json", show_document)
    add(app, "/favicon.ico", show_icon)
    add(app, "/assets/{digest}/{path:path}", show_asset)


def add(app: FastAPI, path: str, endpoint: Endpoint) -> None:
    """Add a page that the document does not speak of."""

    async def show(request: Request) -> Response:
        return await endpoint(request)

    app.router.add_route(path, show, methods=["GET"], include_in_schema=False)


async def show_page(name: str, request: Request, *, root: str = "./") -> Response:
    """A page of the dashboard, Swagger UI or Redoc; `root` is the way from its address to the server's root."""
    settings: Settings = request.app.state.services.settings
    text = read_page(name).format(
        root=root,
        assets=f"{root}assets/{DIGEST}",
        release=html.escape(get_version()),
        filters=filter_names(),
        measures=" ".join(MEASURES),
        tiles=html.escape(settings.tiles_url or ""),
    )
    headers = security_headers(name, settings.tiles_origin if POLICIES[name] is MAPS else None)
    return await file_response(request, StaticFile(text.encode(), "text/html; charset=utf-8"), headers)


async def show_document(request: Request) -> Response:
    """The document; anyone may read it."""
    documents = request.app.state.documents
    prefix = request.scope["root_path"]
    if prefix not in documents:
        written = await asyncio.to_thread(make_served_bytes, request.app, prefix)
        if len(documents) >= MAX_DOCUMENTS:
            documents.clear()
        documents[prefix] = StaticFile(written, "application/json")
    return await file_response(request, documents[prefix], {"cache-control": "no-cache", **GUARDS})


def make_served_bytes(app: FastAPI, prefix: str) -> bytes:
    """The document as it is served; what makes it is loaded for the first who asks."""
    from app.openapi.document import served_bytes  # noqa: PLC0415 -- a tenth of the time of a start

    return served_bytes(app, prefix)


async def show_icon(request: Request) -> Response:
    """The icon, for those who ask where icons used to be."""
    return await file_response(request, ASSETS["favicon.ico"], {"cache-control": "public, max-age=86400", **GUARDS})


async def show_asset(request: Request) -> Response:
    """A file that belongs to a page; under an outdated address it is given too, but not to keep."""
    path = request.path_params["path"]
    found = await asyncio.to_thread(region_names) if path == "regions.json" else ASSETS.get(path)
    if found is None:
        raise NotFound("There is no such asset.")
    lifetime = FOR_EVER if request.path_params["digest"] == DIGEST else "no-cache"
    return await file_response(request, found, {"cache-control": lifetime, **GUARDS})


def security_headers(name: str, tiles_origin: str | None) -> dict[str, str]:
    """The header fields of a page, which may read tiles of a map from one origin beside ours."""
    policy = POLICIES[name]
    for rule in ("img-src 'self'", "connect-src 'self'") if tiles_origin else ():
        policy = policy.replace(rule, f"{rule} {tiles_origin}")
    return {"cache-control": "no-cache", "content-security-policy": policy, **GUARDS}


def filter_names() -> str:
    """Return the filters that all reading calls have, those that may be repeated with an asterisk."""
    return " ".join(f"{name}{'*' * known.repeatable}" for name, known in parameters_of(EventFilter).items())
