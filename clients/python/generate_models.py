"""Write sitrep_client/models.py from openapi/openapi.json by datamodel-code-generator (`make models`)."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DOCUMENT = ROOT / "openapi" / "openapi.json"
MODELS = HERE / "sitrep_client" / "models.py"
HEADER = '''"""The shapes of the API, made from openapi/openapi.json by `make models`; not to be edited."""

# ruff: noqa: E501'''
# Types say nothing of these; with them the generator would name a type for each bounded string.
BOUNDS = {"additionalProperties", "minLength", "maxLength", "pattern", "minimum", "maximum", "minItems", "maxItems"}
OPTIONS = (
    *("--input-file-type", "openapi", "--output-model-type", "typing.TypedDict", "--target-python-version", "3.11"),
    *("--enum-field-as-literal", "all", "--use-standard-collections", "--use-union-operator"),
    *("--use-schema-description", "--disable-timestamp", "--formatters", "builtin", "--custom-file-header", HEADER),
)


def loosen(schema: Any) -> Any:
    """Leave out of a schema the bounds of values, of which types do not tell."""
    if isinstance(schema, list):
        return [loosen(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: loosen(each) for name, each in schema.items() if name not in BOUNDS or not is_bound(each)}


def is_bound(value: Any) -> bool:
    """Whether it bounds values, rather than being a property that has the name of a bound."""
    return not isinstance(value, dict)


def filter_parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    """Let one value stand for a list of one, and numbers for the text of an area."""
    schema = {name: each for name, each in parameter["schema"].items() if name in {"type", "items", "$ref"}}
    if parameter["name"] in {"bbox", "near"}:
        return {"anyOf": [schema, {"type": "array", "items": {"type": "number"}}]}
    return {"anyOf": [schema["items"], schema]} if schema.get("type") == "array" else schema


def filters(document: dict[str, Any]) -> dict[str, Any]:
    """Schemas of the filter that every way of reading takes, and of what the list and the feed take beside it."""
    known = document["components"]["parameters"]

    def query(path: str) -> dict[str, dict[str, Any]]:
        shown = document["paths"][path]["get"]["parameters"]
        found = [known[each["$ref"].rpartition("/")[2]] if "$ref" in each else each for each in shown]
        return {each["name"]: filter_parameter(each) for each in found if each["in"] == "query"}

    counted, fed, drawn = query("/v1/events/count"), query("/v1/feed"), query("/v1/stats/series")
    common = {name: schema for name, schema in counted.items() if name in fed and name in drawn}
    base = {"$ref": "#/components/schemas/Filter"}
    return {
        "Filter": {"type": "object", "description": "What to read, by the names of the API.", "properties": common},
        "ListFilter": {
            "description": "A filter of lists, counts and exports.",
            "allOf": [base, {"type": "object", "properties": {"changed_since": counted["changed_since"]}}],
        },
        "FeedFilter": {
            "description": "A filter of the feed.",
            "allOf": [base, {"type": "object", "properties": {"change": fed["change"]}}],
        },
    }


def main(path: Path) -> None:
    """Make the models anew, in this file."""
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    schemas = {name: loosen(schema) for name, schema in document["components"]["schemas"].items()}
    schemas["BatchItem"] = schemas["BatchIn"]["properties"]["items"].pop("items")
    schemas["BatchIn"]["properties"]["items"]["items"] = {"$ref": "#/components/schemas/BatchItem"}
    only_shapes = {**document, "paths": {}, "webhooks": {}, "components": {"schemas": {**schemas, **filters(document)}}}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "shapes.json"
        source.write_text(json.dumps(only_shapes), encoding="utf-8")
        command = ["-m", "datamodel_code_generator", "--input", str(source), "--output", str(path), *OPTIONS]
        subprocess.run([sys.executable, *command], check=True)
    settled = ["--config", str(ROOT / "pyproject.toml"), "--quiet", str(path)]
    for step in (["check", "--fix", "--unsafe-fixes", "--ignore", "INP001"], ["format"]):
        subprocess.run([sys.executable, "-m", "ruff", *step, *settled], check=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        with tempfile.TemporaryDirectory() as made:
            main(Path(made) / MODELS.name)
            if (Path(made) / MODELS.name).read_bytes() != MODELS.read_bytes():
                sys.exit("sitrep_client/models.py is not what openapi/openapi.json makes: run `make models`.")
    else:
        main(MODELS)
