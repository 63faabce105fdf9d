"""The published clients of Durable Streams follow a live server over a restart and miss nothing.

That of npm is here once `clients/durable-streams/check` has installed it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack, aclosing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from calls import good
from conftest import serving
from durable_streams import DurableStreamError, RetentionGoneError, astream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI

NPM = Path(__file__).parents[2] / "clients" / "durable-streams"
CLIENTS = ["python", *(["npm"] if (NPM / "node_modules").is_dir() else [])]
MODES = ["long-poll", "sse"]
FILTERS = {"all": {}, "tagged": {"tag": "energy"}}
PATIENCE_S = 120.0
# Where a reader is, and the items that it was given on the way.
Batch = tuple[str, list[str]]


async def read_with_python(url: str, live: Any, offset: str, filters: dict[str, str], key: str) -> AsyncIterator[Batch]:
    """Batches by PyPI's client, which leaves going on after the end of a connection to its caller."""
    headers: dict[str, Any] = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        while True:
            try:
                async with astream(
                    url, offset=offset, live=live, params={**filters}, headers=headers, client=client
                ) as reading:
                    async for event in reading.iter_events(mode="json_batches"):
                        offset = event.next_offset
                        yield offset, [item["id"] for item in event.data]
            except httpx.TransportError:
                await asyncio.sleep(0.02)
            except DurableStreamError as error:
                if error.status != 503:
                    raise
            if live is False:
                return


async def read_with_npm(url: str, live: Any, offset: str, filters: dict[str, str], key: str) -> AsyncIterator[Batch]:
    """Batches by npm's client, which goes on by itself."""
    pairs = [f"{name}={value}" for name, value in filters.items()]
    node = Path(sys.prefix) / "bin" / "node"
    process = await asyncio.create_subprocess_exec(
        *(node if node.exists() else "node", "follow.js", url, json.dumps(live).strip('"'), offset, *pairs),
        cwd=NPM,
        env={"PATH": os.environ["PATH"], "SITREP_KEY": key},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async for line in process.stdout:
            batch = json.loads(line)
            yield batch["offset"], batch["ids"]
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


READERS = {"python": read_with_python, "npm": read_with_npm}


class Follower:
    """A client that reads in a task of its own; what it was given, and where it is."""

    def __init__(self, batches: AsyncIterator[Batch]) -> None:
        self.given: list[str] = []
        self.offset = ""
        self._task = asyncio.create_task(self._follow(batches))

    async def _follow(self, batches: AsyncIterator[Batch]) -> None:
        async with aclosing(batches):  # type: ignore[type-var]  # they are generators
            async for offset, ids in batches:
                self.offset = offset
                self.given += ids

    async def reaches(self, offset: str) -> list[str]:
        """Wait until it is there; all that it was given."""
        async with asyncio.timeout(PATIENCE_S):
            while self.offset != offset:
                if self._task.done():
                    self._task.result()
                await asyncio.sleep(0.02)
        return self.given

    async def close(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


class Server:
    """A server that may be started anew at its address."""

    def __init__(self, make_app: Any, key: str) -> None:
        self._make_app = make_app
        self._running = AsyncExitStack()
        self._headers = {"authorization": f"Bearer {key}"}
        self._port = 0
        self.address = ""

    async def start(self) -> None:
        app: FastAPI = await self._make_app()
        self.address = await self._running.enter_async_context(serving(app, port=self._port))
        self._port = httpx.URL(self.address).port or 0

    async def stop(self) -> None:
        await self._running.aclose()

    async def write(self, *events: dict[str, Any]) -> None:
        items = [{"op": "create", "event": event} for event in events]
        good(await self.call("POST", "/v1/events/batch", json={"items": items}))

    async def call(self, method: str, path: str, **sent: Any) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.address, headers=self._headers, trust_env=False, timeout=60) as api:
            return await api.request(method, path, **sent)


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_published_client_follows_over_a_restart(
    make_app: Any, make_event: Any, admin_key: str, client: str
) -> None:
    tagged, plain = make_event(tags=["energy"]), make_event()
    server, read = Server(make_app, admin_key), READERS[client]
    followers: dict[tuple[str, str], Follower] = {}
    try:
        await server.start()
        await server.write(tagged, plain, tagged)
        url = f"{server.address}/v1/streams/events"
        caught_up = [ids async for _, ids in read(url, False, "-1", {}, admin_key)]
        assert [id_ for ids in caught_up for id_ in ids] == [f"e1-{n:012d}" for n in (1, 2, 3)]
        for mode in MODES:
            for name, filters in FILTERS.items():
                followers[mode, name] = Follower(read(url, mode, "-1", filters, admin_key))
            followers[mode, "from now"] = Follower(read(url, mode, "e1-000000000003", {}, admin_key))
        for name in FILTERS:
            await asyncio.gather(*(followers[mode, name].reaches("e1-000000000003") for mode in MODES))
        await server.write(plain, tagged)
        await asyncio.gather(*(follower.reaches("e1-000000000005") for follower in followers.values()))
        await server.stop()
        await server.start()
        await server.write(tagged, plain, tagged)
        ends = await asyncio.gather(*(follower.reaches("e1-000000000008") for follower in followers.values()))
        for filters, given in zip(({}, {"tag": "energy"}, {"after": "e1-000000000003"}) * 2, ends, strict=True):
            feed = good(await server.call("GET", "/v1/feed", params=filters))
            assert given == [item["id"] for item in feed["items"]], f"{client} with {filters}"
    finally:
        for follower in followers.values():
            await follower.close()
        await server.stop()


async def test_a_position_of_another_epoch_is_gone_for_pythons_client(make_app: Any, admin_key: str) -> None:
    server = Server(make_app, admin_key)
    await server.start()
    with pytest.raises(RetentionGoneError):
        async for _ in read_with_python(f"{server.address}/v1/streams/events", False, "e7-000000000001", {}, admin_key):
            pass
    await server.stop()
