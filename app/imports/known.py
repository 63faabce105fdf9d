"""What earlier imports knew of records, and how their events stand now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlmodel import col

from app.changes import Change
from app.db import Database, Statement, any_of
from app.events.tables import StoredEvent
from app.imports.tables import ImportChange, ImportedRecord
from app.kit.ids import key_of

PAGE = 1000
# Who deletes an event for one of these reasons does not want it back, whatever its source says later.
FOR_GOOD = ("duplicate", "out_of_scope", "legal")

KNOWN = [col(getattr(ImportedRecord, name)) for name in ("record", "event", "hash", "match_key", "flagged", "since")]
STANDS = [col(StoredEvent.id), col(StoredEvent.version), col(StoredEvent.deleted)]
JOINED = (
    sa.select(*KNOWN, *STANDS)
    .select_from(sa.inspect(ImportedRecord).local_table)
    .join(StoredEvent, col(StoredEvent.key) == col(ImportedRecord.event))
    .where(col(ImportedRecord.dataset) == sa.bindparam("dataset"))
)
PAGE_OF_KNOWN = Statement(
    JOINED.where(col(ImportedRecord.record) > sa.bindparam("after"), col(StoredEvent.deleted) == sa.false())
    .order_by(col(ImportedRecord.record))
    .limit(PAGE)
)
KNOWN_BEFORE = Statement(
    sa.select(col(ImportedRecord.record))
    .where(col(ImportedRecord.dataset) == sa.bindparam("dataset"), col(ImportedRecord.since) != sa.bindparam("run"))
    .limit(1)
)
CHANGED_KNOWN = Statement(
    sa.select(col(ImportChange.record))
    .where(col(ImportChange.import_id) == sa.bindparam("run"), col(ImportChange.hash_before).is_not(None))
    .limit(1)
)


class Known(NamedTuple):
    """A record that an import met before, and the event that it became, as it stands."""

    record: str
    event: int
    hash: bytes
    match_key: str | None
    flagged: bool
    since: int
    id: UUID
    version: int
    deleted: bool


async def find_known(db: Database, dataset: str, records: Iterable[str]) -> dict[str, Known]:
    """Those of the records that are known, in one query."""
    asked = list(records)
    if not asked:
        return {}
    values = {"dataset": dataset, "records": db.as_list(asked)}
    rows = await db.rows(known_statement(db.dialect), values, offload=True, primary=True)
    return {row[0]: Known(*row) for row in rows}


@lru_cache(2)
def known_statement(dialect: str) -> Statement:
    """Records by their keys, many at once."""
    return Statement(JOINED.where(any_of(col(ImportedRecord.record), "records", dialect)))


async def page_of_known(db: Database, dataset: str, after: str) -> list[Known]:
    """The next 1,000 known records with a live event, in the order of their keys."""
    values = {"dataset": dataset, "after": after}
    return [Known(*row) for row in await db.rows(PAGE_OF_KNOWN, values, offload=True, primary=True)]


async def is_known_before(db: Database, dataset: str, run: int) -> bool:
    """Whether another import than this one knows any record of the dataset, or knew one that this import changed."""
    if await db.rows(KNOWN_BEFORE, {"dataset": dataset, "run": run}, offload=True, primary=True):
        return True
    return bool(await db.rows(CHANGED_KNOWN, {"run": run}, offload=True, primary=True))


async def gone_for_good(db: Database, deleted: Sequence[Known]) -> set[str]:
    """Those of the records with a deleted event that are not to come back, whatever the file says."""
    if not deleted:
        return set()
    values = {"keys": db.as_list([known.event for known in deleted])}
    rows = await db.rows(bodies_statement(db.dialect, deleted=True), values, offload=True, primary=True)
    reasons = {event: orjson.loads(body)["reason"] for event, body in rows}
    return {known.record for known in deleted if reasons.get(known.event) in FOR_GOOD}


async def titles_of(db: Database, ids: Sequence[UUID]) -> dict[UUID, str]:
    """The titles of live events."""
    values = {"keys": db.as_list([key_of(id) for id in ids])}
    rows = await db.rows(bodies_statement(db.dialect, deleted=False), values, offload=True, primary=True)
    events = [orjson.loads(body) for _, body in rows]
    return {UUID(event["id"]): event["title"] for event in events}


@lru_cache(4)
def bodies_statement(dialect: str, *, deleted: bool) -> Statement:
    """The bodies of live events, or the tombstones of deleted ones."""
    current = sa.and_(col(Change.event) == col(StoredEvent.key), col(Change.version) == col(StoredEvent.version))
    return Statement(
        sa.select(col(StoredEvent.key), col(Change.body))
        .select_from(sa.inspect(StoredEvent).local_table)
        .join(Change, current)
        .where(any_of(col(StoredEvent.key), "keys", dialect), col(StoredEvent.deleted) == sa.literal(deleted))
    )
