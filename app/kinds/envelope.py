"""The envelope: what every event has, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, Literal, TypeVar

import orjson
from pydantic import AfterValidator, ConfigDict, Field, JsonValue, StrictFloat

from app.kinds.base import (
    INTEGRAL,
    Estimate,
    Kind,
    StrictModel,
    later_list_field,
    later_optional_field,
    list_field,
    optional_field,
)
from app.kinds.codes import Admin1, Country, Language, Party
from app.kinds.field_errors import ValueRefused
from app.kinds.strings import EventReference, Name, Pointer, Slug, Summary, System, Text, Url, deduplicate
from app.kinds.timestamps import EventTime, Instant, Zone, micros, unit_end, zone_or_utc

MAX_EXTRA_BYTES = 16 * 1024
MICROSECOND = 1
# The names among an event's strings, which a search finds beside title and summary; a kind's are `Kind.names`.
NAMES = ("locations.name", "actors.name", "actors.aliases")

Status = Literal["reported", "corroborated", "confirmed", "disputed", "retracted"]
TimePrecision = Literal["instant", "day", "days", "week", "month", "year"]
PlacePrecision = Literal["exact", "near", "admin2", "admin1", "linear", "country", "international"]
PlaceRole = Literal["target", "impact", "launch", "venue", "jurisdiction"]
ActorRole = Literal[
    "party",
    "initiator",
    "target",
    "mediator",
    "host",
    "participant",
    "guarantor",
    "beneficiary",
    "observer",
    "supporter",
    "claimant",
]
ActorType = Literal[
    "state_forces",
    "rebel_group",
    "political_militia",
    "identity_militia",
    "rioters",
    "protesters",
    "civilians",
    "external_other",
    "government",
    "head_of_state",
    "igo",
    "company",
    "vessel",
    "bank",
    "individual",
    "coalition",
    "other",
]
Harm = Literal["killed", "injured", "missing", "captured"]
Group = Literal["civilian", "military", "unknown"]
Subgroup = Literal["children", "women", "infant", "foreign_national"]
RelationType = Literal[
    "part_of",
    "follows",
    "responds_to",
    "duplicates",
    "contradicts",
    "implements",
    "produced",
    "prepares",
    "supports",
]


def _seven_decimals(degrees: float) -> float:
    return round(degrees, 7) + 0.0  # turns -0.0 into 0.0


def _small(extra: dict[str, Any]) -> dict[str, Any]:
    if not extra:
        return extra
    try:
        text = orjson.dumps(extra, option=orjson.OPT_SORT_KEYS)
    except (TypeError, ValueError):  # orjson's errors: what no JSON body can hold, given by Python code
        raise ValueRefused("json", "This is not JSON.") from None
    if len(text) > MAX_EXTRA_BYTES:
        raise ValueRefused("too-long", "The object takes more than 16 KiB as JSON.")
    tidy: dict[str, Any] = ordered(extra)
    return tidy


def ordered(value: Any) -> Any:
    """The same JSON value, the keys of its objects in order."""
    if isinstance(value, dict):
        return {key: ordered(value[key]) for key in sorted(value)}
    return [ordered(item) for item in value] if isinstance(value, list) else value


Latitude = Annotated[StrictFloat, Field(ge=-90, le=90, allow_inf_nan=False), AfterValidator(_seven_decimals)]
Longitude = Annotated[StrictFloat, Field(ge=-180, le=180, allow_inf_nan=False), AfterValidator(_seven_decimals)]
Extra = Annotated[dict[str, Any], AfterValidator(_small)]


class Location(StrictModel):
    """A place of the event. `precision` is UCDP's where_prec 1-7 in words."""

    name: Name | None = optional_field("What the source calls the place.")
    country: Country | None = optional_field("ISO 3166-1 alpha-2, ISO 3166-3 for former states, or XK.")
    admin1: Admin1 | None = optional_field("ISO 3166-2, a division of `country`.")
    lat: Latitude | None = optional_field("Degrees north, WGS 84; together with `lon`.")
    lon: Longitude | None = optional_field("Degrees east, WGS 84; together with `lat`.")
    precision: PlacePrecision | None = optional_field("How exactly the place is known.")
    role: PlaceRole | None = optional_field("What the place is to the event.")


class Actor(StrictModel):
    """Who took part. `type` is ACLED's inter code in words, and some that ACLED lacks.

    The role `party` is that of a side whose direction the source does not give, as in ACLED and UCDP.
    """

    name: Name = Field(description="What the source calls the actor.")
    aliases: Annotated[list[Name], AfterValidator(deduplicate)] = later_list_field("Other names and spellings.")
    role: ActorRole = Field(description="What the actor is to the event.")
    type: ActorType = Field(description="What sort of actor it is.")
    country: Party | None = optional_field("The actor's country, or EU.")
    ref: Name | None = optional_field("A Wikidata or OpenSanctions identifier.")


