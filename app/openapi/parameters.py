"""Parameters: every name of a query by itself, names in paths, and header fields of requests."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from app.datasets import datasets
from app.events.feeds.summary_feeds import SUMMARY_FEEDS
from app.events.read.conditions import CONDITIONS
from app.events.read.filter_parsers import EXAMPLE_ID
from app.kinds import KINDS
from app.openapi.example_data import filter_values
from app.openapi.headers import POSITION, REQUEST_HEADERS, request_headers
from app.openapi.route_facts import Operation
from app.openapi.schemas import CompactSchema
from app.openapi.text_patterns import TEXT, document_text

UNDOCUMENTED: dict[str, Any] = {"schema": {"type": "string", **TEXT}}
WORDS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
EXAMPLES: dict[str, list[Any]] = {
    **{name: values for condition in CONDITIONS for name, values in condition.examples.items()},
    "superseded_by": [EXAMPLE_ID],
    "timezone": ["Europe/Kyiv"],
    "cursor": ["BdZ7lAAAAAGZKKkuOw"],
    "at": [POSITION],
    "as_of": [POSITION, "2025-09-08T00:00:00Z"],
    "after": [POSITION, "oldest", "now", "2025-09-07T00:00:00Z"],
    "version": [1],
    "imo": [["9074729"]],
}
FIRST = ("kind", "status", "country", "since", "until", "q", "after", "wait", "format", "sort", "limit", "cursor")
PATHS: dict[str, dict[str, dict[str, Any]]] = {
    "/v1/events/by-external-id/": {
        "system": {
            "description": "Whose key it is.",
            "schema": {"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,63}$", "examples": ["newsroom"]},
        },
        "id": {
            "description": "The key of the event in that system; it may hold `/` and `:`.",
            "schema": {"type": "string", **TEXT, "maxLength": 300, "examples": ["kyiv-air-attack"]},
        },
    },
    "/v1/events/": {
        "id": {
            "description": "The event's id.",
            "schema": {"type": "string", "format": "uuid", "examples": [EXAMPLE_ID]},
        },
    },
    "/v1/feeds/": {
        "feed": {
            "description": "What of, and how far back: 24 hours, 7 days or 30 days.",
            "schema": {"type": "string", "enum": list(SUMMARY_FEEDS), "examples": ["attacks_day"]},
        },
    },
    "/v1/subscriptions/": {
        "id": {
            "description": "The subscription's id.",
            "schema": {"type": "string", "format": "uuid", "examples": ["019928b4-77d0-7c55-a1f2-3d8f0c6e9b41"]},
        },
    },
    "/v1/deliveries/": {
        "id": {
            "description": "The delivery's id.",
            "schema": {"type": "string", "format": "uuid", "examples": ["019928b5-0a1c-7e02-9b3d-64c1f2a8d7e0"]},
        },
    },
    "/v1/imports/": {
        "dataset": {
            "description": "The dataset's name.",
            "schema": {"type": "string", "enum": list(datasets()), "examples": ["ucdp_ged"]},
        },
        "id": {"description": "The import's number.", "schema": {"type": "integer", "minimum": 1, "examples": [3]}},
    },
    "/v1/kinds/": {"kind": {"description": "The kind's name.", "schema": {"type": "string", "enum": list(KINDS)}}},
    "/v1/keys/": {
        "id": {"description": "The key's id.", "schema": {"type": "string", **TEXT, "examples": ["k5m2c7qxzt"]}}
    },
    "/v1/feed-tokens/": {
        "id": {"description": "The token's id.", "schema": {"type": "string", **TEXT, "examples": ["p3v7aq2mzd"]}}
    },
}


class CompactParameterSchema(CompactSchema):
    """Schemas of what is given or left out: null cannot be sent in a query."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Only the value."""
        return self.generate_inner(schema["schema"])


def parameters(call: Operation) -> list[dict[str, Any]]:
    """All the parameters of a call."""
    queried = [] if call.query_model is None else query_parameters(call.query_model)
    return [*(path_parameter(call, name) for name in call.path_parameters), *queried, *header_parameters(call)]


def path_parameter(call: Operation, name: str) -> dict[str, Any]:
    """A name in braces."""
    told = next((names[name] for start, names in PATHS.items() if call.path.startswith(start)), UNDOCUMENTED)
    return {"name": name, "in": "path", "required": True, **told}


def query_parameters(model: type[BaseModel]) -> list[dict[str, Any]]:
    """Every name that the query may have, the most useful first."""
    told = model.model_json_schema(mode="validation", schema_generator=CompactParameterSchema)
    needed, found = told.get("required", ()), told.get("properties", {})
    order = dict.fromkeys([*(name for name in FIRST if name in found), *found])
    return [query_parameter(name, dict(found[name]), name in needed) for name in order]


def query_parameter(name: str, schema: dict[str, Any], required: bool) -> dict[str, Any]:
    """One name of the query."""
    told: dict[str, Any] = {"name": name, "in": "query"}
    if "description" in schema:
        told["description"] = schema.pop("description")
    if required:
        told["required"] = True
    if schema.get("default", ...) is None:
        del schema["default"]
    if schema.get("type") == "array":
        told |= {"style": "form", "explode": True}
    if schema.get("type") == "boolean" and isinstance(schema.get("default"), str):
        schema["default"] = schema["default"] == "true"
    schema = {WORDS.get(key, key): value for key, value in schema.items()}
    if found := schema.get("examples") or EXAMPLES.get(name) or filter_values().get(name):
        schema["examples"] = found
    return {**told, "schema": document_text(name, schema)}


def header_parameters(call: Operation) -> list[dict[str, Any]]:
    """The header fields that the call looks at, beside Authorization, Accept and Content-Type."""
    return [
        {"name": name, "in": "header", "required": required, **REQUEST_HEADERS[name]}
        for name, required in request_headers(call.name).items()
    ]
