"""Who is asking, and may they: every request with a key comes through here."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from app.auth.feed_token_middleware import feed_token
from app.auth.feed_tokens import find_feed_token, record_token_use
from app.auth.key_format import FEED_TOKEN, parse_key
from app.auth.keys import REMEMBERED_S, Clock, find_key, utc_now
from app.auth.last_used import LastUsedRecorder
from app.auth.rate_limit import (
    CAPACITY,
    QUOTA_SCOPE_KEY,
    FailureWindow,
    RateLimitResult,
    TokenBucket,
    client_network,
    rate_limit_headers,
)
from app.auth.tables import ANONYMOUS, Key, Scope, StoredKey, rejection_reason
from app.db import Database
from app.db.heavy_queries import HeavyQueryLimiter
from app.errors import Forbidden, TooManyRequests, Unauthorized
from app.http import FromServices
from app.settings import Settings

CHALLENGE = 'Bearer realm="sitrep"'
INVALID_TOKEN_CHALLENGE = CHALLENGE + ', error="invalid_token"'
# Where a request within a request says who was let in, and is counted no more.
ADMITTED = "sitrep.admitted"
CALLER_SCOPE_KEY = "sitrep.caller"
# Where one who was refused ahead of the app is told so by it.
REFUSED = "sitrep.refused"
BEARER = re.compile(r"bearer +([^ ]+)", re.IGNORECASE)


class Authenticator:
    """The door of one process: it knows the keys, counts failures and requests, and notes when keys are used.

    `clock` tells the time of day for expiry, `ticks` runs evenly for the limits (seconds).
    The limits are kept in memory, so that each process of several counts for itself.
    """

    def __init__(
        self,
        db: Database,
        settings: Settings,
        *,
        clock: Clock = utc_now,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clock = clock
        self._db = db
        self._anonymous_read = settings.anonymous_read
        self._ticks = ticks
        self._failures = FailureWindow()
        limit = settings.rate_limit
        self._quota = None if limit is None else TokenBucket(limit.n, limit.s)
        self._uses = LastUsedRecorder(db)
        self._token_uses = LastUsedRecorder(db, record_token_use)
        self._asking: dict[str, asyncio.Task[StoredKey | None]] = {}
        self._remembered: dict[bytes, tuple[StoredKey, float]] = {}

    async def admit(self, connection: HTTPConnection, scope: Scope | None = None, *, anonymous: bool = False) -> Key:
        """Give the key of a request, if it has one that includes `scope` (None: any good key).

        `anonymous` lets a GET or HEAD without a key in where the settings allow that.
        Raises Unauthorized (401), Forbidden (403) or TooManyRequests (429).
        """
        if REFUSED in connection.scope:
            raise connection.scope[REFUSED]
        admitted: Key | None = connection.scope.get(ADMITTED)
        if admitted is not None and scope == "read":
            return admitted
        sent, token = connection.headers.getlist("authorization"), feed_token(connection.scope)
        if token is not None:
            return await self._admit_token(connection, token, alone=not sent)
        if not sent:
            return self._without_key(connection, anonymous=anonymous)
        stored = await self._authenticate(connection, sent)
        self._charge(connection, "key", stored.id)
        self._uses.note(stored, self.clock())
        if scope is not None and not stored.may(scope):
            raise forbidden(scope)
        return stored

    def readmit(self, scope: Mapping[str, Any], sent: bytes | None) -> dict[str, str] | None:
        """Let in a reader who was let in a moment ago, by its Authorization; None if `admit` must look.

        Gives the header fields of the reader's quota.
        """
        if scope.get(ADMITTED) is not None:
            return {}
        if sent is None:
            address = (scope.get("client") or ("",))[0]
            return self._take(f"address {client_network(address)}", "address") if self._anonymous_read else None
        stored = self._recall(sent)
        if stored is None:
            return None
        self._uses.note(stored, self.clock())
        return self._take(f"key {stored.id}", "key")

    async def close(self) -> None:
        """Finish noting uses, or drop them when the database is slow."""
        await self._uses.close()
        await self._token_uses.close()

    async def _admit_token(self, connection: HTTPConnection, text: str, *, alone: bool) -> StoredKey:
        """Give the token in the address of a feed as a key that may read; the owner's tokens share one quota."""
        if not alone:
            raise self._failed(connection, "Both a key and a token were sent; send one.")
        now, parts = self.clock(), parse_key(text, FEED_TOKEN)
        if parts is None:
            raise self._failed(connection, "The token is mistyped or cut off. Keys are not taken from an address.")
        found = await find_feed_token(self._db, parts[0], now)
        wrong = rejection_reason(None if found is None else found.token, parts[1], now, "token")
        if found is None or wrong is not None:
            raise self._failed(connection, wrong or "")
        if not found.owner_may_read:
            raise self._failed(connection, "The owner of the token has no valid key left.")
        self._charge(connection, "token", found.token.owner)
        self._token_uses.note(found.token, now)
        return found.token

    def _without_key(self, connection: HTTPConnection, *, anonymous: bool) -> Key:
        if not (anonymous and self._anonymous_read and connection.scope.get("method") in {"GET", "HEAD"}):
            raise Unauthorized("This needs a key: send `Authorization: Bearer sitrep_...`.")
        self._charge(connection, "address", client_network(client_address(connection)))
        return ANONYMOUS

    async def _authenticate(self, connection: HTTPConnection, sent: list[str]) -> StoredKey:
        known = self._recall(sent[0].encode("latin-1")) if len(sent) == 1 else None
        if known is not None:
            return known
        remembered, since = self._remembered, self._ticks()
        parts = read_authorization(sent)
        if isinstance(parts, str):
            raise self._failed(connection, parts)
        key_id, secret = parts
        stored = await self._find(key_id)
        wrong = rejection_reason(stored, secret, self.clock())
        if stored is None or wrong is not None:
            raise self._failed(connection, wrong or "")
        if len(remembered) >= CAPACITY:
            remembered.clear()
        remembered[digest(sent[0].encode("latin-1"))] = stored, since
        return stored

    def _recall(self, sent: bytes) -> StoredKey | None:
        """The key that this Authorization was found to hold a moment ago, unless it has expired."""
        found = self._remembered.get(digest(sent))
        if found is None or self._ticks() - found[1] >= REMEMBERED_S:
            return None
        stored = found[0]
        return None if stored.expires_at is not None and stored.expires_at <= self.clock() else stored

    async def _find(self, key_id: str) -> StoredKey | None:
        """The key as it stands now. Requests that come in the same round of the loop share one question to a server.

        The question is put after all of them came, so that a revocation holds for every later request.
        """
        if self._db.dialect == "sqlite":
            return await find_key(self._db, key_id)
        asking = self._asking.get(key_id)
        if asking is None:
            asking = self._asking[key_id] = asyncio.create_task(self._ask(key_id), name="find key")
        return await asyncio.shield(asking)

    async def _ask(self, key_id: str) -> StoredKey | None:
        del self._asking[key_id]  # the round is over: whoever comes from now on asks anew
        return await find_key(self._db, key_id)

    def _failed(self, connection: HTTPConnection, detail: str) -> Unauthorized | TooManyRequests:
        """Answer a bad key. Good keys from the same address keep working: they are looked up first."""
        wait = self._failures.count(client_network(client_address(connection)), self._ticks())
        if wait > 0:
            return TooManyRequests(
                "Too many failed authentications from this address.", headers={"Retry-After": str(int(wait) + 1)}
            )
        return Unauthorized(detail, headers={"WWW-Authenticate": INVALID_TOKEN_CHALLENGE})

    def _charge(self, connection: HTTPConnection, policy: str, caller: str) -> None:
        connection.scope[CALLER_SCOPE_KEY] = f"{policy} {caller}"
        if self._quota is None:
            return
        taken = self._quota.take(f"{policy} {caller}", self._ticks())
        headers = rate_limit_headers(policy, self._quota, taken)
        if not taken.allowed:
            raise rate_limit_exceeded(self._quota, taken, headers)
        connection.scope.get(QUOTA_SCOPE_KEY, {}).update(headers)

    def _take(self, caller: str, policy: str) -> dict[str, str] | None:
        """The header fields of the caller's quota, None when it is used up; nothing is taken then."""
        if self._quota is None:
            return {}
        taken = self._quota.take(caller, self._ticks())
        return rate_limit_headers(policy, self._quota, taken) if taken.allowed else None


