"""Models as the schemas of the document: named, without noise, input and output told apart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from app.kinds import KINDS, EventIn, EventOut, Tombstone

Mode = Literal["validation", "serialization"]
SchemaType = tuple[Any, Mode]
COMPONENTS_PREFIX = "#/components/schemas/"
DATA = frozenset({"examples", "example", "default", "const", "enum"})  # hold values, not schemas
ENDINGS = {"-Input": "In", "-Output": "Out"}
UNIONS = {"EventIn": "An event of any kind, as it is sent.", "EventOut": "An event of any kind, as it comes back."}


class CompactSchema(GenerateJsonSchema):
    """Schemas without a title on every field, and with null as one more type."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """A field's name is title enough."""
        del schema
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Leave out defaults of what comes back: every key is there."""
        return self.generate_inner(schema["schema"]) if self.mode == "serialization" else super().default_schema(schema)

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Write `type: [string, null]` where it can be said so."""
        inner = self.generate_inner(schema["schema"])
        if not isinstance(inner.get("type"), str) or "const" in inner:
            return super().nullable_schema(schema)
        words = {"enum": [*inner["enum"], None]} if "enum" in inner else {}
        return {**inner, **words, "type": [inner["type"], "null"]}


class SchemaRegistry:
    """The schemas of all the types that the document speaks of."""

    def __init__(self, wanted: Iterable[SchemaType]) -> None:
        wanted = [(EventIn, "validation"), (EventOut, "serialization"), (Tombstone, "serialization"), *wanted]
        self._kept = {(id(shape), mode): shape for shape, mode in wanted}
        places, told = TypeAdapter.json_schemas(
            [(key[0], key[1], TypeAdapter(shape)) for key, shape in self._kept.items()],
            ref_template=COMPONENTS_PREFIX + "{model}",
            schema_generator=CompactSchema,
        )
        definitions = told.get("$defs", {})
        self._names = document_names(definitions)
        self._unions = {
            name: rename_references(places[id(shape), mode], self._names)
            for name, (shape, mode) in zip(UNIONS, wanted, strict=False)
            if "oneOf" in places[id(shape), mode]
        }
        self._places = {key: self._tidy(place) for key, place in places.items()}
        self.components = {
            **{self._names[name]: drop_titles(self._tidy(schema)) for name, schema in definitions.items()},
            **{name: {"description": UNIONS[name], **union} for name, union in self._unions.items()},
        }

    def of(self, shape: Any, mode: Mode) -> dict[str, Any]:
        """The schema of a type that was asked for."""
        return self._places[id(shape), mode]

    def _tidy(self, schema: dict[str, Any]) -> dict[str, Any]:
        return dict(replace_unions(rename_references(schema, self._names), self._unions))


def document_names(definitions: Iterable[str]) -> dict[str, str]:
    """What each schema is called in the document."""
    return {name: document_name(name) for name in definitions}


def document_name(name: str) -> str:
    """`EstimateIn` for pydantic's `Estimate-Input`; a kind's own part is `AttackDetailIn`, as AttackIn is the event."""
    kinds = {kind.__name__ for kind in KINDS.values()}
    for ending, ours in ENDINGS.items():
        if name.endswith(ending):
            stem = name.removesuffix(ending)
            return f"{stem}Detail{ours}" if stem in kinds else stem + ours
    return name.removesuffix("Shape")


def rename_references(value: Any, by: dict[str, str]) -> Any:
    """The same schema with references to the new names."""
    if isinstance(value, dict):
        return {key: rename_references(inner, by) for key, inner in value.items()}
    if isinstance(value, list):
        return [rename_references(inner, by) for inner in value]
    if isinstance(value, str) and value.startswith(COMPONENTS_PREFIX):
        name = value.removeprefix(COMPONENTS_PREFIX)
        return COMPONENTS_PREFIX + by.get(name, name)
    return value


def drop_titles(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that is called by its place, its text in one flow."""
    told = {key: value for key, value in schema.items() if key != "title"} or {"description": "Any JSON value."}
    return told | ({"description": join_paragraph(told["description"])} if "description" in told else {})


def join_paragraph(text: str) -> str:
    """Paragraphs without the line ends that a source file has."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def replace_unions(value: Any, unions: dict[str, Any]) -> Any:
    """The same schema, the unions of all kinds by name."""
    if isinstance(value, list):
        return [replace_unions(inner, unions) for inner in value]
    if not isinstance(value, dict):
        return value
    for name, union in unions.items():
        if value.get("oneOf") == union["oneOf"]:
            beside = {key: inner for key, inner in value.items() if key not in union}
            return {"$ref": COMPONENTS_PREFIX + name, **beside}
    if {} in value.get("anyOf", ()):  # "an event, or what a later step reads" is documented as an event
        return replace_unions(next(part for part in value["anyOf"] if part), unions)
    return {key: inner if key in DATA else replace_unions(inner, unions) for key, inner in value.items()}
