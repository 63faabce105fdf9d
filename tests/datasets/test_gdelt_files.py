"""GDELT's files one after the other: an event that is sent again in a later one is one event with two sources."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import sqlalchemy as sa
from drafts import layout_of, source_rows
from sqlmodel import col
from test_gdelt import ROW

from app.changes import Change
from app.datasets import ReadOptions, datasets
from app.events.tables import StoredEvent
from app.imports import undo
from app.imports.request import ImportOptions, ImportRequest
from app.imports.run import run_import

if TYPE_CHECKING:
    from app.db import Database
    from app.events.write.store import Store
    from app.imports.report import ImportReport

GDELT = datasets()["gdelt"]
LAYOUT = layout_of(GDELT, "2.0")


async def take_in(db: Database, store: Store, *rows: dict[str, Any]) -> ImportReport:
    """Import a file of these rows."""
    file = [ROW | row for row in rows]
    request = ImportRequest(
        dataset=GDELT,
        layout=LAYOUT,
        records=lambda: GDELT.read(source_rows(file), ReadOptions(LAYOUT)),
        file_name="20250907101500.export.CSV",
        sha256=hashlib.sha256(repr(file).encode()).hexdigest(),
        size=1,
        by="tests",
        options=ImportOptions(write=True),
    )
    return await run_import(db, store, request)


async def stand(db: Database) -> dict[str, dict[str, Any]]:
    """Each event as it stands by its first key."""
    current = sa.and_(col(Change.event) == col(StoredEvent.key), col(Change.version) == col(StoredEvent.version))
    bodies = sa.select(col(Change.body)).join(StoredEvent, current).where(col(StoredEvent.deleted) == sa.false())
    events = [orjson.loads(body) for (body,) in await db.rows(bodies)]
    return {event["external_ids"][0]["id"]: event for event in sorted(events, key=lambda event: event["id"])}


def row(ident: int, time: str, **more: Any) -> dict[str, Any]:
    """The same event, added at another time of the day, or night, from another source."""
    return {"GLOBALEVENTID": str(ident), "DATEADDED": time, "SOURCEURL": f"http://news{ident}.example/", **more}


def urls(event: dict[str, Any]) -> list[str]:
    """The addresses of an event's sources but GDELT itself, which is one of them once."""
    addresses = [source["url"] for source in event["sources"]]
    addresses.remove("https://www.gdeltproject.org")
    return addresses


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"], indirect=True)
async def test_an_event_sent_again_in_a_later_file_has_two_sources(
    db: Database, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, again = row(1, "20250907101500"), row(2, "20250907123000", NumMentions="1")
    other, late = row(3, "20250907124500", EventCode="194"), row(4, "20250907131501")

    await take_in(db, store, first)
    report = await take_in(db, store, again, other)
    assert (report.created, report.updated, report.skipped_by) == (1, 1, {"the same event as in an earlier file": 1})
    events = await stand(db)
    assert (list(events), urls(events["1"])) == (["1", "3"], ["http://news1.example/", "http://news2.example/"])
    assert [each["GLOBALEVENTID"] for each in events["1"]["extra"]["repeats"]] == ["2"]
    assert (events["1"]["extra"]["NumMentions"], events["1"]["version"]) == (6, 2)

    # More than three hours after the first it is another event; what is sent again after that one is that one's.
    await take_in(db, store, late, row(5, "20250907140000"))
    events = await stand(db)
    assert (urls(events["4"]), urls(events["1"])[2:]) == (["http://news4.example/", "http://news5.example/"], [])
    await take_in(db, store, row(6, "20250907150000"))
    assert urls((await stand(db))["4"])[2:] == ["http://news6.example/"]

    # The same files once more, a file that came late, and a corrected one.
    before = await stand(db)
    for file in ((first,), (again, other), (late, row(5, "20250907140000")), (row(6, "20250907150000"),)):
        report = await take_in(db, store, *file)
        assert (report.created, report.updated) == (0, 0)
    assert await stand(db) == before
    await take_in(db, store, row(7, "20250907093000"))
    corrected = first | {"NumMentions": "9"}
    report = await take_in(db, store, corrected)
    events = await stand(db)
    assert (len(events), urls(events["1"])) == (3, [f"http://news{n}.example/" for n in (1, 2, 7)])
    assert (events["1"]["extra"]["NumMentions"], report.updated) == (9, 1)

    monkeypatch.setattr(undo, "PAGE", 20)  # as in other tests: the statement is made once
    await undo.undo_import(db, store, report.id or 0, by="tests")
    assert (await stand(db))["1"]["extra"]["NumMentions"] == 6


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_rows_of_one_file_add_to_the_same_event(db: Database, store: Store) -> None:
    await take_in(db, store, row(1, "20250907101500"))
    hours = ("20250907073000", "20250907130000")  # more than three hours apart, each near the first
    report = await take_in(db, store, *(row(n, time) for n, time in enumerate(hours, 2)), row(1, "20250907101500"))
    [event] = (await stand(db)).values()
    assert sorted(urls(event)) == [f"http://news{n}.example/" for n in (1, 2, 3)]
    assert (report.created, event["version"]) == (0, 2)
