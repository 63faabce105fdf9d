"""Cells of a map: every located event, counted and summed where it has places, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import ceil, floor, pi
from typing import Any, NamedTuple

import sqlalchemy as sa

from app.db import Database, Statement, any_of, whole_between
from app.db.heavy_queries import admit
from app.errors import FieldError, Invalid
from app.events.index.geometry import MAX_SINE, Box, cells_of_map, map_cell, map_corner, map_side
from app.events.index.map_rollup import ROLLUP_ZOOM, ROW, UNITS
from app.events.index.readiness import require_indexed
from app.events.read.conditions.base import double
from app.events.read.conditions.bbox import InBox
from app.events.read.conditions.facets import WithValue
from app.events.read.planner import PageSpec, resolve_terms, size_of
from app.events.read.queries import plan_narrowed
from app.events.read.rows import ResolvedQuery
from app.events.read.statements import StatementKey, matching
from app.events.tables import EventMeasure, EventPoint, MapRollup, StoredEvent
from app.kit.offload import run_in_thread
from app.stats.ranges import joined, sums
from app.stats.schemas import COUNT, GridQuery

MAX_CELLS = 20_000
FUZZ = 1e-4  # of the last decimal, more than a number of seven decimals differs from its float
HAIR = 1e-9  # degrees, more than rounding moves the edge of a cell
DECIMALS = 6  # a tenth of a metre
WORLD = Box(-180.0, -90.0, 180.0, 90.0)
# What it takes, about, in microseconds to sort a place into its cell.
PLACE_US = 3
# A box with fewer events than this is looked up by its own; of a larger one all places are read.
MAX_LOOKED_UP = 20_000
ZERO: Any = sa.literal_column("0")
ONE: Any = sa.literal_column("1")
# Doubles, so that neither database divides them as anything else.
UNIT, HALF, HALF_TURN, TURN, DOWN, TO_DEGREES = (
    sa.literal_column(text, type_=sa.Float(53)) for text in ("1.0", "0.5", "180.0", "360.0", repr(4 * pi), f"{UNITS}.0")
)

Cell = list[float | None]


class GridStatementKey(NamedTuple):
    """What decides the text of a statement.

    `events` are those that match, None for all; `box` is the form of a box that narrows the places. With `rollup`
    cells that are whole in the box come from there, and only the others from the places; `kinds` narrows both. With
    `aligned` the box has whole cells only.
    """

    dialect: str
    events: StatementKey | None = None
    box: str | None = None
    measured: bool = False
    rollup: bool = False
    kinds: bool = False
    aligned: bool = False


async def grid_cells(db: Database, params: GridQuery, *, looked_up: int = MAX_LOOKED_UP) -> list[Cell]:
    """Each cell with its mean place, its events and the sums of a measure; raises Invalid (422) where they are many.

    A box that has fewer than `looked_up` events is answered from them.
    """
    measured = params.measure != COUNT
    await require_indexed(db, [*params.groups, *params.barred], measures=[params.measure] * measured)
    box = next(iter(boxes(params)), None)
    form, values = (None, {}) if box is None else next(iter(box.bind(db.dialect).items()))
    chosen = await choose(db, params, GridStatementKey(db.dialect, box=form, measured=measured), looked_up)
    if chosen is None:
        return []
    key, more = chosen
    values = {**values, **more, "side": map_side(params.zoom), "measure": params.measure}
    if key.rollup:
        values |= {"zoom": params.zoom, "shift": ROLLUP_ZOOM - params.zoom}
        values |= {} if box is None else whole_cells(params.zoom, box.box)
    rows = await db.rows(grid_statement(key), values, offload=True)
    if len(rows) > MAX_CELLS:
        raise too_many(WORLD if box is None else box.box)
    return await run_in_thread(read_cells, rows, measured=measured)


async def choose(
    db: Database, params: GridQuery, key: GridStatementKey, looked_up: int
) -> tuple[GridStatementKey, dict[str, Any]] | None:
    """How the question is answered, and what that binds; None when nothing can match.

    The rollup knows kinds and whole cells: a box of such cells, as maps ask for, is read from there alone. Else places
    alone tell where nothing or only a box narrows them, unless the box has few events; in all other cases the events
    are found as they are for a list.
    """
    others = [condition for condition in params.conditions if not isinstance(condition, InBox)]
    kinds = [condition for condition in others if isinstance(condition, WithValue) and condition.facet == "kind"]
    is_rolled_up = not key.measured and params.zoom <= ROLLUP_ZOOM and kinds == others
    key = key._replace(aligned=is_rolled_up and all(is_aligned(params.zoom, one.box) for one in boxes(params)))
    events = size_of(await resolve_terms(db, params)) if not key.aligned and (key.box or not others) else 0
    is_large = key.box is None or key.aligned or events >= looked_up
    if is_large and is_rolled_up:
        named = [value for condition in kinds for value in condition.values]
        return key._replace(rollup=True, kinds=bool(kinds)), {"kinds": db.as_list(named)}
    if is_large and not others:
        await admit(PLACE_US * events)
        return key, {}
    plan = await plan_narrowed(db, ResolvedQuery(params), PageSpec("count"))
    return None if plan is None else (key._replace(events=plan.shape), plan.values)


def whole_cells(zoom: int, box: Box) -> dict[str, float]:
    """Columns and rows between which the cells are whole in the box, and degrees that surely lie in such cells."""
    (left, top), (right, bottom), partly = edge_cells(zoom, box)
    left, top = left - (not partly.west), top - (not partly.north)
    right, bottom = right + (not partly.east), bottom + (not partly.south)
    (inner_north, inner_west) = map_corner(zoom, left + 1, top + 1)
    (inner_south, inner_east) = map_corner(zoom, right, bottom)
    return {
        "left": left,
        "right": right,
        "top": top,
        "bottom": bottom,
        "inner_west": inner_west + HAIR,
        "inner_east": inner_east - HAIR,
        "inner_south": inner_south + HAIR,
        "inner_north": inner_north - HAIR,
    }


def is_aligned(zoom: int, box: Box) -> bool:
    """Whether the box holds each cell that it touches whole; the 180th meridian is in two cells, by its two names."""
    is_at_meridian = 180 in {abs(box.west), abs(box.east)} and (box.west, box.east) != (-180, 180)
    return not is_at_meridian and not any(edge_cells(zoom, box)[2])


def edge_cells(zoom: int, box: Box) -> tuple[tuple[int, int], tuple[int, int], Box]:
    """The cells of the north-western and the south-eastern corner, and which edges of the box cut cells.

    Coordinates have seven decimals at most: a cell is whole if no number of seven decimals in it is beyond the edge.
    """
    west, south = ceil(box.west * UNITS - FUZZ), ceil(box.south * UNITS - FUZZ)
    east, north = floor(box.east * UNITS + FUZZ), floor(box.north * UNITS + FUZZ)
    first, last = map_cell(zoom, north / UNITS, west / UNITS), map_cell(zoom, south / UNITS, east / UNITS)
    (top_edge, left_edge), (bottom_edge, right_edge) = (
        map_corner(zoom, *first),
        map_corner(zoom, last[0] + 1, last[1] + 1),
    )
    end = map_side(zoom) - 1
    cut = Box(
        west > ceil(left_edge * UNITS - FUZZ),
        south > (-90 * UNITS if last[1] == end else floor(bottom_edge * UNITS + FUZZ) + 1),
        east < (180 * UNITS if last[0] == end else ceil(right_edge * UNITS - FUZZ) - 1),
        north < (90 * UNITS if first[1] == 0 else floor(top_edge * UNITS + FUZZ)),
    )
    return first, last, cut


def boxes(params: GridQuery) -> list[InBox]:
    """The box of the query, if it has one."""
    return [condition for condition in params.conditions if isinstance(condition, InBox)]


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
    parts = [rolled_up(key)] if key.rollup else []
    if not key.rollup or not (key.aligned or key.box is None):
        parts.append(counted(key))
    cells: Any = sa.union_all(*parts) if len(parts) > 1 else parts[0]
    return Statement(cells.order_by(sa.literal_column("y"), sa.literal_column("x")).limit(LIMIT))


LIMIT: Any = sa.literal_column(str(MAX_CELLS + 1))


def counted(key: GridStatementKey) -> Any:
    """The cells, from the places themselves."""
    found = places_in_cells(key)
    columns = [
        found.c.x,
        found.c.y,
        sa.cast(sa.func.sum(found.c.first), sa.BigInteger).label("events"),
        sa.func.count().label("places"),
        sa.func.sum(found.c.lat).label("lat"),
        sa.func.sum(found.c.lon).label("lon"),
    ]
    source = found
    if key.measured:
        number: Any = sa.orm.aliased(EventMeasure, name="m")
        mine = sa.and_(number.event == found.c.event, number.measure == sa.bindparam("measure"), found.c.first == ONE)
        source = found.outerjoin(number, mine)
        columns += sums(number)
    select = sa.select(*columns).select_from(source).group_by(found.c.y, found.c.x)
    return select.where(~is_whole(key, found.c.x, found.c.y)) if key.rollup else select


def places_in_cells(key: GridStatementKey) -> Any:
    """The places that count, each with its cell, and whether it is its event's first there: an event counts once."""
    place: Any = sa.orm.aliased(EventPoint, name="p")
    if key.events is not None:
        place = places_of(matching(key.events), place)
    earlier: Any = sa.orm.aliased(EventPoint, name="q")
    (x, y), (other_x, other_y) = cell_of(place), cell_of(earlier)
    before = [earlier.event == place.event, earlier.n < place.n, other_x == x, other_y == y]
    again = sa.select(sa.literal(1)).where(*before, *inside(key, earlier)).exists()
    first = sa.case((place.n == ZERO, ONE), (again, ZERO), else_=ONE)
    select: Any = sa.select(place.event, place.lat, place.lon, x.label("x"), y.label("y"), first.label("first"))
    if key.kinds:
        event: Any = sa.orm.aliased(StoredEvent, name="e")
        mine = [event.key == place.event, any_of(event.kind, "kinds", key.dialect)]
        select = select.where(sa.select(sa.literal(1)).where(*mine).exists())
    if key.rollup:
        select = select.where(~surely_whole(key, place))
    return select.where(*inside(key, place)).subquery("found")


