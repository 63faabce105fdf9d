"""The one filter of list, count, export, statistics, feed and subscriptions: as index groups, and as `matches()`."""

from __future__ import annotations

import math
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model, model_validator
from pydantic.json_schema import WithJsonSchema
from pydantic_core import PydanticCustomError

from app.events.facts import (
    CELL,
    CELL_DEGREES,
    EXTERNAL_ID,
    RELATED_TO,
    cell_name,
    cell_of,
    columns,
    magnitude_facet,
    on_sphere,
)
from app.events.words import Words, parse_words
from app.kinds import FACETS, MEASURES, fold, micros, parse_instant
from app.kinds.instants import day_begin, parse_day, zone_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.events.facts import Facts
    from app.kinds import FacetSpec

EARTH_KM = 6371.0088
LARGEST = 2**63 - 1
MOST_CELLS = 40


class Group(NamedTuple):
    """One condition on the index: the event has one of these values of the facet."""

    facet: str
    values: tuple[str, ...]


class Box(NamedTuple):
    """Degrees; west may lie east of east, across the antimeridian."""

    west: float
    south: float
    east: float
    north: float


class Place(NamedTuple):
    """Degrees."""

    lat: float
    lon: float


class Circle(NamedTuple):
    """A centre and a radius in kilometres."""

    lat: float
    lon: float
    km: float

    @property
    def centre(self) -> tuple[float, float, float]:
        """The centre as a point of the unit sphere."""
        return on_sphere(self.lat, self.lon)

    @property
    def chord2(self) -> float:
        """The squared straight distance, in Earth radii, that still is inside."""
        return (2 * math.sin(min(self.km / EARTH_KM, math.pi) / 2)) ** 2


def read_moment(value: Any) -> date | datetime:
    """A day (`2025-09-07`, midnight in `timezone`) or an instant with offset."""
    if not isinstance(value, str):
        raise PydanticCustomError("instant", "Give a day (YYYY-MM-DD) or an RFC 3339 instant as a string.")
    return parse_day(value) if len(value) == len("2025-09-07") else parse_instant(value)


def read_numbers(value: Any, count: int) -> list[float]:
    """That many finite numbers, from `a,b` or a JSON array."""
    parts = value.split(",") if isinstance(value, str) else value
    try:
        numbers = [float(part) for part in parts] if not any(isinstance(part, bool) for part in parts) else []
    except (TypeError, ValueError):
        numbers = []
    strict = not isinstance(value, str) or all(NUMERIC.issuperset(part) for part in parts)
    if len(numbers) != count or not strict or not all(map(math.isfinite, numbers)):
        raise PydanticCustomError("numbers", "Give {count} finite numbers, separated by commas.", {"count": count})
    return numbers


NUMERIC = frozenset("0123456789+-.eE")


def read_box(value: Any) -> Box:
    """`west,south,east,north` in degrees."""
    box = Box(*read_numbers(value, 4))
    if not (abs(box.west) <= 180 and abs(box.east) <= 180 and -90 <= box.south <= box.north <= 90):  # noqa: PLR2004 (degrees)
        raise PydanticCustomError("range", "Give west,south,east,north in degrees, with south not above north.")
    return box


def read_place(value: Any) -> Place:
    """`lat,lon` in degrees."""
    lat, lon = read_numbers(value, 2)
    if abs(lat) > 90 or abs(lon) > 180:  # noqa: PLR2004 (degrees)
        raise PydanticCustomError("range", "Give lat,lon in degrees: -90 to 90, -180 to 180.")
    return Place(lat, lon)


def read_uuid(value: Any) -> UUID:
    """An event id; a UUID that is no event's id simply matches nothing."""
    try:
        return UUID(value) if len(value) == len(str(UUID(int=0))) else UUID("")
    except (AttributeError, TypeError, ValueError):
        raise PydanticCustomError("uuid", "Give an event id, a UUID.") from None


def read_external_id(value: Any) -> str:
    """`system:id`, split at the first colon."""
    system, colon, rest = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not (colon and system and rest):
        raise PydanticCustomError("external-id", "Give system:id, such as acled:UKR12345.")
    return str(value)


def read_timezone(value: Any) -> str:
    """The name of a zone in the IANA database."""
    if not isinstance(value, str) or value not in zone_names():
        raise PydanticCustomError("timezone", "Give the name of an IANA time zone, such as Europe/Kyiv.")
    return value


def read_search(value: Any) -> Words:
    """Words, "quoted phrases" and prefix*."""
    found = parse_words(value) if isinstance(value, str) else None
    if found is None or found.empty:
        raise PydanticCustomError("words", 'Give words, "quoted phrases" or a prefix* to look for.')
    return found


def as_many(value: Any) -> Any:
    """A repeatable name takes an array or one scalar."""
    return value if isinstance(value, list) else [value]


def shown(schema: dict[str, Any]) -> WithJsonSchema:
    """What OpenAPI shows of a parameter that is read by hand."""
    return WithJsonSchema(schema)


