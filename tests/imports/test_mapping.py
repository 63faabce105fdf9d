"""A table of a newsroom's own comes in by a layout in TOML, and mistakes in the layout are told in a sentence each."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.datasets import DateOrder, Draft, ReadOptions, RejectedRow, SourceRow, detect
from app.errors import Invalid
from app.imports.mapping import MappedDataset, read_map
from app.imports.mapping.fields import fields_of
from app.kinds import KINDS, broken_rules, measures_of, parse_event
from app.kinds.registry import event_of

if TYPE_CHECKING:
    from pathlib import Path

# A made-up spreadsheet as a desk keeps one: semicolons, day-first dates, local times, numbers and words of its own.
STRIKES = """\
No;Date;Time;Where;Oblast;Weapons;Fired;Down;Dead;Hurt;Whose dead;State;Hit;Seen by;Desk notes;Lat;Lon;Empty
1;07.09.2025;3:30;Kyiv;UA-30;Shahed / Iskander;1.234 / 13;~750;3;20-25;Ukraine;confirmed by police;yes;\
Example Wire, Other Wire;call back;50,45;30,52;
2;08.09.2025;;Zhovti Vody;;Shahed;40+;;;;;rumour;no;Example Wire;;;;NA
3;9.9.2025;14:05;;UA-51;;;;0;1;;Confirmed By Police;;;late;;;
"""
LAYOUT = """
kind = "attack"
system = "desk-strikes"
key = ["Date", "No"]
version = "2025"
licence = "internal"
snapshot = true
time_zone = "Europe/Kyiv"
date_order = "day-first"
decimal = ","
thousands = "."
ignore = ["Desk notes"]

[columns]
Date = "started_at"
Time = "started_at"
Where = ["locations.0.name"]
Oblast = "/locations/0/admin1"
Lat = "locations.0.lat"
Lon = "locations.0.lon"
Weapons = { field = "detail.munitions.*.category", split = "/" }
Fired = { field = "detail.munitions.*.launched", split = "/" }
Down = "detail.munitions.9.intercepted"
Dead = "casualties.0.count"
"Whose dead" = ["casualties.0.actor", "actors.0.name"]
Hurt = "casualties.1.count"
State = ["status", "tags"]
Hit = "detail.civilian_targeting"
"Seen by" = { field = "sources.*.publisher", split = "," }

[templates]
title = "Strike on {Where} {Oblast}"

[constants]
locations.0.country = "Ukraine"
locations.0.role = "target"
casualties.0 = { measure = "killed", group = "civilian" }
casualties.1 = { measure = "injured", group = "unknown" }
actors.0 = { role = "target", type = "state forces" }
"sources.*.language" = "uk"
extra.desk = "night"

[values.status]
"confirmed by police" = "confirmed"
"*" = "reported"

