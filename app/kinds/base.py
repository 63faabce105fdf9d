"""What every kind is made of: shapes, numbers, and how a kind declares its facets, measures and rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import add
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StrictBool,
    StrictFloat,
    StrictInt,
    model_validator,
)
from pydantic_core import CoreSchema

from app.errors import FieldError
from app.kinds.codes import codes_of
from app.kinds.field_errors import ValueRefused

MAX_ITEMS = 1_000
INT64 = 2**63 - 1
# Facet values that are not made again for the next event.
REMEMBERED = 20_000


def integral(value: Any) -> Any:
    """An integer in place of a float without a fraction, as pandas writes it: 90 for 90.0."""
    return int(value) if type(value) is float and value.is_integer() else value


INTEGRAL = BeforeValidator(integral)
Whole = Annotated[StrictInt, Field(ge=0, le=INT64), INTEGRAL]
Flag = StrictBool
Number = Annotated[StrictFloat, Field(ge=0, le=INT64, allow_inf_nan=False), AfterValidator(abs)]
Money = Annotated[Number, AfterValidator(lambda amount: round(amount, 2))]
Qualifier = Literal["exact", "at_least", "at_most", "approximately", "unknown"]


def list_field(description: str) -> Any:
    """A list field: empty unless given, at most 1,000 items."""
    return Field(default_factory=list, max_length=MAX_ITEMS, description=description)


def optional_field(description: str) -> Any:
    """A field that may be null, as it is unless given."""
    return Field(default=None, description=description)


LATER: dict[str, Any] = {"x-may-be-absent": True}
ABSENT = "Absent in versions written before the field was declared, which means"


def later_list_field(description: str) -> Any:
    """A list field that stored versions of an earlier release do not have."""
    text = f"{description} {ABSENT} []."
    return Field(default_factory=list, max_length=MAX_ITEMS, description=text, json_schema_extra=LATER)


def later_optional_field(description: str) -> Any:
    """A field that may be null and that stored versions of an earlier release do not have."""
    return Field(default=None, description=f"{description} {ABSENT} null.", json_schema_extra=LATER)


class StrictModel(BaseModel):
    """An object of the contract: strict types, no unknown fields, never changed in place."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        json_schema_serialization_defaults_required=True,
    )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """A field that a later release added is not required in what the server gives."""
        shape = handler(schema)
        found = handler.resolve_ref_schema(shape)
        later = {info.alias or name for name, info in cls.model_fields.items() if info.json_schema_extra == LATER}
        if later and "required" in found:
            found["required"] = [name for name in found["required"] if name not in later]
        return shape


class Numbers(NamedTuple):
    """A sum of estimates: whole numbers, none of them missing."""

    low: int
    best: int
    high: int


