"""Joins the parts into one application, and runs it from its first connection to its last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI

from app.auth import Authenticator, RateLimitHeadersMiddleware
from app.auth.request_load import HeavyQueryMiddleware
from app.auth.routes import router as key_routes
from app.changes import ChangeLog, trim_periodically
from app.compression import CompressionMiddleware
from app.db import open_database
from app.db.heavy_queries import HeavyQueryLimiter
from app.errors import CorsMiddleware, Unavailable, wrap_app
from app.events.feeds.routes import router as fixed_routes
from app.events.kinds_routes import router as kind_routes
from app.events.read.list_routes import router as list_routes
from app.events.read.routes import router as finding_routes
from app.events.write.routes import router as writing_routes
from app.events.write.store import Store
from app.feed.notifier import Notifier
from app.feed.routes import router as feed_routes
from app.health import router as health_routes
from app.kit.gc import freeze_gc
from app.logs import RequestLog
from app.metrics import Metrics, MetricsMiddleware
from app.openapi import document_by, serve_documents
from app.proxy import ForwardedHeadersMiddleware
from app.response_cache import ResponseCache, ResponseCacheMiddleware
from app.settings import Settings
from app.stats.routes import router as stats_routes
from app.subscriptions.delivery.metrics import DeliveryCounts
from app.subscriptions.delivery.worker import Worker
from app.subscriptions.feed_retention import oldest_needed_cursor
from app.subscriptions.management.delivery_routes import router as delivery_routes
from app.subscriptions.management.operations import SubscriptionOperations
from app.subscriptions.management.routes import router as subscription_routes
from app.subscriptions.transport.secrets import SecretCipher
from app.subscriptions.transport.url_guard import TargetPolicy

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
    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    build_services(app, settings, delivery=delivery)
    for router in ROUTERS:
        app.include_router(router)
    serve_documents(app)
    document_by(app)
    app.add_middleware(HeavyQueryMiddleware, questions=app.state.questions)
    app.add_middleware(ResponseCacheMiddleware, kept=app.state.kept, access=app.state.keys)
    if settings.rate_limit is not None:
        app.add_middleware(RateLimitHeadersMiddleware)
    app.add_middleware(CompressionMiddleware)
    wrap_app(app)
    if settings.cors_origins:
        app.add_middleware(CorsMiddleware, origins=settings.cors_origins)
    app.add_middleware(MetricsMiddleware, metrics=app.state.metrics)
    if settings.log_level == "debug":
        app.add_middleware(RequestLog)
    app.add_middleware(ForwardedHeadersMiddleware, root_path=settings.root_path, trusted=settings.forwarded_allow_ips)
    return app


def create_api() -> FastAPI:
    """The service for those who deliver by `sitrep worker`."""
    return create_app(delivery=False)


def build_services(app: FastAPI, settings: Settings, *, delivery: bool) -> None:
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
    state.notifier = Notifier(state.log)
    state.store = Store(state.db, committed=state.notifier.wake)
    state.keys = Authenticator(state.db, settings)
    state.questions = HeavyQueryLimiter()
    state.kept = ResponseCache(state.log, questions=state.questions)
    state.metrics = Metrics()
    cipher, rules = SecretCipher(settings), TargetPolicy.of(settings)
    state.worker = Worker(state.notifier, cipher, rules, DeliveryCounts(state.metrics.registry)) if delivery else None
    changed = state.worker.kick if delivery else noop
    state.subscriptions = SubscriptionOperations(state.log, state.notifier, cipher, rules, changed)


def noop() -> None:
    """What follows where nobody is to be told."""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Callable[[], None]]]:
    """From the first connection to the last; the server calls `drain` when it is asked to stop."""
    state = app.state
    with suppress(Unavailable):  # /readyz tells; each use of the database tries anew
        await state.db.connect()
    state.store.start()
    state.notifier.start()
    if state.worker is not None:
        state.worker.start()
    freeze_gc()
    retention = state.settings.change_retention
    trimming = (
        None
        if retention is None
        else asyncio.create_task(trim_periodically(state.log, retention, oldest_needed_cursor))
    )

    def drain() -> None:
        state.notifier.drain()
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
        await state.notifier.stop()
        await state.store.stop()
        await state.keys.close()
        await state.db.close()
