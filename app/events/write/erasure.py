"""Deletion for legal reasons: of all bodies, those of answers kept for repeats too, only the tombstone stays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson
import sqlalchemy as sa
from sqlmodel import col

from app.changes import Change
from app.db import Statement, Transaction
from app.errors import Deleted
from app.events.tables import PastFacet, StoredIdempotentResponse
from app.events.terms import unpack
from app.events.write.commands import Decision


async def erase(tx: Transaction, deleted: Sequence[Decision]) -> None:
    """A legal deletion leaves no body behind: every version's becomes the tombstone."""
    for decision in deleted:
        if orjson.loads(decision.after.body)["erased"]:
            key = decision.after.key
            packed = await tx.rows(PACKED, {"key": key})
            await tx.run(ERASE, {"key": key, "body": decision.after.body})
            await tx.delete(PastFacet, ("value", "started_at", "event"), past_rows(key, [after for (after,) in packed]))
            await tx.run(ERASE_ANSWERS, {"key": key, "body": decision.after.body})


def past_rows(key: int, packed: Iterable[bytes | None]) -> list[dict[str, int]]:
    """Every index row that an event ever had."""
    found = {
        (value, started_at) for after in packed if after for started_at, _, *ids in [unpack(after)] for value in ids
    }
    return [{"value": value, "started_at": started_at, "event": key} for value, started_at in sorted(found)]


KEY = sa.bindparam("key", type_=sa.BigInteger)
PACKED = Statement(sa.select(col(Change.after)).where(col(Change.event) == KEY))

ERASE = Statement(
    sa.update(Change)
    .where(col(Change.event) == KEY)
    .values(body=sa.bindparam("body", type_=sa.LargeBinary), changed="[]")
)
# The key stays taken: the request that made the event must not bring it back.
ERASE_ANSWERS = Statement(
    sa.update(StoredIdempotentResponse)
    .where(col(StoredIdempotentResponse.event) == KEY)
    .values(status=Deleted.status, headers="{}", body=sa.bindparam("body", type_=sa.LargeBinary))
)
