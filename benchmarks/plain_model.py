"""What the plain app takes, gives and stores: pydantic shapes, SQLModel tables, and rows from shapes."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from pydantic import BaseModel
from sqlalchemy import JSON, DateTime, Index
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel


class Location(BaseModel):
    """A place."""

    name: str | None = None
    country: str | None = None
    admin1: str | None = None
    lat: float | None = Field(default=None, ge=-90, le=90)
    lon: float | None = Field(default=None, ge=-180, le=180)
    precision: str | None = None
    role: str | None = None


class Actor(BaseModel):
    """Who took part."""

    name: str
    role: str
    type: str
    country: str | None = None
    ref: str | None = None


class Estimate(BaseModel):
    """A number and how far it may be trusted."""

    low: int | None = None
    best: int | None = None
    high: int | None = None
    qualifier: str = "unknown"


class Casualty(BaseModel):
    """People harmed."""

    measure: str
    group: str
    subgroup: str | None = None
    count: Estimate | int


class Source(BaseModel):
    """Who says so."""

    publisher: str
    url: str | None = None
    title: str | None = None
    published_at: datetime | None = None
    language: str | None = None
    scale: str | None = None


class ExternalId(BaseModel):
    """A key elsewhere."""

    system: str
    id: str


class EventIn(BaseModel):
    """An event as a writer sends it."""

    kind: str
    status: str = "reported"
    title: str
    summary: str | None = None
    started_at: datetime
    ended_at: datetime | None = None
    time_precision: str = "instant"
    timezone: str | None = None
    locations: list[Location] = []
    actors: list[Actor] = []
    casualties: list[Casualty] = []
    sources: list[Source] = []
    claims: list[dict[str, Any]] = []
    external_ids: list[ExternalId] = []
    relations: list[dict[str, Any]] = []
    tags: list[str] = []
    extra: dict[str, Any] = {}
    detail: dict[str, Any]


class EventOut(EventIn):
    """An event as it is answered."""

    id: UUID
    version: int
    quality_flags: list[str]
    created_at: datetime
    updated_at: datetime


class EventPage(BaseModel):
    """A page of events."""

    items: list[EventOut]
    next: str | None


class Change(BaseModel):
    """An event in the feed."""

    id: int
    type: str
    event_id: UUID
    time: datetime
    data: EventOut


class ChangePage(BaseModel):
    """A page of the feed."""

    items: list[Change]
    next: int


class BatchOut(BaseModel):
    """What a batch made."""

    ids: list[UUID]


def instant(*, nullable: bool = False) -> Any:
    """A column of instants."""
    return Field(default=None if nullable else ..., sa_type=DateTime(timezone=True))


def json_list() -> Any:
    """A column of nested rows."""
    return Field(default_factory=list, sa_type=JSON)


class PlainTable(SQLModel, registry=registry()):
    """A table of the plain app, which is none of Sitrep's: its metadata are its own."""


class PlainEvent(PlainTable, table=True):
    """An event: one row."""

    __table_args__ = (Index("plain_started", "started_at", "id"), Index("plain_country", "country", "started_at"))
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    kind: str = Field(index=True)
    country: str | None
    version: int = 1
    status: str
    title: str
    summary: str | None
    started_at: datetime = instant()
    ended_at: datetime | None = instant(nullable=True)
    time_precision: str
    timezone: str | None
    locations: list[dict[str, Any]] = json_list()
    actors: list[dict[str, Any]] = json_list()
    casualties: list[dict[str, Any]] = json_list()
    sources: list[dict[str, Any]] = json_list()
    claims: list[dict[str, Any]] = json_list()
    external_ids: list[dict[str, Any]] = json_list()
    relations: list[dict[str, Any]] = json_list()
    tags: list[str] = json_list()
    quality_flags: list[str] = json_list()
    extra: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime = instant()
    updated_at: datetime = instant()


class PlainKey(PlainTable, table=True):
    """A key, by the hash of its text."""

    hash: str = Field(primary_key=True)
    owner: str


class PlainExternalId(PlainTable, table=True):
    """Which event holds a key of another system."""

    system: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    event_id: UUID


class PlainFacet(PlainTable, table=True):
    """A value by which an event is found."""

    facet: str = Field(primary_key=True)
    value: str = Field(primary_key=True)
    started_at: datetime = Field(primary_key=True, sa_type=DateTime(timezone=True))
    event_id: UUID = Field(primary_key=True)


class PlainChange(PlainTable, table=True):
    """A version of an event in the order of the log."""

    id: int | None = Field(default=None, primary_key=True)
    event_id: UUID
    kind: str = Field(index=True)
    type: str
    time: datetime = instant()
    data: dict[str, Any] = Field(sa_type=JSON)


TABLES = (PlainEvent, PlainKey, PlainExternalId, PlainFacet, PlainChange)


def row_of(wanted: EventIn) -> PlainEvent:
    """The row of a new event."""
    now = datetime.now(UTC)
    nested = {"locations", "actors", "casualties", "sources", "external_ids"}
    return PlainEvent(
        **wanted.model_dump(exclude=nested),
        **wanted.model_dump(mode="json", include=nested),
        country=next((place.country for place in wanted.locations), None),
        created_at=now,
        updated_at=now,
    )


def rows_of(wanted: EventIn) -> list[SQLModel]:
    """The event first, then its external ids, filter values and change."""
    row = row_of(wanted)
    ids = [PlainExternalId(system=known.system, id=known.id, event_id=row.id) for known in wanted.external_ids]
    facets = [
        PlainFacet(facet=facet, value=value, started_at=row.started_at, event_id=row.id)
        for facet, value in dict.fromkeys(facets_in(wanted))
    ]
    data = EventOut.model_validate(row, from_attributes=True).model_dump(mode="json")
    kind = f"{row.kind}.created"
    return [row, *ids, *facets, PlainChange(event_id=row.id, kind=row.kind, type=kind, time=row.updated_at, data=data)]


def facets_in(wanted: EventIn) -> Iterator[tuple[str, str]]:
    """What events are found by."""
    yield from (("tag", tag) for tag in wanted.tags)
    yield from (("actor", actor.name) for actor in wanted.actors)
    yield from (("publisher", source.publisher) for source in wanted.sources)
    yield from (("place", place.name) for place in wanted.locations if place.name)
