"""Massive Missile Attacks on Ukraine: the table of missiles and drones that the Ukrainian Air Force reports.

A row is one model of a wave; the rows with the same start, end and source are one attack.

- `model`, `launched`, `destroyed` (intercepted) and `not_reach_goal` (suppressed) become a munition a row, in the order
  of the file, so its sums are those of the events. `is_shahed` of those launched were no decoys.
- Several models in a row (`X-101/X-555 and Kalibr`) are one munition with its numbers, of the category that they share,
  else `unknown`; then, or where `launched_details` has the number of each, one munition for each follows.
- `target`, `target_main` (role target), `affected region` (impact), `launch_place` and `launch_place_details` (launch)
  become locations, with codes and points of `codes/ukraine.py`.
- A dictionary or list that cannot be read keeps no row out: its text goes to `extra`, and a list is taken in parts.
- Times are local, `Europe/Kyiv`. A wave is known to the day where its start or end is told without a time.
- All else goes to `extra.rows`, one object for each row of the file, and so do each row's own launch place and target.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from app.datasets.base import (
    Dataset,
    Draft,
    JsonObject,
    Layout,
    ReadOptions,
    Record,
    RejectedRow,
    RowError,
    Skipped,
    SourceRow,
    reject_row,
)
from app.datasets.cells import Cells, Moment, fit_extra, shorten
from app.datasets.codes.munitions import acled_type, category_of, split_models
from app.datasets.codes.ukraine import DIRECTIONS, UKRAINE, Place, place_named
from app.datasets.grouping import group_rows
from app.kinds.timestamps import parse_instant

ZONE_NAME = "Europe/Kyiv"
ZONE = ZoneInfo(ZONE_NAME)
COLUMNS_2025 = (
    *("time_start", "time_end", "model", "launch_place", "target", "carrier", "launched", "destroyed"),
    *("not_reach_goal", "cross_border_belarus", "back_russia", "still_attacking", "affected region"),
    *("destroyed_details", "launched_details", "launch_place_details", "source"),
)
COLUMNS_2026 = (
    *("time_start", "time_end", "model", "launch_place", "target", "target_main", "launched", "destroyed"),
    *("not_reach_goal", "still_attacking", "border_crossing", "is_shahed", "num_hit_location"),
    *("num_fall_fragment_location", "carrier", "turbojet", "turbojet_destroyed", "affected region"),
    *("destroyed_details", "launched_details", "launch_place_details", "source"),
)
REQUIRED = frozenset({"time_start", "time_end", "model", "launched", "destroyed", "source"})
COUNTS = (
    *("still_attacking", "cross_border_belarus", "back_russia", "turbojet", "turbojet_destroyed"),
    *("num_hit_location", "num_fall_fragment_location"),
)
PAGES = {  # of Facebook, by the first part of `source`
    "kpszsu": "Air Force of the Armed Forces of Ukraine",
    "pvkpivden": "Air Command South",
    "pvkshid": "Air Command East",
    "pvkcenter": "Air Command Center",
    "pvkzahid": "Air Command West",
    "generalstaff.ua": "General Staff of the Armed Forces of Ukraine",
    "cincafu": "Commander-in-Chief of the Armed Forces of Ukraine",
    "chiefukrdiu": "Defence Intelligence of Ukraine",
    "watch": "Facebook",
}
POINTERS = {
    "/started_at": "time_start",
    "/ended_at": "time_end",
    "/locations": "target",
    "/sources": "source",
    "/detail/munitions": "launched",
    "/title": "model",
}
MAX_KEY_LENGTH = 200


class MissileAttacks(Dataset):
    """Waves of missiles and drones against Ukraine since October 2022."""

    name: ClassVar = "missile_attacks"
    system: ClassVar = "missile-attacks-ua"
    title: ClassVar = "Massive Missile Attacks on Ukraine"
    publisher: ClassVar = "Petro Ivaniuk"
    url: ClassVar = "https://www.kaggle.com/datasets/piterfm/massive-missile-attacks-on-ukraine"
    licence: ClassVar = "terms on its Kaggle page"
    citation: ClassVar = "Ivaniuk, Petro: Massive Missile Attacks on Ukraine. Kaggle."
    layouts: ClassVar = (
        Layout("2026", COLUMNS_2026, REQUIRED, snapshot=True),
        Layout("2025", COLUMNS_2025, REQUIRED, snapshot=True),
    )
    date_columns: ClassVar = ("time_start", "time_end")

    def read(self, rows: Iterable[SourceRow], options: ReadOptions) -> Iterator[Record]:
        """One attack for the rows of a wave; where one of them cannot be read, none of them is."""
        for found in group_rows(rows, lambda row: wave_key(Cells(row, options.date_order))):
            if isinstance(found, RejectedRow | Skipped):
                yield found
            else:
                yield from self._convert(*found, options)

    def match_key(self, event: Mapping[str, Any]) -> str | None:
        """Tell a wave whose time of day or source was corrected by its day and its models with their numbers."""
        start = str(event["started_at"])
        day = start if len(start) == len("2025-09-06") else f"{parse_instant(start).astimezone(ZONE):%Y-%m-%d}"
        fired = [
            f"{row['model']} {_best(row.get('launched'))} {_best(row.get('intercepted'))}"
            for row in event["detail"]["munitions"]
        ]
        return "; ".join([day, *sorted(fired)])

    def _convert(self, key: str, rows: list[SourceRow], options: ReadOptions) -> Iterator[Record]:
        wave, bad = [], {}
        for row in rows:
            try:
                wave.append(_read(Cells(row, options.date_order)))
            except RowError as refusal:
                bad[row.line] = refusal
        if not bad:
            yield Draft(key, self._attack(wave), tuple(rows), POINTERS)
            return
        lines = ", ".join(map(str, bad))
        together = RowError("wave", f"It is of one wave with line {lines}, which cannot be read.", remedy="Mend that.")
        for row in rows:
            yield reject_row(row, bad.get(row.line, together))

    def _attack(self, wave: list[JsonObject]) -> JsonObject:
        first, munitions = wave[0], [row["munition"] for row in wave] + [part for row in wave for part in row["parts"]]
        start, end = first["start"], first["end"]
        places = {(place["role"], place.get("name")): place for row in wave for place in row["places"]}
        targets = [place.get("name") for place in places.values() if place["role"] == "target"]
        by_day = start.is_day or (end is not None and end.is_day)
        extra = [row["extra"] for row in wave]
        return {
            "kind": "attack",
            "title": shorten(f"Russian attack on {_where(targets)}: {', '.join(_fired(munitions[: len(wave)]))}"),
            "started_at": start.text,
            "ended_at": None if end is None or _is_same_day(start, end) else end.text,
            "time_precision": "day" if by_day else "instant",
            "timezone": ZONE_NAME,
            "locations": list(places.values()),
            "actors": [
                {"name": "Russia", "role": "initiator", "type": "state_forces", "country": "RU", "ref": "Q159"},
                {"name": "Ukraine", "role": "target", "type": "government", "country": "UA", "ref": "Q212"},
            ],
            "sources": [read_source(first["source"]), self.as_source()] if first["source"] else [self.as_source()],
            "extra": fit_extra({"rows": extra}) if any(extra) else {},
            "detail": {
                **acled_type(row["category"] for row in munitions),
                "type_of_violence": "state_based",
                "munitions": munitions,
            },
        }


def wave_key(cells: Cells) -> str:
    """The start, end and source of a wave, which stay when a place, model or number of it is corrected."""
    start, end = cells.moment("time_start", ZONE), cells.moment("time_end", ZONE)
    if start is None:
        cells.required("time_start")
    source = (cells.text("source") or "").rstrip("/")
    key = " ".join([start.text if start else "", end.text if end else "", source])
    if len(key) <= MAX_KEY_LENGTH:
        return key
    return f"{key[:100]}... {hashlib.sha256(key.encode()).hexdigest()}"


def _is_same_day(start: Moment, end: Moment) -> bool:
    """Whether the end is told by nothing but the day of the start; the midnight of that would be before a start."""
    day = start.text if start.is_day else f"{parse_instant(start.text).astimezone(ZONE):%Y-%m-%d}"
    return end.is_day and end.text == day


def _read(cells: Cells) -> JsonObject:
    start, end = cells.moment("time_start", ZONE), cells.moment("time_end", ZONE)
    if start is None:
        cells.required("time_start")
    munition, parts = _munitions(cells)
    extra = {name: count for name in COUNTS if (count := cells.whole(name)) is not None}
    for column in ("border_crossing", "destroyed_details"):
        extra |= {column: found} if (found := cells.literal_or_text(column)) else {}
    for column in ("affected region", "launched_details", "launch_place_details"):
        extra |= cells.keep(column) if isinstance(cells.literal_or_text(column), str) else {}
    places = list(_places(cells))
    return {
        "start": start,
        "end": end,
        "source": cells.text("source"),
        "munition": munition,
        "parts": parts,
        "places": places,
        "extra": {**extra, **cells.keep("launch_place", "target", "target_main"), **cells.rest()},
    }


def _munitions(cells: Cells) -> tuple[JsonObject, list[JsonObject]]:
    name, launched = shorten(cells.required("model")), cells.whole("launched")
    munition = {"category": category_of(name), "model": name, "launched": launched}
    munition |= {"intercepted": cells.whole("destroyed"), "suppressed": cells.whole("not_reach_goal")}
    real = cells.whole("is_shahed")
    if real is not None and launched is not None and 0 <= real <= launched:
        munition |= {"decoys": launched - real, "includes_decoys": True}
    models = split_models(name)
    details = cells.literal_or_text("launched_details") or {}
    if (
        len(models) > 1
        and isinstance(details, dict)
        and set(details) == set(models)
        and _sum(details.values()) == launched
    ):
        parts = [{"category": category_of(model), "model": model, "launched": details[model]} for model in models]
        return munition | {"launched": None}, parts
    if len(models) > 1 and munition["category"] == "unknown":
        return munition, [{"category": category_of(model), "model": model} for model in models]
    return munition, []


def _sum(counts: Iterable[Any]) -> int | None:
    found = list(counts)
    return sum(found) if all(type(count) is int for count in found) else None


def _places(cells: Cells) -> Iterator[JsonObject]:
    """The locations that a row names; the whole country where it names no target."""
    targets = [*_split(cells.text("target")), *_split(cells.text("target_main"))]
    for name in targets:
        yield _target(name, "target")
    if not targets:
        yield {**_point(UKRAINE), "precision": "country", "role": "target"}
    affected = cells.literal_or_text("affected region") or []
    for name in re.split(r"[\[\]',]+", affected) if isinstance(affected, str) else affected:
        if text := shorten(str(name)):
            yield _target(text, "impact")
    launched_from = _split(cells.text("launch_place"))
    details = cells.literal_or_text("launch_place_details") or {}
    for told in details.values() if isinstance(details, dict) else ():
        launched_from += _split(str(told))
    for name in launched_from:
        yield {"name": name, **_point((place_named(name) or Place())._replace(lat=None, lon=None)), "role": "launch"}


def _split(text: str | None) -> list[str]:
    """The names joined by `and`, also where one too many stands before the first."""
    names = re.split(r"(?:\s+and)+\s+", f" {text or ''}")
    return [name for part in names if (name := shorten(part))]


def _target(name: str, role: str) -> JsonObject:
    folded = name.casefold()
    if folded in DIRECTIONS:
        return {"name": name, **_point(DIRECTIONS[folded]), "precision": "linear", "role": role}
    place = place_named(name)
    if place is None:
        return {"name": name, "country": "UA", "role": role}
    if place.admin1 is None:
        precision = "country"
    elif "raion" in folded:
        precision = "admin2"
    else:
        precision = "admin1" if any(word in folded for word in ("oblas", "krai", "crimea")) else "near"
    return {"name": name, **_point(place), "precision": precision, "role": role}


def _point(place: Place) -> JsonObject:
    return {name: value for name, value in place._asdict().items() if value is not None}


def read_source(source: str) -> JsonObject:
    """Who published the report, and its address, which the table gives without that of Facebook."""
    address = source if "://" in source else f"https://{source}"
    host, _, path = address.partition("://")[2].partition("/")
    if "." not in host or host.casefold() in PAGES:
        address = f"https://www.facebook.com/{source}"
        return {"publisher": PAGES.get(host.casefold(), host), "url": address, "language": "uk"}
    channel = path.partition("/")[0]
    publisher = PAGES.get(channel.casefold(), channel) if host == "t.me" else host
    return {"publisher": publisher or host, "url": address, "language": "uk"}


def _where(targets: list[str | None]) -> str:
    if len(targets) != 1 or targets[0] is None:
        return "Ukraine"
    return f"Ukraine ({targets[0]})" if targets[0].casefold() in DIRECTIONS else targets[0]


def _fired(munitions: list[JsonObject]) -> list[str]:
    return [" ".join(str(row[field]) for field in ("launched", "model") if row[field] is not None) for row in munitions]


def _best(count: Any) -> Any:
    return count.get("best") if isinstance(count, Mapping) else count
