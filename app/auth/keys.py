"""Keys in the database: found, made, listed, revoked, each deed with its audit row."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, or_, update
from sqlmodel import col, select

from app.auth.audit import Actor, record
from app.auth.key_format import hash_secret, is_id, new_id, new_secret, write_key
from app.auth.pagination import read_cursor, write_cursor
from app.auth.schemas import NewKey, parse_new_key, refuse_past
from app.auth.tables import ApiKey, Scope, StoredKey, sort_scopes
from app.db import Database, Statement, Surprise, Transaction, UtcTime
from app.kinds.timestamps import from_micros, micros

Clock = Callable[[], datetime]

LIST = "keys"
PLACE = re.compile(r"([0-9]{1,16}):([a-z2-7]{10})")

# The id of the key that the first start makes: as a primary key it lets only one process make it.
FIRST_ID = "firstadmin"

COLUMNS = select(  # type: ignore[call-overload]  # SQLModel types up to four columns
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
ONE = Statement(COLUMNS.where(col(ApiKey.id) == bindparam("id")))
ANY = Statement(select(ApiKey.id).limit(1))
NAMED = Statement(select(ApiKey.id).where(col(ApiKey.name) == bindparam("name"), col(ApiKey.revoked_at).is_(None)))
NEWEST_FIRST = COLUMNS.order_by(col(ApiKey.created_at).desc(), col(ApiKey.id).desc()).limit(bindparam("limit"))
NEWEST = Statement(NEWEST_FIRST)
NEXT = Statement(
    NEWEST_FIRST.where(
        col(ApiKey.created_at) <= bindparam("at", type_=UtcTime()),
        or_(col(ApiKey.created_at) < bindparam("at", type_=UtcTime()), col(ApiKey.id) < bindparam("id")),
    )
)
REVOKE = Statement(
    update(ApiKey)
    .where(col(ApiKey.id) == bindparam("key_id"), col(ApiKey.revoked_at).is_(None))
    .values(revoked_at=bindparam("at", type_=UtcTime()))
)
USED = Statement(
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
    """Find the key of that id, from the primary: a revocation holds at once in every process."""
    found = await db.rows(ONE, {"id": key_id}, primary=True)
    return stored_key(found[0]) if found else None


async def list_keys(db: Database, limit: int = 1000, cursor: str | None = None) -> tuple[list[StoredKey], str | None]:
    """Give a page of keys, newest first, revoked ones too, and the cursor of the next page if there is one."""
    place = {} if cursor is None else read_place(cursor)
    found = await db.rows(NEXT if place else NEWEST, {**place, "limit": limit + 1}, primary=True)
    page = [stored_key(row) for row in found[:limit]]
    return page, write_place(page[-1]) if len(found) > limit else None


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
    refuse_past(wanted, now)
    key, text = draft_key(wanted.name, wanted.scopes, now, owner=wanted.owner, expires_at=wanted.expires_at)

    async def work(transaction: Transaction) -> None:
        await add_key(transaction, key, actor)

    await db.write(work)
    return key, text


async def revoke_key(db: Database, key_id: str, by: str = "cli", *, address: str = "", clock: Clock = utc_now) -> bool:
    """Close a key for ever; False when there is none of that id. Once more changes nothing and records nothing."""
    if not is_id(key_id):
        return False
    at = clock()

    async def work(transaction: Transaction) -> bool:
        known = bool(await transaction.rows(ONE, {"id": key_id}))
        await close_key(transaction, key_id, Actor(by, address), at)
        return known

    return await db.write(work)


async def remake_key(
    db: Database, name: str, scopes: Iterable[Scope], by: str = "cli", *, clock: Clock = utc_now
) -> tuple[StoredKey, str]:
    """Revoke every key of that name and make a new one, at once."""
    key, text = draft_key(name, scopes, clock())

    async def work(transaction: Transaction) -> None:
        for (old,) in await transaction.rows(NAMED, {"name": name}):
            await close_key(transaction, old, Actor(by), key.created_at)
        await add_key(transaction, key, Actor(by))

    await db.write(work)
    return key, text


async def first_admin_key(db: Database, *, clock: Clock = utc_now) -> str | None:
    """Make one admin key if there never was a key, and give its text; of several processes one gets it."""
    key, text = draft_key("admin", ("admin",), clock(), key_id=FIRST_ID)

    async def work(transaction: Transaction) -> bool:
        if await transaction.rows(ANY):
            return False
        await add_key(transaction, key, Actor())
        return True

    try:
        return text if await db.write(work) else None
    except Surprise:
        return None


async def note_use(db: Database, used: Mapping[str, datetime]) -> None:
    """Write when keys were last used (id to instant); an earlier instant never replaces a later one."""

    async def work(transaction: Transaction) -> None:
        for key_id in sorted(used):
            await transaction.run(USED, {"key_id": key_id, "at": used[key_id]})

    await db.write(work)


async def add_key(transaction: Transaction, key: StoredKey, actor: Actor) -> None:
    """Store a drafted key."""
    row = {name: getattr(key, name) for name in ApiKey.model_fields} | {"scopes": " ".join(key.scopes)}
    await transaction.insert(ApiKey, [row])
    await record(transaction, actor, "key.created", key.id, key.created_at)


async def close_key(transaction: Transaction, key_id: str, actor: Actor, at: datetime) -> None:
    """Revoke a key if it is open."""
    if await transaction.run(REVOKE, {"key_id": key_id, "at": at}):
        await record(transaction, actor, "key.revoked", key_id, at)


def draft_key(
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
        id=key_id or new_id(),
        name=name,
        owner=name if owner is None else owner,
        scopes=sort_scopes(scopes),
        expires_at=expires_at,
        secret_hash=hash_secret(secret),
        created_at=now,
        revoked_at=None,
        last_used_at=None,
    )
    return key, write_key(key.id, secret)


def stored_key(row: Any) -> StoredKey:
    """Read a row of `COLUMNS` as a key."""
    key_id, name, owner, scopes, *rest = row
    return StoredKey(key_id, name, owner, tuple(scopes.split()), *rest)


def write_place(key: StoredKey) -> str:
    """Write the cursor of the keys older than this one."""
    return write_cursor(LIST, micros(key.created_at), key.id)


def read_place(cursor: str) -> dict[str, Any]:
    """Read the values of `NEXT` in a cursor."""
    place, key_id = read_cursor(LIST, PLACE, cursor)
    return {"at": from_micros(int(place)), "id": key_id}
