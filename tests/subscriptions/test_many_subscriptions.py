"""A worker that finds many subscriptions takes them up a few at a time, and so has connections left for each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from conftest import client_of
from receivers import KEY, LOOPBACK, becomes, receiving, subscribed
from workers import Clock, worker_on

from app.subscriptions.delivery.context import LOADED_AT_ONCE
from app.subscriptions.delivery.phase import Phase

if TYPE_CHECKING:
    from conftest import MakeApp

MANY = 5 * LOADED_AT_ONCE


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
