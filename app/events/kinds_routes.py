"""The kinds over HTTP: what each is called, filtered by and measured in."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from app.auth.authentication import ReadKey
from app.errors import NotFound
from app.http import DirectRoute, NoQuery
from app.kinds import KINDS, schema_of

router = APIRouter(prefix="/v1/kinds", tags=["kinds"], route_class=DirectRoute)
COMMON = ("killed", "injured")


class FacetShape(BaseModel):
    """A facet and its vocabulary, null where values are open."""

    name: str
    values: list[str] | None


class KindShape(BaseModel):
    """A kind of event."""

    kind: str
    title: str
    facets: list[FacetShape]
    measures: list[str]


class KindWithSchema(KindShape):
    """A kind of event with the shape of its events."""

    schema_: Annotated[
        dict[str, Any], Field(alias="schema", description="JSON Schema (2020-12) of its events as they come back.")
    ]


class KindList(BaseModel):
    """All kinds."""

    items: list[KindShape]


@router.get("", response_model=None, responses={200: {"model": KindList}})
async def list_kinds(_: ReadKey, __: NoQuery) -> Response:
    """List the kinds of events with their own facets and measures; filters, statistics and subscriptions know these."""
    return json_response({"items": [serialize_kind(name) for name in KINDS]})


@router.get(
    "/{kind}",
    response_model=None,
    responses={200: {"model": KindWithSchema}},
)
async def get_kind(_: ReadKey, __: NoQuery, kind: str) -> Response:
    """Get one kind with the JSON Schema of its events."""
    if kind not in KINDS:
        raise NotFound("There is no such kind.")
    return json_response({**serialize_kind(kind), "schema": schema_of(kind)})


def serialize_kind(name: str) -> dict[str, Any]:
    """A kind as the catalogue shows it."""
    kind = KINDS[name]
    return {
        "kind": name,
        "title": kind.title,
        "facets": [
            {"name": facet.name, "values": None if facet.values is None else list(facet.values)}
            for facet in kind.facets
        ],
        "measures": [*COMMON, *(measure.name for measure in kind.totals)],
    }


def json_response(shown_: dict[str, Any]) -> Response:
    """JSON that any cache may keep for a minute."""
    return Response(orjson.dumps(shown_), headers={"cache-control": "no-cache"}, media_type="application/json")
