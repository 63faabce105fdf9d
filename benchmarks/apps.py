"""The servers that are compared, each on its database, and the ceilings beside them."""

from __future__ import annotations

import asyncio
import pickle
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from benchmarks.bare import RECORDED, Known
from benchmarks.databases import Shelf, name_in
from benchmarks.load import ask
from benchmarks.plain import DATABASE
from benchmarks.servers import Server, serving


def sitrep_on(shelf: Shelf, url: str, env: dict[str, str] | None = None) -> AbstractContextManager[Server]:
    """Sitrep as it is served, readable by anybody."""
    own = {"SITREP_DATABASE_URL": url, "SITREP_ANONYMOUS_READ": "true", **(env or {})}
    return serving("sitrep", "app.main:create_app", own, backing(shelf, url))


def plain_on(shelf: Shelf, url: str) -> AbstractContextManager[Server]:
    """The plain app."""
    return serving("plain", "benchmarks.plain:create_app", {DATABASE: url}, backing(shelf, url))


def backing(shelf: Shelf, url: str) -> str | None:
    """The database whose backends work for the server."""
    return name_in(url) if shelf.dialect == "postgresql" else None


@contextmanager
def recorded_from(sitrep: Server, requests: list[bytes]) -> Iterator[Server]:
    """The bare app with what Sitrep answers to these requests."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recorded"
        path.write_bytes(pickle.dumps(asyncio.run(record(sitrep.port, requests))))
        with serving("bare", "benchmarks.bare:recorded", {RECORDED: str(path)}) as server:
            yield server


@contextmanager
def nowhere() -> Iterator[Server]:
    """Sitrep with no database."""
    with tempfile.TemporaryDirectory() as folder:
        env = {"SITREP_DATABASE_URL": f"sqlite:///{folder}/unused.db"}
        with serving("nowhere", "benchmarks.bare:nowhere", env) as server:
            yield server


async def record(port: int, requests: list[bytes]) -> Known:
    """What Sitrep answers."""
    known: Known = {}
    for request, answer in zip(requests, await ask(port, *requests), strict=True):
        path, _, query = request.split(b" ", 2)[1].partition(b"?")
        headers = [(name.encode(), value.encode()) for name, value in answer.headers.items() if name != "date"]
        known[path, query, b"if-none-match" in request] = answer.status, headers, answer.body
    return known
