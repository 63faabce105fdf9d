"""Posts recorded deliveries to the receiver as others would: a loop around httpx, and a raw keep-alive sender."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import httpx

from benchmarks.load import END, content_length, header_fields, send

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Sequence
    from typing import Any

IN_FLIGHT = 16


def split(kept: bytes) -> list[bytes]:
    """The requests that the receiver kept, one behind another."""
    found = []
    while kept:
        head = kept.index(END)
        whole = head + len(END) + content_length(kept[:head])
        found.append(kept[:whole])
        kept = kept[whole:]
    return found


def raw(port: int, requests: Sequence[bytes]) -> float:
    """Post by the lean client of these benchmarks; seconds of processor time."""
    return timed(send(port, requests, IN_FLIGHT))


def by_httpx(port: int, requests: Sequence[bytes]) -> float:
    """Post by one client of httpx; seconds of processor time."""
    parts = [(header_fields(head), body) for head, _, body in (request.partition(END) for request in requests)]
    return timed(loop_with_httpx(f"http://127.0.0.1:{port}/fast", iter(parts)))


async def loop_with_httpx(url: str, parts: Iterator[tuple[dict[str, str], bytes]]) -> None:
    """As many tasks as may be in flight, each of which posts the next."""
    limits = httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT)
    async with httpx.AsyncClient(limits=limits, trust_env=False) as client:

        async def post_all() -> None:
            for headers, body in parts:
                answer = await client.post(url, headers=headers, content=body)
                answer.raise_for_status()

        await asyncio.gather(*(post_all() for _ in range(IN_FLIGHT)))


def timed(work: Coroutine[Any, Any, object]) -> float:
    """Seconds of processor time of the work, on the loop that Python brings."""
    before = time.process_time()
    asyncio.run(work)
    return time.process_time() - before