def spoken(spec: FacetSpec) -> Any:
    """The type of one facet's parameter: its vocabulary, or any name."""
    values = spec.values
    if values is None:
        return Annotated[list[Annotated[str, Field(min_length=1, max_length=2000)]], BeforeValidator(as_many)]

    def known(value: Any) -> str:
        if value not in values:
            raise PydanticCustomError("enum", "That value is not in the vocabulary.", {"allowed": list(values)})
        return str(value)

    item = Annotated[str, BeforeValidator(known), shown({"type": "string", "enum": list(values)})]
    return Annotated[list[item], BeforeValidator(as_many)]


Whole = Annotated[int, Field(strict=False, ge=-LARGEST - 1, le=LARGEST)]
Moment = Annotated[
    date | datetime,
    BeforeValidator(read_moment),
    shown({"type": "string", "examples": ["2025-09-07", "2025-09-07T00:00:00+03:00"]}),
]


class FixedFilter(BaseModel):
    """The names that every kind shares."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, ignored_types=(cached_property,)
    )

    bbox: Annotated[
        Box | None,
        BeforeValidator(read_box),
        shown({"type": "string", "examples": ["22.1,44.3,40.3,52.4"]}),
        Field(description="west,south,east,north in degrees; may cross the antimeridian. Launch places do not count."),
    ] = None
    near: Annotated[
        Place | None,
        BeforeValidator(read_place),
        shown({"type": "string", "examples": ["50.45,30.52"]}),
        Field(description="lat,lon in degrees; needs radius_km."),
    ] = None
    radius_km: Annotated[
        float | None,
        BeforeValidator(lambda value: read_numbers(value if isinstance(value, str) else [value], 1)[0]),
        Field(ge=0, le=1000, description="Kilometres around `near`."),
    ] = None
    since: Annotated[Moment | None, Field(description="Events of which some moment is at or after this.")] = None
    until: Annotated[Moment | None, Field(description="Events of which some moment is before this.")] = None
    id: Annotated[
        list[Annotated[UUID, BeforeValidator(read_uuid)]] | None,
        BeforeValidator(as_many),
        Field(description="These events only."),
    ] = None
    external_id: Annotated[
        list[Annotated[str, BeforeValidator(read_external_id)]] | None,
        BeforeValidator(as_many),
        Field(description="`system:id`; the first colon splits."),
    ] = None
    related_to: Annotated[
        list[Annotated[UUID, BeforeValidator(read_uuid)]] | None,
        BeforeValidator(as_many),
        Field(description="Events whose own relations name this event."),
    ] = None
    q: Annotated[
        Words | None,
        BeforeValidator(read_search),
        shown({"type": "string", "examples": ['drones "air raid" energ*']}),
        Field(description='Words of title and summary, all of them; "quoted phrases" and prefix* work too.'),
    ] = None
    timezone: Annotated[
        str,
        BeforeValidator(read_timezone),
        Field(description="IANA zone in which a bare day begins."),
    ] = "UTC"

    @model_validator(mode="after")
    def _together(self) -> FixedFilter:
        if (self.near is None) != (self.radius_km is None):
            raise PydanticCustomError(
                "together", "Give near and radius_km together or not at all.", {"parameter": "radius_km"}
            )
        return self

    @cached_property
    def since_us(self) -> int | None:
        """Microseconds since the Unix epoch."""
        return self._micros(self.since)

    @cached_property
    def until_us(self) -> int | None:
        """Microseconds since the Unix epoch."""
        return self._micros(self.until)

    @cached_property
    def circle(self) -> Circle | None:
        """`near` and `radius_km` as one."""
        return None if self.near is None or self.radius_km is None else Circle(*self.near, self.radius_km)

    @cached_property
    def limits(self) -> dict[str, tuple[int | None, int | None]]:
        """The least and the most of each measure that is asked for."""
        asked = {m: (getattr(self, m + "_min"), getattr(self, m + "_max")) for m in MEASURES}
        return {measure: ends for measure, ends in asked.items() if ends != (None, None)}

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """What the index can narrow; some groups are wider than the question and `matches` settles the rest."""
        return tuple(self._groups())

    def _micros(self, moment: date | datetime | None) -> int | None:
        if moment is None:
            return None
        return micros(moment if isinstance(moment, datetime) else day_begin(moment, ZoneInfo(self.timezone)))

    def _groups(self) -> Iterator[Group]:
        for name in self.model_fields_set & FACETS.keys():
            yield Group(name, tuple(dict.fromkeys(map(fold, getattr(self, name)))))
        if self.external_id is not None:
            yield Group(EXTERNAL_ID, tuple(dict.fromkeys(self.external_id)))
        if self.related_to is not None:
            yield Group(RELATED_TO, tuple(dict.fromkeys(map(str, self.related_to))))
        for cover in (self.bbox and box_cells(self.bbox), self.circle and circle_cells(self.circle)):
            if cover:
                yield Group(CELL, cover)
        for measure, (least, most) in self.limits.items():
            sizes = range(max(least or 0, 0).bit_length(), (LARGEST if most is None else max(most, 0)).bit_length() + 1)
            yield Group(magnitude_facet(measure), tuple(map(str, sizes)))

    def matches(self, facts: Facts, id: UUID) -> bool:  # noqa: A002 (the contract's name)
        """The event in hand passes the filter; the twin of the conditions in SQL."""
        held = {(posting.facet, posting.value) for posting in facts.postings}
        return (
            all(any((group.facet, value) in held for value in group.values) for group in self.groups)
            and (self.id is None or id in self.id)
            and self.matches_time(facts.started_at, facts.ends_at)
            and self.matches_places(facts.points)
            and self.matches_numbers({name: found.best for name, found in facts.measures.items()})
            and (self.q is None or self.q.match(facts.title, facts.summary))
        )

    def matches_time(self, started_at: int, ends_at: int) -> bool:
        """Some moment of the interval lies in since <= m < until."""
        return (self.until_us is None or started_at < self.until_us) and (
            self.since_us is None or ends_at > self.since_us
        )

    def matches_places(self, places: tuple[tuple[float, float], ...]) -> bool:
        """Some place lies in the box, and some in the circle."""
        return (self.bbox is None or any(in_box(self.bbox, *place) for place in places)) and (
            self.circle is None or any(in_circle(self.circle, *place) for place in places)
        )

    def matches_numbers(self, numbers: dict[str, int]) -> bool:
        """Every measure asked for is known and within its limits."""
        return all(
            measure in numbers
            and (least is None or numbers[measure] >= least)
            and (most is None or numbers[measure] <= most)
            for measure, (least, most) in self.limits.items()
        )


def in_box(box: Box, lat: float, lon: float) -> bool:
    """Inside or on the edge; the two names of the 180th meridian are one."""
    meridians = (lon, -lon) if abs(lon) == 180 else (lon,)  # noqa: PLR2004 (degrees)
    return box.south <= lat <= box.north and any(
        box.west <= x <= box.east if box.west <= box.east else x >= box.west or x <= box.east for x in meridians
    )


def in_circle(circle: Circle, lat: float, lon: float) -> bool:
    """Not farther from the centre than the radius, over a sphere."""
    (x, y, z), (cx, cy, cz) = on_sphere(lat, lon), circle.centre
    return (x - cx) * (x - cx) + (y - cy) * (y - cy) + (z - cz) * (z - cz) <= circle.chord2


def box_cells(box: Box) -> tuple[str, ...] | None:
    """The cells of the finest level that cover the box with few; None when even the coarsest needs many."""
    width = box.east - box.west if box.west <= box.east else box.east - box.west + 360
    for level in reversed(range(len(CELL_DEGREES))):
        (low, left), (high, _) = cell_of(level, box.south, box.west), cell_of(level, box.north, box.west)
        across = min(int(((box.west + 180) % CELL_DEGREES[level] + width) // CELL_DEGREES[level]) + 1, columns(level))
        if (high - low + 1) * across <= MOST_CELLS:
            around = columns(level)
            names = [cell_name(level, row, (left + n) % around) for row in range(low, high + 1) for n in range(across)]
            return tuple(dict.fromkeys(names))
    return None


def circle_cells(circle: Circle) -> tuple[str, ...] | None:
    """The cells that cover the circle's bounding box; near a pole the box goes all the way around."""
    reach = math.degrees(circle.km / EARTH_KM) + 1e-9
    south, north = max(circle.lat - reach, -90.0), min(circle.lat + reach, 90.0)
    if south == -90.0 or north == 90.0:  # noqa: PLR2004 (degrees)
        return box_cells(Box(-180.0, south, 180.0, north))
    ratio = math.sin(math.radians(reach)) / math.cos(math.radians(circle.lat))
    wide = math.degrees(math.asin(min(ratio, 1.0))) + 1e-9
    west, east = (circle.lon - wide + 180) % 360 - 180, (circle.lon + wide + 180) % 360 - 180
    return box_cells(Box(west, south, east, north) if wide < 180 else Box(-180.0, south, 180.0, north))  # noqa: PLR2004 (degrees)


def filter_fields() -> dict[str, Any]:
    """A field for every facet of every kind, and a least and a most for every measure."""
    facets = {
        name: (Annotated[spoken(spec) | None, Field(description=spec.description)], None)
        for name, spec in FACETS.items()
    }
    measures = {
        f"{name}_{end}": (Annotated[Whole | None, Field(description=f"{word} {spec.description}")], None)
        for name, spec in MEASURES.items()
        for end, word in (("min", "At least:"), ("max", "At most:"))
    }
    return {**facets, **measures}


EventFilter: type[FixedFilter] = create_model(
    "EventFilter",
    __base__=FixedFilter,
    __doc__="Filters: repeat a name for OR; different names are ANDed.",
    **filter_fields(),
)


def read_filter(data: Any) -> FixedFilter:
    """A subscription's or command line's filter; pydantic's errors are the caller's to map."""
    return EventFilter.model_validate(data)
