"""The server: slow, large and malformed requests over real sockets, and an end in time."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from starlette.responses import Response, StreamingResponse

from app.errors import Limits, wrap_app
from app.server import GRACE_TIMEOUT_S, Protocol, Server, configure
from app.settings import Settings

ROOT = Path(__file__).parents[1]
PATIENCE = 60.0


class Impatient(Protocol):
    """A protocol that waits for tests."""

    head_seconds = 0.2


def make_app() -> FastAPI:
    """An app with what keeps a connection open."""
    draining = asyncio.Event()

    @asynccontextmanager
    async def running(_: FastAPI) -> Any:
        yield {"drain": draining.set}

    app = FastAPI(lifespan=running)

    @app.get("/v1/quick")
    async def quick() -> Response:
        return Response(b"quick")

    @app.post("/v1/echo")
    async def echo(request: Request) -> Response:
        return Response(b"%d" % len(await request.body()))

    @app.get("/v1/slow")
    async def slow() -> Response:
        await asyncio.sleep(0.1)
        return Response(b"slow")

    @app.get("/v1/wait")
    async def wait() -> Response:
        await draining.wait()
        return Response(b"drained")

    @app.get("/v1/stream")
    async def stream() -> Response:
        async def events() -> Any:
            yield b"id: 1\n\n"
            await draining.wait()
            yield b"id: 2\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    @app.get("/v1/stuck")
    async def stuck() -> Response:
        await asyncio.Event().wait()
        return Response()

    @app.get("/v1/fault")
    async def fault() -> Response:
        raise ZeroDivisionError

    wrap_app(app, Limits(body_seconds=0.2, linger_seconds=0.5))
    return app


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    """Where a server in a thread of its own listens."""
    config = configure(make_app(), Settings(host="127.0.0.1", port=0))
    config.http = Impatient
    found: list[tuple[str, int]] = []
    ready = threading.Event()

    def tell(host: str, port: int) -> None:
        found.append((host, port))
        ready.set()

    server = Server(config, tell)
    thread = threading.Thread(target=server.run)
    thread.start()
    assert ready.wait(PATIENCE)
    yield found[0]
    server.should_exit = True
    thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.fixture
def dial(address: tuple[str, int]) -> Iterator[Callable[[], socket.socket]]:
    """Opens connections, and closes them at the end."""
    opened: list[socket.socket] = []

    def connect() -> socket.socket:
        opened.append(socket.create_connection(address, PATIENCE))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


def read_all(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    received = b""
    with suppress(ConnectionResetError):
        while data := connection.recv(65536):
            received += data
    return received


def read_head(connection: socket.socket) -> bytes:
    """What comes until the header fields are complete."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    return received