def places_of(events: Any, place: Any) -> Any:
    """All places of these events: a planner that guesses that a box holds few places would begin with those."""
    wanted = sa.select(place.event, place.n, place.lat, place.lon, place.z)
    return wanted.select_from(events.join(place, place.event == events.c.event)).offset(0).subquery("p_of_events").c


def surely_whole(key: GridStatementKey, place: Any) -> Any:
    """The place lies well within cells that the rollup has: told by its degrees, as its cell takes longer to find."""
    west, east, south, north = (double("inner_" + name) for name in ("west", "east", "south", "north"))
    join = sa.and_ if key.box == "within" else sa.or_
    return sa.and_(place.lat > south, place.lat < north, join(place.lon > west, place.lon < east))


def inside(key: GridStatementKey, place: Any) -> Sequence[Any]:
    """What narrows the places themselves."""
    return () if key.box is None else tuple(InBox.holds(key.box, place))


def cell_of(place: Any) -> tuple[Any, Any]:
    """Column and row of a place: `map_cell` in SQL, from its longitude and the sine of its latitude."""
    side = double("side")
    sine = sa.case((place.z > MAX_SINE, MAX_SINE), (place.z < -MAX_SINE, -MAX_SINE), else_=place.z)
    down = HALF - sa.func.ln((UNIT + sine) / (UNIT - sine), type_=sa.Float(53)) / DOWN
    across = (place.lon + HALF_TURN) / TURN
    return whole_between(across * side, ZERO, side - ONE), whole_between(down * side, ZERO, side - ONE)


