"""Deny by default: every route of the document against every credential."""

import re
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient

from app.auth.authentication import Authenticator
from app.auth.key_format import format_key, new_key_id, new_secret
from app.auth.keys import create_key, revoke_key, utc_now
from app.auth.tables import IMPLIED_SCOPES
from app.db import Database

OPEN = {"/", "/docs", "/redoc", "/openapi.json", "/livez", "/readyz"}
ADMIN = {"/v1/keys", "/v1/keys/{id}", "/v1/audit", "/v1/notices", "/metrics"}
ANY_KEY = {"/v1/me"}
ZERO = "00000000-0000-0000-0000-000000000000"
VERBS = {"get", "head", "post", "put", "patch", "delete"}


def needed(method: str, path: str) -> str | None:
    """The scope that the contract asks for; None: any good key."""
    if path in ANY_KEY:
        return None
    if path in ADMIN:
        return "admin"
    if path.startswith(("/v1/subscriptions", "/v1/deliveries")):
        return "subscribe"
    if path.startswith("/v1/feed-tokens"):
        return "read"
    return "read" if method in {"get", "head"} else "write"


def routes(app: FastAPI) -> list[tuple[str, str]]:
    """Each operation of the document, and the HEAD of each GET."""
    found = []
    for path, item in app.openapi()["paths"].items():
        if path in OPEN or path.startswith("/problems"):
            continue
        methods = VERBS & set(item)
        found += [(method, path) for method in sorted(methods | ({"head"} if "get" in methods else set()))]
    return found


def filled(path: str) -> str:
    return re.sub(r"\{[^}]+\}", ZERO, path)


async def ask(app: FastAPI, client: AsyncClient, method: str, path: str, *authorization: str) -> int:
    """The status for these credentials, from a door that has seen no failures yet."""
    door: Authenticator = app.state.services.authenticator
    app.state.services = replace(
        app.state.services, authenticator=Authenticator(app.state.services.db, app.state.services.settings)
    )
    headers: Any = [("Authorization", value) for value in authorization]
    try:
        # A query that no route knows: who is let in gets 422 at once, streams included, and nothing is written.
        response = await client.request(method, filled(path) + "?no_such_parameter=1", headers=headers)
    finally:
        await app.state.services.authenticator.close()
        app.state.services = replace(app.state.services, authenticator=door)
    return response.status_code


async def bad_credentials(db: Database) -> dict[str, tuple[str, ...]]:
    _, good = await create_key(db, "good", ["admin"])
    revoked, revoked_text = await create_key(db, "revoked", ["admin"])
    await revoke_key(db, revoked.id)
    _, expired = await create_key(
        db, "expired", ["admin"], expires_at=utc_now(), clock=lambda: utc_now().replace(year=2025)
    )
    return {
        "no key": (),
        "broken checksum": (f"Bearer {good[:-1]}{'1' if good[-1] == '0' else '0'}",),
        "unknown id": (f"Bearer {format_key(new_key_id(), new_secret())}",),
        "wrong secret": (f"Bearer {format_key(good.split('_')[1], new_secret())}",),
        "revoked": (f"Bearer {revoked_text}",),
        "expired": (f"Bearer {expired}",),
        "another scheme": (f"Basic {good}",),
        "two headers": (f"Bearer {good}", f"Bearer {good}"),
    }


async def test_no_route_opens_to_a_bad_credential(app: FastAPI, client: AsyncClient, db: Database) -> None:
    assert routes(app)
    surprises = [
        (method, path, name, status)
        for name, sent in (await bad_credentials(db)).items()
        for method, path in routes(app)
        if (status := await ask(app, client, method, path, *sent)) != 401
        and not (path == "/metrics" and name == "no key")
    ]
    assert surprises == []


@pytest.mark.parametrize("held", ["read", "write", "subscribe", "admin"])
async def test_every_route_asks_for_its_scope(app: FastAPI, client: AsyncClient, db: Database, held: str) -> None:
    _, text = await create_key(db, "some", [held])  # type: ignore[list-item]
    surprises = []
    for method, path in routes(app):
        status = await ask(app, client, method, path, f"Bearer {text}")
        scope = needed(method, path)
        enough = scope is None or scope in IMPLIED_SCOPES[held]
        if (status == 403) is enough or status == 401 or status < 300 or status >= 500:
            surprises.append((method, path, status))
    assert surprises == []
