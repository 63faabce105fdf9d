"""Keys in the database: found, made, listed, revoked, each deed with its audit row."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, or_, update
from sqlmodel import col, select

from app.auth.audit import Actor, record
from app.auth.key_format import format_key, hash_secret, is_key_id, new_key_id, new_secret
from app.auth.schemas import NewKey, parse_new_key, reject_past_expiry
from app.auth.tables import ApiKey, Scope, StoredKey, sort_scopes
from app.db import Database, Statement, Transaction, UtcTime, WriteConflict
from app.http.pagination import decode_cursor, encode_cursor
from app.kinds.timestamps import from_micros, micros

Clock = Callable[[], datetime]
# A key that was looked up so short a time ago (seconds) is not looked up again for reading. A revocation takes as long
# to be confirmed, so that it holds everywhere by then.
REMEMBERED_S = 0.25

LIST_NAME = "keys"
PAGE_KEY = re.compile(r"([0-9]{1,16}):([a-z2-7]{10})")

# The id of the key that the first start makes: as a primary key it lets only one process make it.
FIRST_ID = "firstadmin"

KEY_COLUMNS = select(  # type: ignore[call-overload]  # SQLModel types up to four columns
    ApiKey.id,
    ApiKey.name,
    ApiKey.owner,
    ApiKey.scopes,
    ApiKey.expires_at,
    ApiKey.secret_hash,
    ApiKey.created_at,
    ApiKey.revoked_at,
    ApiKey.last_used_at,
)
FIND_KEY = Statement(KEY_COLUMNS.where(col(ApiKey.id) == bindparam("id")))
ANY_KEY = Statement(select(ApiKey.id).limit(1))
ACTIVE_KEYS_NAMED = Statement(
    select(ApiKey.id).where(col(ApiKey.name) == bindparam("name"), col(ApiKey.revoked_at).is_(None))
)
NEWEST_FIRST = KEY_COLUMNS.order_by(col(ApiKey.created_at).desc(), col(ApiKey.id).desc()).limit(bindparam("limit"))
FIRST_PAGE = Statement(NEWEST_FIRST)
NEXT_PAGE = Statement(
    NEWEST_FIRST.where(
        col(ApiKey.created_at) <= bindparam("at", type_=UtcTime()),
        or_(col(ApiKey.created_at) < bindparam("at", type_=UtcTime()), col(ApiKey.id) < bindparam("id")),
    )
)
REVOKE_KEY = Statement(
    update(ApiKey)
    .where(col(ApiKey.id) == bindparam("key_id"), col(ApiKey.revoked_at).is_(None))
    .values(revoked_at=bindparam("at", type_=UtcTime()))
)
RECORD_USE = Statement(
    update(ApiKey)
    .where(
        col(ApiKey.id) == bindparam("key_id"),
        or_(col(ApiKey.last_used_at).is_(None), col(ApiKey.last_used_at) < bindparam("at", type_=UtcTime())),
    )
    .values(last_used_at=bindparam("at", type_=UtcTime()))
)


def utc_now() -> datetime:
    """Read the wall clock."""
    return datetime.now(UTC)


async def find_key(db: Database, key_id: str) -> StoredKey | None:
    """Find the key of that id, from the primary, which has every revocation."""
    found = await db.rows(FIND_KEY, {"id": key_id}, primary=True)
    return key_from_row(found[0]) if found else None


async def list_keys(db: Database, limit: int = 1000, cursor: str | None = None) -> tuple[list[StoredKey], str | None]:
    """Give a page of keys, newest first, revoked ones too, and the cursor of the next page if there is one."""
    place = {} if cursor is None else decode_page_key(cursor)
    found = await db.rows(NEXT_PAGE if place else FIRST_PAGE, {**place, "limit": limit + 1}, primary=True)
    page = [key_from_row(row) for row in found[:limit]]
    return page, encode_page_key(page[-1]) if len(found) > limit else None


async def create_key(
    db: Database,
    name: str,
    scopes: Iterable[Scope],
    *,
    owner: str | None = None,
    expires_at: datetime | None = None,
    by: str = "cli",
    address: str = "",
    clock: Clock = utc_now,
) -> tuple[StoredKey, str]:
    """Make a key, as the command line does; Invalid when a value will not do. The owner defaults to the name."""
    wanted = parse_new_key({"name": name, "scopes": list(scopes), "owner": owner, "expires_at": expires_at})
    return await issue_key(db, wanted, Actor(by, address), clock=clock)


async def issue_key(db: Database, wanted: NewKey, actor: Actor, *, clock: Clock = utc_now) -> tuple[StoredKey, str]:
    """Make a key: what is stored, and the text that only its owner will have."""
    now = clock()
    reject_past_expiry(wanted, now)
    key, text = prepare_key(wanted.name, wanted.scopes, now, owner=wanted.owner, expires_at=wanted.expires_at)

    async def work(transaction: Transaction) -> None:
        await insert_key(transaction, key, actor)

    await db.write(work)
    return key, text


async def revoke_key(db: Database, key_id: str, by: str = "cli", *, address: str = "", clock: Clock = utc_now) -> bool:
    """Close a key for ever, in every process by the time this returns; False when there is none of that id.

    Once more changes nothing and records nothing.
    """
    if not is_key_id(key_id):
        return False
    at = clock()

    async def work(transaction: Transaction) -> bool:
        known = bool(await transaction.rows(FIND_KEY, {"id": key_id}))
        await set_revoked(transaction, key_id, Actor(by, address), at)
        return known

    known = await db.write(work)
    await asyncio.sleep(REMEMBERED_S if known else 0)
    return known


async def replace_key(
    db: Database, name: str, scopes: Iterable[Scope], by: str = "cli", *, clock: Clock = utc_now
) -> tuple[StoredKey, str]:
    """Revoke every key of that name and make a new one, at once."""
    key, text = prepare_key(name, scopes, clock())

    async def work(transaction: Transaction) -> None:
        for (old,) in await transaction.rows(ACTIVE_KEYS_NAMED, {"name": name}):
            await set_revoked(transaction, old, Actor(by), key.created_at)
        await insert_key(transaction, key, Actor(by))

    await db.write(work)
    await asyncio.sleep(REMEMBERED_S)
    return key, text


async def first_admin_key(db: Database, *, clock: Clock = utc_now) -> str | None:
    """Make one admin key if there never was a key, and give its text; of several processes one gets it."""
    key, text = prepare_key("admin", ("admin",), clock(), key_id=FIRST_ID)

    async def work(transaction: Transaction) -> bool:
        if await transaction.rows(ANY_KEY):
            return False
        await insert_key(transaction, key, Actor())
        return True

    try:
        return text if await db.write(work) else None
    except WriteConflict:
        return None


async def record_use(db: Database, used: Mapping[str, datetime]) -> None:
    """Write when keys were last used (id to instant); an earlier instant never replaces a later one."""

    async def work(transaction: Transaction) -> None:
        for key_id in sorted(used):
            await transaction.run(RECORD_USE, {"key_id": key_id, "at": used[key_id]})

    await db.write(work)


async def insert_key(transaction: Transaction, key: StoredKey, actor: Actor) -> None:
    """Store a drafted key."""
    row = {name: getattr(key, name) for name in ApiKey.model_fields} | {"scopes": " ".join(key.scopes)}
    await transaction.insert(ApiKey, [row])
    await record(transaction, actor, "key.created", key.id, key.created_at)


async def set_revoked(transaction: Transaction, key_id: str, actor: Actor, at: datetime) -> None:
    """Revoke a key if it is open."""
    if await transaction.run(REVOKE_KEY, {"key_id": key_id, "at": at}):
        await record(transaction, actor, "key.revoked", key_id, at)


def prepare_key(
    name: str,
    scopes: Iterable[Scope],
    now: datetime,
    *,
    owner: str | None = None,
    expires_at: datetime | None = None,
    key_id: str | None = None,
) -> tuple[StoredKey, str]:
    """Think up a key that is not stored yet, and its text."""
    secret = new_secret()
    key = StoredKey(
        id=key_id or new_key_id(),
        name=name,
        owner=name if owner is None else owner,
        scopes=sort_scopes(scopes),
        expires_at=expires_at,
        secret_hash=hash_secret(secret),
        created_at=now,
        revoked_at=None,
        last_used_at=None,
    )
    return key, format_key(key.id, secret)


def key_from_row(row: Any) -> StoredKey:
    """Read a row of `KEY_COLUMNS` as a key."""
    key_id, name, owner, scopes, *rest = row
    return StoredKey(key_id, name, owner, tuple(scopes.split()), *rest)


def encode_page_key(key: StoredKey) -> str:
    """Write the cursor of the keys older than this one."""
    return encode_cursor(LIST_NAME, micros(key.created_at), key.id)


def decode_page_key(cursor: str) -> dict[str, Any]:
    """Read the values of `NEXT_PAGE` in a cursor."""
    place, key_id = decode_cursor(LIST_NAME, PAGE_KEY, cursor)
    return {"at": from_micros(int(place)), "id": key_id}
