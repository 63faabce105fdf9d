"""The one filter of list, count, export, statistics, feed and subscriptions: as index groups, and as `matches()`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model, model_validator
from pydantic_core import PydanticCustomError

from app.events.index.geo import Box, Circle, LatLon, box_cells, circle_cells, in_box, in_circle
from app.events.index.text_query import TextQuery
from app.events.read.filter_parsers import (
    MAX_NUMBER,
    Exclusion,
    Moment,
    Whole,
    describe_value,
    interpret_name,
    list_of,
    parse_exclusion,
    read_box,
    read_external_id,
    read_numbers,
    read_place,
    read_search,
    read_timezone,
    read_uuid,
    shown,
    word_of,
)
from app.events.terms import (
    CELL,
    EXTERNAL_ID,
    RELATED_TO,
    SIGNATURE,
    IndexTerms,
    magnitude_facet,
)
from app.kinds import FACETS, MEASURES, fold, micros
from app.kinds.timestamps import day_begin

EXCLUSION = {"type": "string", "pattern": f"^({'|'.join(FACETS)}):.", "examples": ["status:retracted", "country:RU"]}


WORDS = (
    "Words of the title, the summary, and the names and aliases of actors, places, targets and the like: all of them, "
    'in any order. `"a phrase"` is words that follow one another, `begin*` a word that begins so, `-word`, '
    '`-"a phrase"` and `-begin*` what must not be there. `OR`, in capitals, joins its two neighbours: '
    "`drones OR missiles kyiv` is (drones or missiles) and kyiv. Accents, case and the sort of apostrophe or hyphen "
    "make no difference, and words are found across scripts: `Kyiv` finds \u041a\u0438\u0457\u0432."
)


class TermGroup(NamedTuple):
    """One condition on the index: the event has one of these values of the facet.

    Of the facet SIGNATURE the values are names of facets, and the event has none of them.
    """

    facet: str
    values: tuple[str, ...]

    def admits(self, value: str) -> bool:
        """Whether an event with this value of the facet meets the condition."""
        if self.facet == SIGNATURE:
            return not set(self.values).intersection(value.split())
        return value in self.values


FacetName: Any = word_of(tuple(FACETS))


class BaseEventFilter(BaseModel):
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
        LatLon | None,
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
        BeforeValidator(list_of),
        Field(description="These events only."),
    ] = None
    external_id: Annotated[
        list[Annotated[str, BeforeValidator(read_external_id)]] | None,
        BeforeValidator(list_of),
        Field(description="`system:id`; the first colon splits."),
    ] = None
    related_to: Annotated[
        list[Annotated[UUID, BeforeValidator(read_uuid)]] | None,
        BeforeValidator(list_of),
        Field(description="Events whose own relations name this event."),
    ] = None
    q: Annotated[
        TextQuery | None,
        BeforeValidator(read_search),
        shown({"type": "string", "examples": ['drones "air raid" energ*']}),
        Field(description=WORDS),
    ] = None
    exclude: Annotated[
        list[Annotated[Exclusion, BeforeValidator(parse_exclusion), shown(EXCLUSION)]] | None,
        BeforeValidator(list_of),
        Field(
            description="`facet:value`: events that have this value of the facet are left out. It compares as the "
            "facet's own filter does, second names included. Of several all hold."
        ),
    ] = None
    missing: Annotated[
        list[FacetName] | None,
        BeforeValidator(list_of),
        Field(description="A facet: only events that have no value of it. Of several all hold."),
    ] = None
    timezone: Annotated[
        str,
        BeforeValidator(read_timezone),
        Field(description="IANA zone in which a bare day begins."),
    ] = "UTC"

    @model_validator(mode="after")
    def _together(self) -> BaseEventFilter:
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
    def timeless(self) -> bool:
        """No moment lies between since and until, so that nothing can match."""
        return self.since_us is not None and self.until_us is not None and self.since_us >= self.until_us

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
    def groups(self) -> tuple[TermGroup, ...]:
        """What the index can narrow; some groups are wider than the question and `matches` settles the rest."""
        return tuple(self._groups())

    @cached_property
    def barred(self) -> tuple[TermGroup, ...]:
        """What the event may not have, by facet."""
        values: dict[str, dict[str, None]] = {}
        for facet, value in self.exclude or ():
            values.setdefault(facet, {}).update(dict.fromkeys(map(fold, interpret_name(FACETS[facet], value))))
        return tuple(TermGroup(facet, tuple(found)) for facet, found in values.items())

    def _micros(self, moment: date | datetime | None) -> int | None:
        if moment is None:
            return None
        return micros(moment if isinstance(moment, datetime) else day_begin(moment, ZoneInfo(self.timezone)))

    def _groups(self) -> Iterator[TermGroup]:
        for name in self.model_fields_set & FACETS.keys():
            values = [text for value in getattr(self, name) for text in interpret_name(FACETS[name], value)]
            yield TermGroup(name, tuple(dict.fromkeys(map(fold, values))))
        if self.missing is not None:
            yield TermGroup(SIGNATURE, tuple(dict.fromkeys(self.missing)))
        if self.external_id is not None:
            yield TermGroup(EXTERNAL_ID, tuple(dict.fromkeys(self.external_id)))
        if self.related_to is not None:
            yield TermGroup(RELATED_TO, tuple(dict.fromkeys(map(str, self.related_to))))
        for cover in (self.bbox and box_cells(self.bbox), self.circle and circle_cells(self.circle)):
            if cover:
                yield TermGroup(CELL, cover)
        for measure, (least, most) in self.limits.items():
            sizes = range(
                max(least or 0, 0).bit_length(), (MAX_NUMBER if most is None else max(most, 0)).bit_length() + 1
            )
            yield TermGroup(magnitude_facet(measure), tuple(map(str, sizes)))

    def matches(self, terms: IndexTerms, id: UUID) -> bool:
        """The event in hand passes the filter; the twin of the conditions in SQL."""
        held: dict[str, list[str]] = {}
        for posting in terms.postings:
            held.setdefault(posting.facet, []).append(posting.value)
        return (
            all(any(map(group.admits, held.get(group.facet, ()))) for group in self.groups)
            and not any(any(map(group.admits, held.get(group.facet, ()))) for group in self.barred)
            and (self.id is None or id in self.id)
            and self.matches_time(terms.started_at, terms.ends_at)
            and self.matches_places(terms.points)
            and self.matches_numbers({name: found.best for name, found in terms.measures.items()})
            and (self.q is None or self.q.match(terms.text))
        )

    def matches_time(self, started_at: int, ends_at: int) -> bool:
        """Some moment of the interval lies in since <= m < until."""
        return (
            not self.timeless
            and (self.until_us is None or started_at < self.until_us)
            and (self.since_us is None or ends_at > self.since_us)
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


def filter_fields() -> dict[str, Any]:
    """A field for every facet of every kind, and a least and a most for every measure."""
    facets = {
        name: (Annotated[describe_value(spec) | None, Field(description=spec.description)], None)
        for name, spec in FACETS.items()
    }
    measures = {
        f"{name}_{end}": (Annotated[Whole | None, Field(description=f"{word} {spec.description}")], None)
        for name, spec in MEASURES.items()
        for end, word in (("min", "At least:"), ("max", "At most:"))
    }
    return {**facets, **measures}


EventFilter: type[BaseEventFilter] = create_model(
    "EventFilter",
    __base__=BaseEventFilter,
    __doc__="Filters: repeat a name for OR; different names are ANDed.",
    **filter_fields(),
)


class ChangeFilter(EventFilter):  # made from the kinds at start
    """Filters of changes: those of events, and which sorts of change."""

    change: Annotated[
        list[Literal["created", "updated", "deleted"]] | None,
        BeforeValidator(list_of),
        Field(description="Which sorts of change; all of them unless given."),
    ] = None
