"""ACLED: three date formats, `NA`, old and new words for types, seas as countries, tables of all ages and JSON."""

from __future__ import annotations

from typing import Any

import pytest
from dataset_rows import drafts, event, read, read_objects, sums, table

from app.datasets import Draft, RejectedRow, Removal
from app.datasets.acled import COLUMNS, COLUMNS_2016
from app.kinds import Event

ROW: dict[str, Any] = {
    "event_id_cnty": "UKR900001",
    "event_date": "28 December 2031",
    "year": "2031",
    "time_precision": "2",
    "disorder_type": "Political violence",
    "event_type": "Explosions/Remote violence",
    "sub_event_type": "Shelling/artillery/missile attack",
    "actor1": "Military Forces of Russia (2000-)",
    "assoc_actor_1": "Made-up Battalion; Second Battalion (Mali)",
    "inter1": "State forces",
    "actor2": "Civilians (Ukraine)",
    "assoc_actor_2": "NA",
    "inter2": "Civilians",
    "interaction": "State forces-Civilians",
    "civilian_targeting": "Civilian targeting",
    "iso": "804",
    "region": "Europe",
    "country": "Ukraine",
    "admin1": "Donetsk",
    "admin2": "NA",
    "location": "Village",
    "latitude": "48.5",
    "longitude": "37.25",
    "geo_precision": "2",
    "source": "Agency One; Agency Two",
    "source_scale": "National-International",
    "notes": "On 28 December, a made-up thing happened.",
    "fatalities": "3",
    "tags": "crowd size=about 300; local administrators",
    "timestamp": "1925000000",
}


def one(**change: Any) -> tuple[Draft, Event]:
    [draft] = drafts(read("acled", table(COLUMNS, ROW | change)))
    return draft, event(draft)


def test_every_field_has_its_place() -> None:
    draft, parsed = one()
    detail: Any = parsed.detail
    assert draft.key == "UKR900001"
    assert (f"{parsed.started_at:%F}", parsed.time_precision) == ("2031-12-28", "week")
    assert (detail.event_type, detail.sub_event_type, detail.civilian_targeting) == (
        "Explosions/Remote violence",
        "Shelling/artillery/missile attack",
        True,
    )
    assert [(a.name, a.role, a.type, a.country) for a in parsed.actors] == [
        ("Military Forces of Russia (2000-)", "party", "state_forces", "RU"),
        ("Civilians (Ukraine)", "party", "civilians", "UA"),
        ("Made-up Battalion", "participant", "other", None),
        ("Second Battalion (Mali)", "participant", "other", "ML"),
    ]
    [place] = parsed.locations
    assert (place.name, place.country, place.admin1, place.precision, place.role) == (
        "Village",
        "UA",
        "UA-14",
        "near",
        "impact",
    )
    assert [(row.group, row.count.numbers()) for row in parsed.casualties] == [("civilian", (3, 3, 3))]
    assert [(s.publisher, s.scale) for s in parsed.sources[:2]] == [
        ("Agency One", "National-International"),
        ("Agency Two", "National-International"),
    ]
    assert parsed.sources[2].publisher == "ACLED"
    assert parsed.summary == ROW["notes"]
    assert parsed.tags == ["crowd-size-about-300", "local-administrators"]
    kept = {"disorder_type", "interaction", "region", "admin1", "assoc_actor_1", "timestamp"}
    assert parsed.extra.keys() == kept
    assert parsed.extra["timestamp"] == 1_925_000_000


@pytest.mark.parametrize("text", ["2031-12-28", "28 December 2031", "28-December-2031", "28-Dec-31", "28/12/2031"])
def test_dates_are_read_in_every_format(text: str) -> None:
    assert f"{one(event_date=text)[1].started_at:%F}" == "2031-12-28"


def test_days_and_months_that_could_be_either_need_an_order() -> None:
    text = table(COLUMNS, ROW | {"event_date": "01/02/2031"})
    [refused] = read("acled", text)
    assert isinstance(refused, RejectedRow)
    assert refused.column == "event_date"
    assert "--date-order" in (refused.remedy or "")
    days = {order: f"{event(drafts(read('acled', text, date_order=order))[0]).started_at:%F}" for order in ORDERS}
    assert days == {"day-first": "2031-02-01", "month-first": "2031-01-02"}


ORDERS: tuple[Any, ...] = ("day-first", "month-first")


def test_a_sea_is_a_place_without_a_country() -> None:
    _, parsed = one(country="Red Sea", iso="0", admin1="NA", location="Off the coast")
    [place] = parsed.locations
    assert (place.name, place.country, place.lat) == ("Off the coast", None, 48.5)
    assert parsed.extra["country"] == "Red Sea"
    _, parsed = one(country="Red Sea", iso="NA", location="NA", latitude="NA", longitude="")
    assert (parsed.locations[0].name, parsed.locations[0].country) == ("Red Sea", None)
    assert one(iso="NA", country="Kosovo", admin1="")[1].locations[0].country == "XK"


