"""A subscription's filter: the query's names as a JSON object, read as strictly and kept as it was sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError

from app.errors import FieldError, Invalid
from app.events.read.conditions import CONDITIONS
from app.events.read.filter import ChangeFilter
from app.events.read.filter_parsers import STORED
from app.http.query_params import INTEGER, NUMBER, Parameter, parameters_of, translate
from app.kinds.base import integral
from app.kinds.field_errors import pointer

MAX_BYTES = 2048
ARRAYS = {name: count for condition in CONDITIONS for name, count in condition.arrays.items()}
BASE = "/filter"


class Filter(NamedTuple):
    """The parameters of a filter, and the JSON object that is stored and shown."""

    params: ChangeFilter
    document: dict[str, Any]


def read_filter(data: object) -> Filter:
    """The filter in a JSON value; raises Invalid with a pointer below `/filter` for each fault.

    A repeatable name takes a string or an array of strings and is kept as an array; numbers are JSON numbers, `bbox`
    and `near` arrays of numbers. `{}` is every change.
    """
    if not isinstance(data, dict):
        raise invalid_filter([FieldError("type", "A filter is an object.", pointer=BASE)])
    if len(orjson.dumps(data)) > MAX_BYTES:
        raise invalid_filter([FieldError("too-long", f"A filter has at most {MAX_BYTES} bytes.", pointer=BASE)])
    return check_filter(data)


def check_filter(data: dict[str, Any], context: str | None = None) -> Filter:
    """The filter in a JSON object of any length: as arrays it may be longer than it was as single strings."""
    known = parameters_of(ChangeFilter)
    whole = {name for name in data if name in known and known[name].form is INTEGER}
    data = {name: integral(value) if name in whole else value for name, value in data.items()}
    faults = [fault for name, value in data.items() for fault in faults_of(name, value, known)]
    if faults:
        raise invalid_filter(faults)
    document = {name: [value] if is_single(value, known[name]) else value for name, value in data.items()}
    try:
        return Filter(ChangeFilter.model_validate(document, context=context), document)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise invalid_filter([relocate_error(translate(fault, known), fault["loc"], data) for fault in found]) from None


def is_single(value: Any, parameter: Parameter) -> bool:
    """One string stands where an array may."""
    return parameter.repeatable and not isinstance(value, list)


def invalid_filter(faults: list[FieldError]) -> Invalid:
    """The refusal of a filter."""
    return Invalid("The filter was refused; see errors.", errors=faults)


def relocate_error(fault: FieldError, path: tuple[int | str, ...], data: dict[str, Any]) -> FieldError:
    """A fault that was found as a parameter's, at its place in the body as it was sent."""
    name = fault.parameter or ""
    steps = [step for step in path if isinstance(step, int)] if isinstance(data.get(name), list) else []
    return replace(fault, parameter=None, pointer=BASE + pointer([name, *steps]))


def faults_of(name: str, value: Any, known: dict[str, Parameter]) -> list[FieldError]:
    """What is wrong with the JSON type of one name's value."""
    place, parameter = BASE + pointer([name]), known.get(name)
    if parameter is None:
        return [FieldError("unknown-field", "A filter has no such name.", pointer=place, allowed=tuple(known))]
    number = number_fault(name, value, parameter)
    if number is not None:
        return [FieldError("type", number, pointer=place)]
    if name in ARRAYS or parameter.form in {INTEGER, NUMBER}:
        return []
    if not (parameter.repeatable and isinstance(value, list)):
        return text_fault(value, place)
    if not value:
        return [FieldError("too-short", "The array is empty; leave the name out instead.", pointer=place)]
    return [fault for n, item in enumerate(value) for fault in text_fault(item, f"{place}/{n}")]


def number_fault(name: str, value: Any, parameter: Parameter) -> str | None:
    """The sentence about a value that should be a number, or numbers, and is not."""
    if name in ARRAYS:
        good = isinstance(value, list) and len(value) == ARRAYS[name] and all(map(is_number, value))
        return None if good else f"An array of {ARRAYS[name]} numbers is required."
    if parameter.form is INTEGER and type(value) is not int:
        return "An integer is required."
    if parameter.form is NUMBER and not is_number(value):
        return "A number is required."
    return None


def text_fault(value: Any, place: str) -> list[FieldError]:
    """A string that is not empty is required."""
    if not isinstance(value, str):
        return [FieldError("type", "A string is required.", pointer=place)]
    return [] if value else [FieldError("empty", "The value is empty; leave the name out instead.", pointer=place)]


def is_number(value: Any) -> bool:
    """A JSON number; true and false are none."""
    return type(value) in {int, float}


def stored_filter(text: str) -> ChangeFilter:
    """The filter of a stored subscription; a code that is no longer known finds nothing and stops nobody."""
    return check_filter(orjson.loads(text), STORED).params
