"""What a worker may write: all of it, results only, or nothing, by who holds the subscription and what was changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.auth import Key
from app.kit.ids import IdSource
from app.subscriptions.delivery.cursors import Fence, move_cursors
from app.subscriptions.delivery.endpoint_health import health_of
from app.subscriptions.delivery.leases import register, take
from app.subscriptions.delivery.result_writer import Lease, Outcome, PendingResults, ResultBatch, write_batches
from app.subscriptions.statements import CALLERS, find_subscription, put_subscription
from app.subscriptions.tables import (
    DELIVERY,
    DELIVERY_COLUMNS,
    Delivery,
    Notice,
    StoredDelivery,
    StoredSubscription,
    Subscription,
    row_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.db import Database, Transaction

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
KEY = Key("k", "admin", "desk", ("admin",), None)
ME, OTHER = UUID(int=1), UUID(int=2)
new_id = IdSource()


@pytest.fixture
async def held(db: Database) -> Subscription:
    """A subscription whose lease this test has."""
    nothing: dict[str, Any] = dict.fromkeys(
        ("disabled_reason", "failing_since", "last_attempt_at", "last_success_at", "last_error", "resume_at")
    )
    made = Subscription(
        id=new_id(),
        owner="desk",
        version=1,
        name="desk",
        mode="push",
        filter="{}",
        url="https://desk.example.org",
        max_open=10,
        max_in_flight=4,
        timeout_s=15,
        status="active",
        cursor=0,
        generation=0,
        verified=True,
        ping_due=False,
        consecutive_failures=0,
        secret=None,
        previous_secret=None,
        previous_expires_at=None,
        created_at=NOW,
        **nothing,
    )

    async def work(tx: Transaction) -> Subscription:
        await tx.insert(StoredSubscription, [row_of(CALLERS, made) | {"worker": None, "token": 0}])
        await register(tx, ME, NOW)
        [taken] = await take(tx, ME, [made.id])
        return taken

    return await db.write(work)


def delivery(held: Subscription, seq: int, **fields: Any) -> Delivery:
    made = Delivery(new_id(), held.id, seq, 1, held.generation, "queued", True, 0, 0, "[]", NOW, NOW)
    return made._replace(**fields)


def step(
    held: Subscription, *, cursor: int | None = None, changed: Sequence[Delivery] = (), **fields: Any
) -> ResultBatch:
    results = PendingResults({each.id: each for each in changed}, **fields)
    return ResultBatch(Lease(held.id, ME, held.token), held.version, held.generation, cursor, results)


async def written(db: Database, *steps: ResultBatch) -> list[Outcome]:
    return await db.write(lambda tx: write_batches(tx, steps))


async def stored(db: Database) -> list[Delivery]:
    return [Delivery(*row) for row in await db.rows(sa.select(*DELIVERY_COLUMNS).order_by(sa.text("id")))]


async def configured(db: Database, held: Subscription, **fields: Any) -> None:
    """What a caller does meanwhile."""
    await db.write(lambda tx: put_subscription(tx, replace(held, **fields)))


async def test_cursor_deliveries_and_health_are_written_together(db: Database, held: Subscription) -> None:
    one, two = delivery(held, 4), delivery(held, 7)
    health = health_of(held)._replace(consecutive_failures=3)

    assert await written(db, step(held, added=[one, two], cursor=9, health=health)) == ["written"]

    found = await find_subscription(db, held.id, KEY)
    assert (found.cursor, found.consecutive_failures, found.version) == (9, 3, 1)
    assert await stored(db) == [one, two]


async def test_what_was_written_already_is_not_written_twice(db: Database, held: Subscription) -> None:
    once = step(held, added=[delivery(held, 4)], cursor=4)

    assert await written(db, once) == ["written"]
    assert await written(db, once) == ["written"], "as after a commit whose answer was lost"
    assert len(await stored(db)) == 1


@pytest.mark.parametrize("change", [{"worker": OTHER}, {"token": 99}, {"subscription": UUID(int=9)}])
async def test_who_holds_it_no_longer_changes_nothing(db: Database, held: Subscription, change: dict[str, Any]) -> None:
    one = delivery(held, 4)
    await written(db, step(held, added=[one], cursor=4))
    late = step(held, changed=[one._replace(status="delivered")], added=[delivery(held, 5)], cursor=5)
    late = replace(late, lease=replace(late.lease, **change))

    assert await written(db, late) == ["fenced"]
    assert await stored(db) == [one]
    assert (await find_subscription(db, held.id, KEY)).cursor == 4


async def test_while_it_was_configured_only_results_count(db: Database, held: Subscription) -> None:
    one = delivery(held, 4)
    await written(db, step(held, added=[one], cursor=4))
    await configured(db, replace(held, cursor=4), version=2, status="paused")
    done = one._replace(status="delivered", attempt_count=1, next_attempt_at=None)
    healthy = health_of(held)._replace(last_success_at=NOW)
    failing = Notice("subscription.failing", held.id, None, NOW, "x")

    late = step(held, changed=[done], added=[delivery(held, 5)], cursor=5, health=healthy, notices=[failing])

    assert await written(db, late) == ["stale"]
    assert await stored(db) == [done]
    found = await find_subscription(db, held.id, KEY)
    assert (found.cursor, found.status, found.last_success_at) == (4, "paused", None)


async def test_what_a_seek_has_cancelled_stays_so_unless_it_was_delivered(db: Database, held: Subscription) -> None:
    one, two, extra = delivery(held, 4), delivery(held, 5), delivery(held, 1, counted=False)
    cancelled = [each._replace(status="cancelled", next_attempt_at=None) for each in (one, two)]
    rows = [row_of(DELIVERY, each) for each in (*cancelled, extra)]
    await db.write(lambda tx: tx.insert(StoredDelivery, rows))
    await configured(db, held, generation=1, cursor=0)
    results = [one._replace(status="delivered"), two._replace(status="retrying"), extra._replace(status="retrying")]

    assert await written(db, step(held, changed=results)) == ["stale"]
    assert [each.status for each in await stored(db)] == ["delivered", "cancelled", "retrying"]


@pytest.mark.parametrize(
    ("fields", "outcome", "statuses"),
    [
        ({}, "written", ["delivered", "queued"]),
        ({"version": 2, "status": "paused"}, "stale", ["delivered", "queued"]),
        ({"generation": 1, "cursor": 0}, "stale", ["delivered", "queued"]),
        (None, "fenced", ["queued", "queued"]),
    ],
)
async def test_what_the_first_attempt_delivered_is_delivered_unless_another_holds_it(
    db: Database, held: Subscription, fields: dict[str, Any] | None, outcome: Outcome, statuses: list[str]
) -> None:
    one, two = delivery(held, 4), delivery(held, 5)
    await written(db, step(held, added=[one, two], cursor=5))
    if fields:
        await configured(db, replace(held, cursor=5), **fields)
    late = step(held, delivered={one.id: '[{"n":1}]'})
    if fields is None:
        late = replace(late, lease=replace(late.lease, worker=OTHER))

    assert await written(db, late) == [outcome]

    found = await stored(db)
    assert [each.status for each in found] == statuses
    if outcome != "fenced":
        assert found[0] == one._replace(
            status="delivered", tries=1, attempt_count=1, attempts='[{"n":1}]', next_attempt_at=None
        )


async def test_the_steps_of_many_subscriptions_stand_for_themselves(db: Database, held: Subscription) -> None:
    gone = replace(step(held, added=[delivery(held, 3)]), lease=Lease(UUID(int=9), ME, 1))

    assert await written(db, gone, step(held, added=[delivery(held, 4)], cursor=4)) == ["fenced", "written"]
    assert [each.seq for each in await stored(db)] == [4]


async def test_a_cursor_follows_only_under_its_lease_and_configuration_and_only_forward(
    db: Database, held: Subscription
) -> None:
    fence = Fence(ME, held.token, held.version, held.generation)

    async def moved(fence: Fence, to: int) -> bool:
        return held.id in await db.write(lambda tx: move_cursors(tx, {held.id: fence}, to))

    for other in ({"worker": OTHER}, {"token": 9}, {"version": 9}, {"generation": 9}):
        assert not await moved(fence._replace(**other), 5), other
    assert await moved(fence, 5)
    assert not await moved(fence, 4)
    assert (await find_subscription(db, held.id, KEY)).cursor == 5
