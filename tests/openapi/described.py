"""The document as tests read it: its operations, and its schemas as validators."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import jsonschema_rs

from app.main import create_app
from app.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

APP = create_app(Settings(database_url="sqlite:///nowhere.db"))
DOCUMENT: dict[str, Any] = APP.openapi()
METHODS = {"get", "put", "post", "patch", "delete"}


class Operation(NamedTuple):
    """One call of the document."""

    method: str
    path: str
    told: dict[str, Any]

    def parameters(self, place: str) -> dict[str, dict[str, Any]]:
        """Its parameters in one place, by name."""
        return {told["name"]: told for told in self.told.get("parameters", ()) if told["in"] == place}


def operations() -> Iterator[Operation]:
    """Every call of the document, with the parameters and responses that its references name."""
    for path, item in DOCUMENT["paths"].items():
        for method, told in item.items():
            parameters = [resolved(parameter) for parameter in told.get("parameters", ())]
            responses = {status: resolved(response) for status, response in told["responses"].items()}
            yield Operation(method, path, {**told, "parameters": parameters, "responses": responses})


def resolved(value: dict[str, Any]) -> Any:
    """What a reference names, or the value itself."""
    found: Any = value
    while isinstance(found, dict) and "$ref" in found:
        place, found = found["$ref"], DOCUMENT
        for key in place.removeprefix("#/").split("/"):
            found = found[key.replace("~1", "/").replace("~0", "~")]
    return found


OPERATIONS = {operation.told["operationId"]: operation for operation in operations()}


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    """What a schema of the document finds wrong with a value."""
    found = validator(json.dumps(schema, sort_keys=True)).iter_errors(value)
    return [f"{'/'.join(map(str, error.instance_path))}: {error.message[:200]}" for error in found]


@lru_cache(None)
def validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    """The schema with all components, compiled once."""
    return jsonschema_rs.Draft202012Validator(
        {**json.loads(schema), "components": DOCUMENT["components"]}, validate_formats=True
    )


def walk(value: Any) -> Iterator[dict[str, Any]]:
    """Every object within a JSON value."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(inner)
