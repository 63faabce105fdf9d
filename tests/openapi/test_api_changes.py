"""A change of the API document that breaks generated clients is told; one that adds is not."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from api_changes import breaks

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENT = json.loads((Path(__file__).parents[2] / "openapi" / "openapi.json").read_text(encoding="utf-8"))
SCHEMAS = DOCUMENT["components"]["schemas"]


def parameters(document: Any, path: str, method: str = "get") -> list[Any]:
    listed: list[Any] = document["paths"][path][method]["parameters"]
    return listed


def add_optional(document: Any) -> None:
    """What may be added at any time: a call, a parameter, and a field that may be left out."""
    document["paths"]["/v1/new"] = {"get": {"responses": {"200": {"description": ""}}}}
    parameters(document, "/v1/events").append({"name": "new", "in": "query", "schema": {"type": "string"}})
    for schema in document["components"]["schemas"].values():
        schema.get("properties", {})["new"] = {"type": "string"}


def drop_call(document: Any) -> None:
    del document["paths"]["/v1/feed/head"]


def drop_parameter(document: Any) -> None:
    listed = parameters(document, "/v1/feed/checkpoint")
    listed.clear()


def require_parameter(document: Any) -> None:
    parameters(document, "/v1/feed/checkpoint")[0] = {
        "name": "at",
        "in": "query",
        "required": True,
        "schema": {"type": "string"},
    }


def require_field(document: Any) -> None:
    body = document["paths"]["/v1/keys"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    name = body["$ref"].rpartition("/")[2]
    document["components"]["schemas"][name]["required"] = [*SCHEMAS[name]["required"], "owner"]


def drop_field_of_answer(document: Any) -> None:
    answer = document["paths"]["/v1/feed/head"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    schema = document["components"]["schemas"][answer["$ref"].rpartition("/")[2]]
    schema["required"].remove("oldest")
    del schema["properties"]["oldest"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (copy.copy, set()),
        (add_optional, set()),
        (drop_call, {"GET /v1/feed/head: the call is gone."}),
        (drop_parameter, {"GET /v1/feed/checkpoint: the parameter at is gone."}),
        (require_parameter, {"GET /v1/feed/checkpoint: the parameter at is required now."}),
        (require_field, {"POST /v1/keys: the body must have owner now."}),
        (drop_field_of_answer, {"GET /v1/feed/head: the answer 200 need not have oldest any more."}),
    ],
)
def test_what_breaks_clients_is_told(change: Callable[[Any], None], told: set[str]) -> None:
    document = copy.deepcopy(DOCUMENT)
    change(document)
    found = {line for line in breaks(DOCUMENT, document) if "HEAD" not in line}
    assert found == told
