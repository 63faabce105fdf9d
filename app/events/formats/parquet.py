"""Events as Parquet and GeoParquet: typed columns, a group of rows at a time, by pyarrow where it is installed."""

from __future__ import annotations

import io
import struct
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import orjson

from app.db.heavy_queries import reset_budget
from app.errors import FieldError, Invalid
from app.events.documents import load_event
from app.events.formats.columns import columns_of
from app.events.formats.parquet_schema import arrow_schema, encoder, row_shape
from app.kinds import points
from app.kit.offload import run_in_thread

# A group of rows is written when it has so many bytes of JSON. It takes some ten times as many in memory by then, for
# as text, as columns and as pages of the file it is there at once.
GROUP_BYTES = 8 * 1024 * 1024
GEOMETRY, BBOX = "geometry", "bbox"
BBOX_SIDES = ("xmin", "ymin", "xmax", "ymax")


def require_pyarrow() -> None:
    """Raise Invalid (422) where pyarrow is not installed."""
    try:
        import pyarrow.json  # noqa: PLC0415 -- an optional part of the installation
        import pyarrow.parquet  # noqa: F401, PLC0415 -- as above
    except ImportError:
        detail = "To write Parquet, install sitrep[parquet] where the server runs; it brings pyarrow."
        raise Invalid(detail, errors=[FieldError("not-installed", detail, parameter="format")]) from None


async def parquet_stream(
    pages: AsyncIterator[Iterable[bytes]],
    as_of: str,
    kinds: tuple[str, ...] = (),
    *,
    geo: bool = False,
    cut: Callable[[Iterable[bytes]], Iterable[list[bytes]]],
    group_bytes: int = GROUP_BYTES,
) -> AsyncIterator[bytes]:
    """Give the file in pieces, one group of rows in memory at a time; `cut` makes slices of some milliseconds."""
    table = await run_in_thread(ParquetTable, kinds, geo)
    async for page in pages:
        reset_budget()
        for part in cut(page):
            await run_in_thread(table.add, part)
            if table.waiting >= group_bytes:
                yield await run_in_thread(table.write_group)
    yield await run_in_thread(table.finish, as_of)


class ParquetTable:
    """A Parquet file in the making: rows wait until they are a group, and the bytes of a group are handed out at once.

    A row is an event. Its columns are the event's own, a struct named after each kind for `detail`, and the measures
    and facets of the kinds. With `geo`, `geometry` has the places at which filters find the event.
    """

    def __init__(self, kinds: tuple[str, ...], geo: bool) -> None:
        """Begin the file."""
        import pyarrow as pa  # noqa: PLC0415 -- an optional part of the installation
        import pyarrow.parquet as pq  # noqa: PLC0415 -- as above

        self._columns, self._geo = columns_of(kinds), geo
        shape = row_shape(self._columns.kinds)
        self._encode = encoder(shape) or dict
        self._numbers = self._columns.number_names
        self._facets = self._columns.facet_names({*shape["properties"], *self._numbers, GEOMETRY, BBOX})
        more = [(name, pa.int64()) for name in self._numbers]
        more += [(name, pa.list_(pa.string())) for name in self._facets]
        if geo:
            more += [(BBOX, pa.struct([(side, pa.float64()) for side in BBOX_SIDES])), (GEOMETRY, pa.binary())]
        self._schema = arrow_schema(shape, more)
        self._text_schema = arrow_schema(shape, more, dates=False)
        self._lines, self._geometry = list[bytes](), list[bytes | None]()
        self._types, self._bounds = set[str](), list[float]()
        self._sink = Pieces()
        self._writer = pq.ParquetWriter(self._sink, self._schema, compression="zstd")
        self.waiting = 0

    def add(self, bodies: Iterable[bytes]) -> None:
        """Take events, given their stored JSON."""
        for body in bodies:
            line = orjson.dumps(self._row(orjson.loads(body)))
            self._lines.append(line)
            self.waiting += len(line)

    def write_group(self) -> bytes:
        """Write the rows that wait, and give what of the file is new."""
        import pyarrow as pa  # noqa: PLC0415 -- an optional part of the installation
        from pyarrow import json  # noqa: PLC0415 -- as above

        if self._lines:
            text, self._lines = b"\n".join(self._lines), []
            table = json.read_json(
                pa.BufferReader(text),
                # One block, on one thread: a row must not straddle two, and other requests need the other cores.
                read_options=json.ReadOptions(use_threads=False, block_size=len(text) + 1),
                parse_options=json.ParseOptions(
                    explicit_schema=self._text_schema, newlines_in_values=False, unexpected_field_behavior="ignore"
                ),
            )
            del text
            if self._geo:
                at = table.schema.get_field_index(GEOMETRY)  # all null: JSON has no bytes
                table = table.set_column(at, GEOMETRY, pa.array(self._geometry, pa.binary()))
            self._writer.write_table(table.select(self._schema.names).cast(self._schema))
            self._geometry, self.waiting = [], 0
        return self._sink.take()

    def finish(self, as_of: str) -> bytes:
        """Write what waits and the footer, which holds the position of the feed and what GeoParquet asks for."""
        written = self.write_group()
        self._writer.add_key_value_metadata({"as_of": as_of, **({"geo": self._geo_metadata()} if self._geo else {})})
        self._writer.close()
        return written + self._sink.take()

    def _row(self, stored: dict[str, Any]) -> dict[str, Any]:
        """An event as a line that pyarrow reads: one key for each column."""
        event = load_event(stored)
        detail = {stored["kind"]: stored.pop("detail")}
        row: dict[str, Any] = self._encode(stored | detail)
        row |= zip(self._numbers, self._columns.numbers(event), strict=True)
        row |= zip(self._facets, self._columns.facet_values(event), strict=True)
        if self._geo:
            places = [(lon, lat) for lat, lon in points(event)]
            self._geometry.append(well_known_binary(places))
            row[BBOX] = dict(zip(BBOX_SIDES, box_of(places), strict=True)) if places else None
            if places:
                self._types.add("Point" if len(places) == 1 else "MultiPoint")
                corners = [*places, *([tuple(self._bounds[:2]), tuple(self._bounds[2:])] if self._bounds else [])]
                self._bounds = box_of(corners)
        return row

    def _geo_metadata(self) -> str:
        """The metadata of GeoParquet 1.1. No `crs` means longitude and latitude in WGS 84 (OGC:CRS84)."""
        column = {
            "encoding": "WKB",
            "geometry_types": sorted(self._types),
            **({"bbox": self._bounds} if self._bounds else {}),
            "covering": {BBOX: {side: [BBOX, side] for side in BBOX_SIDES}},
        }
        return orjson.dumps({"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}).decode()


class Pieces(io.RawIOBase):
    """A file to write to that keeps no more than what was written since it was last asked."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._parts = list[bytes]()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def take(self) -> bytes:
        """What was written since."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


def well_known_binary(places: list[tuple[float, float]]) -> bytes | None:
    """A point, or several, as ISO WKB in little-endian order; None where there is none."""
    written = [struct.pack("<BIdd", 1, 1, lon, lat) for lon, lat in places]
    if len(written) <= 1:
        return written[0] if written else None
    return struct.pack("<BII", 1, 4, len(written)) + b"".join(written)


def box_of(places: Iterable[tuple[float, ...]]) -> list[float]:
    """West, south, east and north of the places."""
    lons, lats = zip(*places, strict=True)
    return [min(lons), min(lats), max(lons), max(lats)]
