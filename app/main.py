"""Joins the parts into one application, and runs it from its first connection to its last."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from fastapi import FastAPI

from app.auth import Access, QuotaHeaders
from app.auth.request_load import AskQuestions
from app.auth.routes import router as key_routes
from app.changes import ChangeLog, keep_trimmed
from app.compression import Compression
from app.db import open_database
from app.db.heavy_queries import HeavyQuestions
from app.errors import Cors, Unavailable, surround
from app.events.feeds.routes import router as fixed_routes
from app.events.kinds_routes import router as kind_routes
from app.events.read.list_routes import router as list_routes
from app.events.read.routes import router as finding_routes
from app.events.write.routes import router as writing_routes
from app.events.write.store import Store
from app.feed.notifier import Hub
from app.feed.routes import router as feed_routes
from app.health import router as health_routes
from app.kit.gc import spare_collector
from app.logs import RequestLog
from app.metrics import Metrics, MetricsMiddleware
from app.openapi import document_by, serve_documents
from app.proxy import ForwardedHeaders
from app.response_cache import KeptAnswers, KeptFirst
from app.settings import Settings
from app.stats.routes import router as stats_routes
from app.subscriptions.delivery.metrics import DeliveryCounts
from app.subscriptions.delivery.worker import Worker
from app.subscriptions.feed_retention import held_back
from app.subscriptions.management.delivery_routes import router as delivery_routes
from app.subscriptions.management.operations import Desk
from app.subscriptions.management.routes import router as subscription_routes
from app.subscriptions.transport.secrets import Sealer
from app.subscriptions.transport.url_guard import Rules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

ROUTERS = (
    list_routes,
    finding_routes,
    writing_routes,
    stats_routes,
    fixed_routes,
    feed_routes,
    subscription_routes,
    delivery_routes,
    kind_routes,
    key_routes,
    health_routes,
)


def create_app(settings: Settings | None = None, *, delivery: bool = True) -> FastAPI:
    """The whole service, its settings taken from the environment unless given; without `delivery` it pushes nothing."""
    settings = settings or Settings()
    app = FastAPI(lifespan=running, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    join_state(app, settings, delivery=delivery)
    for router in ROUTERS:
        app.include_router(router)
    serve_documents(app)
    document_by(app)
    app.add_middleware(AskQuestions, questions=app.state.questions)
    app.add_middleware(KeptFirst, kept=app.state.kept, access=app.state.keys)
    if settings.rate_limit is not None:
        app.add_middleware(QuotaHeaders)
    app.add_middleware(Compression)
    surround(app)
    if settings.cors_origins:
        app.add_middleware(Cors, origins=settings.cors_origins)
    app.add_middleware(MetricsMiddleware, metrics=app.state.metrics)
    if settings.log_level == "debug":
        app.add_middleware(RequestLog)
    app.add_middleware(ForwardedHeaders, root_path=settings.root_path, trusted=settings.forwarded_allow_ips)
    return app


def create_api() -> FastAPI:
    """The service for those who deliver by `sitrep worker`."""
    return create_app(delivery=False)


def join_state(app: FastAPI, settings: Settings, *, delivery: bool) -> None:
    """Make the parts and let them know each other: the store wakes the hub, the desk the worker."""
    state = app.state
    state.settings = settings
    state.db = open_database(
        settings.database_url,
        settings.read_database_url,
        pool_size=settings.database_pool,
        pooler=settings.database_pooler,
    )
    state.log = ChangeLog(state.db, settings.source)
    state.hub = Hub(state.log)
    state.store = Store(state.db, committed=state.hub.wake)
    state.keys = Access(state.db, settings)
    state.questions = HeavyQuestions()
    state.kept = KeptAnswers(state.log, questions=state.questions)
    state.metrics = Metrics()
    sealer, rules = Sealer(settings), Rules.of(settings)
    state.worker = Worker(state.hub, sealer, rules, DeliveryCounts(state.metrics.registry)) if delivery else None
    changed = state.worker.kick if delivery else nothing
    state.subscriptions = Desk(state.log, state.hub, sealer, rules, changed)


def nothing() -> None:
    """What follows where nobody is to be told."""


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[dict[str, Callable[[], None]]]:
    """From the first connection to the last; the server calls `drain` when it is asked to stop."""
    state = app.state
    with suppress(Unavailable):  # /readyz tells; each use of the database tries anew
        await state.db.connect()
    state.store.start()
    state.hub.start()
    if state.worker is not None:
        state.worker.start()
    spare_collector()
    retention = state.settings.change_retention
    trimming = None if retention is None else asyncio.create_task(keep_trimmed(state.log, retention, held_back))

    def drain() -> None:
        state.hub.drain()
        state.questions.drain()
        if state.worker is not None:
            state.worker.drain()

    try:
        yield {"drain": drain}
    finally:
        if state.worker is not None:
            await state.worker.stop()
        if trimming is not None:
            trimming.cancel()
        await state.hub.stop()
        await state.store.stop()
        await state.keys.close()
        await state.db.close()
