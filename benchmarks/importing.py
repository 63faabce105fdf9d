"""What an import costs beside such events written through the store in batches, and beside `sqlite-utils insert`."""

from __future__ import annotations

import asyncio
import csv
import os
import resource
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import orjson

from app.datasets import Draft
from app.datasets.ucdp_ged import COLUMNS
from app.db import Database, open_database
from app.events.write.idempotency import ResponseData
from app.events.write.parse_commands import read_items
from app.events.write.store import Store
from app.events.write.transaction import WriteRequest
from app.imports.detection import decide_date_order, identify
from app.imports.files import open_file
from app.imports.import_request import prepare_import, read_records
from app.imports.request import ImportOptions
from app.imports.run import run_import
from benchmarks.databases import Shelf, name_in
from benchmarks.figures import Figure, figure
from benchmarks.measure import ratios
from benchmarks.options import Options
from benchmarks.peers import SQLITE_UTILS, PeerMissing, Peers, environment
from benchmarks.servers import Server

IMPORTED = ("import",)
ROWS, QUICK_ROWS = 3_000, 1_000
BATCH = 1_000
DATASET = "ucdp_ged"
PLACES = (("Kharkiv", "Kharkivska oblast", 49.99, 36.23), ("Odesa", "Odeska oblast", 46.48, 30.73))
WORDS = ("shelling", "reported", "near", "the", "bridge", "police", "said", "three", "houses", "burned", "overnight")


def write_table(path: Path, rows: int, first: int) -> None:
    """Made-up rows in the layout of UCDP's events."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(made_up(first + n) for n in range(rows))


def made_up(n: int) -> dict[str, Any]:
    """Row number n."""
    random = Random(n)
    place, region, lat, lon = random.choice(PLACES)
    day = f"{random.randrange(2014, 2025)}-{random.randrange(1, 13):02}-{random.randrange(1, 28):02}"
    deaths = [random.randrange(5) for _ in range(4)]
    best = sum(deaths)
    return {
        **dict(zip(("deaths_a", "deaths_b", "deaths_civilians", "deaths_unknown"), deaths, strict=True)),
        "id": n,
        "relid": f"UKR-{n}",
        "year": day[:4],
        "active_year": 1,
        "type_of_violence": 1,
        "conflict_new_id": 1,
        "conflict_name": "A: B",
        "dyad_new_id": 2,
        "dyad_name": "Government of A - B",
        "side_a_new_id": 3,
        "side_a": "Government of A",
        "side_b_new_id": 4,
        "side_b": "B",
        "number_of_sources": 1,
        "source_article": f"Wire One, {day}, {' '.join(random.choices(WORDS, k=12))}",
        "source_office": "Wire One",
        "source_date": day,
        "source_headline": " ".join(random.choices(WORDS, k=8)),
        "where_prec": random.choice((1, 2, 3)),
        "where_coordinates": f"{place} town",
        "where_description": " ".join(random.choices(WORDS, k=6)),
        "adm_1": region,
        "latitude": round(lat + random.gauss(0, 0.2), 4),
        "longitude": round(lon + random.gauss(0, 0.2), 4),
        "priogrid_gid": 200_000 + random.randrange(1_000),
        "country": "Ukraine",
        "country_id": 369,
        "region": "Europe",
        "event_clarity": 1,
        "date_prec": 1,
        "date_start": f"{day} 00:00:00.000",
        "date_end": f"{day} 00:00:00.000",
        "best": best,
        "high": best + random.randrange(3),
        "low": best,
    }


def events_of(path: Path) -> list[dict[str, Any]]:
    """The events that an import makes of the file."""
    with open_file(path) as file:
        found = identify(file, DATASET)
        records = list(read_records(file, found, decide_date_order(file, found)))
    return [record.event for record in records if isinstance(record, Draft)]


def import_rows(shelf: Shelf, options: Options, peers: Peers) -> Iterator[Figure]:
    """A file of new rows is imported, and another's events are written in batches, in turns; both into one database."""
    print(f"{shelf.dialect}: import", flush=True)
    rows = QUICK_ROWS if options.quick else ROWS
    with shelf.copy(shelf.sitrep(options.events)) as url, tempfile.TemporaryDirectory() as folder:
        own = Server("own", 0, os.getpid(), name_in(url) if shelf.dialect == "postgresql" else None)
        spent, told = asyncio.run(take_turns(url, Path(folder), rows, max(options.rounds - 2, 2), own))
        table = Path(folder) / "table.csv"
        write_table(table, rows, 0)
        peer, why = insert_by_sqlite_utils(peers, table, rows)
    imported, written = spent
    remark = f"import / batches: {told} ms a row"
    beside = {SQLITE_UTILS: median(written) / peer} if peer else {}
    yield figure("import", shelf.dialect, ratios(written, imported), beside, ". ".join(filter(None, (remark, why))))


async def take_turns(
    url: str, folder: Path, rows: int, rounds: int, own: Server
) -> tuple[tuple[list[float], list[float]], str]:
    """Seconds of processor time for a row, of each way in each round; the first round warms up and does not count."""
    db = open_database(url)
    await db.connect()
    store = Store(db)
    store.start()
    imported: list[float] = []
    written: list[float] = []
    try:
        for n in range(rounds + 1):
            size = BATCH if n == 0 else rows
            table = folder / f"{n}.csv"
            write_table(table, size, 2 * n * rows)
            imported.append(await spent_on(own, import_file(db, store, table)) / size)
            write_table(table, size, (2 * n + 1) * rows)
            texts = [orjson.dumps(event) for event in events_of(table)]
            written.append(await spent_on(own, write_batches(store, texts)) / len(texts))
    finally:
        await store.stop()
        await db.close()
    del imported[0], written[0]
    return (imported, written), " / ".join(f"{1000 * median(some):.3f}" for some in (imported, written))


async def spent_on(own: Server, work: Any) -> float:
    """Seconds of processor time while it was done, in this process and in PostgreSQL."""
    before = own.cpu()
    await work
    return own.cpu() - before


async def import_file(db: Database, store: Store, path: Path) -> None:
    """As `sitrep import --write` does it."""
    with open_file(path) as file:
        options = ImportOptions(write=True)
        report = await run_import(db, store, prepare_import(file, identify(file, DATASET), by="bench", options=options))
    assert report.created > report.refused == 0, report


async def write_batches(store: Store, texts: Sequence[bytes]) -> None:
    """As `POST /v1/events/batch` does it: parse, validate and write a thousand, while the next are read."""
    writing = None
    for first in range(0, len(texts), BATCH):
        items = [{"op": "create", "event": orjson.loads(text)} for text in texts[first : first + BATCH]]
        commands, places = read_items(items)
        if writing is not None:
            await writing
        job = WriteRequest(commands, "bench", lambda _results: ResponseData(200), places=places)
        writing = asyncio.create_task(store.run(job))
        await asyncio.sleep(0)
    if writing is not None:
        await writing


def insert_by_sqlite_utils(peers: Peers, table: Path, rows: int) -> tuple[float, str]:
    """Seconds of processor time for a row of the whole command, or why there are none."""
    target = table.with_suffix(".db")
    try:
        command = [peers.python("sqlite-utils"), "insert", str(target), "events", str(table), "--csv", "--pk", "id"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, timeout=60, env=environment(), capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    except PeerMissing as error:
        return 0.0, str(error)
    except subprocess.SubprocessError:
        return 0.0, "sqlite-utils did not insert the file."
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / rows, ""
