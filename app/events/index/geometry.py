"""Boxes and circles on the globe: what lies inside them, which cells of the index cover them, and cells of a map."""

from __future__ import annotations

import math
from typing import NamedTuple

from app.events.terms import (
    CELL_DEGREES,
    cell_name,
    cell_of,
    columns,
    to_unit_vector,
)

EARTH_KM = 6371.0088
ROUNDING_MARGIN = 1e-12  # Earth radii: 6 micrometres
MAX_CELLS = 40
# The sine of a latitude beyond which all is in the first or the last row of a map.
MAX_SINE = 0.9999


class Box(NamedTuple):
    """Degrees; west may lie east of east, across the antimeridian."""

    west: float
    south: float
    east: float
    north: float


class LatLon(NamedTuple):
    """Degrees."""

    lat: float
    lon: float


class Circle(NamedTuple):
    """A centre and a radius in kilometres."""

    lat: float
    lon: float
    km: float

    @property
    def centre(self) -> tuple[float, float, float]:
        """The centre as a point of the unit sphere."""
        return to_unit_vector(self.lat, self.lon)

    @property
    def chord2(self) -> float:
        """The squared straight distance, in Earth radii, that still is inside; a hair more, for what rounding adds."""
        return (2 * math.sin(min(self.km / EARTH_KM, math.pi) / 2) + ROUNDING_MARGIN) ** 2


def in_box(box: Box, lat: float, lon: float) -> bool:
    """Inside or on the edge; the two names of the 180th meridian are one."""
    meridians = (lon, -lon) if abs(lon) == 180 else (lon,)
    return box.south <= lat <= box.north and any(
        box.west <= x <= box.east if box.west <= box.east else x >= box.west or x <= box.east for x in meridians
    )


def in_circle(circle: Circle, lat: float, lon: float) -> bool:
    """Not farther from the centre than the radius, over a sphere."""
    (x, y, z), (cx, cy, cz) = to_unit_vector(lat, lon), circle.centre
    return (x - cx) * (x - cx) + (y - cy) * (y - cy) + (z - cz) * (z - cz) <= circle.chord2


def box_cells(box: Box) -> tuple[str, ...] | None:
    """The cells of the finest level that cover the box with few; None when even the coarsest needs many."""
    for level in reversed(range(len(CELL_DEGREES))):
        (low, left), (high, _) = cell_of(level, box.south, box.west), cell_of(level, box.north, box.west)
        across, around = count_columns(level, box), columns(level)
        if (high - low + 1) * across <= MAX_CELLS:
            names = [cell_name(level, row, (left + n) % around) for row in range(low, high + 1) for n in range(across)]
            return tuple(dict.fromkeys(names))
    return None


def count_columns(level: int, box: Box) -> int:
    """How many columns the box touches, told from its edges' own cells, so that no rounding leaves one out."""
    (_, left), (_, right) = cell_of(level, box.south, box.west), cell_of(level, box.south, box.east)
    width = box.east - box.west if box.west <= box.east else box.east - box.west + 360
    return columns(level) if left == right and width > CELL_DEGREES[level] else (right - left) % columns(level) + 1


def circle_cells(circle: Circle) -> tuple[str, ...] | None:
    """The cells that cover the circle's bounding box; near a pole the box goes all the way around."""
    reach = math.degrees(circle.km / EARTH_KM) + 1e-9
    south, north = max(circle.lat - reach, -90.0), min(circle.lat + reach, 90.0)
    if south == -90.0 or north == 90.0:
        return box_cells(Box(-180.0, south, 180.0, north))
    ratio = math.sin(math.radians(reach)) / math.cos(math.radians(circle.lat))
    wide = math.degrees(math.asin(min(ratio, 1.0))) + 1e-9
    west, east = (circle.lon - wide + 180) % 360 - 180, (circle.lon + wide + 180) % 360 - 180
    return box_cells(Box(west, south, east, north) if wide < 180 else Box(-180.0, south, 180.0, north))


def map_side(zoom: int) -> int:
    """How many cells a web map has on each side at a zoom: four for each tile."""
    return 4 << zoom


def map_cell(zoom: int, lat: float, lon: float) -> tuple[int, int]:
    """Column from the 180th meridian and row from the north, by the Web Mercator projection (EPSG:3857).

    What is beyond its edge at 85.0511 degrees, or on it, is in the last row or column.
    """
    side, sine = map_side(zoom), math.sin(math.radians(lat))
    sine = max(-MAX_SINE, min(MAX_SINE, sine))
    down = 0.5 - math.log((1 + sine) / (1 - sine)) / (4 * math.pi)
    return min(int((lon + 180) / 360 * side), side - 1), max(0, min(int(down * side), side - 1))


def map_corner(zoom: int, x: int, y: int) -> tuple[float, float]:
    """Latitude and longitude of the north-western corner of a cell."""
    side = map_side(zoom)
    return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * y / side)))), x / side * 360 - 180


def cells_of_map(zoom: int, box: Box) -> int:
    """How many cells a box touches."""
    (left, bottom), (right, top) = map_cell(zoom, box.south, box.west), map_cell(zoom, box.north, box.east)
    across = right - left + 1 if box.west <= box.east else map_side(zoom) - left + right + 1
    return across * (bottom - top + 1)
