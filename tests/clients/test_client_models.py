"""The types of the Python client are those of the document: the same names, keys, required keys and vocabularies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NotRequired, get_args, get_origin, get_type_hints

from sitrep_client import models

DOCUMENT = json.loads((Path(__file__).parents[2] / "openapi" / "openapi.json").read_text(encoding="utf-8"))
SCHEMAS: dict[str, dict[str, Any]] = DOCUMENT["components"]["schemas"]


def faults_of(name: str, schema: dict[str, Any]) -> list[str]:
    """How a type differs from its schema."""
    model = getattr(models, name, None)
    if model is None:
        return [f"{name} is missing"]
    if "enum" in schema:
        return [] if list(get_args(model)) == schema["enum"] else [f"{name} has another vocabulary"]
    if "oneOf" in schema:
        wanted = {each["$ref"].rpartition("/")[2] for each in schema["oneOf"]}
        return [] if {each.__name__ for each in get_args(model)} == wanted else [f"{name} joins others"]
    if schema.get("type") != "object":
        return []
    extras = get_type_hints(model, include_extras=True)
    hints = get_type_hints(model)
    differing = hints.keys() ^ schema["properties"].keys()
    needed = {key for key in extras if get_origin(extras[key]) is not NotRequired} ^ {*schema.get("required", ())}
    lists = {
        key
        for key, each in schema["properties"].items()
        if key in hints and (each.get("type") == "array") != (get_origin(hints[key]) is list)
    }
    return [f"{name}: {sorted(keys)}" for keys in (differing, needed, lists) if keys]


def test_the_types_are_those_of_the_document() -> None:
    faults = [fault for name, schema in SCHEMAS.items() for fault in faults_of(name, schema)]
    assert faults == [], "Run `make models`."


def test_the_filters_are_those_of_the_document() -> None:
    known = DOCUMENT["components"]["parameters"]

    def query(path: str) -> set[str]:
        shown = DOCUMENT["paths"][path]["get"]["parameters"]
        found = [known[each["$ref"].rpartition("/")[2]] if "$ref" in each else each for each in shown]
        return {each["name"] for each in found if each["in"] == "query"}

    assert query("/v1/events/count") - {"as_of"} == {*get_type_hints(models.ListFilter)}, "Run `make models`."
    assert query("/v1/feed") - {"after", "wait", "limit"} == {*get_type_hints(models.FeedFilter)}
    assert query("/v1/stats/facets") - {"facet", "limit"} == {*get_type_hints(models.Filter)}
