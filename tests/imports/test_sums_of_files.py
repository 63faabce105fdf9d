"""Made-up files in a database: its statistics are the sums of the files, and an older snapshot leaves nothing."""

from __future__ import annotations

import csv
import shutil
from typing import TYPE_CHECKING, Any

from calls import good
from importing import events, opened

from app.datasets import acled, missile_attacks, ucdp_ged
from app.imports.detection import identify
from app.imports.files import open_file
from app.imports.import_request import prepare_import
from app.imports.request import ImportOptions
from app.imports.run import run_import

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import httpx

    from app.db import Database
    from app.events.write.store import Store
    from app.imports.report import ImportReport

Rows = list[dict[str, Any]]
DEADLY = {
    "type_of_violence": "1",
    "side_a": "Government of Syria",
    "side_b": "Made-up Front",
    "date_prec": "1",
    "where_prec": "1",
    "gwnoa": "652",
    "latitude": "35.5",
    "longitude": "36.5",
    "where_coordinates": "Rami village",
}
LENIENT = ImportOptions(write=True, lenient=True)


def waves() -> Rows:
    """Forty nights, of each a row of drones and one of missiles."""
    rows: Rows = []
    for number in range(1, 41):
        month, day = divmod(number - 1, 28)
        start, end = f"2031-{8 + month:02}-{1 + day:02} 18:00", f"2031-{8 + month:02}-{2 + day:02} 9:30"
        wave = {"time_start": start, "time_end": end, "source": f"x/{number}"}
        rows.append(wave | {"model": "Shahed-136/131", "launched": f"{number * 9}.0", "destroyed": f"{number * 7}.0"})
        rows.append(wave | {"model": "Kalibr", "launched": "12.0", "destroyed": f"{number % 12}.0", "target": "south"})
    night = {"time_start": "2031-07-06 17:00", "time_end": "2031-07-07 9:30", "source": "x/big"}
    return [*rows, night | {"model": "Shahed-136/131", "launched": "810.0", "destroyed": "747.0", "target": "Ukraine"}]


def deaths() -> Rows:
    """Events of two countries, some of which break the order of low, best and high."""
    rows: Rows = []
    for number in range(60):
        parts = [number % 3, number % 5, number % 7, number % 2]
        best = sum(parts)
        rows.append(
            {
                **dict(zip(("deaths_a", "deaths_b", "deaths_civilians", "deaths_unknown"), parts, strict=True)),
                **DEADLY,
                "id": str(number + 1),
                "low": max(0, best - number % 4),
                "best": best,
                "high": best + number % 6,
                "date_start": f"203{number % 2}-05-01",
                "date_end": f"203{number % 2}-05-02",
                "country_id": ("652", "369")[number % 3 == 0],
            }
        )
    rows[8]["low"] = rows[8]["high"] + 3
    rows[9]["high"] = 0
    return rows


def incidents() -> Rows:
    """Events of ACLED with fatalities."""
    common = {"event_type": "Battles", "sub_event_type": "Armed clash", "actor1": "Made-up Front", "inter1": "2"}
    common |= {"event_date": "05 May 2032", "country": "Mali", "iso": "466", "source": "Agency", "location": "Kidal"}
    return [common | {"event_id_cnty": f"MLI{number}", "fatalities": number % 6} for number in range(30)]


async def bring_in(db: Database, store: Store, path: Path, columns: Iterable[str], rows: Rows) -> ImportReport:
    """Write the rows to a file and import it as the command line does."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), restval="")
        writer.writeheader()
        writer.writerows(rows)
    with open_file(str(path)) as data_file:
        return await run_import(db, store, prepare_import(data_file, identify(data_file), by="desk", options=LENIENT))


async def test_statistics_are_the_sums_of_the_files(
    api: httpx.AsyncClient, db: Database, store: Store, tmp_path: Path
) -> None:
    fired, killed, clashes = waves(), deaths(), incidents()
    reports = [
        await bring_in(db, store, tmp_path / "a.csv", missile_attacks.COLUMNS_2026, fired),
        await bring_in(db, store, tmp_path / "b.csv", ucdp_ged.COLUMNS, killed),
        await bring_in(db, store, tmp_path / "c.csv", acled.COLUMNS, clashes),
    ]
    assert [(r.created, r.flagged, r.refused) for r in reports] == [(41, 0, 0), (60, 2, 0), (30, 0, 0)]

    async def total(query: str, part: str = "best") -> int:
        rows = good(await api.get(f"/v1/stats/series?interval=year&since=2030-01-01&until=2040-01-01&{query}"))
        return sum(row[part] for row in rows if row[part] is not None)

    assert await total("measure=launched") == sum(float(row["launched"]) for row in fired)
    assert await total("measure=intercepted") == sum(float(row["destroyed"]) for row in fired)
    for part in ("low", "best", "high"):
        told = await total("measure=killed&publisher=Uppsala Conflict Data Program", part)
        assert told == sum(row[part] for row in killed)
    assert await total("measure=killed&publisher=ACLED") == sum(row["fatalities"] for row in clashes)
    syria = good(await api.get("/v1/events/count?country=SY"))["count"]
    assert syria == sum(row["country_id"] == "652" for row in killed)
    # A night is of both its days.
    found = good(await api.get("/v1/events?since=2031-07-07T00:00:00Z&until=2031-07-08T00:00:00Z"))["items"]
    assert [event["detail"]["munitions"][0]["launched"]["best"] for event in found] == [810]


async def test_an_older_snapshot_leaves_nothing_behind(
    db: Database, store: Store, tmp_path: Path, sqlite_template: Path
) -> None:
    old = waves()
    new: Rows = [dict(row) for row in old]
    new[0] |= {"model": "Unknown UAV", "launch_place": "Yeysk"}
    new[5] |= {"target": "Odesa oblast", "launched": "13.0"}
    for row in new[10:12]:
        row["time_start"] = row["time_start"].replace("18:00", "19:30")
    for row in new[20:22]:
        row["source"] = "y/other"
    new.append(new[-1] | {"source": "y/later", "time_end": "2031-07-07 11:00", "launched": "5.0"})
    path = tmp_path / "table.csv"
    await bring_in(db, store, path, missile_attacks.COLUMNS_2025, old)
    report = await bring_in(db, store, path, missile_attacks.COLUMNS_2026, new)
    assert (report.created, report.updated, report.unchanged, report.vanished) == (1, 4, 37, 0)
    again = await bring_in(db, store, path, missile_attacks.COLUMNS_2026, new)
    assert (again.created, again.updated, again.unchanged) == (0, 0, 42)

    other = tmp_path / "other.db"
    shutil.copy(sqlite_template, other)
    async with opened(f"sqlite:///{other}") as (empty, its_store):
        await bring_in(empty, its_store, path, missile_attacks.COLUMNS_2026, new)
        alone = await events(empty)
    assert sorted(map(without_version, await events(db))) == sorted(map(without_version, alone))


def without_version(event: str) -> str:
    """An event, whatever the number of its version."""
    return event.partition("'version': ")[0] + event.partition("'version': ")[2].partition(",")[2]
