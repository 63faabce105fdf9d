"""`sitrep check` finds and `--repair` mends whatever is wrong in any derived table, on both databases."""

from __future__ import annotations

import asyncio
import os
import random
import re
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from calls import let_moment_pass
from conftest import load_samples, set_block_size
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.check.log_index import EXTENT
from app.check.replay import PACKED
from app.check.run import check, check_and_repair
from app.events.write.idempotency import ResponseData
from app.events.write.parse_commands import read_items
from app.events.write.transaction import WriteRequest
from app.migrate import METADATA, run
from app.samples import load

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from conftest import MakeEvent
    from fastapi import FastAPI

    from app.check.report import Report
    from app.db import Database


def quiet(_done: int, _total: int) -> None:
    """Tell nobody how far the check is."""


async def fill(app: FastAPI, api: httpx.AsyncClient, make_event: MakeEvent) -> None:
    """Events of every kind, some changed, moved, deleted and erased, and subscriptions with deliveries."""
    await load_samples(app.state.services.store)
    push = {"url": "https://example.org/hook"}
    for mode, more in (("pull", {}), ("push", {"push": push})):
        wanted = {"name": mode, "mode": mode, "filter": {}, "start": "oldest", **more}
        assert (await api.post("/v1/subscriptions", json=wanted)).status_code in {201, 503}
    for n in range(6):
        ids = [{"system": "desk", "id": str(n)}]
        event = (await api.post("/v1/events", json=make_event(title=f"Number {n}", external_ids=ids))).json()
        path = f"/v1/events/{event['id']}"
        if n % 2:
            patch = {"title": "Changed", "started_at": f"2025-09-0{n}T10:00:00Z", "locations": event["locations"] * 2}
            assert (await api.patch(path, json=patch, headers={"if-match": "*"})).status_code == 200
        if n >= 4:
            reason = "legal" if n == 5 else "duplicate"
            assert (await api.delete(f"{path}?reason={reason}")).status_code == 204


@pytest.fixture
async def filled(
    monkeypatch: pytest.MonkeyPatch, app: FastAPI, api: httpx.AsyncClient, make_event: MakeEvent, db: Database
) -> Database:
    """A database with a bit of everything, and a log that fills some blocks of its index."""
    set_block_size(monkeypatch, 8)
    await fill(app, api, make_event)
    return db


async def change(url: str, *statements: str) -> None:
    """Damage a database."""

    def damage(connection: sa.Connection) -> None:
        for statement in statements:
            assert connection.exec_driver_sql(statement).rowcount != 0, statement

    await asyncio.to_thread(run, url, damage)


def wrong(report: Report) -> set[str]:
    """The parts that have faults."""
    return {part.name for part in report.parts.values() if part.faults}


async def test_what_the_program_wrote_is_right(filled: Database) -> None:
    report = await check(filled, quiet)
    assert (wrong(report), report.faults) == (set(), 0)
    assert (report.events, report.changes, report.cursor) == (21, 28, "e1-000000000028")


