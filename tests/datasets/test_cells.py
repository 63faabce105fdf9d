"""Cells, grouping and code lists, which datasets share."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.datasets import RejectedRow, RowError, SourceRow
from app.datasets.cells import (
    Cells,
    as_json,
    read_day,
    read_literal,
    read_moment,
    read_number,
    read_whole,
    shorten,
    slug,
)
from app.datasets.cells.extras import fit_extra
from app.datasets.codes import ukraine
from app.datasets.codes.divisions import ENGLISH, division_named
from app.datasets.codes.gwno import UNTIL, codes_today, country_of
from app.datasets.codes.munitions import CATEGORIES, category_of
from app.datasets.grouping import group_rows
from app.kinds.codes import countries, subdivisions

KYIV = ZoneInfo("Europe/Kyiv")


def test_numbers_are_read_as_files_write_them() -> None:
    assert [read_whole(text, "n") for text in ("810.0", " 7 ", "-1", 3.0, 4, "NA", "NULL", "", None, float("nan"))] == [
        *(810, 7, -1, 3, 4),
        *[None] * 5,
    ]
    assert [read_number(text, "n") for text in ("-9.65", "1e3", 2, ".5", "nan")] == [-9.65, 1000.0, 2.0, 0.5, None]
    for text in ("1_000", "1,000", "0x10", "1.5", "\u0663", "many", True):
        with pytest.raises(RowError, match="whole number"):
            read_whole(text, "n")
    for text in ("1_0.5", "1,5", "inf", "1e999", "north"):
        with pytest.raises(RowError, match="no number"):
            read_number(text, "n")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2031-03-29 3:30", "2031-03-29T01:30:00Z"),
        ("2031-07-01T20:00", "2031-07-01T17:00:00Z"),
        ("2031-07-01 20:00:00.000", "2031-07-01T17:00:00Z"),
        ("2031-07-01T20:00:00Z", "2031-07-01T20:00:00Z"),
        ("2031-07-01T20:00:00+0200", "2031-07-01T18:00:00Z"),
        ("20310701200000", "2031-07-01T17:00:00Z"),
        ("2031-10-26 03:30", "2031-10-26T00:30:00Z"),  # twice that night: the first
        ("1.7.2031 8:00", None),
        ("1 July 2031 8:00", "2031-07-01T05:00:00Z"),
        ("2031-07-01 24:00", None),
        ("2031-02-30 10:00", None),
    ],
)
def test_local_times_become_instants(text: str, instant: str | None) -> None:
    if instant is None:
        with pytest.raises(RowError):
            read_moment(text, "t", KYIV)
    else:
        assert read_moment(text, "t", KYIV) == (instant, False)


def test_days_are_read_in_the_forms_met() -> None:
    day = date(2031, 3, 4)
    for text in ("2031-03-04", "20310304", "2031/3/4", "4 March 2031", "04-Mar-31", "4. March 2031", day):
        assert read_day(text, "d") == day
        assert read_moment(text, "d", UTC) == ("2031-03-04", True)
    assert read_day("4.3.2031", "d", "day-first") == read_day("3/4/2031", "d", "month-first") == day
    for text in ("4.3.2031", "203134", "4 M\u00e4rz 2031", "31.2.2031", "2031-13-01", "yesterday"):
        with pytest.raises(RowError) as refusal:
            read_day(text, "d")
        assert refusal.value.remedy


def test_python_reprs_are_data_and_are_never_run() -> None:
    assert read_literal("{  'south': 5, 'north': NaN, 'x': [1, -2.5, None]}", "c") == {
        "south": 5,
        "north": None,
        "x": [1, -2.5, None],
    }
    for text in ("__import__('os').getcwd()", "{'a': b}", "[" * 5_000, "{[]: 1}", "(lambda: 1)()", "'" * 3, "\0"):
        with pytest.raises(RowError, match="dictionary or list"):
            read_literal(text, "c")


def test_a_row_tells_which_columns_nobody_read() -> None:
    cells = Cells(SourceRow(1, {"A": "1", " b ": "NA", "C d": "x", "e": 2.0, "f": date(2031, 1, 1), "g": "y"}))
    assert cells.whole("a") == 1
    assert cells.text("B") is None
    assert cells.text("g") == "y"
    cells.leave("G")
    assert cells.rest() == {"C d": "x", "e": 2, "f": "2031-01-01", "g": "y"}


def test_texts_are_cut_and_made_tags() -> None:
    assert shorten("a\tb \n c") == "a b c"
    assert shorten("word " * 100, 12) == "word word\u2026"
    assert len(shorten("x" * 400)) == 300
    assert [slug(text) for text in ("Crowd size=300", "\u041a\u0438\u0457\u0432", "--")] == [
        "crowd-size-300",
        "kiiv",
        None,
    ]


def test_rows_are_grouped_in_the_order_in_which_their_keys_came() -> None:
    def rows() -> Iterator[SourceRow]:
        for line in range(5_000):
            yield SourceRow(line, {"key": f"k{line % 1_700}", "value": line})

    def key(row: SourceRow) -> str:
        if row.line == 3:
            raise RowError("missing", "No key.")
        return str(row.values["key"])

    refused, *groups = group_rows(rows(), key)
    assert isinstance(refused, RejectedRow)
    told: list[Any] = groups
    assert [name for name, _ in told] == [f"k{n}" for n in range(1_700) if n != 3] + ["k3"]
    assert [row.line for row in told[5][1]] == [6, 1_706, 3_406]
    assert told[5][1][0].values == {"key": "k6", "value": 6}
    [bad] = group_rows([SourceRow(1, {"value": 2**70})], lambda _row: "k")
    assert isinstance(bad, RejectedRow)


def test_code_lists_have_codes_that_events_take() -> None:
    former = {code for dated in UNTIL.values() for _, code in dated}
    assert {*codes_today().values(), *former} <= countries()
    assert country_of(12, date(2031, 1, 1)) is None
    places = {*ukraine.BY_NAME.values(), *ukraine.DIRECTIONS.values()}
    listed = {code for names in ENGLISH.values() for code in names.values()}
    assert {place.admin1 for place in places if place.admin1} | listed <= subdivisions()
    assert all((place.lat is None) == (place.lon is None) for place in places)


def test_divisions_and_models_are_found_by_name() -> None:
    told = [division_named(*name) for name in (("UA", "Kyiv City"), ("UA", "Kyiv"), ("RU", "Belgorod oblast"))]
    assert told == ["UA-30", "UA-32", "RU-BEL"]
    assert division_named("UA", "Atlantis") is None
    older: dict[str, dict[str, str | None]] = {
        "ET": {"Tigray state": "ET-TI", "Amhara state": "ET-AM", "Oromiya state": "ET-OR"},
        "IN": {"Orissa state": "IN-OD"},
        "MX": {"Michoac\u00e1n state": "MX-MIC", "Distrito Federal": "MX-CMX"},
        "NP": {"Karnali zone": "NP-KA", "Karnali province": "NP-P6"},
        "PK": {"Federally Administered Tribal Areas": "PK-TA"},
        "RW": {"Butare prefecture": "RW-05", "Kigali-Rural prefecture": None},
        "SD": {"Upper Nile state": "SD-NU"},
        "SO": {"Lower Juba region": "SO-JH"},
        "TR": {"Diyarbak\u0131r province": "TR-21", "Diyarbakir province": "TR-21"},
        "YE": {"\u015ean\u2018\u0101\u2019 governorate": "YE-SN", "Ta'izz governorate": "YE-TA", "San'a'": "YE-SN"},
    }
    by_name = {country: {name: division_named(country, name) for name in names} for country, names in older.items()}
    assert by_name == older
    models = {model: category for category, names in CATEGORIES.items() for model in names}
    assert {model: category_of(model) for model in models} == models
    told = [category_of(name) for name in ("X-101/X-555 and Kalibr", "X-22/X-31P", "\u0425-22", "Kh-22", "S-300", "?")]
    assert told == ["cruise_missile", "unknown", *["cruise_missile"] * 2, "surface_to_air_missile", "unknown"]


def test_a_whole_number_that_json_cannot_hold_goes_to_extra_as_text() -> None:
    assert as_json(1e30) == 1e30
    assert fit_extra({"a": 10**30, "b": [2**63], "c": 2**63 - 1}) == {
        "a": "1" + "0" * 30,
        "b": [str(2**63)],
        "c": 2**63 - 1,
    }
