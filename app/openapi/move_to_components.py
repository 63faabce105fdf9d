"""Moves what the finished document repeats into its components: enums, parameters and problems."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from app.kinds import KINDS

Schema = dict[str, Any]
# The schema that holds the enum, None for a parameter; and the property or parameter.
Occurrence = tuple[str | None, str]

# Names that are clearer than owner and property, or that several owners share.
PREFERRED = {
    "TombstoneKind": "KindName",
    "Issue": "NegotiationIssue",
    "Scope": "KeyScope",
    "Mode": "SubscriptionMode",
    "Missing": "FacetName",
    "Fields": "EventField",
    "Sort": "EventSort",
    "Reason": "DeletionReason",
    "Format": "ExportFormat",
    "Feed": "SummaryFeedName",
    "CivilianTargeting": "BooleanText",
}
# Properties that are lists, so that the enum is one item of them.
PLURAL = frozenset({"commitments", "domains", "issues", "quality_flags", "scopes"})
KIND_SCHEMAS = frozenset(kind.__name__ for kind in KINDS.values())
SUFFIXES = ("In", "Out", "Detail")


def move_to_components(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with enums, shared parameters and shared refusals as components.

    What is given stays as it is: parts of it belong to the modules that declare them, for the next document too.
    """
    document = json.loads(json.dumps(document))
    components = document["components"]
    for schema in components["schemas"].values():
        describe_defaults(schema)
    components["schemas"] |= name_inline_objects(components["schemas"])
    components["schemas"] = dict(sorted({**components["schemas"], **name_enums(document)}.items()))
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    components["parameters"] = share_parameters(operations)
    components["responses"] = share_problems(operations)
    return document


def describe_defaults(schema: Schema) -> None:
    """Say the default of a property in its description instead of by `default`.

    Generators take a property with a default for one that is always there, so that callers would have to send it.
    """
    for part in [schema, *schema.get("anyOf", ())]:
        for field in part.get("properties", {}).values():
            default = field.pop("default", None)
            if default not in (None, [], {}):
                field["description"] = f"{field.get('description', '')} Default: `{json.dumps(default)}`.".strip()


def name_inline_objects(schemas: dict[str, Schema]) -> dict[str, Schema]:
    """Replace each object among the alternatives of a schema by a reference; return the new components."""
    named: dict[str, Schema] = {}
    for name, schema in schemas.items():
        for n, part in enumerate(schema.get("anyOf", ())):
            if "properties" in part:
                schema["anyOf"][n] = {"$ref": f"#/components/schemas/{stem(name)}Object"}
                named[f"{stem(name)}Object"] = {"description": schema.get("description", ""), **part}
    return named


def name_enums(document: dict[str, Any]) -> dict[str, Schema]:
    """Replace each inline enum of strings by a reference; return the new components."""
    found: dict[tuple[str, ...], list[tuple[Occurrence, Schema]]] = {}
    for occurrence, schema in inline_schemas(document):
        values = [value for value in schema.get("enum", ()) if value is not None]
        if len(values) > 1 and all(isinstance(value, str) for value in values):
            found.setdefault(tuple(sorted(values)), []).append((occurrence, schema))
    named: dict[str, Schema] = {}
    for uses in found.values():
        values = [value for value in uses[0][1]["enum"] if value is not None]
        name = enum_name([occurrence for occurrence, _ in uses], taken={*named, *document["components"]["schemas"]})
        named[name] = {"type": "string", "enum": values}
        for _, schema in uses:
            refer(schema, name)
    return named


def refer(schema: Schema, name: str) -> None:
    """Let a schema that listed the values point to the component; null stays allowed where it was."""
    reference = {"$ref": f"#/components/schemas/{name}"}
    nullable = None in schema["enum"]
    kept = {key: value for key, value in schema.items() if key not in {"enum", "type"}}
    schema.clear()
    schema |= {**kept, "anyOf": [reference, {"type": "null"}]} if nullable else {**kept, **reference}


