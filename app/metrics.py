"""Counters and histograms for Prometheus, in a registry of their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import nan

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "unmatched"


class Metrics:
    """What one process counts. Other parts add their own collectors to `registry`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "sitrep_http_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "sitrep_http_request_seconds",
            "Seconds from the request's header fields to the first byte of its answer.",
            ["method", "route"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._replica_lag = Gauge(
            "sitrep_replica_lag_changes",
            "Changes that the replica for reading has yet to take over; NaN where there is none that answers.",
            registry=self.registry,
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        key = (method, route, status)
        children = self._children.get(key)
        if children is None:
            known = method if method in METHODS else "other"
            children = self._children[key] = (
                self._requests.labels(known, route, str(status)),
                self._seconds.labels(known, route),
            )
        children[0].inc()
        children[1].observe(seconds)

    def response(self, replica_lag: int | None) -> Response:
        """The state of all collectors in Prometheus's text format; `replica_lag` is as of now, in changes."""
        self._replica_lag.set(nan if replica_lag is None else replica_lag)
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)


class MetricsMiddleware:
    """Wraps an ASGI app and counts its answers by the template of their route, never by their path."""

    def __init__(self, app: ASGIApp, metrics: Metrics, clock: Callable[[], float] = time.perf_counter) -> None:
        self.app = app
        self._metrics = metrics
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begin = self._clock()

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.count(scope["method"], template(scope), message["status"], self._clock() - begin)
            await send(message)

        await self.app(scope, receive, watch)


def template(scope: Scope) -> str:
    """The path of the route that took the request, with its parameters' names."""
    return getattr(scope.get("route"), "path", None) or UNMATCHED
