"""No request holds the event loop for long, at the largest sizes that the contract allows.

Measured is the processor time that the loop's thread takes from one look at its sockets to the next: other programs on
a busy machine do not count, and neither does the work of other threads.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
from conftest import client_of

from app.auth.keys import create_key
from app.main import create_app
from app.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

# The contract: 100 ms.
LONGEST_S = 0.1
FAT = 24
WRITING = {"create", "batch", "replace", "patch", "upsert", "erase"}


class Watchful(selectors.DefaultSelector):
    """A selector that knows the longest time its thread worked between two looks."""

    def __init__(self) -> None:
        super().__init__()
        self.longest = 0.0
        self._since = time.thread_time()

    def select(self, timeout: float | None = None) -> Any:
        self.longest = max(self.longest, time.thread_time() - self._since)
        found = super().select(timeout)
        self._since = time.thread_time()
        return found


def fat_event(n: int, **fields: Any) -> dict[str, Any]:
    """An event of a thousand places and many actors and sources: 240 KB as it is stored."""
    event = {
        "kind": "attack",
        "title": f"Fat {n}",
        "started_at": (datetime.now(UTC) - timedelta(hours=2)).isoformat(),
        "locations": [
            {"name": f"Place {n} {m}", "country": "UA", "lat": 48 + m / 1000, "lon": 30 + n / 100, "role": "impact"}
            for m in range(1000)
        ],
        "actors": [{"name": f"Unit {m}", "role": "initiator", "type": "state_forces"} for m in range(900)],
        "sources": [{"publisher": f"Wire {m}", "url": f"https://example.org/{m}"} for m in range(450)],
        "external_ids": [{"system": "fat", "id": str(n)}],
        "detail": {"munitions": [{"category": "uav_one_way_attack", "launched": 810}]},
    }
    return event | fields


async def calls(api: httpx.AsyncClient) -> dict[str, Callable[[], Awaitable[httpx.Response]]]:
    """Each way to ask for, or to write, the largest things; the order matters."""
    json = {"Content-Type": "application/json"}
    once = json | {"Idempotency-Key": "fat-batch"}
    whole = json | {"If-Match": "*"}
    batch = orjson.dumps({"items": [{"op": "create", "event": fat_event(n)} for n in range(FAT)]})
    another, fatter, again = map(
        orjson.dumps, (fat_event(9_001), fat_event(9_000, title="Fatter"), fat_event(0, title="Once more"))
    )
    single = (await api.post("/v1/events", json=fat_event(9_000))).json()["id"]
    path = f"/v1/events/{single}"
    longest = "&".join(f"tag=t{n}-{'x' * 60}" for n in range(110))
    head = "e1-000000000020"
    return {
        "create": lambda: api.post("/v1/events", content=another, headers=json),
        "batch": lambda: api.post("/v1/events/batch", content=batch, headers=once),
        "batch again": lambda: api.post("/v1/events/batch", content=batch, headers=once),
        "replace": lambda: api.put(path, content=fatter, headers=whole),
        "patch": lambda: api.patch(path, json={"title": "Fattest"}, headers={"If-Match": "*"}),
        "upsert": lambda: api.put("/v1/events/by-external-id/fat/0", content=again, headers=json),
        "get": lambda: api.get(path),
        "revisions": lambda: api.get(f"{path}/revisions"),
        "list": lambda: api.get("/v1/events?limit=1000"),
        "list by words": lambda: api.get("/v1/events?limit=1000&q=fat"),
        "list of the past by words": lambda: api.get(f"/v1/events?limit=1000&q=fat&as_of={head}"),
        "list in a box": lambda: api.get("/v1/events?limit=1000&bbox=20,40,40,60"),
        "long query": lambda: api.get(f"/v1/events?{longest}"),
        "count": lambda: api.get(f"/v1/events/count?near=48,30&radius_km=300&as_of={head}"),
        "csv": lambda: api.get("/v1/events/export?format=csv"),
        "ndjson": lambda: api.get("/v1/events/export"),
        "geojson": lambda: api.get("/v1/events/export?format=geojson"),
        "fixed geojson": lambda: api.get("/v1/feeds/all_month.geojson"),
        "fixed atom": lambda: api.get("/v1/feeds/all_month.atom"),
        "feed": lambda: api.get("/v1/feed?limit=1000"),
        "feed by words": lambda: api.get("/v1/feed?limit=1000&q=fat"),
        "feed by numbers": lambda: api.get("/v1/feed?limit=1000&launched_min=1"),
        "facets": lambda: api.get("/v1/stats/facets?facet=actor&facet=place&facet=publisher&q=f*&limit=1000"),
        "series": lambda: api.get("/v1/stats/series?interval=year&group_by=actor&q=fat"),
        "document": lambda: api.get("/openapi.json"),
        "erase": lambda: api.delete(f"{path}?reason=legal"),
    }


async def stalls(url: str, watchful: Watchful) -> dict[str, float]:
    """How long each call held the loop; those that only read are made twice, as statements are compiled once."""
    app = create_app(Settings(database_url=url), delivery=False)
    found: dict[str, float] = {}
    async with app.router.lifespan_context(app):
        key = (await create_key(app.state.db, "newsroom", ["admin"]))[1]
        async with client_of(app, key) as api:
            for name, call in (await calls(api)).items():
                for _ in range(1 if name in WRITING else 2):
                    watchful.longest = 0.0
                    answer = await call()
                    assert answer.status_code < 500, (name, answer.text[:300])
                found[name] = watchful.longest
    return found


def test_no_request_holds_the_loop_for_long(database_url: str) -> None:
    watchful = Watchful()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(watchful)) as runner:
        found = runner.run(stalls(database_url, watchful))

    assert {name: round(held, 3) for name, held in found.items() if held > LONGEST_S} == {}
