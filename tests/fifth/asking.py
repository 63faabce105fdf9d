"""Asks an app that has a fifth kind, on a database that was migrated without it; the answers go to stdout as JSON.

Usage: asking.py URL, with the copied app first on the path.
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

EVENT: dict[str, Any] = {
    "kind": "ceasefire_violation",
    "title": "Explosions near the line",
    "started_at": "2025-11-01T04:00:00Z",
    "sources": [{"publisher": "Example Monitors"}],
    "detail": {"weapon": "mortar", "monitor": "Example Observer Mission", "explosions": 12},
}
READ = {
    "kind": "/v1/kinds/ceasefire_violation",
    "by_kind": "/v1/events?kind=ceasefire_violation",
    "by_facet": "/v1/events?weapon=mortar&monitor=example observer mission",
    "by_alias": "/v1/events?monitor=eom",
    "by_other_value": "/v1/events?weapon=drone",
    "by_unknown_value": "/v1/events?weapon=sword",
    "by_measure": "/v1/events?explosions_min=12",
    "by_too_much": "/v1/events?explosions_min=13",
    "count": "/v1/events/count?weapon=mortar&explosions_max=12",
    "as_it_stood": "/v1/events?weapon=mortar&as_of=e1-000000000001",
    "export": "/v1/events/export?format=csv&kind=ceasefire_violation",
    "feed": "/v1/feed?weapon=mortar",
}
BAD = {
    "unknown_word": {**EVENT, "detail": {"weapon": "sword"}},
    "unknown_field": {**EVENT, "detail": {"weapon": "mortar", "colour": "red"}},
    "wrong_kind": {**EVENT, "kind": "attack"},
}


async def main(url: str) -> None:
    app = create_app(Settings(database_url=url))
    async with app.router.lifespan_context(app):
        key = (await create_key(app.state.services.db, "desk", ["admin"]))[1]
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        headers = {"authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://sitrep.test", headers=headers) as api:
            answers = {name: told(await api.post("/v1/events", json=bad)) for name, bad in BAD.items()}
            made = await api.post("/v1/events", json=EVENT)
            patch = {"detail": {"weapon": "drone"}}
            answers |= {"made": told(made)}
            answers |= {name: told(await api.get(path)) for name, path in READ.items()}
            changed = await api.patch(made.headers["location"], json=patch, headers={"if-match": "*"})
            answers |= {"changed": told(changed), "after": told(await api.get("/v1/events?weapon=drone"))}
            answers |= {"left": told(await api.get("/v1/feed?weapon=mortar"))}
    sys.stdout.write(json.dumps(answers))


def told(answer: httpx.Response) -> list[Any]:
    """Status and body."""
    is_json = "json" in answer.headers.get("content-type", "")
    return [answer.status_code, answer.json() if is_json else answer.text]


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
