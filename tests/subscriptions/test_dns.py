"""Names that hang: they delay nobody but those who ask for them, and not even these more than once."""

from __future__ import annotations

import asyncio
import socket
import threading
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

import pytest

from app.subscriptions.transport.dns import MAX_CONCURRENT, CoalescingResolver, resolve_by_system
from app.subscriptions.transport.http_client import WebhookClient
from app.subscriptions.transport.url_guard import TargetPolicy

if TYPE_CHECKING:
    from app.subscriptions.transport.ip_ranges import Address

LOOPBACK = ip_address("127.0.0.1")


async def test_posts_that_wait_for_one_name_ask_once_however_long_it_hangs() -> None:
    asked, hangs = [], asyncio.Event()

    async def resolve(host: str, port: int) -> list[Address]:
        asked.append((host, port))
        await hangs.wait()
        return [LOOPBACK]

    sender = WebhookClient(TargetPolicy(private=(ip_network("127.0.0.0/8"),), http=True), 8, resolve)
    posts = [sender.post("http://slow.example.org:9/", b"", "", 0.05) for _ in range(8)]
    replies = [*await asyncio.gather(*posts), await sender.post("http://slow.example.org:9/", b"", "", 0.05)]
    await sender.close()

    assert {reply.error for reply in replies} == {"timeout"}
    assert len(asked) == 1


async def test_the_next_asks_anew_once_there_was_an_answer() -> None:
    answers = [[LOOPBACK], [ip_address("127.0.0.2")]]

    async def resolve(_host: str, _port: int) -> list[Address]:
        await asyncio.sleep(0)
        return answers.pop(0)

    questions = CoalescingResolver(resolve)
    first, second = await asyncio.gather(questions.ask("a", 1), questions.ask("a", 1))
    assert first == second == [LOOPBACK]
    assert await questions.ask("a", 1) == [ip_address("127.0.0.2")]


async def test_a_hundred_names_that_hang_leave_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()
    plain = socket.getaddrinfo

    def slow(host: str, *rest: object, **more: object) -> object:
        if host.startswith("slow"):
            free.wait(120)
        return plain("127.0.0.1", *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", slow)  # the system's resolver, which no test may ask
    hanging = [asyncio.ensure_future(resolve_by_system(f"slow{n}.example.org", 443)) for n in range(100)]
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(60):
            assert await resolve_by_system("quick.example.org", 443) == [LOOPBACK]
        assert not any(asked.done() for asked in hanging)
        more = [asyncio.ensure_future(resolve_by_system(f"slow{n}.example.org", 443)) for n in range(MAX_CONCURRENT)]
        await asyncio.sleep(0)
        with pytest.raises(socket.gaierror):
            await resolve_by_system("quick.example.org", 443)
    finally:
        free.set()
    await asyncio.gather(*hanging, *more, return_exceptions=True)
    assert await resolve_by_system("quick.example.org", 443) == [LOOPBACK]


async def test_a_name_that_does_not_exist_is_told_as_such() -> None:
    with pytest.raises(socket.gaierror):
        await resolve_by_system("nowhere.invalid", 443)
