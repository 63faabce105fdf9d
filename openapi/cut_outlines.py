#!/usr/bin/env python3
"""Cuts countries-50m.json of world-atlas into what the map fetches.

`base.json` has simple lines, each `detail-N.json` whole ones. The lines are the arcs of the topology, whose ends stay,
so that simple and whole ones fit each other. `details` in the base tells the box of each file, west, south, east, north
in degrees. The same input gives the same files.
"""

from __future__ import annotations

import gzip
import json
import sys
from itertools import pairwise
from math import hypot
from pathlib import Path

Point = tuple[int, int]
Line = list[Point]
Arcs = list[tuple[int, Line]]  # each with its number in the topology

TOLERANCE = 0.3  # degrees
MOST = 9_000  # bytes of a file, compressed


def decoded(arc: list[list[int]]) -> Line:
    """The points of an arc, which is stored as steps."""
    x = y = 0
    return [(x := x + dx, y := y + dy) for dx, dy in arc]


def encoded(points: Line) -> list[list[int]]:
    """The points as an arc is stored."""
    return [list(points[0]), *([x - u, y - v] for (u, v), (x, y) in pairwise(points))]


def distance(point: Point, start: Point, end: Point, scale: list[float]) -> float:
    """How far a point is from the line between two others, in degrees."""
    (x, y), (u, v), (p, q) = ((x * scale[0], y * scale[1]) for x, y in (point, start, end))
    along = (p - u) ** 2 + (q - v) ** 2
    part = 0 if along == 0 else max(0, min(1, ((x - u) * (p - u) + (y - v) * (q - v)) / along))
    return hypot(x - u - part * (p - u), y - v - part * (q - v))


def simple(points: Line, scale: list[float]) -> Line:
    """Douglas and Peucker's simplification; a ring keeps a point besides so that it has an area."""
    kept, parts = {0, len(points) - 1}, [(0, len(points) - 1)]
    ring = points[0] == points[-1]
    while parts:
        start, end = parts.pop()
        if end - start < 2:
            continue
        far, at = max((distance(points[n], points[start], points[end], scale), n) for n in range(start + 1, end))
        if far > TOLERANCE or (ring and len(kept) < 4):
            kept.add(at)
            parts += [(start, at), (at, end)]
    return [points[n] for n in sorted(kept)]


def written(value: object) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


def groups(arcs: Arcs, box: tuple[float, float, float, float]) -> list[Arcs]:
    """Lists of arcs near each other, each a file of at most MOST bytes unless it is one arc."""
    if not arcs:
        return []
    if len(arcs) == 1 or len(gzip.compress(written({n: encoded(points) for n, points in arcs}), 6, mtime=0)) <= MOST:
        return [arcs]
    west, south, east, north = box
    x, y = (west + east) / 2, (south + north) / 2
    found = []
    for part in ((west, south, x, y), (x, south, east, y), (west, y, x, north), (x, y, east, north)):
        own = [
            (n, points)
            for n, points in arcs
            if part[0] <= sum(extent(points, 0)) / 2 < part[2] and part[1] <= sum(extent(points, 1)) / 2 < part[3]
        ]
        found += groups(own, part)
    return found


def extent(points: Line, axis: int) -> tuple[int, int]:
    """The least and the greatest coordinate."""
    return min(point[axis] for point in points), max(point[axis] for point in points)


def main(source: str, folder: str) -> None:
    """Cut the file into files of this folder."""
    world = json.loads(Path(source).read_text(encoding="utf-8"))
    scale, (left, bottom) = world["transform"]["scale"], world["transform"]["translate"]
    whole = [decoded(arc) for arc in world["arcs"]]
    short = [simple(points, scale) for points in whole]
    cut = [(n, points) for n, points in enumerate(whole) if len(short[n]) < len(points)]
    files = groups(cut, (0, 0, 100_000, 110_000))
    boxes = []
    for n, arcs in enumerate(files):
        Path(folder, f"detail-{n}.json").write_bytes(written({at: encoded(points) for at, points in arcs}))
        every = [point for _, points in arcs for point in points]
        (west, east), (south, north) = extent(every, 0), extent(every, 1)
        corners = ((west, south), (east, north))
        boxes.append([round(one, 2) for x, y in corners for one in (x * scale[0] + left, y * scale[1] + bottom)])
    base = {
        "type": "Topology",
        "transform": world["transform"],
        "objects": {"countries": world["objects"]["countries"]},
        "arcs": [encoded(points) for points in short],
        "details": boxes,
    }
    Path(folder, "base.json").write_bytes(written(base))


if __name__ == "__main__":
    main(*sys.argv[1:])
