"""Joins the parts into one application, and runs it from its first connection to its last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from fastapi import APIRouter, FastAPI

from app.auth import Authenticator, RateLimitHeadersMiddleware
from app.auth.authentication import HeavyQueryMiddleware
from app.auth.feed_token_middleware import FeedTokenMiddleware
from app.auth.feed_token_routes import router as feed_token_routes
from app.auth.routes import router as key_routes
from app.changes import ChangeLog, trim_periodically
from app.compression import CompressionMiddleware
from app.db import Database, open_database
from app.db.heavy_queries import HeavyQueryLimiter
from app.errors import CorsMiddleware, Unavailable, wrap_app
from app.events.feeds.routes import router as fixed_routes
from app.events.kinds_routes import router as kind_routes
from app.events.read.list_routes import router as list_routes
from app.events.read.routes import router as finding_routes
from app.events.write.routes import router as writing_routes
from app.events.write.store import Store
from app.feed.durable_routes import router as durable_routes
from app.feed.notifier import Notifier
from app.feed.routes import router as feed_routes
from app.feed.sse import StreamTimings
from app.health import router as health_routes
from app.imports.routes import router as import_routes
from app.kit.gc import freeze_gc
from app.logs import RequestLog
from app.mcp.routes import router as mcp_routes
from app.metrics import Metrics, MetricsMiddleware
from app.openapi import document_by, serve_documents
from app.proxy import Application, ForwardedHeadersMiddleware
from app.response_cache import ResponseCache, ResponseCacheMiddleware
from app.settings import Settings
from app.sources.metrics import SourceMetrics
from app.sources.routes import router as source_routes
from app.sources.staleness import tell_staleness_periodically
from app.stats.routes import router as stats_routes
from app.subscriptions.delivery.metrics import DeliveryCounts
from app.subscriptions.delivery.worker import Worker
from app.subscriptions.management.delivery_routes import router as delivery_routes
from app.subscriptions.management.operations import SubscriptionOperations
from app.subscriptions.management.routes import router as subscription_routes
from app.subscriptions.statements import oldest_needed_cursor
from app.subscriptions.transport.secret_cipher import SecretCipher
from app.subscriptions.transport.url_guard import TargetPolicy

ROUTES = APIRouter()  # put together once in a process, as that takes longer than all else that an application needs
for each in (
    list_routes,
    finding_routes,
    writing_routes,
    stats_routes,
    fixed_routes,
    feed_routes,
    durable_routes,
    subscription_routes,
    delivery_routes,
    import_routes,
    source_routes,
    kind_routes,
    key_routes,
    feed_token_routes,
    health_routes,
    mcp_routes,
):
    ROUTES.routes.extend(each.routes)  # one list: a router that is included is searched twice for each request


@dataclass(frozen=True)
class Services:
    """What routes, middleware and commands work with: one of each for an application."""

    settings: Settings
    db: Database
    log: ChangeLog
    notifier: Notifier
    store: Store
    authenticator: Authenticator
    heavy_queries: HeavyQueryLimiter
    response_cache: ResponseCache
    metrics: Metrics
    source_metrics: SourceMetrics
    worker: Worker | None
    subscriptions: SubscriptionOperations
    stream_timings: StreamTimings = field(default_factory=StreamTimings)


def create_app(settings: Settings | None = None, *, delivery: bool = True) -> FastAPI:
    """The whole service, its settings taken from the environment unless given; without `delivery` it pushes nothing."""
    settings = settings or Settings()
    app = Application(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    services = app.state.services = build_services(settings, delivery=delivery)
    app.router.routes.extend(ROUTES.routes)
    serve_documents(app)
    document_by(app)
    app.add_middleware(HeavyQueryMiddleware, questions=services.heavy_queries)
    app.add_middleware(FeedTokenMiddleware)
    if settings.rate_limit is not None:
        app.add_middleware(RateLimitHeadersMiddleware)
    app.add_middleware(CompressionMiddleware)
    wrap_app(app)
    if settings.cors_origins:
        app.add_middleware(CorsMiddleware, origins=settings.cors_origins)
    app.add_middleware(MetricsMiddleware, metrics=services.metrics)
    by_origin = bool(settings.cors_origins)
    cached = ResponseCacheMiddleware(
        app.front, services.response_cache, services.authenticator, services.metrics, by_origin=by_origin
    )
    logged = RequestLog(cached) if settings.log_level == "debug" else cached
    app.front = ForwardedHeadersMiddleware(logged, settings.root_path, settings.forwarded_allow_ips)
    return app


def create_api() -> FastAPI:
    """The service for those who deliver by `sitrep worker`."""
    return create_app(delivery=False)


def build_services(settings: Settings, *, delivery: bool) -> Services:
    """Make the services and connect them: a write wakes the notifier, a changed subscription wakes the worker."""
    db = open_database(
        settings.database_url,
        settings.read_database_url,
        pool_size=settings.database_pool,
        pooler=settings.database_pooler,
    )
    log = ChangeLog(db, settings.source)
    notifier, metrics, heavy_queries = Notifier(log), Metrics(), HeavyQueryLimiter()
    response_cache = ResponseCache(log, then=notifier.wake)
    cipher, policy = SecretCipher(settings), TargetPolicy.of(settings)
    worker = Worker(notifier, cipher, policy, DeliveryCounts(metrics.registry)) if delivery else None
    return Services(
        settings,
        db,
        log,
        notifier,
        Store(db, committed=response_cache.wake),
        Authenticator(db, settings),
        heavy_queries,
        response_cache,
        metrics,
        SourceMetrics(metrics.registry),
        worker,
        SubscriptionOperations(log, notifier, cipher, policy, worker.kick if worker else noop),
    )


@asynccontextmanager
async def open_for_reading(settings: Settings) -> AsyncIterator[FastAPI]:
    """Give an application that reads and is called within this process; anybody who can call it may read.

    Unavailable when the database cannot be used, SchemaMismatch when it has the schema of another version.
    """
    app = create_app(settings.model_copy(update={"anonymous_read": True}), delivery=False)
    services: Services = app.state.services
    try:
        await services.db.connect()
        await services.db.check_schema()
        services.notifier.start()
        yield app
    finally:
        await services.notifier.stop()
        await services.db.close()


def noop() -> None:
    """Do nothing: there is no worker to wake."""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Callable[[], None]]]:
    """Run the services from the first connection to the last; the server calls `drain` when it is asked to stop."""
    services: Services = app.state.services
    worker, retention = services.worker, services.settings.change_retention
    with suppress(Unavailable):  # /readyz tells; each use of the database tries anew
        await services.db.connect()
    services.store.start()
    services.notifier.start()
    if worker is not None:
        worker.start()
    freeze_gc()
    telling = asyncio.create_task(tell_staleness_periodically(services.db, services.settings.sources_file))
    trimming = (
        None
        if retention is None
        else asyncio.create_task(trim_periodically(services.log, retention, oldest_needed_cursor))
    )

    def drain() -> None:
        services.notifier.drain()
        services.heavy_queries.drain()
        if worker is not None:
            worker.drain()

    try:
        yield {"drain": drain}
    finally:
        if worker is not None:
            await worker.stop()
        telling.cancel()
        if trimming is not None:
            trimming.cancel()
        await services.notifier.stop()
        await services.store.stop()
        await services.authenticator.close()
        await services.db.close()
