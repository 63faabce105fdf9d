"""The table of missile attacks: waves, local times, Python reprs, combined models, corrected snapshots."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dataset_rows import drafts, event, flags, read, sums, table

from app.datasets import Draft, RejectedRow, SourceRow, datasets
from app.datasets.missile_attacks import COLUMNS_2025, COLUMNS_2026
from app.kinds import Event
from app.kinds.envelope import interval
from app.kinds.timestamps import micros

POST = "kpszsu/posts/pfbidMadeUp1"
BIG: dict[str, Any] = {
    "time_start": "2031-09-06 17:00",
    "time_end": "2031-09-07 9:30 ",
    "model": "Shahed-136/131",
    "launch_place": "Primorsko-Akhtarsk and Chauda, Crimea and and Oryol oblast and Black Sea",
    "target": "Ukraine",
    "target_main": "Kyiv oblast and Kryvyi Rih",
    "launched": "810.0",
    "destroyed": "700.0",
    "not_reach_goal": "40.0",
    "is_shahed": "500.0",
    "turbojet": "4.0",
    "border_crossing": "{'belarus': 1.0}",
    "affected region": "['Odesa oblast', Sumy oblast', 'Lutsk oblast']",
    "destroyed_details": "{    'south': 31, 'east': NaN}",
    "source": POST,
}
MIXED: dict[str, Any] = BIG | {
    "model": "X-101/X-555 and Iskander-M",
    "launch_place": "",
    "target": "south",
    "target_main": "",
    "launched": "12.0",
    "destroyed": "9.0",
    "not_reach_goal": "",
    "is_shahed": "",
    "turbojet": "",
    "border_crossing": "{}",
    "affected region": "",
    "destroyed_details": "",
    "launched_details": "{'X-101/X-555': 10, 'Iskander-M': 2}",
    "launch_place_details": "{'X-101/X-555': 'Caspian Sea and Engels-2', 'Iskander-M': 'Kursk oblast'}",
}
OTHER: dict[str, Any] = {
    "time_start": "2031-09-07",
    "time_end": "2031-09-07 08:00",
    "model": "\u041c\u043e\u043b\u043d\u0456\u044f and Lancet",
    "target": "Dnipropetrovsk oblast, Kryvyi Rih Raion",
    "launched": "3.0",
    "destroyed": "3.0",
    "source": "https://t.me/kpszsu/99",
}


def events(*rows: dict[str, Any], columns: tuple[str, ...] = COLUMNS_2026) -> list[tuple[Draft, Event]]:
    return [(draft, event(draft)) for draft in drafts(read("missile_attacks", table(columns, *rows)))]


def test_rows_of_one_post_are_one_attack_wherever_they_stand() -> None:
    (big, parsed), (_, other) = events(BIG, OTHER, MIXED)
    assert [row.line for row in big.rows] == [2, 4]
    assert sums([parsed, other], "launched") == (825, 825, 825)
    assert sums([parsed, other], "intercepted") == (712, 712, 712)
    assert (parsed.started_at, parsed.ended_at, parsed.time_precision) == (
        datetime(2031, 9, 6, 14, tzinfo=UTC),
        datetime(2031, 9, 7, 6, 30, tzinfo=UTC),
        "instant",
    )
    assert [(actor.name, actor.role) for actor in parsed.actors] == [("Russia", "initiator"), ("Ukraine", "target")]
    assert parsed.sources[0].url == f"https://www.facebook.com/{POST}"
    assert parsed.sources[0].publisher == "Air Force of the Armed Forces of Ukraine"
    assert other.sources[0].url == "https://t.me/kpszsu/99"
    # A start that is only a day makes the whole wave one of the day.
    assert (other.started_at, other.time_precision) == (datetime(2031, 9, 6, 21, tzinfo=UTC), "day")


def test_a_wave_of_the_night_is_of_the_day_after_too() -> None:
    [(_, wave)] = events(BIG)
    begin, end = interval(wave)
    noon = [micros(datetime(2031, 9, day, hour, tzinfo=UTC)) for day, hour in ((7, 0), (8, 0))]
    assert begin < noon[1]
    assert end > noon[0]


def test_munitions_have_categories_and_decoys_and_are_counted_once() -> None:
    (_, wave), (_, small) = events(BIG, MIXED, OTHER)
    munitions = [row.model_dump(exclude_none=True) for row in wave.detail.munitions]  # type: ignore[attr-defined]
    told = [(m["category"], m["model"], m.get("launched", {}).get("best")) for m in munitions]
    assert told == [
        ("uav_one_way_attack", "Shahed-136/131", 810),
        ("unknown", "X-101/X-555 and Iskander-M", None),
        ("cruise_missile", "X-101/X-555", 10),
        ("ballistic_missile", "Iskander-M", 2),
    ]
    assert munitions[0]["decoys"]["best"] == 310
    assert munitions[0]["includes_decoys"] is True
    assert munitions[0]["suppressed"]["best"] == 40
    assert munitions[1]["intercepted"]["best"] == 9
    # Where nobody tells how many there were of each, each is there to be found, and the number stands once.
    parts = [(m.category, m.launched and m.launched.best) for m in small.detail.munitions]  # type: ignore[attr-defined]
    assert parts == [("unknown", 3), ("uav_one_way_attack", None), ("loitering_munition", None)]


def test_places_have_roles_and_codes_and_the_rest_is_kept() -> None:
    (_, wave), (_, small) = events(BIG, MIXED, OTHER)
    told = [(p.role, p.name, p.country, p.admin1, p.precision) for p in wave.locations]
    assert told == [
        ("target", "Ukraine", "UA", None, "country"),
        ("target", "Kyiv oblast", "UA", "UA-32", "admin1"),
        ("target", "Kryvyi Rih", "UA", "UA-12", "near"),
        ("impact", "Odesa oblast", "UA", "UA-51", "admin1"),
        ("impact", "Sumy oblast", "UA", "UA-59", "admin1"),
        ("impact", "Lutsk oblast", "UA", "UA-07", "admin1"),
        ("launch", "Primorsko-Akhtarsk", "RU", "RU-KDA", None),
        ("launch", "Chauda, Crimea", "UA", "UA-43", None),
        ("launch", "Oryol oblast", "RU", "RU-ORL", None),
        ("launch", "Black Sea", None, None, None),
        ("target", "south", "UA", None, "linear"),
        ("launch", "Caspian Sea", None, None, None),
        ("launch", "Engels-2", "RU", "RU-SAR", None),
        ("launch", "Kursk oblast", "RU", "RU-KRS", None),
    ]
    assert [(p.admin1, p.precision) for p in small.locations] == [("UA-12", "admin2")]
    first, second = wave.extra["rows"]
    assert first["turbojet"] == 4
    assert first["border_crossing"] == {"belarus": 1.0}
    assert first["destroyed_details"] == {"south": 31, "east": None}
    assert first["affected region"] == BIG["affected region"]  # a quote is missing: the text is kept too
    assert second == {"target": "south"}


def test_the_older_layout_and_columns_that_nobody_knows_go_in() -> None:
    row = {name: value for name, value in BIG.items() if name in COLUMNS_2025}
    row |= {"cross_border_belarus": "2.0", "weather": "fog"}
    [(_, parsed)] = events(row, columns=(*COLUMNS_2025, "weather"))
    assert parsed.extra["rows"][0]["cross_border_belarus"] == 2
    assert parsed.extra["rows"][0]["weather"] == "fog"


def test_losses_beyond_the_launched_break_a_soft_rule() -> None:
    [(_, parsed)] = events(OTHER | {"launched": "16.0", "destroyed": "15.0", "not_reach_goal": "11.0"})
    assert flags(parsed) == [("losses-exceed-launched", "/detail/munitions/0/launched")]
    [(_, parsed)] = events(OTHER | {"launched": ""})
    assert flags(parsed) == []


def test_a_corrected_row_is_the_same_event() -> None:
    [(old, parsed)] = events(BIG)
    [(new, _)] = events(BIG | {"model": "Unknown UAV", "launch_place": "Yeysk", "target": "north", "launched": "9"})
    assert new.key == old.key
    [(new, _)] = events(BIG | {"time_start": "2031-09-06 17:00 ", "time_end": "2031-09-07 09:30"})
    assert new.key == old.key
    dataset = datasets()["missile_attacks"]
    for change in ({"time_start": "2031-09-06 18:00"}, {"time_end": "2031-09-07"}, {"source": "kpszsu/posts/other"}):
        [(new, _)] = events(BIG | change)
        assert new.key != old.key
        assert dataset.match_key(new.event) == dataset.match_key(old.event)
        # A stored version is compared as the service shows it.
        assert dataset.match_key(parsed.model_dump(mode="json")) == dataset.match_key(new.event)
    [(other, _)] = events(BIG | {"source": "x", "launched": "811"})
    assert dataset.match_key(other.event) != dataset.match_key(old.event)


def test_a_row_that_cannot_be_read_keeps_its_wave_out() -> None:
    bad = MIXED | {"launched": "twelve"}
    first, second, other = read("missile_attacks", table(COLUMNS_2026, BIG, bad, OTHER))
    assert isinstance(first, RejectedRow)
    assert isinstance(second, RejectedRow)
    assert isinstance(other, Draft)
    assert (first.line, first.code) == (2, "wave")
    assert (second.line, second.code, second.column, second.value) == (3, "number", "launched", "twelve")
    for change, column in (({"time_start": "6 Sept"}, "time_start"), ({"time_start": ""}, "time_start")):
        [refused] = read("missile_attacks", table(COLUMNS_2026, BIG | change))
        assert isinstance(refused, RejectedRow)
        assert refused.column == column
        assert refused.remedy


def test_typed_cells_and_missing_words_are_read_too() -> None:
    dataset = datasets()["missile_attacks"]
    start = datetime(2031, 9, 6, 17)  # noqa: DTZ001 -- as a spreadsheet has it
    values: dict[str, Any] = {**dict.fromkeys(COLUMNS_2026), **BIG}
    values |= {"time_start": start, "launched": 810.0, "destroyed": 700, "is_shahed": "NaN", "turbojet": float("nan")}
    from app.datasets import ReadOptions

    [draft] = drafts(dataset.read([SourceRow(2, values)], ReadOptions(dataset.layouts[0])))
    parsed = event(draft)
    assert sums([parsed], "launched") == (810, 810, 810)
    assert parsed.started_at == datetime(2031, 9, 6, 14, tzinfo=UTC)
