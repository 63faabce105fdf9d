"""What the publishers give out becomes events, each once, and goes when they take it back: made-up rows throughout."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import sqlalchemy as sa
from publisher import LOOPBACK, Asked, Naps, Publisher, publishing
from sqlmodel import col

from app.changes import Change
from app.datasets import datasets
from app.events.tables import StoredEvent
from app.sources.config import Source
from app.sources.http_client import FetchTools
from app.sources.importing import FileImporter
from app.sources.outcome import Outcome
from app.sources.sync import Syncer
from app.sources.tables import read_states

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from conftest import MakeApp

    from app.db import Database

ACLED_ROW = dict.fromkeys(datasets()["acled"].layouts[0].columns, "") | {
    "event_date": "2026-03-09",
    "year": "2026",
    "time_precision": "1",
    "event_type": "Battles",
    "sub_event_type": "Armed clash",
    "actor1": "Unidentified Armed Group (Ukraine)",
    "country": "Ukraine",
    "latitude": "50.1",
    "longitude": "30.1",
    "geo_precision": "1",
    "fatalities": "2",
    "timestamp": "1770000000",
}


@pytest.fixture
async def publisher() -> AsyncIterator[Publisher]:
    async with publishing() as opened:
        yield opened


class Feed:
    """A source that is imported into a database for good."""

    def __init__(self, db: Database, import_file: FileImporter, **fields: Any) -> None:
        self.db, self.now = db, datetime(2026, 3, 10, 12, tzinfo=UTC)
        source = Source.model_validate({"every": "1h", "name": fields["dataset"], **fields})
        self.syncer = Syncer(db, [source], import_file, LOOPBACK, FetchTools(sleep=Naps().sleep, now=lambda: self.now))

    async def run(self, **later: float) -> Outcome:
        self.now += timedelta(**later)
        [outcome] = await self.syncer.run([self.syncer.sources[0].name])
        return outcome

    async def count(self) -> tuple[int, int]:
        """Events that stand, and changes so far."""
        events = sa.select(sa.func.count()).select_from(StoredEvent).where(sa.not_(col(StoredEvent.deleted)))
        [(standing,)] = await self.db.rows(events)
        [(changes,)] = await self.db.rows(sa.select(sa.func.count()).select_from(Change))
        return standing, changes


@pytest.fixture
async def import_file(db: Database) -> AsyncIterator[FileImporter]:
    async with FileImporter(db, lambda: datetime(2026, 3, 11, tzinfo=UTC)) as importer:
        yield importer


async def test_gdelts_files_become_events_once(
    db: Database, import_file: FileImporter, publisher: Publisher, make_app: MakeApp
) -> None:
    from conftest import client_of
    from test_providers import Gdelt, gdelt_row

    gdelt = Gdelt(publisher)

    def publish(n: int, *ids: int, content: bytes | None = None) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("export.CSV", content if content is not None else "".join(map(gdelt_row, ids)))
        gdelt.publish(datetime(2026, 3, 10, 10, tzinfo=UTC) + n * timedelta(minutes=15), packed.getvalue())

    feed = Feed(db, import_file, type="gdelt", dataset="gdelt", url=f"{publisher.url}/v2/lastupdate.txt")
    publish(0, 1, 2)
    assert (await feed.run()).sentence.startswith("1 file, 2 rows: 2 created, 0 updated, 0 deleted, 0 refused; now at")
    publish(1, 3)
    publish(2, content=b"<html>busy</html>")
    publish(3, 4, 5)
    outcome = await feed.run(hours=1)
    assert outcome.sentence.startswith("3 files, 3 rows: 3 created")
    assert "Left out 20260310103000.export.CSV.zip: The file is a web page" in outcome.sentence
    assert (await feed.run(hours=1)).result == "unchanged"
    publish(3, 4, 5, 6)
    assert (await feed.run(hours=1)).sentence.startswith("1 file, 3 rows: 1 created, 0 updated")
    assert await feed.count() == (6, 6)
    [state] = await read_states(db)
    assert state.newest_event_at == datetime(2026, 3, 10, tzinfo=UTC)

    app = await make_app(anonymous_read=True)
    async with client_of(app) as client:
        assert (await client.get("/v1/events/count?country=UA")).json()["count"] == 6
        [shown] = (await client.get("/v1/sources")).json()["items"]
    assert (shown["version"], shown["rows"], shown["newest_event_at"]) == ("20260310104500", 3, "2026-03-10T00:00:00Z")


async def test_opensanctions_deltas_and_whole_files_come_to_the_same(
    db: Database, import_file: FileImporter, publisher: Publisher
) -> None:
    def entity(id: str, name: str) -> dict[str, Any]:
        properties = {"name": [name], "topics": ["sanction"], "country": ["ru"]}
        times = {"first_seen": "2025-01-01T00:00:00", "last_seen": "2026-03-01T00:00:00"}
        return {
            "id": id,
            "caption": name,
            "schema": "Company",
            "properties": properties,
            "referents": [],
            "datasets": ["eu_fsf"],
            "target": True,
            "last_change": "2026-01-01T00:00:00",
            **times,
        }

    def lines(*found: dict[str, Any]) -> bytes:
        return b"".join(orjson.dumps(each) + b"\n" for each in found)

    deltas: dict[str, str] = {}

    def publish(version: str, whole: bytes, delta: bytes | None) -> None:
        publisher.files |= {"/entities.ftm.json": whole, f"/{version}.json": delta or b""}
        if delta is not None:
            deltas[version] = f"/{version}.json"
        publisher.files["/delta.json"] = orjson.dumps({"versions": deltas})
        resources = [{"name": "entities.ftm.json", "url": "/entities.ftm.json"}]
        index = {"version": version, "resources": resources, "delta_url": "/delta.json"}
        publisher.files["/index.json"] = orjson.dumps(index)

    one, two, three = entity("NK-1", "Works One"), entity("NK-2", "Works Two"), entity("NK-3", "Works Three")
    feed = Feed(db, import_file, type="opensanctions", dataset="opensanctions", url=f"{publisher.url}/index.json")
    publish("20260310-a", lines(one, two), lines({"op": "ADD", "entity": two}))
    assert (await feed.run()).sentence.startswith("1 file, 2 rows: 2 created")
    other = entity("NK-2", "Works Two and a Half")
    publish("20260310-b", b"", lines({"op": "MOD", "entity": other}, {"op": "ADD", "entity": three}))
    publish("20260310-c", lines(one, other), lines({"op": "DEL", "entity": {"id": "NK-3"}}))
    assert (await feed.run(hours=6)).sentence.startswith("2 files, 3 rows: 1 created, 1 updated, 1 deleted, 0 refused")
    assert await feed.count() == (2, 5)
    publish("20260310-d", b"", b"")  # a release that changes nothing
    assert (await feed.run(hours=6)).sentence == "nothing new; at 20260310-d."

    # NK-1 was merged into another entity, of which no delta tells; the whole file of the next day does.
    publish("20260311-e", lines(other), b"")
    assert (await feed.run(hours=13)).sentence.startswith("1 file, 1 rows: 0 created, 0 updated, 1 deleted")
    assert await feed.count() == (1, 6)


async def test_the_pages_of_ucdp_and_acled_become_events_and_what_acled_deletes_goes(
    db: Database, import_file: FileImporter, publisher: Publisher
) -> None:
    rows = [{**ACLED_ROW, "event_id_cnty": f"UKR{n}"} for n in range(3)]
    gone: list[dict[str, Any]] = []

    def answer(asked: Asked) -> Any:
        found = gone if "deleted" in asked.path else rows
        return {"status": 200, "success": True, "count": len(found), "data": found}

    publisher.files = {
        "/oauth/token": lambda _: {"access_token": "a", "expires_in": 86400},
        "/api/acled/read": answer,
        "/api/deleted/read": answer,
    }
    oauth = {"token_url": f"{publisher.url}/oauth/token", "username": "u", "password": "p"}
    acled = Feed(db, import_file, type="acled_api", dataset="acled", url=f"{publisher.url}/api/acled/read", oauth=oauth)
    assert (await acled.run()).sentence.startswith("1 file, 3 rows: 3 created")
    assert (await acled.run(hours=1)).result == "unchanged"
    rows[0] = {**rows[0], "fatalities": "5", "timestamp": "1770000001"}
    gone += [{"event_id_cnty": id, "deleted_timestamp": "1790000000"} for id in ("UKR2", "SYR7")]
    outcome = await acled.run(hours=1)
    assert outcome.sentence.startswith("2 files, 5 rows: 0 created, 1 updated, 1 deleted, 0 refused")
    assert await acled.count() == (2, 5)


async def test_a_table_of_ones_own_is_read_by_its_layout_and_a_bad_file_is_told(
    db: Database, import_file: FileImporter, publisher: Publisher, tmp_path: Path
) -> None:
    (tmp_path / "mine.toml").write_text(
        'kind = "attack"\nsystem = "desk"\nkey = "No"\n[columns]\nWhat = "title"\nDay = "started_at"\n'
        '[constants]\n"sources.0.publisher" = "Desk"\n',
        encoding="utf-8",
    )
    options = {"map": str(tmp_path / "mine.toml")}
    source = {"type": "plain", "name": "mine", "dataset": None, "url": f"{publisher.url}/mine.csv", "options": options}
    feed = Feed(db, import_file, **source)
    publisher.files["/mine.csv"] = b"No,What,Day\n1,Raid,2026-03-01\n2,Raid,no day\n"
    outcome = await feed.run()
    assert outcome.sentence.startswith("1 file, 2 rows: 1 created, 0 updated, 0 deleted, 1 refused")
    assert "1 rows refused, line 3: " in outcome.sentence
    publisher.files["/mine.csv"] = b"<!doctype html><html>Log in</html>"
    outcome = await feed.run(hours=1)
    assert (outcome.result, "HTML" in outcome.sentence) == ("failed", True)
    assert await feed.count() == (1, 1)
