"""Idempotency-Key: a repeated request gets the first answer again, stored in the transaction that earned it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import sqlalchemy as sa
from sqlmodel import col

from app.db import Statement, UtcTime
from app.errors import Deleted, IdempotencyMismatch
from app.events.tables import Idempotency
from app.kit.json_lines import on_one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.db import Transaction

KEPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    event: int | None = None


class Place(NamedTuple):
    """Whose key it is, for which method and path."""

    owner: str
    route: str
    key: str


class Kept(NamedTuple):
    """A stored answer and the hash of the request that earned it."""

    body_hash: bytes
    answer: Answer


@dataclass(frozen=True, slots=True)
class Reuse:
    """A request that came with an Idempotency-Key."""

    place: Place
    body_hash: bytes

    def replay(self, kept: Kept) -> Answer | Exception:
        """The stored answer, if it was the same request."""
        if kept.body_hash != self.body_hash:
            return IdempotencyMismatch(
                "That Idempotency-Key came with another body before; use a new key for a new request."
            )
        answer = kept.answer
        if answer.status == Deleted.status:
            return Deleted("What this request made was erased.", tombstone=orjson.loads(answer.body))
        body = on_one_line(answer.body) if answer.body.startswith(b"{") else answer.body  # else it is sealed
        return Answer(answer.status, body, {**answer.headers, "Idempotency-Replayed": "true"}, answer.event)


FIND = Statement(
    sa.select(*(col(getattr(Idempotency, name)) for name in ("body_hash", "status", "headers", "body", "event"))).where(
        col(Idempotency.owner) == sa.bindparam("owner"),
        col(Idempotency.route) == sa.bindparam("route"),
        col(Idempotency.key) == sa.bindparam("key"),
        col(Idempotency.created_at) > sa.bindparam("oldest", type_=UtcTime),
    )
)
EXPIRE = Statement(sa.delete(Idempotency).where(col(Idempotency.created_at) <= sa.bindparam("oldest", type_=UtcTime)))


async def find_reused(tx: Transaction, wanted: Sequence[Reuse], now: datetime) -> dict[Place, Kept]:
    """The answers stored under these keys."""
    found = {}
    for reuse in wanted:
        rows = await tx.rows(FIND, {**reuse.place._asdict(), "oldest": now - KEPT})
        for body_hash, status, headers, body, event in rows:
            found[reuse.place] = Kept(bytes(body_hash), Answer(status, bytes(body), orjson.loads(headers), event))
    return found


async def keep_answers(tx: Transaction, earned: Sequence[tuple[Reuse, Answer]], now: datetime) -> None:
    """Store answers, and drop those whose day is over."""
    if not earned:
        return
    await tx.run(EXPIRE, {"oldest": now - KEPT})
    await tx.insert(Idempotency, [kept_row(reuse, answer, now) for reuse, answer in earned])


def kept_row(reuse: Reuse, answer: Answer, now: datetime) -> dict[str, Any]:
    """A stored answer by its columns."""
    return {
        **reuse.place._asdict(),
        "body_hash": reuse.body_hash,
        "status": answer.status,
        "headers": orjson.dumps(answer.headers).decode(),
        "body": answer.body,
        "event": answer.event,
        "created_at": now,
    }
