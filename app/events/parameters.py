"""How each filter parameter is read, from a query string or from JSON, and what OpenAPI shows of it."""

from __future__ import annotations

import math
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, Field
from pydantic.json_schema import WithJsonSchema
from pydantic_core import PydanticCustomError

from app.events.places import Box, Place
from app.events.words import Words, parse_words
from app.kinds import parse_instant
from app.kinds.instants import parse_day, zone_names

if TYPE_CHECKING:
    from app.kinds import FacetSpec

LARGEST = 2**63 - 1


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


def read_place(value: Any) -> Place:
    """`lat,lon` in degrees."""
    lat, lon = read_numbers(value, 2)
    if abs(lat) > 90 or abs(lon) > 180:
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


def word_of(values: tuple[str, ...]) -> Any:
    """The type of a parameter that is one of these words."""

    def known(value: Any) -> str:
        if value not in values:
            raise PydanticCustomError("enum", "That value is not in the vocabulary.", {"allowed": list(values)})
        return str(value)

    return Annotated[str, BeforeValidator(known), shown({"type": "string", "enum": list(values)})]


def spoken(spec: FacetSpec) -> Any:
    """The type of one facet's parameter: its vocabulary, or any name."""
    item: Any = Annotated[str, Field(min_length=1, max_length=2000)] if spec.values is None else word_of(spec.values)
    return Annotated[list[item], BeforeValidator(as_many)]


Whole = Annotated[int, Field(strict=False, ge=-LARGEST - 1, le=LARGEST)]


Moment = Annotated[
    date | datetime,
    BeforeValidator(read_moment),
    shown({"type": "string", "examples": ["2025-09-07", "2025-09-07T00:00:00+03:00"]}),
]
