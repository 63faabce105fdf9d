"""Statistics over HTTP."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import RootModel
from starlette.responses import Response

from app.auth.authentication import ReadKey
from app.changes import ChangeLogDep
from app.db import DatabaseDep
from app.http import DirectRoute, query
from app.kit.json_lines import dump_json
from app.kit.offload import run_in_thread
from app.response_cache import keep
from app.stats.facets import facet_counts
from app.stats.grid import grid_cells
from app.stats.schemas import Facets, FacetsQuery, GridQuery, MapGrid, SeriesQuery, SeriesRow
from app.stats.series import series

JSON = "application/json"
router = APIRouter(prefix="/v1/stats", tags=["statistics"], route_class=DirectRoute)


class Series(RootModel[list[SeriesRow]]):
    """Rows by start, then by group, null last."""


@router.get(
    "/series",
    response_model=None,
    responses={200: {"model": Series}, 304: {"description": "Not modified."}},
)
async def read_series(
    request: Request,
    _: ReadKey,
    params: Annotated[SeriesQuery, Depends(query(SeriesQuery))],
    db: DatabaseDep,
) -> Response:
    """Count events over time, and sum a measure: a flat row for each bucket and group, zeros too.

    An event counts once, in the bucket in which it began, or in the first if it began before `since`. One that has
    several values of `group_by` counts in each of these groups, one that has none in the group null. The range is
    from `since` to `until`; where one is missing, from the first or to the last match. Sums skip events without a
    number. More than 10,000 rows are refused.
    """
    body = await series(db, params)
    headers = {"etag": f'"{hashlib.sha256(body).hexdigest()[:32]}"', "cache-control": "no-cache"}
    return keep(request, Response(body, headers=headers, media_type=JSON))


@router.get(
    "/facets",
    response_model=None,
    responses={200: {"model": Facets}},
)
async def read_facets(
    request: Request,
    _: ReadKey,
    params: Annotated[FacetsQuery, Depends(query(FacetsQuery))],
    db: DatabaseDep,
    log: ChangeLogDep,
) -> Response:
    """Count the events by the values of facets, those of most events first.

    Each facet is counted without its own filter, so that the answer shows what else could be chosen; `exclude` and
    `missing` hold for it too. Values are labels:
    second names, by which filters find them too, are not counted again.
    """
    head = await log.head()
    counted = {"facets": await facet_counts(db, params), "as_of": head.cursor}
    headers = {"as-of": head.cursor, "cache-control": "no-cache"}
    return keep(request, Response(dump_json(counted), headers=headers, media_type=JSON))


@router.get(
    "/grid",
    response_model=None,
    responses={200: {"model": MapGrid}},
)
async def read_grid(
    request: Request,
    _: ReadKey,
    params: Annotated[GridQuery, Depends(query(GridQuery))],
    db: DatabaseDep,
    log: ChangeLogDep,
) -> Response:
    """Count all located events by the cells of a web map, and sum a measure: for clusters that leave none out.

    A cell has a quarter of the side of a map tile at `zoom`, so that the world has 4 x 2^zoom cells a side (Web
    Mercator). An event counts once in each cell in which it has a place, those of launches apart; `bbox` narrows the
    places too. More than 20,000 cells are refused.
    """
    head = await log.head()
    cells = await grid_cells(db, params)
    body = await run_in_thread(dump_json, {"zoom": params.zoom, "cells": cells, "as_of": head.cursor})
    headers = {"as-of": head.cursor, "cache-control": "no-cache"}
    return keep(request, Response(body, headers=headers, media_type=JSON))
