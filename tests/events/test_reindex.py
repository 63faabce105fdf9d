"""The index is rebuilt from the bodies, row for row as the writes had made it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from calls import found, good, written
from conftest import client_of, load_samples

from app.auth.keys import create_key
from app.changes import Change
from app.db import Statement
from app.events.index.reindex import rebuild_online
from app.events.tables import EventFacet, EventMeasure, EventPoint, FacetValue, HourlyRollup, PastFacet, StoredEvent
from app.events.terms import unpack
from app.migrate import migrate, run

if TYPE_CHECKING:
    from conftest import MakeApp, MakeEvent
    from httpx import AsyncClient

    from app.db import Database

QUESTIONS = [
    "q=kyiv",
    "q=\u041a\u0438\u0457\u0432",
    'q="air defence" OR drone*',
    "q=-drones",
    "country=UA",
    "missing=beneficiary",
    "exclude=kind:attack",
    "actor=Russia",
    "killed_min=1",
    "bbox=20,40,40,60",
    "near=50.45,30.52&radius_km=50",
    "place=Lviv",
    "status=retracted",
    "external_id=world:1",
]


async def history(api: AsyncClient, app: Any, make_event: MakeEvent) -> None:
    """Events of all kinds, new versions, deletions of both sorts, and events that were made and gone at once."""
    await load_samples(app.state.services.store)
    for place in ("Kyiv", "KYIV", "Lviv"):
        event = await written(api, make_event(locations=[{"name": place, "country": "UA", "lat": 50.0, "lon": 30.0}]))
        for title in ("Second", "Third"):
            patch = {"title": title, "locations": [{"name": f"{title} {place}"}], "casualties": []}
            headers = {"if-match": "*", "content-type": "application/merge-patch+json"}
            good(await api.patch(f"/v1/events/{event['id']}", json=patch, headers=headers))
    for reason in ("duplicate", "legal"):
        gone = await written(api, make_event(title="Drones, gone", external_ids=[{"system": "w", "id": reason}]))
        put = await api.put(f"/v1/events/{gone['id']}", json=make_event(), headers={"if-match": "*"})
        assert good(put)["version"] == 2
        assert (await api.delete(f"/v1/events/{gone['id']}?reason={reason}")).status_code == 204
    await written(api, make_event(external_ids=[{"system": "world", "id": "1"}]))


async def contents(db: Database) -> dict[str, Any]:
    """All that is derived, facet values by their names."""
    columns = ("id", "facet", "value", "span", "alias", "label", "events")
    values = {row[0]: tuple(row[1:]) for row in await rows(db, FacetValue, columns)}
    named = {id: value[:5] for id, value in values.items()}

    def states(packed: bytes | None) -> Any:
        return packed and sorted(str(named.get(number, number)) for number in unpack(packed))

    text = "SELECT rowid, text FROM event_text" if db.dialect == "sqlite" else "SELECT event, text FROM event_text"
    found: dict[str, Any] = {
        "values": sorted(value[:5] for value in values.values()),
        "counts": sorted(map(str, await rows(db, EventFacet, ("value", "started_at", "event", "since"), named))),
        "past": sorted(map(str, await rows(db, PastFacet, ("value", "started_at", "event", "since", "upto"), named))),
        "points": sorted(await rows(db, EventPoint, ("event", "n", "lat", "lon", "x", "y", "z"))),
        "measures": sorted(await rows(db, EventMeasure, ("event", "measure", "low", "best", "high"))),
        "events": sorted(await rows(db, StoredEvent, ("key", "version", "started_at", "ends_at", "span", "deleted"))),
        "tally": sorted(row for row in await rows(db, HourlyRollup, tuple(HourlyRollup.model_fields)) if any(row[5:])),
        "texts": sorted(tuple(row) for row in await db.rows(Statement(sa.text(text)))),
        "changes": [
            (seq, states(before), states(after))
            for seq, before, after in sorted(await rows(db, Change, ("seq", "before", "after")))
        ],
    }
    return found


async def rows(db: Database, table: Any, names: tuple[str, ...], named: Any = None) -> list[Any]:
    """The rows of a table, the first column by its name where there are names."""
    columns: Any = sa.select(*map(sa.column, names)).select_from(sa.table(table.__tablename__))
    read = await db.rows(Statement(columns))
    return [(named.get(row[0], row[0]) if named else row[0], *row[1:]) for row in read]


async def answers(api: AsyncClient) -> dict[str, Any]:
    """What filters, feed and statistics say."""
    said: dict[str, Any] = {}
    for question in QUESTIONS:
        said[question] = [
            await found(api, question),
            [item["id"] for item in good(await api.get(f"/v1/feed?limit=1000&{question}"))["items"]],
            [event["id"] for event in good(await api.get(f"/v1/events?as_of=e1-000000000012&{question}"))["items"]],
            good(await api.get(f"/v1/stats/facets?facet=country&{question}"))["facets"],
        ]
    said["series"] = good(await api.get("/v1/stats/series?interval=year&measure=killed"))
    return said


async def test_a_migrated_index_equals_the_one_that_writes_make(
    db: Database, make_app: MakeApp, database_url: str, make_event: MakeEvent
) -> None:
    app = await make_app(delivery=False)
    async with client_of(app, (await create_key(db, "newsroom", ["admin"]))[1]) as api:
        await history(api, app, make_event)
        right, said = await contents(db), await answers(api)
        await asyncio.to_thread(spoil, database_url)
        await asyncio.to_thread(migrate, database_url)

        assert await contents(db) == right
        assert await answers(api) == said
        await written(api, make_event(title="After all"))
        assert len(await found(api, 'q="after all"')) == 1


async def test_building_everything_beside_writers_changes_nothing_that_is_right(
    db: Database, make_app: MakeApp, make_event: MakeEvent
) -> None:
    app = await make_app(delivery=False)
    async with client_of(app, (await create_key(db, "newsroom", ["admin"]))[1]) as api:
        await history(api, app, make_event)
        right, said = await contents(db), await answers(api)

        assert await rebuild_online(db, everything=True)

        assert await contents(db) == right
        assert await answers(api) == said


def spoil(url: str) -> None:
    """Go back to the schema before, and leave an index as an older program might have written it."""
    migrate(url, "0003")

    def damage(connection: sa.Connection) -> None:
        for statement in (
            "DELETE FROM event_measure",
            "DELETE FROM event_point",
            "DELETE FROM tally WHERE kind = 'attack'",
            "DELETE FROM event_facet WHERE value IN (SELECT id FROM facet_value WHERE facet IN ('actor', ':facets'))",
            "UPDATE past_facet SET upto = upto + 1",
            "UPDATE facet_value SET events = 7",
            "UPDATE event SET span = 0",
        ):
            connection.exec_driver_sql(statement)
        deleted = "SELECT event FROM change WHERE operation = 'deleted'"
        forgotten = f"UPDATE change SET before = NULL, after = NULL WHERE event NOT IN ({deleted})"  # noqa: S608 (ours)
        connection.exec_driver_sql(forgotten)

    run(url, damage)


async def test_a_killed_migration_has_done_nothing(
    db: Database, database_url: str, make_app: MakeApp, make_event: MakeEvent
) -> None:
    app = await make_app(delivery=False)
    async with client_of(app, (await create_key(db, "newsroom", ["admin"]))[1]) as api:
        await history(api, app, make_event)
    right = await contents(db)

    def interrupted(connection: sa.Connection) -> None:
        from app.events.index.reindex import rebuild

        def stop(done: int, of: int) -> None:
            assert 0 < done <= of
            raise KeyboardInterrupt

        rebuild(connection, stop)

    for _ in range(2):
        try:
            await asyncio.to_thread(run, database_url, interrupted)
        except KeyboardInterrupt:
            continue
        raise AssertionError
    assert await contents(db) == right
