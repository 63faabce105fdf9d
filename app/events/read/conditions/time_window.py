"""`since` and `until`: some moment of the event lies between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from app.events.read.conditions.base import Condition
from app.events.read.filter_parsers import MOMENT_PATTERN, Moment, instant_of
from app.kinds import micros


@dataclass(frozen=True)
class TimeWindow(Condition):
    """Some moment of the event lies in since <= m < until, which are in microseconds since the Unix epoch.

    Every filter has one as `window`, for time is what the index is ordered by: the planner cuts its ranges by it, and
    statistics ask where it begins.
    """

    parameters = {
        "since": Annotated[Moment | None, Field(description="Events of which some moment is at or after this.")],
        "until": Annotated[Moment | None, Field(description="Events of which some moment is before this.")],
    }
    patterns = {"since": MOMENT_PATTERN, "until": MOMENT_PATTERN}
    since: int | None = None
    until: int | None = None

    @classmethod
    def read(cls, params: Any) -> Iterable[Condition]:
        """The window, a bare day beginning in the zone asked for."""
        ends = (params.since, params.until)
        return (cls(*(None if end is None else micros(instant_of(end, params.timezone)) for end in ends)),)

    @property
    def empty(self) -> bool:
        """No moment lies in it, so that nothing can match."""
        return self.since is not None and self.until is not None and self.since >= self.until

    def overlaps(self, started_at: int, ends_at: int) -> bool:
        """Some moment of the interval lies in the window."""
        return (
            not self.empty
            and (self.until is None or started_at < self.until)
            and (self.since is None or ends_at > self.since)
        )


ALWAYS = TimeWindow()
