"""ACLED: political violence, demonstrations and strategic developments, as tables and as the objects of its API.

All six event types are attacks here, since that kind has the types of the ACLED codebook as its vocabulary; a filter
on `event_type` tells battles from protests. Older names of types become those of today, and stay in `extra` as they
were. No direction is told, so both actors have the role `party`; those associated with one are participants. The one
number of fatalities is the best one, of civilians where civilians were targeted. A country that is none, such as the
Red Sea, is a place without a country. An object with `deleted_timestamp` is a removal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from functools import cache, lru_cache
from typing import ClassVar, get_args

import pycountry

from app.datasets.base import (
    Dataset,
    Draft,
    JsonObject,
    Layout,
    ReadOptions,
    Record,
    Removal,
    RowError,
    SourceRow,
    convert_rows,
)
from app.datasets.cells import Cells, clean, decode, fit_extra, shorten, slugs
from app.datasets.codes.divisions import division_named
from app.datasets.codes.gwno import country_of
from app.kinds.attack import ACLED, EventType
from app.kinds.countries import country_named

COLUMNS = (
    *("event_id_cnty", "event_date", "year", "time_precision", "disorder_type", "event_type", "sub_event_type"),
    *("actor1", "assoc_actor_1", "inter1", "actor2", "assoc_actor_2", "inter2", "interaction", "civilian_targeting"),
    *("iso", "region", "country", "admin1", "admin2", "admin3", "location", "latitude", "longitude", "geo_precision"),
    *("source", "source_scale", "notes", "fatalities", "tags", "timestamp"),
)
COLUMNS_2016 = (
    *("GWNO", "EVENT_ID_CNTY", "EVENT_ID_NO_CNTY", "EVENT_DATE", "YEAR", "TIME_PRECISION", "EVENT_TYPE", "ACTOR1"),
    *("ALLY_ACTOR_1", "INTER1", "ACTOR2", "ALLY_ACTOR_2", "INTER2", "INTERACTION", "COUNTRY", "ADMIN1", "ADMIN2"),
    *("ADMIN3", "LOCATION", "LATITUDE", "LONGITUDE", "GEO_PRECISION", "SOURCE", "NOTES", "FATALITIES"),
)
REQUIRED = frozenset({"event_id_cnty", "event_date", "event_type", "actor1", "country", "fatalities"})
OF_2016 = frozenset({*map(str.upper, REQUIRED), "GWNO", "ALLY_ACTOR_1"})
DELETED = ("event_id_cnty", "deleted_timestamp")

WHEN = {1: "day", 2: "week", 3: "month"}
WHERE = {1: "exact", 2: "near", 3: "admin1"}
# Codes until 2024 and the words since, in the singular.
ACTOR_TYPES = {
    **dict.fromkeys(("1", "state force"), "state_forces"),
    **dict.fromkeys(("2", "rebel group", "rebel force"), "rebel_group"),
    **dict.fromkeys(("3", "political militia"), "political_militia"),
    **dict.fromkeys(("4", "identity militia", "communal militia"), "identity_militia"),
    **dict.fromkeys(("5", "rioter"), "rioters"),
    **dict.fromkeys(("6", "protester"), "protesters"),
    **dict.fromkeys(("7", "civilian"), "civilians"),
    **dict.fromkeys(("8", "external/other force", "other force", "external force"), "external_other"),
}
# Event types of the codebooks until 2018, with the type and sub-event type that took their place.
OLDER = {
    "battle-no change of territory": ("Battles", "Armed clash"),
    "battle-government regains territory": ("Battles", "Government regains territory"),
    "battle-non-state actor overtakes territory": ("Battles", "Non-state actor overtakes territory"),
    "headquarters or base established": ("Strategic developments", "Headquarters or base established"),
    "non-violent transfer of territory": ("Strategic developments", "Non-violent transfer of territory"),
    "non-violent activity": ("Strategic developments", None),
    "strategic development": ("Strategic developments", None),
    "remote violence": ("Explosions/Remote violence", None),
    "riots/protests": ("Protests", None),  # riots where rioters took part
}
TYPES = {name.casefold(): name for name in get_args(EventType)}
SUB_TYPES = {(sort, name.casefold()): name for sort, names in ACLED.items() for name in names}
VIOLENT = frozenset({"Battles", "Explosions/Remote violence", "Violence against civilians"})
OWN_COUNTRY = re.compile(r"\((?:the )?([^()0-9]{4,})\)|(?:Forces|Government|Police|Army) of (?:the )?([^(]+)")
MAX_SUMMARY_LENGTH = 5_000
POINTERS = {
    "/started_at": "event_date",
    "/time_precision": "time_precision",
    "/locations/0/lat": "latitude",
    "/locations/0/lon": "longitude",
    "/locations/0/name": "location",
    "/locations": "country",
    "/actors": "actor1",
    "/casualties": "fatalities",
    "/sources": "source",
    "/summary": "notes",
    "/tags": "tags",
    "/detail/event_type": "event_type",
    "/detail/sub_event_type": "sub_event_type",
}


class Acled(Dataset):
    """Events of the Armed Conflict Location and Event Data project."""

    name: ClassVar = "acled"
    system: ClassVar = "acled"
    title: ClassVar = "Armed Conflict Location & Event Data"
    publisher: ClassVar = "ACLED"
    url: ClassVar = "https://acleddata.com/"
    licence: ClassVar = "ACLED terms of use: attribution, no redistribution"
    citation: ClassVar = (
        "Raleigh, C., Kishi, R. & Linke, A. (2023). Political instability patterns are obscured by conflict dataset "
        "scope conditions, sources, and coding choices. Humanities and Social Sciences Communications 10."
    )
    layouts: ClassVar = (
        Layout("since 2023", COLUMNS, REQUIRED),
        Layout("2016", COLUMNS_2016, OF_2016),
        Layout("deleted", DELETED, frozenset(DELETED)),
    )
    date_columns: ClassVar = ("event_date", "EVENT_DATE")

    def read(self, rows: Iterable[SourceRow], options: ReadOptions) -> Iterator[Record]:
        """One event a row."""
        return convert_rows(rows, lambda row: self._convert(row, Cells(row, options.date_order)))

    def _convert(self, row: SourceRow, cells: Cells) -> Draft | Removal:
        key = cells.required("event_id_cnty")
        if "deleted_timestamp" in cells:
            return Removal(key, (row,))
        day = cells.day("event_date")
        if day is None:
            raise RowError("missing", "The event has no date.", column="event_date", remedy="Fill in event_date.")
        sort, sub_sort = read_types(cells)
        actors, place = _actors(cells), _location(cells, day, sort)
        targeting = cells.text("civilian_targeting") is not None if "civilian_targeting" in cells else None
        sides = " - ".join(actor["name"] for actor in actors if actor["role"] == "party")
        where = ", ".join(dict.fromkeys(filter(None, [place["name"], cells.text("country")])))
        summary = clean(cells.text("notes") or "")
        if len(summary) > MAX_SUMMARY_LENGTH:
            cells.leave("notes")
        event = {
            "kind": "attack",
            "title": shorten(": ".join(filter(None, [sub_sort or sort, ", ".join(filter(None, [sides, where]))]))),
            "summary": summary[:MAX_SUMMARY_LENGTH] or None,
            "started_at": day.isoformat(),
            "time_precision": decode(cells.whole("time_precision"), "time_precision", WHEN, "Codes are 1 to 3.")
            or "day",
            "locations": [place] if place["name"] or place["country"] or place["lat"] is not None else [],
            "actors": actors,
            "casualties": _killed(cells, civilians=targeting is True),
            "sources": [*_sources(cells), self.as_source()],
            "tags": slugs(cells.listed("tags")),
            "detail": {"event_type": sort, "sub_event_type": sub_sort, "civilian_targeting": targeting},
        }
        cells.keep("year")
        stamp = cells.whole("timestamp")
        extra = {**cells.rest(), **({} if stamp is None else {"timestamp": stamp})}
        return Draft(key, {**event, "extra": fit_extra(extra)}, (row,), POINTERS)


def read_types(cells: Cells) -> tuple[str, str | None]:
    """The event type and sub-event type as the codebook has them today; refuses a type that it never had."""
    told, sub_told = cells.required("event_type"), cells.text("sub_event_type")
    folded = " ".join(told.casefold().split())
    sort, sub_sort = TYPES.get(folded), None
    if sort is None and folded in OLDER:
        sort, sub_sort = OLDER[folded]
        if folded == "riots/protests" and "rioters" in {_type(cells, "inter1"), _type(cells, "inter2")}:
            sort = "Riots"
        cells.leave("event_type")
    if sort is None:
        raise RowError(
            "event-type",
            "ACLED has no such event type.",
            column="event_type",
            value=told,
            remedy=f"Write one of: {'; '.join(ACLED)}.",
        )
    if sub_told is not None:
        sub_sort = SUB_TYPES.get((sort, " ".join(sub_told.casefold().split())))
        if sub_sort is None:
            cells.leave("sub_event_type")
    return sort, sub_sort


def _type(cells: Cells, column: str) -> str:
    told = (cells.text(column) or "").casefold()
    return ACTOR_TYPES.get(told.removesuffix("s"), "other")


def _actors(cells: Cells) -> list[JsonObject]:
    """Both sides, then those associated with one; of these, `extra` tells with which."""
    sides: list[JsonObject] = []
    others: dict[str, JsonObject] = {}
    for side in ("1", "2"):
        name = cells.line_of(f"actor{side}")
        if name is not None:
            sort = _type(cells, f"inter{side}")
            sides.append({"name": name, "role": "party", "type": sort, "country": country_in(name)})
        for column in (f"assoc_actor_{side}", f"ally_actor_{side}"):
            for other in map(shorten, cells.listed(column)):
                others[other] = {"name": other, "role": "participant", "type": "other", "country": country_in(other)}
            cells.leave(column)
    return [*sides, *others.values()]


@lru_cache(4_096)
def country_in(actor: str) -> str | None:
    """The country in an actor's name, as ACLED writes it.

    >>> country_in("Civilians (Ukraine)"), country_in("Military Forces of Mali (2021-)"), country_in("Wagner Group")
    ('UA', 'ML', None)
    """
    named = [first or second for first, second in OWN_COUNTRY.findall(actor)]
    return next((code for name in reversed(named) if (code := country_named(name.strip()))), None)


@cache
def _by_number() -> dict[int, str]:
    return {int(country.numeric): country.alpha_2 for country in pycountry.countries}


def _location(cells: Cells, day: date, sort: str) -> JsonObject:
    """The place. A country is found by its number of ISO 3166, of Gleditsch and Ward, or by name; a sea is none."""
    told, number, state = cells.text("country"), cells.whole("iso"), cells.whole("gwno")
    country = None if number is None else _by_number().get(number)
    country = country or (None if state is None else country_of(state, day))
    country = country or (None if told is None else country_named(told))
    division = cells.text("admin1")
    cells.leave("admin1", *(() if country else ("country", "iso")))
    return {
        "name": cells.line_of("location") or (None if told is None else shorten(told)),
        "country": country,
        "admin1": None if country is None or division is None else division_named(country, division),
        "lat": cells.number("latitude"),
        "lon": cells.number("longitude"),
        "precision": decode(cells.whole("geo_precision"), "geo_precision", WHERE, "Codes are 1 to 3."),
        "role": "impact" if sort in VIOLENT else None,
    }


def _killed(cells: Cells, *, civilians: bool) -> list[JsonObject]:
    fatalities = cells.whole("fatalities")
    if fatalities is None:
        return []
    group = "civilian" if civilians else "unknown"
    return [{"measure": "killed", "group": group, "count": {"best": fatalities}}]


def _sources(cells: Cells) -> list[JsonObject]:
    scale = cells.line_of("source_scale")
    return [{"publisher": name, "scale": scale} for name in dict.fromkeys(map(shorten, cells.listed("source")))]
