"""Asks the system for the addresses of a name, so that one name that hangs delays nobody but those who ask for it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from ipaddress import ip_address

from app.subscriptions.transport.ip_ranges import Address

Resolve = Callable[[str, int], Awaitable[list[Address]]]

# Look-ups that may hang at once, in all; each has a thread of its own, which no time limit can end.
MAX_CONCURRENT = 256
_free = threading.BoundedSemaphore(MAX_CONCURRENT)


async def resolve_by_system(host: str, port: int) -> list[Address]:
    """All addresses that the system's resolver knows of; raises OSError if there are none, or too many hang."""
    if not _free.acquire(blocking=False):
        raise socket.gaierror(socket.EAI_AGAIN, "too many look-ups hang")
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[Address]] = loop.create_future()

    def look_up() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
            addresses, fault = [ip_address(sockaddr[0]) for *_, sockaddr in answers], None
        except (OSError, ValueError) as error:  # ValueError: an address with a zone
            addresses, fault = [], error if isinstance(error, OSError) else socket.gaierror(socket.EAI_FAIL, "odd")
        finally:
            _free.release()
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(resolve_future, found, addresses, fault)

    threading.Thread(target=look_up, name="sitrep-dns", daemon=True).start()
    return await found


def resolve_future(found: asyncio.Future[list[Address]], addresses: list[Address], fault: OSError | None) -> None:
    """Hand over what was found, if anybody still waits for it."""
    if found.done():
        return
    if fault is not None:
        found.set_exception(fault)
    else:
        found.set_result(addresses)


class CoalescingResolver:
    """The look-ups of one sender: those who wait for the same name share one, however long it hangs."""

    def __init__(self, resolve: Resolve) -> None:
        """Ask this resolver."""
        self._resolve = resolve
        self._asked: dict[tuple[str, int], asyncio.Future[list[Address]]] = {}

    async def ask(self, host: str, port: int) -> list[Address]:
        """All addresses of the name; who waits no longer leaves the question to the others."""
        key = host, port
        if key not in self._asked:
            self._asked[key] = asyncio.ensure_future(self._resolve(host, port))
            self._asked[key].add_done_callback(lambda asked: self._forget_lookup(key, asked))
        return await asyncio.shield(self._asked[key])

    def close(self) -> None:
        """Wait for no answer."""
        for asked in self._asked.values():
            asked.cancel()

    def _forget_lookup(self, key: tuple[str, int], asked: asyncio.Future[list[Address]]) -> None:
        """The next asks anew; a fault that nobody waited for is none."""
        self._asked.pop(key, None)
        if not asked.cancelled():
            asked.exception()
