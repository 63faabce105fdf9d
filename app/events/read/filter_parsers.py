"""How each filter parameter is read, from a query string or from JSON, and what OpenAPI shows of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationInfo
from pydantic.json_schema import WithJsonSchema
from pydantic_core import PydanticCustomError

from app.events.index.geo import Box, LatLon
from app.events.index.text_query import MAX_WORDS, TextQuery, parse_text_query
from app.kinds import FACETS, FacetSpec, parse_instant
from app.kinds.countries import country_named, read_country, read_division
from app.kinds.field_errors import ValueRefused
from app.kinds.line_endings import strip_invisible
from app.kinds.timestamps import parse_day, zone_names

MAX_NUMBER = 2**63 - 1
# The validation context of filters that were accepted earlier.
STORED = "stored"


class Exclusion(NamedTuple):
    """A value of a facet that an event may not have."""

    facet: str
    value: str


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
    if not (abs(box.west) <= 180 and abs(box.east) <= 180 and -90 <= box.south <= box.north <= 90):
        raise PydanticCustomError("range", "Give west,south,east,north in degrees, with south not above north.")
    return box


def read_place(value: Any) -> LatLon:
    """`lat,lon` in degrees."""
    lat, lon = read_numbers(value, 2)
    if abs(lat) > 90 or abs(lon) > 180:
        raise PydanticCustomError("range", "Give lat,lon in degrees: -90 to 90, -180 to 180.")
    return LatLon(lat, lon)


def read_uuid(value: Any) -> UUID:
    """An event id; a UUID that is no event's id simply matches nothing."""
    try:
        return UUID(value) if len(value) == len(str(UUID(int=0))) else UUID("")
    except (AttributeError, TypeError, ValueError):
        raise PydanticCustomError("uuid", "Give an event id, a UUID.") from None


def read_external_id(value: Any) -> str:
    """`system:id`, split at the first colon."""
    system, colon, rest = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not (colon and system and strip_invisible(rest)):
        raise PydanticCustomError("external-id", "Give system:id, such as acled:UKR12345.")
    return f"{system}:{strip_invisible(rest)}"


def read_timezone(value: Any) -> str:
    """The name of a zone in the IANA database."""
    if not isinstance(value, str) or value not in zone_names():
        raise PydanticCustomError("timezone", "Give the name of an IANA time zone, such as Europe/Kyiv.")
    return value


def read_search(value: Any) -> TextQuery:
    """Words, "quoted phrases", prefix*, -without and OR."""
    try:
        found = parse_text_query(value) if isinstance(value, str) else None
    except ValueError:
        raise PydanticCustomError("too-long", "Give at most {most} words.", {"most": MAX_WORDS}) from None
    if found is None or not found.clauses:
        raise PydanticCustomError("words", 'Give words, "quoted phrases" or a prefix* to look for.')
    return found


def list_of(value: Any) -> Any:
    """A repeatable name takes an array or one scalar."""
    return value if isinstance(value, list) else [value]


def shown(schema: dict[str, Any]) -> WithJsonSchema:
    """What OpenAPI shows of a parameter that is read by hand."""
    return WithJsonSchema(schema)


def word_of(values: tuple[str, ...]) -> Any:
    """The type of a parameter that is one of these words."""

    def known(value: Any) -> str:
        if value not in values:
            raise PydanticCustomError("enum", "That value is not in the vocabulary.", {"allowed": list(values)})
        return str(value)

    return Annotated[str, BeforeValidator(known), shown({"type": "string", "enum": list(values)})]


def describe_value(spec: FacetSpec) -> Any:
    """The type of one facet's parameter: its vocabulary, a code or any name."""
    return Annotated[list[value_of(spec)], BeforeValidator(list_of)]  # type: ignore[misc] # known at start


@cache
def value_of(spec: FacetSpec) -> Any:
    """The type of one value of a facet as filters take it."""
    if spec.values is not None:
        return word_of(spec.values)
    text: Any = Annotated[str, Field(min_length=1, max_length=2000)]
    readers: dict[str | None, Any] = {"country": read_country, "admin1": read_division}
    return Annotated[text, AfterValidator(require_known_code(readers[spec.codes]))] if spec.codes in readers else text


def require_known_code(read: Callable[[str], str]) -> Any:
    """Reads a code; a filter that was stored keeps one that is no longer known, which finds nothing."""

    def known(value: str, info: ValidationInfo) -> str:
        try:
            return read(value)
        except ValueRefused:
            if info.context == STORED:
                return value
            raise

    return known


def interpret_name(spec: FacetSpec, value: str) -> list[str]:
    """What a filter's value stands for: where a facet takes countries beside names, also the country called so."""
    country = country_named(value) if spec.codes == "party" else None
    return [value] if country is None else [value, country]


def parse_exclusion(value: Any, info: ValidationInfo) -> Exclusion:
    """`facet:value`, the value being one that the facet's own filter takes."""
    facet, colon, rest = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not (facet and colon and rest):
        raise PydanticCustomError(
            "facet-value", "Give facet:value, such as country:RU.", {"allowed": [f"{name}:..." for name in FACETS]}
        )
    spec = FACETS.get(facet)
    if spec is None:
        raise PydanticCustomError("enum", "There is no such facet.", {"allowed": list(FACETS)})
    return Exclusion(facet, adapter_of(spec).validate_python(rest, context=info.context))


@cache
def adapter_of(spec: FacetSpec) -> TypeAdapter[str]:
    """Reads one value of a facet."""
    return TypeAdapter(value_of(spec))


Whole = Annotated[int, Field(strict=False, ge=-MAX_NUMBER - 1, le=MAX_NUMBER)]


Moment = Annotated[
    date | datetime,
    BeforeValidator(read_moment),
    shown({"type": "string", "examples": ["2025-09-07", "2025-09-07T00:00:00+03:00"]}),
]
