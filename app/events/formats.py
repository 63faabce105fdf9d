"""Stored events as the bytes of an answer: JSON and GeoJSON pages, and exports as a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass

import orjson

from app.events.flat import csv_header, csv_rows

__all__ = [
    "CSV",
    "FORMATS",
    "GEOJSON",
    "JSON",
    "MEDIA_TYPES",
    "NDJSON",
    "Format",
    "csv_header",
    "csv_rows",
    "export_stream",
    "features",
    "geojson_page",
    "json_page",
    "ndjson",
]

JSON = "application/json"
GEOJSON = "application/geo+json"
NDJSON = "application/x-ndjson"
CSV = "text/csv; charset=utf-8"

GEOJSON_HEAD = b'{"type":"FeatureCollection","features":['
NOT_ON_THE_MAP = frozenset({"detail", "extra"})
SLICE = 50  # events: a few milliseconds of work, after which other requests have their turn


def json_page(bodies: Sequence[bytes], following: str | None, as_of: str) -> bytes:
    """A page of events, each as it is stored; `following` is the cursor of the next page, `as_of` that of the feed."""
    return b'{"items":[%b%b' % (b",".join(bodies), _tail(following, as_of))


def geojson_page(bodies: Sequence[bytes], following: str | None, as_of: str) -> bytes:
    """A page of events as an RFC 7946 FeatureCollection; `following` and `as_of` become foreign members."""
    return b"%b%b%b" % (GEOJSON_HEAD, _all_features(bodies), _tail(following, as_of))


def _tail(following: str | None, as_of: str) -> bytes:
    return b'],"next":%b,"as_of":%b}' % (orjson.dumps(following), orjson.dumps(as_of))


def features(body: bytes) -> list[bytes]:
    """A GeoJSON Feature for each place with coordinates, launch sites too; its id is `<event>/<location index>`."""
    event = orjson.loads(body)
    located = [(n, place) for n, place in enumerate(event["locations"]) if place["lat"] is not None]
    if not located:
        return []
    properties = orjson.dumps({name: value for name, value in event.items() if name not in NOT_ON_THE_MAP})
    return [
        b'{"type":"Feature","id":"%b/%d","geometry":{"type":"Point","coordinates":%b},"properties":%b}'
        % (event["id"].encode(), n, orjson.dumps([place["lon"], place["lat"]]), properties)
        for n, place in located
    ]


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
    "csv": Format(CSV, csv_header(), csv_rows),
    "geojson": Format(GEOJSON, GEOJSON_HEAD, _all_features, b",", lambda as_of: _tail(None, as_of)),
}
MEDIA_TYPES = {name: style.media for name, style in FORMATS.items()}


async def export_stream(pages: AsyncIterator[list[bytes]], style_name: str, as_of: str) -> AsyncIterator[bytes]:
    """The file in pieces, never more than one page of it in memory; `style_name` is a name in `FORMATS`."""
    style = FORMATS[style_name]
    if style.head:
        yield style.head
    between = b""
    async for page in pages:
        for start in range(0, len(page), SLICE):
            if piece := style.write(page[start : start + SLICE]):
                yield between + piece
                between = style.between
            await asyncio.sleep(0)
    if tail := style.tail(as_of):
        yield tail
