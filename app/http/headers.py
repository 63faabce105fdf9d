"""Header fields read as RFC 9110 writes them: preconditions and the Idempotency-Key."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from app.errors import Malformed

TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
TAGS = re.compile(rf"[ \t,]*{TAG.pattern}[ \t]*(?:,[ \t]*(?:{TAG.pattern}[ \t]*)?)*")
VERSION = re.compile(r"[1-9][0-9]{0,17}")
QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
PRINTABLE = re.compile(r"[\x20-\x7e]{1,255}")
QUALITY = re.compile(r"0?\.[0-9]{1,9}|0\.?|1(?:\.0{0,9})?")  # more than RFC 9110 allows: Java sends q=.2


def parse_if_match(header: str | None) -> frozenset[int] | Literal["*"] | None:
    """The versions that If-Match names, "*" for any, None if it was not sent; weak tags count as strong.

    A tag that no version has is left out, so the set may be empty and then never matches. Raises Malformed (400).
    """
    if header is None:
        return None
    if header.strip(" \t") == "*":
        return "*"
    if not TAGS.fullmatch(header):
        raise Malformed('If-Match must be an entity tag such as "3", a list of them, or *.')
    return frozenset(int(tag) for tag in TAG.findall(header) if VERSION.fullmatch(tag))


def if_none_match(header: str | None, etag: str) -> bool:
    """Whether the reader has this representation already (weak comparison); a field that cannot be read is ignored."""
    if header is None:
        return False
    if header == etag or header.strip(" \t") == "*":
        return True
    return bool(TAGS.fullmatch(header)) and etag.removeprefix("W/").strip('"') in TAG.findall(header)


def parse_idempotency_key(header: str | None) -> str | None:
    """The key without its quotes, None if it was not sent; raises Malformed (400)."""
    if header is None:
        return None
    text = header.strip(" \t")
    if text.startswith('"'):
        quoted = QUOTED.fullmatch(text)
        text = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else ""
    if not PRINTABLE.fullmatch(text):
        raise Malformed("Idempotency-Key must have 1 to 255 printable ASCII characters, quoted or bare.")
    return text


@lru_cache(maxsize=256)
def prefers_gzip(header: str) -> Literal["insist", "prefer"] | None:
    """Tell whether Accept-Encoding wants gzip: not at all, rather than nothing, or because it refuses plain bodies."""
    codings = {coding: quality for element in header.lower().split(",") for coding, quality in [read_coding(element)]}
    gzip = max((codings[name] for name in ("gzip", "x-gzip") if name in codings), default=codings.get("*", 0.0))
    if gzip == 0.0 or gzip < codings.get("identity", 0.0):
        return None
    return "insist" if codings.get("identity", codings.get("*", 1.0)) == 0.0 else "prefer"


def read_coding(element: str) -> tuple[str, float]:
    """Return a content coding and its quality; a quality that cannot be read counts as 1."""
    coding, *parameters = (part.strip(" \t") for part in element.split(";"))
    quality = next((part[2:].strip(" \t") for part in parameters if part.startswith("q=")), "1")
    return coding, float(quality) if QUALITY.fullmatch(quality) else 1.0
