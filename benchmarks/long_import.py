"""Imports a long made-up file of UCDP's layout, and tells memory and rate for each tenth of its rows.

`python -m benchmarks.long_import --rows 1000000 [--minutes 35] [--folder DIR]` writes the file and a SQLite database
into the folder, imports as `sitrep import --write` does, and ends with status 1 if it took 300 MB or more, or if the
last full tenth took over a quarter more processor time than the second. `--minutes` ends it before the file's end.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import resource
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from app.datasets.ucdp_ged import COLUMNS
from app.db import open_database
from app.events.write.store import Store
from app.imports.detection import identify
from app.imports.files import open_file
from app.imports.import_request import prepare_import
from app.imports.request import ImportOptions
from app.imports.run import run_import
from app.kit.gc import freeze_gc
from app.migrate import migrate

if TYPE_CHECKING:
    from app.imports.report import ImportReport

MAX_MB = 300
MAX_GROWTH = 1.25
# The country's number, its code of divisions left open, and a place in it.
PLACES = (
    ("652", "Syria", "Rami village", 35.76, 36.55),
    ("369", "Ukraine", "Kharkiv city", 49.99, 36.23),
    ("625", "Sudan", "El Fasher town", 13.63, 25.35),
    ("475", "Nigeria", "Maiduguri town", 11.83, 13.15),
)
FIRST = date(1989, 1, 1)
DAYS = 12_000


def write_rows(path: Path, count: int) -> None:
    """A CSV file with so many events, each with an id of its own."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(row(n, count) for n in range(count))


def row(n: int, count: int) -> dict[str, object]:
    """Row number n: releases come in the order of time."""
    random = Random(n)
    number, country, place, lat, lon = random.choice(PLACES)
    day = FIRST + timedelta(days=n * DAYS // count)
    deaths = [random.randrange(9) for _ in range(4)]
    return {
        "id": 1_000_000 + n,
        "year": day.year,
        "type_of_violence": random.randrange(1, 4),
        "conflict_new_id": random.randrange(300),
        "dyad_name": f"Government of {country} - Front {n % 50}",
        "side_a": f"Government of {country}",
        "side_b": f"Front {n % 50}",
        "source_office": "Agency One;Agency Two",
        "source_date": f"{day};{day}",
        "source_headline": f"Report {n} of an attack;Another",
        "where_prec": random.randrange(1, 5),
        "where_coordinates": place,
        "latitude": round(lat + random.gauss(0, 0.5), 4),
        "longitude": round(lon + random.gauss(0, 0.5), 4),
        "country": country,
        "country_id": number,
        "date_prec": 1,
        "date_start": f"{day} 00:00:00.000",
        "date_end": f"{day} 00:00:00.000",
        **dict(zip(("deaths_a", "deaths_b", "deaths_civilians", "deaths_unknown"), deaths, strict=True)),
        "low": sum(deaths),
        "best": sum(deaths),
        "high": sum(deaths) + random.randrange(3),
        "gwnoa": number,
    }


def peak_mb() -> int:
    """The most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


class Tenths:
    """Hears of the progress of an import, and prints a line at each tenth."""

    def __init__(self, rows: int, seconds: float) -> None:
        """So many rows are to come, in at most so many seconds."""
        self.each, self.until = max(rows // 10, 1), time.monotonic() + seconds
        self.costs: list[float] = []
        self._rows, self._cpu, self._wall = 0, time.process_time(), time.monotonic()

    def __call__(self, report: ImportReport) -> None:
        """Measure, and stop when the time is over."""
        if report.rows >= (len(self.costs) + 1) * self.each:
            cpu, wall, done = time.process_time(), time.monotonic(), report.rows - self._rows
            self.costs.append((cpu - self._cpu) * 1000 / done)
            rate, cost = done / (wall - self._wall), self.costs[-1]
            print(f"{report.rows:>9,} rows  {rate:>6,.0f} a second  {cost:.3f} ms of CPU  {peak_mb()} MB", flush=True)
            self._rows, self._cpu, self._wall = report.rows, cpu, wall
        if time.monotonic() > self.until:
            raise TimeoutError


async def import_rows(path: Path, url: str, tenths: Tenths) -> None:
    """Import the file into a new database, until its end or that of the time."""
    db = open_database(url, lean=True)
    await db.connect()
    store = Store(db)
    store.start()
    try:
        with open_file(str(path)) as data_file:
            detected = identify(data_file, None, None)
            request = prepare_import(data_file, detected, by="benchmark", options=ImportOptions(write=True))
            await run_import(db, store, request, tenths)
    except TimeoutError:
        print("The time is over.")
    finally:
        await store.stop()
        await db.close()


def main() -> int:
    """Write, import, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--minutes", type=float, default=600)
    parser.add_argument("--folder", type=Path, default=None)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        path, url = Path(folder) / "rows.csv", f"sqlite:///{folder}/sitrep.db"
        write_rows(path, asked.rows)
        migrate(url)
        freeze_gc()
        tenths = Tenths(asked.rows, asked.minutes * 60)
        asyncio.run(import_rows(path, url, tenths))
    grew = tenths.costs[-1] / tenths.costs[1] if len(tenths.costs) > 2 else 1
    print(f"{peak_mb()} MB; the last tenth took {grew:.2f} times the processor time of the second.")
    return 1 if peak_mb() >= MAX_MB or grew > MAX_GROWTH else 0


if __name__ == "__main__":
    sys.exit(main())
