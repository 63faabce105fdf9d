"""A source is kept current through outages, by one process at a time, and says when it is not."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
import structlog
from prometheus_client import CollectorRegistry, generate_latest
from publisher import LOOPBACK, Fault, Publisher, publishing
from sqlmodel import col
from test_providers import Gdelt, gdelt_row

from app.changes import Change
from app.imports.report import ImportReport, RowProblem
from app.sources.config import Source
from app.sources.http_client import FetchTools
from app.sources.importing import FileImporter
from app.sources.metrics import SourceMetrics
from app.sources.outcome import Imported, ImportFailed, Outcome
from app.sources.schemas import serialize_source
from app.sources.staleness import note_sources, tell_staleness
from app.sources.sync import Syncer, next_run
from app.sources.tables import LeaseLost, SourceState, forget, lease, read_states, save
from app.subscriptions.management.queries import list_notices

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from conftest import MakeApp

    from app.db import Database
    from app.sources.providers import SourceFile

BEGIN = datetime(2026, 3, 10, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


@pytest.fixture
async def publisher() -> AsyncIterator[Publisher]:
    async with publishing() as opened:
        yield opened


class Desk:
    """A clock, sources, and an import that notes what it is given: a row is a line of the file."""

    def __init__(self, db: Database, *sources: Source) -> None:
        self.db, self.now, self.sources = db, BEGIN, sources
        self.imported: list[tuple[str, bytes]] = []
        self.taken_at = BEGIN
        self.wait: asyncio.Event | None = None
        self.fault: Exception | None = None
        self.is_waiting = False
        self.importer: FileImporter | None = None
        self.tools = FetchTools(sleep=self.sleep, now=lambda: self.now, chance=lambda: 0.0)
        self.syncer = self.start()

    def start(self) -> Syncer:
        """Another process, as it were."""
        return Syncer(self.db, self.sources, self.take, LOOPBACK, self.tools)

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    async def take(self, source: Source, file: SourceFile) -> Imported:
        assert file.path is not None
        if self.wait is not None:
            self.is_waiting = True
            await self.wait.wait()
        if self.fault is not None:
            raise self.fault
        content = file.path.read_bytes()
        self.imported.append((file.version, content))
        self.taken_at = self.now
        if self.importer is not None:
            return await self.importer(source, file)
        rows = content.count(b"\n") + 1
        return Imported(ImportReport("gdelt", dry_run=False, rows=rows, created=rows), self.now - timedelta(hours=1))

    async def state(self, name: str = "s") -> SourceState:
        return next(state for state in await read_states(self.db) if state.name == name)

    async def shown(self, name: str = "s") -> dict[str, Any]:
        return serialize_source(await self.state(name), self.now)

    async def run(self, *names: str) -> list[Outcome]:
        return await self.syncer.run(names)


@pytest.fixture
async def importing_desk(db: Database, publisher: Publisher) -> AsyncIterator[Desk]:
    """A desk that imports GDELT's files for good."""
    gdelt = source(f"{publisher.url}/v2/lastupdate.txt", "gdelt", dataset="gdelt", options={})
    desk = Desk(db, gdelt)
    async with FileImporter(db, lambda: desk.now) as importer:
        desk.importer = importer
        yield desk


async def until(holds: Callable[[], bool]) -> None:
    """Come back when it holds."""
    while not holds():  # noqa: ASYNC110 (what it waits for is told by no event)
        await asyncio.sleep(0.01)


def source(url: str, sort: str = "plain", every: str = "15m", name: str = "s", **more: Any) -> Source:
    fields = {"name": name, "type": sort, "url": url, "every": every, "options": {"map": "x"}, **more}
    return Source.model_validate(fields)


