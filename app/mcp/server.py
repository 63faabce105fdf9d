"""The MCP server by the official SDK: made once, spoken to over stdio or over stateless HTTP."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from mcp.types import ToolAnnotations
from pydantic import ConfigDict, ValidationError
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from app.errors import Forbidden, UnsupportedMediaType
from app.mcp.api_caller import CURRENT, ApiCaller, describe_problem
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
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log what each tool asks, with the query
    return MCPServer(
        "sitrep",
        title="Sitrep",
        instructions=INSTRUCTIONS,
        version=get_version(),
        log_level="WARNING",
        subscriptions=False,
        tools=[make_tool(tool) for tool in TOOLS],
    )


class ReadingTool(Tool):
    """A tool that refuses arguments in the API's words; the SDK would send the report of its library."""

    async def run(self, *args: Any, **options: Any) -> Any:
        """Run it; ToolError with one fault a line where the arguments do not fit its schema."""
        try:
            return await super().run(*args, **options)
        except ToolError as error:
            if not isinstance(error.__cause__, ValidationError):
                raise
            faults = [self._describe(fault["loc"], fault["type"], fault["msg"]) for fault in error.__cause__.errors()]
            raise ToolError(f"Error executing tool {self.name}: {describe_problem({'errors': faults})}") from error

    def _describe(self, place: tuple[int | str, ...], code: str, message: str) -> dict[str, Any]:
        unknown = code == "extra_forbidden"
        return {
            "parameter": ".".join(map(str, place)),
            "detail": "There is no such argument." if unknown else f"{message.removeprefix('Value error, ')}.",
            "allowed": list(self.parameters["properties"]) if unknown and len(place) == 1 else None,
        }


def make_tool(function: Callable[..., Any]) -> Tool:
    """Make a tool that refuses arguments it does not know: the SDK would leave them out without a word."""
    tool = ReadingTool.from_function(function, annotations=READING, structured_output=True)
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
