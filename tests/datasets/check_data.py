"""Compare totals of real files, computed straight from them, with those of the events that they become.

`make check-data DATA=folder` looks at every file of the folder that a dataset knows. Nothing is written anywhere.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from app.datasets import DetectedLayout, Draft, ReadOptions, Skipped, SourceRow, datasets, detect
from app.errors import Invalid
from app.kinds import Event, measures_of, parse_event

Rows = list[dict[str, Any]]
PARTS = ("low", "best", "high")
SEVERAL_STATES = {"340", "345", "365"}  # numbers of UCDP for a state and those before it
SUCCESSIVE = {"CSXX", "RS", "RU", "SU", "YU"}
FIRST_ROWS = 5


class Total(NamedTuple):
    """One number, or one number for each of several things, both ways."""

    of: str
    in_file: Any
    in_events: Any


def number(text: str) -> float:
    """A cell as the plainest script would read it."""
    return float(text or 0)


def measured(events: Iterable[Event], measure: str, part: str = "best") -> int:
    """The sum of a measure over events."""
    return sum(getattr(found[measure], part) for event in events if measure in (found := measures_of(event)))


def by_year(events: Iterable[Event]) -> Counter[str]:
    """Events by the year of their beginning."""
    return Counter(f"{event.started_at:%Y}" for event in events)


def check_missile_attacks(rows: Rows, events: list[Event]) -> list[Total]:
    """Launched and destroyed are those of the file; a wave is one event."""
    waves = {tuple(row[name].strip() for name in ("time_start", "time_end", "source")) for row in rows}
    models = Counter(row["model"] for row in rows if row["launched"])
    told = Counter(m.model for event in events for m in event.detail.munitions if m.launched)  # type: ignore[attr-defined]
    plain = [model for model in models if " and " not in model]
    return [
        Total("launched", sum(number(row["launched"]) for row in rows), measured(events, "launched")),
        Total("destroyed", sum(number(row["destroyed"]) for row in rows), measured(events, "intercepted")),
        Total("waves", len(waves), len(events)),
        Total("models", True, all(told[model] >= models[model] for model in plain)),
    ]


def check_ucdp_ged(rows: Rows, events: list[Event]) -> list[Total]:
    """Deaths are those of the file, low, best and high, and so are the counts by year and country."""
    countries = Counter(row["country_id"] for row in rows if row["country_id"] not in SEVERAL_STATES)
    codes = Counter(event.locations[0].country for event in events)
    return [
        *(Total(part, sum(number(row[part]) for row in rows), measured(events, "killed", part)) for part in PARTS),
        Total("by year", Counter(row["date_start"][:4] for row in rows), by_year(events)),
        Total("by country", sorted(countries.values()), sorted(n for c, n in codes.items() if c not in SUCCESSIVE)),
    ]


def check_acled(rows: Rows, events: list[Event]) -> list[Total]:
    """Fatalities are those of the file, and so are the events of each year."""
    folded = [{name.casefold(): cell for name, cell in row.items()} for row in rows]
    return [
        Total("fatalities", sum(number(row["fatalities"]) for row in folded), measured(events, "killed")),
        Total("by year", Counter(row["year"] for row in folded), by_year(events)),
    ]


# CAMEO's code of an event or the beginning of several, and the kind of event that it is.
CAMEO = {
    **dict.fromkeys(("18", "19", "20", "138"), "attack"),
    **dict.fromkeys(("036", "037", "038", "039", "045", "046", "057", "164", "165"), "negotiation_round"),
    **dict.fromkeys(("0354", "085", "1244", "1311", "1312", "162", "163"), "sanction_move"),
}


def check_gdelt(rows: Rows, events: list[Event]) -> list[Total]:
    """Events by kind, year and country are the rows with those verbs, each event once."""
    same: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows:
        names = ("SQLDATE", "Actor1Code", "Actor1Name", "Actor2Code", "Actor2Name", "EventCode")
        place = ("ActionGeo_FullName", "ActionGeo_FeatureID")
        if any(row["EventCode"].startswith(code) for code in CAMEO):
            same.setdefault(tuple(row[name] for name in (*names, *place)), row)
    kinds = Counter(CAMEO[c] for row in same.values() for c in CAMEO if row["EventCode"].startswith(c))
    places = Counter(row["ActionGeo_CountryCode"] for row in same.values() if row["ActionGeo_CountryCode"])
    found = Counter(event.locations[0].country for event in events if event.locations)
    return [
        Total("by kind", kinds, Counter(event.kind for event in events)),
        Total("by year", Counter(row["SQLDATE"][:4] for row in same.values()), by_year(events)),
        Total("by country", sorted(places.values()), sorted(found.values())),
    ]


def targets(events: Iterable[Event]) -> list[tuple[Event, Any]]:
    """All targets of sanctions, each with its event."""
    details: list[tuple[Event, Any]] = [(event, event.detail) for event in events]
    return [(event, target) for event, move in details for measure in move.measures for target in measure.targets]


def check_eu_sanctions(rows: Rows, events: list[Event]) -> list[Total]:
    """Targets by programme and annex are those of the file, and so are the numbers of ships and the moves."""
    found = targets(events)
    moves = {(row["celex"], row["annex"], row["startDate"]) for row in rows}
    programmes: Any = [event.detail for event, _ in found]
    return [
        Total("targets", len(rows), measured(events, "targets_listed")),
        Total("by programme", Counter(row["programKey"] for row in rows), Counter(m.programme.id for m in programmes)),
        Total("by annex", Counter(row["annex"] for row in rows), Counter(event.extra["annex"] for event, _ in found)),
        Total("ships", {r["imoNumber"] for r in rows if r["imoNumber"]}, {t.imo for _, t in found if t.imo}),
        Total("moves", len(moves), len(events)),
    ]


def check_opensanctions(rows: Rows, events: list[Event]) -> list[Total]:
    """Targets are the entities of the file with the topic, by schema, and each goes by its id."""
    entities = [row.get("entity", row) for row in rows if row.get("op") != "DEL"]
    listed = [entity for entity in entities if "sanction" in entity["properties"].get("topics", ())]
    found = targets(events)
    return [
        Total("by schema", Counter(e["schema"] for e in listed), Counter(t.schema_ for _, t in found)),
        Total("ids", {entity["id"] for entity in listed}, {target.ids[0] for _, target in found}),
        Total("other ids", set(), {i for e in listed for i in e["referents"]} - {i for _, t in found for i in t.ids}),
    ]


def check_pa_x(rows: Rows, events: list[Event]) -> list[Total]:
    """Agreements by year, stage, process and country are those of the file."""
    details: list[Any] = [event.detail for event in events]
    codes = Counter(row[name] for row in rows for name in ("Loc1ISO", "Loc2ISO") if row[name])
    places = Counter(place.country for event in events for place in event.locations if place.country)
    named = {"XK", "PS"}  # by the name of the entity, which has no code in the file
    return [
        Total("by year", Counter(row["Dat"][:4] for row in rows), by_year(events)),
        Total("by stage", Counter(row["Stage"] for row in rows), Counter(d.agreements[0].stage for d in details)),
        Total("by process", Counter(f"pa-x-{row['PP']}" for row in rows), Counter(d.process.key for d in details)),
        Total("by country", sorted(codes.values()), sorted(n for code, n in places.items() if code not in named)),
    ]


# One function a dataset: the rows of a file, and its events.
CHECKS: dict[str, Callable[[Rows, list[Event]], list[Total]]] = {
    "missile_attacks": check_missile_attacks,
    "ucdp_ged": check_ucdp_ged,
    "acled": check_acled,
    "gdelt": check_gdelt,
    "eu_sanctions": check_eu_sanctions,
    "opensanctions": check_opensanctions,
    "pa_x": check_pa_x,
}


def check_file(path: Path) -> list[str]:
    """What differs in one file, a sentence each; prints what was compared."""
    rows, cells = table_of(path)
    known = [found for found in detect(datasets().values(), rows[:FIRST_ROWS]) if found.dataset.name in CHECKS]
    if len(known) != 1:
        sys.stdout.write(f"{path.name}: no dataset that is checked.\n")
        return []
    [found] = known
    if not found.layout.has_header:
        cells = [dict(zip(found.layout.columns, row, strict=True)) for row in rows]
    events, wrong = read(found, cells)
    for total in CHECKS[found.dataset.name](cells, events):
        if total.in_file != total.in_events:
            wrong.append(f"{total.of} is {total.in_file} in the file and {total.in_events} in its events.")
    sys.stdout.write(
        f"{path.name}: {found.dataset.name}, {len(cells)} rows, {len(events)} events, {len(wrong)} faults.\n"
    )
    return [f"{path.name}: {fault}" for fault in wrong]


def table_of(path: Path) -> tuple[list[list[str]], Rows]:
    """A file's rows as texts, and by the names in the first; of JSON its objects, and the names in the first."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix == ".ndjson":
            objects: Rows = [json.loads(line) for line in file if line.strip()]
            return [list(objects[0])], objects
        rows = list(csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ","))
    return rows, [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def read(found: DetectedLayout, cells: Rows) -> tuple[list[Event], list[str]]:
    """The events of a file, and what is wrong with others."""
    rows = (SourceRow(line, {n: c or None for n, c in row.items()}) for line, row in enumerate(cells, start=2))
    events, wrong, keys = [], list[str](), Counter[str]()
    for record in found.dataset.read(rows, ReadOptions(found.layout)):
        if isinstance(record, Skipped):
            continue
        if not isinstance(record, Draft):
            wrong.append(str(record)[:300])
            continue
        keys[record.key] += 1
        try:
            events.append(parse_event(record.event))
        except Invalid as refusal:
            wrong.append(f"Row {record.rows[0].line}: {refusal.errors}"[:300])
    return events, [*wrong, *(f"The key {key} is that of {n} events." for key, n in keys.items() if n > 1)]


def main(folder: str) -> int:
    """Check every table in the folder; the exit status is 1 where one differs."""
    tables = sorted(path for path in Path(folder).iterdir() if path.suffix in {".csv", ".tsv", ".ndjson"})
    faults = [fault for path in tables for fault in check_file(path)]
    sys.stdout.write("\n".join([*(faults or ["All totals are equal."]), ""]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
