"""Strings: how names compare, and the string types that fields are made of."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema

from app.kinds.field_errors import ValueRefused
from app.kinds.line_endings import clean_line, clean_lines, is_stored

MAX_FOLDED_BYTES = 1_000
ALWAYS_FITS = 18  # characters: one folds to at most 18 (U+FDFA) of up to 3 bytes each
UUID_TEXT = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
EARLIER_ITEM = re.compile(r"#(0|[1-9][0-9]{0,3})")
ADDRESS = re.compile(r"https?://[^\s\\]+", re.IGNORECASE)
PLAIN_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(?:/[^\s\\]*)?")

Item = TypeVar("Item")


def fold(text: str) -> str:
    """The key under which names compare: NFKC, casefolded, NFKC again.

    >>> fold("Türkiye") == fold("TU\u0308RKIYE")
    True
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def fits_index(text: str) -> bool:
    """Whether the folded form is at most 1,000 UTF-8 bytes, as both databases can index."""
    return text.isascii() or len(text) <= ALWAYS_FITS or len(fold(text).encode()) <= MAX_FOLDED_BYTES


def require_indexable(text: str, info: ValidationInfo) -> str:
    """Refuse a name that is too long for the index."""
    if not fits_index(text) and not is_stored(info):
        raise ValueRefused("too-long", "The folded form is longer than 1,000 bytes in UTF-8.")
    return text


def web_address(text: str) -> str:
    """Refuse what is not http(s) with a host."""
    if PLAIN_ADDRESS.fullmatch(text):
        return text
    try:
        host = urlsplit(text).hostname if ADDRESS.fullmatch(text) else None
    except ValueError:
        host = None
    if not host:
        raise ValueRefused("url", "An address begins with http:// or https:// and a host, and holds no space.")
    return text


def event_reference(text: str, info: ValidationInfo) -> str:
    """A UUID in lower case, or in a batch "#<index>" of an earlier item."""
    if UUID_TEXT.fullmatch(text):
        return text.lower()
    if info.context and info.context.get("batch") and EARLIER_ITEM.fullmatch(text):
        return text
    raise ValueRefused("uuid", "An event is named by its UUID, in a batch also by #<index> of an earlier item.")


def deduplicate(items: list[Item]) -> list[Item]:
    """The items in their order, repetitions left out."""
    return list(dict.fromkeys(items)) if len(items) > 1 else items


def _form(pattern: str, **more: object) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 300, "pattern": pattern, **more})


Line = BeforeValidator(clean_line)
Text = Annotated[str, Field(min_length=1, max_length=300), Line]
Name = Annotated[Text, AfterValidator(require_indexable)]
Lines = Annotated[str, Field(min_length=1, max_length=300), BeforeValidator(clean_lines)]
Summary = Annotated[str, Field(min_length=1, max_length=5_000), BeforeValidator(clean_lines)]
Slug = Annotated[Text, Field(pattern=r"^[a-z0-9]+([_-][a-z0-9]+)*$")]
System = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Pointer = Annotated[Text, Field(pattern=r"^(/([^~/]|~[01])*)+$")]
Url = Annotated[
    str,
    Field(min_length=1, max_length=2_000),
    Line,
    AfterValidator(web_address),
    WithJsonSchema({"type": "string", "format": "uri", "maxLength": 2_000, "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://"}),
]
EventReference = Annotated[Text, AfterValidator(event_reference), _form("^([0-9a-fA-F-]{36}|#[0-9]{1,4})$")]
