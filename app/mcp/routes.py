"""MCP over HTTP at `/mcp`, with the keys of the API; the SDK, an extra, is loaded when somebody first asks."""

from __future__ import annotations

import asyncio
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from fastapi import APIRouter, Request
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.auth.authentication import ADMITTED, CALLER_SCOPE_KEY, AuthenticatorDep, get_caller
from app.errors import NotFound
from app.http import DirectRoute, SettingsDep, base_address

router = APIRouter(route_class=DirectRoute)
INSTALL = "MCP is an extra: install it by `pip install 'sitrep[mcp]'`."


@router.post("/mcp", include_in_schema=False)
async def serve_mcp(request: Request, authenticator: AuthenticatorDep, settings: SettingsDep) -> Response:
    """Speak the Model Context Protocol (streamable HTTP, stateless) to who may read."""
    reading = {**request.scope, "method": "GET"}  # every tool only reads, so it is open to whom GET is
    key = await authenticator.admit(HTTPConnection(reading), "read", anonymous=True)
    if not is_installed():
        raise NotFound(f"{INSTALL} Then start the server again.")
    sdk = await asyncio.to_thread(load_sdk)
    await sdk.check_origin(request, settings.cors_origins)
    return McpResponse(sdk, request, {ADMITTED: key, CALLER_SCOPE_KEY: get_caller(reading)})


class McpResponse(Response):
    """The answer that the SDK gives."""

    def __init__(self, sdk: Any, request: Request, admitted: dict[str, Any]) -> None:
        super().__init__()
        self._sdk = sdk
        client = request.client
        self._api = {
            "app": request.app,
            "base": base_address(request),
            "scope": admitted,
            **({} if client is None else {"client": (client.host, client.port)}),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the SDK read the request and answer."""
        await self._sdk.serve_request(self._sdk.ApiCaller(**self._api), scope, receive, send)


def load_sdk() -> Any:
    """Import the part that needs the SDK and make its server, which takes a second the first time."""
    sdk = import_module("app.mcp.server")
    sdk.build_server()
    return sdk


def is_installed() -> bool:
    """Whether the extra is there; the SDK is not loaded for that."""
    return find_spec("mcp") is not None
