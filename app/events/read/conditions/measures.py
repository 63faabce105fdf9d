"""The measures of the kinds, each `_min` and `_max`: the event has that number, within its limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field
from sqlmodel import col

from app.events.read.conditions.base import Condition, EventView, ResidualCondition, TermGroup, big, row_exists
from app.events.read.filter_parsers import MAX_NUMBER, Whole
from app.events.tables import EventMeasure
from app.events.terms import magnitude_facet
from app.kinds import MEASURES

ENDS = {"min": "At least:", "max": "At most:"}


@dataclass(frozen=True)
class WithinLimits(ResidualCondition):
    """The best number of one measure is known, and within the limits."""

    parameters = {
        f"{name}_{end}": Annotated[Whole | None, Field(description=f"{words} {spec.description}")]
        for name, spec in MEASURES.items()
        for end, words in ENDS.items()
    }
    of_kinds = True
    measure: str
    least: int | None
    most: int | None

    @classmethod
    def read(cls, params: Any) -> Iterable[Condition]:
        """One condition for each measure that is limited."""
        for measure in MEASURES:
            ends = [getattr(params, f"{measure}_{end}") for end in ENDS]
            if ends != [None, None]:
                yield cls(measure, *ends)

    def terms(self) -> Iterable[TermGroup]:
        """One of the orders of magnitude between the limits."""
        least, most = max(self.least or 0, 0), MAX_NUMBER if self.most is None else max(self.most, 0)
        sizes = range(least.bit_length(), most.bit_length() + 1)
        return [TermGroup(magnitude_facet(self.measure), tuple(map(str, sizes)))]

    def bind(self, dialect: str) -> Mapping[str, Mapping[str, Any]]:
        limits = {"min": self.least, "max": self.most}
        return {
            f"{end}_{self.measure}": {f"{end}_{self.measure}": limit}
            for end, limit in limits.items()
            if limit is not None
        }

    @classmethod
    def sql(cls, form: str, dialect: str, event: Any) -> Any:
        """The number is not below, or not above, a limit."""
        end, _, measure = form.partition("_")
        best = col(EventMeasure.best)
        within = best >= big(form) if end == "min" else best <= big(form)
        known = col(EventMeasure.measure) == sa.literal_column(f"'{measure}'")
        return row_exists(dialect, sa.and_(col(EventMeasure.event) == event, known), within)

    def matches(self, event: EventView) -> bool:
        numbers = event.measures.get(self.measure)
        return (
            numbers is not None
            and (self.least is None or numbers.best >= self.least)
            and (self.most is None or numbers.best <= self.most)
        )
