"""Feed tokens in the database: read tokens that stand in the address of a feed, found, made, listed and revoked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import bindparam, delete, exists, func, or_, tuple_, update
from sqlmodel import col

from app.auth.audit import Actor, record
from app.auth.key_format import FEED_TOKEN, format_key, hash_secret, is_key_id, new_key_id, new_secret
from app.auth.keys import Clock, utc_now
from app.auth.schemas import NewFeedToken, reject_past_expiry
from app.auth.tables import ApiKey, FeedToken, StoredKey
from app.db import Database, Statement, Transaction, UtcTime
from app.errors import FieldError, Invalid
from app.http.pagination import decode_cursor, encode_cursor
from app.kinds.timestamps import from_micros, micros

LIST_NAME = "feed-tokens"
PAGE_KEY = re.compile(r"([0-9]{1,16}):([a-z2-7]{10})")
# Any key may make tokens, so that their number is bounded.
MAX_PER_OWNER = 100


class FoundFeedToken(NamedTuple):
    """A token, as a key that may read, and whether its owner still has a key that may."""

    token: StoredKey
    owner_may_read: bool


COLUMNS: list[Any] = [
    FeedToken.id,
    FeedToken.name,
    FeedToken.owner,
    FeedToken.expires_at,
    FeedToken.secret_hash,
    FeedToken.created_at,
    FeedToken.last_used_at,
]
# Every scope includes `read`.
OWNER_MAY_READ = exists().where(
    col(ApiKey.owner) == col(FeedToken.owner),
    col(ApiKey.revoked_at).is_(None),
    or_(col(ApiKey.expires_at).is_(None), col(ApiKey.expires_at) > bindparam("now", type_=UtcTime())),
)
FIND_TOKEN = Statement(sa.select(*COLUMNS, OWNER_MAY_READ).where(col(FeedToken.id) == bindparam("id")))
COUNT_TOKENS = Statement(
    sa.select(func.count()).select_from(FeedToken).where(col(FeedToken.owner) == bindparam("owner"))
)
FORGET_TOKEN = Statement(delete(FeedToken).where(col(FeedToken.id) == bindparam("token_id")))
RECORD_USE = Statement(
    update(FeedToken)
    .where(
        col(FeedToken.id) == bindparam("token_id"),
        or_(col(FeedToken.last_used_at).is_(None), col(FeedToken.last_used_at) < bindparam("at", type_=UtcTime())),
    )
    .values(last_used_at=bindparam("at", type_=UtcTime()))
)


async def find_feed_token(db: Database, token_id: str, now: datetime) -> FoundFeedToken | None:
    """Find the token of that id, from the primary: a revocation holds at once in every process."""
    rows = await db.rows(FIND_TOKEN, {"id": token_id, "now": now}, primary=True)
    return FoundFeedToken(token_from_row(rows[0][:-1]), bool(rows[0][-1])) if rows else None


async def list_feed_tokens(
    db: Database, owner: str | None, limit: int, cursor: str | None = None
) -> tuple[list[StoredKey], str | None]:
    """Give a page of an owner's tokens, or with None of all, newest first, and the cursor of the next page."""
    values: dict[str, Any] = {"limit": limit + 1, "owner": owner}
    if cursor is not None:
        place, token_id = decode_cursor(LIST_NAME, PAGE_KEY, cursor)
        values |= {"at": from_micros(int(place)), "id": token_id}
    rows = await db.rows(page_statement(of_owner=owner is not None, later=cursor is not None), values, primary=True)
    page = [token_from_row(row) for row in rows[:limit]]
    following = encode_cursor(LIST_NAME, micros(page[-1].created_at), page[-1].id) if len(rows) > limit else None
    return page, following


@lru_cache(4)
def page_statement(*, of_owner: bool, later: bool) -> Statement:
    """Tokens, newest first."""
    place = (col(FeedToken.created_at), col(FeedToken.id))
    found = sa.select(*COLUMNS).order_by(*(column.desc() for column in place)).limit(bindparam("limit"))
    if of_owner:
        found = found.where(col(FeedToken.owner) == bindparam("owner"))
    if later:
        found = found.where(tuple_(*place) < tuple_(bindparam("at", type_=UtcTime()), bindparam("id")))
    return Statement(found)


async def issue_feed_token(
    db: Database, wanted: NewFeedToken, owner: str, actor: Actor, *, clock: Clock = utc_now
) -> tuple[StoredKey, str]:
    """Make a token: what is stored, and the text that only its owner will have."""
    now, secret = clock(), new_secret()
    reject_past_expiry(wanted, now)
    row = (new_key_id(), wanted.name, owner, wanted.expires_at, hash_secret(secret), now, None)

    async def work(transaction: Transaction) -> None:
        [(held,)] = await transaction.rows(COUNT_TOKENS, {"owner": owner})
        if held >= MAX_PER_OWNER:
            many = FieldError("too-many", f"An owner has at most {MAX_PER_OWNER} feed tokens; revoke one.", pointer="")
            raise Invalid("The token cannot be made so.", errors=[many])
        await transaction.insert(FeedToken, [dict(zip((column.key for column in COLUMNS), row, strict=True))])
        await record(transaction, actor, "feed-token.created", row[0], now)

    await db.write(work)
    return token_from_row(row), format_key(row[0], secret, FEED_TOKEN)


async def revoke_feed_token(
    db: Database, token_id: str, owner: str | None, actor: Actor, *, clock: Clock = utc_now
) -> bool:
    """Close a token for ever; False when there is none of that id, or it is not this owner's (None: anybody's)."""
    if not is_key_id(token_id):
        return False
    at = clock()

    async def work(transaction: Transaction) -> bool:
        rows = await transaction.rows(FIND_TOKEN, {"id": token_id, "now": at})
        if not rows or owner not in {None, token_from_row(rows[0][:-1]).owner}:
            return False
        if await transaction.run(FORGET_TOKEN, {"token_id": token_id}):
            await record(transaction, actor, "feed-token.revoked", token_id, at)
        return True

    return await db.write(work)


async def record_token_use(db: Database, used: Mapping[str, datetime]) -> None:
    """Write when tokens were last used (id to instant); an earlier instant never replaces a later one."""

    async def work(transaction: Transaction) -> None:
        for token_id in sorted(used):
            await transaction.run(RECORD_USE, {"token_id": token_id, "at": used[token_id]})

    await db.write(work)


def token_from_row(row: Any) -> StoredKey:
    """Read a row of `COLUMNS` as a key that may read."""
    token_id, name, owner, expires_at, secret_hash, created_at, last_used_at = row
    return StoredKey(token_id, name, owner, ("read",), expires_at, secret_hash, created_at, None, last_used_at)
