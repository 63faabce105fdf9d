"""The one place that opens connections to webhook endpoints: each address is vetted in the step that dials it."""

from __future__ import annotations

import asyncio
import socket
import ssl as tls
from asyncio import TimerHandle
from functools import cache
from ssl import SSLContext, SSLError
from time import perf_counter
from typing import Literal, NamedTuple

from app.subscriptions.transport.dns import CoalescingResolver, Resolve, resolve_by_system
from app.subscriptions.transport.http_connection import PIECE, Connection, HttpResult, open_request
from app.subscriptions.transport.ip_ranges import Address
from app.subscriptions.transport.url_guard import (
    TargetPolicy,
    TargetRefused,
    WebhookUrl,
    check_addresses,
    parse_webhook_url,
)

Failure = Literal["status", "timeout", "dns", "refused-address", "tls", "connect"]

# How long the creator of a subscription waits for DNS.
DNS_TIMEOUT_S = 2.0
# How long a connection waits for the next post.
IDLE_TIMEOUT_S = 15.0
# How many addresses of a name are tried in one post, and how long each may take, unless it is the last.
MAX_TRIES = 8
CONNECT_TIMEOUT_S = 5.0


class WebhookReply(NamedTuple):
    """What an endpoint did with one post; `error` is None for 2xx only, `retry_after` is set for 429 and 503 only."""

    status: int | None
    duration_ms: int
    error: Failure | None
    retry_after: str | None


async def check(
    url: str, rules: TargetPolicy, resolve: Resolve = resolve_by_system, patience_s: float = DNS_TIMEOUT_S
) -> None:
    """Refuse a URL that could not be sent to, as far as can be told today; raises RefusedTarget.

    A name that does not resolve passes: it may tomorrow. Only if it must lead into a private network is it refused.
    """
    target = parse_webhook_url(url, rules)
    if target.literal:
        return
    try:
        async with asyncio.timeout(patience_s):
            addresses = await resolve(target.host, target.port)
    except OSError:  # a TimeoutError is one, too
        addresses = []
    if check_addresses(addresses, target, rules) == [] and target.only_private:
        raise TargetRefused(target.only_private)


