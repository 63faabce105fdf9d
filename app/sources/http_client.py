"""Sends requests of sources: every address is vetted in the step that dials it, and so is each redirect."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urldefrag, urljoin, urlsplit

import httpx

from app.auth.keys import utc_now
from app.sources.failures import TRIES, FetchFailed, describe, describe_refusal
from app.subscriptions.transport.dns import Resolve, resolve_by_system
from app.subscriptions.transport.http_client import trust_system
from app.subscriptions.transport.ip_ranges import Address
from app.subscriptions.transport.url_guard import (
    TargetPolicy,
    TargetRefused,
    WebhookUrl,
    check_addresses,
    parse_webhook_url,
)

MAX_REDIRECTS = 5
MAX_ADDRESSES = 4
IDLE_TIMEOUT = httpx.Timeout(60.0, connect=15.0)
CONDITIONS = {"range", "if-range", "if-none-match", "if-modified-since"}
MAX_ANSWER_BYTES = 1024**2
REDIRECTS = {301, 302, 303, 307, 308}


@dataclass(frozen=True)
class FetchTools:
    """What a download needs of the world: name look-ups, pauses, the time, chance, and whom to trust."""

    resolve: Resolve = resolve_by_system
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    now: Callable[[], datetime] = utc_now
    chance: Callable[[], float] = random.random
    ssl: ssl.SSLContext | None = None


@dataclass
class GuardedClient:
    """Asks the hosts that the policy allows; no proxies, cookies or credentials from the environment."""

    policy: TargetPolicy
    tools: FetchTools
    _clients: dict[tuple[str, str, int], httpx.AsyncClient] = field(default_factory=dict)

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    @asynccontextmanager
    async def open(
        self, url: str, headers: Mapping[str, str], *, form: Mapping[str, str] | None = None
    ) -> AsyncIterator[httpx.Response]:
        """Give the answer to a request, whose body is not read yet, after its redirects, each of which is vetted."""
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._send(url, headers, form)
            try:
                location = response.headers.get("location")
                if response.status_code not in REDIRECTS or location is None or form is not None:
                    if response.status_code >= 400 or (form is not None and response.status_code != 200):
                        raise FetchFailed.of(response, url, self.tools.now())
                    yield response
                    return
            finally:
                await response.aclose()
            following = urldefrag(urljoin(url, location))[0]
            if origin(following) != origin(url):
                headers = {name: value for name, value in headers.items() if name in CONDITIONS}
            url = following
        raise FetchFailed(f"{describe(url)} is the end of more than {MAX_REDIRECTS} redirects.")

    async def _send(self, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None) -> httpx.Response:
        """Send one request to the first vetted address that takes a connection, and wait for the head of its answer."""
        try:
            target = parse_webhook_url(url, self.policy)
            addresses = check_addresses(await self._find(target), target, self.policy)[:MAX_ADDRESSES]
        except TargetRefused as refusal:
            raise FetchFailed(describe_refusal(url, refusal)) from None
        client = self._client(target)
        for left, address in enumerate(reversed(addresses)):
            request = client.build_request(
                "GET" if form is None else "POST",
                dial(target, address),
                headers={**headers, "host": urlsplit(target.url).netloc, "accept-encoding": "identity"},
                data=form,
                extensions={"sni_hostname": target.host},
            )
            try:
                return await client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as fault:
                if left == len(addresses) - 1:
                    raise FetchFailed(f"{describe(url)} cannot be reached: {reason(fault)}.", tries=TRIES) from fault
            except httpx.TransportError as fault:
                raise FetchFailed(f"{describe(url)} did not answer: {reason(fault)}.", tries=TRIES) from fault
        raise FetchFailed(f"{describe(url)} has no address in DNS.", tries=TRIES)

    async def _find(self, target: WebhookUrl) -> list[Address]:
        if target.literal:
            return [target.literal]
        try:
            return await self.tools.resolve(target.host, target.port)
        except OSError:
            return []

    def _client(self, target: WebhookUrl) -> httpx.AsyncClient:
        """Keep connections apart by host: those to one address may have proved another host's name."""
        key = target.scheme, target.host, target.port
        if key not in self._clients:
            self._clients[key] = httpx.AsyncClient(
                verify=self.tools.ssl or trust_system(),
                trust_env=False,
                follow_redirects=False,
                timeout=IDLE_TIMEOUT,
                headers={"user-agent": "sitrep/1"},
            )
        return self._clients[key]


def dial(target: WebhookUrl, address: Address) -> str:
    """Put the vetted address in the place of the name, so that no second look-up can lead elsewhere."""
    host = f"[{address}]" if address.version == 6 else str(address)
    return target.url.replace(urlsplit(target.url).netloc, f"{host}:{target.port}", 1)


def origin(url: str) -> tuple[str, str]:
    """Scheme, and host with port."""
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()


def reason(fault: Exception) -> str:
    """Say a fault of the network in a few words, without the address that was dialled."""
    if isinstance(fault, httpx.TimeoutException):
        return "it took too long"
    return str(fault).strip().partition("\n")[0].rstrip(".") or type(fault).__name__


async def read_answer(response: httpx.Response, url: str) -> bytes:
    """Read the body of a short answer."""
    body = bytearray()
    try:
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > MAX_ANSWER_BYTES:
                raise FetchFailed(f"{describe(url)} answered at too great a length.")
    except (httpx.TransportError, httpx.DecodingError) as fault:
        raise FetchFailed(f"{describe(url)} broke off.", tries=TRIES) from fault
    return bytes(body)
