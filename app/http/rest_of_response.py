"""Answers that go on for long: the app sends their beginning, and what is left is sent once its layers are done.

Whoever waits for hours then holds none of the frames and objects of routing, dependencies and middleware.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from app.errors import Problem, request_id
from app.errors.failure_log import SCOPE_KEY as FAILURES

OURS = "sitrep."
REST_SCOPE_KEY = OURS + "rest"
# What a server puts into a scope, by ASGI; all else is FastAPI's and Starlette's.
OF_SERVER = frozenset(
    {
        "asgi",
        "client",
        "extensions",
        "headers",
        "http_version",
        "method",
        "path",
        "query_string",
        "raw_path",
        "root_path",
        "scheme",
        "server",
        "state",
        "type",
    }
)

Rest = Callable[[Receive, Send], Awaitable[None]]


def leave_rest(scope: Scope, rest: Rest) -> None:
    """Have this called when the app has returned; the response has been started and is not complete."""
    scope[REST_SCOPE_KEY] = rest


async def send_rest(scope: Scope, receive: Receive, send: Send) -> None:
    """Send what a response has left; where that fails, it stays unfinished and the server closes the connection."""
    rest: Rest = scope[REST_SCOPE_KEY]
    for name in [name for name in scope if name not in OF_SERVER and not name.startswith(OURS)]:
        del scope[name]
    try:
        await rest(receive, send)
    except (ClientDisconnect, Problem):
        return  # nobody is there any more, or what has begun cannot be refused
    except Exception as error:  # noqa: BLE001 (as in ProblemMiddleware, which has done its part)
        scope[FAILURES].report_fault(error, request_id(scope), scope["path"])