class HeavyQueryMiddleware:
    """Wraps an ASGI app: what a GET reads counts as one question of its caller."""

    def __init__(self, app: ASGIApp, questions: HeavyQueryLimiter) -> None:
        self.app = app
        self._questions = questions

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        async with self._questions.ask(lambda: get_caller(scope), receive):
            await self.app(scope, receive, send)


@dataclass(frozen=True)
class RequireScope:
    """A dependency: the key of the request, which must include `scope` (None: any good key)."""

    scope: Scope | None
    anonymous: bool = False

    async def __call__(self, request: Request) -> Key:
        authenticator: Authenticator = request.app.state.services.authenticator
        return await authenticator.admit(request, self.scope, anonymous=self.anonymous)


AuthenticatorDep = Annotated[Authenticator, Depends(FromServices("authenticator"))]
ReadKey = Annotated[Key, Depends(RequireScope("read", anonymous=True))]
PersonalReadKey = Annotated[Key, Depends(RequireScope("read"))]
WriteKey = Annotated[Key, Depends(RequireScope("write"))]
SubscribeKey = Annotated[Key, Depends(RequireScope("subscribe"))]
AdminKey = Annotated[Key, Depends(RequireScope("admin"))]
MeKey = Annotated[Key, Depends(RequireScope(None))]


def digest(sent: bytes) -> bytes:
    """What stands for an Authorization in memory, so that no secret lies there."""
    return hashlib.sha256(sent).digest()


def read_authorization(sent: list[str]) -> tuple[str, str] | str:
    """Read the id and the secret in the `Authorization` header fields, or say what is wrong with them."""
    if len(sent) > 1:
        return "Several Authorization headers were sent; send one."
    match = BEARER.fullmatch(sent[0])
    if match is None:
        return "The Authorization header is not of the form `Bearer sitrep_...`."
    return parse_key(match[1]) or "The key is mistyped or cut off: its checksum does not fit."


def forbidden(scope: Scope) -> Forbidden:
    """Refuse a good key that may not do this (RFC 6750, 3.1)."""
    return Forbidden(
        f"This needs a key with the scope `{scope}`.",
        headers={"WWW-Authenticate": f'{CHALLENGE}, error="insufficient_scope", scope="{scope}"'},
    )


def rate_limit_exceeded(quota: TokenBucket, taken: RateLimitResult, headers: dict[str, str]) -> TooManyRequests:
    """Refuse a request beyond the rate limit."""
    return TooManyRequests(
        f"More than {quota.n} requests in {quota.seconds:g} seconds.",
        headers={**headers, "Retry-After": str(taken.retry_after)},
    )


def client_address(connection: HTTPConnection) -> str:
    """Give the peer's address; empty on a Unix socket."""
    return connection.client.host if connection.client else ""


def get_caller(scope: Mapping[str, Any]) -> str:
    """Give the key or address that a request counts for; requests that nothing admitted share one name."""
    return str(scope.get(CALLER_SCOPE_KEY, ""))