def inline_schemas(document: dict[str, Any]) -> Iterator[tuple[Occurrence, Schema]]:
    """Yield every schema of the document with the component and property, or the parameter, it belongs to."""
    for name, schema in document["components"]["schemas"].items():
        yield from parts(schema, (name, ""))
    for item in document["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", ()):
                yield from parts(parameter["schema"], (None, parameter["name"]))


def parts(schema: Schema, occurrence: Occurrence) -> Iterator[tuple[Occurrence, Schema]]:
    """Yield a schema and all that it is made of."""
    yield occurrence, schema
    for name, field in schema.get("properties", {}).items():
        yield from parts(field, (occurrence[0], name))
    for word in ("anyOf", "oneOf", "allOf", "prefixItems"):
        for part in schema.get(word, ()):
            yield from parts(part, occurrence)
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            yield from parts(schema[word], occurrence)


def enum_name(uses: list[Occurrence], taken: set[str]) -> str:
    """Name an enum after the schema and the property that have it.

    `EventStatus` for what all kinds share, `MunitionCategory` for one schema's own, the property alone where unrelated
    schemas share it or only parameters have it.
    """
    owners = sorted({stem(owner) for owner, _ in uses if owner is not None}, key=len)
    field = next(field for owner, field in uses if owner is not None or not owners)
    word = camel(field.removesuffix("s") if field in PLURAL else field)
    if owners and all(owners[0] in owner for owner in owners):
        name = owners[0] + word
    elif owners and KIND_SCHEMAS.issuperset(owners):
        name = "Event" + word
    else:
        name = word
    name = PREFERRED.get(name, name)
    return next(each for each in (name, *(f"{name}{n}" for n in range(2, 1000))) if each not in taken)


def stem(owner: str) -> str:
    """The name of a schema without what tells input, output and a kind's own part apart."""
    for suffix in SUFFIXES:
        owner = owner.removesuffix(suffix)
    return owner


def camel(name: str) -> str:
    """`TimePrecision` for `time_precision`."""
    return "".join(part[:1].upper() + part[1:] for part in name.replace(".", "_").split("_"))


def share_parameters(operations: list[dict[str, Any]]) -> dict[str, Any]:
    """Give parameters that several operations have one component each; return these."""
    lists = [operation["parameters"] for operation in operations if "parameters" in operation]
    return move_to(lists, lambda parameter: str(parameter["name"]))


def share_problems(operations: list[dict[str, Any]]) -> dict[str, Any]:
    """Give refusals that several operations have one component each; return these."""
    lists = [operation["responses"] for operation in operations]
    return move_to(lists, problem_name)


def problem_name(response: dict[str, Any]) -> str | None:
    """`UnauthorizedOrForbidden`: after the problems that a response may be, None for what is no refusal."""
    slugs = response.get("content", {}).get("application/problem+json", {}).get("examples", ())
    return "Or".join(camel(slug.replace("-", "_")) for slug in slugs) or None


def move_to(holders: list[Any], name_of: Callable[[dict[str, Any]], str | None]) -> dict[str, Any]:
    """Replace values that are equal in several lists or mappings by references to a component."""
    room = "parameters" if holders and isinstance(holders[0], list) else "responses"
    places = [
        (holder, key)
        for holder in holders
        for key in (range(len(holder)) if isinstance(holder, list) else list(holder))
    ]
    texts = [json.dumps(holder[key], sort_keys=True) for holder, key in places]
    counts = Counter(texts)
    names: dict[str, str] = {}
    shared: dict[str, Any] = {}
    for text, (holder, key) in zip(texts, places, strict=True):
        wanted = name_of(holder[key])
        if wanted is None or counts[text] == 1:
            continue
        if text not in names:
            name = next(n for n in (wanted, *(f"{wanted}_{i}" for i in range(2, 1000))) if n not in shared)
            names[text], shared[name] = name, holder[key]
        holder[key] = {"$ref": f"#/components/{room}/{names[text]}"}
    return dict(sorted(shared.items()))
