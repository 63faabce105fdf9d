"""What a condition of a filter is: its parameters and their documentation, its index terms, its SQL, its test."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, NamedTuple, Protocol

import sqlalchemy as sa

from app.events.terms import SIGNATURE
from app.kinds import Numbers


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


class EventView(Protocol):
    """What a condition may ask of an event in memory: what the tables of the index hold beside its terms."""

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """Latitude and longitude of each place."""

    @property
    def measures(self) -> Mapping[str, Numbers]:
        """The numbers that it has."""

    @property
    def text(self) -> str:
        """Its words as they are indexed."""


class Condition:
    """A structured filter. A file of this package with one subclass, a frozen dataclass, is a filter of every reader.

    Each of the `parameters`, given with its type, is None unless it is sent; a subclass has one field for each.
    `examples` and `patterns` are what OpenAPI shows beside the type. `arrays` names the parameters that JSON writes as
    an array of so many numbers.
    """

    parameters: ClassVar[Mapping[str, Any]]
    examples: ClassVar[Mapping[str, list[Any]]] = {}
    patterns: ClassVar[Mapping[str, str]] = {}
    arrays: ClassVar[Mapping[str, int]] = {}
    # Whether the parameters are those of the kinds, which follow all others.
    of_kinds: ClassVar[bool] = False

    @classmethod
    def read(cls, params: Any) -> Iterable[Condition]:
        """The conditions that the parameters make, of which some are given.

        Raises PydanticCustomError where they do not go together.
        """
        return (cls(*(getattr(params, name) for name in cls.parameters)),)

    def terms(self) -> Iterable[TermGroup]:
        """What the index can narrow: the event has a value of every group."""
        return ()

    def excluded_terms(self) -> Iterable[TermGroup]:
        """What the event may not have."""
        return ()


class ResidualCondition(Condition):
    """A condition that the terms only narrow: the rest is told by SQL where events are stored, or by `matches`."""

    # What it takes in microseconds, about, to hold an event against the SQL.
    cost_us: ClassVar[int] = 4

    @abstractmethod
    def bind(self, dialect: str) -> Mapping[str, Mapping[str, Any]]:
        """The forms of the SQL that hold for this condition, each with the values that it binds.

        The names of values begin with that of a parameter, so that no other condition binds them.
        """

    @classmethod
    @abstractmethod
    def sql(cls, form: str, dialect: str, event: Any) -> Any:
        """A form of the SQL, on the key of an event; its text must not depend on values."""

    @abstractmethod
    def matches(self, event: EventView) -> bool:
        """The event in hand meets the condition, as it does in SQL."""


class SqlForm(NamedTuple):
    """A form of a condition's SQL, as a part of the key of a statement."""

    condition: type[ResidualCondition]
    form: str


def row_exists(dialect: str, *where: Any) -> Any:
    """Some row is found, asked for each candidate: OFFSET keeps PostgreSQL from joining all that the value has."""
    found = sa.select(sa.literal(1)).where(*where)
    return (found.offset(sa.literal_column("0")) if dialect == "postgresql" else found).exists()


def double(name: str) -> Any:
    """A parameter that is a double."""
    return sa.bindparam(name, type_=sa.Float(53))


def big(name: str) -> Any:
    """A 64-bit parameter."""
    return sa.bindparam(name, type_=sa.BigInteger())
