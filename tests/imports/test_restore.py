"""An export of one database, read into an empty one of the other sort, is the same database again."""

from __future__ import annotations

import random
import shutil
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from calls import good, written
from conftest import client_of, copied, load_samples

from app.auth.keys import create_key
from app.check.run import check
from app.datasets import Draft, ReadOptions, SourceRow, datasets, detect
from app.errors import Deleted, DuplicateExternalId, Invalid, Problem, VersionMismatch
from app.events.write.commands import Create
from app.events.write.decide import MAX_CLOCK_SKEW
from app.events.write.idempotency import ResponseData
from app.events.write.transaction import CommandResult, Result, WriteRequest
from app.imports.detection import identify
from app.imports.files import open_file
from app.imports.import_request import prepare_import
from app.imports.request import ImportOptions
from app.imports.restore_export import restore_command
from app.imports.run import run_import
from app.imports.undo import undo_import
from app.kinds import format_instant, parse_event
from app.kit.ids import IdSource, key_of, make_id
from app.main import create_app
from app.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from pathlib import Path

    import httpx
    from conftest import MakeEvent
    from fastapi import FastAPI

    from app.db import Database
    from app.imports.report import ImportReport

SITREP = datasets()["sitrep"]


@pytest.fixture
def other_url(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of the other sort."""
    if dialect == "postgresql":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "other.db")
        yield f"sqlite:///{tmp_path / 'other.db'}"
        return
    yield from copied(request.getfixturevalue("postgres"), request.getfixturevalue("postgres_template"))


@pytest.fixture
async def other(other_url: str) -> AsyncIterator[FastAPI]:
    """An application on it."""
    app = create_app(Settings(database_url=other_url))
    async with app.router.lifespan_context(app):
        yield app


async def patch(api: httpx.AsyncClient, id: str, **fields: Any) -> None:
    good(await api.patch(f"/v1/events/{id}", json=fields, headers={"if-match": "*"}))


async def fill(app: FastAPI, api: httpx.AsyncClient, make_event: MakeEvent) -> None:
    """Events of every kind: changed, flagged, deleted, with relations to earlier, later and deleted ones."""
    store = app.state.services.store
    await load_samples(store)
    text = 'One\u2028two \u0456 \u00b2\t\n\\" \u007e'
    extra = {"big": 2**63 - 1, "small": 1e-7, "large": 1.5e300, "whole": 3.0, "nested": [{"b": None, "a": []}]}
    ids = [(await written(api, make_event(title=f"Number {n}", summary=text, extra=extra)))["id"] for n in range(6)]
    for n in range(4):
        await patch(api, ids[0], tags=[f"state-{n}"])
    await patch(
        api, ids[1], relations=[{"type": "follows", "event_id": ids[5]}, {"type": "part_of", "event_id": ids[4]}]
    )
    await patch(api, ids[5], external_ids=[{"system": "desk", "id": "7"}], started_at="2025-08-01T00:00:00+03:00")
    assert (await api.delete(f"/v1/events/{ids[4]}?reason=duplicate")).status_code == 204
    wrong = make_event(detail={"munitions": [{"category": "cruise_missile", "launched": 16, "intercepted": 26}]})
    command = Create(parse_event(wrong), lenient=True)
    await store.run(WriteRequest([command], "import", lambda _results: ResponseData(201)))


async def exported(api: httpx.AsyncClient) -> list[bytes]:
    return (await api.get("/v1/events/export?format=ndjson")).content.splitlines()


def read_lines(lines: Sequence[bytes]) -> list[Draft]:
    """The drafts that the dataset makes of the lines of an export."""
    rows = [SourceRow(n, orjson.loads(line)) for n, line in enumerate(lines, 1)]
    found = list(SITREP.read(rows, ReadOptions(SITREP.layouts[0])))
    drafts = [draft for draft in found if isinstance(draft, Draft)]
    assert drafts == found
    return drafts


async def restore(app: FastAPI, drafts: Sequence[Draft]) -> list[Result]:
    """Restore the events, each for itself."""
    found: list[Result] = []

    def render(results: list[Result]) -> ResponseData:
        found.extend(results)
        return ResponseData(200)

    for n in range(0, len(drafts), 7):
        commands = [restore_command(draft) for draft in drafts[n : n + 7]]
        await app.state.services.store.run(WriteRequest(commands, "import", render, atomic=False))
    return found


async def import_file(app: FastAPI, path: Path, *, write: bool = True) -> ImportReport:
    """Import a file as the command line does."""
    with open_file(path) as file:
        found = identify(file)
        assert found.dataset.name == "sitrep"
        request = prepare_import(file, found, by="importer", options=ImportOptions(write=write))
        return await run_import(app.state.services.db, app.state.services.store, request)


def operations(results: Sequence[Result]) -> set[str]:
    return {result.decision.operation if isinstance(result, CommandResult) else result.slug for result in results}


async def digest(api: httpx.AsyncClient) -> tuple[str, int]:
    point = good(await api.get("/v1/feed/checkpoint"))
    return point["digest"], point["live_events"]


async def test_an_export_comes_back_equal(
    app: FastAPI, api: httpx.AsyncClient, other: FastAPI, make_event: MakeEvent, tmp_path: Path
) -> None:
    await fill(app, api, make_event)
    lines = await exported(api)
    assert {orjson.loads(line)["kind"] for line in lines} == {
        "attack",
        "negotiation_round",
        "sanction_move",
        "security_guarantee",
    }
    assert any(orjson.loads(line)["quality_flags"] for line in lines)
    shuffled = random.Random(7).sample(lines, len(lines))

    db: Database = other.state.services.db
    path = tmp_path / "events.ndjson"
    path.write_bytes(b"\n".join(shuffled) + b"\n")

    dry = await import_file(other, path, write=False)
    done = await import_file(other, path)

    async with client_of(other, (await create_key(db, "newsroom", ["admin"]))[1]) as there:
        assert (dry.created, dry.rows, dry.refused, dry.flagged) == (len(lines), len(lines), 0, 1)
        assert (done.created, done.rows, done.refused, done.flagged) == (len(lines), len(lines), 0, 1)
        assert await exported(there) == lines
        assert await digest(there) == await digest(api)
        report = await check(db, lambda _done, _total: None)
        assert (report.faults, report.events, report.changes) == (0, len(lines), len(lines))
        for query in (
            "tag=state-3",
            "tag=state-2",
            "related_to=" + orjson.loads(lines[0])["id"],
            "q=number&kind=attack",
        ):
            assert (
                good(await there.get(f"/v1/events?{query}"))["items"]
                == good(await api.get(f"/v1/events?{query}"))["items"]
            )
        assert operations(await restore(other, read_lines(lines))) == {"unchanged"}
        again = await import_file(other, path)
        assert (again.unchanged, again.created, again.cursor) == (len(lines), 0, None)
        [five] = good(await there.get("/v1/events?tag=state-3"))["items"]
        [first] = good(await there.get(f"/v1/events/{five['id']}/revisions"))["items"]
        assert (first["version"], first["operation"], first["at"] > five["updated_at"]) == (5, "created", True)
        # It goes on from there, and so does the log.
        await patch(there, five["id"], title="Changed here")
        assert [row["version"] for row in good(await there.get(f"/v1/events/{five['id']}/revisions"))["items"]] == [
            6,
            5,
        ]
        feed = good(await there.get("/v1/feed?after=oldest&limit=1000"))["items"]
        assert [(item["type"], item["version"]) for item in feed if item["subject"] == five["id"]] == [
            ("attack.created", 5),
            ("attack.updated", 6),
        ]
        assert good(await there.get(f"/v1/events?as_of={first['cursor']}&tag=state-3"))["items"] == [five]
        assert (await there.delete(f"/v1/events/{five['id']}?reason=legal")).status_code == 204
        await written(there, make_event())
        report = await check(db, lambda _done, _total: None)
        assert (report.faults, report.events) == (0, len(lines))


async def test_a_restore_is_taken_back_and_then_stays_deleted(
    app: FastAPI, api: httpx.AsyncClient, other: FastAPI, make_event: MakeEvent, tmp_path: Path
) -> None:
    event = await written(api, make_event())
    await patch(api, event["id"], title="Changed")
    [line] = await exported(api)
    path = tmp_path / "events.ndjson"
    path.write_bytes(line)
    services = other.state.services
    done = await import_file(other, path)
    assert done.id is not None

    undone = await undo_import(services.db, services.store, done.id, "importer")

    assert (undone.deleted, undone.left) == (1, 0)
    again = await import_file(other, path)
    assert (again.created, again.refused, dict(again.problems_by)) == (0, 1, {"deleted": 1})
    report = await check(services.db, lambda _done, _total: None)
    assert (report.faults, report.events, report.changes) == (0, 0, 2)


async def test_what_stands_here_otherwise_is_not_overwritten(
    app: FastAPI, api: httpx.AsyncClient, make_event: MakeEvent
) -> None:
    held = await written(api, make_event(external_ids=[{"system": "desk", "id": "1"}]))
    gone = await written(api, make_event())
    assert (await api.delete(f"/v1/events/{gone['id']}?reason=duplicate")).status_code == 204
    id = IdSource()
    later = format_instant(parse_event(make_event(started_at="2199-01-01T00:00:00Z")).started_at)
    same_key = str(make_id(key_of(id()), 1))
    cases: list[tuple[dict[str, Any], type[Problem] | None]] = [
        (held, None),
        ({**held, "title": "Other"}, VersionMismatch),
        ({**held, "version": 2}, VersionMismatch),
        (gone, Deleted),
        ({**gone, "id": str(id()), "external_ids": held["external_ids"]}, DuplicateExternalId),
        ({**gone, "id": str(id()), "updated_at": later}, Invalid),
        ({**gone, "id": same_key}, None),
        ({**gone, "id": str(make_id(key_of(id()), 1))[:-1] + "0"}, None),
    ]
    for event, expected in cases:
        [result] = await restore(app, read_lines([orjson.dumps(event)]))
        assert isinstance(result, expected or CommandResult), (event, result)
    assert MAX_CLOCK_SKEW.days == 1


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"id": "7"}, "/id", "uuid"),
        ({"id": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}, "/id", "uuid"),
        ({"version": True}, "/version", "range"),
        ({"version": 10**9}, "/version", "range"),
        ({"quality_flags": ["no-such-flag"]}, "/quality_flags", "enum"),
        ({"quality_flags": [["no-source"]]}, "/quality_flags", "enum"),
        ({"created_at": None}, "/created_at", "instant"),
        ({"updated_at": "2001-01-01T00:00:00Z"}, "/updated_at", "order"),
        ({"title": "a\x00b"}, "/title", "control-character"),
        ({"colour": 1}, "/colour", "unknown-field"),
        ({"detail": {"munitions": 3}}, "/detail/munitions", "type"),
        ({"relations": [{"type": "follows", "event_id": "#0"}]}, "/relations/0/event_id", "uuid"),
    ],
)
def test_a_line_that_no_export_has_is_refused(
    make_event: MakeEvent, fields: dict[str, Any], pointer: str, code: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        restore_command(read_lines([orjson.dumps(whole(make_event) | fields)])[0])
    assert [(error.pointer, error.code) for error in refusal.value.errors] == [(pointer, code)]


def whole(make_event: MakeEvent) -> dict[str, Any]:
    """An event as an export tells it."""
    now = "2025-09-08T00:00:00Z"
    return {
        "id": str(IdSource()()),
        "version": 3,
        **make_event(),
        "quality_flags": [],
        "created_at": now,
        "updated_at": now,
    }


def test_a_field_that_was_declared_later_stays_absent(make_event: MakeEvent) -> None:
    event = whole(make_event)
    event["actors"][0]["aliases"] = []
    event["casualties"][0]["actor"] = None
    complete = restore_command(read_lines([orjson.dumps(event)])[0]).core
    del event["actors"][0]["aliases"], event["casualties"][0]["actor"], event["locations"][0]["role"]

    core = restore_command(read_lines([orjson.dumps(event)])[0]).core

    without = complete.replace(b'"aliases":[],', b"").replace(b'"actor":null,', b"")
    assert core == without.replace(b'"role":"target"}],"actors"', b'"role":null}],"actors"') != complete


def test_an_export_is_told_by_the_names_of_its_fields(make_event: MakeEvent) -> None:
    header = list(orjson.loads(restore_command(read_lines([orjson.dumps(whole(make_event))])[0]).core))
    assert detect([SITREP], [header]) == []
    [found] = detect([SITREP], [[*header, "id", "kind", "version", "created_at", "updated_at"]])
    assert (found.missing, found.unknown) == ((), ())
    tombstone = SourceRow(1, {"id": "1", "deleted_at": "2025-09-08T00:00:00Z"})
    assert [type(record).__name__ for record in SITREP.read([tombstone], ReadOptions(found.layout))] == ["Skipped"]