[values]
Weapons = { "Shahed" = "uav_one_way_attack", "Iskander" = "ballistic missile" }
"""
# `9` beside `*` is refused, so that the numbers shot down go to their own entry.
LAYOUT = LAYOUT.replace(
    'Down = "detail.munitions.9.intercepted"\n', 'Down = { field = "detail.munitions.*.intercepted", split = "/" }\n'
)


def layout(folder: Path, text: str) -> MappedDataset:
    path = folder / "strikes.toml"
    path.write_text(text, encoding="utf-8")
    return read_map(path)


def rows(text: str, delimiter: str = ";") -> list[SourceRow]:
    table = csv.DictReader(io.StringIO(text), delimiter=delimiter)
    return [SourceRow(n, {name: cell or None for name, cell in row.items()}) for n, row in enumerate(table, 2)]


def read(dataset: MappedDataset, text: str, order: DateOrder | None = None) -> list[Any]:
    return list(dataset.read(rows(text), ReadOptions(dataset.layouts[0], order)))


def test_a_spreadsheet_of_a_newsroom_becomes_events(tmp_path: Path) -> None:
    dataset = layout(tmp_path, LAYOUT)

    drafts = read(dataset, STRIKES)

    assert [type(draft).__name__ for draft in drafts] == ["Draft"] * 3
    assert [draft.key for draft in drafts] == ["07.09.2025/1", "08.09.2025/2", "9.9.2025/3"]
    first, second, third = [draft.event for draft in drafts]
    assert first == {
        "kind": "attack",
        "title": "Strike on Kyiv UA-30",
        "started_at": "2025-09-07T00:30:00Z",
        "timezone": "Europe/Kyiv",
        "status": "confirmed",
        "locations": [
            {"name": "Kyiv", "admin1": "UA-30", "lat": 50.45, "lon": 30.52, "country": "UA", "role": "target"}
        ],
        "actors": [{"name": "Ukraine", "role": "target", "type": "state_forces"}],
        "casualties": [
            {"count": 3, "actor": "Ukraine", "measure": "killed", "group": "civilian"},
            {"count": {"low": 20, "high": 25}, "measure": "injured", "group": "unknown"},
        ],
        "sources": [
            {"publisher": "Example Wire", "language": "uk"},
            {"publisher": "Other Wire", "language": "uk"},
        ],
        "tags": ["confirmed-by-police"],
        "detail": {
            "civilian_targeting": True,
            "munitions": [
                {
                    "category": "uav_one_way_attack",
                    "launched": 1234,
                    "intercepted": {"best": 750, "qualifier": "approximately"},
                },
                {"category": "ballistic_missile", "launched": 13},
            ],
        },
        "extra": {"desk": "night"},
    }
    assert (second["started_at"], second["time_precision"], second["status"]) == ("2025-09-08", "day", "reported")
    assert second["detail"]["munitions"][0]["launched"] == {"low": 40, "best": 40, "qualifier": "at_least"}
    assert (second["locations"], "casualties" in second, "actors" in second) == (
        [{"name": "Zhovti Vody", "country": "UA", "role": "target"}],
        False,
        False,
    )
    assert third["casualties"][0] == {"count": 0, "measure": "killed", "group": "civilian"}
    assert ("sources" in third, third["title"], third["detail"]) == (False, "Strike on UA-51", {})
    events = [parse_event(draft.event) for draft in drafts]
    assert [rule.flag for event in events for rule in broken_rules(event)] == ["no-source"]
    assert [measures_of(event).get("launched") for event in events] == [(1247, 1247, 1247), (40, 40, 40), None]
    pointers = drafts[0].columns
    assert (pointers["/casualties/1/count"], pointers["/detail/munitions/1/launched"], pointers["/title"]) == (
        "Hurt",
        "Fired",
        "Where",
    )


def test_the_dataset_tells_what_it_is_and_what_it_leaves_open(tmp_path: Path) -> None:
    dataset = layout(tmp_path, LAYOUT)
    header = rows(STRIKES)[0].values.keys()

    [found] = detect([dataset], [list(header)])

    assert (dataset.name, dataset.system, dataset.title, dataset.licence) == (
        "strikes",
        "desk-strikes",
        "strikes",
        "internal",
    )
    assert (found.layout.version, found.layout.snapshot, found.missing, found.unknown) == ("2025", True, (), ("Empty",))
    assert dataset.date_columns == ()
    assert dataset.notes() == []
    assert detect([dataset], [[name for name in header if name != "Oblast"]]) == []

    bare = layout(
        tmp_path, 'kind = "sanction_move"\nsystem = "s"\nkey = "No"\n[columns]\nAct = "detail.programme.legal_act"\n'
    )
    assert bare.plan.lacking == (
        "title",
        "started_at",
        "detail.authority.name",
        "detail.authority.type",
        "detail.stage",
        "detail.measures.0.type",
        "sources.0.publisher",
    )
    assert bare.notes()[0].startswith("The layout gives no title, which every event of kind sanction_move needs: add")
    some = '[constants]\n"detail.measures.0.targets.1.name" = "X"\ncasualties.3.group = "military"\n'
    bare = layout(
        tmp_path, f'kind = "sanction_move"\nsystem = "s"\nkey = "No"\n[columns]\nWho = "sources.0.url"\n{some}'
    )
    assert {"detail.measures.0.targets.1.schema", "casualties.3.count", "sources.0.publisher"} < {*bare.plan.lacking}


def test_dates_are_read_as_the_whole_column_says_where_the_layout_does_not(tmp_path: Path) -> None:
    dataset = layout(tmp_path, LAYOUT.replace('date_order = "day-first"', ""))
    assert dataset.date_columns == ("Date",)

    [found, *_] = read(dataset, STRIKES, "month-first")
    assert found.event["started_at"] == "2025-07-09T00:30:00Z"
    [refused, *_] = read(dataset, STRIKES)
    assert (refused.code, refused.column) == ("date", "Date")


@pytest.mark.parametrize(
    ("old", "new", "code", "column", "remedy"),
    [
        (";1.234 / 13;", ";many;", "number", "Fired", "Write digits"),
        (
            "Shahed / Iskander",
            "Geran",
            "code",
            "Weapons",
            'Under [values."Weapons"] write "Geran" = and one of its words.',
        ),
        (";yes;", ";perhaps;", "code", "Hit", 'Under [values."Hit"] write "perhaps" = and true or false.'),
        (";50,45;", ";north;", "number", "Lat", "Write digits"),
        (";50,45;", ";50'27;", "number", "Lat", 'Say in the layout by `decimal` and `thousands` what "\'" in'),
        ("1;07.09.2025", ";07.09.2025", "missing", "No", "Fill in"),
        (";3:30;", ";33:30;", "date", "Date", "Write times"),
    ],
)
def test_a_cell_that_cannot_be_read_is_told(  # noqa: PLR0917 (the case)
    tmp_path: Path, old: str, new: str, code: str, column: str, remedy: str
) -> None:
    assert old in STRIKES

    [refused, *rest] = read(layout(tmp_path, LAYOUT), STRIKES.replace(old, new, 1))

    assert isinstance(refused, RejectedRow)
    assert (refused.line, refused.code, refused.column) == (2, code, column)
    assert remedy in (refused.remedy or "")
    assert all(isinstance(draft, Draft) for draft in rest)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('kind = "attack"', 'kind = "atack"', '`kind`: there is no kind "atack"; did you mean "attack"?'),
        ('system = "desk-strikes"\n', "", "`system` is missing: the name under which the ids"),
        ('"desk-strikes"', '"Desk strikes"', "`system`: use lower-case letters"),
        ('key = ["Date", "No"]', "key = 7", "`key`: give a column, or a list of columns."),
        ("snapshot = true", 'snapshot = "yes"', "`snapshot`: give true or false."),
        ("[columns]", "[colums]", '`colums` is not known; did you mean "columns"?'),
        ("day-first", "daily", "`date_order`: use 'day-first' or 'month-first'."),
        ("Europe/Kyiv", "Europe/Kiew", '`time_zone`: there is no zone "Europe/Kiew"; did you mean "Europe/Kiev"?'),
        ('thousands = "."', 'thousands = ","', "`decimal` and `thousands` cannot be the same character."),
        ("locations.0.name", "locations.name", 'has no field "locations.name"; did you mean "locations.0.name"?'),
        ('Lat = "locations.0.lat"', 'Lat = { feild = "x" }', '[columns] "Lat": give a field, a list of fields'),
        ('Lat = "locations.0.lat"', 'Lat = "version"', "no column can give version; the server sets it."),
        ('Lat = "locations.0.lat"', 'Lat = "kind"', "no column can give kind; `kind` above"),
        ('"sources.*.publisher", split = ","', '"sources.*.publisher"', "`*` needs a split"),
        ('"sources.*.publisher", split', '"sources.0.publisher", split', "sources.0.publisher is one value, so it"),
        (
            'Lat = "locations.0.lat"',
            'Lat = "casualties.0.count"',
            "Lat and Dead give casualties.0.count, which takes one",
        ),
        ('Lat = "locations.0.lat"', 'Lat = "casualties.0.count.low"', "is given twice"),
        ('Lat = "locations.0.lat"', 'Lat = "sources.1.url"', "give the entries of sources by number or by `*`."),
        ("{Where} {Oblast}", "Kyiv", '[templates] "title": name a column in braces'),
        ('role = "target"\n', 'role = "tagret"\n', '"tagret" is no word of locations.0.role; did you mean "target"?'),
        ('= "Ukraine"', '= "Ukrania"', '[constants] "locations.0.country": No country has that code'),
        ('locations.0.role = "target"', 'locations.0.role = ["target"]', "is one value, and no list."),
        ("[values.status]", "[values.stauts]", 'no column has that name or gives that field; did you mean "status"?'),
        (
            '= "confirmed"',
            '= "sure"',
            '[values."status"] "confirmed by police": "sure" is no word of status; use one of',
        ),
        ('"*" = "reported"', '"*" = ["reported"]', '[values."status"] "*": give a text, a number, true or false.'),
        ('version = "2025"', 'name = "gdelt"', '`name`: "gdelt" is a dataset already'),
        ("[values.status]", "[values.status", "This is not TOML"),
    ],
)
def test_a_mistake_in_a_layout_is_told_in_a_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    assert old in LAYOUT

    with pytest.raises(Invalid) as refusal:
        layout(tmp_path, LAYOUT.replace(old, new, 1))

    told = [error.detail for error in refusal.value.errors]
    assert any(sentence in text for text in told), told
    assert {error.parameter for error in refusal.value.errors} == {"strikes.toml"}
    assert all(text.endswith((".", "?")) and "\n" not in text for text in told)


CELLS = st.one_of(
    st.none(),
    st.text(max_size=12),
    st.sampled_from(
        [*STRIKES.replace("\n", ";").split(";"), "1-2-3", "99999999999999999999", "\x00", "\u00a0", "~", "+", "-"]
    ),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.dates(),
    st.datetimes(),
    st.times(),
    st.lists(st.integers(), max_size=2),
)


@pytest.fixture(scope="module")
def strikes(tmp_path_factory: pytest.TempPathFactory) -> MappedDataset:
    return layout(tmp_path_factory.mktemp("layouts"), LAYOUT)


@settings(max_examples=100, deadline=None)
@given(cells=st.dictionaries(st.sampled_from(STRIKES.splitlines()[0].split(";")), CELLS))
def test_no_cell_breaks_the_reading(strikes: MappedDataset, cells: dict[str, Any]) -> None:
    """Whatever a row holds, it is a draft or a refusal, and the draft an event or refused with pointers."""
    dataset = strikes
    [record] = dataset.read([SourceRow(2, {"No": "1", "Date": "7.9.2025", **cells})], ReadOptions(dataset.layouts[0]))
    assert isinstance(record, Draft | RejectedRow)
    if isinstance(record, Draft):
        with suppress(Invalid):
            parse_event(record.event)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes('title = "Übersicht"'.encode("latin-1"))
    for name, part in {"none.toml": "cannot be read", "latin.toml": "not UTF-8"}.items():
        with pytest.raises(Invalid, match=part):
            read_map(tmp_path / name)


def test_every_field_of_every_kind_can_be_named(tmp_path: Path) -> None:
    """Each field takes a column; what a kind declares later is there by itself."""
    for kind in KINDS:
        fields = fields_of(kind)
        parts = {"low", "best", "high", "qualifier"}  # of an estimate, which is given whole here
        columns = "\n".join(f'"{name}" = "{name}"' for name, field in fields.items() if field.path[-1] not in parts)

        dataset = layout(tmp_path, f'kind = "{kind}"\nsystem = "s"\nkey = "No"\n[columns]\n{columns}\n')

        assert {field.path[0] for field in fields.values()} == {*event_of(KINDS[kind]).model_fields} - {"kind", "extra"}
        assert dataset.plan.lacking == ()
