"""Makes the OpenAPI 3.1 document from the routes of the app."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from app.auth.feed_token_middleware import PARAMETER
from app.openapi.headers import RESPONSE_HEADERS
from app.openapi.media_examples import shared_examples
from app.openapi.move_to_components import move_to_components
from app.openapi.operations import operation, used_schemas
from app.openapi.problems import SCHEMAS
from app.openapi.route_facts import operations_of
from app.openapi.schemas import SchemaRegistry
from app.openapi.webhooks import PUSHED, webhooks
from app.version import get_version

TAGS = {
    "events": "Write events one by one or in batches; find, count and export them; see how each came to be.",
    "statistics": "Count events over time and by the values of facets, with the same filters as the list.",
    "fixed feeds": "The last day, week and month as GeoJSON and Atom, under fixed names: for maps and feed readers.",
    "feed": "Every change, once and in order: by polling, by waiting, or as a stream.",
    "subscriptions": "Have changes pushed to you, signed, or fetch and acknowledge them; nothing is lost meanwhile.",
    "imports": "Files in, what became of each, and how to take one back.",
    "sources": "Where the data comes from by itself, and how fresh it is.",
    "kinds": "What sorts of events there are, what they are filtered by and measured in.",
    "keys": "Who may do what, and who did.",
    "health": "Is it alive, can it serve?",
}
BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "sitrep_<id>_<secret>_<check>",
    "description": "A key, made by `sitrep key create` or `POST /v1/keys`. Never put it into an address.",
}

FEED_TOKEN = {
    "type": "apiKey",
    "in": "query",
    "name": PARAMETER,
    "description": "A token for feeds alone, made by `POST /v1/feed-tokens`: for readers and maps that send no header.",
}


def document_bytes(app: FastAPI) -> bytes:
    """The document as it is printed and kept in openapi/openapi.json: indented, so that people compare versions."""
    return (json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n").encode()


def served_bytes(app: FastAPI, prefix: str = "") -> bytes:
    """The document as it is served, without white space; `prefix` is the path under which a proxy serves the API."""
    described = app.openapi()
    if prefix:
        described = {**described, "servers": [{**described["servers"][0], "url": prefix}]}
    return json.dumps(described, separators=(",", ":"), ensure_ascii=False).encode()


def document(app: FastAPI) -> dict[str, Any]:
    """The document, made once for each app."""
    if app.openapi_schema is None:
        app.openapi_schema = make_document(app)
    return app.openapi_schema


def make_document(app: FastAPI) -> dict[str, Any]:
    """The whole document."""
    calls = operations_of(app)
    shapes = SchemaRegistry([*used_schemas(calls), *PUSHED])
    paths: dict[str, dict[str, Any]] = {}
    for call in calls:
        paths.setdefault(call.path, {})[call.method.lower()] = operation(call, shapes)
    made: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": info(),
        "servers": [{"url": "/", "description": "This server."}],
        "tags": [
            {"name": name, "x-displayName": name.capitalize(), "description": text} for name, text in TAGS.items()
        ],
        "paths": paths,
        "webhooks": webhooks(shapes),
        "components": {
            "schemas": dict(sorted({**shapes.components, **SCHEMAS}.items())),
            "examples": shared_examples(),
            "headers": RESPONSE_HEADERS,
            "securitySchemes": {"bearer": BEARER, "feedToken": FEED_TOKEN},
        },
    }
    return move_to_components(made)


def info() -> dict[str, Any]:
    """What this is, in prose."""
    return {
        "title": "Sitrep",
        "version": get_version(),
        "summary": "A live, queryable event feed for armed conflict and its diplomacy.",
        "description": Path(__file__).with_name("about.md").read_text(encoding="utf-8"),
        "license": {"name": "MIT", "identifier": "MIT"},
    }
