"""What the index knows of an event: facet values, grid cells, orders of magnitude, places, numbers and words."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from app.kinds import Event, FacetEntry, Numbers, facets_of, fold, interval, measures_of, points, read_once, words_of

HOUR = 3_600_000_000
# The longest interval of each length class in microseconds; a day may have 25 hours, and a few more by decree.
SPANS = (26 * HOUR, 40 * 24 * HOUR)
SPAN_CLASSES = (0, 1, 2)
# Each divides 180, so that no cell is cut at the date line or at a pole.
CELL_DEGREES = (15.0, 2.0, 0.25)
EVERY_EVENT = ""
CELL = "cell"
# Its value lists the facets that an event has, so that one row of the index tells which it lacks.
SIGNATURE = ":facets"
EXTERNAL_ID = "external_id"
RELATED_TO = "related_to"
# Values that nearly every event has of its own: their index ids are hashes, so that no table need list them.
HASHED_FACETS = frozenset({EXTERNAL_ID, RELATED_TO})
# Postings of values, signatures, cells and magnitudes that are not made again for the next event.
REMEMBERED = 20_000


class PostingParts(NamedTuple):
    """Folded value of a facet, spelling shown, and whether it is a second name."""

    facet: str
    value: str
    label: str
    alias: bool


class Posting(PostingParts):
    """A line of the inverted index. Most are made once for all events that have them, and looked up by identity."""

    __slots__ = ()
    __hash__ = object.__hash__


EVERY = Posting(EVERY_EVENT, "", "", alias=False)


@dataclass(slots=True)
class IndexTerms:
    """All that filters may ask of one version of an event."""

    postings: tuple[Posting, ...]
    started_at: int
    ends_at: int
    points: tuple[tuple[float, float], ...]
    measures: dict[str, Numbers]
    text: str

    @property
    def span(self) -> int:
        """The length class."""
        return span_of(self.ends_at - self.started_at)


@read_once("_terms")
def index_terms(event: Event) -> IndexTerms:
    """Read an event once for the index."""
    started_at, ends_at = interval(event)
    places, numbers = tuple(points(event)), measures_of(event)
    names = facets_of(event)
    found = [EVERY, signature(tuple(dict.fromkeys([entry[0] for entry in names])))]
    for entry in names:
        found += postings(entry)
    found += linked(event)
    for place in places:
        found += cells(place)
    for measure, numbers_of in numbers.items():
        found.append(magnitude(measure, numbers_of.best.bit_length()))
    return IndexTerms(tuple(found), started_at, ends_at, places, numbers, words_of(event))


def span_of(length: int) -> int:
    """The first length class that holds an interval of that many microseconds."""
    return next((span for span, longest in enumerate(SPANS) if length <= longest), len(SPANS))


def hashed_id(facet: str, value: str, span: int) -> int:
    """The index id of such a value: 62 bits of its hash, below zero, where no counted id is."""
    digest = hashlib.blake2b(f"{facet}\n{span}\n{value}".encode(), digest_size=8).digest()
    return -1 - (int.from_bytes(digest, "big") >> 2)


@lru_cache(REMEMBERED)
def postings(entry: FacetEntry) -> tuple[Posting, ...]:
    """A value of a facet, with its second names."""
    facet, value = entry
    label = fold(value.label)
    others = [Posting(facet, fold(alias), alias, alias=True) for alias in value.aliases]
    return (Posting(facet, label, value.label, alias=False), *(other for other in others if other.value != label))


@lru_cache(REMEMBERED)
def signature(facets: Sequence[str]) -> Posting:
    """The facets of which an event has some value, in one line."""
    listed = " ".join(sorted(facets))
    return Posting(SIGNATURE, listed, listed, alias=False)


def linked(event: Event) -> Iterable[Posting]:
    """External identifiers and the events that this one names."""
    for known in event.external_ids:
        key = f"{known.system}:{known.id}"
        yield Posting(EXTERNAL_ID, key, key, alias=False)
    for relation in event.relations:
        yield Posting(RELATED_TO, relation.event_id, relation.event_id, alias=False)


def cells(place: tuple[float, float]) -> list[Posting]:
    """The grid cell of a place on every level."""
    return [cell(level, *cell_of(level, *place)) for level in range(len(CELL_DEGREES))]


@lru_cache(REMEMBERED)
def cell(level: int, row: int, column: int) -> Posting:
    """A cell as a line of the index."""
    name = cell_name(level, row, column)
    return Posting(CELL, name, name, alias=False)


def cell_of(level: int, lat: float, lon: float) -> tuple[int, int]:
    """Row from the south pole and column from the date line; both ends of a circle of latitude are one column."""
    size = CELL_DEGREES[level]
    return int((lat + 90) // size), int((lon + 180) // size) % columns(level)


def columns(level: int) -> int:
    """How many cells go around the globe."""
    return int(360 / CELL_DEGREES[level])


def cell_name(level: int, row: int, column: int) -> str:
    """A cell as a facet value."""
    return f"{level}:{row}:{column}"


@lru_cache(REMEMBERED)
def magnitude(measure: str, bits: int) -> Posting:
    """A measure's order of magnitude as a line of the index, so that "at least 100 killed" is a look-up too."""
    size = str(bits)
    return Posting(magnitude_facet(measure), size, size, alias=False)


def magnitude_facet(measure: str) -> str:
    """The facet that holds a measure's orders of magnitude."""
    return "size:" + measure


def to_unit_vector(lat: float, lon: float) -> tuple[float, float, float]:
    """A place as a point of the unit sphere, on which a distance needs no trigonometry; 180 and -180 are one point."""
    phi, theta = math.radians(lat), math.radians(abs(lon) if abs(lon) == 180 else lon)
    return math.cos(phi) * math.cos(theta), math.cos(phi) * math.sin(theta), math.sin(phi)


def pack(started_at: int, ends_at: int, ids: Sequence[int]) -> bytes:
    """Interval and facet value ids of a state as a change carries them."""
    return struct.pack(f"<{len(ids) + 2}q", started_at, ends_at, *ids)


def unpack(packed: bytes) -> tuple[int, ...]:
    """The interval's two ends, then the facet value ids."""
    return struct.unpack(f"<{len(packed) // 8}q", packed)
