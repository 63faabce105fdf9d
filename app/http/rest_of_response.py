"""Answers that go on for long: the app sends their beginning, and what is left is sent once its layers are done.

Whoever waits for hours then holds none of the frames and objects of routing, dependencies and middleware.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from app.errors import Problem, request_id
from app.errors.failure_log import SCOPE_KEY as FAILURES
from app.errors.handlers import REQUEST_ID

REST_SCOPE_KEY = "sitrep.rest"
# What of a request is still asked for: by the server, and by the log of failures.
KEPT = ("type", "method", "path", REQUEST_ID, FAILURES)

Rest = Callable[[Receive, Send], Awaitable[None]]


def leave_rest(scope: Scope, rest: Rest) -> None:
    """Have this called when the app has returned; the response has been started and is not complete."""
    scope[REST_SCOPE_KEY] = rest


async def send_rest(scope: Scope, receive: Receive, send: Send) -> None:
    """Send what a response has left; where that fails, it stays unfinished and the server closes the connection."""
    try:
        await take_rest(scope)(receive, send)
    except (ClientDisconnect, Problem):
        return  # nobody is there any more, or what has begun cannot be refused
    except Exception as error:  # noqa: BLE001 (as in ProblemMiddleware, which has done its part)
        scope[FAILURES].report_fault(error, request_id(scope), scope["path"])


def take_rest(scope: Scope) -> Rest:
    """Give what a response has left, and forget all of the request but what is still asked for."""
    rest: Rest = scope[REST_SCOPE_KEY]
    kept = {name: scope[name] for name in KEPT if name in scope}
    scope.clear()
    scope.update(kept)
    return rest
