"""Cells of a map: every located event, counted and summed where it has places, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import pi
from typing import Any, NamedTuple

import sqlalchemy as sa

from app.db import Database, Statement, whole_between
from app.db.heavy_queries import admit
from app.errors import FieldError, Invalid
from app.events.index.geometry import MAX_SINE, Box, cells_of_map, map_side
from app.events.index.readiness import require_indexed
from app.events.read.conditions.base import double
from app.events.read.conditions.bbox import InBox
from app.events.read.planner import PageSpec, resolve_terms, size_of
from app.events.read.queries import plan_narrowed
from app.events.read.rows import ResolvedQuery
from app.events.read.statements import StatementKey, matching
from app.events.tables import EventMeasure, EventPoint
from app.kit.offload import run_in_thread
from app.stats.index_counts import joined, sums
from app.stats.schemas import COUNT, GridQuery

MAX_CELLS = 20_000
DECIMALS = 6  # a tenth of a metre
WORLD = Box(-180.0, -90.0, 180.0, 90.0)
# What it takes, about, in microseconds to sort a place into its cell.
PLACE_US = 3
ZERO: Any = sa.literal_column("0")
ONE: Any = sa.literal_column("1")

Cell = list[float | None]


class GridStatementKey(NamedTuple):
    """What decides the text of a statement: which events if not all, in which form of box if any, and the sums."""

    dialect: str
    events: StatementKey | None
    box: str | None
    measured: bool


async def grid_cells(db: Database, params: GridQuery) -> list[Cell]:
    """Each cell with its mean place, its events and the sums of a measure; raises Invalid (422) where they are many."""
    measured = params.measure != COUNT
    await require_indexed(db, [*params.groups, *params.barred], measures=[params.measure] * measured)
    boxes = [condition for condition in params.conditions if isinstance(condition, InBox)]
    form, values = next(
        ((form, dict(edges)) for box in boxes for form, edges in box.bind(db.dialect).items()), (None, {})
    )
    events: StatementKey | None = None
    if len(boxes) == len(params.conditions):  # the places alone tell
        await admit(PLACE_US * size_of(await resolve_terms(db, params)))
    else:
        plan = await plan_narrowed(db, ResolvedQuery(params), PageSpec("count"))
        if plan is None:
            return []
        events, values = plan.shape, values | plan.values
    values |= {"side": map_side(params.zoom), "measure": params.measure}
    rows = await db.rows(grid_statement(GridStatementKey(db.dialect, events, form, measured)), values, offload=True)
    if len(rows) > MAX_CELLS:
        raise too_many(boxes[0].box if boxes else WORLD)
    return await run_in_thread(read_cells, rows, measured=measured)


def too_many(box: Box) -> Invalid:
    """The refusal, with the zoom at which even a full box has few cells."""
    fits = max((zoom for zoom in range(13) if cells_of_map(zoom, box) <= MAX_CELLS), default=0)
    detail = f"That would be more than {MAX_CELLS:,} cells: ask for zoom {fits} or less, or for a smaller bbox."
    return Invalid("The query was refused; see errors.", errors=[FieldError("too-many", detail, parameter="zoom")])


def read_cells(rows: Sequence[Any], *, measured: bool) -> list[Cell]:
    """The rows of the statement as the answer has them."""
    cells: list[Cell] = []
    for _, _, events, places, lat, lon, *halves in rows:
        _, *numbers = joined(events, *halves)
        mean = round(lon / places, DECIMALS), round(lat / places, DECIMALS)
        cells.append([*mean, events, *(numbers if measured else (None, None, None))])
    return cells


@lru_cache(256)
def grid_statement(key: GridStatementKey) -> Statement:
    """The cells from the north-west: column, row, events, places, sums of their degrees, and of a measure in halves."""
    found = places_in_cells(key)
    columns = [
        found.c.x,
        found.c.y,
        sa.func.sum(found.c.first).label("events"),
        sa.func.count().label("places"),
        sa.func.sum(found.c.lat).label("lat"),
        sa.func.sum(found.c.lon).label("lon"),
    ]
    source = found
    if key.measured:
        number: Any = sa.orm.aliased(EventMeasure, name="m")
        mine = sa.and_(
            number.event == found.c.event,
            number.measure == sa.bindparam("measure"),
            found.c.first == ONE,
        )
        source = found.outerjoin(number, mine)
        columns += sums(number)
    cells = sa.select(*columns).select_from(source).group_by(found.c.y, found.c.x).order_by(found.c.y, found.c.x)
    return Statement(cells.limit(sa.literal_column(str(MAX_CELLS + 1))))


def places_in_cells(key: GridStatementKey) -> Any:
    """The places that count, each with its cell, and whether it is its event's first there: an event counts once."""
    place: Any = sa.orm.aliased(EventPoint, name="p")
    earlier: Any = sa.orm.aliased(EventPoint, name="q")
    (x, y), (other_x, other_y) = cell_of(place), cell_of(earlier)
    before = [earlier.event == place.event, earlier.n < place.n, other_x == x, other_y == y]
    again = sa.select(sa.literal(1)).where(*before, *inside(key, earlier)).exists()
    first = sa.case((place.n == ZERO, ONE), (again, ZERO), else_=ONE)
    select: Any = sa.select(place.event, place.lat, place.lon, x.label("x"), y.label("y"), first.label("first"))
    if key.events is not None:
        events = matching(key.events)
        select = select.select_from(events.join(place, place.event == events.c.event))
    return select.where(*inside(key, place)).subquery("found")


def inside(key: GridStatementKey, place: Any) -> Sequence[Any]:
    """What narrows the places themselves."""
    return () if key.box is None else tuple(InBox.holds(key.box, place))


def cell_of(place: Any) -> tuple[Any, Any]:
    """Column and row of a place: `map_cell` in SQL, from its longitude and the sine of its latitude."""
    side = double("side")
    sine = sa.case((place.z > MAX_SINE, MAX_SINE), (place.z < -MAX_SINE, -MAX_SINE), else_=place.z)
    down: Any = sa.literal_column("0.5") - sa.func.ln((ONE + sine) / (ONE - sine)) / sa.literal(4 * pi)
    across = (place.lon + sa.literal_column("180")) / sa.literal_column("360") * side
    return whole_between(across, ZERO, side - ONE), whole_between(down * side, ZERO, side - ONE)
