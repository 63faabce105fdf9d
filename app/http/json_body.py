"""Strict reading of bodies: the media type, the bytes, the JSON, then the caller's own reading."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import Message
from typing import Any, Generic, TypeVar

from fastapi import Request

from app.errors import FieldError, UnsupportedMediaType
from app.http.strict_json import parse_json
from app.kit.offload import run_in_thread

T = TypeVar("T")
Isolate = Callable[[object, list[FieldError]], object]

JSON = ("application/json",)
# A body of more bytes is read on another thread: checking 16 KiB takes about a millisecond.
SMALL_BODY = 16 * 1024


@dataclass(frozen=True, eq=False)
class Body(Generic[T]):
    """A FastAPI dependency: the JSON body as `parse` reads it.

    `body_schema` and `body_media` tell OpenAPI what is read; an absent body is None if it is optional. `isolate`, where
    it is given, takes the value with the faults of `parse_json` in it, and gives what is to be parsed all the same.
    """

    parse: Callable[[object], T]
    body_schema: Any
    body_media: tuple[str, ...]
    body_optional: bool
    lines: bool = False
    isolate: Isolate | None = None

    async def __call__(self, request: Request) -> T | None:
        raw = await read_body(request)
        if self.body_optional and not raw:
            return None
        check_media_type(request, self.body_media)
        if len(raw) <= SMALL_BODY:
            return self._read(raw)
        return await run_in_thread(self._read, raw)

    def _read(self, raw: bytes) -> T:
        if self.isolate is None:
            return self.parse(parse_json(raw, lines=self.lines))
        faults: list[FieldError] = []
        value = parse_json(raw, lines=self.lines, faults=faults)
        return self.parse(self.isolate(value, faults) if faults else value)


def body(
    parse: Callable[[object], T],
    *,
    schema: Any,
    media: Sequence[str] = JSON,
    optional: bool = False,
    lines: bool = False,
    isolate: Isolate | None = None,
) -> Body[T]:
    """The dependency that reads a JSON body; raises 400, 413, 415 and whatever `parse` raises.

    With `lines` strings may have line feeds and tabs, and `parse` refuses them where they do not belong.
    """
    return Body(parse, schema, tuple(media), optional, lines, isolate)


async def read_body(request: Request) -> bytes:
    """The whole body; ProblemMiddleware refuses what is too large or too slow."""
    return await request.body()


def check_media_type(request: Request, offered: Sequence[str]) -> None:
    """Refuse (415) a body that does not say that it is of one of these types, or is not in UTF-8."""
    header = request.headers.get("content-type", "")
    if header not in offered:
        media, charset = read_media_type(header)
        if media not in offered or charset not in {None, "utf-8", "utf8", "us-ascii"}:
            accepted = ", ".join(offered)
            raise UnsupportedMediaType(f"Send the body as {accepted} in UTF-8.", headers={"Accept": accepted})


def read_media_type(header: str) -> tuple[str, str | None]:
    """The type without parameters, and its charset, in small letters."""
    message = Message()
    message["content-type"] = header
    charset = message.get_param("charset")
    return header.partition(";")[0].strip().lower(), charset.lower() if isinstance(charset, str) else None
