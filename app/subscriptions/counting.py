"""What delivery counts for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from app.subscriptions.decisions import Attempt

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0)


class DeliveryCounts:
    """Attempts by what came of them, how long they took, and how many subscriptions this process sees to."""

    def __init__(self, registry: CollectorRegistry) -> None:
        attempts = Counter(
            "sitrep_delivery_attempts", "Webhook requests by what came of them.", ["outcome"], registry=registry
        )
        self._seconds = Histogram(
            "sitrep_delivery_seconds", "Seconds of a webhook request.", buckets=BUCKETS, registry=registry
        )
        self._by = {
            outcome: attempts.labels(outcome)
            for outcome in ("delivered", "status", "timeout", "dns", "refused-address", "tls", "connect", "payload")
        }
        self.held = Gauge(
            "sitrep_delivery_subscriptions", "Subscriptions that this process delivers.", registry=registry
        )

    def note(self, attempt: Attempt) -> None:
        """Count one request."""
        self._by[attempt.error or "delivered"].inc()
        self._seconds.observe(attempt.duration_ms / 1000)
