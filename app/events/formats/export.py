"""Stored events as the bytes of an answer: JSON and GeoJSON pages, and exports, in slices of bounded work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import orjson
from starlette.responses import Response, StreamingResponse

from app.db.heavy_queries import reset_budget
from app.events.formats.csv import csv_header, csv_rows
from app.events.formats.geojson import HEAD as GEOJSON_HEAD
from app.events.formats.geojson import features
from app.events.formats.parquet import parquet_stream
from app.kit.json_lines import dump_json
from app.kit.offload import run_in_thread

__all__ = [
    "CSV",
    "FORMATS",
    "GEOJSON",
    "JSON",
    "MEDIA_TYPES",
    "NDJSON",
    "PARQUET",
    "Format",
    "csv_header",
    "csv_rows",
    "enclose",
    "export_stream",
    "features",
    "fields_page",
    "geojson_page",
    "json_page",
    "ndjson",
    "page_response",
    "slices",
]

JSON = "application/json"
GEOJSON = "application/geo+json"
NDJSON = "application/x-ndjson"
CSV = "text/csv; charset=utf-8"
PARQUET = "application/vnd.apache.parquet"

JSON_HEAD = b'{"items":['
# Other requests have their turn after so many events, or so many bytes of them: a few milliseconds of work.
SLICE_EVENTS = 50
SLICE_BYTES = 128 * 1024
# An answer of more bytes leaves in pieces as they are made; a smaller one has a Content-Length.
MAX_UNSTREAMED_BYTES = 1024 * 1024


def slices(bodies: Iterable[bytes], most: int = SLICE_EVENTS, most_bytes: int = SLICE_BYTES) -> Iterator[list[bytes]]:
    """Cut a run of bodies where it reaches so many events or bytes; one larger body is a slice by itself."""
    part: list[bytes] = []
    size = 0
    for body in bodies:
        if part and (len(part) == most or size + len(body) > most_bytes):
            yield part
            part, size = [], 0
        part.append(body)
        size += len(body)
    if part:
        yield part


async def json_page(bodies: Sequence[bytes], following: str | None, as_of: str) -> AsyncIterator[bytes]:
    """Give a page of events, each as it is stored; `following` is the next page's cursor, `as_of` the feed's."""
    if sum(map(len, bodies)) < MAX_UNSTREAMED_BYTES:
        yield enclose(JSON_HEAD, bodies, _tail(following, as_of))
        return
    before = JSON_HEAD
    for part in slices(bodies, len(bodies), MAX_UNSTREAMED_BYTES // 4):
        yield before + b",".join(part)
        before = b","
        await asyncio.sleep(0)
    yield _tail(following, as_of)


def enclose(head: bytes, items: Iterable[bytes], tail: bytes) -> bytes:
    """Write items with commas between two ends, copied once.

    >>> enclose(b"[", [b"1", b"2"], b"]"), enclose(b"[", [], b"]")
    (b'[1,2]', b'[]')
    """
    items = list(items)
    if not items:
        return head + tail
    items[0] = head + items[0]
    items[-1] += tail
    return b",".join(items)


async def fields_page(
    bodies: Iterable[bytes], fields: Sequence[str], following: str | None, as_of: str
) -> AsyncIterator[bytes]:
    """Give a page of events of which only these members are kept, in their order."""
    before = JSON_HEAD
    for part in slices(bodies):
        yield before + b",".join([select_fields(body, fields) for body in part])
        before = b","
        await asyncio.sleep(0)
    yield (before if before == JSON_HEAD else b"") + _tail(following, as_of)


def select_fields(body: bytes, fields: Sequence[str]) -> bytes:
    """Write an event with these members only; one that its version does not have is left out."""
    return dump_json({name: value for name, value in orjson.loads(body).items() if name in fields})


async def geojson_page(bodies: Iterable[bytes], following: str | None, as_of: str) -> AsyncIterator[bytes]:
    """Give a page of events as a FeatureCollection; `following` and `as_of` become foreign members."""

    async def pages() -> AsyncIterator[Iterable[bytes]]:
        yield bodies

    async for piece in _written(pages(), FORMATS["geojson"]):
        yield piece
    yield _tail(following, as_of)


async def page_response(
    pieces: AsyncIterator[bytes], headers: Mapping[str, str], media_type: str, most: int = MAX_UNSTREAMED_BYTES
) -> Response:
    """Answer with these pieces: whole where they have at most so many bytes, else as they are made."""
    start: list[bytes] = []
    size = 0
    async for piece in pieces:
        start.append(piece)
        size += len(piece)
        if size > most:
            return StreamingResponse(_after(start, pieces), headers=headers, media_type=media_type)
    return Response(b"".join(start), headers=headers, media_type=media_type)


async def _after(start: list[bytes], rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Give what is there already, then the rest."""
    while start:
        yield start.pop(0)
    async for piece in rest:
        yield piece


def _tail(following: str | None, as_of: str) -> bytes:
    return b'],"next":%b,"as_of":%b}' % (orjson.dumps(following), orjson.dumps(as_of))


def _all_features(bodies: Iterable[bytes]) -> bytes:
    return b",".join([feature for body in bodies for feature in features(body)])


def ndjson(bodies: Iterable[bytes]) -> bytes:
    """A line for each event, as it is stored."""
    return b"".join([body + b"\n" for body in bodies])


@dataclass(frozen=True)
class Format:
    """How an export is written: its media type, what comes first, how events follow, what separates and closes them."""

    media: str
    head: bytes
    write: Callable[[Sequence[bytes]], bytes]
    between: bytes = b""
    tail: Callable[[str], bytes] = lambda _as_of: b""


FORMATS = {
    "ndjson": Format(NDJSON, b"", ndjson),
    "csv": Format(CSV, b"", csv_rows),  # its head follows from the kinds that are asked for
    "geojson": Format(GEOJSON, GEOJSON_HEAD, _all_features, b",", lambda as_of: _tail(None, as_of)),
}
MEDIA_TYPES = {**{name: style.media for name, style in FORMATS.items()}, "parquet": PARQUET, "geoparquet": PARQUET}


def export_stream(
    pages: AsyncIterator[Iterable[bytes]],
    style_name: str,
    as_of: str,
    kinds: Collection[str] = (),
    *,
    excel: bool = False,
) -> AsyncIterator[bytes]:
    """Give the file in pieces, never more than a few MiB of it in memory; `style_name` is a name in `MEDIA_TYPES`.

    Tables have columns for `kinds`, or for every kind; `excel` is for CSV alone.
    """
    chosen = tuple(sorted(set(kinds)))
    if style_name in {"parquet", "geoparquet"}:
        return parquet_stream(pages, as_of, chosen, geo=style_name == "geoparquet", cut=slices)
    style = FORMATS[style_name]
    if style_name == "csv":
        head, write = csv_header(chosen, excel=excel), partial(csv_rows, kinds=chosen, excel=excel)
        style = replace(style, head=head, write=write)
    return _with_tail(pages, style, as_of)


async def _with_tail(pages: AsyncIterator[Iterable[bytes]], style: Format, as_of: str) -> AsyncIterator[bytes]:
    async for piece in _written(pages, style):
        yield piece
    if tail := style.tail(as_of):
        yield tail


async def _written(pages: AsyncIterator[Iterable[bytes]], style: Format) -> AsyncIterator[bytes]:
    """Give all but the tail; each slice is written on another thread."""
    if style.head:
        yield style.head
    between = b""
    async for page in pages:
        reset_budget()
        for part in slices(page):
            if piece := await run_in_thread(style.write, part):
                yield between + piece
                between = style.between
