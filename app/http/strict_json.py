"""Strict reading of JSON: one value in UTF-8, no key twice, nothing that the databases or the answers cannot hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from app.errors import FieldError, Invalid, Malformed

MAX_DEPTH = 32
MAX_ERRORS = 100
INT64 = range(-(2**63), 2**63)

# What may stand for a control character or half a surrogate pair once escapes are read; may find too much.
SUSPECT_ESCAPE = re.compile(r"\\(?:u00[01789]|u[dD]|[bfnrt])")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
CONTROL_IN_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
SURROGATE = re.compile(r"[\ud800-\udfff]")


class SuspectNumber(Exception):
    """A number to look at more closely, with its place in the document."""


class UnreadableNumber:
    """Stands where a number was that does not fit."""


UNREADABLE_VALUE: Final = UnreadableNumber()


def parse_json(raw: bytes, *, lines: bool = False, faults: list[FieldError] | None = None) -> object:
    """The value that the bytes hold; with `lines` its strings, but no keys, may have line feeds and tabs.

    Raises Malformed (400) for what is not JSON in UTF-8, for a byte order mark, a key twice in one object, more than
    32 levels, NaN and Infinity; else Invalid (422) with pointers for numbers beyond int64 or a double, lone
    surrogates, and control characters in strings or keys. Where `faults` is given, those of the second sort are added
    to it instead, and the caller must not use what they are about.
    """
    text = decode(raw)
    try:
        value = read(FAST, text)
        suspect = may_hold_bad_text(raw, text)
    except SuspectNumber:
        value = read(CAREFUL, text)
        suspect = True
    if text.count("[") + text.count("{") > MAX_DEPTH and is_too_deep(value):
        raise too_deep()
    if suspect:
        found = list(bad_values(value, "", CONTROL_IN_LINES if lines else CONTROL))
        if faults is not None:
            faults += found
        elif found:
            raise Invalid("The body has values that cannot be stored; see errors.", errors=found[:MAX_ERRORS])
    return value


def decode(raw: bytes) -> str:
    """The text of the body: UTF-8 without a byte order mark."""
    if raw.startswith(b"\xef\xbb\xbf"):
        raise Malformed("The body starts with a byte order mark; send plain UTF-8.")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Malformed("The body is not UTF-8.") from None


def read(decoder: json.JSONDecoder, text: str) -> object:
    """The value of one JSON text."""
    try:
        return decoder.decode(text)
    except json.JSONDecodeError as error:
        raise Malformed(f"The body is not JSON: {error.msg}, line {error.lineno} column {error.colno}.") from None
    except RecursionError:
        raise too_deep() from None


def too_deep() -> Malformed:
    """Refuse what is nested too deeply."""
    return Malformed(f"The body is nested more than {MAX_DEPTH} levels deep.")


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, none of whose keys is given twice."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("The body has an object that gives the same key twice.")
    return members


def reject_constant(name: str) -> object:
    """NaN and the infinities are not JSON."""
    raise Malformed(f"The body is not JSON: {name} is no JSON number.")


def read_int(digits: str) -> int:
    """An integer that surely fits into 64 bits."""
    if len(digits) > 18:
        raise SuspectNumber
    return int(digits)


def read_float(digits: str) -> float:
    """A number that fits into a double."""
    number = float(digits)
    if number - number != 0:
        raise SuspectNumber
    return number


def read_any_int(digits: str) -> int | UnreadableNumber:
    """An integer of 64 bits, or the sign that it was none."""
    return int(digits) if len(digits) <= 20 and int(digits) in INT64 else UNREADABLE_VALUE


def read_any_float(digits: str) -> float | UnreadableNumber:
    """A finite number, or the sign that it was none."""
    number = float(digits)
    return number if number - number == 0 else UNREADABLE_VALUE


FAST = json.JSONDecoder(
    object_pairs_hook=unique, parse_int=read_int, parse_float=read_float, parse_constant=reject_constant
)
CAREFUL = json.JSONDecoder(
    object_pairs_hook=unique, parse_int=read_any_int, parse_float=read_any_float, parse_constant=reject_constant
)


def is_too_deep(value: object) -> bool:
    """Whether arrays and objects are nested beyond the limit."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for node in level
            for child in (node.values() if type(node) is dict else node)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return False
    return True


def may_hold_bad_text(raw: bytes, text: str) -> bool:
    """Whether a closer look at the strings is needed: a cheap test that errs to the safe side."""
    if b"\\" in raw and SUSPECT_ESCAPE.search(text):
        return True
    return (b"\xc2" in raw or b"\x7f" in raw) and bool(CONTROL.search(text))


def bad_values(value: object, pointer: str, control: re.Pattern[str]) -> Iterator[FieldError]:
    """What cannot be stored at or below a pointer. A bad key is reported at its object, so that it is not repeated."""
    if isinstance(value, dict):
        for key, member in value.items():
            bad_key = fault_of_text(key, pointer, "key", CONTROL)
            if bad_key is not None:
                yield bad_key
            else:
                yield from bad_values(member, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}", control)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from bad_values(member, f"{pointer}/{index}", control)
    elif isinstance(value, str):
        bad_text = fault_of_text(value, pointer, "string", control)
        if bad_text is not None:
            yield bad_text
    elif isinstance(value, UnreadableNumber):
        yield FieldError("range", "The number is too large: integers have 64 bits, others are doubles.", pointer)


def fault_of_text(text: str, pointer: str, what: str, control: re.Pattern[str]) -> FieldError | None:
    """What is wrong with the characters of a key or a string."""
    if SURROGATE.search(text):
        return FieldError("surrogate", f"A {what} has half a surrogate pair.", pointer)
    if control.search(text):
        return FieldError("control-character", f"A {what} has a control character.", pointer)
    return None
