"""The MCP server by the official SDK: made once, spoken to over stdio or over stateless HTTP."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.tools import Tool
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from mcp.types import ToolAnnotations
from pydantic import ConfigDict
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from app.errors import Forbidden, UnsupportedMediaType
from app.mcp.api_caller import CURRENT, ApiCaller
from app.mcp.tools import TOOLS
from app.version import get_version

INSTRUCTIONS = (
    "Sitrep holds events of armed conflict and its diplomacy: attacks, negotiations, sanctions, guarantees. Call "
    "list_kinds to learn what can be asked. Cite every event that you use by its citation: id, version and permalink. "
    "Numbers are estimates with low, best and high; give the range where they differ. Every answer has `as_of`, the "
    "position at which it was read: changes_since tells what changed after it."
)
READING = ToolAnnotations(read_only_hint=True, open_world_hint=False)


@cache
def build_server() -> MCPServer:
    """Make the server with its tools."""
    logging.getLogger("mcp").setLevel(logging.WARNING)  # it tells of every request
    return MCPServer(
        "sitrep",
        title="Sitrep",
        instructions=INSTRUCTIONS,
        version=get_version(),
        log_level="WARNING",
        subscriptions=False,
        tools=[make_tool(tool) for tool in TOOLS],
    )


def make_tool(function: Callable[..., Any]) -> Tool:
    """Make a tool that refuses arguments it does not know: the SDK would leave them out without a word."""
    tool = Tool.from_function(function, annotations=READING, structured_output=True)
    known = tool.fn_metadata.arg_model
    strict: Any = type(known.__name__, (known,), {"model_config": ConfigDict(extra="forbid"), "__module__": __name__})
    tool.fn_metadata.arg_model = strict
    tool.parameters = strict.model_json_schema(by_alias=True)
    return tool


async def serve_stdio(api: ApiCaller) -> None:
    """Speak MCP on standard input and output until the other side closes it."""
    CURRENT.set(api)
    await build_server().run_stdio_async()


async def serve_request(api: ApiCaller, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one POST; nothing outlives it, so that any process may answer the next."""
    CURRENT.set(api)
    server = build_server()
    server.streamable_http_app(
        stateless_http=True,
        json_response=True,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),  # done by check_origin
    )
    manager = server.session_manager
    async with manager.run():
        await manager.handle_request(scope, receive, send)


async def check_origin(request: Request, origins: Iterable[str]) -> None:
    """Refuse what a page of another origin sends (403), and what is no JSON (415).

    Browsers name the origin of every POST, other clients name none: a page that has its name rebound to this server's
    address (DNS rebinding) is refused, whatever host the server is reached by.
    """
    allowed = list(origins)
    settings = TransportSecuritySettings(
        enable_dns_rebinding_protection="*" not in allowed,
        allowed_hosts=[request.headers.get("host", "")],
        allowed_origins=allowed,
    )
    refused = await TransportSecurityMiddleware(settings).validate_request(request, is_post=True)
    if refused is None:
        return
    if refused.status_code == 400:
        raise UnsupportedMediaType("MCP is spoken in application/json.", headers={"Accept": "application/json"})
    raise Forbidden("Pages of this origin may not speak MCP here; SITREP_CORS_ORIGINS names those that may.")
