"""`sitrep follow` and `sitrep subscribe --forward`: every change of a running server, shown or relayed, and resumed."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from typing import TYPE_CHECKING

import pytest
from calls import good, written
from receivers import receiving
from rich.cells import cell_len

from app.cli.follow import escape
from app.cli.server_feed import ServerFeed, ServerRefused
from app.cli.subscribe import PAUSES_S, forward_changes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import MakeEvent
    from httpx import AsyncClient

    from cli.conftest import Started

CURSOR = re.compile(r"e1-[0-9]{12}")
# How a stream is answered, a connection after the other: what is sent before the connection breaks.
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9999\r\n\r\nretry: 3000\n\n"
BUSY = b"HTTP/1.1 503 X\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n"


def block(n: int, data: bytes = b"") -> bytes:
    """A change of a stream, or a position alone."""
    change = b"event: change\ndata: %b\n" % data if data else b""
    return b"id: e1-%012d\n%b\n" % (n, change)


async def take(feed: ServerFeed, after: str, count: int) -> list[bytes]:
    """The first changes that a feed gives."""
    taken: list[bytes] = []
    async for _, item, _ in feed.changes(after):
        if item is not None:
            taken.append(item)
        if len(taken) == count:
            break
    return taken


async def items_of(api: AsyncClient, query: str = "") -> list[bytes]:
    """The feed, item by item, as it is written."""
    page = (await api.get(f"/v1/feed?limit=1000{query}")).content
    cut = page.index(b'"items":[') + len(b'"items":[')
    found = good(await api.get(f"/v1/feed?limit=1000{query}"))["items"]
    starts = [page.index(b'{"specversion"', cut)] if found else []
    for item in found[1:]:
        starts.append(page.index(b'{"specversion":"1.0","id":"%b"' % item["id"].encode(), starts[-1]))
    ends = [*(start - 1 for start in starts[1:]), page.rindex(b'],"next"')]
    return [page[start:end] for start, end in zip(starts, ends, strict=True)]


@pytest.fixture
def follow(
    server: AsyncClient, admin_key: str, start: Callable[..., Started], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Started]:
    """Starts a command that follows the test's server."""
    monkeypatch.setenv("SITREP_KEY", admin_key)
    monkeypatch.setenv("SITREP_URL", str(server.base_url))
    return start


async def test_a_pipe_gets_the_items_of_the_feed_and_goes_on_where_it_stopped(
    follow: Callable[..., Started], server: AsyncClient, make_event: MakeEvent, tmp_path: Path
) -> None:
    path = tmp_path / "position"
    options = ("kind=attack", "--checkpoint", str(path), "--after", "oldest")
    for n in range(3):
        await written(server, make_event(title=f"A\u2028 {n}", extra={"n": 1e-7}))
    first = follow("follow", *options)
    await first.until(lambda: first.out.count("\n") == 3)
    await first.until(path.exists)
    first.process.send_signal(signal.SIGINT)

    assert await first.ended() == 0
    assert first.err == f"sitrep: Stopped. Go on with --checkpoint {path}.\n"
    assert path.read_text() == f"{good(await server.get('/v1/feed/head'))['head']}\n"

    await written(server, make_event(title="Later"))
    second = follow("follow", *options)
    await second.until(lambda: second.out.count("\n") == 1)
    assert await second.stop() == 0
    lines = (first.out + second.out).encode().split(b"\n")
    assert lines == [*await items_of(server), b""]


async def test_a_pipe_that_nobody_reads_ends_it_without_a_word(
    follow: Callable[..., Started], server: AsyncClient, make_event: MakeEvent
) -> None:
    await written(server, make_event())
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "follow", "--after", "oldest", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert json.loads(await process.stdout.readline())["type"] == "attack.created"
    process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined] # asyncio has no other way

    assert await process.stderr.read() == b""
    assert await process.wait() == 1


async def test_a_terminal_of_80_columns_gets_a_table(
    follow: Callable[..., Started], server: AsyncClient, make_event: MakeEvent
) -> None:
    made = await written(server, make_event(title="[red]Київ[/red] 大阪 " + "long " * 40))
    await server.delete(f"/v1/events/{made['id']}?reason=duplicate")
    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "follow", "--after", "oldest", stdout=inside, stderr=inside, env=environment
    )
    os.close(inside)
    shown = b""
    while b"(duplicate)" not in shown:
        shown += await asyncio.to_thread(os.read, terminal, 65536)
    process.send_signal(signal.SIGINT)
    assert await process.wait() == 0
    os.close(terminal)

    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()).replace("\r", "").splitlines()
    assert lines[0].split() == ["RECORDED", "CHANGE", "KIND", "DATE", "WHERE", "TITLE"]
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d  created  attack         2025-09-07  UA     \[red\]Київ\[/red\] 大阪 l.*…\s*", lines[1]
    )
    assert lines[2].split()[1:] == ["deleted", "attack", "(duplicate)"]
    assert {cell_len(line) for line in lines[:3]} == {80}


