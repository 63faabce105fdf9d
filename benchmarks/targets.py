"""What is measured and what it should come to: a row for each path, with its target and its moonshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["moonshot", "met", "missed", "measured", "not measured"]
DIALECTS = ("sqlite", "postgresql")


@dataclass(frozen=True, slots=True)
class Row:
    """A path: `unit` says what its figure counts, `target` and `moonshot` are for SQLite and for PostgreSQL.

    A figure should be at least the target, or at most it where `at_most` says so. Rows that belong to no database,
    such as the start of a command, use the first number.
    """

    key: str
    path: str
    unit: str
    target: tuple[float, float] | None = None
    moonshot: tuple[float, float] | None = None
    at_most: bool = False

    def target_of(self, database: str) -> float | None:
        return None if self.target is None else self.target[database == "postgresql"]

    def moonshot_of(self, database: str) -> float | None:
        return None if self.moonshot is None else self.moonshot[database == "postgresql"]

    def verdict(self, database: str, value: float | None) -> Verdict:
        """What a figure comes to."""
        if value is None:
            return "not measured"
        target, moonshot = self.target_of(database), self.moonshot_of(database)
        if target is None:
            return "measured"
        if moonshot is not None and self.reaches(value, moonshot):
            return "moonshot"
        return "met" if self.reaches(value, target) else "missed"

    def reaches(self, value: float, wanted: float) -> bool:
        return value <= wanted if self.at_most else value >= wanted


def row(
    key: str,
    path: str,
    unit: str,
    target: float | tuple[float, float] | None = None,
    moonshot: float | tuple[float, float] | None = None,
    *,
    at_most: bool = False,
) -> Row:
    """A row whose numbers hold for both databases where there is one of each."""
    return Row(key, path, unit, both(target), both(moonshot), at_most)


def both(number: float | tuple[float, float] | None) -> tuple[float, float] | None:
    return number if number is None or isinstance(number, tuple) else (number, number)


OF_BARE = "of bare ASGI"
ROWS = {
    found.key: found
    for found in (
        row("repeated-page", "repeated page of 100 / bare", OF_BARE, 0.60, 0.85),
        row("repeated-page-writes", "repeated page under writes / bare", OF_BARE, 0.40, 0.65),
        row("uncached-page", "uncached page of 100 / bare", OF_BARE, (0.14, 0.10), (0.30, 0.18)),
        row("page-peer", "uncached page / Datasette, tipg", "times as cheap", (9.0, 6.0), (18.0, 12.0)),
        row("by-id", "event by id / bare", OF_BARE, 0.45, 0.75),
        row("not-modified", "event, 304 / bare", OF_BARE, 0.45, 0.75),
        row("create", "create, 32 clients / no database", "of the same app without", (0.45, 0.70), (0.70, 0.95)),
        row("create-plain", "create, 32 clients / plain way", "of its processor time", 0.33, at_most=True),
        row("mixed", "70 % reads, 30 % writes, 32 clients / plain way", "of its processor time", 0.33, at_most=True),
        row("batch", "batch of 1,000 / raw inserts", "of the driver alone", (0.35, 0.40), (0.60, 0.65)),
        row("feed", "feed page / bare", OF_BARE, 0.14, 0.30),
        row("feed-filtered", "feed page, filtered / bare", OF_BARE, 0.14, 0.30),
        row("fan-out", "a write to 1,000 SSE clients", "ms of processor time", 25.0, 12.0, at_most=True),
        row("stream-memory", "memory of a waiting SSE client", "KB", 15.0, 7.0, at_most=True),
        row("delivery", "webhook posts / raw sender", "of a raw sender", 0.28, 0.80),
        row("subscriptions", "a change beside 10,000 / 10 subscriptions", "times", 1.2, 1.05, at_most=True),
        row("statistics", "statistics / raw GROUP BY", "times as fast", 80.0, 300.0),
        row("statistics-facet", "statistics, other facet / raw", "times as fast", 20.0, 80.0),
        row("import", "rows imported / bare batch path", "of the batch path", 0.80, 0.95),
        row("page-depth", "page, deep / small database", "times the small one's", 1.2, 1.05, at_most=True),
        row("feed-depth", "feed, deep / small database", "times the small one's", 1.2, 1.05, at_most=True),
        row("start-help", "sitrep --help", "s of processor time", 0.3, at_most=True),
        row("start-serve", "sitrep serve, until it answers", "s of processor time", 1.5, at_most=True),
        row("crowd", "healthy endpoints in a crowd / quiet", "times the quiet p99", 1.5, at_most=True),
        row("export", "memory of an export, rest / begin", "times the first 96 MB's", 1.2, at_most=True),
    )
}
