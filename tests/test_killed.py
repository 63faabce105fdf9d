"""A server killed while it writes: what it acknowledged is there, the rest whole or not at all, repeats are safe."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from calls import good

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import MakeEvent

SERVING = Path(__file__).parent / "killed" / "serving.py"
WRITERS = 6
ENOUGH = 60
MOST = 500
OF_A_BATCH = 4
PATIENCE_S = 120


@dataclass
class Sent:
    """What was asked for, by Idempotency-Key, and what was acknowledged."""

    requests: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    acknowledged: dict[str, list[str]] = field(default_factory=dict)

    def lost(self, present: dict[str, list[str]]) -> list[str]:
        """Acknowledged requests whose events are not all there."""
        return [key for key, ids in self.acknowledged.items() if len(present.get(key, [])) < len(ids)]


@asynccontextmanager
async def serving(url: str, *manner: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A server in a process of its own, and its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SERVING), url, *manner, stdout=asyncio.subprocess.PIPE, cwd=SERVING.parents[2]
    )
    assert process.stdout is not None
    try:
        port = int(await asyncio.wait_for(process.stdout.readline(), PATIENCE_S))
        yield process, f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]  # or the loop warns of it


async def write(client: httpx.AsyncClient, event: dict[str, Any], name: str, sent: Sent) -> None:
    """Write events and batches, each under a key that is also the tag of its events, until the server is gone."""
    for n in range(MOST):
        key = f"{name}-{n}"
        one = {**event, "tags": [key]}
        if n % 2:
            sent.requests[key] = ("/v1/events/batch", {"items": [{"op": "create", "event": one}] * OF_A_BATCH})
        else:
            sent.requests[key] = ("/v1/events", one)
        answer = await send(client, sent, key)
        sent.acknowledged[key] = ids_in(answer)


async def send(client: httpx.AsyncClient, sent: Sent, key: str) -> httpx.Response:
    path, body = sent.requests[key]
    answer = await client.post(path, json=body, headers={"idempotency-key": key})
    assert answer.is_success, answer.text
    return answer


def ids_in(answer: httpx.Response) -> list[str]:
    """The ids that an answer gave out; a hasty one gives none."""
    told = answer.json()
    return [result["id"] for result in told["results"]] if "results" in told else [told.get("id", "unknown")]


async def interrupted(url: str, admin_key: str, event: dict[str, Any], *manner: str) -> Sent:
    """Let several write at once, and kill the server while they do."""
    sent = Sent()
    async with serving(url, *manner) as (process, address):
        headers = {"authorization": f"Bearer {admin_key}"}
        async with httpx.AsyncClient(base_url=address, headers=headers, trust_env=False, timeout=60) as client:
            await until_up(client)
            writers = [asyncio.create_task(write(client, event, f"w{n}", sent)) for n in range(WRITERS)]
            while len(sent.acknowledged) < ENOUGH:
                await asyncio.sleep(0.001)
                assert not any(writer.done() for writer in writers), [writer.exception() for writer in writers]
            process.kill()
            ends = await asyncio.gather(*writers, return_exceptions=True)
    assert all(isinstance(end, httpx.TransportError) for end in ends), ends
    return sent


async def until_up(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with suppress(httpx.TransportError):
                if (await client.get("/livez")).status_code == 200:
                    return
            await asyncio.sleep(0.05)


async def stored(api: httpx.AsyncClient) -> dict[str, list[str]]:
    """The ids of all events, by tag."""
    answer = await api.get("/v1/events/export")
    assert answer.status_code == 200
    found: dict[str, list[str]] = {}
    for line in answer.text.splitlines():
        event = httpx.Response(200, text=line).json()
        found.setdefault(event["tags"][0], []).append(event["id"])
    return found


async def test_what_a_killed_server_acknowledged_is_there_and_repeats_are_safe(
    database_url: str, admin_key: str, api: httpx.AsyncClient, make_event: MakeEvent
) -> None:
    sent = await interrupted(database_url, admin_key, make_event())
    before = await stored(api)

    assert sent.lost(before) == []
    assert {key: sorted(before[key]) for key in sent.acknowledged} == {
        key: sorted(ids) for key, ids in sent.acknowledged.items()
    }
    open_keys = sent.requests.keys() - sent.acknowledged.keys()
    for key in open_keys:
        whole = 1 if sent.requests[key][0] == "/v1/events" else OF_A_BATCH
        assert len(before.get(key, [])) in {0, whole}
    assert before.keys() <= sent.requests.keys()

    for key in sent.requests:
        again = await send(api, sent, key)
        known = sent.acknowledged.get(key) or before.get(key)
        assert known is None or sorted(ids_in(again)) == sorted(known)
        assert ("idempotency-replayed" in again.headers) == (known is not None)
    after = await stored(api)
    assert {key: len(ids) for key, ids in after.items()} == {
        key: 1 if path == "/v1/events" else OF_A_BATCH for key, (path, _) in sent.requests.items()
    }
    await check_the_log(api, [id for ids in after.values() for id in ids])


async def check_the_log(api: httpx.AsyncClient, ids: list[str]) -> None:
    """No gap, no double, and the checkpoint is that of the events there are."""
    items = good(await api.get("/v1/feed?limit=1000"))["items"]
    assert [item["id"] for item in items] == [f"e1-{n:012d}" for n in range(1, len(items) + 1)]
    assert sorted(item["subject"] for item in items) == sorted(ids)
    digest = sum(int.from_bytes(hashlib.sha256(f"{id}:1".encode()).digest(), "big") for id in ids) % 2**256
    checkpoint = good(await api.get("/v1/feed/checkpoint"))
    assert (checkpoint["live_events"], checkpoint["digest"]) == (len(ids), f"{digest:064x}")


async def test_a_server_that_answers_before_it_commits_would_be_found_out(
    database_url: str, admin_key: str, api: httpx.AsyncClient, make_event: MakeEvent
) -> None:
    """The control: the same check must find what this one loses."""
    sent = await interrupted(database_url, admin_key, make_event(), "hasty")

    assert sent.lost(await stored(api)) != []