def read_answer(connection: socket.socket) -> bytes:
    """One answer of a declared length; the connection stays open."""
    received = read_head(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(fields.get(b"content-length", 0)):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def problem_in(received: bytes) -> dict[str, Any]:
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower()
    document: dict[str, Any] = json.loads(body)
    assert int(head.split()[1]) == document["status"]
    return document


Dial = Callable[[], socket.socket]


def test_a_request_is_answered_without_naming_the_server(dial: Dial) -> None:
    connection = dial()
    connection.sendall(b"GET /v1/quick HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    received = read_all(connection)
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert received.endswith(b"quick")
    assert b"server:" not in received.lower()
    assert b"date:" in received.lower()


@pytest.mark.parametrize(
    "sent",
    [
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /v1/quick HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
        b"GET /v1/quick HTTP/1.1\r\nHost: x\r\nx: a\x00b\r\n\r\n",
        b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=lambda sent: repr(sent[:40]),
)
def test_what_is_no_http_gets_a_problem_document(dial: Dial, sent: bytes) -> None:
    connection = dial()
    connection.sendall(sent)
    document = problem_in(read_all(connection))
    assert (document["status"], document["type"]) == (400, "/problems/malformed")


@pytest.mark.parametrize(
    "target", [b"/v1/%ff%fe", b"/v1/%", b"/%00", b"/v1/quick/", b"//", b"*", b"http://x/v1/nowhere", b"/v1/%2e%2e/x"]
)
def test_garbage_in_the_path_is_not_found(dial: Dial, target: bytes) -> None:
    connection = dial()
    connection.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert problem_in(read_all(connection))["status"] in {400, 404}


def test_an_unforeseen_fault_is_a_problem_document_and_the_connection_goes_on(dial: Dial) -> None:
    connection = dial()
    connection.sendall(b"GET /v1/fault HTTP/1.1\r\nHost: x\r\n\r\n")
    assert problem_in(read_answer(connection))["status"] == 500
    connection.sendall(b"GET /v1/quick HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert read_all(connection).endswith(b"quick")


class TestPatience:
    def test_slow_header_fields_end_the_connection(self, dial: Dial) -> None:
        connection = dial()
        with suppress(BrokenPipeError, ConnectionResetError):
            for byte in b"GET /v1/quick HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"y" * 100:
                connection.sendall(bytes([byte]))
                time.sleep(0.02)
        assert read_all(connection) == b""

    def test_so_does_silence_from_the_start(self, dial: Dial) -> None:
        assert read_all(dial()) == b""

    def test_so_does_silence_after_an_answer_with_a_new_request_begun(self, dial: Dial) -> None:
        connection = dial()
        connection.sendall(b"GET /v1/quick HTTP/1.1\r\nHost: x\r\n\r\n")
        read_answer(connection)
        connection.sendall(b"GET /v1/qu")
        assert read_all(connection) == b""

    def test_and_line_breaks_before_a_request_that_never_comes(self, dial: Dial) -> None:
        connection = dial()
        connection.sendall(b"GET /v1/quick HTTP/1.1\r\nHost: x\r\n\r\n")
        read_answer(connection)
        connection.sendall(b"\r\n")
        assert read_all(connection) == b""

    def test_a_slow_answer_is_waited_for(self, dial: Dial) -> None:
        connection = dial()
        for _ in range(3):
            connection.sendall(b"GET /v1/slow HTTP/1.1\r\nHost: x\r\n\r\n")
            assert read_answer(connection).endswith(b"slow")

    def test_a_slow_body_is_timed_out(self, dial: Dial) -> None:
        connection = dial()
        connection.sendall(b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
        with suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(8):
                connection.sendall(b"x")
                time.sleep(0.05)
        assert problem_in(read_all(connection))["status"] == 408


class TestSizes:
    @pytest.mark.parametrize("size", [20_000, 60_000])
    def test_large_header_fields_are_refused(self, dial: Dial, size: int) -> None:
        connection = dial()
        connection.sendall(b"GET /v1/quick HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: " + b"y" * size + b"\r\n\r\n")
        assert problem_in(read_all(connection))["status"] == 431

    def test_header_fields_without_end_are_cut_off(self, dial: Dial) -> None:
        connection = dial()
        connection.sendall(b"GET /v1/quick HTTP/1.1\r\nHost: x\r\n")
        with suppress(BrokenPipeError, ConnectionResetError):
            for n in range(50):
                connection.sendall(b"X-%d: " % n + b"y" * 4000 + b"\r\n")
        assert problem_in(read_all(connection))["status"] == 431

    def test_a_body_of_20_mb_is_refused_and_the_sender_sees_why(self, dial: Dial) -> None:
        connection = dial()
        connection.sendall(b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n")
        for _ in range(20):
            connection.sendall(b"x" * 1_000_000)
        assert problem_in(read_all(connection))["status"] == 413

    def test_so_is_one_without_a_declared_size(self, dial: Dial) -> None:
        connection = dial()
        connection.sendall(b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            connection.sendall(b"F4240\r\n" + b"x" * 1_000_000 + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        assert problem_in(read_all(connection))["status"] == 413

    def test_a_refused_size_is_told_before_the_body_is_sent(self, dial: Dial) -> None:
        connection = dial()
        connection.sendall(
            b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\nExpect: 100-continue\r\n\r\n"
        )
        assert problem_in(read_all(connection))["status"] == 413

    def test_a_permitted_body_is_asked_for(self, dial: Dial) -> None:
        connection = dial()
        connection.sendall(b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert read_answer(connection).startswith(b"HTTP/1.1 100 Continue")
        connection.sendall(b"hello")
        assert read_answer(connection).endswith(b"5")


SCRIPT = """
import sys
sys.path[:0] = [{tests!r}]
from app.server import GRACE_TIMEOUT_S, serve
from app.settings import Settings
from test_server import make_app

def tell(host, port):
    print(port, flush=True)

serve({app}, Settings(host="127.0.0.1", port=0), workers={workers}, on_start=tell)
"""


class Child:
    """A server in a process of its own."""

    def __init__(self, app: str, workers: int) -> None:
        script = SCRIPT.format(tests=str(Path(__file__).parent), app=app, workers=workers)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SITREP_")}
        self.process = subprocess.Popen(  # noqa: S603 - our own script
            [sys.executable, "-c", script],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            start_new_session=True,
            env={**environment, "PYTHONPATH": f"{ROOT}:{Path(__file__).parent}"},
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def ask(self, path: str) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), 2 * PATIENCE)
        connection.settimeout(2 * PATIENCE)
        connection.sendall(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        return connection

    def stop(self) -> float:
        """Send SIGTERM; the seconds that the exit took."""
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(2 * PATIENCE)
        return time.monotonic() - begin

    def close(self) -> tuple[bytes, bytes]:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.communicate(timeout=PATIENCE)


@pytest.fixture
def launch() -> Iterator[Callable[..., Child]]:
    """Starts servers, and ends them at the end."""
    started: list[Child] = []

    def start(app: str = "make_app()", workers: int = 1) -> Child:
        started.append(Child(app, workers))
        return started[-1]

    yield start
    for child in started:
        child.close()


class TestTheEnd:
    def test_sigterm_lets_streams_long_polls_and_requests_finish(self, launch: Callable[..., Child]) -> None:
        child = launch()
        with closing(child.ask("/v1/stream")) as stream, closing(child.ask("/v1/wait")) as poll:
            head = read_head(stream)
            with closing(child.ask("/v1/slow")) as slow, closing(child.ask("/v1/quick")) as idle:
                read_answer(idle)
                child.stop()
                assert read_all(slow).endswith(b"slow")
                assert read_all(idle) == b""
            assert (head + read_all(stream)).endswith(b"7\r\nid: 2\n\n\r\n0\r\n\r\n")
            assert read_all(poll).endswith(b"drained")
        assert child.process.returncode == 0

    def test_a_request_that_does_not_finish_is_cut_off_in_time(self, launch: Callable[..., Child]) -> None:
        child = launch()
        with closing(child.ask("/v1/quick")) as quick, closing(child.ask("/v1/stuck")) as stuck:
            read_answer(quick)
            assert child.stop() > GRACE_TIMEOUT_S - 1
            assert problem_in(read_all(stuck))["status"] == 503

    def test_several_workers_share_a_port_and_drain(self, launch: Callable[..., Child]) -> None:
        child = launch(app='"test_server:make_app"', workers=2)
        with closing(child.ask("/v1/stream")) as stream:
            head = read_head(stream)
            child.stop()
            assert (head + read_all(stream)).endswith(b"7\r\nid: 2\n\n\r\n0\r\n\r\n")

    def test_the_end_is_set_to_come_within_five_seconds(self) -> None:
        graces = [configure(make_app(), Settings(), workers).timeout_graceful_shutdown for workers in (1, 2)]
        assert graces == [GRACE_TIMEOUT_S, GRACE_TIMEOUT_S - 1]
        assert GRACE_TIMEOUT_S < 5

    def test_a_process_that_takes_long_to_start_is_left_to_it(self) -> None:
        assert configure(make_app(), Settings(), 2).timeout_worker_healthcheck >= 60

    def test_logs_are_json_on_stderr(self, launch: Callable[..., Child]) -> None:
        child = launch()
        with closing(child.ask("/v1/fault")) as connection:
            read_answer(connection)
        child.stop()
        _, errors = child.close()
        lines = [json.loads(line) for line in errors.splitlines()]
        fault = next(line for line in lines if line["event"] == "unhandled exception")
        assert fault["level"] == "error"
        assert "ZeroDivisionError" in fault["exception"]


def test_a_quiet_connection_is_kept_as_long_as_the_settings_say() -> None:
    app = make_app()

    kept = [configure(app, settings).timeout_keep_alive for settings in (Settings(), Settings(keep_alive_s=1))]

    assert kept == [75, 1]


async def test_a_quiet_connection_is_closed_when_its_time_is_up() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(configure(make_app(), Settings(keep_alive_s=1)))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        for _ in range(2):
            writer.write(b"GET /nothing HTTP/1.1\r\nHost: sitrep.test\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 404")
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split()[0])
            await reader.readexactly(length)
        async with asyncio.timeout(PATIENCE):
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
    finally:
        server.should_exit = True
        await task
