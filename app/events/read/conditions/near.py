"""`near` and `radius_km`: a place of the event lies in a circle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError
from sqlmodel import col

from app.events.index.geometry import Circle, LatLon, circle_cells, in_circle
from app.events.read.conditions.base import Condition, EventView, ResidualCondition, TermGroup, double, row_exists
from app.events.read.filter_parsers import NUMBER, read_numbers, with_schema
from app.events.tables import EventPoint
from app.events.terms import CELL


def read_place(value: Any) -> LatLon:
    """`lat,lon` in degrees."""
    lat, lon = read_numbers(value, 2)
    if abs(lat) > 90 or abs(lon) > 180:
        raise PydanticCustomError("range", "Give lat,lon in degrees: -90 to 90, -180 to 180.")
    return LatLon(lat, lon)


def read_radius(value: Any) -> float:
    """One finite number."""
    return read_numbers(value if isinstance(value, str) else [value], 1)[0]


@dataclass(frozen=True)
class InCircle(ResidualCondition):
    """Some place lies in the circle; those that launches come from do not count."""

    parameters = {
        "near": Annotated[
            LatLon | None,
            BeforeValidator(read_place),
            with_schema({"type": "string", "examples": ["50.45,30.52"]}),
            Field(description="lat,lon in degrees; needs radius_km."),
        ],
        "radius_km": Annotated[
            float | None,
            BeforeValidator(read_radius),
            Field(ge=0, le=1000, description="Kilometres around `near`."),
        ],
    }
    examples = {"radius_km": [100]}
    patterns = {"near": f"^{NUMBER},{NUMBER}$"}
    arrays = {"near": 2}
    circle: Circle

    @classmethod
    def read(cls, params: Any) -> Iterable[Condition]:
        """The circle, of which both parameters are needed."""
        if params.near is None or params.radius_km is None:
            raise PydanticCustomError(
                "together", "Give near and radius_km together or not at all.", {"parameter": "radius_km"}
            )
        return (cls(Circle(params.near.lat, params.near.lon, params.radius_km)),)

    def terms(self) -> Iterable[TermGroup]:
        """The cells that cover the circle, where few do."""
        cells = circle_cells(self.circle)
        return [TermGroup(CELL, cells)] if cells else []

    def bind(self, dialect: str) -> Mapping[str, Mapping[str, Any]]:
        return {"": {**dict(zip(("cx", "cy", "cz"), self.circle.centre, strict=True)), "chord2": self.circle.chord2}}

    @classmethod
    def sql(cls, form: str, dialect: str, event: Any) -> Any:
        """A located place is not farther from the centre, over a sphere."""
        x, y, z = (col(getattr(EventPoint, axis)) - double("c" + axis) for axis in "xyz")
        return row_exists(dialect, col(EventPoint.event) == event, x * x + y * y + z * z <= double("chord2"))

    def matches(self, event: EventView) -> bool:
        return any(in_circle(self.circle, *point) for point in event.points)
