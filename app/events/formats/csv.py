"""An event as one line of CSV, in columns that follow from the envelope and the kinds."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any, get_args

import orjson

from app.events.documents import load_event
from app.events.formats.columns import KindColumns, columns_of
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
LINKS = ("publishers", "source_urls", "external_ids", "tags", "relations", "quality_flags")
RECORDED = ("created_at", "updated_at")

# What a spreadsheet would run: also full-width signs and, so that reading takes off what writing put on, quoted ones.
FORMULA = re.compile("'*[=+\\-@\t\r\n\uff0b\uff0d\uff1d\uff20]")
# Line readers cut at these, and CSV has no way to escape them.
SEPARATORS = re.compile("[\u2028\u2029]")
# What tells Excel that a file is UTF-8, and how many characters a cell of it takes: what is beyond spills into others.
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MAX_EXCEL_CHARACTERS = 32_767


def column_names(kinds: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The names of the columns in their order, for events of these kinds, or of every kind."""
    chosen = columns_of(kinds)
    fixed = (*OWN, *PLACE, *PLACES, *ACTORS, *chosen.number_names)
    fields = [f"detail_{name}" for name in chosen.fields]
    return (*fixed, *chosen.facet_names({*fixed, *fields, *LINKS, *RECORDED}), *fields, *LINKS, *RECORDED)


def csv_header(kinds: tuple[str, ...] = (), *, excel: bool = False) -> bytes:
    """The first line of the file, UTF-8; only for Excel it begins with a byte order mark."""
    return (BYTE_ORDER_MARK if excel else b"") + _lines([column_names(kinds)])


def csv_rows(bodies: Iterable[bytes], kinds: tuple[str, ...] = (), *, excel: bool = False) -> bytes:
    """A line for each event, given its stored JSON: RFC 4180, UTF-8, each line closed by CR LF.

    For Excel a text that is longer than its cells ends in an ellipsis.
    """
    columns = columns_of(kinds)
    rows = (_cells(body, columns) for body in bodies)
    return _lines([list(map(_shorten, row)) for row in rows] if excel else rows)


def _lines(rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _shorten(cell: object) -> object:
    if not isinstance(cell, str) or len(cell) <= MAX_EXCEL_CHARACTERS // 2:
        return cell
    units = cell.encode("utf-16-le")  # Excel counts these, two bytes each
    if len(units) <= 2 * MAX_EXCEL_CHARACTERS:
        return cell
    return units[: 2 * MAX_EXCEL_CHARACTERS - 2].decode("utf-16-le", "ignore") + "…"


def _cells(body: bytes, columns: KindColumns) -> list[object]:
    event = orjson.loads(body)
    read = load_event(event)
    return [
        *[plain(event[name]) for name in OWN],
        *_where(event["locations"]),
        *_who(event["actors"]),
        *columns.numbers(read),
        *map(join_values, columns.facet_values(read)),
        *[plain(event["detail"].get(name)) for name in columns.fields],
        *_links(event),
        *[event[name] for name in RECORDED],
    ]


def plain(value: object) -> object:
    """A value as a cell: a text that a spreadsheet would take for a formula gets an apostrophe, null is empty."""
    if isinstance(value, str):
        return escape_formula(SEPARATORS.sub(" ", value))
    return str(value).lower() if isinstance(value, bool) else "" if value is None else value


def escape_formula(text: str) -> str:
    """The text, behind an apostrophe if a spreadsheet would take it for a formula.

    >>> escape_formula("=1+1"), escape_formula("1+1")
    ("'=1+1", '1+1')
    """
    return f"'{text}" if FORMULA.match(text) else text


def join_values(values: Iterable[str | None]) -> str:
    r"""Each different value once, semicolons between them; a semicolon or backslash of a value follows a backslash.

    >>> join_values(["a;b", "c", "a;b", None])
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


def _links(event: dict[str, Any]) -> list[str]:
    return [
        join_values(source["publisher"] for source in event["sources"]),
        join_values(source["url"] for source in event["sources"]),
        join_values(f"{known['system']}:{known['id']}" for known in event["external_ids"]),
        join_values(event["tags"]),
        join_values(f"{relation['type']}:{relation['event_id']}" for relation in event["relations"]),
        join_values(event["quality_flags"]),
    ]
