"""Joins the parts into one application, nothing else."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from app.auth import Access, QuotaHeaders
from app.auth.routes import router as key_routes
from app.changes import ChangeLog
from app.db import open_database
from app.errors import ProblemShell
from app.events.catalogue import router as kind_routes
from app.events.routes import router as event_routes
from app.events.store import Store
from app.feed.hub import Hub
from app.feed.routes import router as feed_routes
from app.health import router as health_routes
from app.metrics import Metrics, MetricsMiddleware
from app.openapi import document_by, serve_documents
from app.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROUTERS = (event_routes, feed_routes, kind_routes, key_routes, health_routes)
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


def create_app(settings: Settings | None = None) -> FastAPI:
    """The whole service, its settings taken from the environment unless given."""
    settings = settings or Settings()
    app = FastAPI(lifespan=running, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    join_state(app, settings)
    for router in ROUTERS:
        app.include_router(router)
    serve_documents(app)
    document_by(app)
    app.add_middleware(MetricsMiddleware, metrics=app.state.metrics)
    if settings.rate_limit is not None:
        app.add_middleware(QuotaHeaders)
    app.add_middleware(ProblemShell)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
            allow_headers=(
                "Authorization",
                "Content-Type",
                "If-Match",
                "If-None-Match",
                "Idempotency-Key",
                "Last-Event-ID",
            ),
            expose_headers=EXPOSED,
            max_age=86400,
        )
    return app


def join_state(app: FastAPI, settings: Settings) -> None:
    """Make the parts and let them know each other: the store wakes the hub."""
    state = app.state
    state.settings = settings
    state.db = open_database(settings.database_url, settings.read_database_url)
    state.log = ChangeLog(state.db, settings.source)
    state.hub = Hub(state.log)
    state.store = Store(state.db, state.log, committed=state.hub.wake)
    state.keys = Access(state.db, settings)
    state.metrics = Metrics()


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    """From the first connection to the last."""
    state = app.state
    await state.db.connect()
    state.store.start()
    state.hub.start()
    try:
        yield
    finally:
        await state.hub.stop()
        await state.store.stop()
        await state.keys.close()
        await state.db.close()
