"""`north_of`: a place of the event lies on a parallel or north of it; tests copy this file among the conditions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field
from sqlmodel import col

from app.events.read.conditions.base import EventView, ResidualCondition, TermGroup, double, row_exists
from app.events.tables import EventPoint
from app.events.terms import CELL, cell_name, cell_of, columns


@dataclass(frozen=True)
class NorthOf(ResidualCondition):
    """Some place lies so far north."""

    parameters: ClassVar[Mapping[str, Any]] = {
        "north_of": Annotated[float | None, Field(ge=-90, le=90, description="Degrees; some place is so far north.")]
    }
    examples: ClassVar[Mapping[str, list[Any]]] = {"north_of": [48.5]}
    lat: float

    def terms(self) -> Iterable[TermGroup]:
        """The coarsest cells of the parallel and of all that is north of it."""
        rows = range(cell_of(0, self.lat, 0)[0], cell_of(0, 90, 0)[0] + 1)
        return [TermGroup(CELL, tuple(cell_name(0, row, column) for row in rows for column in range(columns(0))))]

    def bind(self, dialect: str) -> Mapping[str, Mapping[str, Any]]:
        """The parallel."""
        del dialect
        return {"": {"north_of": self.lat}}

    @classmethod
    def sql(cls, form: str, dialect: str, event: Any) -> Any:
        """A place is stored that lies so far north."""
        del form
        return row_exists(dialect, col(EventPoint.event) == event, col(EventPoint.lat) >= double("north_of"))

    def matches(self, event: EventView) -> bool:
        """A place lies so far north."""
        return any(lat >= self.lat for lat, _ in event.points)
