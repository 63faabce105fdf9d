"""The sender against endpoints on loopback that behave, fail, lie, flood and drip."""

import asyncio
import gzip
import random
import socket
import ssl
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.subscriptions.transport.dns import Resolve
from app.subscriptions.transport.http_client import (
    IDLE_TIMEOUT_S,
    MAX_TRIES,
    WebhookClient,
    WebhookReply,
    check,
    trust_system,
)
from app.subscriptions.transport.http_connection import MAX_FIELDS, MAX_HEAD_BYTES, MAX_INTERIM, write_fields
from app.subscriptions.transport.ip_ranges import Address
from app.subscriptions.transport.url_guard import TargetPolicy, TargetRefused, parse_webhook_url

LOOPBACK = TargetPolicy(private=(ip_network("127.0.0.0/8"),))
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
GONE = b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n"
BODY = b'{"id":"e1-000000000001"}'
PATIENT_S = 60.0  # for what must not come to a timeout, however busy the machine is
HEADERS = write_fields({"content-type": "application/cloudevents+json", "webhook-id": "e1-000000000001"})

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(scope="module", params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Both loops: their sockets, transports and resolvers are not the same."""
    return "asyncio", {"use_uvloop": request.param}


@dataclass
class Endpoint:
    """A server on loopback and what it has seen."""

    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def named(self) -> str:
        return f"http://receiver.example:{self.port}/hook"


@asynccontextmanager
async def serving(
    answer: bytes | Answer, *, once: bool = False, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Endpoint]:
    """An endpoint that answers each request with the same bytes, or as the function does; `once` closes after that."""
    endpoint = Endpoint()
    talks = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.current_task())
        endpoint.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError, RuntimeError):  # uvloop has the last
            while not once or not endpoint.requests:
                endpoint.requests.append(await read_request(reader))
                if not isinstance(answer, bytes):
                    await answer(reader, writer)
                    break
                writer.write(answer)
                await writer.drain()
        await close(writer)

    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32 * 1024)
    server = await asyncio.start_server(talk, sock=listener, ssl=tls)
    endpoint.port = listener.getsockname()[1]
    try:
        yield endpoint
    finally:
        server.close()
        await asyncio.wait_for(asyncio.gather(*filter(None, talks)), 2)


Accept = Callable[..., Awaitable[socket.socket]]


@asynccontextmanager
async def raw_endpoint() -> AsyncIterator[tuple[str, Accept]]:
    """A URL, and what takes its next connection, reads a request if `asked` and sends an answer, past any buffer."""
    loop = asyncio.get_running_loop()
    taken: list[socket.socket] = []

    async def accept(answer: bytes, *, asked: bool = True) -> socket.socket:
        async with asyncio.timeout(60):
            connection, _ = await loop.sock_accept(listener)
            taken.append(connection)
            if asked:
                await loop.sock_recv(connection, 64 * 1024)
        connection.send(answer)
        return connection

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/hook", accept
        finally:
            for connection in taken:
                connection.close()


async def has_ended(connection: socket.socket) -> bool:
    """Whether the other side closes the connection soon."""
    connection.setblocking(False)
    try:
        async with asyncio.timeout(10):
            return await asyncio.get_running_loop().sock_recv(connection, 1) == b""
    except ConnectionError:
        return True


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Head and body of one request."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return head + await reader.readexactly(int(length.partition(b":")[2]))


async def close(writer: asyncio.StreamWriter) -> None:
    """End a connection."""
    writer.close()
    with suppress(ConnectionError, ssl.SSLError):
        await writer.wait_closed()


@asynccontextmanager
async def sending(
    rules: TargetPolicy = LOOPBACK,
    limit: int = 4,
    resolve: Resolve | None = None,
    trusted: ssl.SSLContext | None = None,
) -> AsyncIterator[WebhookClient]:
    """A sender that is closed in the end."""
    sender = WebhookClient(rules, limit, resolve or leading_to("127.0.0.1"), ssl=trusted)
    try:
        yield sender
    finally:
        await sender.close()


def leading_to(*answers: str | list[str]) -> Resolve:
    """A resolver that gives one answer after the other, the last of them for ever; an answer is an address or more."""
    left = list(answers)

    async def resolve(_host: str, _port: int) -> list[Address]:
        answer = left.pop(0) if len(left) > 1 else left[0]
        return [ip_address(text) for text in ([answer] if isinstance(answer, str) else answer)]

    return resolve


async def resolve_to_nothing(_host: str, _port: int) -> list[Address]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


async def never_resolve(_host: str, _port: int) -> list[Address]:
    await asyncio.Event().wait()
    return []


async def never_answer(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await _reader.read()


async def post_to(answer: bytes | Answer, *, timeout_s: float = PATIENT_S, once: bool = False) -> WebhookReply:
    """What one post to such an endpoint comes to."""
    async with serving(answer, once=once) as endpoint, sending() as sender:
        return await sender.post(endpoint.url, BODY, HEADERS, timeout_s)


async def total_when_still(seen: list[int]) -> int:
    """The sum of what was seen, once nothing has been added to it for a while."""
    async with asyncio.timeout(PATIENT_S):
        while True:
            before = sum(seen)
            await asyncio.sleep(0.2)
            if 0 < before == sum(seen):
                return before


def repeating(first: bytes, again: bytes, seen: list[int]) -> Answer:
    """An endpoint that writes without end, and counts the bytes that left it."""

    async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            writer.write(again)
            await writer.drain()
            seen.append(len(again))
            await asyncio.sleep(0)

    return flood


async def test_a_post_arrives_as_it_was_given() -> None:
    async with serving(OK) as endpoint, sending() as sender:
        reply = await sender.post(endpoint.url + "?a=b", BODY, HEADERS, PATIENT_S)
    head, _, body = endpoint.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert body == BODY
    assert lines[0] == "post /hook?a=b http/1.1"
    assert sorted(lines[1:]) == [
        "accept-encoding: identity",
        "accept: */*",
        f"content-length: {len(BODY)}",
        "content-type: application/cloudevents+json",
        f"host: 127.0.0.1:{endpoint.port}",
        "user-agent: sitrep/1",
        "webhook-id: e1-000000000001",
    ]
    assert (reply.status, reply.error, reply.retry_after) == (200, None, None)
    assert reply.duration_ms >= 0


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("200 OK\r\ncontent-length: 0", 200),
        ("204 No Content", 204),
        ("299 Fine\r\ncontent-length: 0", 299),
        ("301 Moved\r\nlocation: /elsewhere\r\ncontent-length: 0", 301),
        ("302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0", 302),
        ("304 Not Modified", 304),
        ("307 Temporary\r\nlocation: /elsewhere\r\ncontent-length: 0", 307),
        ("308 Permanent\r\nlocation: /elsewhere\r\ncontent-length: 0", 308),
        ("400 Bad Request\r\ncontent-length: 3\r\n\r\nbad", 400),
        ("410 Gone\r\ncontent-length: 0", 410),
        ("500 Internal Server Error\r\ntransfer-encoding: chunked\r\n\r\n3\r\nbad\r\n0", 500),
    ],
)
async def test_the_status_says_whether_it_was_taken_and_no_redirect_is_followed(head: str, status: int) -> None:
    async with serving(f"HTTP/1.1 {head}\r\n\r\n".encode()) as endpoint, sending() as sender:
        reply = await sender.post(endpoint.url, BODY, HEADERS, PATIENT_S)
    assert (reply.status, reply.error) == (status, None if 200 <= status < 300 else "status")
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    "line",
    [
        b"HTTP/2.0 200 OK",
        b"HTTP/2 200 OK",
        b"HTTP/3.0 200 OK",
        b"HTTP/0.9 200 OK",
        b"HTTP/1.2 200 OK",
        b"HTTP/1.10 200 OK",
        b"HTTP/01.1 200 OK",
        b"http/1.1 200 OK",
        b"RTSP/1.0 200 OK",
        b"\r\nRTSP/1.0 200 OK",
        b"\r\n" * 10 + b"RTSP/1.0 200 OK",
        b"ICE/1.0 200 OK",
        b"ICY 200 OK",
        b"HTTP/1.1  200 OK",
        b"HTTP/1.1\t200 OK",
        b"HTTP/1.1 0200 OK",
        b"HTTP/1.1 2000 OK",
        b"HTTP/1.1 20 OK",
        b"HTTP/1.1 +20 OK",
        b"HTTP/1.1 200OK",
        b" HTTP/1.1 200 OK",
        b"200 OK",
    ],
)
async def test_only_an_answer_of_http_1_counts_as_delivered(line: bytes) -> None:
    reply = await post_to(line + b"\r\ncontent-length: 0\r\n\r\n", once=True)
    assert (reply.status, reply.error) == (None, "connect")


@pytest.mark.parametrize(("status", "told"), [(429, "120"), (503, "120"), (500, None), (200, None)])
async def test_retry_after_is_told_for_429_and_503_only(status: int, told: str | None) -> None:
    reply = await post_to(f"HTTP/1.1 {status} X\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n".encode())
    assert reply.retry_after == told


async def test_retry_after_is_taken_from_the_head_only() -> None:
    reply = await post_to(b"HTTP/1.1 503 X\r\ntransfer-encoding: chunked\r\n\r\n0\r\nretry-after: 120\r\n\r\n")
    assert (reply.status, reply.retry_after) == (503, None)


async def test_a_connection_is_used_again() -> None:
    async with serving(OK) as endpoint, sending() as sender:
        replies = [await sender.post(endpoint.url, BODY, HEADERS, PATIENT_S) for _ in range(5)]
    assert [reply.status for reply in replies] == [200] * 5
    assert (len(endpoint.requests), endpoint.connections) == (5, 1)


async def test_two_senders_share_no_connection() -> None:
    async with serving(OK) as endpoint, sending() as one, sending() as other:
        await one.post(endpoint.url, BODY, HEADERS, PATIENT_S)
        await other.post(endpoint.url, BODY, HEADERS, PATIENT_S)
    assert endpoint.connections == 2


@pytest.mark.parametrize("waits_for", [0, 1], ids=["at once", "at the next request"])
async def test_a_connection_closed_in_between_costs_no_failure(waits_for: int) -> None:
    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await reader.read(waits_for)

    async with serving(answer_once) as endpoint, sending() as sender:
        replies = []
        for _ in range(3):
            replies.append(await sender.post(endpoint.url, BODY, HEADERS, PATIENT_S))
            await asyncio.sleep(0.01)
    assert [reply.status for reply in replies] == [200] * 3
    assert endpoint.connections == 3


async def test_all_connections_closed_in_between_cost_no_failure() -> None:
    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.01)
        writer.write(OK)
        await reader.read(1)

    async with serving(answer_once) as endpoint, sending() as sender:
        for _ in range(3):
            posts = (sender.post(endpoint.url, BODY, HEADERS, PATIENT_S) for _ in range(4))
            assert [reply.status for reply in await asyncio.gather(*posts)] == [200] * 4
    assert endpoint.connections == 12


async def test_a_connection_that_answers_twice_is_not_used_again() -> None:
    async with serving(OK + OK) as endpoint, sending() as sender:
        replies = [await sender.post(endpoint.url, BODY, HEADERS, PATIENT_S) for _ in range(2)]
    assert [reply.status for reply in replies] == [200, 200]
    assert endpoint.connections == 2


@pytest.mark.parametrize("unasked", [OK, b"HTTP/1.1 100 Continue\r\n\r\n", b"junk"], ids=["answers", "interim", "junk"])
async def test_what_is_sent_unasked_stays_at_the_other_end(unasked: bytes) -> None:
    seen: list[int] = []

    async def answer_and_flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await asyncio.sleep(0.01)
        await repeating(b"", unasked * 1000, seen)(reader, writer)

    async with serving(answer_and_flood) as endpoint, sending() as sender:
        assert (await sender.post(endpoint.url, BODY, HEADERS, PATIENT_S)).status == 200
        assert 0 < await total_when_still(seen) < 1_000_000


@pytest.mark.parametrize("unasked", [OK, b"HTTP/1.1 100 Continue\r\n\r\n", b"\r\n", b"x"])
@pytest.mark.parametrize("seen", [True, False], ids=["read", "unread"])
async def test_bytes_on_a_connection_at_rest_close_it(unasked: bytes, seen: bool) -> None:
    async with raw_endpoint() as (url, accept), sending() as sender:
        reply = asyncio.create_task(sender.post(url, BODY, HEADERS, PATIENT_S))
        first = await accept(OK)
        assert (await reply).status == 200
        first.send(unasked)
        if seen:
            await asyncio.sleep(0.02)
            assert await has_ended(first)
        again = asyncio.create_task(sender.post(url, BODY, HEADERS, PATIENT_S))
        await accept(GONE)
        assert (await again).status == 410
        assert await has_ended(first)


@pytest.mark.parametrize("more", [b"\r\n", b"x", b"HTTP/1.1 200", GONE * 2], ids=["line", "junk", "start", "answer"])
@pytest.mark.parametrize(
    "answer",
    [OK, b"HTTP/1.1 204 X\r\n\r\n", b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"],
    ids=["length", "none", "chunked"],
)
async def test_bytes_after_an_answer_close_its_connection(answer: bytes, more: bytes) -> None:
    async with raw_endpoint() as (url, accept), sending() as sender:
        reply = asyncio.create_task(sender.post(url, BODY, HEADERS, PATIENT_S))
        first = await accept(answer + more)
        assert (await reply).error is None
        assert await has_ended(first)


async def test_an_answer_that_came_before_the_request_is_not_taken_for_one() -> None:
    async with raw_endpoint() as (url, accept), sending(limit=1) as sender:
        sent = asyncio.create_task(sender.post(url, BODY, HEADERS, PATIENT_S))
        await accept(OK, asked=False)
        reply = await sent
    assert (reply.status, reply.error) == (None, "connect")


@pytest.mark.parametrize(
    ("head", "connections"),
    [
        ("1.1 200 OK\r\ncontent-length: 0", 1),
        ("1.1 204 No Content", 1),
        ("1.1 304 Not Modified\r\ncontent-length: 9", 1),
        ("1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nretry-after: 9", 1),
        ("1.1 200 OK\r\ncontent-length: 0\r\nconnection: close", 2),
        ("1.0 200 OK\r\ncontent-length: 0\r\nconnection: keep-alive", 2),
    ],
)
async def test_only_what_may_stay_is_used_again(head: str, connections: int) -> None:
    async with serving(f"HTTP/{head}\r\n\r\n".encode()) as endpoint, sending() as sender:
        replies = [await sender.post(endpoint.url, BODY, HEADERS, PATIENT_S) for _ in range(2)]
    assert replies[0].status == replies[1].status is not None
    assert endpoint.connections == connections


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\nto the end",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\n\nfrom a script",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\na: b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nno length\r\n",
    ],
)
async def test_a_body_ends_in_many_ways(answer: bytes) -> None:
    reply = await post_to(answer, once=True)
    assert (reply.status, reply.error) == (200, None)


async def test_a_post_is_sent_again_once_only_and_never_after_a_byte_of_an_answer() -> None:
    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if endpoint.connections == 1:
            writer.write(OK)
            endpoint.requests.append(await read_request(reader))
        if endpoint.connections == 3:
            writer.write(OK)
            endpoint.requests.append(await read_request(reader))
            writer.write(b"H")

    async with serving(answer_once) as endpoint, sending() as sender:
        replies = [await sender.post(endpoint.url, BODY, HEADERS, PATIENT_S) for _ in range(4)]
    assert [reply.error for reply in replies] == [None, "connect", None, "connect"]
    assert (len(endpoint.requests), endpoint.connections) == (5, 3)


async def test_a_connection_at_rest_is_closed_after_a_while() -> None:
    async with serving(OK) as endpoint, sending() as sender:
        await asyncio.gather(*(sender.post(endpoint.url, BODY, HEADERS, PATIENT_S) for _ in range(3)))
        older, old, new = sender._idle
        older.idle_since -= IDLE_TIMEOUT_S
        old.idle_since -= IDLE_TIMEOUT_S - 1
        sender._close_idle()
        assert sender._idle == [old, new]
        assert [connection.is_silent() for connection in (older, old, new)] == [False, True, True]
        assert sender._sweep is not None
        assert sender._sweep.when() == pytest.approx(old.idle_since + IDLE_TIMEOUT_S, abs=0.01)  # whole ms in uvloop


async def test_a_receiver_that_never_reads_meets_the_deadline() -> None:
    async with raw_endpoint() as (url, _), sending() as sender:
        replies = await asyncio.gather(*(sender.post(url, bytes(3_000_000), HEADERS, 0.1) for _ in range(3)))
        assert (sender._busy, sender._idle) == ({}, [])
    assert [reply.error for reply in replies] == ["timeout"] * 3


async def test_an_answer_before_the_body_was_read_counts_and_its_connection_is_not_used_again() -> None:
    async with raw_endpoint() as (url, accept), sending() as sender:
        reply = asyncio.create_task(sender.post(url, bytes(10_000_000), HEADERS, PATIENT_S))
        await accept(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
        assert (await reply).status == 413
        assert sender._idle == []


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "a\rb", "a\0b", "\u010d", "\x7f"])
def test_a_header_that_would_not_stay_in_its_line_is_refused(value: str) -> None:
    for headers in ({"a": value}, {value: "a"}):
        with pytest.raises(ValueError, match="printable"):
            write_fields(headers)


async def test_posts_fail_when_their_sender_is_closed() -> None:
    async with serving(never_answer) as endpoint, sending(limit=2) as sender:
        posts = [asyncio.create_task(sender.post(endpoint.url, BODY, HEADERS, PATIENT_S)) for _ in range(3)]
        await asyncio.sleep(0.02)
        await sender.close()
        replies = await asyncio.gather(*posts)
    assert [reply.error for reply in replies] == ["connect"] * 3


async def test_a_closed_sender_sends_nothing_again() -> None:
    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await reader.read()

    async with serving(answer_once) as endpoint, sending() as sender:
        await sender.post(endpoint.url, BODY, HEADERS, PATIENT_S)
        post = asyncio.create_task(sender.post(endpoint.url, BODY, HEADERS, PATIENT_S))
        await asyncio.sleep(0.02)
        await sender.close()
        assert (await post).error == "connect"
    assert endpoint.connections == 1


async def test_a_new_url_gets_a_new_connection() -> None:
    async with serving(OK) as one, serving(OK) as other, sending(limit=1) as sender:
        for endpoint in (one, other, one):
            assert (await sender.post(endpoint.url, BODY, HEADERS, PATIENT_S)).status == 200
        assert len(sender._idle) == 1
    assert (one.connections, other.connections) == (2, 1)


async def test_sockets_send_at_once_and_take_little() -> None:
    async with serving(OK) as endpoint, sending() as sender:
        await sender.post(endpoint.url, BODY, HEADERS, PATIENT_S)
        opened = sender._idle[0]._transport.get_extra_info("socket")
        assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) <= 64 * 1024


async def test_no_more_connections_are_opened_than_allowed() -> None:
    async with serving(OK) as endpoint, sending(limit=2) as sender:
        await asyncio.gather(*(sender.post(endpoint.url, BODY, HEADERS, PATIENT_S) for _ in range(20)))
    assert (len(endpoint.requests), endpoint.connections) == (20, 2)


async def test_posts_wait_for_their_turn_under_the_deadline_too() -> None:
    async with serving(never_answer) as endpoint, sending(limit=1) as sender:
        posts = (sender.post(endpoint.url, BODY, HEADERS, timeout_s) for timeout_s in (0.1, 0.05, 0.05))
        replies = await asyncio.gather(*posts)
    assert [reply.error for reply in replies] == ["timeout"] * 3
    assert endpoint.connections == 1


async def test_many_posts_at_once_stay_within_the_limit_while_connections_are_lost() -> None:
    now, most = 0, 0

    async def answer_some(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        for again in range(3):
            writer.write(OK)
            if again < 2:
                await read_request(reader)
        now -= 1

    async with serving(answer_some) as endpoint, sending(limit=5) as sender:
        replies = await asyncio.gather(*(sender.post(endpoint.url, BODY, HEADERS, PATIENT_S) for _ in range(100)))
    assert [reply.status for reply in replies] == [200] * 100
    assert most <= 5
    assert endpoint.connections >= 34


async def test_cookies_are_not_kept(caplog: pytest.LogCaptureFixture) -> None:
    fields = b"set-cookie: a=b\r\nset-cookie: \xff;;=\r\ncontent-length: 0"
    async with serving(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n\r\n") as endpoint, sending() as sender:
        await sender.post(endpoint.url, BODY, HEADERS, PATIENT_S)
        await sender.post(endpoint.url, BODY, HEADERS, PATIENT_S)
    assert [request for request in endpoint.requests if b"cookie" in request.lower()] == []


async def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")
    assert (await post_to(OK)).status == 200


async def test_an_endpoint_that_never_answers_times_out() -> None:
    reply = await post_to(never_answer, timeout_s=0.1)
    assert (reply.status, reply.error) == (None, "timeout")
    assert reply.duration_ms >= 90


@pytest.mark.parametrize(
    "sent_at_once", [b"HTTP/1.1 200 ", b"HTTP/1.1 200 OK\r\nx: ", OK[:-1]], ids=["line", "head", "body"]
)
async def test_an_endpoint_that_drips_meets_one_deadline(sent_at_once: bytes) -> None:
    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent_at_once.replace(b": 2", b": 9000"))
        while True:
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.02)

    reply = await post_to(drip, timeout_s=0.15)
    assert (reply.status, reply.error) == (None, "timeout")
    assert reply.duration_ms >= 140


async def test_a_connection_that_timed_out_is_not_used_again() -> None:
    async with serving(never_answer) as endpoint, sending() as sender:
        await sender.post(endpoint.url, BODY, HEADERS, 0.05)
        await sender.post(endpoint.url, BODY, HEADERS, 0.05)
    assert endpoint.connections == 2


@pytest.mark.parametrize("length", [b"content-length: 200000000", b"connection: close"])
async def test_of_a_long_answer_only_the_start_is_read_and_its_status_counts(length: bytes) -> None:
    seen: list[int] = []
    reply = await post_to(repeating(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n\r\n", bytes(16_384), seen))
    assert (reply.status, reply.error) == (200, None)
    assert sum(seen) < 1_000_000


async def test_a_gzip_bomb_is_not_expanded() -> None:
    bomb = gzip.compress(bytes(32 * 1024 * 1024))
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(bomb)}\r\n\r\n"
    assert len(bomb) < 64 * 1024
    async with serving(head.encode() + bomb) as endpoint, sending() as sender:
        tracemalloc.start()
        try:
            reply = await sender.post(endpoint.url, BODY, HEADERS, PATIENT_S)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert reply.status == 200
    assert peak < 2 * 1024 * 1024


@pytest.mark.parametrize("again", [b"a: b\r\n" * 1000, b"a" * 16_384], ids=["fields", "one line"])
@pytest.mark.parametrize("first", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 ", b""], ids=["head", "line", "nothing"])
async def test_a_head_without_end_is_cut_off(first: bytes, again: bytes) -> None:
    seen: list[int] = []
    reply = await post_to(repeating(first, again, seen))
    assert (reply.status, reply.error) == (None, "connect")
    assert sum(seen) < 1_000_000


async def test_interim_answers_without_end_are_cut_off() -> None:
    seen: list[int] = []
    reply = await post_to(repeating(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 10, seen))
    assert (reply.status, reply.error) == (None, "connect")
    assert sum(seen) < 100_000


@pytest.mark.parametrize(("interim", "status"), [(MAX_INTERIM, 503), (MAX_INTERIM + 1, None)])
async def test_a_few_interim_answers_may_come_before_the_answer(interim: int, status: int | None) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nretry-after: 9\r\n\r\n" * interim
    reply = await post_to(early + b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n")
    assert (reply.status, reply.retry_after) == (status, None)


@pytest.mark.parametrize(("head", "upgrades"), [("101 Switching Protocols", True), ("101 X", False), ("099 X", False)])
async def test_another_protocol_is_no_answer(head: str, upgrades: bool) -> None:
    fields = "upgrade: websocket\r\nconnection: upgrade\r\n" if upgrades else ""
    reply = await post_to(f"HTTP/1.1 {head}\r\n{fields}\r\n".encode() + OK)
    assert (reply.status, reply.error) == (None, "connect")


@pytest.mark.parametrize(("fields", "status"), [(MAX_FIELDS, 204), (MAX_FIELDS + 1, None)])
async def test_a_head_has_not_too_many_fields(fields: int, status: int | None) -> None:
    reply = await post_to(b"HTTP/1.1 204 No Content\r\n" + b"a: b\r\n" * fields + b"\r\n")
    assert reply.status == status


@pytest.mark.parametrize(("length", "status"), [(MAX_HEAD_BYTES - 9000, 204), (MAX_HEAD_BYTES, None)])
async def test_a_head_is_not_too_long(length: int, status: int | None) -> None:
    reply = await post_to(b"HTTP/1.1 204 No Content\r\na: " + b"b" * length + b"\r\n\r\n")
    assert reply.status == status


async def test_an_answer_cut_short_keeps_its_status() -> None:
    reply = await post_to(b"HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 9\r\n\r\nbu", once=True)
    assert (reply.status, reply.error, reply.retry_after) == (503, "status", "7")


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200", b"SSH-2.0-x\r\n", b"\x15\x03\x01\x00\x02\x02\x46", b"\0" * 99]
)
async def test_what_is_no_answer_is_a_failed_connection(answer: bytes) -> None:
    reply = await post_to(answer, once=True)
    assert (reply.status, reply.error) == (None, "connect")


async def test_no_answer_however_garbled_raises() -> None:
    chance = random.Random(7)
    sample = b"HTTP/1.1 200 OK\r\nset-cookie: a=b\r\ncontent-length: 5\r\nconnection: keep-alive\r\n\r\nhello" + OK

    async def garble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = bytearray(sample)
        for _ in range(chance.randrange(1, 6)):
            answer[chance.randrange(len(answer))] = chance.randrange(256)
        writer.write(bytes(answer[: chance.randrange(len(answer) * 2)]))

    async with serving(garble) as endpoint, sending() as sender:
        answers = [await sender.post(endpoint.url, BODY, HEADERS, PATIENT_S) for _ in range(200)]
    assert {reply.error for reply in answers} <= {None, "status", "connect"}


async def test_a_refused_connection_is_told_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with sending() as sender:
        reply = await sender.post(f"http://127.0.0.1:{port}/", BODY, HEADERS, PATIENT_S)
    assert (reply.status, reply.error) == (None, "connect")


async def test_a_name_that_nobody_knows_is_told_as_such() -> None:
    async with sending(resolve=resolve_to_nothing) as sender, sending(resolve=leading_to([])) as other:
        replies = [await each.post("https://receiver.example/", BODY, HEADERS, PATIENT_S) for each in (sender, other)]
    assert [(reply.status, reply.error) for reply in replies] == [(None, "dns")] * 2


async def test_resolving_is_under_the_deadline_too() -> None:
    async with sending(resolve=never_resolve) as sender:
        reply = await sender.post("https://receiver.example/", BODY, HEADERS, 0.05)
    assert (reply.status, reply.error) == (None, "timeout")


async def test_the_name_stays_in_the_host_field() -> None:
    async with serving(OK) as endpoint, sending() as sender:
        reply = await sender.post(endpoint.named, BODY, HEADERS, PATIENT_S)
    assert reply.status == 200
    assert f"\r\nhost: receiver.example:{endpoint.port}\r\n".encode() in endpoint.requests[0].lower()


async def test_a_name_that_is_bound_anew_is_vetted_anew() -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")

    resolve = leading_to("127.0.0.1", "169.254.169.254")
    async with serving(answer) as endpoint, sending(resolve=resolve) as sender:
        replies = [await sender.post(endpoint.named, BODY, HEADERS, PATIENT_S) for _ in range(2)]
    assert [reply.error for reply in replies] == [None, "refused-address"]


async def test_a_name_that_passed_the_check_is_refused_once_it_leads_inside() -> None:
    resolve = leading_to("8.8.8.8", "127.0.0.1")
    await check("https://receiver.example/", TargetPolicy(), resolve)
    async with sending(TargetPolicy(), resolve=resolve) as sender:
        reply = await sender.post("https://receiver.example/", BODY, HEADERS, PATIENT_S)
    assert (reply.status, reply.error) == (None, "refused-address")


@pytest.mark.parametrize("bad", ["10.0.0.1", "::1", "::ffff:10.0.0.1", "169.254.169.254", "8.8.8.8"])
async def test_one_bad_address_among_good_ones_refuses_and_nothing_is_dialled(bad: str) -> None:
    async with serving(OK) as endpoint, sending(resolve=leading_to(["127.0.0.1", "127.0.0.2", bad])) as sender:
        reply = await sender.post(endpoint.named, BODY, HEADERS, PATIENT_S)
    assert (reply.status, reply.error) == (None, "refused-address")
    assert endpoint.connections == 0


async def test_the_next_good_address_is_tried_when_one_is_dead() -> None:
    async with serving(OK) as endpoint, sending(resolve=leading_to(["127.0.0.9", "127.0.0.1"])) as sender:
        reply = await sender.post(endpoint.named, BODY, HEADERS, PATIENT_S)
    assert reply.status == 200


@pytest.mark.parametrize(("dead", "status"), [(MAX_TRIES - 1, 200), (MAX_TRIES, None)])
async def test_not_many_addresses_are_tried(dead: int, status: int | None) -> None:
    addresses = [*(f"127.0.0.{10 + number}" for number in range(dead)), "127.0.0.1"]
    async with serving(OK) as endpoint, sending(resolve=leading_to(addresses)) as sender:
        reply = await sender.post(endpoint.named, BODY, HEADERS, PATIENT_S)
    assert reply.status == status


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/", "https://[::1]/", "https://localhost/", "https://a@b.example/", ""]
)
async def test_a_refused_url_is_told_and_not_raised(url: str) -> None:
    async with sending(TargetPolicy()) as sender:
        reply = await sender.post(url, BODY, HEADERS, PATIENT_S)
    assert (reply.status, reply.error) == (None, "refused-address")


async def test_no_socket_is_opened_for_an_address_that_the_resolver_never_saw() -> None:
    async with serving(OK) as endpoint, sending(TargetPolicy()) as sender:
        with pytest.raises(TargetRefused):
            await sender._dial(parse_webhook_url(endpoint.url, LOOPBACK), asyncio.get_running_loop().time() + 2)
    assert endpoint.connections == 0


@dataclass
class Certified:
    """TLS for receiver.example: the server's side, a client's that trusts it, and the names that were asked for."""

    server: ssl.SSLContext
    client: ssl.SSLContext
    asked_for: list[str | None]


@pytest.fixture
def certified(tmp_path: Path) -> Certified:
    """A certificate that signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("receiver.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path / "receiver.pem"
    path.write_bytes(key.private_bytes(*plain) + pem)
    asked_for: list[str | None] = []
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    server.sni_callback = lambda _socket, name, _context: asked_for.append(name)
    return Certified(server, ssl.create_default_context(cadata=pem.decode()), asked_for)


async def test_tls_is_asked_for_by_the_name_in_the_url(certified: Certified) -> None:
    async with serving(OK, tls=certified.server) as endpoint, sending(trusted=certified.client) as sender:
        replies = [
            await sender.post(f"https://receiver.example:{endpoint.port}/", BODY, HEADERS, PATIENT_S) for _ in range(2)
        ]
    assert [reply.status for reply in replies] == [200, 200]
    assert certified.asked_for == ["receiver.example"]


async def test_one_address_does_not_use_up_the_time_of_the_next(certified: Certified) -> None:
    resolve = leading_to(["127.0.0.2", "127.0.0.1"])
    async with (
        serving(OK, tls=certified.server) as endpoint,
        sending(resolve=resolve, trusted=certified.client) as sender,
    ):
        with socket.create_server(("127.0.0.2", endpoint.port)):
            reply = await sender.post(f"https://receiver.example:{endpoint.port}/", BODY, HEADERS, 3)
    assert reply.status == 200
    assert reply.duration_ms >= 1_400


def test_the_system_is_trusted_and_http_1_1_is_all_that_is_spoken() -> None:
    context, sent = trust_system(), ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="receiver.example").do_handshake()
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert b"\x00\x09\x08http/1.1" in sent.read()


async def test_a_certificate_that_nobody_signed_is_refused(certified: Certified) -> None:
    async with serving(OK, tls=certified.server) as endpoint, sending() as sender:
        reply = await sender.post(f"https://receiver.example:{endpoint.port}/", BODY, HEADERS, PATIENT_S)
    assert (reply.status, reply.error) == (None, "tls")
    assert endpoint.requests == []


async def test_a_certificate_for_another_name_is_refused(certified: Certified) -> None:
    async with serving(OK, tls=certified.server) as endpoint, sending(trusted=certified.client) as sender:
        reply = await sender.post(f"https://other.example:{endpoint.port}/", BODY, HEADERS, PATIENT_S)
    assert (reply.status, reply.error) == (None, "tls")


async def test_https_to_an_endpoint_without_tls_is_told_as_such() -> None:
    async def speak_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await close(writer)

    server = await asyncio.start_server(speak_first, "127.0.0.1", 0)
    async with server, sending() as sender:
        reply = await sender.post(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/", BODY, HEADERS, PATIENT_S)
    assert (reply.status, reply.error) == (None, "tls")


@pytest.mark.parametrize("resolve", [leading_to("8.8.8.8"), resolve_to_nothing, never_resolve])
async def test_the_check_lets_pass_what_may_be_sent_to_or_is_not_known_yet(resolve: Resolve) -> None:
    await check("https://receiver.example/", TargetPolicy(), resolve, 0.05)
    await check("https://8.8.8.8/", TargetPolicy(), never_resolve, 0.05)


async def test_the_check_refuses_what_leads_inside() -> None:
    for url, code in (
        ("https://receiver.example/", "address"),
        ("https://127.0.0.1/", "address"),
        ("https://a/", "internal-name"),
    ):
        with pytest.raises(TargetRefused, match=code):
            await check(url, TargetPolicy(), leading_to(["8.8.8.8", "10.0.0.1"]))


@pytest.mark.parametrize("resolve", [leading_to("8.8.8.8"), resolve_to_nothing, never_resolve])
async def test_the_check_refuses_http_that_is_not_known_to_stay_inside(resolve: Resolve) -> None:
    with pytest.raises(TargetRefused, match="scheme"):
        await check("http://receiver.example/", LOOPBACK, resolve, 0.05)
    await check("http://receiver.example/", LOOPBACK, leading_to("127.0.0.1"))


async def test_the_system_resolves_by_default() -> None:
    async with serving(OK) as endpoint:
        sender = WebhookClient(LOOPBACK, 1)
        reply = await sender.post(endpoint.url, BODY, HEADERS, PATIENT_S)
        await sender.close()
    assert reply.status == 200
