"""How often: failed authentications of an address, and requests of a key or an address."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# How many addresses or keys one table remembers; the one unseen longest is forgotten first.
CAPACITY = 10_000

# Where in the ASGI scope the header fields of the request's quota wait for its answer.
QUOTA_SCOPE_KEY = "sitrep.quota"


class FailureWindow:
    """A sliding window that allows an address so many failures in so many seconds."""

    def __init__(self, allowed: int = 20, seconds: float = 60.0, capacity: int = CAPACITY) -> None:
        """Remember at most `capacity` addresses with `allowed` instants each."""
        self._allowed = allowed
        self._seconds = seconds
        self._capacity = capacity
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def count(self, address: str, now: float) -> float:
        """Count one failure: 0.0, or the seconds to wait when the allowance is used up.

        A failure that has to wait is not counted, so that the wait ends.
        """
        times = self._seen.setdefault(address, deque())
        self._seen.move_to_end(address)
        if len(self._seen) > self._capacity:
            self._seen.popitem(last=False)
        while times and times[0] <= now - self._seconds:
            times.popleft()
        if len(times) >= self._allowed:
            return times[0] + self._seconds - now
        times.append(now)
        return 0.0


@dataclass(frozen=True, slots=True)
class RateLimitResult:
    """What a bucket says to one request: may it pass, and what is left (times in seconds)."""

    allowed: bool
    remaining: int
    retry_after: int
    full_after: int


class TokenBucket:
    """Token buckets: `n` requests at once, refilled at `n` in `seconds`."""

    def __init__(self, n: int, seconds: float, capacity: int = CAPACITY) -> None:
        """Keep one bucket for each of at most `capacity` callers."""
        self.n = n
        self.seconds = seconds
        self._capacity = capacity
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str, now: float) -> RateLimitResult:
        """Take one token from the caller's bucket, if there is one."""
        tokens, at = self._buckets.pop(caller, (float(self.n), now))
        tokens = min(self.n, tokens + max(0.0, now - at) * self.n / self.seconds)
        # A token that is one rounding error short counts: the caller waited as it was told to.
        allowed = tokens > 1 - 1e-9
        tokens = max(0.0, tokens - 1) if allowed else tokens
        self._buckets[caller] = (tokens, now)
        if len(self._buckets) > self._capacity:
            self._buckets.popitem(last=False)
        return RateLimitResult(allowed, int(tokens + 1e-9), self._until(1, tokens), self._until(self.n, tokens))

    def _until(self, wanted: float, tokens: float) -> int:
        return max(0, math.ceil((wanted - tokens) * self.seconds / self.n - 1e-9))


def rate_limit_headers(policy: str, quota: TokenBucket, taken: RateLimitResult) -> dict[str, str]:
    """`RateLimit` and `RateLimit-Policy` as structured fields.

    Source: draft-ietf-httpapi-ratelimit-headers-10: `q` requests in `w` seconds, `r` left,
    `t` seconds until all of them are back.
    """
    return {
        "RateLimit-Policy": f'"{policy}";q={quota.n};w={math.ceil(quota.seconds)}',
        "RateLimit": f'"{policy}";r={taken.remaining};t={taken.full_after}',
    }


@lru_cache(maxsize=4096)
def client_network(host: str) -> str:
    """Give the part of an address that one subscriber holds: IPv4 whole, IPv6 its first 64 bits."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> 64 << 64)}/64"


class RateLimitHeadersMiddleware:
    """An ASGI wrapper that adds the `RateLimit` fields to answers that no cache may store."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fields: dict[str, str] = {}

        async def send_with_fields(message: Message) -> None:
            if message["type"] == "http.response.start" and fields:
                headers = MutableHeaders(scope=message)
                if not is_cacheable(headers.get("cache-control", "")):
                    headers.update(fields)
            await send(message)

        scope[QUOTA_SCOPE_KEY] = fields
        await self.app(scope, receive, send_with_fields)


def is_cacheable(cache_control: str) -> bool:
    """Whether a cache may answer again with this without asking."""
    words = {word.strip().partition("=")[0].lower() for word in cache_control.split(",")}
    return not words & {"no-store", "no-cache"} and bool(words & {"max-age", "s-maxage", "public", "immutable"})
