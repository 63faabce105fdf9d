"""Appends changes to the log, in commit order, within the transaction that made them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlmodel import col

from app.changes.facet_index import BLOCK, index_blocks
from app.changes.tables import Change, Head, LogHead, PendingChange, format_cursor
from app.db import Statement, Transaction, UtcTime

DIGEST_SPACE = 1 << 256


ADVANCE_HEAD = Statement(
    sa.update(LogHead)
    .values(seq=col(LogHead.seq) + sa.bindparam("n", type_=sa.BigInteger))
    .returning(*(getattr(LogHead, name) for name in ("seq", "epoch", "time", "live", "digest", "indexed")))
)


SET_POSITIONS = Statement(
    sa.update(LogHead).values(
        time=sa.bindparam("at", type_=UtcTime),
        live=sa.bindparam("now_live", type_=sa.BigInteger),
        digest=sa.bindparam("now_digest", type_=sa.LargeBinary),
        indexed=sa.bindparam("now_indexed", type_=sa.BigInteger),
    )
)


def version_hash(id: UUID, version: int) -> int:
    """What a live version adds to the checkpoint digest."""
    return int.from_bytes(hashlib.sha256(f"{id}:{version}".encode()).digest(), "big")


def digest_step(draft: PendingChange) -> tuple[int, int]:
    """How a change moves the digest and the number of live events."""
    if draft.operation == "created":
        return version_hash(draft.id, draft.version), 1
    gone = version_hash(draft.id, draft.version - 1)
    if draft.operation == "deleted":
        return -gone, -1
    return version_hash(draft.id, draft.version) - gone, 0


async def append(tx: Transaction, drafts: Sequence[PendingChange], now: datetime) -> Head:
    """Give the drafts their places, in order, and store them; the caller commits.

    A change is in the log since `now`, also where it tells of an event that was last updated long ago elsewhere.
    """
    [(seq, epoch, time, live, digest, indexed)] = await tx.rows(ADVANCE_HEAD, {"n": len(drafts)})
    at, total, rows = seq - len(drafts), int.from_bytes(digest, "big"), []
    for draft in drafts:
        at, time = at + 1, max(time, now, draft.updated_at)
        step, born = digest_step(draft)
        total, live = (total + step) % DIGEST_SPACE, live + born
        draft.seq, draft.cursor = at, format_cursor(epoch, at)
        rows.append(change_row(draft, epoch, time, live, total.to_bytes(32, "big")))
    await tx.insert(Change, rows)
    if seq // BLOCK > (seq - len(drafts)) // BLOCK:
        indexed = await index_blocks(tx, indexed, seq)
    head = {"at": time, "now_live": live, "now_digest": total.to_bytes(32, "big"), "now_indexed": indexed}
    await tx.run(SET_POSITIONS, head)
    return Head(epoch, seq, 0, time, indexed)


def change_row(draft: PendingChange, epoch: int, time: datetime, live: int, digest: bytes) -> dict[str, Any]:
    """A draft with its place."""
    return {
        "seq": draft.seq,
        "epoch": epoch,
        "event": draft.event,
        "id": draft.id,
        "version": draft.version,
        "kind": draft.kind,
        "operation": draft.operation,
        "time": time,
        "updated_at": draft.updated_at,
        "by": draft.by,
        "changed": orjson.dumps(draft.changed).decode(),
        "body": draft.body,
        "before": draft.before,
        "after": draft.after,
        "live": live,
        "digest": digest,
    }
