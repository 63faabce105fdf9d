"""How each filter parameter is read, from a query string or from JSON, and what OpenAPI shows of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo
from pydantic.json_schema import WithJsonSchema
from pydantic_core import PydanticCustomError

from app.kinds import FacetSpec, parse_instant
from app.kinds.countries import country_named, read_country, read_division
from app.kinds.field_errors import ValueRefused
from app.kinds.timestamps import day_begin, parse_day, zone_names

MAX_NUMBER = 2**63 - 1
# The validation context of filters that were accepted earlier.
STORED = "stored"
EXAMPLE_ID = "019928a9-2e3b-7d14-8c3f-5b1e09a7d26c"
# What OpenAPI shows of numbers, and of days and instants.
NUMBER = r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?"
DAY = r"(19|2[01])[0-9]{2}-[0-9]{2}-[0-9]{2}|2200-[0-9]{2}-[0-9]{2}"
HOUR = "([01][0-9]|2[0-3]):[0-5][0-9]"
TIME = rf"({DAY})([Tt ]{HOUR}:[0-5][0-9](\.[0-9]{{1,9}})?([Zz]|[-+]{HOUR}))?"
MOMENT_PATTERN = f"^({TIME})$"


def read_moment(value: Any) -> date | datetime:
    """A day (`2025-09-07`, midnight in `timezone`) or an instant with offset."""
    if not isinstance(value, str):
        raise PydanticCustomError("instant", "Give a day (YYYY-MM-DD) or an RFC 3339 instant as a string.")
    return parse_day(value) if len(value) == len("2025-09-07") else parse_instant(value)


def instant_of(moment: date | datetime, timezone: str) -> datetime:
    """Midnight of a bare day in the zone asked for."""
    return moment if isinstance(moment, datetime) else day_begin(moment, ZoneInfo(timezone))


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


def read_uuid(value: Any) -> UUID:
    """An event id; a UUID that is no event's id simply matches nothing."""
    try:
        return UUID(value) if len(value) == len(str(UUID(int=0))) else UUID("")
    except (AttributeError, TypeError, ValueError):
        raise PydanticCustomError("uuid", "Give an event id, a UUID.") from None


def read_timezone(value: Any) -> str:
    """The name of a zone in the IANA database."""
    if not isinstance(value, str) or value not in zone_names():
        raise PydanticCustomError("timezone", "Give the name of an IANA time zone, such as Europe/Kyiv.")
    return value


def list_of(value: Any) -> Any:
    """A repeatable name takes an array or one scalar."""
    return value if isinstance(value, list) else [value]


def with_schema(schema: dict[str, Any]) -> WithJsonSchema:
    """What OpenAPI shows of a parameter that is read by hand."""
    return WithJsonSchema(schema)


def word_of(values: tuple[str, ...]) -> Any:
    """The type of a parameter that is one of these words."""

    def known(value: Any) -> str:
        if value not in values:
            raise PydanticCustomError("enum", "That value is not in the vocabulary.", {"allowed": list(values)})
        return str(value)

    return Annotated[str, BeforeValidator(known), with_schema({"type": "string", "enum": list(values)})]


def parameter_type(spec: FacetSpec) -> Any:
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


Whole = Annotated[int, Field(strict=False, ge=-MAX_NUMBER - 1, le=MAX_NUMBER)]


Moment = Annotated[
    date | datetime,
    BeforeValidator(read_moment),
    with_schema({"type": "string", "examples": ["2025-09-07", "2025-09-07T00:00:00+03:00"]}),
]
