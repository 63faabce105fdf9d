"""Makes each reading request one heavy query of its caller, which is bounded and ends when the caller hangs up."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from app.db.heavy_queries import HeavyQueryLimiter

CALLER_SCOPE_KEY = "sitrep.caller"


class HeavyQueryMiddleware:
    """Wraps an ASGI app: what a GET reads counts as one question of its caller."""

    def __init__(self, app: ASGIApp, questions: HeavyQueryLimiter) -> None:
        self.app = app
        self._questions = questions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        async with self._questions.ask(lambda: get_caller(scope), receive):
            await self.app(scope, receive, send)


def set_caller(connection: HTTPConnection, caller: str) -> None:
    """Note which key or address a request counts for."""
    connection.scope[CALLER_SCOPE_KEY] = caller


def get_caller(scope: MutableMapping[str, Any]) -> str:
    """Give the key or address that a request counts for; requests that nothing admitted share one name."""
    return str(scope.get(CALLER_SCOPE_KEY, ""))
