"""Tells what the API document breaks for clients made from an earlier one: `python tests/api_changes.py OLD NEW`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

METHODS = ("get", "put", "post", "delete", "patch", "head")
Schema = Mapping[str, Any]


def main() -> int:
    """Print a line for each break; the status is 1 if there is one."""
    old, new = (json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:3])
    found = list(breaks(old, new))
    for line in found:
        print(line)  # noqa: T201
    return 1 if found else 0


def breaks(old: Schema, new: Schema) -> list[str]:
    """Every break, each once: `GET /v1/events: the parameter kind is gone.`"""
    lines = [
        f"{method.upper()} {path}: {what}"
        for path, known in old["paths"].items()
        for method, operation in known.items()
        if method in METHODS
        for what in operation_breaks(Resolved(old, operation), Resolved(new, new["paths"].get(path, {}).get(method)))
    ]
    return list(dict.fromkeys(lines))


class Resolved:
    """A part of a document, with its references followed."""

    def __init__(self, document: Schema, part: Any) -> None:
        self.document = document
        while isinstance(part, Mapping) and "$ref" in part:
            found: Any = document
            for step in part["$ref"].removeprefix("#/").split("/"):
                found = found[step.replace("~1", "/").replace("~0", "~")]
            part = found
        self.part = part

    def get(self, *steps: str) -> Resolved:
        """The part below; an empty one where there is none."""
        here = self
        for step in steps:
            here = Resolved(self.document, (here.part or {}).get(step) or {})
        return here

    def items(self) -> Iterator[tuple[str, Resolved]]:
        """What is below, by name."""
        return ((name, Resolved(self.document, part)) for name, part in (self.part or {}).items())

    def options(self) -> list[Resolved]:
        """What a schema may be: its alternatives, or itself."""
        listed = self.part.get("anyOf") or self.part.get("oneOf") or [self.part]
        return [Resolved(self.document, option) for option in listed]

    def types(self) -> set[str]:
        """The JSON types of a schema; an empty set permits all."""
        named = [option.part.get("type", ()) for option in self.options()]
        if () in named:
            return set()
        return {name for type_ in named for name in ([type_] if isinstance(type_, str) else type_)}


def operation_breaks(old: Resolved, new: Resolved) -> Iterator[str]:
    """What of a call breaks."""
    if new.part is None:
        yield "the call is gone."
        return
    yield from parameter_breaks(parameters(old), parameters(new))
    yield from body_breaks(old.get("requestBody"), new.get("requestBody"))
    for status, response in old.get("responses").items():
        if status in new.get("responses").part:
            yield from answer_breaks(response.get("content"), new.get("responses", status, "content"), status)
        elif status.startswith("2"):
            yield f"the answer {status} is gone."


def parameter_breaks(before: Mapping[str, Resolved], after: Mapping[str, Resolved]) -> Iterator[str]:
    """What of the query, the path and the header fields breaks."""
    yield from (f"the parameter {name} is gone." for name in before.keys() - after.keys())
    for name, parameter in after.items():
        if parameter.part.get("required") and not (name in before and before[name].part.get("required")):
            yield f"the parameter {name} is required now."
        if name in before:
            yield from input_breaks(before[name].get("schema"), parameter.get("schema"), f"the parameter {name}")


def body_breaks(old: Resolved, new: Resolved) -> Iterator[str]:
    """What of the body that a call takes breaks."""
    if not old.part and new.part.get("required"):
        yield "a body is required now."
    for media, body in old.get("content").items():
        if media in new.get("content").part:
            yield from input_breaks(body.get("schema"), new.get("content", media, "schema"), "the body")
        else:
            yield f"a body of {media} is not taken any more."


def answer_breaks(old: Resolved, new: Resolved, status: str) -> Iterator[str]:
    """What of an answer breaks."""
    for media, body in old.items():
        if media in new.part:
            yield from output_breaks(body.get("schema"), new.get(media, "schema"), f"the answer {status}")
        else:
            yield f"the answer {status} is not {media} any more."


def parameters(operation: Resolved) -> dict[str, Resolved]:
    """The parameters of a call by name."""
    known = (Resolved(operation.document, parameter) for parameter in operation.part.get("parameters", ()))
    return {parameter.part["name"]: parameter for parameter in known}


def input_breaks(old: Resolved, new: Resolved, where: str, seen: tuple[int, ...] = ()) -> Iterator[str]:
    """What was taken and is refused now."""
    if id(old.part) in seen:
        return
    seen = (*seen, id(old.part))
    if new.types() and (gone := old.types() - new.types() or (set() if old.types() else {"any value"})):
        yield f"{where} may not be {' or '.join(sorted(gone))} any more."
    if lost := values(old) - values(new) if values(new) else set():
        yield f"{where} may not be {', '.join(sorted(lost))} any more."
    for before, after in paired(old, new):
        for name in before.get("properties").part.keys() - after.get("properties").part.keys():
            yield f"{where} may not have {name} any more."
        for name in set(after.part.get("required", ())) - set(before.part.get("required", ())):
            yield f"{where} must have {name} now."
        yield from below(before, after, where, seen, input_breaks)


def output_breaks(old: Resolved, new: Resolved, where: str, seen: tuple[int, ...] = ()) -> Iterator[str]:
    """What was promised and is not any more."""
    if id(old.part) in seen:
        return
    seen = (*seen, id(old.part))
    if old.types() and (added := new.types() - old.types() or (set() if new.types() else {"any value"})):
        yield f"{where} may be {' or '.join(sorted(added))} now."
    for before, after in paired(old, new):
        for name in set(before.part.get("required", ())) - set(after.part.get("required", ())):
            yield f"{where} need not have {name} any more."
        yield from below(before, after, where, seen, output_breaks)


def values(schema: Resolved) -> set[str]:
    """The values of a vocabulary; an empty set where it is open."""
    listed = [option.part["enum"] for option in schema.options() if "enum" in option.part]
    closed = all("enum" in option.part or option.part.get("type") == "null" for option in schema.options())
    return {str(value) for enum in listed for value in enum} if closed else set()


def paired(old: Resolved, new: Resolved) -> Iterator[tuple[Resolved, Resolved]]:
    """Alternatives that answer to each other: by title, else the only object or array of either."""
    for before in old.options():
        alike = [after for after in new.options() if after.part.get("type") == before.part.get("type")]
        named = [after for after in alike if after.part.get("title") == before.part.get("title")]
        if len(named or alike) == 1:
            yield before, (named or alike)[0]


def below(before: Resolved, after: Resolved, where: str, seen: tuple[int, ...], compare: Any) -> Iterator[str]:
    """The same for the fields and items."""
    known = after.get("properties").part
    for name, field in before.get("properties").items():
        if name in known:
            yield from compare(field, after.get("properties", name), f"{where}, {name}", seen)
    if before.get("items").part and after.get("items").part:
        yield from compare(before.get("items"), after.get("items"), f"{where}[]", seen)


if __name__ == "__main__":
    sys.exit(main())
