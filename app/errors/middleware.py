"""The outermost wrapper: limits on what comes in, problem documents for all that goes wrong, HEAD, and Vary."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors.allowed_methods import Routes
from app.errors.failure_log import SCOPE_KEY as FAILURES
from app.errors.failure_log import FailureLog
from app.errors.handlers import HEAD, install_handlers, internal_error, method_not_allowed, problem_response, request_id
from app.errors.problems import (
    HeadersTooLarge,
    Malformed,
    PayloadTooLarge,
    Problem,
    RequestTimeout,
    Unavailable,
    UnsupportedMediaType,
    UriTooLong,
)

KIB = 1024
MIB = 1024 * KIB
VARY = ("Accept-Encoding", "Authorization", "Origin")
VARY_FIELD = (b"vary", ", ".join(VARY).encode())
CLOSE = (b"connection", b"close")
OF_BODY = frozenset({b"content-length", b"transfer-encoding", b"content-encoding"})
FILES = "/assets/"  # the same for everybody
LARGE_BODIES = ("/v1/events/batch", "/v1/imports/")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may bring: sizes in bytes, times in seconds."""

    body: int = 256 * KIB
    large_body: int = 16 * MIB
    address: int = 8 * KIB
    headers: int = 16 * KIB
    body_seconds: float = 30.0
    linger_seconds: float = 2.0  # how long a body that was refused is read on, so that the sender sees the answer
    linger: int = 64 * MIB
    ignorable: int = 64 * KIB  # a body no larger than this may stay unread on a connection that goes on
    bodies: int = 64 * MIB  # all bodies together that arrive or are worked on
    large_bodies: int = 48 * MIB  # the same for those that may be large, so that there is room for single events


LIMITS = Limits()


def wrap_app(api: FastAPI, limits: Limits = LIMITS) -> None:
    """Put ProblemMiddleware around what the app has so far, and let the app itself answer with problem documents.

    Middleware added later is outside of it: CORS and metrics belong there.
    """
    routes = Routes(api)
    api.router.redirect_slashes = False
    install_handlers(api, routes)
    api.add_middleware(ProblemMiddleware, routes=routes, limits=limits)


class ProblemMiddleware:
    """Wraps an ASGI app so that every 4xx and 5xx of every path is application/problem+json.

    `routes` tell the methods for 405. A fault after the answer has started closes the connection.
    """

    def __init__(self, app: ASGIApp, routes: Routes, limits: Limits = LIMITS) -> None:
        self.app = app
        self.routes = routes
        self.limits = limits
        self.budget = BodyMemory(limits)
        self.failures = FailureLog()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope[FAILURES] = self.failures
        exchange = RequestGuard(scope, receive, send, self.limits, self.budget)
        try:
            exchange.check()
            self.check_method(scope)
            await self.app(exchange.inner(), exchange.receive if exchange.arriving else receive, exchange.send)
        except asyncio.CancelledError:
            await exchange.refuse(Unavailable("The server is stopping; try again."))
            raise
        except Exception as error:  # noqa: BLE001 - the one place that must let nothing through
            await exchange.fail(error)
        finally:
            exchange.release()

    def check_method(self, scope: Scope) -> None:
        """Refuse a method that a path without parameters does not have."""
        methods = self.routes.methods_of_fixed_path(scope["path"])
        if methods is not None and scope["method"] not in methods:
            raise method_not_allowed(methods)