def test_types_are_those_of_the_codebook() -> None:
    told = []
    for sort, sub_sort, inter in (
        ("Battle-No change of territory", "", "1"),
        ("Riots/Protests", "", "5"),
        ("Riots/Protests", "", "6"),
        ("Remote violence", "NA", "2"),
        ("protests", "Peaceful  Protest", "6"),
        ("Strategic developments", "A thing of next year", "8"),
    ):
        _, parsed = one(event_type=sort, sub_event_type=sub_sort, inter1=inter)
        detail: Any = parsed.detail
        told.append((detail.event_type, detail.sub_event_type, parsed.actors[0].type))
        if "/" in sort or sort.startswith(("Battle-", "Remote")):
            assert parsed.extra["event_type"] == sort
    assert told == [
        ("Battles", "Armed clash", "state_forces"),
        ("Riots", None, "rioters"),
        ("Protests", None, "protesters"),
        ("Explosions/Remote violence", None, "rebel_group"),
        ("Protests", "Peaceful protest", "protesters"),
        ("Strategic developments", None, "external_other"),
    ]
    assert one(sub_event_type="A thing of next year")[1].extra["sub_event_type"] == "A thing of next year"
    [refused] = read("acled", table(COLUMNS, ROW | {"event_type": "Weather"}))
    assert isinstance(refused, RejectedRow)
    assert (refused.column, refused.value) == ("event_type", "Weather")


def test_missing_values_are_missing() -> None:
    nothing = dict.fromkeys(("actor2", "inter2", "fatalities", "tags", "notes", "source", "civilian_targeting"), "NA")
    _, parsed = one(**nothing, assoc_actor_1="")
    detail: Any = parsed.detail
    assert len(parsed.actors) == 1
    assert parsed.casualties == []
    assert parsed.tags == []
    assert parsed.summary is None
    assert detail.civilian_targeting is False
    assert [s.publisher for s in parsed.sources] == ["ACLED"]
    assert sums([one(fatalities="0")[1]], "killed") == (0, 0, 0)
    for change in ({"event_id_cnty": ""}, {"event_date": ""}, {"fatalities": "some"}, {"geo_precision": "4"}):
        [refused] = read("acled", table(COLUMNS, ROW | change))
        assert isinstance(refused, RejectedRow)
        assert refused.column == next(iter(change))


def test_the_table_of_2016_goes_in() -> None:
    row = {name: ROW.get(name.lower(), "") for name in COLUMNS_2016}
    row |= {"GWNO": "615", "COUNTRY": "Algeria", "ADMIN1": "Alger", "EVENT_DATE": "01-January-2015", "INTER1": "2"}
    row |= {"EVENT_TYPE": "Battle-Government regains territory", "ALLY_ACTOR_1": "Ally", "TIME_PRECISION": "3"}
    [draft] = drafts(read("acled", table(COLUMNS_2016, row)))
    parsed = event(draft)
    detail: Any = parsed.detail
    assert (f"{parsed.started_at:%F}", parsed.time_precision) == ("2015-01-01", "month")
    assert (parsed.locations[0].country, parsed.locations[0].admin1) == ("DZ", "DZ-16")
    assert [actor.name for actor in parsed.actors][-1] == "Ally"
    assert (detail.sub_event_type, detail.civilian_targeting) == ("Government regains territory", None)
    assert parsed.casualties[0].group == "unknown"


def test_a_table_of_the_years_between_goes_in() -> None:
    between = [
        name for name in COLUMNS if name not in {"disorder_type", "sub_event_type", "civilian_targeting", "tags"}
    ]
    row = {name: ROW[name] for name in between if name in ROW} | {"inter1": "1", "data_id": "5"}
    [draft] = drafts(read("acled", table((*between, "data_id"), row)))
    assert event(draft).extra["data_id"] == "5"


def test_objects_of_the_api_are_the_same_events() -> None:
    typed = {name: ROW.get(name, "") for name in COLUMNS}
    typed |= {"event_date": "2031-12-28", "fatalities": 3, "iso": 804, "latitude": 48.5, "time_precision": 2}
    typed |= {"admin2": None, "timestamp": 1_925_000_000}
    [draft] = drafts(read_objects("acled", typed))
    assert event(draft) == one()[1]
    [removal] = read_objects("acled", {"event_id_cnty": "UKR900001", "deleted_timestamp": "1925000001"})
    assert isinstance(removal, Removal)
    assert removal.key == "UKR900001"
