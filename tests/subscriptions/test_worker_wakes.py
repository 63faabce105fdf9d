"""A worker that had nothing to deliver hears of the first change after its first subscription, at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from calls import written
from conftest import client_of
from receivers import KEY, LOOPBACK, becomes, receiving, subscribed
from workers import Clock, worker_on

from app.subscriptions.delivery.context import WorkerTimings

if TYPE_CHECKING:
    from conftest import MakeApp, MakeEvent

# Nothing is looked for within the test, and leases last: what happens, happens since somebody was woken.
NEVER_S = 3600.0
# Less than the 60 s after which a delivery loop looks at the log unasked.
PATIENCE_S = 45.0


async def test_a_change_after_the_first_subscription_is_not_left_lying(
    make_app: MakeApp, database_url: str, admin_key: str, make_event: MakeEvent
) -> None:
    app = await make_app(delivery=False, allow_private_targets=LOOPBACK, secret_key=KEY)
    worker = worker_on(
        app.state.services.notifier, database_url, Clock(), WorkerTimings(look_s=NEVER_S, lease_s=NEVER_S)
    )
    worker.start()
    try:
        async with client_of(app, admin_key) as desk, receiving() as endpoint:
            await asyncio.sleep(0.05)  # the worker has looked, and found nothing to do
            made = await subscribed(desk, endpoint.url())
            worker.kick()
            await becomes(desk, made["id"], status="active")
            await written(desk, make_event())
            async with asyncio.timeout(PATIENCE_S):
                await endpoint.until(lambda: len(endpoint.changes) == 1)
    finally:
        await worker.stop()
