"""Liveness, readiness and metrics, and who may read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from calls import problem

from app.auth import create_key

if TYPE_CHECKING:
    from fastapi import FastAPI

    from app.db import Database


def from_address(app: FastAPI, address: str, key: str | None = None) -> httpx.AsyncClient:
    """A client at that address."""
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    transport = httpx.ASGITransport(app, client=(address, 4000))
    return httpx.AsyncClient(transport=transport, base_url="http://sitrep.test", headers=headers)


async def test_a_running_service_is_alive_and_ready_without_a_key(client: httpx.AsyncClient) -> None:
    assert (await client.get("/livez")).json() == {"status": "ok"}
    assert (await client.get("/readyz")).json() == {"status": "ok"}


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1"])
async def test_this_machine_reads_metrics_by_route_template(app: FastAPI, address: str) -> None:
    async with from_address(app, address) as local:
        await local.get("/v1/events/00000000-0000-7000-8000-000000000000")
        text = (await local.get("/metrics")).text

    assert 'route="/v1/events/{id}",status="401"' in text
    assert "00000000-0000" not in text


async def test_others_need_an_admin_key_for_metrics(app: FastAPI, db: Database, admin_key: str) -> None:
    _, reader = await create_key(db, "reader", ["read"])
    async with (
        from_address(app, "192.0.2.7") as stranger,
        from_address(app, "192.0.2.7", reader) as known,
        from_address(app, "192.0.2.7", admin_key) as admin,
        from_address(app, "127.0.0.1", "sitrep_bad") as mistaken,
    ):
        problem(await stranger.get("/metrics"), 401)
        problem(await known.get("/metrics"), 403)
        assert (await admin.get("/metrics")).status_code == 200
        problem(await mistaken.get("/metrics"), 401)