class Estimate(StrictModel):
    """A reported number and how far it may be trusted, as UCDP gives low, best and high.

    A bare integer on input means that number exactly. Without a qualifier three equal numbers are `exact`, others
    `unknown`.
    """

    low: Whole | None = optional_field("The lowest credible number.")
    best: Whole | None = optional_field("The most credible number.")
    high: Whole | None = optional_field("The highest credible number.")
    qualifier: Qualifier = Field(default="unknown", description="How the source qualifies the number.")

    @model_validator(mode="before")
    @classmethod
    def _spell_out(cls, data: Any) -> Any:
        data = integral(data)
        if type(data) is int:
            if not 0 <= data <= INT64:
                raise ValueRefused("range", "A number lies between 0 and 9223372036854775807.")
            return {"low": data, "best": data, "high": data, "qualifier": "exact"}
        if not isinstance(data, dict):
            raise ValueRefused("type", "An estimate is an integer, or an object with low, best, high and qualifier.")
        if data.get("qualifier") is None:
            low = data.get("low")
            same = low is not None and low == data.get("best") == data.get("high")
            return {**data, "qualifier": "exact" if same else "unknown"}
        return data

    def numbers(self) -> Numbers | None:
        """The three numbers, a missing one replaced by its neighbour; None where there is none at all."""
        low, best, high = self.low, self.best, self.high
        if low is not None and best is not None and high is not None:
            return Numbers(low, best, high)
        if low is None and best is None and high is None:
            return None
        return Numbers(
            next(n for n in (low, best, high) if n is not None),
            next(n for n in (best, low, high) if n is not None),
            next(n for n in (high, best, low) if n is not None),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """On input also a bare integer."""
        shape = handler.resolve_ref_schema(handler(schema))
        if handler.mode == "serialization":
            return shape
        bare = {"type": "integer", "minimum": 0, "maximum": INT64}
        texts = {"title": shape.pop("title"), "description": shape.pop("description")}
        return {**texts, "anyOf": [bare, shape]}


def total(rows: Iterable[Estimate | None]) -> Numbers | None:
    """Each part summed over its rows with fallback; None when no row has a number."""
    found: Numbers | None = None
    for row in rows:
        if row is not None and (numbers := row.numbers()) is not None:
            found = numbers if found is None else Numbers(*map(add, found, numbers))
    return found


def exactly(count: int) -> Numbers:
    """A number without doubt."""
    return Numbers(count, count, count)


Codes = Literal["country", "admin1", "party"]


class FacetValue(NamedTuple):
    """What a facet shows, and the other names under which a filter finds it."""

    label: str
    aliases: tuple[str, ...] = ()


@lru_cache(REMEMBERED)
def facet_value(name: str, *others: str | None) -> FacetValue:
    """A value shown by its name and found by others too."""
    return FacetValue(name, tuple(other for other in others if other is not None and other != name))


@lru_cache(1_000)
def country_value(code: str) -> FacetValue:
    """A country, found by all its codes if it is a former state."""
    return FacetValue((names := codes_of(code))[0], names[1:])


def boolean_value(flag: bool | None) -> tuple[str, ...]:
    """A flag as a facet's value."""
    return () if flag is None else ("true" if flag else "false",)


@dataclass(frozen=True)
class Facet:
    """A value by which events are filtered, counted and subscribed to.

    `of` reads the values from an event; `vocabulary`, a Literal, lists all that there can be, where that is known.
    `codes` tells which codes filters read: of countries, of first-order divisions, or of countries beside names.
    Raise `revision` when the values change although neither `of` nor the functions that it names do (docs/kinds.md).
    """

    name: str
    description: str
    of: Callable[[Any], Iterable[FacetValue | str | None]]
    vocabulary: Any = None
    codes: Codes | None = None
    revision: int = 1

    @property
    def values(self) -> tuple[str, ...] | None:
        """All that there can be, or None where the values are open."""
        return get_args(self.vocabulary) or None


@dataclass(frozen=True)
class Measure:
    """A number that filters compare and statistics sum; `of` reads it from an event, None where it has none.

    `revision` is that of `Facet`.
    """

    name: str
    description: str
    of: Callable[[Any], Numbers | None]
    revision: int = 1


@dataclass(frozen=True)
class Rule:
    """What must hold between the values of an event.

    `broken` yields an error for each breach, given the event and the current time. With a `flag` the rule is soft: a
    lenient import sets the flag instead of refusing. `reads` gives all the values that a soft rule looks at, to be
    compared.
    """

    broken: Callable[[Any, datetime], Iterator[FieldError]]
    flag: str | None = None
    reads: Callable[[Any], object] = lambda _event: None


class Kind(StrictModel):
    """A kind's own part of an event, `detail`. A file of this package with one subclass is a kind.

    `names` are the strings that a search finds beside title and summary, as paths: `measures.targets.name`.
    """

    name: ClassVar[str]
    plural: ClassVar[str]
    title: ClassVar[str]
    facets: ClassVar[tuple[Facet, ...]] = ()
    totals: ClassVar[tuple[Measure, ...]] = ()
    rules: ClassVar[tuple[Rule, ...]] = ()
    names: ClassVar[tuple[str, ...]] = ()
