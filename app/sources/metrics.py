"""What Prometheus reads of sources: how long each has been silent, and whether that is too long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric

from app.auth.keys import utc_now
from app.db import Database
from app.errors import Problem
from app.sources.tables import SourceState, read_states

# How long a scrape waits for the database; what was read last is told when it takes longer.
READ_TIMEOUT_S = 2.0


class SourceMetrics:
    """The sources as the last `refresh` found them; seconds count on although the database is away."""

    def __init__(self, registry: CollectorRegistry, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self._sources: Sequence[SourceState] = ()
        registry.register(self)

    async def refresh(self, db: Database) -> None:
        """Read them anew, unless the database does not answer in time."""
        with suppress(Problem, TimeoutError):
            async with asyncio.timeout(READ_TIMEOUT_S):
                self._sources = await read_states(db)

    def collect(self) -> Iterator[Metric]:
        """One gauge for each number, with a label for the source."""
        now = self._now()
        since = GaugeMetricFamily(
            "sitrep_source_seconds_since_success", "Seconds since a source was taken in.", labels=["source"]
        )
        newest = GaugeMetricFamily(
            "sitrep_source_seconds_since_newest_event",
            "Seconds since the newest event of a source began.",
            labels=["source"],
        )
        stale = GaugeMetricFamily(
            "sitrep_source_stale", "1 if a source has been silent for three intervals.", labels=["source"]
        )
        failures = GaugeMetricFamily(
            "sitrep_source_failures", "Runs of a source that failed since its last success.", labels=["source"]
        )
        for source in self._sources:
            since.add_metric([source.name], (now - (source.last_success_at or source.added_at)).total_seconds())
            if source.newest_event_at is not None:
                newest.add_metric([source.name], (now - source.newest_event_at).total_seconds())
            stale.add_metric([source.name], float(source.is_stale(now)))
            failures.add_metric([source.name], float(source.failures))
        yield from (since, newest, stale, failures)
