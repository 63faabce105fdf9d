"""A SQLite file that is damaged, none, removed or replaced: 503, not ready, one sentence, and no write is lost."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from calls import problem
from conftest import client_of

from app.auth.keys import create_key
from app.check.run import check
from app.db import open_database
from app.db.sqlite import SqliteDatabase
from app.db.sqlite_file import explain
from app.errors import DiskFull, Problem, Unavailable
from app.main import create_app
from app.settings import Settings

if TYPE_CHECKING:
    import httpx
    from conftest import MakeEvent


@pytest.fixture
def dialect() -> str:
    """SQLite alone: PostgreSQL looks after its own files."""
    return "sqlite"


def path_of(url: str) -> Path:
    """The file of an address."""
    return Path(url.removeprefix("sqlite:///"))


async def refuses_everything(api: httpx.AsyncClient, event: object) -> None:
    """Every call that needs the database is 503 with a time to come back, and the service is not ready."""
    for answer in (
        await api.post("/v1/events", json=event),
        await api.get("/v1/events"),
        await api.get("/v1/events/count"),
        await api.get("/v1/feed?after=oldest"),
        await api.get("/readyz"),
    ):
        problem(answer, 503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("how", ["removed", "replaced", "its log removed", "its log replaced"])
async def test_no_write_is_acknowledged_into_a_file_that_has_lost_its_name(
    how: str, database_url: str, api: httpx.AsyncClient, make_event: MakeEvent, tmp_path: Path
) -> None:
    path = path_of(database_url)
    log = path.with_name(path.name + "-wal")
    assert (await api.post("/v1/events", json=make_event())).status_code == 201
    aside = tmp_path / "aside"
    moved = {"removed": path, "replaced": path}.get(how, log)
    moved.rename(aside)
    if "replaced" in how:
        shutil.copy(aside, moved)

    for _ in range(20):
        await refuses_everything(api, make_event())

    aside.replace(moved)
    assert (await api.get("/readyz")).json() == {"status": "ok"}
    assert (await api.post("/v1/events", json=make_event())).status_code == 201
    assert (await api.get("/v1/events/count")).json()["count"] == 2


async def test_a_stop_saves_what_a_removed_log_held(database_url: str, make_event: MakeEvent) -> None:
    app = create_app(Settings(database_url=database_url))
    async with app.router.lifespan_context(app):
        _, key = await create_key(app.state.services.db, "newsroom", ["admin"])
        async with client_of(app, key) as api:
            written = [(await api.post("/v1/events", json=make_event())).status_code for _ in range(3)]
            path_of(database_url + "-wal").unlink()
            await refuses_everything(api, make_event())
    assert written == [201] * 3

    again = create_app(Settings(database_url=database_url))
    async with again.router.lifespan_context(again), client_of(again, key) as api:
        assert (await api.get("/v1/events/count")).json()["count"] == 3


async def test_a_file_that_is_cut_under_a_running_server_does_not_end_it(
    database_url: str, api: httpx.AsyncClient, make_event: MakeEvent
) -> None:
    await api.post("/v1/events", json=make_event())
    os.truncate(path_of(database_url), 8192)

    await refuses_everything(api, make_event())


async def test_damage_that_is_met_is_503_and_the_service_is_no_longer_ready(
    database_url: str, api: httpx.AsyncClient, make_event: MakeEvent
) -> None:
    path = path_of(database_url)
    items = [{"op": "create", "event": make_event(title=f"Event {n}", summary="word " * 200)} for n in range(200)]
    assert (await api.post("/v1/events/batch", json={"items": items})).status_code == 200
    checkpointing = sqlite3.connect(path)
    checkpointing.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    checkpointing.close()
    noise = random.Random(7)
    with path.open("r+b") as file:
        for page in range(4, path.stat().st_size // 4096):
            file.seek(page * 4096)
            file.write(noise.randbytes(64))

    other = create_app(Settings(database_url=database_url))
    async with other.router.lifespan_context(other), client_of(other, api.headers["authorization"][7:]) as fresh:
        found = [await fresh.get(path) for path in ("/v1/events", "/v1/events/count?q=word", "/v1/feed?after=oldest")]
        assert {answer.status_code for answer in found} == {503}
        assert "damaged" in problem(await fresh.get("/readyz"), 503, "unavailable")["detail"]
        problem(await fresh.post("/v1/events", json=make_event()), 503, "unavailable")


async def test_after_vacuum_by_another_process_all_goes_on(
    database_url: str, api: httpx.AsyncClient, make_event: MakeEvent
) -> None:
    items = [{"op": "create", "event": make_event(summary="word " * 900)} for _ in range(200)]
    await api.post("/v1/events/batch", json={"items": items})
    path = path_of(database_url)
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE filler AS SELECT randomblob(4000000) AS x")
    other.commit()
    other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert (await api.get("/v1/events/count")).json()["count"] == 200
    largest = path.stat().st_size
    other.execute("DROP TABLE filler")
    other.commit()
    other.execute("VACUUM")
    other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()

    assert path.stat().st_size < largest
    assert (await api.get("/readyz")).json() == {"status": "ok"}
    assert (await api.post("/v1/events", json=make_event())).status_code == 201


@pytest.mark.parametrize("content", [b"this is no database, whatever its name says\n" * 200, b"\0" * 8192])
async def test_a_file_that_is_no_database_is_refused_and_left_alone(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_bytes(content)
    db = open_database(f"sqlite:///{path}")

    with pytest.raises(Unavailable) as refused:
        await db.connect()

    assert "damaged" in refused.value.detail
    assert path.read_bytes() == content
    await db.close()


async def test_serving_makes_no_file(tmp_path: Path) -> None:
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path / 'typo.db'}"))
    async with app.router.lifespan_context(app), client_of(app) as client:
        assert "sitrep migrate" in (await client.get("/readyz")).json()["detail"]
    assert os.listdir(tmp_path) == []  # noqa: PTH208 (not awaited, as it is a test)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (sqlite3.SQLITE_READONLY_DBMOVED, 503),
        (sqlite3.SQLITE_READONLY, 503),
        (sqlite3.SQLITE_IOERR_WRITE, 503),
        (sqlite3.SQLITE_CANTOPEN_ISDIR, 503),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, 503),
        (sqlite3.SQLITE_CORRUPT_INDEX, 503),
        (sqlite3.SQLITE_NOTADB, 503),
        (sqlite3.SQLITE_FULL, 507),
    ],
)
async def test_every_fault_of_a_file_has_its_status(code: int, status: int, tmp_path: Path) -> None:
    db = SqliteDatabase(str(tmp_path / "x.db"))
    error = sqlite3.OperationalError("told by SQLite")
    error.sqlite_errorcode = code

    with pytest.raises(Problem) as refused, db._file.translate_errors():
        raise error

    assert refused.value.status == status
    assert isinstance(refused.value, DiskFull if status == 507 else Unavailable)


async def test_a_file_that_may_not_be_written_is_told_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.touch()
    path.chmod(stat.S_IRUSR)
    error = sqlite3.OperationalError("attempt to write a readonly database")
    error.sqlite_errorcode = sqlite3.SQLITE_READONLY

    said = explain(error, str(path))

    assert str(path) in said
    assert said.endswith(".")


async def test_a_check_finds_a_damaged_page_that_no_reading_meets(database_url: str) -> None:
    path = path_of(database_url)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode=DELETE")
        [(size,)] = connection.execute("PRAGMA page_size")
        [(root,)] = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE type = 'index' AND rootpage > 1 ORDER BY name DESC LIMIT 1"
        )
    connection.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * 64)
    db = open_database(database_url)
    try:
        with pytest.raises(Unavailable) as refusal:
            await check(db, lambda _done, _total: None)
    finally:
        await db.close()

    assert "damaged" in refusal.value.detail
