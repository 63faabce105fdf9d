"""Derives one operation of the document from what its route says; nothing is listed here by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel

from app.auth.feed_token_middleware import takes_token
from app.errors import Unauthorized
from app.http import Body
from app.kinds import EventOut
from app.openapi.headers import response_headers
from app.openapi.media_examples import MEDIA, REQUESTS, RESPONSES, Media, reference_examples
from app.openapi.parameters import parameters
from app.openapi.problems import document_problems
from app.openapi.route_facts import Operation
from app.openapi.schemas import SchemaRegistry, SchemaType

JSON = "application/json"
QUOTA = ("RateLimit", "RateLimit-Policy")
REASONS = {200: "The answer.", 201: "The new thing.", 202: "It will be done.", 204: "It is done.", 304: "Unchanged."}
EVENT = {200: "The event as it stands.", 201: "The new event."}


def used_schemas(calls: Iterable[Operation]) -> Iterator[SchemaType]:
    """Every type that these calls read or answer with."""
    for call in calls:
        if call.body is not None:
            yield call.body.body_schema, "validation"
        for said in call.answers.values():
            if said.get("model") is not None:
                yield said["model"], "serialization"
        for media in MEDIA.get(call.name, {}).values():
            yield from ((shape, "serialization") for shape in media if shape is not None)


def operation(call: Operation, shapes: SchemaRegistry) -> dict[str, Any]:
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
        told["requestBody"] = request_body(call, call.body, shapes)
    told["responses"] = {**responses(call, shapes), **document_problems(call)}
    return told


def request_body(call: Operation, body: Body[Any], shapes: SchemaRegistry) -> dict[str, Any]:
    """What the call reads, in the media type it prefers: generators break on two media types of one body."""
    told: dict[str, Any] = {"schema": shapes.of(body.body_schema, "validation")}
    if call.name in REQUESTS:
        told["examples"] = reference_examples(REQUESTS[call.name]())
    return {"required": not body.body_optional, "content": {body.body_media[0]: told}}


def security(call: Operation) -> list[dict[str, list[str]]]:
    """The scope that a key must have; an empty choice where none is needed."""
    if call.needs is None:
        return [{"bearer": []}, {}] if Unauthorized in call.problems else []
    scopes = [] if call.needs.scope is None else [str(call.needs.scope)]
    in_address = [{"feedToken": list[str]()}] if takes_token(call.path) else []
    return [{"bearer": scopes}, *in_address, *([{}] if call.needs.anonymous else [])]


def responses(call: Operation, shapes: SchemaRegistry) -> dict[str, Any]:
    """The answers below 400."""
    return {str(status): response(call, status, said, shapes) for status, said in call.answers.items()}


def response(call: Operation, status: int, said: dict[str, Any], shapes: SchemaRegistry) -> dict[str, Any]:
    """One answer: its meaning, header fields and content."""
    told: dict[str, Any] = {
        "description": said.get("description") or describe_response(status, said) or REASONS[status]
    }
    fields = (*response_headers(call.name, status), *(QUOTA if call.needs is not None else ()))
    if fields:
        told["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in fields}
    if content := contents(call, status, said, shapes):
        told["content"] = content
    return told


def contents(call: Operation, status: int, said: dict[str, Any], shapes: SchemaRegistry) -> dict[str, Any]:
    """The media types of an answer, each with its schema and examples."""
    found: dict[str, dict[str, Any]] = {}
    if said.get("model") is not None:
        found[JSON] = {"schema": shapes.of(said["model"], "serialization")}
    if status == call.success:
        others = dict.fromkeys(said.get("content", {}), Media()) | MEDIA.get(call.name, {})
        found |= {media: {"schema": other(shape, shapes)} for media, shape in others.items()}
    for media, told in found.items():
        if (call.name, media) in RESPONSES:
            told["examples"] = reference_examples(RESPONSES[call.name, media]())
    return found


def other(media: Media, shapes: SchemaRegistry) -> dict[str, Any]:
    """The schema of what is no plain JSON; `x-item-schema` tells what a stream of text is made of."""
    if media.whole is not None:
        return shapes.of(media.whole, "serialization")
    if media.each is None:
        return {"type": "string"}
    return {"type": "string", "x-item-schema": shapes.of(media.each, "serialization")}


def describe_response(status: int, said: dict[str, Any]) -> str:
    """What the answer's model is, in a sentence."""
    model = said.get("model")
    if model is EventOut:
        return EVENT[status]
    return (model.__doc__ or "").strip() if isinstance(model, type) and issubclass(model, BaseModel) else ""
