"""What tools give: short views of events and counts, each with what cites it."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from app.events.documents import load_event
from app.kinds import measures_of
from app.mcp.api_caller import ApiCaller

MAX_SUMMARY = 500  # characters
MAX_NAMES = 10  # places, actors and sources of an event in a list
AsOf = Annotated[str, Field(description="The position of the feed at which this was read: `changes_since` goes on.")]


class Citation(BaseModel):
    """What stays the same however often the event is corrected."""

    event_id: str
    version: int
    permalink: Annotated[str, Field(description="The event's page at this version.")]


class Source(BaseModel):
    """A publication about an event."""

    publisher: str
    title: str | None = None
    url: str | None = None
    published_at: str | None = None


class Numbers(BaseModel):
    """A measured quantity with its uncertainty."""

    low: int
    best: int
    high: int


class EventSummary(BaseModel):
    """An event in short; `get_event` has all of it."""

    id: str
    version: int
    kind: str
    status: str
    title: str
    summary: Annotated[str | None, Field(description=f"The first {MAX_SUMMARY} characters.")]
    started_at: str
    ended_at: str | None
    time_precision: str
    places: Annotated[list[str], Field(description="Name, region, country and role of each.")]
    actors: Annotated[list[str], Field(description="Name and role of each.")]
    measures: dict[str, Numbers]
    sources: list[Source]
    quality_flags: list[str]
    updated_at: str
    citation: Citation


class FoundEvents(BaseModel):
    """A page of events."""

    events: list[EventSummary]
    next: Annotated[str | None, Field(description="The `cursor` of the next page; null on the last.")]
    as_of: AsOf
    permalink: Annotated[str, Field(description="The first page, at this position of the feed.")]


class Revision(BaseModel):
    """A version of an event."""

    version: int
    operation: str
    cursor: str
    at: str
    by: str | None
    changed: Annotated[list[str], Field(description="JSON pointers to what changed.")]


class EventWithHistory(BaseModel):
    """An event in full, and its versions, newest first."""

    event: Annotated[dict[str, Any], Field(description="The event as the API gives it.")]
    history: list[Revision]
    citation: Citation
    as_of: AsOf


class EventCount(BaseModel):
    """How many events match."""

    count: int
    as_of: AsOf
    permalink: Annotated[str, Field(description="The same count, at this position of the feed.")]


class SeriesRow(BaseModel):
    """One bucket of time, of one group."""

    start: str
    end: str
    group: str | None
    count: int
    low: int | None
    best: int | None
    high: int | None


class EventSeries(BaseModel):
    """Counts over time; low, best and high are sums of the measure, null where only events are counted."""

    rows: list[SeriesRow]
    as_of: AsOf
    permalink: Annotated[str, Field(description="The same call of the API.")]


class FacetCount(BaseModel):
    """A value and how many events have it."""

    value: str
    count: int


class FacetCounts(BaseModel):
    """For each facet its values, those of most events first."""

    facets: dict[str, list[FacetCount]]
    as_of: AsOf
    permalink: Annotated[str, Field(description="The same call of the API.")]


class ChangeSummary(BaseModel):
    """What became of one event."""

    change_id: str
    type: Annotated[str, Field(description="`<kind>.created`, `.updated` or `.deleted`.")]
    time: str
    event: Annotated[EventSummary | None, Field(description="The event after the change; null if it was deleted.")]
    tombstone: Annotated[dict[str, Any] | None, Field(description="What a deletion left.")]
    citation: Citation


class Changes(BaseModel):
    """Changes in the order in which they were recorded."""

    changes: list[ChangeSummary]
    next: Annotated[str, Field(description="Ask for what follows with this as `cursor`.")]
    has_more: Annotated[bool, Field(description="Whether more is there already, even where `changes` is empty.")]
    as_of: AsOf


class Facet(BaseModel):
    """A filter, and what to group and count by."""

    name: str
    description: str
    values: Annotated[tuple[str, ...] | None, Field(description="The vocabulary; null where values are open.")]


class Measure(BaseModel):
    """What is counted within events: filter by `<name>_min` and `<name>_max`, sum in `count_over_time`."""

    name: str
    description: str


class KindSummary(BaseModel):
    """A kind of event with the facets and measures of its own."""

    kind: str
    title: str
    facets: list[str]
    measures: list[str]


class Kinds(BaseModel):
    """What there is to ask for."""

    kinds: list[KindSummary]
    facets: list[Facet]
    measures: list[Measure]
    as_of: AsOf


def cite(api: ApiCaller, id: str, version: int) -> Citation:
    """Name a version of an event."""
    permalink = api.address(f"events/{id}", [("version", str(version))])
    return Citation(event_id=id, version=version, permalink=permalink)


def summarize(api: ApiCaller, event: dict[str, Any]) -> EventSummary:
    """Give an event in short."""
    summary = event["summary"]
    if summary is not None and len(summary) > MAX_SUMMARY:
        summary = f"{summary[:MAX_SUMMARY]}…"
    return EventSummary(
        **{name: event[name] for name in ("id", "version", "kind", "status", "title", "started_at", "ended_at")},
        **{name: event[name] for name in ("time_precision", "quality_flags", "updated_at")},
        summary=summary,
        places=[describe_place(place) for place in event["locations"][:MAX_NAMES]],
        actors=[f"{actor['name']} ({actor['role']})" for actor in event["actors"][:MAX_NAMES]],
        measures=measure(event),
        sources=[Source.model_validate(source) for source in event["sources"][:MAX_NAMES]],
        citation=cite(api, event["id"], event["version"]),
    )


def describe_place(place: dict[str, Any]) -> str:
    """Name, region and country of a place, and its part in the event where that is known."""
    names = ", ".join([place[name] for name in ("name", "admin1", "country") if place[name]])
    return names if place["role"] is None else f"{names} ({place['role']})"


def measure(event: dict[str, Any]) -> dict[str, Numbers]:
    """What is counted within an event; nothing for a version that can no longer be read."""
    with suppress(ValidationError):
        return {name: Numbers(**found._asdict()) for name, found in measures_of(load_event(event)).items()}
    return {}
