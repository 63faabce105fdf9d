"""Models as the schemas of the document: named, without noise, input and output told apart."""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from app.kinds import KINDS, EventIn, EventOut, Tombstone

Mode = Literal["validation", "serialization"]
Shape = tuple[Any, Mode]
PLACE = "#/components/schemas/"
DATA = frozenset({"examples", "example", "default", "const", "enum"})  # hold values, not schemas
ENDINGS = {"-Input": "In", "-Output": "Out"}
UNIONS = {"EventIn": "An event of any kind, as it is sent.", "EventOut": "An event of any kind, as it comes back."}


class Plain(GenerateJsonSchema):
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


class Shapes:
    """The schemas of all the types that the document speaks of."""

    def __init__(self, wanted: Iterable[Shape]) -> None:
        wanted = [(EventIn, "validation"), (EventOut, "serialization"), (Tombstone, "serialization"), *wanted]
        self._kept = {(id(shape), mode): shape for shape, mode in wanted}
        places, told = TypeAdapter.json_schemas(
            [(key[0], key[1], TypeAdapter(shape)) for key, shape in self._kept.items()],
            ref_template=PLACE + "{model}",
            schema_generator=Plain,
        )
        definitions = told.get("$defs", {})
        self._names = names(definitions)
        self._unions = {
            name: renamed(places[id(shape), mode], self._names)
            for name, (shape, mode) in zip(UNIONS, wanted, strict=False)
            if "oneOf" in places[id(shape), mode]
        }
        self._places = {key: self._tidy(place) for key, place in places.items()}
        self.components = {
            **{self._names[name]: untitled(self._tidy(schema)) for name, schema in definitions.items()},
            **{name: {"description": UNIONS[name], **union} for name, union in self._unions.items()},
        }

    def of(self, shape: Any, mode: Mode) -> dict[str, Any]:
        """The schema of a type that was asked for."""
        return self._places[id(shape), mode]

    def _tidy(self, schema: dict[str, Any]) -> dict[str, Any]:
        return dict(named(renamed(schema, self._names), self._unions))


def names(definitions: Iterable[str]) -> dict[str, str]:
    """What each schema is called in the document."""
    return {name: called(name) for name in definitions}


def called(name: str) -> str:
    """`EstimateIn` for pydantic's `Estimate-Input`; a kind's own part is `AttackDetailIn`, as AttackIn is the event."""
    kinds = {kind.__name__ for kind in KINDS.values()}
    for ending, ours in ENDINGS.items():
        if name.endswith(ending):
            stem = name.removesuffix(ending)
            return f"{stem}Detail{ours}" if stem in kinds else stem + ours
    return name.removesuffix("Shape")


def renamed(value: Any, by: dict[str, str]) -> Any:
    """The same schema with references to the new names."""
    if isinstance(value, dict):
        return {key: renamed(inner, by) for key, inner in value.items()}
    if isinstance(value, list):
        return [renamed(inner, by) for inner in value]
    if isinstance(value, str) and value.startswith(PLACE):
        name = value.removeprefix(PLACE)
        return PLACE + by.get(name, name)
    return value


def untitled(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that is called by its place, its text in one flow."""
    told = {key: value for key, value in schema.items() if key != "title"} or {"description": "Any JSON value."}
    return told | ({"description": flowing(told["description"])} if "description" in told else {})


def flowing(text: str) -> str:
    """Paragraphs without the line ends that a source file has."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def named(value: Any, unions: dict[str, Any]) -> Any:
    """The same schema, the unions of all kinds by name."""
    if isinstance(value, list):
        return [named(inner, unions) for inner in value]
    if not isinstance(value, dict):
        return value
    for name, union in unions.items():
        if value.get("oneOf") == union["oneOf"]:
            beside = {key: inner for key, inner in value.items() if key not in union}
            return {"$ref": PLACE + name, **beside}
    if {} in value.get("anyOf", ()):  # "an event, or what a later step reads" is documented as an event
        return named(next(part for part in value["anyOf"] if part), unions)
    return {key: inner if key in DATA else named(inner, unions) for key, inner in value.items()}