async def test_a_day_of_a_15_minute_source_with_outages_repeats_and_corrections(  # noqa: C901 (a story)
    importing_desk: Desk, db: Database, publisher: Publisher
) -> None:
    """Nothing is missed, nothing comes twice, and it is told when the source has been silent for three intervals."""
    chance = random.Random(7)
    desk, gdelt = importing_desk, Gdelt(publisher)
    registry = CollectorRegistry()
    metrics = SourceMetrics(registry, lambda: desk.now)
    published: list[bytes] = []
    shown_stale: list[int] = []

    for n in range(96):
        slot = BEGIN + n * QUARTER
        at = slot.strftime("%Y%m%d%H%M%S")
        desk.now = max(desk.now, slot + timedelta(minutes=2))
        publisher.is_down = 20 <= n < 27  # the publisher's server does not answer
        stands_still = 40 <= n < 45  # it answers, but publishes nothing
        if not stands_still:
            content = gdelt_row(n)
            is_late = n in {12, 30, 31}  # not in the list of the newest, later in the master list
            gdelt.publish(slot, content, last=not is_late)
            published.append(content.encode())
        if n in {10, 55}:  # corrected: published again under its name
            content = gdelt_row(n, NumMentions="9") + gdelt_row(1000 + n)
            await desk.run("s")
            gdelt.publish(slot, content)
            published.append(content.encode())
            desk.now += QUARTER / 3
        if n == 60:  # yesterday's list again
            publisher.faults["/v2/lastupdate.txt"] = [Fault(body="".join(gdelt.lines[:2]).encode())]
        if n == 65:
            publisher.faults[f"/v2/{at}.export.CSV.zip"] = [Fault(cut=1), Fault(status=503), Fault(body=b"wrong")]
        if n == 70:
            publisher.faults["/v2/lastupdate.txt"] = [Fault(status=429, headers={"retry-after": "1200"})]
        if n == 75:  # another process was killed in the middle of an import
            assert await lease(db, "s", uuid4(), desk.now, desk.now + timedelta(minutes=2))
        for _ in range(chance.choice([1, 1, 2, 4])):  # a cron that comes more often than is due
            await desk.run()
            desk.now += timedelta(seconds=chance.randint(5, 100))
        if n == 80:
            desk.syncer = desk.start()
        shown = await desk.shown()
        await asyncio.gather(tell_staleness(db, desk.now), tell_staleness(db, desk.now))  # two servers, one notice
        assert shown["stale"] == (desk.now - desk.taken_at > 3 * QUARTER), n
        if shown["stale"]:
            shown_stale.append(n)
            await metrics.refresh(db)
            assert b'sitrep_source_stale{source="s"} 1.0' in generate_latest(registry)
    desk.now += timedelta(hours=1)
    await desk.run("s")
    await desk.run()

    contents = [content for _, content in desk.imported]
    assert Counter(contents) == Counter(published)
    assert len(set(contents)) == len(contents)
    rows = await db.rows(sa.select(col(Change.operation), sa.func.count()).group_by(col(Change.operation)))
    assert dict(rows) == {"created": 91 + 2, "updated": 2}
    assert {23, 24, 25, 26, 43, 44} <= set(shown_stale) <= {*range(22, 28), *range(42, 46), *range(72, 76)}
    notices, _ = await list_notices(db, 0, 100)
    assert [notice.type for notice in notices] == ["source.stale", "source.recovered"] * 2
    assert notices[0].detail.startswith("The source s has been silent for 4")
    state = await desk.shown()
    assert (state["state"], state["stale"], state["failures"], state["last_problem"]) == ("ok", True, 0, None)
    assert (state["version"], state["rows"]) == ((BEGIN + 95 * QUARTER).strftime("%Y%m%d%H%M%S"), 1)


