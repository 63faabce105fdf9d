"""What delivery counts for Prometheus."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from app.subscriptions.delivery.retry_policy import Attempt

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0)
BUCKETS_MS = [round(seconds * 1000) for seconds in BUCKETS]
OUTCOMES = ("delivered", "status", "timeout", "dns", "refused-address", "tls", "connect", "payload")


class DeliveryCounts:
    """Attempts by what came of them, how long they took, and how many subscriptions this process sees to.

    Attempts are counted in plain numbers, on one thread; what Prometheus reads is made of them when it asks.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._by = dict.fromkeys(OUTCOMES, 0)
        self._within = [0] * (len(BUCKETS) + 1)
        self._sum = 0
        self.held = Gauge(
            "sitrep_delivery_subscriptions", "Subscriptions that this process delivers.", registry=registry
        )
        registry.register(self)

    def note(self, attempt: Attempt) -> None:
        """Count one request."""
        self._by[attempt.error or "delivered"] += 1
        self._within[bisect_left(BUCKETS_MS, attempt.duration_ms)] += 1
        self._sum += attempt.duration_ms

    def collect(self) -> Iterator[Metric]:
        """The attempts as Prometheus reads them."""
        attempts = CounterMetricFamily(
            "sitrep_delivery_attempts", "Webhook requests by what came of them.", labels=["outcome"]
        )
        for outcome, count in self._by.items():
            attempts.add_metric([outcome], count)
        yield attempts
        ends = [*map(str, BUCKETS), "+Inf"]
        within = list(zip(ends, accumulate(self._within), strict=True))
        yield HistogramMetricFamily(
            "sitrep_delivery_seconds", "Seconds of a webhook request.", buckets=within, sum_value=self._sum / 1000
        )
