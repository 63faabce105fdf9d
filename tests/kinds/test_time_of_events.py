"""Instants as they are read and written, and the interval that an event fills."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from specimens import parsed

from app.kinds import format_instant, from_micros, interval, micros, parse_instant
from app.kinds.timestamps import day_begin, unit_end, zone_names

MOMENTS = st.datetimes(datetime(1900, 1, 2), datetime(2200, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive
ZONES = st.sampled_from(sorted(zone_names()))
TICK = timedelta(microseconds=1)


@settings(deadline=None)
@given(MOMENTS)
def test_an_instant_reads_as_it_is_written(moment: datetime) -> None:
    assert parse_instant(format_instant(moment)) == moment
    assert from_micros(micros(moment)) == moment


@settings(deadline=None)
@given(MOMENTS, st.integers(-23 * 60 - 59, 23 * 60 + 59))
def test_an_offset_is_the_same_instant(moment: datetime, offset: int) -> None:
    local = (moment + timedelta(minutes=offset)).replace(tzinfo=None).isoformat()
    text = f"{local}{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}"

    if 1900 <= int(text[:4]) <= 2200:
        assert parse_instant(text) == moment


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2025-09-07T00:00:00Z", "2025-09-07T00:00:00Z"),
        ("2025-09-07T00:00:00.000Z", "2025-09-07T00:00:00Z"),
        ("2025-09-07T00:00:00.5Z", "2025-09-07T00:00:00.500000Z"),
        ("2025-09-07T00:00:00.000001-00:00", "2025-09-07T00:00:00.000001Z"),
        ("2025-09-07T03:00:00+03:00", "2025-09-07T00:00:00Z"),
    ],
)
def test_an_instant_is_written_in_utc_with_0_or_6_digits(text: str, written: str) -> None:
    assert format_instant(parse_instant(text)) == written


def filled(*changes: tuple[str, Any]) -> tuple[str, str]:
    begin, end = interval(parsed("attack", *changes))
    return format_instant(from_micros(begin)), format_instant(from_micros(end))


NIGHT = ("/started_at", "2025-09-06T22:00:00Z")  # 7 September, 01:00 in Kyiv


@pytest.mark.parametrize(
    ("precision", "zone", "ended_at", "end"),
    [
        ("instant", "Europe/Kyiv", None, "2025-09-06T22:00:00.000001Z"),
        ("instant", "Europe/Kyiv", "2025-09-07T04:00:00Z", "2025-09-07T04:00:00.000001Z"),
        ("day", None, None, "2025-09-07T00:00:00Z"),
        ("day", "Europe/Kyiv", None, "2025-09-07T21:00:00Z"),
        ("day", "Europe/Kyiv", "2025-09-08T04:00:00Z", "2025-09-08T21:00:00Z"),
        ("days", None, "2025-09-08T04:00:00Z", "2025-09-09T00:00:00Z"),
        ("days", None, "2025-09-08T00:00:00Z", "2025-09-09T00:00:00Z"),
        ("week", None, None, "2025-09-08T00:00:00Z"),
        ("week", "Europe/Kyiv", "2025-09-07T20:59:59Z", "2025-09-07T21:00:00Z"),
        ("week", "Europe/Kyiv", "2025-09-07T21:00:00Z", "2025-09-14T21:00:00Z"),
        ("month", None, None, "2025-10-01T00:00:00Z"),
        ("month", "Europe/Kyiv", "2025-10-05T00:00:00Z", "2025-10-31T22:00:00Z"),
        ("month", None, "2025-12-05T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("year", "America/New_York", None, "2026-01-01T05:00:00Z"),
        ("day", None, "2025-09-01T00:00:00Z", "2025-09-07T00:00:00Z"),
        ("instant", None, "2025-09-01T00:00:00Z", "2025-09-06T22:00:00.000001Z"),
    ],
)
def test_an_event_fills_the_unit_that_holds_its_end(
    precision: str, zone: str | None, ended_at: str | None, end: str
) -> None:
    found = filled(NIGHT, ("/time_precision", precision), ("/timezone", zone), ("/ended_at", ended_at))

    assert found == ("2025-09-06T22:00:00Z", end)


@pytest.mark.parametrize(
    ("zone", "day", "begin"),
    [
        ("Europe/Kyiv", date(2025, 3, 31), "2025-03-30T21:00:00Z"),
        ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T03:00:00Z"),  # no midnight: 00:00 is 01:00
        ("America/Sao_Paulo", date(2018, 2, 18), "2018-02-18T03:00:00Z"),  # 23:00-24:00 of the 17th twice
        ("America/Havana", date(2025, 11, 2), "2025-11-02T04:00:00Z"),  # 00:00-01:00 twice
        ("America/St_Johns", date(2010, 11, 7), "2010-11-07T03:30:00Z"),  # back at 00:01 to 23:01 of the day before
        ("America/Toronto", date(1919, 3, 31), "1919-03-31T04:30:00Z"),  # 23:30 is 00:30 of the next day
        ("Pacific/Apia", date(2011, 12, 31), "2011-12-30T10:00:00Z"),  # the 30th was left out
        ("Pacific/Apia", date(2011, 12, 30), "2011-12-30T10:00:00Z"),
    ],
)
def test_a_day_begins_where_clocks_put_it(zone: str, day: date, begin: str) -> None:
    assert format_instant(day_begin(day, ZoneInfo(zone))) == begin


@settings(deadline=None)
@given(MOMENTS, ZONES, st.sampled_from(["day", "week", "month", "year"]))
@example(datetime(2010, 11, 7, 3, 0, tzinfo=UTC), "America/St_Johns", "day")
@example(datetime(2010, 11, 7, 2, 30, tzinfo=UTC), "America/St_Johns", "day")
@example(datetime(1919, 3, 31, 4, 0, tzinfo=UTC), "America/Toronto", "day")
@example(datetime(2025, 11, 2, 4, 30, tzinfo=UTC), "America/Havana", "day")
@example(datetime(2011, 12, 30, 9, 0, tzinfo=UTC), "Pacific/Apia", "day")
def test_a_unit_ends_with_its_last_instant(moment: datetime, zone: str, unit: str) -> None:
    where = ZoneInfo(zone)

    def holder(instant: datetime) -> tuple[int, ...]:
        local = instant.astimezone(where)
        week = local.isocalendar()
        return {
            "day": (local.year, local.month, local.day),
            "week": (week.year, week.week),
            "month": (local.year, local.month),
            "year": (local.year,),
        }[unit]

    end = unit_end(moment, unit, where)

    assert end > moment
    assert holder(end - TICK) == holder(moment)
    assert holder(end) > holder(moment)
