"""What is swept up: old deliveries, those of deleted subscriptions, and subscriptions that nobody could go on with."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from calls import good
from conftest import client_of
from receivers import KEY, LOOPBACK, becomes, deliveries, receiving, standing, subscribed, write_many
from sqlmodel import col

from app.auth.keys import create_key, revoke_key, utc_now
from app.changes import trim
from app.subscriptions.delivery.cleanup import RETENTION, delete_old_deliveries
from app.subscriptions.ownership import disable_ownerless
from app.subscriptions.statements import oldest_needed_cursor
from app.subscriptions.tables import StoredDelivery

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx
    from conftest import MakeApp, MakeEvent
    from fastapi import FastAPI

    from app.db import Database


@pytest.fixture
async def pushing(make_app: MakeApp) -> FastAPI:
    return await make_app(allow_private_targets=LOOPBACK, secret_key=KEY)


@pytest.fixture
async def desk(pushing: FastAPI, admin_key: str) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(pushing, admin_key) as opened:
        yield opened


async def rows(db: Database) -> int:
    [(count,)] = await db.rows(sa.select(sa.func.count()).select_from(StoredDelivery))
    return int(count)


async def test_a_delivered_delivery_is_kept_for_thirty_days_a_dead_one_until_it_is_retried(
    desk: httpx.AsyncClient, db: Database, make_event: MakeEvent
) -> None:
    async with receiving() as endpoint:
        made = await subscribed(desk, endpoint.url())
        await becomes(desk, made["id"], status="active")
        await write_many(desk, make_event(), 5)
        await becomes(desk, made["id"], open=0, lag=0)
    [first, *_] = await deliveries(desk, made["id"])

    async def give_up(tx: object) -> None:
        done = sa.update(StoredDelivery).where(col(StoredDelivery.id) == sa.bindparam("one", type_=sa.Uuid()))
        await tx.run(done.values(status="dead"), {"one": first["id"]})  # type: ignore[attr-defined]

    from uuid import UUID

    first["id"] = UUID(first["id"])
    await db.write(give_up)
    assert await delete_old_deliveries(db, utc_now() + RETENTION - timedelta(minutes=5)) == 0
    assert await delete_old_deliveries(db, utc_now() + RETENTION + timedelta(minutes=5)) == 4
    assert await delete_old_deliveries(db, utc_now() + RETENTION + timedelta(minutes=5)) == 0
    [kept] = await deliveries(desk, made["id"])
    assert (kept["id"], kept["status"]) == (str(first["id"]), "dead")


async def test_the_deliveries_of_a_deleted_subscription_go(
    desk: httpx.AsyncClient, db: Database, make_event: MakeEvent
) -> None:
    async with receiving() as endpoint:
        made = await subscribed(desk, endpoint.url())
        stays = await subscribed(desk, endpoint.url("/other"))
        await becomes(desk, made["id"], status="active")
        await becomes(desk, stays["id"], status="active")
        await write_many(desk, make_event(), 3)
        await becomes(desk, made["id"], open=0, lag=0)
        await becomes(desk, stays["id"], open=0, lag=0)
    assert (await desk.delete(f"/v1/subscriptions/{made['id']}")).status_code == 204

    assert await rows(db) == 6
    assert await delete_old_deliveries(db, utc_now()) == 3
    assert len(await deliveries(desk, stays["id"])) == 3


async def test_a_pull_subscription_whose_owner_has_no_key_holds_nothing_back(
    pushing: FastAPI, desk: httpx.AsyncClient, db: Database, make_event: MakeEvent
) -> None:
    stored, text = await create_key(db, "archive", ["subscribe"])
    async with client_of(pushing, text) as own:
        wanted = {"name": "archive", "mode": "pull", "filter": {}, "start": "oldest"}
        made = good(await own.post("/v1/subscriptions", json=wanted), 201)
    await write_many(desk, make_event(), 10)
    later = utc_now() + timedelta(days=3)
    assert await trim(pushing.state.services.log, timedelta(days=1), later, oldest_needed_cursor) == 0, (
        "it is not past them yet"
    )
    assert await disable_ownerless(db, utc_now()) == 0
    await revoke_key(db, stored.id)

    assert await disable_ownerless(db, utc_now()) == 1
    found = await standing(desk, made["id"])
    assert (found["status"], found["disabled_reason"], found["version"]) == ("disabled", "no-key", 1)
    assert await trim(pushing.state.services.log, timedelta(days=1), later, oldest_needed_cursor) == 10
    [notice] = good(await desk.get("/v1/notices"))["items"]
    assert (notice["type"], notice["subscription_id"]) == ("subscription.disabled", made["id"])


async def test_nothing_is_trimmed_before_every_subscription_has_passed_it(
    desk: httpx.AsyncClient, pushing: FastAPI, make_event: MakeEvent
) -> None:
    wanted = {"name": "archive", "mode": "pull", "filter": {}, "start": "oldest"}
    made = good(await desk.post("/v1/subscriptions", json=wanted), 201)
    await write_many(desk, make_event(), 10)
    later = utc_now() + timedelta(days=3)

    assert await trim(pushing.state.services.log, timedelta(days=1), later, oldest_needed_cursor) == 0
    good(await desk.post(f"/v1/subscriptions/{made['id']}/ack", json={"cursor": "e1-000000000004"}))
    assert await trim(pushing.state.services.log, timedelta(days=1), later, oldest_needed_cursor) == 4
    page = good(await desk.get(f"/v1/subscriptions/{made['id']}/events"))
    assert [item["id"] for item in page["items"]] == [f"e1-{n:012d}" for n in range(5, 11)]
    behind = good(await desk.post(f"/v1/subscriptions/{made['id']}/ack", json={"cursor": "e1-000000000001"}))
    assert behind["cursor"] == "e1-000000000004"


async def test_disabling_many_stands_in_no_callers_way(pushing: FastAPI, desk: httpx.AsyncClient, db: Database) -> None:
    stored, text = await create_key(db, "archive", ["subscribe"])
    wanted = {"name": "archive", "mode": "pull", "filter": {}}
    async with client_of(pushing, text) as own:
        made = [good(await own.post("/v1/subscriptions", json=wanted), 201)["id"] for _ in range(30)]
    await revoke_key(db, stored.id)

    async def rename(id: str) -> int:
        return (await desk.patch(f"/v1/subscriptions/{id}", json={"name": "renamed"})).status_code

    found = await asyncio.gather(disable_ownerless(db, utc_now()), *(rename(id) for id in made))

    assert set(found[1:]) == {200}
    await disable_ownerless(db, utc_now())
    assert {(await standing(desk, id))["status"] for id in made} == {"disabled"}
