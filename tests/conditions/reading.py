"""Asks an app that has one more condition by every way of reading; the answers go to stdout as JSON.

Usage: reading.py URL, with the copied app first on the path.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import httpx

from app.auth.keys import create_key
from app.main import create_app
from app.settings import Settings

PLACES = {
    "tallinn": [(59.44, 24.75)],
    "kyiv and lviv": [(50.45, 30.52), (49.84, 24.03)],
    "odesa": [(46.48, 30.73)],
    "nowhere": [],
}
READ = {
    "tallinn": "?north_of=55",
    "on_the_parallel": "?north_of=50.45",
    "one_cell_is_not_enough": "?north_of=50.5",
    "none": "?north_of=60",
    "with_others": "?north_of=45&until=2025-11-03&exclude=place:odesa",
    "by_another_order": "?north_of=45&sort=updated_at",
    "by_a_measure": "?north_of=45&sort=-killed",
    "with_words": "?north_of=45&q=odesa",
}
WAYS = {
    "count": "/v1/events/count?north_of=50",
    "ndjson": "/v1/events/export?north_of=50",
    "csv": "/v1/events/export?format=csv&north_of=50",
    "geojson": "/v1/events.geojson?north_of=50",
    "atom": "/v1/events.atom?north_of=50",
    "series": "/v1/stats/series?north_of=50&interval=year",
    "facets": "/v1/stats/facets?north_of=50&facet=place",
    "feed": "/v1/feed?north_of=50",
    "page": "/",
    "document": "/openapi.json",
}
BAD = ("north_of=91", "north_of=north", "north_of=50&north_of=51", "north_off=50")


def event(n: int, name: str, points: list[tuple[float, float]]) -> dict[str, Any]:
    """An attack at these places."""
    places = [{"name": name, "country": "UA", "lat": lat, "lon": lon, "role": "target"} for lat, lon in points]
    return {
        "kind": "attack",
        "title": name,
        "started_at": f"2025-11-0{n + 1}T04:00:00Z",
        "sources": [{"publisher": "Example Monitors"}],
        "locations": places,
        "detail": {},
    }


async def main(url: str) -> None:
    app = create_app(Settings(database_url=url))
    async with app.router.lifespan_context(app):
        key = (await create_key(app.state.services.db, "desk", ["admin"]))[1]
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        headers = {"authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://sitrep.test", headers=headers) as api:
            answers = await ask(api)
        answers["stream"] = await first_changes(app, "north_of=50", headers, 4)
    sys.stdout.write(json.dumps(answers))


async def ask(api: httpx.AsyncClient) -> dict[str, Any]:
    """All answers but the stream's."""
    made = [await api.post("/v1/events", json=event(n, *place)) for n, place in enumerate(PLACES.items())]
    filter = {"name": "north", "mode": "pull", "start": "oldest", "filter": {"north_of": 50}}
    subscription = (await api.post("/v1/subscriptions", json=filter)).json()
    answers = {name: told(await api.get(f"/v1/events{query}")) for name, query in READ.items()}
    answers |= {name: told(await api.get(path)) for name, path in WAYS.items()}
    answers["bad"] = [told(await api.get(f"/v1/events?{query}")) for query in BAD]
    answers["bad_json"] = told(await api.post("/v1/subscriptions", json={**filter, "filter": {"north_of": "50"}}))
    listed = await api.get("/v1/events?north_of=50")
    answers["unchanged"] = told(
        await api.get("/v1/events?north_of=50", headers={"if-none-match": listed.headers["etag"]})
    )

    south = {"locations": event(0, "tallinn", [(46.0, 30.0)])["locations"]}
    moved = await api.patch(made[0].headers["location"], json=south, headers={"if-match": "*"})
    again = {"moved": moved, "count_after": await api.get(WAYS["count"])}
    again["as_it_stood"] = await api.get("/v1/events?north_of=55&as_of=e1-000000000004")
    again["as_it_is"] = await api.get("/v1/events?north_of=55")
    again["count_as_it_stood"] = await api.get(f"{WAYS['count']}&as_of=e1-000000000004")
    gone = await api.delete(f"{made[1].headers['location']}?reason=duplicate")
    again |= {"gone": gone, "feed_after": await api.get(WAYS["feed"])}
    again["pull"] = await api.get(f"/v1/subscriptions/{subscription['id']}/events")
    return answers | {name: told(answer) for name, answer in again.items()}


async def first_changes(app: Any, query: str, headers: dict[str, str], count: int) -> str:
    """So many changes of the stream."""
    text, heard, started = bytearray(), asyncio.Event(), False

    async def receive() -> dict[str, Any]:
        nonlocal started
        if started:
            await heard.wait()
            return {"type": "http.disconnect"}
        started = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        text.extend(message.get("body", b""))
        if text.count(b"event: change") >= count:
            heard.set()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/v1/feed/stream",
        "raw_path": b"/v1/feed/stream",
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in {"host": "sitrep.test", **headers}.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    async with asyncio.timeout(60):
        await app(scope, receive, send)
    return text.decode()


def told(answer: httpx.Response) -> list[Any]:
    """Status and body."""
    is_json = answer.headers.get("content-type", "").partition(";")[0].endswith(("/json", "+json"))
    return [answer.status_code, answer.json() if is_json else answer.text]


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
