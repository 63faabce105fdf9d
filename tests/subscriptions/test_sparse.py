"""A filter that one change in ten thousand matches: its cursor moves on all the same, and outlives its worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from conftest import client_of
from receivers import KEY, LOOPBACK, becomes, deliveries, receiving, subscribed, write_many
from workers import crew

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx
    from conftest import MakeApp, MakeEvent

RARE = 10_000


@pytest.fixture
async def desk(make_app: MakeApp, admin_key: str) -> AsyncIterator[httpx.AsyncClient]:
    app = await make_app(delivery=False, allow_private_targets=LOOPBACK, secret_key=KEY)
    async with client_of(app, admin_key) as opened:
        yield opened


async def test_a_push_that_hardly_ever_matches_makes_progress_across_kills(
    desk: httpx.AsyncClient, database_url: str, make_event: MakeEvent
) -> None:
    plain = {"kind": "attack", "started_at": "2025-09-07T00:00:00Z", "sources": [{"publisher": "W"}], "detail": {}}
    async with receiving() as endpoint, crew(database_url) as workers:
        made = await subscribed(desk, endpoint.url(), filter={"tag": "rare"})
        first = await workers.start()
        await becomes(desk, made["id"], status="active")
        await write_many(desk, plain, RARE - 1)
        passed = await becomes(desk, made["id"], lag=0)
        workers.kill(first)
        assert (passed["cursor"], endpoint.changes) == (f"e1-{RARE - 1:012d}", [])

        [rare] = await write_many(desk, make_event(), 1, "rare")
        await write_many(desk, plain, 500)
        second = await workers.start()
        await becomes(desk, made["id"], lag=0, open=0)
        workers.kill(second)
        await workers.start()
        await becomes(desk, made["id"], lag=0, open=0)
        rows = await deliveries(desk, made["id"])

    assert set(endpoint.ids) == {rare}
    assert [row["change_id"] for row in rows] == [rare], "stored once, whoever read past it"
