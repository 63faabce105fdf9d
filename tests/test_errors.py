"""Refusals: every 4xx and 5xx is a problem document, whatever goes wrong and wherever."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import pytest
import structlog
from fastapi import APIRouter, FastAPI, HTTPException, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Message, Scope

from app.errors import (
    PROBLEMS,
    CorsMiddleware,
    FieldError,
    Internal,
    Invalid,
    Limits,
    NotFound,
    Problem,
    Unauthorized,
    Unavailable,
    VersionMismatch,
    wrap_app,
)
from app.metrics import Metrics, MetricsMiddleware

CHUNKED = {"transfer-encoding": "chunked"}
LIMITS = Limits(body=1000, large_body=5000, body_seconds=0.05, linger_seconds=0.05, linger=100_000, ignorable=100)
VARY = "Accept-Encoding, Authorization, Origin"


class Recorded:
    """What an app answered, without a client library in between."""

    def __init__(self, messages: list[Message]) -> None:
        self.messages = messages
        self.start = messages[0]
        self.status: int = messages[0]["status"]
        self.body = b"".join(message.get("body", b"") for message in messages[1:])
        self.finished = not messages[-1].get("more_body", False) and len(messages) > 1

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.start.get("headers", [])}

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        assert self.headers["cache-control"] == "no-store"
        document: dict[str, Any] = json.loads(self.body)
        assert document["status"] == self.status
        assert document["instance"].startswith("/requests/")
        assert document["type"].removeprefix("/problems/") in PROBLEMS
        assert document["title"]
        assert document["detail"]
        return document


async def call(
    app: ASGIApp,
    method: str,
    path: str,
    *,
    headers: dict[str, str] | None = None,
    query: bytes = b"",
    parts: list[bytes] | None = None,
    stalls: bool = False,
) -> Recorded:
    """Send a request to an app as a server does. With `stalls` the body never ends."""
    messages: list[Message] = []
    waiting = list(parts or [b""])
    answered = asyncio.Event()

    async def receive() -> Message:
        if waiting:
            part = waiting.pop(0)
            return {"type": "http.request", "body": part, "more_body": stalls or bool(waiting)}
        await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        messages.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            answered.set()

    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }
    await app(scope, receive, send)
    return Recorded(messages)


def make_app() -> FastAPI:  # noqa: C901 - many routes, none complex
    app = FastAPI()
    router = APIRouter(prefix="/v1")

    @router.get("/things")
    async def things() -> Response:
        return Response(b"[]", headers={"Vary": "Accept-Encoding, Cookie"}, media_type="application/json")

    @router.post("/things")
    @router.post("/events/batch")
    async def echo(request: Request) -> Response:
        return Response(b"%d" % len(await request.body()))

    @router.get("/things/count")
    async def count_things() -> Response:
        return Response(b"1")

    @router.get("/things/{thing_id}")
    async def thing(thing_id: str) -> Response:
        raise NotFound(f"There is no {len(thing_id)}.")

    @router.put("/things/{thing_id}")
    @router.delete("/things/{thing_id}")
    async def change(thing_id: str) -> Response:
        raise VersionMismatch("It changed.", current=3)

    @router.get("/number/{number}")
    async def number(number: int) -> int:
        return number

    @router.get("/fault")
    async def fault() -> Response:
        raise ZeroDivisionError("secret: 42")

    @router.get("/away")
    async def away() -> Response:
        raise Unavailable("The database is away.")

    @router.get("/teapot")
    async def teapot() -> Response:
        raise HTTPException(418, "I'm a teapot")

    @router.get("/gateway")
    async def gateway() -> Response:
        raise HTTPException(502)

    @router.get("/gone")
    async def gone() -> Response:
        raise ClientDisconnect

    @router.get("/unread")
    async def unread() -> Response:
        return Response(b"ok")

    @router.post("/unread")
    async def unread_body() -> Response:
        raise Unauthorized("No key.")

    @router.get("/stream")
    async def stream() -> Response:
        async def numbers() -> AsyncIterator[bytes]:
            for n in range(3):
                yield b"%d" % n

        return StreamingResponse(numbers())

    @router.get("/endless")
    async def endless() -> Response:
        async def nothing() -> AsyncIterator[bytes]:
            await asyncio.Event().wait()
            yield b""

        return StreamingResponse(nothing())

    @router.get("/broken-stream")
    async def broken_stream() -> Response:
        async def numbers() -> AsyncIterator[bytes]:
            yield b"1"
            raise ZeroDivisionError

        return StreamingResponse(numbers())

    app.include_router(router)
    wrap_app(app, LIMITS)
    return app


@pytest.fixture
def shelled() -> FastAPI:
    return make_app()


@pytest.mark.parametrize(
    ("method", "path", "status", "slug"),
    [
        ("GET", "/nowhere", 404, "not-found"),
        ("GET", "/v1/nowhere", 404, "not-found"),
        ("POST", "/v1/nowhere", 404, "not-found"),
        ("OPTIONS", "/v1/nowhere", 404, "not-found"),
        ("GET", "/v1/things/", 404, "not-found"),
        ("GET", "//v1/things", 404, "not-found"),
        ("GET", "/v1/things\x00", 404, "not-found"),
        ("GET", "/v1/\ufffd\ufffd", 404, "not-found"),
        ("GET", "", 404, "not-found"),
        ("GET", "/v1/things/x", 404, "not-found"),
        ("GET", "/v1/number/x", 404, "not-found"),
        ("PUT", "/v1/things/x", 412, "version-mismatch"),
        ("PATCH", "/v1/things/x", 405, "method-not-allowed"),
        ("PUT", "/v1/things/count", 405, "method-not-allowed"),
        ("DELETE", "/v1/things", 405, "method-not-allowed"),
        ("OPTIONS", "/v1/things", 405, "method-not-allowed"),
        ("TRACE", "/v1/things", 405, "method-not-allowed"),
        ("GET", "/v1/away", 503, "unavailable"),
        ("GET", "/v1/teapot", 400, "malformed"),
        ("GET", "/v1/gateway", 503, "unavailable"),
        ("GET", "/v1/fault", 500, "internal"),
    ],
)
async def test_every_refusal_is_a_problem_document(
    shelled: FastAPI, method: str, path: str, status: int, slug: str
) -> None:
    answer = await call(shelled, method, path)
    assert (answer.status, answer.problem["type"]) == (status, f"/problems/{slug}")
    assert answer.headers["vary"] == VARY
    assert answer.finished


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/things", "GET, HEAD, POST"),
        ("/v1/things/count", "GET, HEAD"),
        ("/v1/things/x", "DELETE, GET, HEAD, PUT"),
        ("/v1/events/batch", "POST"),
    ],
)
async def test_a_wrong_method_is_told_all_the_right_ones(shelled: FastAPI, path: str, allowed: str) -> None:
    answer = await call(shelled, "PATCH", path)
    assert (answer.status, answer.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize("path", ["/v1/things", "/v1/things/count", "/v1/stream", "/v1/endless"])
async def test_head_answers_as_get_without_the_body(shelled: FastAPI, path: str) -> None:
    answer = await asyncio.wait_for(call(shelled, "HEAD", path), 1)
    assert (answer.status, answer.body, answer.finished) == (200, b"", True)
    if path == "/v1/things":
        assert answer.headers["content-length"] == "2"


async def test_head_of_a_refusal_has_no_body(shelled: FastAPI) -> None:
    answer = await call(shelled, "HEAD", "/v1/nowhere")
    assert (answer.status, answer.body) == (404, b"")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_members_and_headers_of_a_refusal_go_out(shelled: FastAPI) -> None:
    assert (await call(shelled, "DELETE", "/v1/things/x")).problem["current"] == 3
    assert (await call(shelled, "GET", "/v1/away")).headers["retry-after"] == "2"
    assert (await call(shelled, "POST", "/v1/unread")).headers["www-authenticate"] == 'Bearer realm="sitrep"'


async def test_an_unforeseen_fault_is_logged_under_its_id_and_not_told(shelled: FastAPI) -> None:
    with structlog.testing.capture_logs() as logged:
        answer = await call(shelled, "GET", "/v1/fault")
    assert b"secret" not in answer.body
    assert b"ZeroDivision" not in answer.body
    told = [entry for entry in logged if entry["log_level"] == "error"]
    assert [f"/requests/{entry['request']}" for entry in told] == [answer.problem["instance"]]
    assert "ZeroDivisionError" in told[0]["exception"]


async def test_what_many_requests_fail_at_is_told_when_it_begins_and_when_it_is_over(
    shelled: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    timers: list[Callable[[], None]] = []
    monkeypatch.setattr("app.errors.failure_log.MOST", 2)
    with structlog.testing.capture_logs() as logged, monkeypatch.context() as patch:
        patch.setattr(asyncio.get_running_loop(), "call_later", lambda _, *work: timers.append(partial(*work)))
        for path in ("/v1/away", "/v1/fault", "/v1/gateway", "/v1/gateway") * 3:
            assert (await call(shelled, "GET", path)).status >= 500
        for quiet in (3600.0, 0.0):
            patch.setattr("app.errors.failure_log.QUIET_S", quiet)
            due, timers[:] = [*timers], []
            for timer in due:
                timer()
        await call(shelled, "GET", "/v1/away")

    warned = [entry["detail"] for entry in logged if entry["log_level"] == "warning"]
    assert warned == ["The database is away.", "Bad Gateway.", "The database is away."]
    faults = [entry for entry in logged if entry["event"] == "unhandled exception"]
    assert ["exception" in entry for entry in faults] == [True, False, False]
    assert [entry.get("same_as") for entry in faults] == [None, faults[0]["request"], faults[0]["request"]]
    ended = {entry["detail"]: entry["requests"] for entry in logged if entry["event"] == "problem is over"}
    assert list(ended.values()) == [3, 3, 6]
    assert [*ended][::2] == ["The database is away.", "other reasons"]
    assert [*ended][1].startswith("ZeroDivisionError at ")


async def test_a_fault_after_the_start_leaves_the_answer_unfinished(shelled: FastAPI) -> None:
    with structlog.testing.capture_logs() as logged:
        answer = await call(shelled, "GET", "/v1/broken-stream")
    assert (answer.status, answer.body, answer.finished) == (200, b"1", False)
    assert [entry["event"] for entry in logged] == ["unhandled exception"]


async def test_a_reader_who_left_is_no_fault(shelled: FastAPI) -> None:
    with structlog.testing.capture_logs() as logged:
        await call(shelled, "GET", "/v1/gone")
    assert logged == []


async def test_a_request_cut_short_by_the_end_of_the_server_is_told_to_try_again(shelled: FastAPI) -> None:
    messages: list[Message] = []

    async def stopping(*_: object) -> Message:
        raise asyncio.CancelledError

    async def send(message: Message) -> None:
        messages.append(message)

    shelled.router.default = stopping  # type: ignore[assignment]
    scope = {"type": "http", "method": "GET", "path": "/v1/x", "headers": [], "query_string": b"", "root_path": ""}
    with pytest.raises(asyncio.CancelledError):
        await shelled(scope, stopping, send)
    assert Recorded(messages).problem["type"] == "/problems/unavailable"


class TestLimits:
    @pytest.mark.parametrize("headers", [{"content-length": "1000"}, {"transfer-encoding": "chunked"}])
    async def test_a_body_up_to_the_limit_is_read(self, shelled: FastAPI, headers: dict[str, str]) -> None:
        answer = await call(shelled, "POST", "/v1/things", headers=headers, parts=[b"x" * 500, b"x" * 500])
        assert (answer.status, answer.body) == (200, b"1000")

    async def test_a_batch_may_be_larger(self, shelled: FastAPI) -> None:
        answer = await call(
            shelled, "POST", "/v1/events/batch", headers={"content-length": "5000"}, parts=[b"x" * 5000]
        )
        assert (answer.status, answer.body) == (200, b"5000")

    @pytest.mark.parametrize("path", ["/v1/things", "/v1/events/batch"])
    @pytest.mark.parametrize("headers", [{"content-length": "6000"}, {"transfer-encoding": "chunked"}])
    async def test_a_larger_one_is_refused(self, shelled: FastAPI, path: str, headers: dict[str, str]) -> None:
        answer = await call(shelled, "POST", path, headers=headers, parts=[b"x" * 1000] * 6)
        assert answer.problem["type"] == "/problems/payload-too-large"
        assert answer.status == 413
        assert answer.headers["connection"] == "close"
        assert answer.finished

    async def test_a_declared_size_beyond_all_numbers_is_refused(self, shelled: FastAPI) -> None:
        answer = await call(shelled, "POST", "/v1/things", headers={"content-length": "9" * 5000}, parts=[b"x"])
        assert answer.status == 413

    async def test_a_size_that_is_no_number_is_malformed(self, shelled: FastAPI) -> None:
        answer = await call(shelled, "POST", "/v1/things", headers={"content-length": "-1"}, parts=[b"x"])
        assert (answer.status, answer.problem["type"]) == (400, "/problems/malformed")

    async def test_a_body_that_stops_arriving_is_timed_out(self, shelled: FastAPI) -> None:
        answer = await call(shelled, "POST", "/v1/things", headers={"content-length": "10"}, parts=[b"x"], stalls=True)
        assert (answer.status, answer.problem["type"]) == (408, "/problems/request-timeout")
        assert answer.headers["connection"] == "close"

    async def test_a_large_body_nobody_reads_is_read_on_before_the_close(self, shelled: FastAPI) -> None:
        parts = [b"x" * 100] * 9
        answer = await call(shelled, "POST", "/v1/unread", headers={"content-length": "900"}, parts=parts)
        assert (answer.status, answer.headers["connection"]) == (401, "close")
        assert [message.get("more_body", False) for message in answer.messages[1:]] == [True, False]

    async def test_a_body_that_never_ends_does_not_hold_a_refusal_back(self, shelled: FastAPI) -> None:
        call_made = call(
            shelled, "POST", "/v1/unread", headers={"transfer-encoding": "chunked"}, parts=[b"x"], stalls=True
        )
        assert (await asyncio.wait_for(call_made, 60)).finished

    async def test_a_small_body_may_stay_unread(self, shelled: FastAPI) -> None:
        answer = await call(shelled, "POST", "/v1/unread", headers={"content-length": "100"}, parts=[b"x" * 100])
        assert "connection" not in answer.headers

    @pytest.mark.parametrize("encoding", ["gzip", "deflate, gzip", "br", "zstd", "x"])
    async def test_an_encoded_body_is_refused(self, shelled: FastAPI, encoding: str) -> None:
        headers = {"content-encoding": encoding, "content-length": "1"}
        answer = await call(shelled, "POST", "/v1/things", headers=headers, parts=[b"x"])
        assert (answer.status, answer.problem["type"]) == (415, "/problems/unsupported-media-type")

    async def test_identity_is_no_encoding(self, shelled: FastAPI) -> None:
        headers = {"content-encoding": "identity", "content-length": "1"}
        assert (await call(shelled, "POST", "/v1/things", headers=headers, parts=[b"x"])).status == 200

    async def test_a_long_query_is_refused(self, shelled: FastAPI) -> None:
        assert (await call(shelled, "GET", "/v1/things", query=b"x" * 8192)).status == 200
        answer = await call(shelled, "GET", "/v1/things", query=b"x" * 8193)
        assert (answer.status, answer.problem["type"]) == (414, "/problems/uri-too-long")

    async def test_a_long_path_is_refused(self, shelled: FastAPI) -> None:
        assert (await call(shelled, "GET", "/v1/" + "x" * 8200)).status == 414

    async def test_large_header_fields_are_refused(self, shelled: FastAPI) -> None:
        answer = await call(shelled, "GET", "/v1/things", headers={"x": "y" * 16384})
        assert (answer.status, answer.problem["type"]) == (431, "/problems/headers-too-large")

    async def test_waiting_for_a_reader_to_leave_takes_as_long_as_it_takes(self) -> None:
        app = FastAPI()

        @app.post("/wait")
        async def wait(request: Request) -> Response:
            await request.body()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(request.receive(), LIMITS.body_seconds * 1.5)
            return Response(b"waited")

        wrap_app(app, LIMITS)

        async def receive_slowly() -> Message:
            if received:
                await asyncio.Event().wait()
            received.append(1)
            return {"type": "http.request", "body": b"x", "more_body": False}

        received: list[int] = []
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/wait",
            "headers": [(b"content-length", b"1")],
            "query_string": b"",
            "root_path": "",
        }
        await app(scope, receive_slowly, send)
        assert Recorded(sent).body == b"waited"


async def test_vary_is_said_once_with_what_the_route_adds(shelled: FastAPI) -> None:
    assert (await call(shelled, "GET", "/v1/things")).headers["vary"] == f"{VARY}, Cookie"


class TestBudgetOfBodies:
    async def test_bodies_share_one_budget_that_is_given_back(self) -> None:
        limits = replace(LIMITS, bodies=4000, large_bodies=3000)
        app, gate, arrived = FastAPI(), asyncio.Event(), asyncio.Semaphore(0)

        @app.post("/v1/events/batch")
        async def take_batch(request: Request) -> Response:
            await request.body()
            arrived.release()
            await gate.wait()
            return Response(b"taken")

        @app.post("/v1/events")
        async def take_one(request: Request) -> Response:
            return Response(b"%d" % len(await request.body()))

        wrap_app(app, limits)
        waiting = [
            asyncio.create_task(call(app, "POST", "/v1/events/batch", parts=[b"x" * 500] * 2, headers=CHUNKED))
            for _ in range(3)
        ]
        for _ in waiting:
            await arrived.acquire()
        refused = await call(app, "POST", "/v1/events/batch", parts=[b"x"], headers=CHUNKED)
        small = await call(app, "POST", "/v1/events", parts=[b"x" * 900], headers=CHUNKED)
        gate.set()
        taken = [(await task).status for task in waiting]
        again = [
            (await call(app, "POST", "/v1/events/batch", parts=[b"x" * 1000] * 3, headers=CHUNKED)).status
            for _ in range(3)
        ]
        too_large = [
            (await call(app, "POST", "/v1/events", parts=[b"x" * 600] * 2, headers=CHUNKED)).status for _ in range(9)
        ]

        assert (refused.status, refused.problem["type"]) == (503, "/problems/unavailable")
        assert int(refused.headers["retry-after"]) > 0
        assert (small.status, small.body) == (200, b"900")
        assert taken == again == [200] * 3
        assert too_large == [413] * 9


class TestCors:
    @pytest.fixture
    def shared(self) -> FastAPI:
        app = make_app()
        app.add_middleware(CorsMiddleware, origins=("https://example.org",))
        return app

    @pytest.mark.parametrize("path", ["/v1/things", "/v1/nowhere", "/v1/fault", "/v1/away"])
    async def test_refusals_carry_the_headers_too(self, shared: FastAPI, path: str) -> None:
        answer = await call(shared, "GET", path, headers={"origin": "https://example.org"})
        assert answer.headers["access-control-allow-origin"] == "https://example.org"
        assert answer.headers["access-control-expose-headers"].split(", ") == [
            "ETag",
            "Link",
            "Location",
            "As-Of",
            "Feed-Cursor",
            "Retry-After",
            "X-Poll-Interval",
            "Idempotency-Replayed",
            "RateLimit",
            "RateLimit-Policy",
            "Stream-Next-Offset",
            "Stream-Up-To-Date",
            "Stream-Cursor",
        ]
        assert answer.headers["vary"].startswith(VARY)
        assert answer.headers["vary"].count("Origin") == 1

    async def test_another_origin_is_allowed_nothing(self, shared: FastAPI) -> None:
        answer = await call(shared, "GET", "/v1/things", headers={"origin": "https://example.com"})
        assert "access-control-allow-origin" not in answer.headers

    async def test_a_preflight_is_answered(self, shared: FastAPI) -> None:
        headers = {
            "origin": "https://example.org",
            "access-control-request-method": "PUT",
            "access-control-request-headers": "authorization,if-match,idempotency-key",
        }
        answer = await call(shared, "OPTIONS", "/v1/things/x", headers=headers)
        assert answer.status == 200
        assert "PUT" in answer.headers["access-control-allow-methods"]

    @pytest.mark.parametrize("asked", ["cache-control", "X-Requested-With,traceparent", "x-b3-traceid, , dnt", ""])
    async def test_whatever_field_a_browser_asks_for_is_allowed(self, shared: FastAPI, asked: str) -> None:
        headers = {
            "origin": "https://example.org",
            "access-control-request-method": "GET",
            "access-control-request-headers": asked,
            "access-control-request-private-network": "true",
        }
        answer = await call(shared, "OPTIONS", "/v1/things/x", headers=headers)
        names = [name.strip().lower() for name in asked.split(",") if name.strip()]
        allowed = answer.headers.get("access-control-allow-headers", "")
        assert answer.status == 200
        assert [name for name in allowed.lower().split(", ") if name] == names
        assert answer.headers["access-control-max-age"] == "86400"
        assert answer.headers["access-control-allow-private-network"] == "true"
        assert answer.headers["access-control-allow-origin"] == "https://example.org"

    @pytest.mark.parametrize("asked", ["<script>", "x y", "a" * 5000, "é"])
    async def test_what_is_no_field_name_is_not_echoed(self, shared: FastAPI, asked: str) -> None:
        headers = {
            "origin": "https://example.org",
            "access-control-request-method": "GET",
            "access-control-request-headers": asked,
        }
        answer = await call(shared, "OPTIONS", "/v1/things/x", headers=headers)
        assert (answer.status, answer.problem["type"]) == (403, "/problems/forbidden")
        assert asked not in str(answer.headers)

    async def test_a_refused_preflight_is_a_problem_document(self, shared: FastAPI) -> None:
        headers = {"origin": "https://example.com", "access-control-request-method": "PUT"}
        answer = await call(shared, "OPTIONS", "/v1/things/x", headers=headers)
        assert (answer.status, answer.problem["type"]) == (403, "/problems/forbidden")


class TestDocuments:
    def test_the_statuses_are_the_contracts(self) -> None:
        assert {
            slug: problem.status for slug, problem in PROBLEMS.items() if problem.__module__ == "app.errors.problems"
        } == {
            "malformed": 400,
            "cursor-malformed": 400,
            "cursor-ahead": 400,
            "cursor-mismatch": 400,
            "unauthorized": 401,
            "forbidden": 403,
            "not-found": 404,
            "method-not-allowed": 405,
            "request-timeout": 408,
            "duplicate-external-id": 409,
            "import-running": 409,
            "subscription-mode": 409,
            "deleted": 410,
            "cursor-expired": 410,
            "cursor-epoch": 410,
            "version-mismatch": 412,
            "payload-too-large": 413,
            "uri-too-long": 414,
            "unsupported-media-type": 415,
            "validation": 422,
            "idempotency-mismatch": 422,
            "precondition-required": 428,
            "too-many-requests": 429,
            "headers-too-large": 431,
            "internal": 500,
            "unavailable": 503,
            "schema-mismatch": 503,
            "disk-full": 507,
        }

    def test_errors_name_pointers_or_parameters(self) -> None:
        errors = [
            FieldError("order", "Not so.", pointer="/a", allowed=("x",)),
            FieldError("type", "No.", parameter="b"),
        ]
        assert Invalid("Two faults.", errors=errors).document("/requests/1") == {
            "type": "/problems/validation",
            "title": "The request is invalid",
            "status": 422,
            "detail": "Two faults.",
            "instance": "/requests/1",
            "errors": [
                {"pointer": "/a", "code": "order", "detail": "Not so.", "allowed": ["x"]},
                {"parameter": "b", "code": "type", "detail": "No.", "allowed": None},
            ],
        }

    def test_errors_are_absent_where_there_are_none(self) -> None:
        assert "errors" not in NotFound("Nothing.").document("/requests/1")

    def test_what_is_no_json_is_told_all_the_same(self) -> None:
        assert json.loads(Internal("half \ud800", found=object()).body("/requests/1"))["status"] == 500

    def test_a_slug_is_taken_once(self) -> None:
        with pytest.raises(TypeError, match="not-found"):
            type("Other", (Problem,), {"status": 404, "slug": "not-found", "title": "Other"})


class TestMetrics:
    async def test_answers_are_counted_by_route_and_never_by_path(self) -> None:
        app, metrics = make_app(), Metrics()
        app.add_middleware(MetricsMiddleware, metrics=metrics)
        for method, path in [
            ("GET", "/v1/things/secret"),
            ("HEAD", "/v1/things/secret"),
            ("GET", "/v1/nowhere"),
            ("BREW", "/v1/nowhere"),
        ]:
            await call(app, method, path)
        text = bytes(metrics.response(None).body).decode()
        for line in (
            'sitrep_http_requests_total{method="GET",route="/v1/things/{thing_id}",status="404"} 1.0',
            'sitrep_http_requests_total{method="HEAD",route="/v1/things/{thing_id}",status="404"} 1.0',
            'sitrep_http_requests_total{method="GET",route="unmatched",status="404"} 1.0',
            'sitrep_http_requests_total{method="other",route="unmatched",status="404"} 1.0',
            'sitrep_http_request_seconds_count{method="GET",route="/v1/things/{thing_id}"} 1.0',
        ):
            assert line in text.splitlines()
        assert "secret" not in text

    def test_two_apps_count_apart(self) -> None:
        one, other = Metrics(), Metrics()
        one.count("GET", "/x", 200, 0.1)
        assert b'route="/x"' in one.response(None).body
        assert b'route="/x"' not in other.response(None).body


async def test_a_client_library_reads_it_all(shelled: FastAPI) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(shelled), base_url="http://test") as client:
        answer = await client.post("/v1/things", content=b"x" * 2000)
        assert (answer.status_code, answer.json()["type"]) == (413, "/problems/payload-too-large")
        assert (await client.head("/v1/things")).status_code == 200
