"""UCDP GED: deaths by side that add up to those of the file, precisions, lists, states, files with no header."""

from __future__ import annotations

import random
from typing import Any

import pytest
from dataset_rows import drafts, event, flags, read, sums, table

from app.datasets import Draft, RejectedRow, datasets, detect
from app.datasets.ucdp_ged import COLUMNS, lay_difference
from app.kinds import Event

ROW: dict[str, Any] = {
    **dict.fromkeys(COLUMNS, ""),
    "id": "900001",
    "relid": "XXX-2031-1-1-1",
    "year": "2031",
    "type_of_violence": "1",
    "conflict_new_id": "77",
    "dyad_name": "Government of Syria - Made-up Front",
    "side_a": "Government of Syria",
    "side_b": "Made-up Front",
    "number_of_sources": "-1",
    "source_office": "Agency One;Agency Two",
    "source_date": "2031-01-04;2031-01-05",
    "source_headline": "Something happened;Something else",
    "source_original": "police",
    "where_prec": "3",
    "where_coordinates": "Rami village",
    "adm_1": "Idlib governorate",
    "latitude": "35.76",
    "longitude": "36.55",
    "geom_wkt": "POINT (36.55 35.76)",
    "country": "Syria",
    "country_id": "652",
    "date_prec": "2",
    "date_start": "2031-01-03 00:00:00.000",
    "date_end": "2031-01-05 00:00:00.000",
    "deaths_a": "2",
    "deaths_b": "3",
    "deaths_civilians": "1",
    "deaths_unknown": "0",
    "low": "4",
    "best": "6",
    "high": "9",
    "gwnoa": "652",
}


def one(**change: Any) -> tuple[Draft, Event]:
    [draft] = drafts(read("ucdp_ged", table(COLUMNS, ROW | change)))
    return draft, event(draft)


def test_every_field_has_its_place() -> None:
    draft, parsed = one()
    assert draft.key == "900001"
    assert (f"{parsed.started_at:%F}", f"{parsed.ended_at:%F}", parsed.time_precision) == (
        "2031-01-03",
        "2031-01-05",
        "days",
    )
    [place] = parsed.locations
    assert (place.name, place.country, place.admin1, place.precision) == ("Rami village", "SY", "SY-ID", "admin2")
    told = [(actor.name, actor.role, actor.type, actor.country) for actor in parsed.actors]
    assert told == [
        ("Government of Syria", "party", "government", "SY"),
        ("Made-up Front", "party", "rebel_group", None),
    ]
    assert [(row.group, row.actor, row.count.numbers()) for row in parsed.casualties] == [
        ("military", "Government of Syria", (2, 2, 2)),
        ("military", "Made-up Front", (1, 3, 3)),  # two fewer at the least: laid on the largest row
        ("civilian", None, (1, 1, 1)),
        ("unknown", None, (0, 0, 3)),  # three more at the most, of no side
    ]
    assert sums([parsed], "killed") == (4, 6, 9)
    assert [(s.publisher, s.title, s.published_at and f"{s.published_at:%F}") for s in parsed.sources] == [
        ("Agency One", "Something happened", "2031-01-04"),
        ("Agency Two", "Something else", "2031-01-05"),
        ("Uppsala Conflict Data Program", "UCDP Georeferenced Event Dataset (CC BY 4.0)", None),
    ]
    assert parsed.detail.type_of_violence == "state_based"  # type: ignore[attr-defined]
    assert parsed.extra["conflict_new_id"] == 77
    assert parsed.extra["source_original"] == "police"
    assert parsed.extra["adm_1"] == "Idlib governorate"
    assert "geom_wkt" not in parsed.extra


def test_sums_of_rows_are_the_numbers_of_the_file_whatever_they_are() -> None:
    draw = random.Random(7)
    for _ in range(100):
        parts = [draw.choice([0, 0, draw.randrange(40)]) for _ in range(4)]
        low, high = draw.randrange(60), draw.randrange(90)
        assert sum(lay_difference(parts, low)) == low
        assert min(lay_difference(parts, low)) >= 0
        _, parsed = one(
            **dict(zip(("deaths_a", "deaths_b", "deaths_civilians", "deaths_unknown"), parts, strict=True)),
            low=low,
            best=sum(parts),
            high=high,
        )
        assert sums([parsed], "killed") == (low, sum(parts), high)
        ordered = low <= sum(parts) <= high
        assert {flag for flag, _ in flags(parsed)} == (set() if ordered else {"bounds-order"})


