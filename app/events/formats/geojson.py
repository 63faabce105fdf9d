"""Events as GeoJSON (RFC 7946): a feature for each located place, in proportion to the size of the event."""

from __future__ import annotations

from typing import Any

import orjson

from app.kit.json_lines import dump_json

__all__ = ["HEAD", "MAX_GROWTH", "features"]

HEAD = b'{"type":"FeatureCollection","features":['
OMITTED_MEMBERS = frozenset({"detail", "extra", "locations"})
# The features of one event repeat its properties. Together they may take so many times the bytes of the event;
# in an event that would take more, only the first feature has the lists and the summary (docs/decisions/0011).
MAX_GROWTH = 16


def features(body: bytes) -> list[bytes]:
    """Write a Feature for each place with coordinates, launch sites too; its id is `<event>/<location index>`."""
    event = orjson.loads(body)
    located = [(n, place) for n, place in enumerate(event["locations"]) if place["lat"] is not None]
    if not located:
        return []
    properties = {name: value for name, value in event.items() if name not in OMITTED_MEMBERS}
    first = rest = members(properties)
    if len(first) * len(located) > MAX_GROWTH * len(body):
        rest = members(without_lists(properties))
    id, count = event["id"].encode(), len(located)
    return [
        b'{"type":"Feature","id":"%b/%d","geometry":{"type":"Point","coordinates":%b},'
        b'"properties":{%b,"location":%b,"places":%d}}'
        % (id, n, dump_json([place["lon"], place["lat"]]), rest if at else first, dump_json(place), count)
        for at, (n, place) in enumerate(located)
    ]


def without_lists(properties: dict[str, Any]) -> dict[str, Any]:
    """Keep every key and every short value; lists become empty, the summary null."""
    return {
        name: [] if isinstance(value, list) else None if name == "summary" else value
        for name, value in properties.items()
    }


def members(properties: dict[str, Any]) -> bytes:
    """Write an object without its braces."""
    return dump_json(properties)[1:-1]