class BodyMemory:
    """The bytes of request bodies that the process holds at this moment."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held = {True: 0, False: 0}

    def take(self, size: int, *, is_large: bool) -> None:
        """Count bytes that have arrived; raises Unavailable (503) if there is no room for them."""
        held, limits = self._held, self._limits
        if held[True] + held[False] + size > limits.bodies or (is_large and held[True] + size > limits.large_bodies):
            raise Unavailable("The server holds as many request bodies as it can; try again.")
        held[is_large] += size

    def give_back(self, size: int, *, is_large: bool) -> None:
        """Count bytes no more."""
        self._held[is_large] -= size


class RequestGuard:
    """One request and its answer, watched in both directions."""

    __slots__ = (
        "_budget",
        "_deadline",
        "_held",
        "_inner",
        "_is_large",
        "_limits",
        "_most",
        "_receive",
        "_send",
        "_size",
        "arriving",
        "closing",
        "head",
        "lingering",
        "scope",
        "started",
        "varied",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, limits: Limits, budget: BodyMemory) -> None:
        self.scope = scope
        self.head: bool = scope["method"] == "HEAD"
        self.varied: bool = not scope["path"].startswith(FILES)
        self.arriving = False
        self.lingering = False
        self.closing = False
        self.started = False
        self._inner = scope
        self._receive = receive
        self._send = send
        self._limits = limits
        self._budget = budget
        self._held = 0
        self._is_large = False
        self._most = 0
        self._size = 0
        self._deadline = 0.0

    def check(self) -> None:
        """Refuse what the address and the header fields already tell to be too much."""
        scope, limits = self.scope, self._limits
        size = 0
        for name, value in scope["headers"]:
            size += len(name) + len(value) + 4
            if name in OF_BODY:
                self._expect_body(name, value)
        if len(scope["query_string"]) > limits.address or len(scope["path"]) > limits.address:
            raise UriTooLong(f"The path and the query string may have {limits.address} bytes each.")
        if size > limits.headers:
            raise HeadersTooLarge(f"The header fields may have {limits.headers} bytes in all.")
        if self.arriving and self._size > self._most:
            raise self._too_large()
        self._size = 0

    def _expect_body(self, name: bytes, value: bytes) -> None:
        if name == b"content-encoding":
            if value.strip().lower() not in {b"", b"identity"}:
                raise UnsupportedMediaType(
                    "Send the body without a content encoding.", headers={"Accept-Encoding": "identity"}
                )
            return
        if name == b"content-length":
            if not value.isdigit():
                raise Malformed("Content-Length is not a number.")
            self._size = int(value) if len(value) < 20 else 10**20
            if self._size == 0:
                return
        self._is_large = self.scope["path"].startswith(LARGE_BODIES)
        self._most = self._limits.large_body if self._is_large else self._limits.body
        self._deadline = asyncio.get_running_loop().time() + self._limits.body_seconds
        self.lingering = name == b"transfer-encoding" or self._size > self._limits.ignorable
        self.arriving = True

    def _too_large(self) -> PayloadTooLarge:
        return PayloadTooLarge(f"The body may have {self._most} bytes here.")

    def inner(self) -> Scope:
        """The request as the app sees it: with GET for HEAD, whose answer then goes out without its body."""
        if self.head:
            request_id(self.scope)
            self._inner = {**self.scope, "method": "GET", HEAD: True}
        return self._inner

    async def receive(self) -> Message:
        """The next part of the body, while it is in time and within its size."""
        if not self.arriving:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            self.closing, self.lingering = True, False
            raise RequestTimeout(f"The body did not arrive in {self._limits.body_seconds:g} s.") from None
        if message["type"] == "http.request":
            arrived = len(message.get("body", b""))
            self._size += arrived
            if self._size > self._most:
                raise self._too_large()
            self._budget.take(arrived, is_large=self._is_large)
            self._held += arrived
            self.arriving = message.get("more_body", False)
        return message

    def release(self) -> None:
        """Hold the body no longer."""
        if self._held:
            self._budget.give_back(self._held, is_large=self._is_large)
            self._held = 0

    async def send(self, message: Message) -> None:
        """Pass the answer on, with what every answer needs."""
        if message["type"] == "http.response.start":
            await self._start(message)
        elif self.head:
            return
        elif self.arriving and self.lingering and not message.get("more_body", False):
            await self._linger(message)
        else:
            await self._send(message)

    async def _start(self, message: Message) -> None:
        self.started = True
        if self.varied:
            message["headers"] = add_vary(message.get("headers", ()))
        if self.closing or (self.arriving and self.lingering):
            message["headers"] = [*message.get("headers", ()), CLOSE]
        if self.head and "route" in self._inner:
            self.scope["route"] = self._inner["route"]
        await self._send(message)
        if self.head:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _linger(self, message: Message) -> None:
        """Send the whole answer, then read on for a while before the connection closes: a reset could destroy it."""
        await self._send({**message, "more_body": True})
        left = self._limits.linger
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.linger_seconds):
                while self.arriving and left > 0:
                    part = await self._receive()
                    left -= len(part.get("body", b""))
                    self.arriving = part.get("more_body", False)
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def fail(self, error: Exception) -> None:
        """Answer what was raised. If an answer is on its way, it stays unfinished and the server closes."""
        if isinstance(error, ClientDisconnect):
            return
        if isinstance(error, Problem):
            await self.refuse(error)
            return
        self.scope[FAILURES].report_fault(error, request_id(self.scope), self.scope["path"])
        await self.refuse(internal_error())

    async def refuse(self, problem: Problem) -> None:
        """Send the problem, unless an answer has started."""
        if not self.started:
            await problem_response(problem, self.scope)(self.scope, self._receive, self.send)


def add_vary(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The header fields with one Vary that has ours and theirs."""
    others = [field for field in headers if field[0] != b"vary"]
    if len(others) == len(headers):
        return [*others, VARY_FIELD]
    theirs = b",".join(value for name, value in headers if name == b"vary").decode("latin-1").split(",")
    more = [name.strip() for name in theirs if name.strip() not in {*VARY, ""}]
    return [*others, (b"vary", ", ".join([*VARY, *more]).encode("latin-1"))]
