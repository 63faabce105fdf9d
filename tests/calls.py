"""What tests over HTTP ask of every answer."""

from __future__ import annotations

import asyncio
from typing import Any

from httpx import AsyncClient, Response

from app.changes import STALE_S


async def let_moment_pass() -> None:
    """Wait until every process knows what the others wrote."""
    for _ in range(5):
        await asyncio.sleep(STALE_S / 5)


def problem(response: Response, status: int, slug: str | None = None) -> dict[str, Any]:
    """The problem document of a refusal with this status, every member in its place."""
    assert response.status_code == status, f"{response.status_code}: {response.text[:500]}"
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert list(document)[:5] == ["type", "title", "status", "detail", "instance"]
    assert document["status"] == status
    assert document["instance"].startswith("/requests/")
    assert slug is None or document["type"] == f"/problems/{slug}"
    return document


def faults(response: Response, status: int = 422) -> list[tuple[str, str]]:
    """Where, and by which code, a refusal says that something is wrong."""
    errors = problem(response, status)["errors"]
    assert all(error.keys() - {"pointer", "parameter"} == {"code", "detail", "allowed"} for error in errors)
    return [(error["parameter"] if "parameter" in error else error["pointer"], error["code"]) for error in errors]


def good(response: Response, status: int = 200) -> Any:
    """The JSON of an answer with this status."""
    assert response.status_code == status, f"{response.status_code}: {response.text[:500]}"
    return response.json()


async def written(api: AsyncClient, event: dict[str, Any]) -> dict[str, Any]:
    """The event as it stands after a POST."""
    stored: dict[str, Any] = good(await api.post("/v1/events", json=event), 201)
    return stored


async def head_of(api: AsyncClient) -> str:
    """The last position of the log."""
    return str(good(await api.get("/v1/events/count"))["as_of"])


async def found(api: AsyncClient, query: str) -> list[str]:
    """The ids on the first page of the list."""
    return [event["id"] for event in good(await api.get(f"/v1/events?{query}"))["items"]]