class Casualty(StrictModel):
    """A row of people harmed. With `subgroup` it is an "of which" of another row and adds nothing to sums."""

    measure: Harm = Field(description="What happened to them.")
    group: Group = Field(description="Whether they were civilians.")
    subgroup: Subgroup | None = optional_field("The part of the group that this row counts.")
    actor: Text | None = later_optional_field("Whose losses they are: the name of one of `actors`.")
    count: Estimate = Field(description="How many.")


class Source(StrictModel):
    """Where the report comes from."""

    publisher: Name = Field(description="Who published it.")
    url: Url | None = optional_field("Its http or https address.")
    title: Text | None = optional_field("Its title.")
    published_at: Instant | None = optional_field(
        "When it was published; with an offset, or a bare day, which is its midnight in `timezone`, else in UTC."
    )
    language: Language | None = optional_field("ISO 639-1, or ISO 639-3 for a language that has no code there.")
    scale: Text | None = optional_field("ACLED's source scale.")


class Claim(StrictModel):
    """What one source says of a field, beside what others say."""

    field: Pointer = Field(description="JSON pointer of the field in this event.")
    value: Annotated[JsonValue, AfterValidator(ordered)] = Field(description="The value claimed, any JSON.")
    source: Annotated[int, Field(strict=True, ge=0), INTEGRAL] = Field(description="Index of the source in `sources`.")
    claimed_by: Text | None = optional_field("Who claims it, if not the publisher.")


class ExternalId(StrictModel):
    """The key of the event elsewhere: no two events share one."""

    system: System = Field(description="Whose key it is, such as ucdp-ged.")
    id: Name = Field(description="The key.")


class Relation(StrictModel):
    """How this event relates to another."""

    type: RelationType = Field(description="This event ... that one.")
    event_id: EventReference = Field(
        description='The other event\'s UUID; in a batch also "#<index>" of an earlier item.'
    )


def _with_a_source(schema: dict[str, Any]) -> None:
    """Say in the schema what the model leaves to a rule that importers may break."""
    schema["required"].append("sources")
    schema["properties"]["sources"]["minItems"] = 1


class Event(StrictModel):
    """An event as a writer sends it: all but what the server sets."""

    __slots__ = ("_estimates", "_facets", "_measures", "_terms")  # of `read_once`

    model_config = ConfigDict(json_schema_extra=_with_a_source)

    kind: str = Field(description="The kind of event.")
    status: Status = Field(default="reported", description="How far the report is confirmed.")
    title: Text = Field(description="What happened, in a line.")
    summary: Summary | None = optional_field("What happened, in a paragraph.")
    started_at: EventTime = Field(
        description="When it began; with an offset, or a bare day where `time_precision` is `day` or coarser."
    )
    ended_at: EventTime | None = optional_field(
        "When it ended; with an offset, or a bare day where `time_precision` is `day` or coarser."
    )
    time_precision: TimePrecision = Field(default="instant", description="How exact the times are; `days` is 2 to 6.")
    timezone: Zone | None = optional_field(
        "IANA zone in which the source told the time, and in which its days run; else UTC."
    )
    locations: list[Location] = list_field("Where.")
    actors: list[Actor] = list_field("Who.")
    casualties: list[Casualty] = list_field("People harmed.")
    sources: list[Source] = list_field("Who says so: at least one.")
    claims: list[Claim] = list_field("Conflicting statements, side by side.")
    external_ids: list[ExternalId] = list_field("Keys of the event elsewhere.")
    relations: list[Relation] = list_field("Relations to other events.")
    tags: Annotated[list[Slug], AfterValidator(deduplicate)] = list_field("Lower-case slugs.")
    extra: Extra = Field(default_factory=dict, description="Columns of the source with no home here, at most 16 KiB.")
    detail: Kind = Field(description="The kind's own part.")


Read = TypeVar("Read")


def read_once(slot: str) -> Callable[[Callable[[Event], Read]], Callable[[Event], Read]]:
    """Keep with an event what is read from it: rules, checks and index ask for the same. A copy begins anew."""
    kept = vars(Event)[slot]  # asked for by name, pydantic would look for it among the fields

    def remember(read: Callable[[Event], Read]) -> Callable[[Event], Read]:
        @wraps(read)
        def remembered(event: Event) -> Read:
            try:
                known: Read = kept.__get__(event)
            except AttributeError:
                known = read(event)
                kept.__set__(event, known)
            return known

        return remembered

    return remember


def interval(event: Event) -> tuple[int, int]:
    """When the event was, in microseconds since the Unix epoch, the second number exclusive."""
    begin = micros(event.started_at)
    last = event.started_at if event.ended_at is None else max(event.started_at, event.ended_at)
    if event.time_precision == "instant":
        return begin, micros(last) + MICROSECOND
    return begin, micros(unit_end(last, event.time_precision, zone_or_utc(event.timezone)))


def points(event: Event) -> list[tuple[float, float]]:
    """Latitude and longitude of each location but those of a launch."""
    return [
        (place.lat, place.lon)
        for place in event.locations
        if place.lat is not None and place.lon is not None and place.role != "launch"
    ]
