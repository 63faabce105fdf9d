"""Refusals in the document: one shape for all, and which of them a call may answer with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.errors import (
    MEDIA_TYPE,
    PROBLEMS,
    DiskFull,
    Forbidden,
    HeadersTooLarge,
    IdempotencyMismatch,
    Internal,
    Invalid,
    Malformed,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    PreconditionRequired,
    Problem,
    RequestTimeout,
    SchemaMismatch,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
    UriTooLong,
    VersionMismatch,
)
from app.openapi.headers import request_headers
from app.openapi.route_facts import Operation

SCHEMA = {"$ref": "#/components/schemas/Problem"}
WORD = {"type": "string"}
ANYWHERE = (MethodNotAllowed, UriTooLong, HeadersTooLarge)

FAULT = {
    "type": "object",
    "description": "One fault, in the body or in the query.",
    "required": ["code", "detail", "allowed"],
    "properties": {
        "pointer": {**WORD, "description": "JSON pointer into the body; empty for the whole."},
        "parameter": {**WORD, "description": "The name in the query, in place of `pointer`."},
        "code": {**WORD, "description": "What is wrong, for programs.", "examples": ["missing", "range", "enum"]},
        "detail": {**WORD, "description": "What is wrong, for people. What was sent is not repeated."},
        "allowed": {
            "type": ["array", "null"],
            "items": WORD,
            "description": "The values that would do, where they can be listed.",
        },
    },
}
PROBLEM = {
    "type": "object",
    "description": "A refusal, as RFC 9457 writes it. `type` tells programs which; `detail` tells people why.",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {
            **WORD,
            "format": "uri-reference",
            "description": "Which problem it is.",
            "enum": [f"/problems/{slug}" for slug in PROBLEMS],
        },
        "title": {**WORD, "description": "The problem in a few words, always the same."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599, "description": "The HTTP status."},
        "detail": {**WORD, "description": "What happened this time."},
        "instance": {
            **WORD,
            "format": "uri-reference",
            "description": "This one request, as the server's log names it.",
        },
        "errors": {
            "type": "array",
            "items": {"$ref": "#/components/schemas/FieldError"},
            "description": "Each fault and its place, where faults have places.",
        },
        "existing": {
            "type": "object",
            "description": "With `duplicate-external-id`: the event that holds the external id.",
            "required": ["id", "version"],
            "properties": {"id": {**WORD, "format": "uuid"}, "version": {"type": "integer", "minimum": 1}},
        },
        "current": {"type": "integer", "description": "With `version-mismatch`: the event's version."},
        "tombstone": {
            "$ref": "#/components/schemas/Tombstone",
            "description": "With `deleted`: what is left of the event.",
        },
        "oldest": {**WORD, "description": "With `cursor-expired` and `cursor-epoch`: the oldest cursor that works."},
        "bootstrap": {
            **WORD,
            "format": "uri-reference",
            "description": "With `cursor-expired` and `cursor-epoch`: where to begin again.",
        },
    },
}
SCHEMAS = {"Problem": PROBLEM, "FieldError": FAULT}


def problems_of(call: Operation) -> list[type[Problem]]:
    """The refusals that a call may answer with, by status."""
    found = {*implied_problems(call), *call.problems}
    order = list(PROBLEMS.values())
    return sorted(found, key=lambda problem: (problem.status, order.index(problem)))


def implied_problems(call: Operation) -> Iterable[type[Problem]]:
    """The refusals that follow from what the call reads."""
    yield Internal
    if call.needs is not None:
        yield from (Unauthorized, TooManyRequests, Unavailable, SchemaMismatch)
        if call.needs.scope is not None:
            yield Forbidden
        if call.writes:
            yield DiskFull
    if call.query_model is not None:
        yield Invalid
    if call.path_parameters:
        yield NotFound
    if call.body is not None:
        yield from (Malformed, RequestTimeout, PayloadTooLarge, UnsupportedMediaType, Invalid)
    yield from of_headers(request_headers(call.name))


def of_headers(fields: dict[str, bool]) -> Iterable[type[Problem]]:
    """The refusals that follow from preconditions and idempotency keys."""
    if "Idempotency-Key" in fields:
        yield from (Malformed, IdempotencyMismatch)
    if "If-Match" in fields:
        yield from (Malformed, VersionMismatch)
        if fields["If-Match"]:
            yield PreconditionRequired


def document_problems(call: Operation) -> dict[str, dict[str, Any]]:
    """The refusals of a call as responses."""
    by_status: dict[int, list[type[Problem]]] = {}
    for problem in problems_of(call):
        by_status.setdefault(problem.status, []).append(problem)
    told = {str(status): response(problems) for status, problems in by_status.items()}
    return {**told, "default": {**response(list(ANYWHERE)), "description": "Any other refusal."}}


def response(problems: list[type[Problem]]) -> dict[str, Any]:
    """One status: what each of its problems means, and how it looks."""
    told: dict[str, Any] = {"description": "\n".join(f"- {line(problem)}" for problem in problems)}
    if len(problems) == 1:
        told["description"] = line(problems[0])
    fields = dict.fromkeys(name for problem in problems for name in headers_of(problem))
    if fields:
        told["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in fields}
    examples = {problem.slug: {"$ref": f"#/components/examples/{problem.slug}"} for problem in problems}
    return {**told, "content": {MEDIA_TYPE: {"schema": SCHEMA, "examples": examples}}}


def line(problem: type[Problem]) -> str:
    """A problem in a sentence."""
    return f"`{problem.slug}`: {(problem.__doc__ or problem.title).strip()}"


def headers_of(problem: type[Problem]) -> Iterable[str]:
    """The header fields that come with a problem."""
    yield from problem.usual_headers
    if problem is TooManyRequests:
        yield from ("Retry-After", "RateLimit", "RateLimit-Policy")
    if problem is UnsupportedMediaType:
        yield "Accept"
