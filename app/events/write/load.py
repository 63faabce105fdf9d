"""Reads, and on PostgreSQL locks, what a transaction's commands may change or name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlmodel import col

from app.changes import Change
from app.db import Statement, Transaction, WriteConflict, any_of, array_param, rows_param, rows_source
from app.events.tables import ExternalId, StoredEvent
from app.events.write.commands import (
    Command,
    Create,
    EventVersion,
    LoadedEvents,
    Patch,
    Remove,
    Replace,
    Restore,
    Upsert,
    external_ids,
)
from app.kit.ids import key_of
from app.kit.json_lines import escape_line_separators


async def load(tx: Transaction, world: LoadedEvents, commands: Iterable[Command]) -> None:
    """Read, and on PostgreSQL lock, every event that the commands may change or name."""
    targets: set[int] = set()
    named: set[UUID] = set()
    pairs: set[tuple[str, str]] = set()
    for command in commands:
        collect(command, targets, named, pairs)
    for system, external_id, key in await holders(tx, pairs):
        targets.add(key)
        world.holders[system, external_id] = UUID(int=key)
    for stored in await lock_events(tx, sorted(targets)):
        world.events[stored.key] = stored
    for pair, placeholder in list(world.holders.items()):
        holder = world.events.get(placeholder.int)
        if holder is None or not matches_holder(holder, pair):
            raise WriteConflict("an external id changed hands between two statements")
        world.holders[pair] = holder.id
    for key, id in await known_ids(tx, [key_of(id) for id in named]):
        world.known[key] = id


def matches_holder(holder: EventVersion, pair: tuple[str, str]) -> bool:
    """The event, now that it is locked, still has the external id."""
    system, external_id = pair
    return not holder.deleted and {"system": system, "id": external_id} in orjson.loads(holder.body)["external_ids"]


def collect(command: Command, targets: set[int], named: set[UUID], pairs: set[tuple[str, str]]) -> None:
    """What a command will ask of the database."""
    if isinstance(command, Replace | Patch | Remove | Restore):
        targets.add(key_of(command.id))
    if isinstance(command, Upsert):
        pairs.add((command.system, command.external_id))
    if isinstance(command, Restore):
        pairs.update(external_ids(command.event))
    if isinstance(command, Create | Upsert | Replace):
        event = command.event if isinstance(command, Create) else command.wanted.event
        pairs.update(external_ids(event))
        named.update(ids_in([str(relation.event_id) for relation in event.relations]))
    if isinstance(command, Remove) and isinstance(command.superseded_by, UUID):
        named.add(command.superseded_by)
    if isinstance(command, Patch):
        pairs.update(pairs_in(command.patch.get("external_ids")))
        rows = command.patch.get("relations")
        named.update(
            ids_in([row.get("event_id") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else [])
        )


def ids_in(texts: Iterable[Any]) -> list[UUID]:
    """Those that are ids."""
    found = []
    for text in texts:
        with contextlib.suppress(ValueError, AttributeError, TypeError):
            found.append(UUID(text))
    return found


def pairs_in(rows: Any) -> list[tuple[str, str]]:
    """Those rows of an unvalidated list that name an external id."""
    items = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    pairs = [(row.get("system"), row.get("id")) for row in items]
    return [(system, id) for system, id in pairs if isinstance(system, str) and isinstance(id, str)]


async def holders(tx: Transaction, pairs: Iterable[tuple[str, str]]) -> list[Any]:
    """Who holds these external ids."""
    asked = sorted(pairs)
    return await tx.rows(holders_statement(tx.dialect), rows_param(asked, tx.dialect)) if asked else []


@lru_cache(2)
def holders_statement(dialect: str) -> Statement:
    """Events by external id, many at once."""
    table = sa.inspect(ExternalId).local_table
    asked, system, id = rows_source(dialect, sa.Text(), sa.Text())
    joined = asked.join(table, sa.and_(table.c.system == system, table.c.id == id))
    return Statement(sa.select(table.c.system, table.c.id, table.c.event).select_from(joined))


async def lock_events(tx: Transaction, keys: Sequence[int]) -> list[EventVersion]:
    """The events as they stand, locked in key order; the bodies are read after the locks are held."""
    if not keys:
        return []
    if tx.dialect == "postgresql":
        await tx.rows(LOCK, {"keys": keys})
    rows = await tx.rows(bodies_statement(tx.dialect), {"keys": array_param(keys, tx.dialect)})
    return [
        EventVersion(id, kind, version, bool(deleted), escape_line_separators(body), packed)
        for id, kind, version, deleted, body, packed in rows
    ]


LOCK = Statement(
    sa.select(col(StoredEvent.key))
    .where(any_of(col(StoredEvent.key), "keys", "postgresql"))
    .order_by(col(StoredEvent.key))
    .with_for_update()
)


@lru_cache(2)
def bodies_statement(dialect: str) -> Statement:
    """Events with their current bodies."""
    current = sa.and_(col(Change.event) == col(StoredEvent.key), col(Change.version) == col(StoredEvent.version))
    columns = (StoredEvent.id, StoredEvent.kind, StoredEvent.version, StoredEvent.deleted, Change.body, Change.after)
    return Statement(
        sa.select(*(col(column) for column in columns))
        .select_from(sa.inspect(StoredEvent).local_table)
        .join(Change, current)
        .where(any_of(col(StoredEvent.key), "keys", dialect))
    )


async def known_ids(tx: Transaction, keys: Sequence[int]) -> list[Any]:
    """Which of these keys are or were events."""
    return await tx.rows(ids_statement(tx.dialect), {"keys": array_param(keys, tx.dialect)}) if keys else []


@lru_cache(2)
def ids_statement(dialect: str) -> Statement:
    """Keys and ids of events, deleted ones too."""
    return Statement(
        sa.select(col(StoredEvent.key), col(StoredEvent.id)).where(any_of(col(StoredEvent.key), "keys", dialect))
    )
