"""Reads single events: as they stand, by external id, as they stood, and the history of their versions."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlmodel import col

from app.changes import Change, format_cursor
from app.db import Database, Statement
from app.errors import Deleted, NotFound
from app.events.tables import ExternalId, StoredEvent
from app.events.write.commands import EventVersion
from app.http.pagination import decode_cursor, encode_cursor
from app.kinds import format_instant
from app.kit.ids import key_of
from app.kit.json_lines import escape_line_separators

BY_KEY = Statement(
    sa.select(
        col(StoredEvent.id), col(StoredEvent.kind), col(StoredEvent.version), col(StoredEvent.deleted), col(Change.body)
    )
    .join(Change, sa.and_(col(Change.event) == col(StoredEvent.key), col(Change.version) == col(StoredEvent.version)))
    .where(col(StoredEvent.key) == sa.bindparam("key", type_=sa.BigInteger))
)


HISTORY = (
    sa.select(
        col(Change.version),
        col(Change.operation),
        col(Change.epoch),
        col(Change.seq),
        col(Change.time),
        col(Change.by),
        col(Change.changed),
        col(Change.body),
    )
    .where(col(Change.event) == sa.bindparam("key", type_=sa.BigInteger))
    .order_by(col(Change.version).desc())
)


VERSION = Statement(HISTORY.where(col(Change.version) == sa.bindparam("version", type_=sa.BigInteger)))
AS_OF = Statement(HISTORY.where(col(Change.seq) <= sa.bindparam("as_of", type_=sa.BigInteger)).limit(1))
REVISIONS = Statement(
    HISTORY.where(col(Change.version) < sa.bindparam("below")).limit(sa.bindparam("limit", type_=sa.Integer))
)


HOLDER = Statement(
    sa.select(col(ExternalId.event)).where(
        col(ExternalId.system) == sa.bindparam("system"), col(ExternalId.id) == sa.bindparam("id")
    )
)


async def find_event(db: Database, id: UUID | None) -> EventVersion:
    """The event as it stands, or its tombstone; 404 when there never was one."""
    rows = [] if id is None else await db.rows(BY_KEY, {"key": key_of(id)})
    if not rows or rows[0][0] != id:
        raise NotFound("There is no event with that id.")
    found, kind, version, deleted, body = rows[0]
    return EventVersion(found, kind, version, bool(deleted), escape_line_separators(body))


async def live_event(db: Database, id: UUID | None) -> EventVersion:
    """The event as it stands; 410 with the tombstone when it was deleted."""
    found = await find_event(db, id)
    if found.deleted:
        raise deleted_problem(found.body)
    return found


def deleted_problem(body: bytes) -> Deleted:
    """410 with the tombstone."""
    return Deleted("The event was deleted; the tombstone says why.", tombstone=orjson.loads(body))


async def find_holder(db: Database, system: str, external_id: str) -> EventVersion:
    """The event that holds an external id."""
    rows = await db.rows(HOLDER, {"system": system, "id": external_id})
    found = await db.rows(BY_KEY, {"key": rows[0][0]}) if rows else []
    if not found:
        raise NotFound("No event holds that external id.")
    return EventVersion(found[0][0], found[0][1], found[0][2], bool(found[0][3]), escape_line_separators(found[0][4]))


async def past_version(db: Database, id: UUID | None, *, version: int | None, as_of: int | None) -> EventVersion:
    """A version by its number, or the one that stood at a change; 404 before there was one."""
    current = await find_event(db, id)
    values = {"key": current.key, "version": version, "as_of": as_of}
    rows = await db.rows(VERSION if version is not None else AS_OF, values)
    if not rows:
        raise NotFound("The event had no such version then.")
    number, operation, *_, body = rows[0]
    if operation == "deleted" or is_erased(current):
        raise deleted_problem(body)
    return EventVersion(current.id, current.kind, number, deleted=False, body=escape_line_separators(body))


def is_erased(current: EventVersion) -> bool:
    """A deletion for legal reasons left no version behind."""
    return current.deleted and bool(orjson.loads(current.body)["erased"])


async def revisions(
    db: Database,
    id: UUID | None,
    cursor: str | None,
    limit: int,
    *,
    named: bool,
) -> dict[str, Any]:
    """A page of the history, newest first; `named` tells who wrote each version."""
    current = await find_event(db, id)
    below = current.version + 1 if cursor is None else int(decode_cursor("revisions", BELOW, cursor)[0])
    rows = await db.rows(REVISIONS, {"key": current.key, "below": below, "limit": limit + 1})
    items = [
        {
            "version": version,
            "operation": operation,
            "cursor": format_cursor(epoch, seq),
            "at": format_instant(time),
            "by": by if named else None,
            "changed": orjson.loads(changed),
        }
        for version, operation, epoch, seq, time, by, changed, _ in rows[:limit]
    ]
    return {"items": items, "next": encode_cursor("revisions", items[-1]["version"]) if len(rows) > limit else None}


BELOW = re.compile(r"([0-9]{1,9})")
