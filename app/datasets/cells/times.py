"""Dates and times of day as files write them, in the forms that were met."""

from __future__ import annotations

import re
from datetime import date, datetime, tzinfo
from functools import lru_cache
from typing import Any, NamedTuple

from app.datasets.base import DateOrder, RowError
from app.datasets.cells.values import as_text
from app.kinds.timestamps import format_instant

CLOCK = re.compile(r"(.*?)[T\s]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,][0-9]*)?)?\s*(Z|[+-][0-9]{2}:?[0-9]{2})?")
STAMP = re.compile(r"([0-9]{8})([0-9]{2})([0-9]{2})([0-9]{2})")  # YYYYMMDDhhmmss
YEAR_FIRST = re.compile(r"([0-9]{4})(?:([-/.])([0-9]{1,2})\2([0-9]{1,2})|([0-9]{2})([0-9]{2}))")
NAMED_MONTH = re.compile(r"([0-9]{1,2})[-/ .]+([A-Za-z]{3,9})\.?[-/ ,]+([0-9]{4}|[0-9]{2})")
NUMBERS = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4})")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH_NAMES = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
CENTURY_TURNS = 70  # a year of two digits from here on is one of the twentieth century


class Moment(NamedTuple):
    """A time as an event's fields take it: a bare day, or an instant with its offset."""

    text: str
    is_day: bool


def read_day(value: Any, column: str, order: DateOrder | None = None) -> date:
    """A date in any of the forms met; raises RowError with `date`.

    `2013-01-03`, also with a time after it; `20130103`; `28 December 2022`, `01-January-2015`, `1-Jan-15`; and
    `31.7.2014` or `7/31/2014`, where `order` decides between those that both could be.
    """
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    return _day_of_text(as_text(value), column, order)


@lru_cache(8_192)
def _day_of_text(text: str, column: str, order: DateOrder | None) -> date:
    clock = CLOCK.fullmatch(text) or STAMP.fullmatch(text)
    found = _calendar_day(clock[1] if clock else text, order)
    if found is None:
        raise RowError(
            "date",
            f"The column {column} has no date that can be read.",
            column=column,
            value=text,
            remedy="Write dates as YYYY-MM-DD."
            if NUMBERS.fullmatch(text) is None
            else "Write dates as YYYY-MM-DD, or say --date-order day-first or month-first.",
        )
    return found


def _calendar_day(text: str, order: DateOrder | None) -> date | None:
    try:
        if match := YEAR_FIRST.fullmatch(text):
            return date(int(match[1]), int(match[3] or match[5]), int(match[4] or match[6]))
        if (match := NAMED_MONTH.fullmatch(text)) and match[2].lower()[:3] in MONTHS:
            month = MONTHS.index(match[2].lower()[:3])
            year = int(match[3])
            year += 0 if year > 99 else 1900 if year >= CENTURY_TURNS else 2000
            return date(year, month + 1, int(match[1])) if MONTH_NAMES[month].startswith(match[2].lower()) else None
        if match := NUMBERS.fullmatch(text):
            return _ordered_day(int(match[1]), int(match[3]), int(match[4]), order)
    except ValueError:
        pass
    return None


def _ordered_day(first: int, second: int, year: int, order: DateOrder | None) -> date | None:
    if order is None:
        if first <= 12 and second <= 12 and first != second:
            return None
        order = "day-first" if second <= 12 else "month-first"
    return date(year, second, first) if order == "day-first" else date(year, first, second)


def read_moment(value: Any, column: str, zone: tzinfo, order: DateOrder | None = None) -> Moment:
    """A day or an instant; a time of day without an offset is one in the zone. Raises RowError with `date`.

    Of a time that the clocks skipped or had twice, the first reading of it is taken (PEP 495, fold 0).
    """
    if isinstance(value, datetime):
        return _instant(value if value.tzinfo else value.replace(tzinfo=zone))
    if isinstance(value, date):
        return Moment(value.isoformat(), is_day=True)
    return _moment_of_text(as_text(value), column, zone, order)


@lru_cache(8_192)
def _moment_of_text(text: str, column: str, zone: tzinfo, order: DateOrder | None) -> Moment:
    day = _day_of_text(text, column, order)
    clock = CLOCK.fullmatch(text) or STAMP.fullmatch(text)
    if clock is None:
        return Moment(day.isoformat(), is_day=True)
    try:
        time = datetime(day.year, day.month, day.day, int(clock[2]), int(clock[3]), int(clock[4] or 0), tzinfo=zone)
    except ValueError:
        raise RowError(
            "date",
            f"The column {column} has a time of day that there is not.",
            column=column,
            value=text,
            remedy="Write times as YYYY-MM-DD hh:mm, from 00:00 to 23:59.",
        ) from None
    own = clock[5] if clock.re is CLOCK else None
    if own is not None:
        time = datetime.fromisoformat(f"{time:%Y-%m-%dT%H:%M:%S}{own.replace('Z', '+00:00')}")
    return _instant(time)


def _instant(time: datetime) -> Moment:
    return Moment(format_instant(time.replace(microsecond=0)), is_day=False)