async def test_one_process_at_a_time_takes_a_source_in(db: Database, publisher: Publisher) -> None:
    publisher.files["/f.csv"] = b"one"
    desk = Desk(db, source(f"{publisher.url}/f.csv"))
    other, desk.wait = desk.start(), asyncio.Event()
    first = asyncio.create_task(desk.run("s"))
    await until(lambda: bool(publisher.asked))
    assert (await desk.shown())["state"] == "running"
    assert [outcome.result for outcome in await other.run(["s"])] == ["held"]
    desk.wait.set()
    [outcome] = await first
    assert (outcome.result, outcome.sentence) == (
        "imported",
        f"1 file, 1 rows: 1 created, 0 updated, 0 deleted, 0 refused; now at {(await desk.state()).version}.",
    )
    assert [outcome.result for outcome in await other.run()] == ["not-due"]
    assert [outcome.result for outcome in await other.run(["s"])] == ["unchanged"]

    # One that was killed holds its lease until it runs out, and then stores nothing any more.
    killed = uuid4()
    assert await lease(db, "s", killed, desk.now, desk.now + timedelta(minutes=2))
    assert [outcome.result for outcome in await other.run(["s"])] == ["held"]
    desk.now += timedelta(minutes=2)
    assert (await desk.shown())["state"] == "ok"
    results = await asyncio.gather(desk.run("s"), other.run(["s"]))
    assert sorted(outcome.result for [outcome] in results) in (["held", "unchanged"], ["unchanged", "unchanged"])
    with pytest.raises(LeaseLost):
        await save(db, "s", killed, {"version": "old"})
    assert len(desk.imported) == 1
    assert await forget(db, "s")
    assert not await forget(db, "s")


async def test_failures_wait_longer_each_time_and_keep_the_place(db: Database, publisher: Publisher) -> None:
    desk = Desk(db, source(f"{publisher.url}/f.csv", every="1h"))
    waits = []
    for _ in range(8):
        [outcome] = await desk.run()
        assert outcome.result == "failed"
        assert "f.csv answered 404: there is no such file. Next try at" in outcome.sentence
        waits.append((outcome.next_run_at or desk.now) - desk.now)
        desk.now = outcome.next_run_at or desk.now
    assert waits == [timedelta(minutes=n) for n in (1, 2, 4, 8, 16, 32, 60, 60)]
    shown = await desk.shown()
    assert (shown["state"], shown["failures"], shown["freshness"]["since_last_success_s"]) == ("failing", 8, None)
    assert shown["last_problem"].endswith("/f.csv answered 404: there is no such file.")

    publisher.files["/f.csv"] = b"one\ntwo"
    desk.fault = ImportFailed("f.csv: this is HTML, not CSV.")
    assert [outcome.sentence[:29] for outcome in await desk.run()] == ["f.csv: this is HTML, not CSV."]
    assert (await desk.state()).progress == "{}"
    desk.fault = None
    publisher.faults["/f.csv"] = [Fault(status=503, headers={"retry-after": "7200"})]
    desk.now += timedelta(hours=1)
    [outcome] = await desk.run()
    assert outcome.next_run_at == desk.now + timedelta(hours=2)
    desk.now += timedelta(hours=2)
    assert [outcome.result for outcome in await desk.run()] == ["imported"]
    shown = await desk.shown()
    assert (shown["state"], shown["failures"], shown["last_problem"], shown["rows"]) == ("ok", 0, None, 2)
    assert shown["freshness"] == {"since_newest_event_s": 3600, "since_last_success_s": 0}

    # What is due keeps to its times; another interval or dataset takes effect at once.
    assert next_run(BEGIN, QUARTER, BEGIN + 3.5 * QUARTER) == BEGIN + 4 * QUARTER
    assert [outcome.result for outcome in await desk.run()] == ["not-due"]
    desk.sources = (source(f"{publisher.url}/f.csv", every="2h"),)
    desk.syncer = desk.start()
    assert [outcome.result for outcome in await desk.run()] == ["unchanged"]
    desk.sources = (source(f"{publisher.url}/f.csv", every="2h", dataset="sitrep"),)
    desk.syncer = desk.start()
    assert [outcome.result for outcome in await desk.run()] == ["imported"]

    desk.sources = (source(f"{publisher.url}/f.csv?now", every="2h", dataset="sitrep"),)
    desk.syncer = desk.start()
    assert [outcome.result for outcome in await desk.run("s")] == ["imported"]

    async def refuse(source: Source, file: SourceFile) -> Imported:
        report = ImportReport("x", dry_run=False, rows=9, created=7, refused=2)
        report.add_problem(RowProblem(5, "number", "This is no number.", "deaths", "x"))
        return Imported(report)

    publisher.files["/f.csv"] = b"three"
    desk.syncer.import_file = refuse
    [outcome] = await desk.run("s")
    assert outcome.result == "imported"
    assert (await desk.shown())["last_problem"] == "2 rows refused, line 5: This is no number."
    desk.syncer.import_file = desk.take
    desk.fault = ZeroDivisionError()
    publisher.files["/f.csv"] = b"four"
    [outcome] = await desk.run("s")
    assert outcome.sentence.startswith("An unexpected fault: ZeroDivisionError. Next try at 2026-")


