"""The one place that opens connections to webhook endpoints: each address is vetted in the step that dials it."""

import asyncio
import socket
from asyncio import Transport
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import ip_address
from ssl import SSLContext, SSLError
from time import perf_counter
from typing import Literal, TypeGuard, cast
from weakref import WeakKeyDictionary

from aiohttp import (
    AddrInfoType,
    ClientConnectionResetError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientOSError,
    ClientResponse,
    ClientSession,
    ClientSSLError,
    ClientTimeout,
    DummyCookieJar,
    ServerDisconnectedError,
    TCPConnector,
)
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.base_protocol import BaseProtocol
from aiohttp.connector import Connection
from yarl import URL

from app.subscriptions.addresses import Address
from app.subscriptions.targets import RefusedTarget, Rules, Target, read_target, vet

Resolve = Callable[[str, int], Awaitable[list[Address]]]
Failure = Literal["status", "timeout", "dns", "refused-address", "tls", "connect"]

# How much of an answer's body is read, as it comes over the wire: it is thrown away, only its end matters.
MOST = 64 * 1024
# What the system takes from a peer before anybody reads it, so that a flood waits at the other end.
RECEIVE_BUFFER = 32 * 1024
# How long the creator of a subscription waits for DNS.
PATIENCE_S = 2.0

HEADERS = {"user-agent": "sitrep/1", "accept": "*/*", "accept-encoding": "identity"}
NO_TIMEOUT = ClientTimeout()


@dataclass(frozen=True, slots=True)
class Reply:
    """What an endpoint did with one post; `error` is None for 2xx only, `retry_after` is set for 429 and 503 only."""

    status: int | None
    duration_ms: int
    error: Failure | None
    retry_after: str | None


@dataclass(slots=True)
class Attempt:
    """One try to post: where to, and whether it opened a connection or was given one that had been used."""

    target: Target
    dialled: bool = False


# The attempt on whose behalf aiohttp resolves and dials: neither of its seams is told the scheme.
ATTEMPT: ContextVar[Attempt] = ContextVar("attempt")


async def ask_system(host: str, port: int) -> list[Address]:
    """All addresses that the system's resolver knows of; raises OSError if there are none."""
    loop = asyncio.get_running_loop()
    answers = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [ip_address(sockaddr[0]) for *_, sockaddr in answers]


async def check(url: str, rules: Rules, resolve: Resolve = ask_system, patience_s: float = PATIENCE_S) -> None:
    """Refuse a URL that could not be sent to, as far as can be told today; raises RefusedTarget.

    A name that does not resolve passes: it may tomorrow. Only if it must lead into a private network is it refused.
    """
    target = read_target(url, rules)
    if target.literal:
        return
    try:
        async with asyncio.timeout(patience_s):
            addresses = await resolve(target.host, target.port)
    except OSError:  # a TimeoutError is one, too
        addresses = []
    if vet(addresses, target, rules) == [] and target.only_private:
        raise RefusedTarget(target.only_private)


