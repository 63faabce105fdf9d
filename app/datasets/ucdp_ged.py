"""UCDP Georeferenced Event Dataset: events of organised violence that cost lives, in yearly and monthly releases.

UCDP gives low, best and high for all deaths of an event, and for those of side a, of side b, of civilians and of
unknown people only a best number; the four best numbers add up to the event's. Casualty rows are summed. So that their
sums are those of the file, each row begins with its best number as low and high too, and the rest is laid on rows:

- what high has beyond best goes to the only row that there is, else to that of the unknown, who are of no side;
- what low lacks of best is taken from the row of the unknown, then from the largest row on.

Rows with nothing but zeros are left out, unless all are. A record with best < low or high < best so has a row that
breaks the same order, and the rule `bounds-order` tells it. Where the four numbers do not add up to best, there is one
row for all the deaths, and the four go to `extra`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import ClassVar

from app.datasets.base import (
    Dataset,
    Draft,
    JsonObject,
    Layout,
    ReadOptions,
    Record,
    RowError,
    SourceRow,
    convert_rows,
)
from app.datasets.cells import MAX_LINE_LENGTH, Cells, decode, fit_extra, read_day, shorten
from app.datasets.codes.divisions import division_named
from app.datasets.codes.gwno import country_of
from app.kinds.countries import country_named
from app.kinds.timestamps import FIRST_YEAR, LAST_YEAR

COLUMNS = (
    *("id", "relid", "year", "active_year", "code_status", "type_of_violence", "conflict_dset_id", "conflict_new_id"),
    *("conflict_name", "dyad_dset_id", "dyad_new_id", "dyad_name", "side_a_dset_id", "side_a_new_id", "side_a"),
    *("side_b_dset_id", "side_b_new_id", "side_b", "number_of_sources", "source_article", "source_office"),
    *("source_date", "source_headline", "source_original", "where_prec", "where_coordinates", "where_description"),
    *("adm_1", "adm_2", "latitude", "longitude", "geom_wkt", "priogrid_gid", "country", "country_id", "region"),
    *("event_clarity", "date_prec", "date_start", "date_end", "deaths_a", "deaths_b", "deaths_civilians"),
    *("deaths_unknown", "best", "high", "low", "gwnoa", "gwnob"),
)
REQUIRED = frozenset(
    {"id", "type_of_violence", "side_a", "side_b", "where_prec", "latitude", "longitude", "country_id", "date_prec"}
    | {"date_start", "date_end", "deaths_a", "deaths_b", "deaths_civilians", "deaths_unknown", "best", "high", "low"}
)
# Columns with no home among the fields of an event.
NUMBERS = (
    *("active_year", "conflict_dset_id", "conflict_new_id", "dyad_dset_id", "dyad_new_id", "side_a_dset_id"),
    *("side_a_new_id", "side_b_dset_id", "side_b_new_id", "number_of_sources", "priogrid_gid", "event_clarity"),
    *("country_id", "gwnoa", "gwnob"),
)
TOLD_ELSEWHERE = ("year", "geom_wkt")
VIOLENCE = {1: "state_based", 2: "non_state", 3: "one_sided"}
WHERE = {1: "exact", 2: "near", 3: "admin2", 4: "admin1", 5: "linear", 6: "country", 7: "international"}
WHEN = {1: "day", 2: "days", 3: "week", 4: "month", 5: "year"}
POINTERS = {
    "/title": "dyad_name",
    "/started_at": "date_start",
    "/ended_at": "date_end",
    "/locations/0/lat": "latitude",
    "/locations/0/lon": "longitude",
    "/locations/0/name": "where_coordinates",
    "/locations": "country_id",
    "/actors/0": "side_a",
    "/actors/1": "side_b",
    "/casualties": "best",
    "/sources": "source_office",
    "/detail/type_of_violence": "type_of_violence",
}
SIDE_A, SIDE_B, CIVILIANS, UNKNOWN = range(4)
DEATHS = ("deaths_a", "deaths_b", "deaths_civilians", "deaths_unknown")
ADDRESS = re.compile(r"https?://[^\s;,\"<>\\]+")
# The beginning of a reference: a number in brackets or a quote is passed over, a date or a title ends the name.
PUBLISHER = re.compile('(?:\\([0-9]+\\)|[\\s"\u201c\u2018\'])*([^\\n"\u201c0-9(]{2,120})')


def looks_like_ged(rows: Sequence[Sequence[str]]) -> bool:
    """Whether most rows, which have no header, are those of a candidate release: 49 cells, codes, a point, days."""
    return 2 * sum(map(_is_event, rows)) > len(rows)


def _is_event(row: Sequence[str]) -> bool:
    if len(row) != len(COLUMNS):
        return False
    cells = dict(zip(COLUMNS, row, strict=True))
    return (
        cells["id"].isdecimal()
        and cells["type_of_violence"] in {"1", "2", "3"}
        and cells["where_prec"] in {"1", "2", "3", "4", "5", "6", "7"}
        and re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}/[0-9]{1,2}/", cells["date_start"]) is not None
        and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", cells["latitude"]) is not None
    )


class UcdpGed(Dataset):
    """Events of state-based, non-state and one-sided violence since 1989."""

    name: ClassVar = "ucdp_ged"
    system: ClassVar = "ucdp-ged"
    title: ClassVar = "UCDP Georeferenced Event Dataset"
    publisher: ClassVar = "Uppsala Conflict Data Program"
    url: ClassVar = "https://ucdp.uu.se/downloads/"
    licence: ClassVar = "CC BY 4.0"
    citation: ClassVar = (
        "Sundberg, Ralph, and Erik Melander, 2013, Introducing the UCDP Georeferenced Event Dataset, "
        "Journal of Peace Research 50(4)."
    )
    layouts: ClassVar = (
        Layout("24.1 to 26.1", COLUMNS, REQUIRED, snapshot=True),
        Layout("candidate", COLUMNS, REQUIRED, has_header=False, recognises=looks_like_ged),
    )
    date_columns: ClassVar = ("date_start", "date_end")

    def read(self, rows: Iterable[SourceRow], options: ReadOptions) -> Iterator[Record]:
        """One attack a row."""
        return convert_rows(rows, lambda row: self._convert(row, Cells(row, options.date_order)))

    def _convert(self, row: SourceRow, cells: Cells) -> Draft:
        key = cells.required("id")
        start, end = cells.day("date_start"), cells.day("date_end")
        if start is None:
            raise RowError("missing", "The event has no start.", column="date_start", remedy="Fill in date_start.")
        precision = decode(cells.whole("date_prec"), "date_prec", WHEN, "Codes are 1 to 5.") or "day"
        violence = decode(cells.whole("type_of_violence"), "type_of_violence", VIOLENCE, "Codes are 1 to 3.")
        actors = _actors(cells, start, violence)
        casualties, apart = _casualties(cells, [actor["name"] for actor in actors])
        place, where = _location(cells, start)
        extra: JsonObject = {name: number for name in NUMBERS if (number := cells.whole(name)) is not None}
        event = {
            "kind": "attack",
            "title": shorten(": ".join(filter(None, [cells.text("dyad_name") or _versus(actors), where]))),
            "started_at": start.isoformat(),
            "ended_at": (end or start).isoformat() if end != start or precision == "days" else None,
            "time_precision": precision,
            "locations": [place],
            "actors": actors,
            "casualties": casualties,
            "sources": [*_sources(cells), self.as_source()],
            "detail": {"type_of_violence": violence},
        }
        cells.keep(*TOLD_ELSEWHERE)
        cells.leave("adm_1")
        return Draft(key, {**event, "extra": fit_extra({**cells.rest(), **extra, **apart})}, (row,), POINTERS)


def _actors(cells: Cells, day: date, violence: str | None) -> list[JsonObject]:
    """The two sides; who began is not told. A number of Gleditsch and Ward makes one a government."""
    actors = []
    for side, number in (("side_a", "gwnoa"), ("side_b", "gwnob")):
        name, state = cells.line_of(side), cells.whole(number)
        if name is None:
            raise RowError("missing", f"The event has no {side}.", column=side, remedy=f"Fill in {side}.")
        country = None if state is None else country_of(state, day)
        if state is not None:
            sort = "government"
        elif violence == "one_sided" and side == "side_b":
            sort = "civilians"
        else:
            sort = "rebel_group" if violence == "state_based" else "other"
        actors.append({"name": name, "role": "party", "type": sort, "country": country})
    return actors


def _versus(actors: list[JsonObject]) -> str:
    return " - ".join(actor["name"] for actor in actors)


def _location(cells: Cells, day: date) -> tuple[JsonObject, str]:
    """The place, and how it is called with its country; a country that is no state of the list goes by its name."""
    number, told = cells.whole("country_id"), cells.text("country")
    country = None if number is None else country_of(number, day)
    country = country or (None if told is None else country_named(told))
    name, division = cells.line_of("where_coordinates"), cells.text("adm_1")
    place: JsonObject = {
        "name": name or told,
        "country": country,
        "admin1": None if country is None or division is None else division_named(country, division),
        "lat": cells.number("latitude"),
        "lon": cells.number("longitude"),
        "precision": decode(cells.whole("where_prec"), "where_prec", WHERE, "Codes are 1 to 7."),
        "role": "impact",
    }
    return place, ", ".join(dict.fromkeys(filter(None, [name, told])))


def _casualties(cells: Cells, sides: list[str]) -> tuple[list[JsonObject], JsonObject]:
    """The rows of the dead, and the numbers that do not fit together, for `extra`."""
    low, best, high = (cells.whole(column) for column in ("low", "best", "high"))
    told = [cells.whole(column) for column in DEATHS]
    if best is None:
        estimate = {"low": low, "best": None, "high": high}
        empty = low is None and high is None
        rows = [] if empty else [{"measure": "killed", "group": "unknown", "count": estimate}]
        return rows, {name: count for name, count in zip(DEATHS, told, strict=True) if count is not None}
    parts, apart = [count or 0 for count in told], {}
    if sum(parts) != best:
        apart = {name: count for name, count in zip(DEATHS, told, strict=True) if count is not None}
        parts = [0, 0, 0, best]
    lows = lay_difference(parts, best if low is None else low)
    highs = lay_difference(parts, best if high is None else high)
    counted = list(zip(lows, parts, highs, strict=True))
    rows = []
    for index, numbers in enumerate(counted):
        if any(numbers) or (index == UNKNOWN and not any(map(any, counted))):
            group = {CIVILIANS: "civilian", UNKNOWN: "unknown"}.get(index, "military")
            whose = {} if index in {CIVILIANS, UNKNOWN} else {"actor": sides[index]}
            count = dict(zip(("low", "best", "high"), numbers, strict=True))
            rows.append({"measure": "killed", "group": group, **whose, "count": count})
    return rows, apart


def lay_difference(parts: list[int], total: int) -> list[int]:
    """The numbers of the four parts changed so that they add up to the total, as this module's docstring says.

    >>> lay_difference([0, 14, 0, 0], 20), lay_difference([1, 3, 0, 0], 5), lay_difference([1, 3, 0, 1], 2)
    ([0, 20, 0, 0], [1, 3, 0, 1], [1, 1, 0, 0])
    """
    found, difference = list(parts), total - sum(parts)
    if difference > 0:
        only = [index for index, count in enumerate(parts) if count]
        found[only[0] if len(only) == 1 else UNKNOWN] += difference
        return found
    for index in [UNKNOWN, *sorted((SIDE_A, SIDE_B, CIVILIANS), key=lambda part: -parts[part])]:
        taken = min(found[index], -difference)
        found[index] -= taken
        difference += taken
    return found


def _sources(cells: Cells) -> list[JsonObject]:
    """A source for each office, with its day and headline where all three lists are as long; else the old reference."""
    offices, days, headlines = (cells.listed(column) for column in ("source_office", "source_date", "source_headline"))
    article = cells.text("source_article")
    if not offices:
        if article is not None and len(article) > MAX_LINE_LENGTH:
            cells.leave("source_article")
        return [] if article is None else [_reference(article)]
    aligned = len(offices) == len(days)
    titled = aligned and len(offices) == len(headlines)
    return [
        {
            "publisher": shorten(office),
            "published_at": _published(days[index]) if aligned else None,
            "title": shorten(headlines[index]) if titled else None,
        }
        for index, office in enumerate(offices)
    ]


def _published(text: str) -> str | None:
    try:
        day = read_day(text, "source_date")
    except RowError:
        return None
    return day.isoformat() if FIRST_YEAR <= day.year <= LAST_YEAR else None


def _reference(article: str) -> JsonObject:
    """The reference of an older record, which is free text: its beginning is who published it."""
    match, address = PUBLISHER.match(article), ADDRESS.search(article)
    publisher = (match[1] if match else article).partition("http")[0].strip(" ,.:;-'\u2019")
    host = address[0].split("/")[2] if address else "unknown"
    return {
        "publisher": shorten(publisher) or host,
        "title": shorten(article) or None,
        "url": address[0].rstrip(".)") if address else None,
    }
