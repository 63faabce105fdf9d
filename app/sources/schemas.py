"""Sources as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from app.auth.schemas import serialize_instant
from app.sources.tables import SourceState, State


class Freshness(BaseModel):
    """How long ago it was, in seconds, as of the answer; null: never."""

    since_newest_event_s: int | None = Field(description="Since the newest event that the source has brought began.")
    since_last_success_s: int | None = Field(description="Since the last run that succeeded.")


class SourceShape(BaseModel):
    """One source, and how it fares."""

    name: str = Field(examples=["gdelt"])
    type: str = Field(description="How the publisher gives out its files.", examples=["gdelt"])
    dataset: str | None = Field(description="The dataset it fills; null: a layout of the operator's own.")
    state: State = Field(description="`new` before its first success, `running`, `ok`, or `failing`.")
    stale: bool = Field(description="It has been silent for three intervals.")
    interval_s: int = Field(description="It is taken in once in so many seconds.")
    version: str | None = Field(description="The publisher's version, or the time of the file, that is in.")
    rows: int | None = Field(description="Rows of the files of the last run that brought something.")
    last_attempt_at: datetime | None
    last_success_at: datetime | None
    next_run_at: datetime | None = Field(description="When it is due; null: at once.")
    newest_event_at: datetime | None = Field(description="When the newest event that the source has brought began.")
    failures: int = Field(description="Runs that have failed since the last success.")
    last_problem: str | None = Field(description="What went wrong, or was odd, in the last run; null: nothing.")
    last_problem_at: datetime | None
    freshness: Freshness


class SourceList(BaseModel):
    """Every source, by name."""

    items: list[SourceShape]
    next: None = Field(default=None, description="Always null: one page holds every source.")


def serialize_source(source: SourceState, now: datetime) -> dict[str, Any]:
    """Give a source as `SourceShape`."""
    return {
        "name": source.name,
        "type": source.type,
        "dataset": source.dataset,
        "state": source.state(now),
        "stale": source.is_stale(now),
        "interval_s": source.interval_s,
        "version": source.version,
        "rows": source.rows,
        "last_attempt_at": serialize_instant(source.last_attempt_at),
        "last_success_at": serialize_instant(source.last_success_at),
        "next_run_at": serialize_instant(source.next_run_at),
        "newest_event_at": serialize_instant(source.newest_event_at),
        "failures": source.failures,
        "last_problem": source.last_problem,
        "last_problem_at": serialize_instant(source.last_problem_at),
        "freshness": {
            "since_newest_event_s": seconds_since(source.newest_event_at, now),
            "since_last_success_s": seconds_since(source.last_success_at, now),
        },
    }


def seconds_since(moment: datetime | None, now: datetime) -> int | None:
    """Count the seconds since, none before."""
    return None if moment is None else max(0, int((now - moment).total_seconds()))
