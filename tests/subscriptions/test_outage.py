"""What an endpoint that is down misses: nothing, however long it takes; the clock is the test's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from calls import good
from conftest import client_of
from receivers import KEY, LOOPBACK, deliveries, patched, receiving, standing, subscribed, write_many
from workers import Clock, worker_on

from app.subscriptions.tables import StoredDelivery

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import httpx
    from conftest import MakeApp, MakeEvent
    from fastapi import FastAPI

    from app.db import Database, Transaction

    Pass = Callable[..., Awaitable[None]]


@pytest.fixture
async def quiet(make_app: MakeApp) -> FastAPI:
    """An application that delivers nothing by itself."""
    return await make_app(delivery=False, allow_private_targets=LOOPBACK, secret_key=KEY)


@pytest.fixture
async def desk(quiet: FastAPI, admin_key: str) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(quiet, admin_key) as opened:
        yield opened


@pytest.fixture
def passing(quiet: FastAPI, database_url: str) -> Pass:
    """Lets time go by, and then a worker of its own do what is to be done at that instant."""
    clock = Clock()

    async def one_pass(**later: float) -> None:
        clock.move(**later)
        await worker_on(quiet.state.services.notifier, database_url, clock).once()

    return one_pass


async def opened(desk: httpx.AsyncClient, url: str, one_pass: Pass, **fields: Any) -> str:
    """An active subscription."""
    made = await subscribed(desk, url, **fields)
    await one_pass()
    assert (await standing(desk, made["id"]))["status"] == "active"
    return str(made["id"])


async def test_an_endpoint_that_fails_for_a_day_and_recovers_loses_nothing(
    desk: httpx.AsyncClient, passing: Pass, make_event: MakeEvent
) -> None:
    async with receiving() as endpoint:
        id = await opened(desk, endpoint.url(), passing, push={"max_open": 20})
        endpoint.answer = lambda _: 500
        ids = await write_many(desk, make_event(), 300)
        for _ in range(48):
            await passing(minutes=30)
        down = await standing(desk, id)
        assert (down["status"], down["open"], down["lag"], down["dead"]) == ("failing", 20, 280, 0)
        tried = len(endpoint.changes)
        endpoint.answer = lambda _: 200
        await passing(seconds=6)
        for _ in range(24):
            await passing(hours=1)
        up = await standing(desk, id)

    assert (up["status"], up["open"], up["lag"], up["dead"]) == ("active", 0, 0, 0)
    assert sorted(each.id for each in endpoint.changes[tried:]) == ids
    types = [each["type"] for each in good(await desk.get("/v1/notices"))["items"]]
    assert types == ["subscription.failing", "subscription.recovered"]


async def test_while_it_fails_it_is_asked_one_at_a_time_and_not_without_pause(
    desk: httpx.AsyncClient, passing: Pass, make_event: MakeEvent
) -> None:
    async with receiving() as endpoint:
        id = await opened(desk, endpoint.url(), passing, push={"max_in_flight": 8})
        endpoint.answer = lambda _: 500
        await write_many(desk, make_event(), 50)
        await passing()
        assert (await standing(desk, id))["status"] == "failing"
        tried, endpoint.busiest = len(endpoint.changes), 0
        for _ in range(5):
            await passing(seconds=5)

    assert len(endpoint.changes) == tried + 5
    assert endpoint.busiest == 1


async def test_after_ten_tries_a_delivery_is_dead_blocks_nobody_and_comes_back_by_a_retry(
    desk: httpx.AsyncClient, passing: Pass, make_event: MakeEvent
) -> None:
    poison = "e1-000000000001"
    async with receiving() as endpoint:
        id = await opened(desk, endpoint.url(), passing, push={"max_open": 1})
        endpoint.answer = lambda received: 500 if received.id == poison else 200
        await write_many(desk, make_event(), 3)
        await passing()
        pauses = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
        for tries, pause in enumerate(pauses, 1):
            await passing(seconds=pause - 1)
            assert endpoint.ids.count(poison) == tries, "not before its time"
            await passing(seconds=1)
            assert endpoint.ids.count(poison) == tries + 1
        assert (await standing(desk, id))["dead"] == 1
        [dead] = await deliveries(desk, id, "&status=dead")
        assert good(await desk.get(f"/v1/deliveries/{dead['id']}"))["next_attempt_at"] is None
        await passing(seconds=6)
        assert set(endpoint.ids) == {poison, "e1-000000000002", "e1-000000000003"}
        endpoint.answer = lambda _: 200
        answered = good(await desk.post(f"/v1/subscriptions/{id}/deliveries/retry", json={"status": "dead"}), 202)
        assert answered == {"matched": 1}
        [queued] = await deliveries(desk, id, "&status=queued")
        await passing()
        after = await standing(desk, id)

    assert (dead["id"], queued["attempt_count"]) == (queued["id"], 10)
    assert (after["dead"], after["open"], after["lag"]) == (0, 0, 0)
    assert endpoint.ids.count(poison) == 11
    told = good(await desk.get("/v1/notices"))["items"]
    assert [(each["type"], each["delivery_id"]) for each in told if each["delivery_id"]] == [
        ("delivery.dead", dead["id"])
    ]


async def test_five_days_of_failing_disable_and_it_goes_on_at_its_cursor(
    desk: httpx.AsyncClient, passing: Pass, make_event: MakeEvent
) -> None:
    async with receiving() as endpoint:
        id = await opened(desk, endpoint.url(), passing, push={"max_open": 10})
        endpoint.answer = lambda _: 500
        await write_many(desk, make_event(), 60)
        for _ in range(5 * 24 + 2):
            await passing(hours=1)
        disabled = await standing(desk, id)
        assert (disabled["status"], disabled["disabled_reason"]) == ("disabled", "failing")
        endpoint.answer = lambda _: 200
        await patched(desk, id, status="active")
        seen = len(endpoint.changes)
        for _ in range(30):
            await passing(hours=1)
        good(await desk.post(f"/v1/subscriptions/{id}/deliveries/retry", json={}), 202)
        await passing()
        after = await standing(desk, id)

    assert (after["status"], after["open"], after["lag"], after["dead"]) == ("active", 0, 0, 0)
    assert sorted(set(endpoint.ids[seen:])) == [f"e1-{n:012d}" for n in range(1, 61)]


async def test_an_endpoint_is_left_alone_as_long_as_it_asks(
    desk: httpx.AsyncClient, passing: Pass, make_event: MakeEvent
) -> None:
    async with receiving() as endpoint:
        id = await opened(desk, endpoint.url(), passing, push={"max_in_flight": 1})
        endpoint.answer = lambda _: (503, {"retry-after": "7200"})
        await write_many(desk, make_event(), 3)
        await passing()
        assert len(endpoint.changes) == 1
        endpoint.answer = lambda _: 200
        await passing(seconds=7199)
        assert len(endpoint.changes) == 1
        await passing(seconds=1)
        after = await standing(desk, id)

    assert sorted(endpoint.ids[1:]) == [f"e1-{n:012d}" for n in (1, 2, 3)]
    assert (after["open"], after["consecutive_failures"]) == (0, 0)


async def test_hundreds_that_were_given_up_come_back_at_once(
    desk: httpx.AsyncClient, db: Database, passing: Pass, make_event: MakeEvent
) -> None:
    async with receiving() as endpoint:
        id = await opened(desk, endpoint.url(), passing, push={"max_open": 1000, "max_in_flight": 16})
        ids = await write_many(desk, make_event(), 500)
        await passing()
        assert sorted(endpoint.ids) == ids

        async def give_up(tx: Transaction) -> None:
            await tx.run(sa.update(StoredDelivery).values(status="dead"))

        await db.write(give_up)
        assert (await standing(desk, id))["dead"] == 500
        assert good(await desk.post(f"/v1/subscriptions/{id}/deliveries/retry"), 202) == {"matched": 500}
        waiting = await standing(desk, id)
        await passing(minutes=1)
        after = await standing(desk, id)

    assert (waiting["open"], waiting["dead"]) == (0, 0), "what was put back does not count as open"
    assert (after["open"], after["dead"]) == (0, 0)
    assert sorted(endpoint.ids) == sorted(ids * 2)