DAMAGES: dict[str, tuple[str, str]] = {
    "a row of the index gone": ("event_facet", "DELETE FROM event_facet WHERE event = {one}"),
    "a row of the index altered": ("event_facet", "UPDATE event_facet SET since = since + 1 WHERE event = {one}"),
    "a row of the index moved": ("event_facet", "UPDATE event_facet SET started_at = 1 WHERE event = {one}"),
    "a row of the index added": ("event_facet", "INSERT INTO event_facet VALUES (1, 1, 1, 1)"),
    "a row of the past gone": ("past_facet", "DELETE FROM past_facet"),
    "a row of the past altered": ("past_facet", "UPDATE past_facet SET upto = upto + 1"),
    "a row of the past added": ("past_facet", "INSERT INTO past_facet VALUES (1, 1, 1, 1, 2)"),
    "a place gone": ("event_point", "DELETE FROM event_point WHERE event = {one}"),
    "a place moved": ("event_point", "UPDATE event_point SET lat = lat + 1 WHERE event = {one}"),
    "a place too many": ("event_point", "INSERT INTO event_point VALUES (1, 0, 1, 1, 1, 0, 0)"),
    "a number gone": ("event_measure", "DELETE FROM event_measure WHERE event = {one}"),
    "a number altered": ("event_measure", "UPDATE event_measure SET best = best + 1"),
    "a number too many": ("event_measure", "INSERT INTO event_measure VALUES (1, 'killed', 1, 1, 1)"),
    "counts gone": ("tally", "DELETE FROM tally WHERE hours = 24"),
    "counts off": ("tally", "UPDATE tally SET events = events + 1 WHERE measure = '' AND country = ''"),
    "counts nulled": ("tally", "UPDATE tally SET events = 0, low = 0, best = 0, high = 0"),
    "sums off": ("tally", "UPDATE tally SET high = high + 1 WHERE measure <> ''"),
    "places gone": ("map_rollup", "DELETE FROM map_rollup WHERE fresh = 0"),
    "places off": ("map_rollup", "UPDATE map_rollup SET places = places + 1, lat = lat + 7"),
    "a count too many": ("tally", "INSERT INTO tally VALUES ('', '', '', 1, 1, 1, 0, 0, 0)"),
    "an external id gone": ("external_id", "DELETE FROM external_id WHERE id = '2'"),
    "an external id at another event": ("external_id", "UPDATE external_id SET event = 1 WHERE id = '2'"),
    "an external id too many": ("external_id", "INSERT INTO external_id VALUES ('desk', 'none', 1)"),
    "an event gone": ("event", "DELETE FROM event WHERE key = {one}"),
    "an event altered": ("event", "UPDATE event SET version = version + 1 WHERE key = {one}"),
    "an event in another time": ("event", "UPDATE event SET ends_at = ends_at + 1, span = 2 WHERE key = {one}"),
    "a value's name gone": ("facet_value", "DELETE FROM facet_value WHERE facet = 'country' AND NOT alias"),
    "a value's name altered": ("facet_value", "UPDATE facet_value SET value = 'xx' WHERE value = 'attack'"),
    "a value's spelling altered": ("facet_value", "UPDATE facet_value SET label = 'Nobody' WHERE facet = 'actor'"),
    "estimates far off": ("estimates", "UPDATE facet_value SET events = events + 1000000"),
    "estimates below zero": ("estimates", "UPDATE facet_value SET events = -1"),
    "a row of the log's index gone": ("change_block", "DELETE FROM change_block WHERE block = 1"),
    "a row of the log's index altered": ("change_block", "UPDATE change_block SET changes = ''"),
    "a row of the log's index moved": ("change_block", "UPDATE change_block SET block = block + 1 WHERE block = 2"),
    "a row of the log's index added": ("change_block", "INSERT INTO change_block SELECT -999, 0, digest FROM log_head"),
    "the end of the log's index within a block": (EXTENT, "UPDATE log_head SET indexed = indexed + 1"),
    "the end of the log's index ahead": (EXTENT, "UPDATE log_head SET indexed = indexed + 8"),
    "ids of changes altered": (PACKED, "UPDATE change SET after = before WHERE version = 2 AND changed <> '[]'"),
    "ids of changes gone": (PACKED, "UPDATE change SET before = NULL WHERE operation = 'deleted'"),
    "a digest altered": ("digest", "UPDATE change SET digest = log_head.digest FROM log_head WHERE change.seq = 3"),
    "a count of live events altered": ("digest", "UPDATE change SET live = live + 1 WHERE seq = 3"),
    "the head's digest altered": (
        "head of the log",
        "UPDATE log_head SET digest = (SELECT digest FROM change WHERE seq = 3)",
    ),
    "the head's count altered": ("head of the log", "UPDATE log_head SET live = live + 1"),
    "the head behind": ("head of the log", "UPDATE log_head SET seq = seq - 1"),
    "counters behind": ("counters", "UPDATE subscription_head SET touched = -1"),
    "counters gone": ("counters", "DELETE FROM subscription_head"),
}  # fmt: skip


async def test_each_damage_is_found_and_mended_and_nothing_else_changes(
    filled: Database, database_url: str, api: httpx.AsyncClient
) -> None:
    for damage, (part, statement) in DAMAGES.items():
        one = f"(SELECT min({'key' if part == 'event' else 'event'}) FROM {part})"  # noqa: S608 (ours)
        before, said = await contents(database_url), await answers(api)
        await change(database_url, statement.format(one=one))

        found = await check(filled, quiet)
        assert part in wrong(found), damage
        assert found.is_sound, damage
        await check_and_repair(filled, quiet)

        assert wrong(await check(filled, quiet)) == set(), damage
        after = await contents(database_url)
        if part not in {"facet_value", "estimates"}:
            assert after == before, damage
        assert (after["bodies"], await answers(api)) == (before["bodies"], said), damage


