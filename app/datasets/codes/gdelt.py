"""The columns of GDELT's event database, which its files do not name, and how its rows are told from others."""

from __future__ import annotations

import re
from collections.abc import Sequence

ACTOR_TYPES = ("Type1Code", "Type2Code", "Type3Code")
ACTOR = (
    *("Code", "Name", "CountryCode", "KnownGroupCode", "EthnicCode", "Religion1Code", "Religion2Code"),
    *ACTOR_TYPES,
)
PLACE = ("Type", "FullName", "CountryCode", "ADM1Code", "Lat", "Long", "FeatureID")
# Told by other columns too: of the day, and of the event's code.
DERIVED = ("MonthYear", "Year", "FractionDate", "EventBaseCode", "EventRootCode")

ID, DAY, CODE = (
    re.compile(r"[0-9]{1,12}(\.0)?"),
    re.compile(r"(18|19|20)[0-9]{6}(\.0)?"),
    re.compile(r"[0-9]{1,4}(\.0)?"),
)
DAY_AT, CODE_AT, QUAD_CLASS_AT = 1, 26, 29


def columns(*, has_divisions: bool) -> tuple[str, ...]:
    """The columns in order; 2.0 has second-order divisions too."""
    place = (*PLACE[:4], "ADM2Code", *PLACE[4:]) if has_divisions else PLACE
    return (
        *("GLOBALEVENTID", "SQLDATE", "MonthYear", "Year", "FractionDate"),
        *(f"Actor{n}{part}" for n in (1, 2) for part in ACTOR),
        *("IsRootEvent", "EventCode", "EventBaseCode", "EventRootCode", "QuadClass", "GoldsteinScale"),
        *("NumMentions", "NumSources", "NumArticles", "AvgTone"),
        *(f"{whose}Geo_{part}" for whose in ("Actor1", "Actor2", "Action") for part in place),
        *("DATEADDED", "SOURCEURL"),
    )


def looks_like(first_rows: Sequence[Sequence[str]], width: int) -> bool:
    """Whether the first row, and most of those that follow, are events of that many columns."""
    events = [is_event(row, width) for row in first_rows]
    return events[0] and 2 * sum(events) > len(events)


def is_event(row: Sequence[str], width: int) -> bool:
    """Whether a row has that many columns, and among them an id, a day, a CAMEO code and a quad class."""
    return (
        len(row) == width
        and ID.fullmatch(row[0]) is not None
        and DAY.fullmatch(row[DAY_AT]) is not None
        and CODE.fullmatch(row[CODE_AT]) is not None
        and row[QUAD_CLASS_AT].removesuffix(".0") in {"1", "2", "3", "4"}
    )