class Guard(AbstractResolver):
    """What aiohttp asks for addresses and for sockets; neither comes back for an address that is refused."""

    def __init__(self, rules: Rules, resolve: Resolve) -> None:
        self._rules = rules
        self._resolve = resolve

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Every address of a name, all of them vetted."""
        del family
        addresses = vet(await self._resolve(host, port), ATTEMPT.get().target, self._rules)
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no addresses")
        return [as_answer(host, port, address) for address in addresses]

    def open_socket(self, info: AddrInfoType) -> socket.socket:
        """A socket to dial one address with; addresses in URLs come here without having been resolved."""
        family, kind, protocol, _, sockaddr = info
        attempt = ATTEMPT.get()
        vet([ip_address(sockaddr[0])], attempt.target, self._rules)
        attempt.dialled = True
        opened = socket.socket(family, kind, protocol)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        return opened

    async def close(self) -> None:
        """Nothing is held."""


def as_answer(host: str, port: int, address: Address) -> ResolveResult:
    """A resolved address as aiohttp wants it."""
    return {
        "hostname": host,
        "host": str(address),
        "port": port,
        "family": socket.AF_INET if address.version == 4 else socket.AF_INET6,
        "proto": 0,
        "flags": socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    }


# Whose turn it is on a connection, or was last.
TURNS: WeakKeyDictionary[BaseProtocol, object] = WeakKeyDictionary()


class Answer(ClientResponse):
    """An answer after which its connection is deaf until it is used again.

    aiohttp goes on parsing what an endpoint sends unasked, and keeps it: 5 MB of such answers took 200 MB.
    """

    _turn: tuple[BaseProtocol, object] | None = None

    async def start(self, connection: Connection) -> ClientResponse:
        """Listen to the connection from now on."""
        protocol = connection.protocol
        if protocol is not None and is_open(protocol.transport):
            protocol.transport.resume_reading()
            self._turn = protocol, object()
            TURNS[protocol] = self._turn[1]
        return await super().start(connection)

    def leave(self) -> None:
        """Give the connection back; it is deafened only if it has not been given to another post since it was free."""
        self.release()
        if self._turn is None:
            return
        protocol, turn = self._turn
        if TURNS.get(protocol) is turn and is_open(protocol.transport):
            protocol.transport.pause_reading()


def is_open(transport: Transport | None) -> TypeGuard[Transport]:
    """Whether there is a connection yet, and still."""
    return transport is not None and not transport.is_closing()


class Sender:
    """Posts to the endpoint of one subscription, over at most `limit` connections of its own; made in a running loop.

    No redirects, cookies, proxies or credentials from the environment. `ssl` replaces the system's authorities.
    """

    def __init__(
        self, rules: Rules, limit: int, resolve: Resolve = ask_system, *, ssl: SSLContext | None = None
    ) -> None:
        guard = Guard(rules, resolve)
        connector = TCPConnector(
            resolver=guard, socket_factory=guard.open_socket, use_dns_cache=False, limit=limit, ssl=ssl or True
        )
        self._session = ClientSession(
            connector=connector,
            headers=HEADERS,
            cookie_jar=DummyCookieJar(),
            timeout=NO_TIMEOUT,
            auto_decompress=False,
            trust_env=False,
            response_class=Answer,
        )
        self._rules = rules
        self._read: tuple[str, Target, URL] | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> Reply:
        """Post once and say what came of it, at the latest after `timeout_s`; nothing the endpoint does raises.

        An answer counts when it has ended or MOST of its body was read; one that goes on for longer timed out.
        """
        started = perf_counter()
        status, error, retry_after = None, None, None
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._send(*self._look_at(url), body, headers)
                try:
                    await read_out(response)
                finally:
                    response.leave()
        except (RefusedTarget, ClientError, OSError) as fault:
            error = name_failure(fault)
        else:
            status = response.status
            error = None if 200 <= status < 300 else "status"
            retry_after = response.headers.get("retry-after") if status in {429, 503} else None
        return Reply(status, round((perf_counter() - started) * 1000), error, retry_after)

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    def _look_at(self, url: str) -> tuple[Target, URL]:
        """The target, read once for as long as the URL stays the same."""
        if self._read is None or self._read[0] != url:
            target = read_target(url, self._rules)
            self._read = url, target, as_yarl(target)
        return self._read[1:]

    async def _send(self, target: Target, url: URL, body: bytes, headers: Mapping[str, str]) -> Answer:
        """The head of the answer.

        An endpoint may close a connection just when it is used again. That is nobody's failure, so the post goes
        out over the next one; the last of them is new.
        """
        while True:
            attempt = Attempt(target)
            ATTEMPT.set(attempt)
            try:
                response = await self._session.post(url, data=body, headers=headers, allow_redirects=False)
                return cast("Answer", response)
            except ClientConnectorError:
                raise
            except (ClientOSError, ClientConnectionResetError, ServerDisconnectedError):
                if attempt.dialled or self._session.closed:
                    raise


def as_yarl(target: Target) -> URL:
    """The URL as aiohttp wants it; raises RefusedTarget should its parser see another host in it than ours."""
    url = URL(target.url, encoded=True)
    if (url.scheme, url.raw_host, url.port) != (target.scheme, target.host, target.port):
        raise RefusedTarget("form")
    return url


async def read_out(response: ClientResponse) -> None:
    """Read the body to its end, so that the connection can be used again; one that is too long or cut short is left."""
    room = MOST
    try:
        while room >= 0 and not response.content.at_eof():
            room -= len(await response.content.readany())
    except (ClientError, ConnectionError):
        return


def name_failure(fault: Exception) -> Failure:
    """The class of what went wrong; never what the peer said."""
    match fault:
        case RefusedTarget():
            return "refused-address"
        case ClientConnectorDNSError():
            return "dns"
        case ClientSSLError():
            return "tls"
        case _ if isinstance(fault.__cause__, SSLError):
            return "tls"
        case TimeoutError():
            return "timeout"
        case _:
            return "connect"