SKIPPED = {"facet_value", "log_head", "api_key", "audit", "idempotency", "delivery_worker", "subscription"}

# Tables of sums, and how many of their last columns are numbers.
SUMS = {"tally": 4, "map_rollup": 3}


async def contents(url: str) -> dict[str, Any]:
    """All derived tables, and the bodies of changes; of counters only those that checks are about."""
    found: dict[str, Any] = {}

    def read(connection: sa.Connection) -> None:
        for name, table in METADATA.tables.items():
            if name not in SKIPPED:
                rows = connection.execute(sa.select(*table.columns)).fetchall()
                if name in SUMS:  # a sum of nothing is as good as none
                    rows = [row for row in rows if any(row[-SUMS[name] :])]
                found[name] = sorted(map(repr, rows))
        bodies = "SELECT seq, body FROM change ORDER BY seq"
        found["bodies"] = [(seq, bytes(body)) for seq, body in connection.exec_driver_sql(bodies)]

    await asyncio.to_thread(run, url, read)
    return found


QUESTIONS = (
    "/v1/events?country=UA",
    "/v1/events?q=number",
    "/v1/events?near=50.45,30.52&radius_km=50&killed_min=1",
    "/v1/events/count?actor=Russia",
    "/v1/stats/series?interval=day&since=2025-08-01&until=2025-10-01",
    "/v1/stats/facets?facet=country&facet=actor",
    "/v1/feed/checkpoint",
    "/v1/feed?after=oldest&actor=Russia",
)


async def answers(api: httpx.AsyncClient) -> list[Any]:
    """What a running server says; a repair may have begun an epoch."""
    said = [await api.get(question) for question in QUESTIONS]
    assert [answer.status_code for answer in said] == [200] * len(said), [answer.text for answer in said]
    return [re.sub(r"\be\d+-", "e1-", answer.text) for answer in said]


async def test_a_running_server_forgets_what_a_repair_put_right(
    filled: Database, database_url: str, api: httpx.AsyncClient, make_event: MakeEvent
) -> None:
    right = await answers(api)
    await change(
        database_url, "UPDATE tally SET events = events + 1", "DELETE FROM facet_value WHERE facet = 'country'"
    )
    await change(database_url, "UPDATE log_head SET time = time + 1")
    await let_moment_pass()
    assert await answers(api) != right

    await check_and_repair(filled, quiet)
    await let_moment_pass()
    assert await answers(api) == right
    assert (await api.post("/v1/events", json=make_event())).status_code == 201
    assert wrong(await check(filled, quiet)) == set()


@pytest.mark.parametrize(
    ("statement", "part"),
    [
        ("UPDATE change SET body = after WHERE seq = 3", "versions"),
        ("UPDATE change SET id = (SELECT id FROM change WHERE seq = 4) WHERE seq = 3", "versions"),
        ("UPDATE change SET version = 7 WHERE seq = 3", "versions"),
        ("DELETE FROM change WHERE seq = 3", "change log"),
        ("UPDATE change SET time = 0 WHERE seq = 3", "change log"),
        ("DELETE FROM log_head", "change log"),
    ],
)
async def test_where_the_versions_themselves_are_damaged_nothing_is_touched(
    statement: str, part: str, filled: Database, database_url: str
) -> None:
    await change(database_url, "DELETE FROM event_point", statement)
    before = await contents(database_url)
    report = await check_and_repair(filled, quiet)
    assert (part in wrong(report), report.is_sound) == (True, False)
    assert await contents(database_url) == before


async def test_what_no_event_tells_is_reported_and_left_alone(filled: Database, database_url: str) -> None:
    await change(database_url, 'UPDATE subscription SET "cursor" = 1000', "DELETE FROM event_point")
    report = await check_and_repair(filled, quiet)
    assert report.lasting == ["subscriptions"]
    assert wrong(await check(filled, quiet)) == {"subscriptions"}


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize("table", ["event_text_data", "event_text_content"])
async def test_damage_within_the_full_text_index_of_sqlite_is_found_and_mended(
    table: str, filled: Database, database_url: str, api: httpx.AsyncClient
) -> None:
    right = await answers(api)
    where = {"event_text_data": "id > 10", "event_text_content": "id % 2 = 0"}[table]
    await change(database_url, f"DELETE FROM {table} WHERE {where}")  # noqa: S608 (ours)
    assert wrong(await check(filled, quiet)) & {"full text", "event_text"}
    await check_and_repair(filled, quiet)
    assert wrong(await check(filled, quiet)) == set()
    assert await answers(api) == right


