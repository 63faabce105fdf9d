"""The fixed feeds: the events of the last day, week or month, under names that need no query."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import NamedTuple

from app.db import Database
from app.events.read.filter import BaseEventFilter, EventFilter
from app.events.read.queries import iterate
from app.events.read.rows import ResolvedQuery, Row
from app.kinds import KINDS, format_instant

MAX_EVENTS = 10_000
MINUTE = timedelta(minutes=1)
PERIODS = {"day": timedelta(hours=24), "week": timedelta(days=7), "month": timedelta(days=30)}
PERIOD_WORDS = {"day": "the last 24 hours", "week": "the last 7 days", "month": "the last 30 days"}


class SummaryFeed(NamedTuple):
    """The events of one kind, or of all, that overlap a period up to now."""

    name: str
    kind: str | None
    period: str

    @property
    def title(self) -> str:
        """What a feed reader calls it."""
        what = "All events" if self.kind is None else KINDS[self.kind].plural.replace("_", " ").capitalize()
        return f"{what} of {PERIOD_WORDS[self.period]}"

    def ends(self, now: datetime) -> datetime:
        """When the current minute ends, and with it the period."""
        return now.replace(second=0, microsecond=0) + MINUTE

    def wanted(self, now: datetime) -> BaseEventFilter:
        """Events of which some moment lies in the period, which ends with the current minute."""
        until = self.ends(now)
        ends = {"since": until - MINUTE - PERIODS[self.period], "until": until}
        asked: dict[str, object] = {name: format_instant(at) for name, at in ends.items()}
        return EventFilter.model_validate(asked if self.kind is None else {**asked, "kind": [self.kind]})


def build_summary_feeds() -> dict[str, SummaryFeed]:
    """Every feed by its name: `all` or the plural of a kind, and a period."""
    scopes: dict[str, str | None] = {"all": None, **{kind.plural: name for name, kind in KINDS.items()}}
    named = [SummaryFeed(f"{scope}_{period}", kind, period) for scope, kind in scopes.items() for period in PERIODS]
    return {feed.name: feed for feed in named}


SUMMARY_FEEDS = build_summary_feeds()


async def newest_change(
    db: Database, feed: SummaryFeed, now: datetime, most: int = MAX_EVENTS
) -> AsyncIterator[list[Row]]:
    """Give the feed's events, newest first, a chunk at a time."""
    left = most
    async for rows in iterate(db, ResolvedQuery(feed.wanted(now))):
        yield rows[:left]
        left -= len(rows)
        if left <= 0:
            return
