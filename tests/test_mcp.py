"""An assistant reads events by MCP: what the SDK's own client is told is what the API says, and who may ask."""

from __future__ import annotations

import json
import sys
from contextlib import asynccontextmanager
from itertools import cycle
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest
from calls import good, problem, written
from conftest import client_of, load_samples
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from app.auth.keys import create_key
from app.mcp.answers import describe_place
from app.settings import RateLimit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI

    from app.db import Database

BASE = "http://sitrep.test"
HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "count_events", "arguments": {}}}


class Assistant:
    """What the SDK's client asks; answers are the structured content."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def tools(self) -> dict[str, Any]:
        return {tool.name: tool for tool in (await self._client.list_tools()).tools}

    async def ask(self, name: str, **arguments: Any) -> Any:
        result: Any = await self._client.call_tool(name, arguments)
        assert not result.is_error, result.content
        return result.structured_content

    async def refused(self, name: str, **arguments: Any) -> str:
        result: Any = await self._client.call_tool(name, arguments)
        assert result.is_error, result.structured_content
        return str(result.content[0].text)


@asynccontextmanager
async def assistant(*apps: FastAPI, key: str | None = None, mode: str = "auto") -> AsyncIterator[Assistant]:
    """The SDK's client over HTTP; of several applications each answers in its turn, as processes of one server do."""
    turns = cycle(apps)

    async def server(scope: Any, receive: Any, send: Any) -> None:
        await next(turns)(scope, receive, send)

    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    transport = httpx2.ASGITransport(server)
    async with (
        httpx2.AsyncClient(transport=transport, headers=headers, trust_env=False, timeout=60) as http,
        Client(streamable_http_client(f"{BASE}/mcp", http_client=http), mode=mode) as client,
    ):
        yield Assistant(client)


async def test_an_errand_over_two_processes_gives_what_the_api_gives(
    make_app: Any, api: httpx.AsyncClient, db: Database, make_event: Any
) -> None:
    apps = [await make_app(delivery=False) for _ in range(2)]
    await load_samples(apps[0].state.services.store)
    _, key = await create_key(db, "reader", ["read"])
    async with assistant(*apps, key=key) as reader:
        tools = await reader.tools()
        assert all(tool.output_schema and tool.annotations.read_only_hint for tool in tools.values())
        kinds = await reader.ask("list_kinds")
        assert [kind["kind"] for kind in kinds["kinds"]] == [
            kind["kind"] for kind in good(await api.get("/v1/kinds"))["items"]
        ]
        assert {"name": "munition", "killed": "killed"}.keys() - {facet["name"] for facet in kinds["facets"]} == {
            "name",
            "killed",
        }

        question: Any = {"country": ["Ukraine"], "other": {"exclude": "status:retracted"}}
        same = "country=Ukraine&exclude=status:retracted"
        found = await reader.ask("search_events", filter=question, limit=2)
        listed = good(await api.get(f"/v1/events?{same}&limit=2"))
        assert [event["id"] for event in found["events"]] == [event["id"] for event in listed["items"]]
        assert found["as_of"] == listed["as_of"]
        more = await reader.ask("search_events", filter=question, limit=2, cursor=found["next"])
        assert more["events"][0]["id"] not in {event["id"] for event in found["events"]}
        counted = await reader.ask("count_events", filter=question)
        assert counted["count"] == good(await api.get(f"/v1/events/count?{same}"))["count"]
        assert good(await api.get(counted["permalink"].removeprefix(BASE)))["count"] == counted["count"]
        series = await reader.ask("count_over_time", filter={"kind": ["attack"]}, measure="launched", interval="year")
        assert series["rows"] == good(await api.get("/v1/stats/series?kind=attack&measure=launched&interval=year"))
        facets = await reader.ask("count_by_facet", facets=["country", "munition"], limit=3)
        assert (
            facets["facets"] == good(await api.get("/v1/stats/facets?facet=country&facet=munition&limit=3"))["facets"]
        )

        event = await written(api, make_event(summary="x" * 600))
        path = f"/v1/events/{event['id']}"
        patched = await api.patch(path, json={"title": "Drones over Kyiv, corrected"}, headers={"if-match": '"1"'})
        news = await reader.ask("changes_since", cursor=facets["as_of"], filter={"change": ["created", "updated"]})
        assert [change["type"] for change in news["changes"]] == ["attack.created", "attack.updated"]
        assert news["changes"][1]["change_id"] == patched.headers["feed-cursor"] == news["next"]
        assert not news["has_more"]
        [first, second] = [change["event"] for change in news["changes"]]
        assert (first["citation"]["version"], len(first["summary"])) == (1, 501)
        assert second["citation"] == {
            "event_id": event["id"],
            "version": 2,
            "permalink": f"{BASE}/events/{event['id']}?version=2",
        }
        assert second["measures"]["launched"] == {"low": 810, "best": 810, "high": 810}
        whole = await reader.ask("get_event", id=event["id"], version=1)
        assert (whole["event"], whole["as_of"]) == (event, news["next"])
        assert [version["version"] for version in whole["history"]] == [2, 1]
        await api.delete(f"{path}?reason=duplicate")
        gone = await reader.refused("get_event", id=event["id"])
        assert "deleted" in gone
        assert "as duplicate." in gone
        [last] = (await reader.ask("changes_since", cursor=news["next"]))["changes"]
        assert (last["event"], last["tombstone"]["reason"], last["citation"]["version"]) == (None, "duplicate", 3)

        for told, name, arguments in REFUSED:
            assert told in await reader.refused(name, **arguments), name