async def test_a_lost_connection_is_said_once_and_nothing_is_lost_or_repeated() -> None:
    asked: list[str] = []
    head = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 26\r\n\r\n{"head":"e1-000000000004"}'
    answers = [
        head[:-1],
        head,
        HEAD + block(5, b"five") + b"id: e1-0000000",
        BUSY,
        BUSY,
        HEAD + block(6) + block(7, b"seven")[:-3],
        HEAD + block(7, b"seven") + block(8, b"eight"),
    ]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode())
        writer.write(answers[len(asked) - 1])
        await writer.drain()
        writer.close()

    said: list[str] = []
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    feed = ServerFeed(address, None, [("kind", "attack"), ("kind", "x y")], said.append, sleep)
    assert await take(feed, "now", 3) == [b"five", b"seven", b"eight"]
    listener.close()

    asked_for = [re.search("after=([^&]*)", path) for path in asked]
    assert [found and found[1] for found in asked_for] == [
        None, None, *(f"e1-{n:012}" for n in (4, 5, 5, 5, 6)),
    ]  # fmt: skip
    assert all(path.endswith("&kind=attack&kind=x+y") or path == "/v1/feed/head" for path in asked)
    assert [line.partition(" (")[0] for line in said] == [
        f"No connection to {address}", "Connected again.",
    ] * 3  # fmt: skip
    assert [n for n, seconds in enumerate(slept) if seconds >= 7] == [2, 3]
    assert feed.position == "e1-000000000007"


async def test_what_the_server_refuses_is_said_in_its_words(server: AsyncClient, admin_key: str) -> None:
    address = str(server.base_url)
    cases: list[tuple[str, str | None, list[tuple[str, str]], str, str, int]] = [
        (
            address,
            admin_key,
            [("king", "attack")],
            "now",
            "king: This call has no such parameter. Did you mean kind?",
            2,
        ),
        (
            address,
            admin_key,
            [("change", "x")],
            "now",
            "change: That value is not in the vocabulary. Allowed: created, ",
            2,
        ),
        (address, admin_key, [], "e1-000000000009", "That cursor is ahead", 2),
        (address, admin_key, [], "nonsense", "That is not a cursor", 2),
        (address, admin_key + "0", [], "now", "The server wants another key: set", 1),
        (address, None, [], "now", "The server wants a key: set", 1),
        (f"{address}/nowhere", admin_key, [], "now", f"There is no Sitrep at {address}/nowhere", 1),
        (f"{address}/livez?", admin_key, [], "now", f"What answers at {address}/livez? is not Sitrep.", 2),
        ("ftp://example.org", None, [], "now", "ftp://example.org is not an address like", 2),
    ]
    for url, key, filters, after, text, status in cases:
        feed = ServerFeed(url, key, filters, print)
        with pytest.raises(ServerRefused) as refused:
            await take(feed, after, 1)
        assert str(refused.value).startswith(text)
        assert refused.value.status == status
        if filters or after != "now":  # which the check before a secret is printed does not look at
            continue
        with pytest.raises(ServerRefused, match=re.escape(text)):
            await feed.check()


def test_what_steers_a_terminal_is_shown() -> None:
    assert escape("\x1b[2J \u202etxt\u2069 Київ \u200c") == "<U+001B>[2J <U+202E>txt<U+2069> Київ \u200c"


async def test_a_receiver_gets_what_a_webhook_brings(
    make_event: MakeEvent, follow: Callable[..., Started], server: AsyncClient, tmp_path: Path
) -> None:
    async with receiving() as receiver:
        secret_file = tmp_path / "secret"
        started = follow(
            "subscribe", "--forward", receiver.url().removeprefix("http://"), "tag=mine", "--after", "oldest",
            "--secret-file", str(secret_file),
        )  # fmt: skip
        await written(server, make_event())
        await written(server, make_event(tags=["mine"]))
        await receiver.until(lambda: len(receiver.received) == 1)
        await started.until(lambda: "[200]" in started.out)
        assert await started.stop() == 0

    secret = secret_file.read_text().strip()
    [received] = receiver.received
    received.verify(secret)
    [item] = await items_of(server, "&tag=mine")
    assert received.body == item
    assert received.headers["content-type"] == "application/cloudevents+json"
    assert (received.headers["webhook-attempt"], received.headers["webhook-generation"]) == ("1", "0")
    head, told, row = started.out.splitlines()
    assert head == f"Sending changes of {server.base_url} to {receiver.url()}"
    assert told == f"Their secret is {secret}"
    assert re.fullmatch(rf"[0-9:]{{8}} \[200\] attack.created {received.id} \d+ ms", row)
    assert max(map(len, (head, told, row))) <= 80
    assert started.err == f"sitrep: Stopped. Go on with --after {received.id}.\n"
    assert secret_file.stat().st_mode & 0o777 == 0o600
    assert good(await server.get("/v1/subscriptions"))["items"] == []


async def test_a_receiver_that_is_down_is_tried_a_few_times_and_the_next_change_comes(
    server: AsyncClient, admin_key: str, make_event: MakeEvent, capsys: pytest.CaptureFixture[str]
) -> None:
    for n in range(2):
        await written(server, make_event(title=f"{n}"))
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    statuses = [500] * 5 + [301, 429, 204]
    async with receiving(lambda _received: statuses[len(receiver.received) - 1]) as receiver:
        feed = ServerFeed(str(server.base_url), admin_key, [], print)
        secret = "whsec_" + "A" * 44
        relaying = asyncio.create_task(forward_changes(feed, "oldest", receiver.url(), secret, sleep=sleep))
        told = ""

        def is_through() -> bool:
            nonlocal told
            told += capsys.readouterr().out
            return "[204]" in told

        await receiver.until(is_through)
        relaying.cancel()
        await asyncio.wait({relaying})

    assert [each.headers["webhook-attempt"] for each in receiver.received] == [*"12345", *"123"]
    assert len({each.id for each in receiver.received[:5]}) == 1
    assert slept == [*PAUSES_S, *PAUSES_S[:2]]
    assert [line[9:14] for line in told.splitlines()] == [f"[{status}]" for status in statuses]
    assert "; given up" in told.splitlines()[4]
