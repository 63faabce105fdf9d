"""An event as one line of CSV, in columns that follow from the envelope and the kinds."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any, get_args

import orjson

from app.events.documents import load_event
from app.kinds import FACETS, KINDS, MEASURES, RESERVED, Event, FacetValue, Numbers, measures_of
from app.kinds.envelope import ActorRole

OWN = (
    "id",
    "kind",
    "version",
    "status",
    "title",
    "summary",
    "started_at",
    "ended_at",
    "time_precision",
    "timezone",
)
PLACE = ("country", "admin1", "place", "lat", "lon")
PLACES = ("countries", "places")
ROLES: tuple[str, ...] = get_args(ActorRole)
ACTORS = tuple(f"actors_{role}" for role in ROLES)
NUMBERS = tuple(f"{name}_{part}" for name in MEASURES for part in Numbers._fields)
KIND_FACETS = tuple(name for name in FACETS if name not in RESERVED)
LINKS = ("publishers", "source_urls", "external_ids", "tags", "relations", "quality_flags")
RECORDED = ("created_at", "updated_at")

# What a spreadsheet would run: also full-width signs and, so that reading takes off what writing put on, quoted ones.
FORMULA = re.compile("'*[=+\\-@\t\r\n\uff0b\uff0d\uff1d\uff20]")
# Line readers cut at these, and CSV has no way to escape them.
SEPARATORS = re.compile("[\u2028\u2029]")
NOTHING = ("",) * len(Numbers._fields)


def columns() -> tuple[str, ...]:
    """The names of the columns in their order; a kind's facet that has the name of another column gets `facet_`."""
    fixed = (*OWN, *PLACE, *PLACES, *ACTORS, *NUMBERS)
    taken = {*fixed, *LINKS, *RECORDED}
    facets = (f"facet_{name}" if name in taken else name for name in KIND_FACETS)
    return (*fixed, *facets, *LINKS, *RECORDED)


def csv_header() -> bytes:
    """The first line of the file, UTF-8 without a byte order mark."""
    return _lines([columns()])


def csv_rows(bodies: Iterable[bytes]) -> bytes:
    """A line for each event, given its stored JSON: RFC 4180, UTF-8, each line closed by CR LF."""
    return _lines(map(_cells, bodies))


def _lines(rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _cells(body: bytes) -> list[object]:
    event = orjson.loads(body)
    read = load_event(event)
    return [
        *[plain(event[name]) for name in OWN],
        *_where(event["locations"]),
        *_who(event["actors"]),
        *_numbers(read),
        *_facets(read),
        *_links(event),
        *[event[name] for name in RECORDED],
    ]


def plain(value: object) -> object:
    """A value as a cell: a text that a spreadsheet would take for a formula gets an apostrophe, null is empty."""
    return escape_formula(SEPARATORS.sub(" ", value)) if isinstance(value, str) else "" if value is None else value


def escape_formula(text: str) -> str:
    """The text, behind an apostrophe if a spreadsheet would take it for a formula.

    >>> harmless("=1+1"), harmless("1+1")
    ("'=1+1", '1+1')
    """
    return f"'{text}" if FORMULA.match(text) else text


def join_values(values: Iterable[str | None]) -> str:
    r"""Each different value once, semicolons between them; a semicolon or backslash of a value follows a backslash.

    >>> joined(["a;b", "c", "a;b", None])
    'a\\;b;c'
    """
    return ";".join(
        [_escaped(escape_formula(SEPARATORS.sub(" ", value))) for value in dict.fromkeys(values) if value is not None]
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(";", "\\;") if ";" in text or "\\" in text else text


def _where(locations: list[dict[str, Any]]) -> list[object]:
    places = [place for place in locations if place["role"] != "launch"]
    first = [plain(places[0][name]) for name in ("country", "admin1", "name", "lat", "lon")] if places else [""] * 5
    return [*first, join_values(place["country"] for place in places), join_values(place["name"] for place in places)]


def _who(actors: list[dict[str, Any]]) -> list[str]:
    names: dict[str, list[str]] = {}
    for actor in actors:
        names.setdefault(actor["role"], []).append(actor["name"])
    return [join_values(names[role]) if role in names else "" for role in ROLES]


def _numbers(event: Event) -> list[object]:
    found = measures_of(event)
    return [number for name in MEASURES for number in found.get(name, NOTHING)]


def _facets(event: Event) -> list[str]:
    cells = {facet.name: join_values(map(_label, facet.of(event))) for facet in KINDS[event.kind].facets}
    return [cells.get(name, "") for name in KIND_FACETS]


def _label(value: FacetValue | str | None) -> str | None:
    return value.label if isinstance(value, FacetValue) else value


def _links(event: dict[str, Any]) -> list[str]:
    return [
        join_values(source["publisher"] for source in event["sources"]),
        join_values(source["url"] for source in event["sources"]),
        join_values(f"{known['system']}:{known['id']}" for known in event["external_ids"]),
        join_values(event["tags"]),
        join_values(f"{relation['type']}:{relation['event_id']}" for relation in event["relations"]),
        join_values(event["quality_flags"]),
    ]