async def test_watching_takes_each_source_in_when_it_is_due_and_lets_go_when_it_is_stopped(
    db: Database, publisher: Publisher
) -> None:
    publisher.files |= {"/a": b"a", "/b": b"b"}
    desk = Desk(db, source(f"{publisher.url}/a", name="a"), source(f"{publisher.url}/b", name="b", every="2h"))
    told: list[Outcome] = []
    watching = asyncio.create_task(desk.syncer.watch(told.append))
    await until(lambda: Counter(outcome.name for outcome in told) >= Counter(a=8, b=2))
    publisher.files["/a"] = b"again"
    desk.wait = asyncio.Event()
    await until(lambda: desk.is_waiting)
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
    assert [outcome.result for outcome in told if outcome.name == "b"][:2] == ["imported", "unchanged"]
    assert [state.holder for state in await read_states(db)] == [None, None]


async def test_sources_are_shown_to_readers_and_to_prometheus(
    db: Database, publisher: Publisher, make_app: MakeApp
) -> None:
    from conftest import client_of

    publisher.files["/f.csv"] = b"one"
    desk = Desk(db, source(f"{publisher.url}/f.csv", every="1d", dataset="sitrep", name="mine"))
    app = await make_app(anonymous_read=True)
    async with client_of(app) as client:
        assert (await client.get("/v1/sources")).json() == {"items": [], "next": None}
        desk.now = datetime.now(UTC) - timedelta(days=4)
        await desk.run()
        [shown] = (await client.get("/v1/sources")).json()["items"]
        assert (shown["name"], shown["dataset"], shown["interval_s"]) == ("mine", "sitrep", 86400)
        assert (shown["state"], shown["stale"], shown["rows"]) == ("ok", True, 1)
        assert 345_600 <= shown["freshness"]["since_last_success_s"] < 345_700
        assert (await client.get("/v1/sources?name=x")).status_code == 422
        text = (await client.get("/metrics")).text
        assert 'sitrep_source_stale{source="mine"} 1.0' in text
        assert 'sitrep_source_seconds_since_success{source="mine"} 3456' in text
    closed = await make_app()
    async with client_of(closed) as client:
        assert (await client.get("/v1/sources")).status_code == 401


async def test_a_server_that_has_the_file_tells_of_sources_that_were_never_taken_in(
    db: Database, make_app: MakeApp, tmp_path: Path
) -> None:
    from conftest import client_of

    desk = Desk(db, source("https://example.org/a.csv", every="1d", dataset="sitrep", name="known"))
    desk.now = datetime.now(UTC)
    await desk.syncer.register()
    [before] = await read_states(db)
    file = tmp_path / "sources.toml"
    file.write_text(
        """
        [source.known]
        url = "https://example.org/a.csv"
        every = "1d"
        dataset = "sitrep"

        [source.new]
        url = "https://example.org/b.csv"
        every = "15m"
        dataset = "sitrep"
        headers = { authorization = "Bearer $NOWHERE_SET" }
        """
    )
    app = await make_app(anonymous_read=True, sources_file=file)
    async with client_of(app) as client:
        async with asyncio.timeout(60):
            while len(shown := (await client.get("/v1/sources")).json()["items"]) < 2:  # noqa: ASYNC110 (nothing tells)
                await asyncio.sleep(0.01)
    assert [(each["name"], each["state"], each["stale"], each["next_run_at"]) for each in shown] == [
        ("known", "new", False, None),
        ("new", "new", False, None),
    ]
    known, new = await read_states(db)
    assert known == before
    assert new.is_stale(new.added_at + timedelta(minutes=46))
    file.write_text('[source.new]\nurl = "https://example.org/b.csv"\nevery = "15 minutes"\n')
    with structlog.testing.capture_logs() as logs:
        await note_sources(db, file)
    [told] = logs
    assert "every" in told["problem"]
    assert await read_states(db) == [known, new]
