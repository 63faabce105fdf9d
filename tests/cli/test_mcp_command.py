"""The SDK's own client asks processes: `sitrep mcp` on standard input and output, and a server over its restart."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
from calls import good
from conftest import load_samples
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from programs import free_port

from app.cli import run
from cli.conftest import bearer

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from conftest import MakeEvent

    from app.events.write.store import Store
    from cli.conftest import Started


async def test_an_assistant_reads_the_database_of_the_settings(database_url: str, store: Store) -> None:
    await load_samples(store)
    environment = {"SITREP_DATABASE_URL": database_url, "SITREP_PORT": "8123", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = StdioServerParameters(command=sys.executable, args=["-m", "app", "mcp"], env=environment)
    async with Client(stdio_client(command)) as client:
        found: Any = await client.call_tool("search_events", {"filter": {"kind": ["attack"]}, "limit": 1})
        assert not found.is_error, found.content
        [event] = found.structured_content["events"]
        assert event["citation"]["permalink"] == f"http://127.0.0.1:8123/events/{event['id']}?version=1"
        count: Any = await client.call_tool("count_events", {})
        assert count.structured_content["count"] == 17


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    assert run(["mcp"]) == 1
    assert capsys.readouterr().err == "sitrep: MCP is an extra: install it by `pip install 'sitrep[mcp]'`.\n"


async def test_a_session_goes_on_over_a_restart_of_the_server(
    serve: Callable[[int], Started], store: Store, admin_key: str, make_event: MakeEvent
) -> None:
    await load_samples(store)
    server = serve(free_port())
    await server.answers()
    async with (
        httpx2.AsyncClient(headers=bearer(admin_key), trust_env=False, timeout=60) as http,
        Client(streamable_http_client(f"{server.url}/mcp", http_client=http)) as newer,
        Client(streamable_http_client(f"{server.url}/mcp", http_client=http), mode="legacy") as older,
    ):
        before: list[Any] = [await client.call_tool("count_events", {}) for client in (newer, older)]
        await server.stop()
        server = serve(server.port)
        await server.answers()
        async with httpx.AsyncClient(headers=bearer(admin_key), trust_env=False, timeout=60) as api:
            written = good(await api.post(f"{server.url}/v1/events", json=make_event()), 201)

        cursor = before[0].structured_content["as_of"]
        after: list[Any] = [await client.call_tool("changes_since", {"cursor": cursor}) for client in (newer, older)]

    assert [answer.structured_content["count"] for answer in before] == [17, 17]
    for answer in after:
        assert [change["event"]["id"] for change in answer.structured_content["changes"]] == [written["id"]]
