"""A program writes only into a database that has its schema, says what is the matter, and goes on when it fits."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from calls import problem
from conftest import client_of, set_revision

from app.auth.keys import create_key
from app.changes.epoch import raise_epoch
from app.db import open_database
from app.db.revision import SchemaCheck, needed_schema
from app.errors import SchemaMismatch, Unavailable
from app.main import create_app
from app.migrate import migrate, newest_revision, run
from app.settings import Settings

if TYPE_CHECKING:
    import httpx
    import sqlalchemy as sa
    from conftest import MakeEvent

    from app.db import Database

OLDER = sorted(needed_schema().known)[-2]
NEWER = "9999"
SENTENCES = {
    OLDER: (
        f"The database is at revision {OLDER}, older than {newest_revision()}, which this Sitrep needs: "
        "run `sitrep migrate`."
    ),
    NEWER: (
        f"The database is at revision {NEWER}, newer than {newest_revision()}, the newest that this Sitrep knows: "
        "run the Sitrep that migrated it."
    ),
    None: f"The database has no tables yet: run `sitrep migrate`, which brings it to revision {newest_revision()}.",
}


async def be_at(url: str, revision: str | None) -> None:
    """The same, while a server runs in this process."""
    await asyncio.to_thread(set_revision, url, revision)


async def writes(api: httpx.AsyncClient, event: dict[str, Any], id: str, subscription: str) -> list[httpx.Response]:
    """One call of every path that writes."""
    path, pulled = f"/v1/events/{id}", f"/v1/subscriptions/{subscription}"
    match = {"if-match": "*"}
    wanted = {"name": "n", "mode": "pull", "filter": {}, "start": "oldest"}
    return [
        await api.post("/v1/events", json=event),
        await api.post("/v1/events", json=event, headers={"idempotency-key": "again"}),
        await api.put(path, json={**event, "title": "Other"}, headers=match),
        await api.patch(path, json={"title": "Other"}, headers=match),
        await api.put("/v1/events/by-external-id/desk/1", json=event),
        await api.post("/v1/events/batch", json={"items": [{"op": "create", "event": event}]}),
        await api.delete(f"{path}?reason=duplicate"),
        await api.post("/v1/keys", json={"name": "k", "scopes": ["read"]}),
        await api.delete("/v1/keys/aaaaaaaaaa"),
        await api.post("/v1/subscriptions", json=wanted),
        await api.patch(pulled, json={"name": "m"}, headers=match),
        await api.post(f"{pulled}/seek", json={"to": "oldest"}),
        await api.post(f"{pulled}/ack", json={"cursor": "e1-000000000001"}),
        await api.delete(pulled),
    ]


@pytest.mark.parametrize("revision", [OLDER, NEWER, None])
async def test_the_wrong_schema_takes_no_write_and_is_not_ready_until_it_fits(
    revision: str | None, api: httpx.AsyncClient, database_url: str, make_event: MakeEvent
) -> None:
    event = (await api.post("/v1/events", json=make_event())).json()
    wanted = {"name": "n", "mode": "pull", "filter": {}, "start": "oldest"}
    pulled = (await api.post("/v1/subscriptions", json=wanted)).json()
    await be_at(database_url, revision)

    ready = problem(await api.get("/readyz"), 503)
    assert (ready["type"], ready["detail"]) == ("/problems/schema-mismatch", SENTENCES[revision])
    for answer in await writes(api, make_event(title="Two"), event["id"], pulled["id"]):
        said = problem(answer, 503)
        assert (said["type"], said["detail"]) == ("/problems/schema-mismatch", SENTENCES[revision]), answer.request.url
        assert int(answer.headers["retry-after"]) > 0
    assert (await api.get(f"/v1/events/{event['id']}")).json() == event
    assert (await api.get("/v1/feed/head")).json()["head"] == "e1-000000000001"

    await be_at(database_url, newest_revision())
    assert (await api.get("/readyz")).status_code == 200
    statuses = [answer.status_code for answer in await writes(api, make_event(), event["id"], pulled["id"])]
    assert statuses == [201, 201, 200, 200, 201, 200, 204, 201, 404, 201, 200, 200, 200, 204]


async def test_the_wrong_schema_is_one_line_in_the_log_however_many_requests_meet_it(
    api: httpx.AsyncClient, database_url: str, make_event: MakeEvent
) -> None:
    await be_at(database_url, OLDER)
    with structlog.testing.capture_logs() as logged:
        for _ in range(5):
            problem(await api.post("/v1/events", json=make_event()), 503)
    told = [entry["log_level"] for entry in logged if entry.get("detail") == SENTENCES[OLDER]]
    assert told == ["warning", *["debug"] * 4]


async def test_no_way_into_the_database_skips_the_check(db: Database, database_url: str) -> None:
    await be_at(database_url, NEWER)
    for work in (create_key(db, "k", ["read"]), raise_epoch(db), db.check_schema()):
        with pytest.raises(SchemaMismatch):
            await work


async def test_what_another_schema_does_not_have_is_503_and_not_500(
    api: httpx.AsyncClient, database_url: str, make_event: MakeEvent
) -> None:
    await api.post("/v1/events", json=make_event())

    def change(connection: sa.Connection) -> None:
        connection.exec_driver_sql("ALTER TABLE event RENAME COLUMN version TO edition")
        connection.exec_driver_sql("DROP TABLE tally")
        connection.exec_driver_sql("ALTER TABLE event_facet RENAME TO event_term")
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{NEWER}'")  # noqa: S608 (ours)

    await asyncio.to_thread(run, database_url, change)

    for path in (
        "/v1/events?country=UA",
        "/v1/events/count?kind=attack",
        "/v1/stats/series?interval=day&since=2025-09-01",
    ):
        assert problem(await api.get(path), 503)["detail"] == SENTENCES[NEWER], path


async def test_a_server_that_was_there_first_goes_on_when_the_database_is_migrated(
    empty_url: str, make_event: MakeEvent
) -> None:
    app = create_app(Settings(database_url=empty_url))
    async with app.router.lifespan_context(app), client_of(app) as client:
        assert problem(await client.get("/readyz"), 503)["detail"] == SENTENCES[None]
        await asyncio.to_thread(migrate, empty_url)
        assert (await client.get("/readyz")).status_code == 200
        key = (await create_key(app.state.services.db, "k", ["admin"]))[1]
        made = await client.post("/v1/events", json=make_event(), headers={"authorization": f"Bearer {key}"})
        assert made.status_code == 201


async def test_a_migration_and_a_write_wait_for_each_other(database_url: str) -> None:
    """Whichever comes first is over before the other looks: no write slips in between a look and a commit."""
    db = open_database(database_url)
    await db.connect()
    order: list[str] = []

    def change(connection: sa.Connection) -> None:
        order.append("migrating")
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{NEWER}'")  # noqa: S608 (ours)
        loop.call_soon_threadsafe(begun.set)
        go_on.result(10)
        order.append("migrated")

    loop, begun = asyncio.get_running_loop(), asyncio.Event()
    go_on: Future[None] = Future()
    migrating = asyncio.create_task(asyncio.to_thread(run, database_url, change))
    await begun.wait()
    writing = asyncio.create_task(create_key(db, "late", ["read"]))
    await asyncio.sleep(0.1)
    assert not writing.done()
    go_on.set_result(None)
    await migrating
    with pytest.raises(SchemaMismatch):
        await writing
    await db.close()
    assert order == ["migrating", "migrated"]


async def test_a_newer_database_is_told_as_such_and_left_alone(database_url: str) -> None:
    await be_at(database_url, NEWER)
    for to in ("head", "base", OLDER):
        with pytest.raises(SchemaMismatch, match="newer than"):
            await asyncio.to_thread(migrate, database_url, to)
    db = open_database(database_url)
    await db.connect()
    with pytest.raises(Unavailable, match=NEWER):
        await db.check_schema()
    await db.close()


def test_a_branched_history_fits_nobody() -> None:
    schema = SchemaCheck("0003", frozenset({"0001", "0002", "0003"}))
    with pytest.raises(SchemaMismatch, match="0002 and 0003"):
        schema.check(["0003", "0002"])
