"""One operation of the document, from what its route says."""

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel

from app.openapi.headers import response_headers
from app.openapi.parameters import parameters
from app.openapi.problems import refusals_of
from app.openapi.routes import Call
from app.openapi.shapes import Shape, Shapes

JSON = "application/json"
REASONS = {200: "It went well.", 201: "It was made.", 202: "It will be done.", 204: "It is done.", 304: "Unchanged."}


def shapes_wanted(calls: Iterable[Call]) -> Iterator[Shape]:
    """Every type that these calls read or answer with."""
    for call in calls:
        if call.body is not None:
            yield call.body.body_schema, "validation"
        for said in call.answers.values():
            if said.get("model") is not None:
                yield said["model"], "serialization"


def operation(call: Call, shapes: Shapes) -> dict[str, Any]:
    """What the document says of one call."""
    told: dict[str, Any] = {
        "tags": [call.tag],
        "operationId": call.name,
        "summary": call.name.replace("_", " ").capitalize(),
        "description": call.text,
        "security": security(call),
    }
    if found := parameters(call):
        told["parameters"] = found
    if call.body is not None:
        schema = shapes.of(call.body.body_schema, "validation")
        content = {media: {"schema": schema} for media in call.body.body_media}
        told["requestBody"] = {"required": not call.body.body_optional, "content": content}
    told["responses"] = {**answers(call, shapes), **refusals_of(call)}
    return told


def security(call: Call) -> list[dict[str, list[str]]]:
    """The scope that a key must have; an empty choice where none is needed."""
    if call.needs is None:
        return []
    scopes = [] if call.needs.scope is None else [str(call.needs.scope)]
    return [{"bearer": scopes}, *([{}] if call.needs.anonymous else [])]


def answers(call: Call, shapes: Shapes) -> dict[str, Any]:
    """The answers below 400."""
    return {str(status): answer(call, status, said, shapes) for status, said in call.answers.items()}


def answer(call: Call, status: int, said: dict[str, Any], shapes: Shapes) -> dict[str, Any]:
    """One answer: its meaning, header fields and content."""
    told: dict[str, Any] = {"description": said.get("description") or meaning(said) or REASONS[status]}
    if fields := response_headers(call.name, status):
        told["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in fields}
    content = dict(said.get("content", {}))
    if said.get("model") is not None:
        content = {JSON: {"schema": shapes.of(said["model"], "serialization")}} | content
    return {**told, "content": content} if content else told


def meaning(said: dict[str, Any]) -> str:
    """The docstring of the answer's model."""
    model = said.get("model")
    return (model.__doc__ or "").strip() if isinstance(model, type) and issubclass(model, BaseModel) else ""
