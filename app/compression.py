"""Compresses lists, statistics, feeds, exports, documents and pages with gzip for those who accept it.

Nothing that is compressed repeats a secret beside text of the caller's choice, so that its length gives nothing away.
"""

from __future__ import annotations

import asyncio
import gzip
import re
import zlib
from collections.abc import Callable, Mapping
from copy import copy

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http import if_none_match, prefers_gzip

MIN_SIZE = 1024
LEVEL = 4
MAX_INLINE = 16 * 1024  # bytes that take well under a millisecond; more are compressed in a thread
GZIP_WBITS = 31
SUFFIX = "-gzip"
SUFFIXED_TAG = re.compile(rf'{SUFFIX}"(?=[ \t]*(?:,|$))')
COMPRESSIBLE = re.compile(r"(?:text/(?!event-stream)|application/(?:[\w.-]+\+)?(?:json|xml|x-ndjson)\b|image/svg\+xml)")
VERSION_TAG = re.compile(r'"\d+"')
COMPRESSED_SCOPE_KEY = "sitrep.compressed"


class CompressedBody:
    """The gzip form of a body that is sent many times; it is made once, when it is first asked for."""

    __slots__ = ("_body", "_task")

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._task: asyncio.Task[bytes] | None = None

    async def get(self) -> bytes:
        """Return the gzip form."""
        if self._task is None:
            self._task = asyncio.create_task(asyncio.to_thread(compress, self._body), name="compress a body")
        return await asyncio.shield(self._task)


class StaticResponse(Response):
    """A response that is sent many times, and compressed once."""

    def __init__(self, response: Response) -> None:
        """Take over what an ordinary response says."""
        self.status_code = response.status_code
        self.body = response.body
        self.background = None
        self.raw_headers = response.raw_headers
        self.compressed = CompressedBody(bytes(response.body))

    def with_headers(self, headers: Mapping[str, str]) -> StaticResponse:
        """Return the same response, compressed form included, with more header fields."""
        more = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        response = copy(self)
        response.raw_headers = [*self.raw_headers, *more]
        return response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the body as it is; the middleware finds the gzip form beside the header fields."""
        del scope, receive
        head = {"type": "http.response.start", "status": self.status_code, "headers": list(self.raw_headers)}
        await send({**head, COMPRESSED_SCOPE_KEY: self.compressed})
        await send({"type": "http.response.body", "body": self.body})


class CompressionMiddleware:
    """Wrap an ASGI app: compress its answers to GET where the caller prefers gzip, whole or while they stream.

    Left alone are bodies under 1 KB, streams of server-sent events, media that are compressed already, and answers
    with a version as their ETag, which `If-Match` takes and which therefore stands for one sequence of bytes. Other
    strong ETags get a suffix; `If-None-Match` takes them with it and without.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        accepted = known = None
        for name, value in scope["headers"]:
            if name == b"accept-encoding":
                accepted = value if accepted is None else accepted + b"," + value
            elif name == b"if-none-match":
                known = value.decode("latin-1")
        preference = prefers_gzip(accepted.decode("latin-1")) if accepted else None
        if not preference:
            await self._app(scope, receive, send)
            return
        if known is not None and SUFFIX in known:
            scope["headers"] = [
                (name, SUFFIXED_TAG.sub('"', value.decode("latin-1")).encode("latin-1"))
                if name == b"if-none-match"
                else (name, value)
                for name, value in scope["headers"]
            ]
        await self._app(scope, receive, Encoder(send, known or "", MIN_SIZE if preference == "prefer" else 1).send)


class Encoder:
    """One response on its way out; its head is held back until the first part of the body is known."""

    def __init__(self, send: Send, known: str, min_size: int) -> None:
        """`known` is the caller's If-None-Match as it came."""
        self._send = send
        self._known = known
        self._min_size = min_size
        self._head: Message | None = None
        self._compressor: zlib._Compress | None = None

    async def send(self, message: Message) -> None:
        """Pass a message of the response on, compressed if it may be."""
        if message["type"] == "http.response.start":
            await self._start(message)
        elif self._head is not None:
            head, self._head = self._head, None
            await (self._stream if message.get("more_body") else self._whole)(head, message)
        elif self._compressor is not None:
            await self._piece(message)
        else:
            await self._send(message)

    async def _start(self, message: Message) -> None:
        headers = Headers(raw=message["headers"])
        if message["status"] == 304:
            etag = headers.get("etag", "")
            if f'"{etag[1:-1]}{SUFFIX}"' in self._known and not etag.startswith("W/"):
                MutableHeaders(scope=message)["etag"] = f'{etag[:-1]}{SUFFIX}"'
        elif message["status"] == 200 and self._may_compress(headers):
            self._head = message
            return
        await self._send(message)

    def _may_compress(self, headers: Headers) -> bool:
        return (
            "content-encoding" not in headers
            and bool(COMPRESSIBLE.match(headers.get("content-type", "")))
            and not VERSION_TAG.fullmatch(headers.get("etag", ""))
            and int(headers.get("content-length", self._min_size)) >= self._min_size
        )

    async def _whole(self, head: Message, message: Message) -> None:
        kept: CompressedBody | None = head.get(COMPRESSED_SCOPE_KEY)
        body = message.get("body", b"")
        compressed = await kept.get() if kept is not None else await run_off_loop(compress, body)
        mark_as_gzip(head)["content-length"] = str(len(compressed))
        await self._send(head)
        await self._send({**message, "body": compressed})

    async def _stream(self, head: Message, message: Message) -> None:
        self._compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP_WBITS)
        headers = mark_as_gzip(head)
        if "content-length" in headers:
            del headers["content-length"]
        await self._send(head)
        await self._piece(message)

    async def _piece(self, message: Message) -> None:
        compressor = self._compressor
        if compressor is None:
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        piece = await run_off_loop(compressor.compress, body) if body else b""
        if not more:
            piece += compressor.flush()
        if piece or not more:
            await self._send({**message, "body": piece})


def known_tag(known: str, etag: str, *, gzip: bool) -> str | None:
    """The tag of a 304 to a reader with this `If-None-Match`, None if it has not what `etag` is of.

    A reader that takes `gzip` may have the tag with the suffix or without.
    """
    plain = SUFFIXED_TAG.sub('"', etag)
    if not gzip:
        return etag if if_none_match(known, etag) else None
    if not if_none_match(SUFFIXED_TAG.sub('"', known), plain):
        return None
    suffixed = f'{plain[:-1]}{SUFFIX}"'
    return suffixed if suffixed in known and not plain.startswith("W/") else plain


def mark_as_gzip(head: Message) -> MutableHeaders:
    """Mark a head as that of a gzip body: the coding, and an ETag of its own if it is a strong one."""
    headers = MutableHeaders(scope=head)
    headers["content-encoding"] = "gzip"
    etag = headers.get("etag")
    if etag is not None and not etag.startswith("W/"):
        headers["etag"] = f'{etag[:-1]}{SUFFIX}"'
    return headers


async def run_off_loop(work: Callable[[bytes], bytes], body: bytes) -> bytes:
    """Run the work here if it is short, else in a thread, while other requests have their turn."""
    return work(body) if len(body) <= MAX_INLINE else await asyncio.to_thread(work, body)


def compress(body: bytes) -> bytes:
    """Return the gzip form, always in the same bytes."""
    return gzip.compress(body, LEVEL, mtime=0)
