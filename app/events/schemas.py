"""What the event routes take and give: query models, and the shapes that OpenAPI documents."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SkipValidation, model_validator
from pydantic.json_schema import WithJsonSchema
from pydantic_core import PydanticCustomError

from app.events.read.filter import EventFilter
from app.events.read.filter_parsers import MAX_NUMBER, Moment, list_of, read_uuid, word_of
from app.kinds import FIELDS, MEASURES, EventIn, EventOut, Reason
from app.kinds.base import INTEGRAL

Cursor = Annotated[str, Field(pattern="^e[1-9][0-9]*-[0-9]{12,}$", examples=["e1-000000012345"])]
ORDERS = ("started_at", "updated_at", *MEASURES)
Sort: Any = word_of(tuple(sign + name for name in ORDERS for sign in ("", "-")))
FieldName: Any = word_of(FIELDS)
AsOf = Annotated[
    str | None,
    Field(
        description="As it stood at a feed cursor, or at the last change not after an instant.",
        examples=["e1-000000012345", "2025-09-08T00:00:00Z"],
    ),
]
EventId = Annotated[UUID, BeforeValidator(read_uuid)]


class FilteredQuery(BaseModel):
    """A query: unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CountQuery(EventFilter):
    """Filters, and the record time."""

    changed_since: Annotated[
        Moment | None, Field(description="Events written at or after this (record time); only the feed is loss-free.")
    ] = None
    as_of: AsOf = None


class PageQuery(CountQuery):
    """Filters, order and page."""

    sort: Annotated[
        Sort,
        Field(
            description="Order, descending with `-`; ties by id in the same direction. By a measure, events without it "
            "come last."
        ),
    ] = "-started_at"
    limit: Annotated[int, Field(ge=1, le=1000, description="Events on a page.")] = 100
    cursor: Annotated[str | None, Field(description="`next` of the page before, with the same filter and order.")] = (
        None
    )


class ListQuery(PageQuery):
    """Filters, order, page and fields."""

    fields: Annotated[
        list[FieldName] | None,
        BeforeValidator(list_of),
        Field(description="Members of the events to keep; all of them unless given.", examples=[["id", "title"]]),
    ] = None


class ExportQuery(CountQuery):
    """Filters and a format."""

    format: Annotated[
        Literal["ndjson", "csv", "geojson", "parquet", "geoparquet"],
        Field(
            description="What the file is. CSV and Parquet have columns for the kinds that `kind` names, or for all."
        ),
    ] = "ndjson"
    excel: Annotated[bool, Field(description="CSV as Excel opens it: with a byte order mark.")] = False

    @model_validator(mode="after")
    def _only_csv(self) -> ExportQuery:
        if self.excel and self.format != "csv":
            raise PydanticCustomError("together", "Only CSV is for Excel: add format=csv.", {"parameter": "excel"})
        return self


class EventQuery(FilteredQuery):
    """An older state of one event."""

    version: Annotated[int | None, Field(ge=1, le=MAX_NUMBER, description="This version, even after a deletion.")] = (
        None
    )
    as_of: AsOf = None

    @model_validator(mode="after")
    def _one(self) -> EventQuery:
        if self.version is not None and self.as_of is not None:
            raise PydanticCustomError("together", "Give version or as_of, not both.", {"parameter": "as_of"})
        return self


class RevisionsQuery(FilteredQuery):
    """A page of an event's history."""

    limit: Annotated[int, Field(ge=1, le=1000, description="Revisions on a page.")] = 100
    cursor: Annotated[str | None, Field(description="`next` of the page before.")] = None


class RemoveQuery(FilteredQuery):
    """Why an event goes."""

    reason: Annotated[Reason, Field(description="`legal` also erases every version's body.")]
    superseded_by: Annotated[EventId | None, Field(description="The event that takes its place.")] = None


class BatchQuery(FilteredQuery):
    """How a batch fails."""

    partial: Annotated[
        Literal["true", "false"],
        Field(description="true: each item by itself; false: all or nothing."),
        WithJsonSchema({"type": "boolean", "default": False}),
    ] = "false"


