"""`bbox`: a place of the event lies in a box of degrees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError
from sqlmodel import col

from app.events.index.geometry import Box, box_cells, in_box
from app.events.read.conditions.base import EventView, ResidualCondition, TermGroup, double, row_exists
from app.events.read.filter_parsers import NUMBER, read_numbers, with_schema
from app.events.tables import EventPoint
from app.events.terms import CELL


def read_box(value: Any) -> Box:
    """`west,south,east,north` in degrees."""
    box = Box(*read_numbers(value, 4))
    if not (abs(box.west) <= 180 and abs(box.east) <= 180 and -90 <= box.south <= box.north <= 90):
        raise PydanticCustomError("range", "Give west,south,east,north in degrees, with south not above north.")
    return box


@dataclass(frozen=True)
class InBox(ResidualCondition):
    """Some place lies in the box; those that launches come from do not count."""

    parameters = {
        "bbox": Annotated[
            Box | None,
            BeforeValidator(read_box),
            with_schema({"type": "string", "examples": ["22.1,44.3,40.3,52.4"]}),
            Field(
                description="west,south,east,north in degrees; may cross the antimeridian. Launch places do not count."
            ),
        ]
    }
    patterns = {"bbox": f"^{NUMBER}(,{NUMBER}){{3}}$"}
    arrays = {"bbox": 4}
    box: Box

    def terms(self) -> Iterable[TermGroup]:
        """The cells that cover the box, where few do."""
        cells = box_cells(self.box)
        return [TermGroup(CELL, cells)] if cells else []

    def bind(self, dialect: str) -> Mapping[str, Mapping[str, Any]]:
        """The four edges, of a box that crosses the antimeridian or of one that does not."""
        return {"within" if self.box.west <= self.box.east else "across": self.box._asdict()}

    @classmethod
    def sql(cls, form: str, dialect: str, event: Any) -> Any:
        """A located place is inside or on the edge."""
        return row_exists(dialect, col(EventPoint.event) == event, *cls.holds(form, EventPoint))

    @classmethod
    def holds(cls, form: str, place: Any) -> Iterable[Any]:
        """What is true of a place in the box; the two names of the 180th meridian are one."""
        west, east, lat, lon = double("west"), double("east"), col(place.lat), col(place.lon)
        join = sa.and_ if form == "within" else sa.or_
        inside = sa.or_(
            join(lon >= west, lon <= east),
            sa.and_(sa.func.abs(lon) == sa.literal_column("180"), join(-lon >= west, -lon <= east)),
        )
        return lat >= double("south"), lat <= double("north"), inside

    def matches(self, event: EventView) -> bool:
        return any(in_box(self.box, *point) for point in event.points)
