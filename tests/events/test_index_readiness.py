"""What of the index is new or changed is noticed, refused until it is built, and only then read."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from calls import found, good, problem, written
from conftest import client_of

from app.auth.keys import create_key
from app.db import open_database
from app.events.index.fingerprint import components, registry
from app.events.index.readiness import register
from app.events.index.reindex import rebuild_online
from app.events.tables import IndexState

if TYPE_CHECKING:
    from conftest import MakeApp, MakeEvent
    from httpx import AsyncClient

    from app.db import Database, Transaction

APP = Path(__file__).parents[2] / "app"
PRINT = "import json; from app.events.index.fingerprint import components; print(json.dumps(components()))"
ATTACK, RULES, TOKENIZER, BASE = (f"kinds/{name}.py" for name in ("attack", "rules", "tokenizer", "base"))
HARMLESS = [
    (ATTACK, "What was fired.", "What was fired at something."),
    (
        ATTACK,
        "def _fired(part: str) -> Any:\n",
        'def _fired(part: "str") -> "Any":\n    """Read a part."""\n    # Why.\n\n',
    ),
    (ATTACK, '"Category of a target."', '"Category of each target."'),
    (ATTACK, '    "cultural",\n', '    "cultural",\n    "religious",\n'),
    (
        ATTACK,
        "lambda event: [target.category for target in event.detail.targets]",
        "lambda event: [\n    target.category for target in event.detail.targets\n]",
    ),
    (TOKENIZER, "# What a text may come to in the index;", "# What a text comes to in the index;"),
]
CHANGES = [
    (
        ATTACK,
        'if event.detail.state != "carried_out":',
        'if event.detail.state == "planned":',
        {"measure:attack:launched", "measure:attack:intercepted"},
    ),
    (
        RULES,
        'if place.role != "launch"]',
        'if place.role not in {"launch", "venue"}]',
        {"facet::country", "facet::admin1", "facet::place"},
    ),
    (RULES, '"A tag.", lambda event: event.tags', '"A tag.", lambda event: event.tags, revision=2', {"facet::tag"}),
    (
        TOKENIZER,
        '"w": "v"',
        '"w": "u"',
        {f"text:{kind}" for kind in ("attack", "negotiation_round", "sanction_move", "security_guarantee")},
    ),
    (ATTACK, '("munitions.model", "targets.name")', '("targets.name",)', {"text:attack"}),
    (BASE, '("true" if flag else "false",)', '("true" if flag else "no",)', {"facet:attack:civilian_targeting"}),
]


def fingerprints(folder: Path, edits: list[tuple[str, str, str]]) -> dict[str, str]:
    """The components of a copy of the app with these edits."""
    shutil.copytree(APP, folder / "app", ignore=shutil.ignore_patterns("__pycache__"))
    for name, before, after in edits:
        path = folder / "app" / name
        text = path.read_text(encoding="utf-8")
        assert before in text, before
        path.write_text(text.replace(before, after), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(  # noqa: S603 (our own script)
        [sys.executable, "-c", PRINT], cwd=folder, env=environment, capture_output=True, timeout=300, check=True
    )
    read: dict[str, str] = json.loads(done.stdout)
    return read


def test_only_code_that_reads_a_value_changes_its_fingerprint(tmp_path: Path) -> None:
    assert fingerprints(tmp_path / "same", HARMLESS) == components()

    changed = fingerprints(tmp_path / "other", [edit[:3] for edit in CHANGES])

    differing = {name for name, found in changed.items() if components()[name] != found}
    assert differing == set().union(*(edit[3] for edit in CHANGES))


async def set_state(db: Database, name: str, **values: Any) -> None:
    """Change a row of the table, or take it out."""

    async def change(tx: Transaction) -> None:
        await tx.delete(IndexState, ("name",), [{"name": name}])
        if values:
            await tx.insert(IndexState, [{"name": name, "fingerprint": "", "progress": None, **values}])

    await db.write(change)


@pytest.fixture
async def stale(db: Database, make_app: MakeApp, make_event: MakeEvent) -> AsyncClient:
    """A caller of a server that starts when the index holds munitions, the killed and words as another program does."""
    first = await make_app(delivery=False)
    key = (await create_key(db, "newsroom", ["admin"]))[1]
    async with client_of(first, key) as api:
        await written(api, make_event())
        await written(api, make_event(tags=["x"]))
    for name in ("facet:attack:munition", "measure::killed", "text:attack"):
        await set_state(db, name, state="ready", fingerprint="another")
    return client_of(await make_app(delivery=False), key)


async def test_what_is_not_built_is_refused_until_it_is_and_the_rest_is_answered(
    db: Database, stale: AsyncClient
) -> None:
    async with stale as api:
        for question in ("munition=other", "exclude=munition:other", "killed_min=1", "sort=-killed", "q=kyiv"):
            refused = await api.get(f"/v1/events?{question}")
            assert "does not hold every event yet" in problem(refused, 503, "unavailable")["detail"], question
            assert refused.headers["retry-after"] == "10"
        assert len(await found(api, "tag=x&missing=process")) == 1
        assert len(await found(api, "country=UA&injured_max=3")) == 0
        assert problem(await api.get("/v1/feed/stream?missing=process"), 503)

        told: list[tuple[int, int]] = []
        assert await rebuild_online(db, lambda done, total: told.append((done, total)))
        assert told[-1] == (2, 2)

        assert len(await found(api, "munition=uav_one_way_attack&killed_min=3&q=kyiv&sort=-killed")) == 2
        assert [row["best"] for row in good(await api.get("/v1/stats/series?measure=killed&interval=year"))] == [6]
        assert not await rebuild_online(db)


async def test_a_program_with_a_superseded_registry_writes_nothing_until_it_is_registered_again(
    db: Database, api: AsyncClient, make_event: MakeEvent
) -> None:
    await written(api, make_event())
    await set_state(db, registry(), state="superseded")

    refused = problem(await api.post("/v1/events", json=make_event()), 503, "schema-mismatch")
    assert "other facets, measures or words" in refused["detail"]
    assert problem(await api.get("/readyz"), 503, "schema-mismatch")["detail"] == refused["detail"]
    assert len(await found(api, "country=UA")) == 1

    assert await db.write(register, alone=True) == []
    await written(api, make_event())
    assert good(await api.get("/readyz")) == {"status": "ok"}


async def test_a_kind_that_the_database_never_heard_of_is_ready_and_a_facet_of_a_known_one_is_not(
    db: Database, make_app: MakeApp, make_event: MakeEvent
) -> None:
    for name in components():
        if name.split(":")[1] == "sanction_move":
            await set_state(db, name)
    await set_state(db, "facet:attack:munition")
    async with client_of(await make_app(delivery=False), (await create_key(db, "newsroom", ["admin"]))[1]) as api:
        assert await found(api, "imo=9074729") == []
        problem(await api.get("/v1/events?munition=other"), 503, "unavailable")
        await written(api, make_event())

        assert await db.write(register, alone=True) == ["facet:attack:munition"]
        problem(await api.get("/v1/events?munition=other"), 503, "unavailable")
        await asyncio.gather(*(rebuild_online(db) for _ in range(3)))
        assert len(await found(api, "munition=uav_one_way_attack")) == 1


async def test_a_building_that_is_stopped_goes_on_where_it_was_beside_writers(
    db: Database, database_url: str, stale: AsyncClient, make_event: MakeEvent
) -> None:
    async with stale as api:
        many = [{"op": "create", "event": make_event()} for _ in range(500)]
        for start in range(0, len(many), 250):
            good(await api.post("/v1/events/batch", json={"items": many[start : start + 250]}))
        told: list[int] = []

        def stop(done: int, _total: int) -> None:
            told.append(done)
            if len(told) == 1:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await rebuild_online(db, stop)
        other = open_database(database_url)
        await other.connect()
        building = asyncio.create_task(rebuild_online(other, stop))
        for _ in range(20):
            await written(api, make_event())
        assert await building
        await other.close()

        assert told == sorted(set(told))
        assert 100 < told[0] < told[1]
        assert told[-1] >= 502
        assert good(await api.get("/v1/events/count?munition=uav_one_way_attack"))["count"] == 522
