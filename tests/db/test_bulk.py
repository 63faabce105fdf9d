"""Many rows in one statement: those that share values, on both databases, come back as they went in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import col

from app.db import Statement, as_written, id_text
from app.subscriptions.tables import StoredDelivery

if TYPE_CHECKING:
    from app.db import Database, Transaction

NOW = datetime(2026, 11, 26, 12, 0, 0, 123456, tzinfo=UTC)
SAME = {
    "subscription": UUID(int=7),
    "epoch": 1,
    "generation": 3,
    "status": "queued",
    "counted": True,
    "tries": 0,
    "attempt_count": 0,
    "next_attempt_at": None,
    "created_at": NOW,
}
TEXTS = ["[]", '[{"n":1,"error":"status"}]', "Київ ' \" \\ \x01 \U0001f54a", "", "null", "1"]
COLUMNS = ("id", "seq", "attempts", *SAME)
ALL = Statement(sa.select(*(col(getattr(StoredDelivery, name)) for name in COLUMNS)).order_by(col(StoredDelivery.id)))


def rows_of(count: int) -> list[dict[str, Any]]:
    return [{"id": UUID(int=n), "seq": 2**62 + n, "attempts": TEXTS[n % len(TEXTS)]} for n in range(count)]


async def stored(db: Database) -> list[dict[str, Any]]:
    return [dict(zip(COLUMNS, row, strict=True)) for row in await db.rows(ALL)]


async def inserted(db: Database, rows: list[dict[str, Any]], **more: Any) -> None:
    async def work(tx: Transaction) -> None:
        await tx.insert(StoredDelivery, rows, same=SAME, **more)

    await db.write(work)


@pytest.mark.parametrize("count", [0, 1, 2, 700])
async def test_rows_that_share_values_are_inserted(db: Database, count: int) -> None:
    await inserted(db, rows_of(count))

    assert await stored(db) == [row | SAME for row in rows_of(count)]


async def test_those_that_are_there_may_be_passed_over(db: Database) -> None:
    await inserted(db, rows_of(2))
    await inserted(db, [row | {"attempts": "other"} for row in rows_of(4)], ignore=True)

    assert [row["attempts"] for row in await stored(db)] == [*TEXTS[:2], "other", "other"]


@pytest.mark.parametrize("count", [1, 700])
async def test_rows_are_changed_to_the_same_but_for_their_own(db: Database, count: int) -> None:
    await inserted(db, rows_of(count + 1))
    later = NOW + timedelta(days=1)
    same = {"status": "delivered", "tries": 1, "counted": False, "created_at": later, "next_attempt_at": None}
    changes = [{"id": UUID(int=n), "attempts": TEXTS[-1 - n % len(TEXTS)]} for n in range(count)]

    async def work(tx: Transaction) -> None:
        await tx.update(StoredDelivery, ("id",), changes, same=same)
        await tx.update(StoredDelivery, ("id",), [], same=same)

    await db.write(work)

    before = [row | SAME for row in rows_of(count + 1)]
    after = [row | same | change for row, change in zip(before, changes, strict=False)]
    assert await stored(db) == [*after, before[-1]]


async def test_an_id_is_read_as_it_is_written(db: Database) -> None:
    await inserted(db, rows_of(20))

    texts = [text for (text,) in await db.rows(sa.select(id_text(col(StoredDelivery.id))))]

    assert sorted(map(as_written, texts)) == [str(UUID(int=n)) for n in range(20)]
