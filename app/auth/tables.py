"""What a key is and what it opens: the table, the scopes, the pure checks."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from app.auth.key_format import hash_secret
from app.db import UtcTime

Scope = Literal["read", "write", "subscribe", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
IMPLIED_SCOPES: dict[str, frozenset[str]] = {
    "read": frozenset({"read"}),
    "write": frozenset({"read", "write"}),
    "subscribe": frozenset({"read", "subscribe"}),
    "admin": frozenset(SCOPES),
}

# Compared with when the id is unknown, so that the answer takes as long.
NOBODY = bytes(32)


class ApiKey(SQLModel, table=True):
    """A key; its row stays after a revocation, so that the audit trail's subjects keep their names."""

    __tablename__ = "api_key"
    __table_args__ = (Index("ix_api_key_created_at_id", "created_at", "id"),)

    id: str = Field(primary_key=True)
    name: str
    owner: str
    scopes: str
    secret_hash: bytes
    created_at: datetime = Field(sa_type=UtcTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcTime)


class FeedToken(SQLModel, table=True):
    """A token that reads feeds from their address; its row goes when it is revoked."""

    __tablename__ = "feed_token"
    __table_args__ = (Index("ix_feed_token_created_at_id", "created_at", "id"),)

    id: str = Field(primary_key=True)
    name: str
    owner: str
    secret_hash: bytes
    created_at: datetime = Field(sa_type=UtcTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcTime)


@dataclass(frozen=True, slots=True)
class Key:
    """Who is asking. `owner` is the name that revisions and the audit trail show."""

    id: str
    name: str
    owner: str
    scopes: tuple[Scope, ...]
    expires_at: datetime | None

    def may(self, scope: Scope) -> bool:
        """Whether one of the key's scopes includes this one."""
        return any(scope in IMPLIED_SCOPES[held] for held in self.scopes)


@dataclass(frozen=True, slots=True)
class StoredKey(Key):
    """A key as the table has it; `secret_hash` is the SHA-256 of its secret."""

    secret_hash: bytes
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


ANONYMOUS = Key(id="", name="", owner="", scopes=("read",), expires_at=None)


def rejection_reason(stored: StoredKey | None, secret: str, now: datetime, noun: str = "key") -> str | None:
    """Why the key, or what else the noun says, opens nothing, or None when it is good.

    Only who knows the secret is told that a key was revoked or has expired.
    """
    same = hmac.compare_digest(NOBODY if stored is None else stored.secret_hash, hash_secret(secret))
    if stored is None or not same:
        return f"The {noun} is not known here."
    if stored.revoked_at is not None:
        return f"The {noun} was revoked."
    if stored.expires_at is not None and stored.expires_at <= now:
        return f"The {noun} has expired."
    return None


def sort_scopes(scopes: Iterable[str]) -> tuple[Scope, ...]:
    """Put the scopes once each, in the order of `SCOPES`."""
    wanted = set(scopes)
    return tuple(scope for scope in SCOPES if scope in wanted)
