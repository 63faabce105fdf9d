"""Keys over HTTP: shapes, refusals, and what the trail says afterwards."""

import re
from typing import Any

import pytest
from httpx import AsyncClient, Response

from app.auth.key_format import parse_key
from app.auth.keys import create_key, find_key
from app.db import Database

KEY_NAMES = ["id", "name", "owner", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at"]
INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z"


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


@pytest.fixture
async def admin(db: Database) -> dict[str, str]:
    return bearer((await create_key(db, "root", ["admin"], owner="ops"))[1])


def faults(response: Response) -> list[tuple[Any, str]]:
    assert response.status_code == 422
    return [(error.get("pointer", error.get("parameter")), error["code"]) for error in response.json()["errors"]]


async def test_a_key_is_made_used_and_revoked(client: AsyncClient, db: Database, admin: dict[str, str]) -> None:
    made = await client.post("/v1/keys", headers=admin, json={"name": "newsroom", "scopes": ["subscribe", "read"]})
    assert made.status_code == 201
    key = made.json()
    assert list(key) == [*KEY_NAMES, "key"]
    assert (key["owner"], key["scopes"]) == ("newsroom", ["read", "subscribe"])
    assert re.fullmatch(INSTANT, key["created_at"])
    assert key["expires_at"] is key["revoked_at"] is key["last_used_at"] is None
    assert (parse_key(key["key"]) or [""])[0] == key["id"]
    assert made.headers["cache-control"] == "no-store"

    me = await client.get("/v1/me", headers=bearer(key["key"]))
    assert me.json() == {name: key[name] for name in ("id", "name", "owner", "scopes", "expires_at")}

    for _ in range(2):
        gone = await client.delete(f"/v1/keys/{key['id']}", headers=admin)
        assert (gone.status_code, gone.content) == (204, b"")
    assert (await client.get("/v1/me", headers=bearer(key["key"]))).status_code == 401

    trail = (await client.get("/v1/audit", headers=admin)).json()
    assert list(trail) == ["items", "next"]
    assert [list(entry) for entry in trail["items"]] == [["id", "at", "by", "action", "subject", "address"]] * 3
    assert [(entry["by"], entry["action"], entry["subject"]) for entry in trail["items"][:2]] == [
        ("ops", "key.revoked", key["id"]),
        ("ops", "key.created", key["id"]),
    ]
    assert trail["items"][0]["address"] != ""


async def test_owner_and_expiry_are_kept_as_sent(client: AsyncClient, admin: dict[str, str]) -> None:
    wanted = {"name": "a", "scopes": ["read"], "owner": "desk", "expires_at": "2199-03-01T02:00:00+02:00"}
    made = (await client.post("/v1/keys", headers=admin, json=wanted)).json()
    assert (made["owner"], made["expires_at"]) == ("desk", "2199-03-01T00:00:00Z")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ([], [("", "type")]),
        ({}, [("/name", "missing"), ("/scopes", "missing")]),
        ({"name": 1, "scopes": "read"}, [("/name", "type"), ("/scopes", "type")]),
        ({"name": "a", "scopes": ["root"]}, [("/scopes/0", "enum")]),
        ({"name": "a", "scopes": []}, [("/scopes", "too-short")]),
        ({"name": "a", "scopes": ["read"], "id": "x"}, [("/id", "unknown-field")]),
        ({"name": "a", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}, [("/expires_at", "range")]),
        ({"name": "a", "scopes": ["read"], "expires_at": "2199-01-01T00:00:00"}, [("/expires_at", "offset-missing")]),
        ({"name": "a", "scopes": ["read"], "expires_at": 4102444800}, [("/expires_at", "type")]),
    ],
)
async def test_a_body_that_makes_no_sense_is_422_with_pointers(
    client: AsyncClient, admin: dict[str, str], body: object, expected: list[tuple[str, str]]
) -> None:
    assert faults(await client.post("/v1/keys", headers=admin, json=body)) == expected
    assert len((await client.get("/v1/keys", headers=admin)).json()["items"]) == 1


async def test_an_unknown_key_is_404(client: AsyncClient, admin: dict[str, str]) -> None:
    for key_id in ("zzzzzzzzzz", "x", "%00", "%ff", "a" * 5000):
        assert (await client.delete(f"/v1/keys/{key_id}", headers=admin)).status_code == 404


async def test_lists_are_followed_by_next(client: AsyncClient, db: Database, admin: dict[str, str]) -> None:
    for number in range(4):
        await create_key(db, str(number), ["read"])
    for path in ("/v1/keys", "/v1/audit"):
        seen: list[Any] = []
        cursor: str | None = ""
        while cursor is not None:
            query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
            page = (await client.get(path, headers=admin, params=query)).json()
            assert 1 <= len(page["items"]) <= 2
            seen += [item["id"] for item in page["items"]]
            cursor = page["next"]
        assert seen == [item["id"] for item in (await client.get(path, headers=admin)).json()["items"]]
        assert len(seen) == 5


async def test_no_list_shows_a_secret(client: AsyncClient, admin: dict[str, str]) -> None:
    listed = await client.get("/v1/keys", headers=admin)
    assert [list(key) for key in listed.json()["items"]] == [KEY_NAMES]
    assert admin["Authorization"].split("_")[2] not in listed.text


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=1_0", "limit=%201", "limit=1&limit=2", "x=1"])
async def test_a_bad_query_is_422(client: AsyncClient, admin: dict[str, str], query: str) -> None:
    for path in ("/v1/keys", "/v1/audit"):
        assert [name for name, _ in faults(await client.get(f"{path}?{query}", headers=admin))] == [
            query.partition("=")[0]
        ]


async def test_a_bad_cursor_is_400(client: AsyncClient, admin: dict[str, str]) -> None:
    for path in ("/v1/keys", "/v1/audit"):
        refused = await client.get(f"{path}?cursor=AAAA", headers=admin)
        assert refused.status_code == 400
        assert refused.json()["type"] == "/problems/cursor-malformed"


@pytest.mark.parametrize("name", ["key", "api_key", "access_token", "authorization", "token"])
async def test_a_key_in_the_address_is_never_read(client: AsyncClient, admin: dict[str, str], name: str) -> None:
    text = admin["Authorization"].removeprefix("Bearer ")
    assert (await client.get(f"/v1/me?{name}={text}")).status_code == 401
    refused = await client.get(f"/v1/me?{name}={text}", headers=admin)
    assert faults(refused)[0][0] == name
    assert text not in refused.text


async def test_a_used_key_shows_when(client: AsyncClient, app: Any, db: Database, admin: dict[str, str]) -> None:
    key_id = (await client.get("/v1/me", headers=admin)).json()["id"]
    await app.state.services.authenticator.close()
    found = await find_key(db, key_id)
    assert found is not None
    assert found.last_used_at is not None
