"""Idempotency-Key: a repeated request gets the first answer again, stored in the transaction that earned it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa
from sqlmodel import col

from app.db import Statement, Transaction, UtcTime
from app.errors import Deleted, IdempotencyMismatch
from app.events.tables import StoredIdempotentResponse
from app.kit.json_lines import escape_line_separators

RETENTION = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class ResponseData:
    """A finished answer."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    event: int | None = None


class IdempotencyKey(NamedTuple):
    """Whose key it is, for which method and path."""

    owner: str
    route: str
    key: str


class StoredResponse(NamedTuple):
    """A stored answer and the hash of the request that earned it."""

    body_hash: bytes
    answer: ResponseData


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """A request that came with an Idempotency-Key."""

    place: IdempotencyKey
    body_hash: bytes

    def replay(self, kept: StoredResponse) -> ResponseData | Exception:
        """The stored answer, if it was the same request."""
        if kept.body_hash != self.body_hash:
            return IdempotencyMismatch(
                "That Idempotency-Key came with another body before; use a new key for a new request."
            )
        answer = kept.answer
        if answer.status == Deleted.status:
            return Deleted("What this request made was erased.", tombstone=orjson.loads(answer.body))
        body = escape_line_separators(answer.body) if answer.body.startswith(b"{") else answer.body  # else it is sealed
        return ResponseData(answer.status, body, {**answer.headers, "Idempotency-Replayed": "true"}, answer.event)


FIND = Statement(
    sa.select(
        *(col(getattr(StoredIdempotentResponse, name)) for name in ("body_hash", "status", "headers", "body", "event"))
    ).where(
        col(StoredIdempotentResponse.owner) == sa.bindparam("owner"),
        col(StoredIdempotentResponse.route) == sa.bindparam("route"),
        col(StoredIdempotentResponse.key) == sa.bindparam("key"),
        col(StoredIdempotentResponse.created_at) > sa.bindparam("oldest", type_=UtcTime),
    )
)
EXPIRE = Statement(
    sa.delete(StoredIdempotentResponse).where(
        col(StoredIdempotentResponse.created_at) <= sa.bindparam("oldest", type_=UtcTime)
    )
)


async def find_stored(
    tx: Transaction, wanted: Sequence[IdempotentRequest], now: datetime
) -> dict[IdempotencyKey, StoredResponse]:
    """The answers stored under these keys."""
    found = {}
    for reuse in wanted:
        rows = await tx.rows(FIND, {**reuse.place._asdict(), "oldest": now - RETENTION})
        for body_hash, status, headers, body, event in rows:
            found[reuse.place] = StoredResponse(
                bytes(body_hash), ResponseData(status, bytes(body), orjson.loads(headers), event)
            )
    return found


async def store_responses(
    tx: Transaction, earned: Sequence[tuple[IdempotentRequest, ResponseData]], now: datetime
) -> None:
    """Store answers, and drop those whose day is over."""
    if not earned:
        return
    await tx.run(EXPIRE, {"oldest": now - RETENTION})
    await tx.insert(StoredIdempotentResponse, [response_row(reuse, answer, now) for reuse, answer in earned])


def response_row(reuse: IdempotentRequest, answer: ResponseData, now: datetime) -> dict[str, Any]:
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
