"""Many subscriptions of one worker: taken up a few at a time, their cursors moved together if nothing matched."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from conftest import client_of
from receivers import KEY, LOOPBACK, becomes, receiving, standing, subscribed, write_many
from workers import QUICK, Clock, worker_on

from app.subscriptions.delivery.context import LOADED_AT_ONCE
from app.subscriptions.delivery.phase import Phase

if TYPE_CHECKING:
    from conftest import MakeApp, MakeEvent

MANY = 5 * LOADED_AT_ONCE
PATIENCE_S = 45.0


async def test_many_subscriptions_are_taken_up_a_few_at_a_time(
    make_app: MakeApp, database_url: str, admin_key: str
) -> None:
    app = await make_app(delivery=False, allow_private_targets=LOOPBACK, secret_key=KEY)
    worker = worker_on(app.state.services.notifier, database_url, Clock())
    most = 0
    async with client_of(app, admin_key) as desk, receiving() as endpoint:
        ids = [(await subscribed(desk, endpoint.url()))["id"] for _ in range(MANY)]
        working = asyncio.create_task(worker.once())
        while not working.done():
            loading = [each for each in worker.dispatchers.values() if each.state.phase is Phase.LOADING]
            most = max(most, len(loading))
            await asyncio.sleep(0)
        await working
        for id in ids:
            await becomes(desk, id, status="active")
    assert most <= LOADED_AT_ONCE


async def test_cursors_follow_what_does_not_match_without_a_turn_and_go_past_no_match(
    make_app: MakeApp, database_url: str, admin_key: str, make_event: MakeEvent
) -> None:
    app = await make_app(delivery=False, allow_private_targets=LOOPBACK, secret_key=KEY)
    # By the clock of the test, which stands still, no cursor has stood still for long: no turn stores one.
    worker = worker_on(app.state.services.notifier, database_url, Clock(), replace(QUICK, keep_s=0.01))
    worker.start()
    try:
        async with client_of(app, admin_key) as desk, receiving() as endpoint:
            made = [await subscribed(desk, endpoint.url(), filter={"tag": "rare"}) for _ in range(3)]
            for each in made:
                await becomes(desk, each["id"], status="active")
            async with asyncio.timeout(PATIENCE_S):
                while any([(await standing(desk, each["id"]))["cursor"] == each["cursor"] for each in made]):
                    await write_many(desk, make_event(), 1, "common")
            [rare] = await write_many(desk, make_event(), 1, "rare")
            await endpoint.until(lambda: len(endpoint.changes) == len(made))
            for each in made:
                await becomes(desk, each["id"], open=0)
    finally:
        await worker.stop()
    assert endpoint.ids == [rare] * len(made)
