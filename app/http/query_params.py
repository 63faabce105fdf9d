"""Strict reading of query strings: every name known, single values single, integers plain, text in UTF-8."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from functools import cache
from typing import Annotated, Any, Generic, Literal, TypeVar, Union, get_args, get_origin
from urllib.parse import unquote_to_bytes

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from app.errors import FieldError, Invalid

M = TypeVar("M", bound=BaseModel)

BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
INTEGER = re.compile(r"-?[0-9]{1,19}")
NUMBER = re.compile(r"-?[0-9]{1,19}(\.[0-9]{1,19})?([eE][+-]?[0-9]{1,3})?")
BOOLEAN = re.compile("true|false")
FORMS = {
    frozenset({int}): INTEGER,
    frozenset({float}): NUMBER,
    frozenset({int, float}): NUMBER,
    frozenset({bool}): BOOLEAN,
}
EXPECTED = {INTEGER: "an integer of at most 19 digits", NUMBER: "a number", BOOLEAN: "true or false"}
INT64 = range(-(2**63), 2**63)
SHOWN = 100  # characters of an unknown name in the answer

CODES = {
    "missing": "missing",
    "literal_error": "enum",
    "enum": "enum",
    "string_type": "type",
    "list_type": "type",
    "greater_than": "range",
    "greater_than_equal": "range",
    "less_than": "range",
    "less_than_equal": "range",
    "string_too_short": "too-short",
    "string_too_long": "too-long",
    "too_short": "too-short",
    "too_long": "too-long",
    "string_pattern_mismatch": "pattern",
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """How one name of a query is read."""

    repeatable: bool
    form: re.Pattern[str] | None
    allowed: tuple[str, ...] | None


@dataclass(frozen=True)
class Query(Generic[M]):
    """A FastAPI dependency: the query string as an instance of `query_model`, or 422."""

    query_model: type[M]

    async def __call__(self, request: Request) -> M:
        return read_query(request.scope["query_string"], self.query_model)


def query(model: type[M]) -> Query[M]:
    """The dependency that reads the whole query string as this model."""
    return Query(model)


class Nothing(BaseModel):
    """No query parameters."""

    model_config = ConfigDict(extra="forbid")


NoQuery = Annotated[Nothing, Depends(query(Nothing))]


def read_query(raw: bytes, model: type[M]) -> M:
    """The query string as an instance of the model, whose list-typed fields may be repeated.

    Only the names that are present are handed to the model, as strings or lists of strings (so declare it lax).
    Raises Invalid (422) with the `parameter` of each fault.
    """
    if not raw:
        return validate({}, model)
    parameters = parameters_of(model)
    values: dict[str, Any] = {}
    errors: list[FieldError] = []
    for name, value in query_pairs(raw):
        known = parameters.get(name)
        if known is None:
            errors.append(unknown_parameter(name, parameters))
            continue
        fault = value_error(name, value, known)
        if fault is not None:
            errors.append(fault)
        elif known.repeatable:
            values.setdefault(name, []).append(value)
        elif name in values:
            errors.append(FieldError("repeated", "This parameter may be given once only.", parameter=name))
        else:
            values[name] = value
    if errors:
        raise field_errors_problem(errors)
    return validate(values, model)


def query_pairs(raw: bytes) -> list[tuple[str, str]]:
    """Names and values in their order; raises Invalid (422) for broken percent signs and what is not UTF-8."""
    return [read_pair(part) for part in raw.split(b"&") if part]


def read_pair(part: bytes) -> tuple[str, str]:
    """One `name=value`."""
    raw_name, _, raw_value = part.partition(b"=")
    name = read_text(raw_name)
    if name is None:
        shown = unquote_to_bytes(raw_name).decode(errors="replace")[:SHOWN]
        raise field_errors_problem([FieldError("encoding", "The name is not percent-encoded UTF-8.", parameter=shown)])
    value = read_text(raw_value)
    if value is None:
        raise field_errors_problem(
            [FieldError("encoding", "The value is not percent-encoded UTF-8.", parameter=name[:SHOWN])]
        )
    return name, value


def read_text(raw: bytes) -> str | None:
    """The text of a name or value, None if it has none."""
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    if b"%" in raw:
        if BAD_ESCAPE.search(raw):
            return None
        raw = unquote_to_bytes(raw)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def field_errors_problem(errors: Iterable[FieldError]) -> Invalid:
    """The refusal of a query string."""
    return Invalid("The query string is not valid; see errors.", errors=tuple(errors))


def unknown_parameter(name: str, known: Iterable[str]) -> FieldError:
    """The fault of a name that the call does not have."""
    near = get_close_matches(name[:SHOWN], list(known), n=1, cutoff=0.6)
    hint = f" Did you mean {near[0]}?" if near else ""
    return FieldError("unknown-parameter", f"This call has no such parameter.{hint}", parameter=name[:SHOWN])


def value_error(name: str, value: str, known: Parameter) -> FieldError | None:
    """What is wrong with a value before the model sees it."""
    if not value:
        return FieldError("empty", "The value is empty; leave the parameter out instead.", parameter=name)
    if CONTROL.search(value):
        return FieldError("control-character", "The value has a control character.", parameter=name)
    if known.form is None:
        return None
    if not known.form.fullmatch(value):
        return FieldError("type", f"Give {EXPECTED[known.form]}.", parameter=name)
    if known.form is INTEGER and int(value) not in INT64:
        return FieldError("range", "The integer has more than 64 bits.", parameter=name)
    return None


def validate(values: dict[str, Any], model: type[M]) -> M:
    """The model made of these values; its faults as parameters."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
    raise field_errors_problem(translate(fault, parameters_of(model)) for fault in faults)