def test_numbers_that_do_not_add_up_are_one_row_and_kept_apart() -> None:
    _, parsed = one(best="7")
    [row] = parsed.casualties
    assert (row.group, row.count.numbers()) == ("unknown", (4, 7, 9))
    assert (parsed.extra["deaths_a"], parsed.extra["deaths_b"]) == (2, 3)
    _, none = one(deaths_a="0", deaths_b="0", deaths_civilians="0", low="0", best="0", high="0")
    assert sums([none], "killed") == (0, 0, 0)
    assert len(none.casualties) == 1


def test_codes_become_words() -> None:
    words = [one(date_prec=str(n))[1].time_precision for n in range(1, 6)]
    assert words == ["day", "days", "week", "month", "year"]
    precisions = [one(where_prec=str(n))[1].locations[0].precision for n in range(1, 8)]
    assert precisions == ["exact", "near", "admin2", "admin1", "linear", "country", "international"]
    _, parsed = one(type_of_violence="3", side_b="Civilians", gwnoa="")
    assert [actor.type for actor in parsed.actors] == ["other", "civilians"]
    for change in ({"where_prec": "9"}, {"date_prec": "0"}, {"type_of_violence": "x"}, {"latitude": "north"}):
        [refused] = read("ucdp_ged", table(COLUMNS, ROW | change))
        assert isinstance(refused, RejectedRow)
        assert refused.column == next(iter(change))
        assert refused.remedy


@pytest.mark.parametrize(
    ("number", "year", "code"),
    [("365", 1990, "SU"), ("365", 1992, "RU"), ("345", 1999, "YU"), ("345", 2005, "CSXX"), ("345", 2031, "RS")],
)
def test_a_state_has_the_code_that_it_had_then(number: str, year: int, code: str) -> None:
    days = {"date_start": f"{year}-05-01", "date_end": f"{year}-05-02"}
    _, parsed = one(country_id=number, country="(made up)", gwnoa=number, gwnob="369", **days)
    assert (parsed.locations[0].country, parsed.actors[0].country, parsed.actors[1].country) == (code, code, "UA")


def test_older_references_are_free_text() -> None:
    quoted = 'Agency One 1990-05-17 "MADE UP HEADLINE"'
    told = {"source_office": "", "source_date": "", "source_headline": ""}
    _, parsed = one(**told, source_article=quoted)
    assert (parsed.sources[0].publisher, parsed.sources[0].title) == ("Agency One", quoted)
    _, parsed = one(**told, source_article="https://example.org/report.html, page 4")
    assert parsed.sources[0].publisher == "example.org"
    assert parsed.sources[0].url == "https://example.org/report.html"
    _, parsed = one(**told, source_article="Book " * 100)
    assert parsed.extra["source_article"].startswith("Book Book")
    # Lists of different lengths cannot be laid side by side.
    _, parsed = one(source_date="2031-01-04", source_headline="One; two; three")
    assert [(s.publisher, s.title) for s in parsed.sources[:2]] == [("Agency One", None), ("Agency Two", None)]


def test_a_release_without_a_header_is_recognised() -> None:
    text = table(COLUMNS, ROW, ROW | {"id": "900002"}).split("\n", 1)[1]
    assert [draft.key for draft in drafts(read("ucdp_ged", text))] == ["900001", "900002"]
    other = [["1", *["x"] * 48], ["2", *["x"] * 48], [""]]
    assert [found for found in detect(datasets().values(), other) if found.dataset.name == "ucdp_ged"] == []


def test_a_newer_release_with_another_column_goes_in() -> None:
    [draft] = drafts(read("ucdp_ged", table((*COLUMNS[::-1], "Weather"), ROW | {"Weather": "fog"})))
    assert event(draft).extra["Weather"] == "fog"
