"""What the statistics routes take and give."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, Field

from app.events.read.conditions.missing import FacetName
from app.events.read.filter import BaseEventFilter, EventFilter
from app.events.read.filter_parsers import list_of, word_of
from app.events.schemas import Cursor
from app.kinds import MEASURES, from_micros

COUNT = "count"
Interval = Literal["hour", "day", "week", "month", "quarter", "year"]
Measured: Any = word_of((COUNT, *MEASURES))


class SeriesQuery(EventFilter):
    """Filters, and how to count over time."""

    interval: Annotated[Interval, Field(description="Length of a bucket, in `timezone`; weeks begin on Monday.")] = (
        "day"
    )
    measure: Annotated[Measured, Field(description="What to sum beside the count of events.")] = COUNT
    group_by: Annotated[
        FacetName | None, Field(description="A facet: a row for each of its values, null for events that have none.")
    ] = None


class FacetsQuery(EventFilter):
    """Filters, and the facets to count by."""

    facet: Annotated[
        list[FacetName],
        BeforeValidator(list_of),
        Field(min_length=1, description="Facets, each counted without its own filter.", examples=[["country"]]),
    ]
    limit: Annotated[int, Field(ge=1, le=1000, description="Values of each facet, those of most events.")] = 50


class GridQuery(EventFilter):
    """Filters, and how fine the grid is."""

    zoom: Annotated[int, Field(ge=0, le=12, description="Of a web map: 4 x 2^zoom cells a side.", examples=[4])]
    measure: Annotated[Measured, Field(description="What to sum beside the count of events.")] = COUNT


AggregationQuery = TypeVar("AggregationQuery", bound=BaseModel)
Counted = TypeVar("Counted", bound=BaseEventFilter)


def changed(params: AggregationQuery, *without: str, **values: Any) -> AggregationQuery:
    """The same query without some names and with other values, which are taken as they are."""
    kept = {name: getattr(params, name) for name in params.model_fields_set - set(without)} | values
    return type(params).model_construct(set(kept), **kept)


def just_before(params: Counted) -> Counted:
    """The same, for events that go on at the first microsecond of the range."""
    return changed(params, until=from_micros((params.window.since or 0) + 1))


class SeriesRow(BaseModel):
    """One bucket of one group; a flat row, so that Grafana and data frames take it as it is."""

    start: Annotated[str, Field(json_schema_extra={"format": "date-time"}, description="With the zone's offset.")]
    end: Annotated[str, Field(json_schema_extra={"format": "date-time"}, description="Exclusive; the next start.")]
    group: Annotated[str | None, Field(description="The value of `group_by`; null for events without one.")]
    count: Annotated[int, Field(ge=0, description="Events that count in this bucket.")]
    low: Annotated[int | None, Field(description="Sum of the lowest numbers; null for `measure=count`.")]
    best: Annotated[int | None, Field(description="Sum of the best numbers.")]
    high: Annotated[int | None, Field(description="Sum of the highest numbers.")]


class FacetCount(BaseModel):
    """A value and the number of events that have it."""

    value: str
    count: Annotated[int, Field(ge=1)]


class Facets(BaseModel):
    """For each facet its values, those of most events first."""

    facets: dict[str, list[FacetCount]]
    as_of: Cursor


CELL = (
    "Longitude and latitude of the mean of its places, events, and sums of `low`, `best` and `high` (null for count)."
)


class MapGrid(BaseModel):
    """The cells that have an event, row by row from the north-west."""

    zoom: Annotated[int, Field(ge=0, le=12)]
    cells: list[Annotated[list[float | None], Field(min_length=6, max_length=6, description=CELL)]]
    as_of: Cursor
