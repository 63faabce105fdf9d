"""Buckets of the calendar in a time zone: where each begins, through daylight-saving changes and skipped days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from app.kinds import from_micros, micros
from app.kinds.timestamps import day_begin

# Calendars that are kept, as a dashboard asks for the same days again and again: each less than 2 MB.
CALENDARS = 16
HOUR = timedelta(hours=1)
SECOND_US = 1_000_000
ALWAYS_UTC = (UTC, ZoneInfo("UTC"))
# In UTC: how long a bucket is, and when one began; the epoch was a Thursday.
LENGTHS = {
    "hour": (3600 * SECOND_US, 0),
    "day": (86_400 * SECOND_US, 0),
    "week": (7 * 86_400 * SECOND_US, 4 * 86_400 * SECOND_US),
}


@lru_cache(CALENDARS)
def bounds(first: int, last: int, interval: str, zone: tzinfo, most: int) -> tuple[int, ...]:
    """The beginnings of the buckets from the one that holds `first` to the one after that of `last`, in microseconds.

    Gives up after `most` buckets, so that the answer is longer than `most` + 1 where there are more.
    """
    if zone in ALWAYS_UTC and interval in LENGTHS:
        return tuple(even_bounds(first, last, *LENGTHS[interval], most))
    found: list[int] = []
    for begin in map(micros, begins(from_micros(first), interval, zone)):
        if not found or begin > found[-1]:  # a zone may skip a day, which then has no length
            found.append(begin)
        if begin > last or len(found) > most + 1:
            break
    return tuple(found)


def even_bounds(first: int, last: int, length: int, phase: int, most: int) -> list[int]:
    """The same where all buckets are equally long and one of them begins at `phase`."""
    begin = first - (first - phase) % length
    count = min((last - begin) // length + 2, most + 2)
    return [begin + n * length for n in range(count)]


def begins(moment: datetime, interval: str, zone: tzinfo) -> Iterator[datetime]:
    """The beginning of the bucket that holds the moment, and of every later one."""
    if interval == "hour":
        yield from hours(moment, zone)
        return
    day = first_day(moment.astimezone(zone).date(), interval)
    while True:
        yield day_begin(day, zone)
        day = next_day(day, interval)


def hours(moment: datetime, zone: tzinfo) -> Iterator[datetime]:
    """Hours as clocks in the zone show them; one that clocks show twice is two, unless they go back by less."""
    at = moment - time_past_hour(moment, zone)
    while True:
        yield at
        after = at + HOUR - time_past_hour(at, zone)
        if time_past_hour(after, zone) and after.astimezone(zone).hour == at.astimezone(zone).hour:
            after += HOUR - time_past_hour(after, zone)
        at = after


def time_past_hour(moment: datetime, zone: tzinfo) -> timedelta:
    """How long the clock in the zone has shown this hour."""
    local = moment.astimezone(zone)
    return timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)


def first_day(day: date, interval: str) -> date:
    """The first day of the week (ISO 8601: Monday), month, quarter or year that holds the day."""
    match interval:
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case "year":
            return day.replace(month=1, day=1)
        case _:
            return day


def next_day(day: date, interval: str) -> date:
    """The first day of the next one."""
    if interval in {"day", "week"}:
        return day + timedelta(days=1 if interval == "day" else 7)
    months = {"month": 1, "quarter": 3, "year": 12}[interval]
    ahead = day.month - 1 + months
    return date(day.year + ahead // 12, ahead % 12 + 1, 1)


def with_offset(begin: int, zone: tzinfo) -> datetime:
    """A beginning with the zone's offset; in UTC where the offset has seconds, which RFC 3339 cannot write."""
    moment = from_micros(begin)
    if zone in ALWAYS_UTC:
        return moment
    local = moment.astimezone(zone)
    offset = local.utcoffset() or timedelta()
    return moment if offset.seconds % 60 else local
