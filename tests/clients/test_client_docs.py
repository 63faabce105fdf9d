"""The Python of README.md and docs/clients.md does what it says."""

from __future__ import annotations

import asyncio
import re
import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from calls import head_of, written
from conftest import load_samples, serving
from test_client_verifies import BODY, ID, SECRET, signed

from app.changes.epoch import raise_epoch
from sitrep_client import Client

if TYPE_CHECKING:
    import httpx
    from conftest import MakeApp, MakeEvent

    from app.db import Database
    from sitrep_client import FeedItem

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120


def python_of(page: str) -> list[str]:
    """The blocks of Python on a page."""
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(autouse=True)
def without_proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The clients under test make connections of their own, and files where they run."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)


def run(block: str, folder: Path) -> dict[str, Any]:
    """What a block defines."""
    path = folder / "block.py"
    path.write_text(block, encoding="utf-8")
    return runpy.run_path(str(path))


async def test_the_python_of_the_readme_follows_and_receives(
    server: httpx.AsyncClient, admin_key: str, make_event: MakeEvent, tmp_path: Path
) -> None:
    [block] = python_of("README.md")
    reader = run(block, tmp_path)
    event = await written(server, make_event())
    handled: list[FeedItem] = []
    following = asyncio.create_task(reader["mirror"](str(server.base_url), admin_key, handled.append))
    async with asyncio.timeout(PATIENCE_S):
        while not (tmp_path / "attacks.cursor").exists():  # noqa: ASYNC110 (the file is what it waits for)
            await asyncio.sleep(0.01)
    following.cancel()
    await asyncio.wait([following])
    assert [item["subject"] for item in handled] == [event["id"]]
    reader["receive"](signed(SECRET), BODY.encode(), SECRET, handled.append)
    assert handled[1]["id"] == ID


async def test_the_minute_of_the_docs_answers(
    make_app: MakeApp, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = await make_app(anonymous_read=True)
    await load_samples(app.state.services.store)
    first, frame, _ = python_of("docs/clients.md")
    lines = frame.replace("frame.explode", "print(frame.explode").replace(".nunique()", ".nunique())")
    block = first + "".join(f"    {line}\n" for line in lines.splitlines())
    async with serving(app) as address:
        await asyncio.to_thread(run, block.replace("http://127.0.0.1:8000", address), tmp_path)
    shown = capsys.readouterr().out
    assert "Record Russian drone barrage" in shown
    assert " events in Ukraine\n" in shown
    assert "uav_one_way_attack" in shown


async def test_the_mirror_of_the_docs_begins_anew_after_a_restored_backup(
    server: httpx.AsyncClient, admin_key: str, db: Database, make_event: MakeEvent, tmp_path: Path
) -> None:
    mirror = run(python_of("docs/clients.md")[2], tmp_path)["mirror"]
    await written(server, make_event())
    (tmp_path / "sitrep.cursor").write_text(f"{await head_of(server)}\n")
    await raise_epoch(db)
    seen: list[str] = []

    class EnoughError(Exception):
        pass

    def store(event: dict[str, Any]) -> None:
        seen.append(event["title"])
        if event["title"] == "Last":
            raise EnoughError

    def follow() -> None:
        with Client(str(server.base_url), admin_key) as sitrep, pytest.raises(EnoughError):
            mirror(sitrep, store)

    following = asyncio.create_task(asyncio.to_thread(follow))
    async with asyncio.timeout(PATIENCE_S):
        while "e2-" not in (tmp_path / "sitrep.cursor").read_text():  # noqa: ASYNC110 (the file is what it waits for)
            await asyncio.sleep(0.01)
        await written(server, make_event(title="Last"))
        await following
    assert seen == ["Drones over Kyiv", "Last"]
