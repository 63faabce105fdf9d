"""An old and a new program side by side on one database, under load, while it is migrated there and back.

`make nightly` sets ROLLING_ROUNDS for a long run; by itself it is one round.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from cli.conftest import PATIENCE_S, bearer
from programs import free_port

from app.auth.keys import create_key
from app.db import open_database
from app.migrate import newest_revision

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import MakeEvent

ROOT = Path(__file__).parents[2]
ROUNDS = int(os.environ.get("ROLLING_ROUNDS", "1"))
WRITERS = 4
WRITES_BETWEEN = 12
NEXT = "9999"
MIGRATION = f'''"""A migration of the next release, which changes a derived table."""

from alembic import op

revision = "{NEXT}"
down_revision = "{newest_revision()}"


def upgrade() -> None:
    op.execute("ALTER TABLE tally ADD COLUMN checked BIGINT NOT NULL DEFAULT 0")


def downgrade() -> None:
    op.execute("ALTER TABLE tally DROP COLUMN checked")
'''


class Program:
    """A copy of the package, its server, and what the server acknowledged."""

    def __init__(self, folder: Path, url: str, *, is_new: bool) -> None:
        ignore = shutil.ignore_patterns("__pycache__")
        for part in ("app", "migrations"):
            shutil.copytree(ROOT / part, folder / part, ignore=ignore)
        if is_new:
            (folder / "migrations" / "versions" / f"{NEXT}_next.py").write_text(MIGRATION, encoding="utf-8")
        self.folder = folder
        self.acknowledged: list[str] = []
        self.statuses: list[int] = []
        self.port = free_port()
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(folder),
            "PYTHONDONTWRITEBYTECODE": "",  # its second start is faster
            "SITREP_DATABASE_URL": url,
            "SITREP_LOG_LEVEL": "error",
        }
        self.server = self._start("serve", "--port", str(self.port))

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "app", *arguments]
        return subprocess.Popen(command, cwd=self.folder, env=self._environment)  # noqa: S603 (our own)

    async def run(self, *arguments: str) -> int:
        """Run a command of this program to its end."""
        return await asyncio.to_thread(self._start(*arguments).wait, PATIENCE_S * 3)

    def client(self, key: str) -> httpx.AsyncClient:
        """A caller of its server."""
        return httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}", headers=bearer(key), trust_env=False, timeout=PATIENCE_S
        )


@pytest.fixture
def programs(database_url: str, tmp_path: Path) -> Iterator[tuple[Program, Program]]:
    """The old program, which fits the database, and the new one, which does not yet."""
    made = Program(tmp_path / "old", database_url, is_new=False), Program(tmp_path / "new", database_url, is_new=True)
    yield made
    for program in made:
        program.server.kill()
        program.server.wait(PATIENCE_S)


async def until(holds: Callable[[], Any]) -> None:
    """Wait until it holds; bounded."""
    end = time.monotonic() + PATIENCE_S * 3
    while not await holds():
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


async def answers(client: httpx.AsyncClient, status: int) -> bool:
    """The server is ready, or not, as asked."""
    try:
        return (await client.get("/readyz")).status_code == status
    except httpx.TransportError:
        return False


async def write(program: Program, client: httpx.AsyncClient, event: dict[str, Any]) -> None:
    """Write without end, and note what was said."""
    while True:
        answer = await client.post("/v1/events", json=event)
        assert answer.status_code in {201, 503}, answer.text
        program.statuses.append(answer.status_code)
        if answer.status_code == 201:
            program.acknowledged.append(answer.json()["id"])
        else:
            assert answer.json()["type"] in {"/problems/schema-mismatch", "/problems/unavailable"}
            assert answer.headers["retry-after"]
            await asyncio.sleep(0.02)


async def test_only_the_program_that_fits_writes_and_nothing_is_lost_or_miscounted(
    programs: tuple[Program, Program], database_url: str, make_event: MakeEvent
) -> None:
    old, new = programs
    db = open_database(database_url)
    await db.connect()
    key = (await create_key(db, "rolling", ["admin"]))[1]
    await db.close()
    async with old.client(key) as to_old, new.client(key) as to_new:
        await until(lambda: answers(to_old, 200))
        await until(lambda: answers(to_new, 503))
        writers = [
            asyncio.create_task(write(program, client, make_event()))
            for program, client in ((old, to_old), (new, to_new))
            for _ in range(WRITERS)
        ]
        try:
            for _ in range(ROUNDS):
                await only(old, new, writers)
                assert await new.run("migrate") == 0
                await until(lambda: answers(to_new, 200))
                await until(lambda: answers(to_old, 503))
                await only(new, old, writers)
                assert await new.run("migrate", "--to", newest_revision()) == 0
                await until(lambda: answers(to_old, 200))
                await until(lambda: answers(to_new, 503))
            await only(old, new, writers)
        finally:
            for writer in writers:
                writer.cancel()
            await asyncio.gather(*writers, return_exceptions=True)
        for id in {*old.acknowledged, *new.acknowledged}:
            assert (await to_old.get(f"/v1/events/{id}")).status_code == 200
        count = (await to_old.get("/v1/events/count")).json()["count"]
        series = (await to_old.get("/v1/stats/series?interval=year&since=2025-01-01&until=2026-01-01")).json()
        assert sum(bucket["count"] for bucket in series) == count
        # An answer may be lost with the cancelled writers, never an event that was acknowledged.
        assert 0 <= count - len({*old.acknowledged, *new.acknowledged}) <= 2 * WRITERS
    assert await old.run("check") == 0


async def only(fits: Program, does_not: Program, writers: list[asyncio.Task[None]]) -> None:
    """From now on one program takes every write, and the other one none."""
    fits.statuses.clear()
    does_not.statuses.clear()

    async def enough() -> bool:
        assert not any(writer.done() for writer in writers), [w.exception() for w in writers if w.done()]
        return fits.statuses.count(201) >= WRITES_BETWEEN and len(does_not.statuses) >= WRITES_BETWEEN

    await until(enough)
    # Answers that were under way when the schema changed may still come in: as many as there are writers.
    assert does_not.statuses.count(201) <= WRITERS
    assert set(does_not.statuses[WRITERS:]) == {503}