def translate(fault: ErrorDetails, parameters: dict[str, Parameter]) -> FieldError:
    """A fault that the model found. A validator of several fields names one by the context key `parameter`."""
    context = fault.get("ctx", {})
    name = str(fault["loc"][0]) if fault["loc"] else str(context.get("parameter", ""))
    allowed = context.get("allowed") or (parameters[name].allowed if name in parameters else None)
    cause = context.get("error")
    if cause is not None and hasattr(cause, "code"):
        return FieldError(str(cause.code), str(cause), parameter=name, allowed=allowed)
    code = CODES.get(fault["type"], fault["type"].replace("_", "-"))
    detail = fault["msg"].removeprefix("Value error, ").removesuffix(".") + "."
    if "allowed" in context:
        return FieldError(code, detail, parameter=name, allowed=allowed)
    if code != "enum":
        return FieldError(code, detail, parameter=name)
    return FieldError(code, "That value is not in the vocabulary.", parameter=name, allowed=allowed)


@cache
def parameters_of(model: type[BaseModel]) -> dict[str, Parameter]:
    """The parameters that a model declares, by the name in the query string."""
    return {
        field.validation_alias if isinstance(field.validation_alias, str) else name: parameter_of(field.annotation)
        for name, field in model.model_fields.items()
    }


def parameter_of(annotation: Any) -> Parameter:
    """How a field of this type is read."""
    leaves = list(leaves_of(annotation))
    words = tuple(leaf for leaf in leaves if isinstance(leaf, str))
    return Parameter(is_repeatable(annotation), FORMS.get(frozenset(leaves)), words or None)


def is_repeatable(annotation: Any) -> bool:
    """Whether the type, or one of its alternatives, is a list."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return is_repeatable(arguments[0])
    if origin in {Union, types.UnionType}:
        return any(is_repeatable(argument) for argument in arguments)
    return origin in {list, set, frozenset} or (origin is tuple and arguments[1:] == (...,))


def leaves_of(annotation: Any) -> Iterator[Any]:
    """The scalar types, and the words of vocabularies, that a type is made of; None does not count."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from leaves_of(arguments[0])
    elif origin is Literal:
        yield from arguments
    elif origin is not None:
        for argument in arguments:
            yield from leaves_of(argument)
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        yield from (member.value for member in annotation)
    elif annotation not in {type(None), ...}:
        yield annotation