@cache
def trust_system() -> SSLContext:
    """The system's authorities, read once, and HTTP/1.1 as the only protocol."""
    context = tls.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class WebhookClient:
    """Posts to the endpoint of one subscription, over at most `limit` connections of its own.

    No redirects, cookies, proxies or credentials from the environment. `ssl` replaces the system's authorities.
    """

    def __init__(
        self, rules: TargetPolicy, limit: int, resolve: Resolve = resolve_by_system, *, ssl: SSLContext | None = None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._rules = rules
        self._names = CoalescingResolver(resolve)
        self._ssl = ssl
        self._piece = bytearray(PIECE)
        self._slots = asyncio.Semaphore(limit)
        self._busy: dict[Connection, float] = {}  # with the time by which an answer must have ended
        self._idle: list[Connection] = []  # the one that was used last stands last
        self._sweep: TimerHandle | None = None
        self._watch: TimerHandle | None = None
        self._watch_at = 0.0
        self._read: tuple[str, WebhookUrl, str] | None = None
        self._is_closed = False

    async def post(self, url: str, body: bytes, fields: str, timeout_s: float) -> WebhookReply:
        """Post once and say what came of it, at the latest after `timeout_s`; nothing the endpoint does raises.

        `fields` are header lines, each with its end, in printable ASCII. An answer counts when it has ended or MOST of
        it was read; one that goes on for longer timed out.
        """
        started = perf_counter()
        status, error, retry_after = None, None, None
        try:
            target, opening = self._look_at(url)
            request = f"{opening}{fields}content-length: {len(body)}\r\n\r\n".encode("ascii") + body
            deadline = self._loop.time() + timeout_s
            await (self._wait_for_slot(deadline) if self._slots.locked() else self._slots.acquire())
            try:
                answer = None
                connection = self._take_idle(target)
                if connection is not None:
                    self._begin(connection, deadline)
                    try:
                        answer = await connection.ask(request)
                    except OSError as fault:
                        self._insist(connection, fault)
                    finally:
                        self._end(connection)
                answer = answer or await self._ask_anew(target, request, deadline)
            finally:
                self._slots.release()
        except (TargetRefused, OSError) as fault:
            error = name_failure(fault)
        else:
            status = answer.status
            error = None if 200 <= status < 300 else "status"
            retry_after = answer.retry_after if status in {429, 503} else None
        return WebhookReply(status, round((perf_counter() - started) * 1000), error, retry_after)

    async def close(self) -> None:
        """Close all connections; posts that are on their way fail."""
        self._is_closed = True
        self._names.close()
        for timer in (self._sweep, self._watch):
            if timer:
                timer.cancel()
        for connection in (*self._idle, *self._busy):
            connection.close()
        self._idle.clear()
        await asyncio.sleep(0)  # the loop closes the sockets

    def _look_at(self, url: str) -> tuple[WebhookUrl, str]:
        """The target, read once for as long as the URL stays the same, and how requests to it start."""
        if self._read is None or self._read[0] != url:
            target = parse_webhook_url(url, self._rules)
            self._read = url, target, open_request(target)
        return self._read[1:]

    async def _wait_for_slot(self, deadline: float) -> None:
        async with asyncio.timeout_at(deadline):
            await self._slots.acquire()

    def _insist(self, connection: Connection, fault: OSError) -> None:
        """Raise the fault, unless the endpoint closed a connection that was at rest just when it was used again.

        That is nobody's failure, so the post goes out once more, over a new one.
        """
        if isinstance(fault, TimeoutError) or connection.received or self._is_closed:
            raise fault

    async def _ask_anew(self, target: WebhookUrl, request: bytes, deadline: float) -> HttpResult:
        """The answer over a new connection."""
        async with asyncio.timeout_at(deadline):
            connection = await self._dial(target, deadline)
        self._begin(connection, deadline)
        try:
            return await connection.ask(request)
        finally:
            self._end(connection)

    def _begin(self, connection: Connection, deadline: float) -> None:
        """The connection is in use, until its answer has ended or is late."""
        self._busy[connection] = deadline
        self._watch_until(deadline)

    def _end(self, connection: Connection) -> None:
        """The connection is kept if it can be used again."""
        del self._busy[connection]
        if connection.is_reusable and not self._is_closed:
            self._keep(connection)
        else:
            connection.close()

    def _watch_until(self, deadline: float) -> None:
        """Look then for answers that are late: one timer for all, as nearly every answer comes in time."""
        if self._watch is not None:
            if self._watch_at <= deadline:
                return
            self._watch.cancel()
        self._watch, self._watch_at = self._loop.call_at(deadline, self._end_late), deadline

    def _end_late(self) -> None:
        """Wait no longer for what is late, and come again for the next."""
        self._watch = None
        now = self._loop.time()
        for connection, deadline in list(self._busy.items()):
            if deadline <= now:
                connection.give_up()
            else:
                self._watch_until(deadline)

    def _take_idle(self, target: WebhookUrl) -> Connection | None:
        """The connection to the target that was used last; those that are of no more use are closed."""
        while self._idle:
            connection = self._idle.pop()
            if leads_to(connection, target) and connection.is_silent():
                return connection
            connection.close()
        return None

    def _keep(self, connection: Connection) -> None:
        """Have the connection wait for the next post."""
        connection.idle_since = self._loop.time()
        self._idle.append(connection)
        if self._sweep is None:
            self._sweep = self._loop.call_later(IDLE_TIMEOUT_S, self._close_idle)

    def _close_idle(self) -> None:
        """Close the connections that have waited for long enough, and come again for the next."""
        while self._idle and self._idle[0].idle_since + IDLE_TIMEOUT_S <= self._loop.time():
            self._idle.pop(0).close()
        self._sweep = (
            self._loop.call_at(self._idle[0].idle_since + IDLE_TIMEOUT_S, self._close_idle) if self._idle else None
        )

    async def _dial(self, target: WebhookUrl, deadline: float) -> Connection:
        """A new connection to the first vetted address that takes one; all but the last have a share of the time."""
        addresses = check_addresses(await self._find(target), target, self._rules)[:MAX_TRIES]
        for left in range(len(addresses), 1, -1):
            share = min(CONNECT_TIMEOUT_S, (deadline - self._loop.time()) / left)
            try:
                async with asyncio.timeout(share):
                    return await self._open(target, addresses[-left])
            except OSError:
                continue
        return await self._open(target, addresses[-1])

    async def _find(self, target: WebhookUrl) -> list[Address]:
        """All addresses of the target; none is a failure of DNS."""
        if target.literal:
            return [target.literal]
        try:
            addresses = await self._names.ask(target.host, target.port)
        except OSError as fault:
            raise socket.gaierror(socket.EAI_FAIL, "cannot resolve") from fault
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no addresses")
        return addresses

    async def _open(self, target: WebhookUrl, address: Address) -> Connection:
        """A connection to the address, which is dialled as it stands; over TLS, to who can prove the URL's name."""
        secure = target.scheme == "https"
        _, connection = await self._loop.create_connection(
            lambda: Connection(target, self._loop, self._piece),
            str(address),
            target.port,
            flags=socket.AI_NUMERICHOST,
            ssl=(self._ssl or trust_system()) if secure else None,
            server_hostname=target.host if secure else None,
        )
        # TLS may say more after its handshake, for itself.
        if self._is_closed or not (secure or connection.is_silent()):
            connection.close()
            raise ConnectionError
        return connection


def leads_to(connection: Connection, target: WebhookUrl) -> bool:
    """It was opened for the target, or for another at the same place."""
    former = connection.target
    return former is target or (former.scheme, former.host, former.port) == (target.scheme, target.host, target.port)


def name_failure(fault: Exception) -> Failure:
    """The class of what went wrong; never what the peer said."""
    match fault:
        case TargetRefused():
            return "refused-address"
        case socket.gaierror():
            return "dns"
        case SSLError():
            return "tls"
        case TimeoutError():
            return "timeout"
        case _:
            return "connect"
