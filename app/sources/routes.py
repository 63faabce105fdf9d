"""Sources over HTTP: how current the data is, and what keeps it from being so."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from app.auth.authentication import ReadKey
from app.auth.keys import utc_now
from app.db import DatabaseDep
from app.http import DirectRoute, NoQuery
from app.kit.json_lines import dump_json
from app.sources.schemas import SourceList, serialize_source
from app.sources.tables import read_states

router = APIRouter(prefix="/v1", tags=["sources"], route_class=DirectRoute)


@router.get("/sources", operation_id="list_sources", response_model=None, responses={200: {"model": SourceList}})
async def list_sources(_: ReadKey, __: NoQuery, db: DatabaseDep) -> Response:
    """List the sources that `sitrep sync` takes in: how each fares, which version is in, and how fresh its data is."""
    now = utc_now()
    items = [serialize_source(source, now) for source in await read_states(db)]
    return Response(dump_json({"items": items, "next": None}), 200, {"Cache-Control": "no-store"}, "application/json")
