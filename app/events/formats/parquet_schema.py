"""The types of Parquet columns, as they follow from the JSON Schema of the kinds' events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from app.kinds import schema_of

ANY: dict[str, Any] = {}  # the shape of what may be any JSON

Encode = Callable[[Any], Any]


def row_shape(kinds: Iterable[str]) -> dict[str, Any]:
    """The shape of an event of any of these kinds, with a member named after each kind in place of `detail`."""
    events = {kind: shape_of(schema := schema_of(kind), schema["$defs"])["properties"] for kind in kinds}
    own: dict[str, Any] = next(iter(events.values()))
    details = {kind: event["detail"] for kind, event in events.items() if event["detail"].get("properties")}
    members = {name: {name: shape} if name != "detail" else details for name, shape in own.items()}
    return {"type": "object", "properties": {name: shape for part in members.values() for name, shape in part.items()}}


def shape_of(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON Schema without references and nulls; `ANY` where it allows what no column could have the type of."""
    if "$ref" in schema:
        return shape_of(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        parts = [part for part in schema["anyOf"] if part.get("type") != "null"]
        return shape_of(parts[0], definitions) if len(parts) == 1 else ANY
    match schema.get("type"):
        case "object" if schema.get("properties"):
            members = {name: shape_of(part, definitions) for name, part in schema["properties"].items()}
            return {"type": "object", "properties": members}
        case "array":
            return {"type": "array", "items": shape_of(schema.get("items", ANY), definitions)}
        case "string" | "integer" | "number" | "boolean":
            return {"type": schema["type"], "format": schema.get("format")}
        case _:
            return ANY


def arrow_schema(shape: Mapping[str, Any], more: Iterable[tuple[str, Any]], *, dates: bool = True) -> Any:
    """The columns of the file; pyarrow reads no dates from JSON, so without `dates` they are text."""
    import pyarrow as pa  # noqa: PLC0415 -- an optional part of the installation

    columns = [(name, arrow_type(part, dates=dates)) for name, part in shape["properties"].items()]
    return pa.schema([*columns, *more])


def arrow_type(shape: Mapping[str, Any], *, dates: bool) -> Any:
    """The type of a column; any JSON is its text."""
    import pyarrow as pa  # noqa: PLC0415 -- an optional part of the installation

    if "properties" in shape:
        return pa.struct([(name, arrow_type(part, dates=dates)) for name, part in shape["properties"].items()])
    if "items" in shape:
        return pa.list_(arrow_type(shape["items"], dates=dates))
    plain = {"integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}
    texts = {"date-time": pa.timestamp("us", tz="UTC"), "date": pa.date32() if dates else pa.string()}
    return plain.get(shape.get("type", "")) or texts.get(shape.get("format") or "", pa.string())


def encoder(shape: Mapping[str, Any]) -> Encode | None:
    """A function that writes as text what may be any JSON; None where a value has nothing of the sort."""
    if not shape:
        return lambda value: orjson.dumps(value).decode()
    if shape["type"] == "array":
        each = encoder(shape["items"])
        return None if each is None else lambda values: values and [each(value) for value in values]
    members = {name: each for name, part in shape.get("properties", {}).items() if (each := encoder(part))}
    if not members:
        return None
    return lambda value: (
        value
        and {
            **value,
            **{name: each(value[name]) for name, each in members.items() if name in value},
        }
    )