@pytest.mark.parametrize("dialect", ["postgresql"])
async def test_a_wrong_tsvector_is_found_and_mended(filled: Database, database_url: str) -> None:
    first = "(SELECT min(event) FROM event_text)"
    await change(
        database_url,
        "UPDATE event_text SET words = 'nothing'::tsvector",
        f"DELETE FROM event_text WHERE event = {first}",  # noqa: S608 (ours)
    )
    assert wrong(await check(filled, quiet)) == {"event_text"}
    await check_and_repair(filled, quiet)
    assert wrong(await check(filled, quiet)) == set()


TABLES = (
    "event",
    "external_id",
    "event_facet",
    "past_facet",
    "event_point",
    "event_measure",
    "tally",
    "map_rollup",
    "change_block",
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1 << 30))
async def test_any_damage_to_any_rows_is_found_and_mended(seed: int, filled: Database, database_url: str) -> None:
    before = await contents(database_url)
    await asyncio.to_thread(run, database_url, random_damage(seed))
    if (await contents(database_url)) != before:
        assert (await check(filled, quiet)).faults
    await check_and_repair(filled, quiet)
    assert (await check(filled, quiet)).faults == 0
    assert await contents(database_url) == before


def random_damage(seed: int) -> Callable[[sa.Connection], None]:
    """Remove, alter and add rows of some tables."""
    drawn = random.Random(seed)

    def damage(connection: sa.Connection) -> None:
        for name in drawn.sample(TABLES, drawn.randint(1, 3)):
            table = METADATA.tables[name]
            keys = list(table.primary_key.columns)
            rows = connection.execute(sa.select(*table.columns)).mappings().fetchall()
            for row in drawn.sample(rows, min(len(rows), drawn.randint(1, 5))):
                here = sa.and_(*(column == row[column.name] for column in keys))
                numbers = [c for c in table.columns if c not in keys and type(row[c.name]) in {int, float}]
                if numbers and drawn.random() < 0.5:
                    column = drawn.choice(numbers)
                    other = 1 if row[column.name] == 0 else 0
                    connection.execute(sa.update(table).where(here).values({column.name: other}))
                elif drawn.random() < 0.5 and isinstance(row[keys[-1].name], int):
                    connection.execute(sa.insert(table).values({**row, keys[-1].name: row[keys[-1].name] + 10_000}))
                else:
                    connection.execute(sa.delete(table).where(here))

    return damage


MANY = int(os.environ.get("CHECKED_EVENTS", "400"))


async def test_many_events_are_checked_while_others_write(
    app: FastAPI, api: httpx.AsyncClient, db: Database, database_url: str, make_event: MakeEvent
) -> None:
    items = [item for n in range(MANY // 100) for item in retitled(load(), n)]
    for _ in range(MANY // len(items) + 1):
        commands, places = read_items(items)
        await app.state.services.store.run(
            WriteRequest(commands, "desk", lambda _results: ResponseData(200), places=places)
        )
    writing = asyncio.create_task(write_until_told(api, make_event))
    report = await check(db, quiet)
    writing.cancel()
    assert (wrong(report), report.events >= MANY) == (set(), True)
    await change(
        database_url, "DELETE FROM event_point", "DELETE FROM event_measure", "UPDATE tally SET best = best + 1"
    )
    await check_and_repair(db, quiet)
    assert wrong(await check(db, quiet)) == set()


def retitled(batch: list[dict[str, Any]], n: int) -> list[dict[str, Any]]:
    """The samples again, as other events."""
    items = []
    for item in batch:
        event = {name: value for name, value in item["event"].items() if name not in {"external_ids", "relations"}}
        items.append({"op": "create", "event": {**event, "title": f"{event['title']} {n}"}})
    return items


async def write_until_told(api: httpx.AsyncClient, make_event: MakeEvent) -> None:
    """Write one event after the other."""
    while True:
        assert (await api.post("/v1/events", json=make_event())).status_code == 201
