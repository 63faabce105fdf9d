"""Traces the way of one request through Sitrep's own files: `python tests/walks.py` prints it, file by file."""

from __future__ import annotations

import ast
import asyncio
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from receivers import KEY, LOOPBACK, receiving, subscribed

import app
from app.auth.keys import create_key
from app.cli.samples import load_samples
from app.main import create_app
from app.migrate import migrate
from app.samples import load
from app.settings import Settings
from app.subscriptions.delivery.metrics import DeliveryCounts
from app.subscriptions.delivery.worker import Worker
from app.subscriptions.transport.secret_cipher import SecretCipher
from app.subscriptions.transport.url_guard import TargetPolicy

APP = Path(app.__file__).parent
PAGE = APP.parent / "docs" / "architecture.md"
BEGIN, END = "<!-- walks -->", "<!-- /walks -->"
PATIENCE_S = 60.0


@dataclass
class Walk:
    """What was entered: files in the order of their first function, functions, and moves from one file to another."""

    files: list[str] = field(default_factory=list)
    functions: set[CodeType] = field(default_factory=set)
    moves: int = 0
    last: str = ""

    def enter(self, code: CodeType) -> None:
        """Count a call of one of our functions; a generator or coroutine that goes on counts once."""
        file = str(Path(code.co_filename).relative_to(APP))
        if code in self.functions and file == self.last:
            return
        self.functions.add(code)
        if file not in self.files:
            self.files.append(file)
        self.moves += file != self.last
        self.last = file


@contextmanager
def traced() -> Iterator[Walk]:
    """Trace all calls of functions in app/, on any thread, for as long as this is open."""
    walk = Walk()
    folder = str(APP)

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(folder):
            walk.enter(frame.f_code)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield walk
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


@asynccontextmanager
async def running(folder: Path, **more: Any) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """The application on a new SQLite database with the samples, and a client with an admin key."""
    url = f"sqlite:///{folder}/walk.db"
    await asyncio.to_thread(migrate, url)
    served = create_app(Settings(database_url=url, **more), delivery=False)
    async with served.router.lifespan_context(served):
        _, key = await create_key(served.state.services.db, "walker", ["admin"])
        transport = httpx.ASGITransport(served, client=("127.0.0.1", 1))
        headers = {"authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
            yield served, client


async def walk_of(ask: Callable[[], Awaitable[httpx.Response]]) -> Walk:
    """The way of the second request of its sort: the first one fills what is filled once."""
    (await ask()).raise_for_status()
    with traced() as walk:
        (await ask()).raise_for_status()
    return walk


async def webhook_walk(served: FastAPI, client: httpx.AsyncClient, create: Callable[[], Awaitable[Any]]) -> Walk:
    """The way of a change that is in the log to an endpoint that takes it."""
    settings = served.state.services.settings
    counts = DeliveryCounts(CollectorRegistry())
    worker = Worker(served.state.services.notifier, SecretCipher(settings), TargetPolicy.of(settings), counts)
    async with receiving() as endpoint:
        await subscribed(client, endpoint.url())

        async def deliver(changes: int) -> None:
            async with asyncio.timeout(PATIENCE_S):
                while len(endpoint.changes) < changes:
                    await worker.once()

        await create()
        await deliver(1)
        await create()
        with traced() as walk:
            await deliver(2)
        await worker.stop()
    return walk


def opening(file: str) -> str:
    """The first sentence of a file."""
    return (ast.get_docstring(ast.parse((APP / file).read_text(encoding="utf-8"))) or "").partition("\n")[0]


async def walks(folder: Path) -> dict[str, Walk]:
    """The walks of the five requests that most others resemble."""
    async with running(folder, allow_private_targets=LOOPBACK, secret_key=SecretStr(KEY)) as (served, client):
        await load_samples(served.state.services.db)
        sample = load()[0]["event"]
        numbers = iter(range(10_000))

        async def create() -> httpx.Response:
            event = {**sample, "external_ids": [{"system": "walk", "id": str(next(numbers))}]}
            return await client.post("/v1/events", json=event)

        def read(address: str) -> Callable[[], Awaitable[httpx.Response]]:
            return lambda: client.get(address.replace("LIMIT", str(10 + next(numbers))))

        found = {
            "create": await walk_of(create),
            "list": await walk_of(read("/v1/events?kind=attack&country=UA&limit=LIMIT")),
            "feed page": await walk_of(read("/v1/feed?after=oldest&kind=attack&limit=LIMIT")),
            "statistics": await walk_of(read("/v1/stats/series?interval=day&since=2025-09-01&until=2025-09-LIMIT")),
        }
        return {**found, "change to webhook": await webhook_walk(served, client, create)}


def told(found: dict[str, Walk]) -> str:
    """Each walk as lines: its files in order, each with its first sentence."""
    lines = []
    for name, walk in found.items():
        lines += ["", f"{name}: {len(walk.files)} files, {len(walk.functions)} functions, {walk.moves} moves"]
        lines += [f"  {file:45} {opening(file)}" for file in walk.files]
    return "\n".join(lines[1:])


def main() -> None:
    """Print the walks, or with --write put them into docs/architecture.md."""
    with tempfile.TemporaryDirectory() as folder:
        text = told(asyncio.run(walks(Path(folder))))
    if "--write" not in sys.argv:
        print(text)  # noqa: T201
        return
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n```\n{text}\n```\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
