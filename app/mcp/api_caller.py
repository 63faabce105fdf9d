"""Calls the API within this process for a tool, with the caller's key, and tells refusals so that a model can act."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx
from mcp.server.mcpserver.exceptions import ToolError
from starlette.types import ASGIApp, Receive, Scope, Send

MAX_LISTED = 20  # faults, and values that would do, in one message
Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class ApiCaller:
    """The API as one caller sees it.

    `base` is the address under which people reach the server, with a slash at the end. `scope` is added to the scope
    of each request: who was let in already, so that a tool's call is checked and counted once.
    """

    app: ASGIApp
    base: str
    client: tuple[str, int] = ("127.0.0.1", 0)
    scope: Mapping[str, Any] = field(default_factory=dict)

    async def get(self, path: str, pairs: Pairs = ()) -> Any:
        """Give the JSON at a path; ToolError with what the problem document says when it is refused."""
        transport = httpx.ASGITransport(self._call, raise_app_exceptions=False, client=self.client)
        headers = {"accept-encoding": "identity"}
        async with httpx.AsyncClient(transport=transport, base_url=self.base, headers=headers, trust_env=False) as api:
            answer = await api.get(f"/{path}", params=list(pairs))
        if answer.is_error:
            raise ToolError(describe_problem(answer.json()))
        return answer.json()

    def address(self, path: str, pairs: Pairs = ()) -> str:
        """Write an address under which people find this."""
        return f"{self.base}{path}" + (f"?{urlencode(pairs)}" if pairs else "")

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, **self.scope}, receive, send)


CURRENT: ContextVar[ApiCaller] = ContextVar("sitrep.mcp")


def describe_problem(problem: Mapping[str, Any]) -> str:
    """Say what a problem document says, one fault a line."""
    lines = ["These arguments are refused:" if "errors" in problem else str(problem["detail"])]
    for error in problem.get("errors", ())[:MAX_LISTED]:
        name = error.get("parameter") or error.get("pointer") or ""
        allowed = error.get("allowed") or ()
        hint = f" Allowed: {', '.join(map(str, allowed))}." if 0 < len(allowed) <= MAX_LISTED else ""
        lines.append(f"- {name}: {error['detail']}{hint}")
    if tombstone := problem.get("tombstone"):
        instead = f"; {tombstone['superseded_by']} replaces it" if tombstone["superseded_by"] else ""
        lines.append(f"- It was deleted at {tombstone['deleted_at']} as {tombstone['reason']}{instead}.")
    if oldest := problem.get("oldest"):
        lines.append(f"- The oldest position that is left is {oldest}.")
    return "\n".join(lines)