class EventList(BaseModel):
    """A page of events; follow the feed from the first page's `as_of`."""

    items: list[EventOut]
    next: str | None
    as_of: Cursor


class Point(BaseModel):
    """A GeoJSON point, longitude first."""

    type: Literal["Point"]
    coordinates: Annotated[list[float], Field(min_length=2, max_length=2)]


PROPERTIES = (
    "The event without `detail`, `extra` and `locations`; `location` is this place, `places` the number of the event's "
    "features. Where an event has many places and long lists, only its first feature has the lists and the summary."
)


class Feature(BaseModel):
    """One located place of an event."""

    type: Literal["Feature"]
    id: Annotated[str, Field(description="`<event id>/<location index>`")]
    geometry: Point
    properties: Annotated[dict[str, Any], Field(description=PROPERTIES)]


class FeatureCollection(BaseModel):
    """A page of events as GeoJSON (RFC 7946)."""

    type: Literal["FeatureCollection"]
    features: list[Feature]
    next: str | None
    as_of: Cursor


class Count(BaseModel):
    """How many events match."""

    count: Annotated[int, Field(ge=0)]
    as_of: Cursor


class Revision(BaseModel):
    """One version in an event's history."""

    version: int
    operation: Literal["created", "updated", "deleted"]
    cursor: Cursor
    at: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    by: str | None
    changed: Annotated[list[str], Field(description="JSON pointers; a list counts as one value.")]


class Revisions(BaseModel):
    """History, newest first."""

    items: list[Revision]
    next: str | None


class Item(BaseModel):
    """What every batch item obeys."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


Version = Annotated[int, Field(ge=1, description="The version that was read."), INTEGRAL]
Target = Annotated[str, Field(description="The event's id.")]


# The event stays as it came: `parse_event` reads it, with pointers of the batch.
RawEvent = Annotated[EventIn, SkipValidation]


class CreateItem(Item):
    """Add an event."""

    op: Literal["create"]
    event: RawEvent


class UpsertItem(Item):
    """Add or replace by external id."""

    op: Literal["upsert"]
    system: str
    external_id: str
    event: RawEvent
    if_match: Version | None = None


class ReplaceItem(Item):
    """Replace an event whole."""

    op: Literal["replace"]
    id: Target
    event: RawEvent
    if_match: Version | None = None


class PatchItem(Item):
    """Apply a merge patch."""

    op: Literal["patch"]
    id: Target
    patch: dict[str, Any]
    if_match: Version | None = None


class DeleteItem(Item):
    """Delete an event."""

    op: Literal["delete"]
    id: Target
    reason: Reason
    superseded_by: Annotated[str | None, Field(description="An event id, or `#<index>` of an earlier item.")] = None
    if_match: Version | None = None


ITEMS: dict[str, type[Item]] = {
    "create": CreateItem,
    "upsert": UpsertItem,
    "replace": ReplaceItem,
    "patch": PatchItem,
    "delete": DeleteItem,
}


class BatchIn(BaseModel):
    """Up to 1,000 items, decided in order."""

    model_config = ConfigDict(extra="forbid")
    items: Annotated[
        list[Annotated[CreateItem | UpsertItem | ReplaceItem | PatchItem | DeleteItem, Field(discriminator="op")]],
        Field(max_length=1000),
    ]


class BatchResult(BaseModel):
    """What became of one item; `status` is what the single call would answer."""

    index: int
    status: int
    id: UUID | None
    version: int | None
    cursor: Cursor | None
    problem: Annotated[
        dict[str, Any] | None,
        WithJsonSchema({"anyOf": [{"$ref": "#/components/schemas/Problem"}, {"type": "null"}]}),
    ]


class BatchOut(BaseModel):
    """One result an item, in order."""

    results: list[BatchResult]


class MergePatch(BaseModel):
    """A JSON merge patch (RFC 7396) on the event's output form."""

    model_config = ConfigDict(extra="allow")
