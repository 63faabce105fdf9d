"""What is refused in an event, and under which code: one list, and the way from pydantic's words to ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from app.errors import FieldError

MAX_ERRORS = 100

CODES = {
    "admin1": "Not an ISO 3166-2 code, or not one of the location's country.",
    "bic": "Not a bank identifier (ISO 9362).",
    "control-character": "A control character; only texts of several lines may have line feeds and tabs.",
    "country": "Not a code of ISO 3166-1, ISO 3166-3 or XK (EU only where it can act).",
    "currency": "Not a code of ISO 4217, today's or withdrawn, nor BTC, ETH or USDT.",
    "date": "Not a calendar date YYYY-MM-DD between 1900 and 2200.",
    "decoys-exceed-launched": "More decoys than munitions launched.",
    "duplicate": "The same entry twice.",
    "end-before-start": "The end lies before the start.",
    "enum": "Not a word of the vocabulary; `allowed` lists it.",
    "imo": "Not an IMO ship number, or a wrong check digit.",
    "instant": "Not an RFC 3339 instant with at most 9 fractional digits, nor a day where days are precise enough.",
    "json": "Not a value that JSON can hold.",
    "language": "Not an ISO 639-1 code, nor one of ISO 639-3 for a language that has none there.",
    "legal-act": "Looks like a CELEX number, but is none.",
    "losses-exceed-launched": "More munitions exactly lost than exactly launched.",
    "missing": "A required value is absent.",
    "no-source": "An event needs a source.",
    "offset-missing": "An instant without its offset from UTC.",
    "order": "Not low <= best <= high.",
    "pair": "The two values do not go together.",
    "pattern": "Not of the required form.",
    "pledgers": "More guarantors are named than the pledgers counted at most.",
    "qualifier": "An estimate without any number is of unknown quality.",
    "range": "Outside the permitted range.",
    "stage-date": "The stage of a sanction move contradicts a date or a measure's status.",
    "timezone": "Not a time zone of the IANA database.",
    "too-long": "Longer than permitted.",
    "too-short": "Shorter than permitted.",
    "type": "A value of another JSON type is required.",
    "unknown-field": "No such field; `allowed` lists those that there are.",
    "unknown-actor": "Losses of somebody who is not among the event's actors.",
    "url": "Not an http or https address with a host.",
    "uuid": "Not a UUID.",
}

PYDANTIC = {
    "extra_forbidden": "unknown-field",
    "literal_error": "enum",
    "missing": "missing",
    "string_pattern_mismatch": "pattern",
    "string_too_long": "too-long",
    "too_long": "too-long",
    "string_too_short": "too-short",
    "too_short": "too-short",
    "finite_number": "range",
    "greater_than": "range",
    "greater_than_equal": "range",
    "less_than": "range",
    "less_than_equal": "range",
}
DETAILS = {
    "extra_forbidden": "This field is unknown here.",
    "bool_type": "true or false is required.",
    "dict_type": "An object is required.",
    "float_type": "A number is required.",
    "int_from_float": "An integer is required.",
    "int_type": "An integer is required.",
    "list_type": "An array is required.",
    "literal_error": "The value is not in the vocabulary.",
    "missing": "This field is required.",
    "model_type": "An object is required.",
    "string_type": "A string is required.",
    "string_pattern_mismatch": "The string has not the required form.",
}
QUOTED = re.compile(r"'([^']*)'")


class ValueRefused(ValueError):
    """A value that a field cannot take: a code of `CODES` and a sentence that does not repeat the value."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def pointer(path: Sequence[str | int]) -> str:
    """An RFC 6901 JSON pointer; the empty path is the whole body, "".

    >>> pointer(["a/b", 0])
    '/a~1b/0'
    """
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def field_errors(refusal: ValidationError, model: type[BaseModel], base: str) -> list[FieldError]:
    """All that pydantic found, in the contract's words, pointers below `base`; at most the first 100."""
    found = refusal.errors(include_url=False, include_input=False)[:MAX_ERRORS]
    return [_translate(error, model, base) for error in found]


def _translate(error: Any, model: type[BaseModel], base: str) -> FieldError:
    kind, path = error["type"], error["loc"]
    where = base + pointer(path)
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, ValueRefused):
        return FieldError(cause.code, cause.detail, pointer=where)
    detail = DETAILS.get(kind, error["msg"] + ".")
    return FieldError(PYDANTIC.get(kind, "type"), detail, pointer=where, allowed=_allowed(error, model))


def _allowed(error: Any, model: type[BaseModel]) -> tuple[str, ...] | None:
    if error["type"] == "literal_error":
        return tuple(QUOTED.findall(error["ctx"]["expected"]))
    if error["type"] == "extra_forbidden":
        return _fields_at(model, error["loc"][:-1])
    return None


def _fields_at(model: type[BaseModel], path: Sequence[str | int]) -> tuple[str, ...]:
    """The names that an object at that place may hold."""
    for step in path:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        if isinstance(step, str) and step in fields:
            model = next(models_in(fields[step].annotation), model)
    return tuple(field.alias or name for name, field in model.model_fields.items())


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation such as `list[Row] | None` is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)
