"""Time: instants as RFC 3339 writes them, and the day, week, month or year of a zone that holds one."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache, lru_cache
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema

from app.kinds.codes import require_listed
from app.kinds.field_errors import ValueRefused

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
BY_DAYS = frozenset({"day", "days", "week", "month", "year"})
FIRST_YEAR, LAST_YEAR = 1900, 2200
OFFSET = len("+00:00")
TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?"
INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)
NAIVE = re.compile(TIME)
SPACED = re.compile(TIME + r" [0-9]{2}:?[0-9]{2}")
LEAP = re.compile(r"[0-9-]{10}[Tt ][0-9]{2}:[0-9]{2}:60.*")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def parse_instant(text: str) -> datetime:
    """Read an RFC 3339 instant, a space allowed for its T. Raises `ValueRefused`: `instant`, `offset-missing`, `range`.

    Of up to 9 fractional digits 6 are kept.

    >>> parse_instant("2025-09-07T03:00:00.5+03:00").isoformat()
    '2025-09-07T00:00:00.500000+00:00'
    """
    if not INSTANT.fullmatch(text):
        raise _misread(text)
    try:
        return in_utc(datetime.fromisoformat(text.upper()))
    except (ValueError, OverflowError) as error:
        raise error if isinstance(error, ValueRefused) else ValueRefused("instant", "There is no such day.") from None


def in_utc(moment: datetime) -> datetime:
    """The moment in UTC. Raises `ValueRefused` where it, or what was written, lies outside 1900-2200."""
    if FIRST_YEAR <= moment.year <= LAST_YEAR:
        moment = moment.astimezone(UTC)
        if FIRST_YEAR <= moment.year <= LAST_YEAR:
            return moment
    raise ValueRefused("range", "Years run from 1900 to 2200.")


def _misread(text: str) -> ValueRefused:
    if SPACED.fullmatch(text):
        return ValueRefused("offset-missing", "A space stands where + was meant; in a URL write %2B.")
    if NAIVE.fullmatch(text):
        return ValueRefused("offset-missing", "An instant needs its offset from UTC: Z or +hh:mm.")
    if LEAP.fullmatch(text):
        return ValueRefused("instant", "Second 60 is not accepted.")
    return ValueRefused(
        "instant", "An instant is YYYY-MM-DDThh:mm:ss, at most 9 fractional digits, and Z or an offset."
    )


@lru_cache(256)
def format_instant(moment: datetime) -> str:
    """UTC, `Z`, and 0 or 6 fractional digits.

    >>> format_instant(datetime(2025, 9, 7, tzinfo=UTC))
    '2025-09-07T00:00:00Z'
    """
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return utc.isoformat()[:-OFFSET] + "Z"


def format_micros(count: int) -> str:
    """The same of the instant that many microseconds after the Unix epoch; many of one second cost little.

    >>> format_micros(1_757_203_200_500_000)
    '2025-09-07T00:00:00.500000Z'
    """
    seconds, rest = divmod(count, 1_000_000)
    return f"{second_text(seconds)}.{rest:06d}Z" if rest else f"{second_text(seconds)}Z"


@lru_cache(256)
def second_text(seconds: int) -> str:
    """A second since the Unix epoch without its `Z`."""
    return (EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()


def micros(moment: datetime) -> int:
    """Microseconds since the Unix epoch."""
    passed = moment - EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def from_micros(count: int) -> datetime:
    """The instant that many microseconds after the Unix epoch."""
    return EPOCH + timedelta(microseconds=count)


def parse_day(text: str) -> date:
    """A calendar date. Raises `ValueRefused` with `date`."""
    try:
        day = date.fromisoformat(text) if DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None or not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueRefused("date", "A date is YYYY-MM-DD, between 1900 and 2200.")
    return day


def unit_end(moment: datetime, unit: str, zone: tzinfo) -> datetime:
    """Where the `day`, `days` (a day), ISO `week`, `month` or `year` that holds the moment ends, exclusively."""
    day = moment.astimezone(zone).date()
    match unit:
        case "week":
            after = day + timedelta(days=7 - day.weekday())
        case "month":
            after = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        case "year":
            after = date(day.year + 1, 1, 1)
        case _:
            after = day + timedelta(days=1)
    return day_begin(after, zone)


@lru_cache(10_000)
def day_begin(day: date, zone: tzinfo) -> datetime:
    """The instant after which it is never again the day before, in UTC: midnight, or what clocks made of it."""
    wall = datetime(day.year, day.month, day.day, tzinfo=zone)
    earlier, later = sorted((wall.astimezone(UTC), wall.replace(fold=1).astimezone(UTC)))
    if earlier == later or _is_past(later, day, zone):
        return later
    while later - earlier > TICK:  # the clocks moved over midnight: look for the last instant of the day before
        middle = earlier + (later - earlier) // 2
        earlier, later = (middle, later) if _is_past(middle, day, zone) else (earlier, middle)
    return earlier


def _is_past(moment: datetime, day: date, zone: tzinfo) -> bool:
    """Whether it is an earlier day until that moment."""
    return (moment - TICK).astimezone(zone).date() < day


@cache
def zone_names() -> frozenset[str]:
    """Every time zone that the IANA database of this machine knows."""
    return frozenset(zoneinfo.available_timezones() - {"Factory", "localtime", "posixrules"})


def zone_named(name: str | None) -> tzinfo:
    """The zone, or UTC for none. Raises `ValueRefused` with `timezone`."""
    if name is None:
        return UTC
    if name not in zone_names():
        raise ValueRefused("timezone", "A time zone is a name of the IANA database, such as Europe/Kyiv.")
    return zoneinfo.ZoneInfo(name)


def zone_or_utc(name: object) -> tzinfo:
    """The zone, or UTC where there is none of that name: a stored event may have one that is no longer listed."""
    return zoneinfo.ZoneInfo(name) if isinstance(name, str) and name in zone_names() else UTC


class Midnights(NamedTuple):
    """How bare days of an event are read."""

    zone: tzinfo
    by_days: bool  # its times are told by days or coarser


def midnights(event: Mapping[str, Any]) -> Midnights:
    """How bare days of the event are read: as midnight in its time zone, else UTC."""
    precision = event.get("time_precision")
    return Midnights(zone_or_utc(event.get("timezone")), isinstance(precision, str) and precision in BY_DAYS)


def _read_instant(value: Any, info: ValidationInfo) -> datetime:
    if isinstance(value, str):
        read = info.context.get("midnights") if info.context else None
        if read is not None and DAY.fullmatch(value):
            return in_utc(day_begin(parse_day(value), read.zone))
        return parse_instant(value)
    if isinstance(value, datetime) and value.utcoffset() is not None:
        return in_utc(value)
    raise ValueRefused("type", "An instant is a string.")


def _read_event_time(value: Any, info: ValidationInfo) -> datetime:
    read = info.context.get("midnights") if info.context else None
    if read is not None and not read.by_days and isinstance(value, str) and DAY.fullmatch(value):
        raise ValueRefused(
            "instant", "A bare day is taken only where time_precision is day or coarser; else give an instant."
        )
    return _read_instant(value, info)


def _read_day(value: Any) -> date:
    if isinstance(value, str):
        return parse_day(value)
    if type(value) is date:
        return parse_day(value.isoformat())
    raise ValueRefused("type", "A date is a string.")


def _known_zone(name: str) -> str:
    zone_named(name)
    return name


# In an event a bare day is taken for any instant; for the event's own times only where they are told by days.
Instant = Annotated[datetime, BeforeValidator(_read_instant)]
EventTime = Annotated[datetime, BeforeValidator(_read_event_time)]
Day = Annotated[date, BeforeValidator(_read_day)]
Zone = Annotated[
    str,
    Field(min_length=1, max_length=300),
    require_listed(_known_zone),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 300, "examples": ["Europe/Kyiv"]}),
]