REFUSED: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("The nearest is UA (Ukraine)", "count_events", {"filter": {"country": ["Ukrane"]}}),
    ("Did you mean munition?", "search_events", {"filter": {"other": {"muniton": "x"}}}),
    ("- country: There is no such argument. Allowed: filter, sort,", "search_events", {"country": ["UA"]}),
    ("refused:\n- filter.land: There is no such argument.", "count_events", {"filter": {"land": "UA"}}),
    ("give fields as an argument", "search_events", {"filter": {"other": {"fields": ["id"]}}}),
    ("give country as an argument", "search_events", {"filter": {"other": {"country": "UA"}}}),
    ("less than or equal to 50", "search_events", {"limit": 51}),
    ("no event with that id", "get_event", {"id": "x"}),
    ("no event with that id", "get_event", {"id": "\0?#"}),
    ("nothing at this path", "get_event", {"id": "../feed-tokens"}),
    ("oldest position that is left", "changes_since", {"cursor": "e7-000000000001"}),
    ("not a cursor", "changes_since", {"cursor": "yesterday"}),
    ("more than 1000", "count_over_time", {"interval": "day", "filter": {"since": "2015-01-01"}}),
)


def test_a_place_is_told_with_what_is_known_of_it() -> None:
    place = {"name": "Kyiv", "admin1": None, "country": "UA", "role": None}
    assert describe_place(place) == "Kyiv, UA"
    assert describe_place({**place, "admin1": "UA-30", "role": "target"}) == "Kyiv, UA-30, UA (target)"


async def test_who_may_ask(make_app: Any, db: Database) -> None:
    closed = await make_app(rate_limit=RateLimit(9, 60))
    _, key = await create_key(db, "reader", ["read"])
    async with client_of(closed) as anyone, client_of(closed, key) as reader:
        refused = await anyone.post("/mcp", json=CALL, headers=HEADERS)
        problem(refused, 401, "unauthorized")
        assert refused.headers["www-authenticate"].startswith("Bearer")
        problem(await anyone.post("/mcp", json=CALL, headers={**HEADERS, "authorization": f"Bearer {key}x"}), 401)
        allowed = problem(await reader.get("/mcp", headers=HEADERS), 405)["detail"]
        assert allowed == "This path answers to POST."
        problem(await reader.post("/mcp", content=b"{}", headers={**HEADERS, "content-type": "text/plain"}), 415)
        rebound = {**HEADERS, "origin": "http://rebound.example:8000", "host": "rebound.example:8000"}
        problem(await reader.post("/mcp", json=CALL, headers=rebound), 403, "forbidden")
        answer = await reader.post("/mcp", json=CALL, headers=HEADERS)
        assert good(answer)["result"]["structuredContent"]["count"] == 0
        # Three calls were let in, and what a tool asks within is not counted again.
        assert answer.headers["ratelimit"].startswith('"key";r=6;')

    app = await make_app(anonymous_read=True, cors_origins=("https://desk.example.org",))
    async with assistant(app) as reader_:
        assert (await reader_.ask("count_events"))["count"] == 0
    async with assistant(app, mode="legacy") as reader_:
        assert (await reader_.ask("count_events"))["count"] == 0
    async with client_of(app) as page:
        known = {**HEADERS, "origin": "https://desk.example.org"}
        assert good(await page.post("/mcp", json=CALL, headers=known))["result"]["isError"] is False


async def test_without_the_extra_the_path_says_what_to_install(make_app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    async with client_of(await make_app(anonymous_read=True)) as anyone:
        told = problem(await anyone.post("/mcp", content=json.dumps(CALL), headers=HEADERS), 404)
    assert "pip install 'sitrep[mcp]'" in told["detail"]