def rolled_up(key: GridStatementKey) -> Any:
    """The cells that are whole in the box, from the rollup."""
    table: Any = MapRollup
    shift = sa.bindparam("shift", type_=sa.Integer())
    row: Any = sa.literal_column(str(ROW), type_=sa.Integer())
    cells: Any = sa.select(
        (table.cell % row).op(">>")(shift).label("x"),
        (table.cell // row).op(">>")(shift).label("y"),
        sa.case((table.fresh <= sa.bindparam("zoom", type_=sa.Integer()), table.places), else_=ZERO).label("events"),
        table.places,
        table.lat,
        table.lon,
    ).where(table.places > ZERO)
    if key.kinds:
        cells = cells.where(any_of(table.kind, "kinds", key.dialect))
    found = cells.subquery("rolled_up")
    total: dict[str, Any] = {name: sa.func.sum(found.c[name]) for name in ("events", "places", "lat", "lon")}
    columns: list[Any] = [sa.cast(total[name], sa.BigInteger).label(name) for name in ("events", "places")]
    columns += [(sa.cast(total[name], sa.Float(53)) / TO_DEGREES).label(name) for name in ("lat", "lon")]
    select = sa.select(found.c.x, found.c.y, *columns).group_by(found.c.y, found.c.x)
    return select if key.box is None else select.where(is_whole(key, found.c.x, found.c.y))


def is_whole(key: GridStatementKey, x: Any, y: Any) -> Any:
    """The cell lies between those of the box's edges."""
    left, right, top, bottom = (sa.bindparam(name, type_=sa.Integer()) for name in ("left", "right", "top", "bottom"))
    join = sa.and_ if key.box == "within" else sa.or_
    return sa.and_(y > top, y < bottom, join(x > left, x < right))
