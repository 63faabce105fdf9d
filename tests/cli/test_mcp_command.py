"""`sitrep mcp` answers the SDK's own client on standard input and output."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from conftest import load_samples
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from app.cli import run

if TYPE_CHECKING:
    import pytest

    from app.events.write.store import Store


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
