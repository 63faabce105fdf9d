"""A reader outlives the server: one follower, a server killed and started again, and every change once and in order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
from programs import free_port

from cli.conftest import bearer
from sitrep_client import AsyncClient, CheckpointFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import MakeEvent

    from cli.conftest import Started

ROUNDS = 2
OF_A_ROUND = 130


async def soon(seconds: float) -> None:
    """Pause, but shortly."""
    await asyncio.sleep(min(seconds, 0.05))


async def write(server: Started, key: str, event: dict[str, object]) -> list[str]:
    """A batch and some single events; the ids of their changes."""
    items = [{"op": "create", "event": event}] * (OF_A_ROUND - 3)
    async with httpx.AsyncClient(base_url=server.url, headers=bearer(key), trust_env=False, timeout=30) as client:
        batch = await client.post("/v1/events/batch", json={"items": items})
        singles = [await client.post("/v1/events", json=event) for _ in range(3)]
    assert batch.status_code == 200, batch.text
    return [
        *(result["cursor"] for result in batch.json()["results"]),
        *(answer.headers["feed-cursor"] for answer in singles),
    ]


async def follow(feed: AsyncClient, path: Path, seen: list[str]) -> None:
    """Note every change."""
    async for item in feed.follow(checkpoint=path):
        seen.append(item["id"])  # noqa: PERF401 (others look at it meanwhile)


async def test_a_follower_sees_every_change_once_though_the_server_is_killed(
    serve: Callable[[int], Started], admin_key: str, make_event: MakeEvent, tmp_path: Path
) -> None:
    server = serve(free_port())
    kept = CheckpointFile(tmp_path / "feed.cursor")
    seen: list[str] = []
    written: list[str] = []

    def is_through() -> bool:
        return following.done() or (len(seen) >= len(written) and kept.load() == written[-1])

    async with (
        httpx.AsyncClient(trust_env=False, timeout=60) as client,
        AsyncClient(server.url, admin_key, http=client, sleep=soon) as feed,
    ):
        following = asyncio.create_task(follow(feed, tmp_path / "feed.cursor", seen))
        for _ in range(ROUNDS):
            await server.answers()
            written += await write(server, admin_key, make_event())
            await server.until(is_through)
            server.process.kill()
            await server.ended()
            server = serve(server.port)
        await server.answers()
        written += await write(server, admin_key, make_event())
        await server.until(is_through)
        following.cancel()
        await asyncio.wait([following])

    assert following.cancelled()
    assert seen == written
