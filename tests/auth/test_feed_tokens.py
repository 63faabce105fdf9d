"""Feed tokens: what they open, who may make and revoke them, and that nothing repeats them."""

from __future__ import annotations

import re
from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
import structlog
from calls import faults, good, problem, written
from conftest import client_of

from app.auth.audit import Actor
from app.auth.feed_token_middleware import takes_token
from app.auth.feed_tokens import MAX_PER_OWNER, issue_feed_token
from app.auth.key_format import FEED_TOKEN, format_key, new_key_id, new_secret
from app.auth.keys import create_key, revoke_key, utc_now
from app.auth.schemas import NewFeedToken
from app.auth.tables import FeedToken
from app.logs import set_up_logs
from app.settings import RateLimit, Settings

if TYPE_CHECKING:
    from conftest import MakeApp, MakeEvent
    from fastapi import FastAPI
    from httpx import AsyncClient

    from app.db import Database

LISTS = ("/v1/events.atom", "/v1/events.geojson", "/v1/events/export")
OPENED = (*LISTS, "/v1/feeds/all_day.atom", "/v1/feeds/all_month.geojson")
NAMES = ["id", "name", "owner", "created_at", "expires_at", "last_used_at"]


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


async def token_of(db: Database, owner: str, **values: Any) -> tuple[str, str]:
    """The id and the text of a token."""
    token, text = await issue_feed_token(
        db, NewFeedToken(name="reader", **values), owner, Actor(), clock=lambda: utc_now() - timedelta(days=1)
    )
    return token.id, text


async def test_a_token_is_made_used_listed_and_revoked(
    app: FastAPI, client: AsyncClient, db: Database, admin_key: str
) -> None:
    (_, reader), (_, other) = [await create_key(db, name, ["read"]) for name in ("desk", "other")]

    made = await client.post("/v1/feed-tokens", headers=bearer(reader), json={"name": "Reader", "expires_at": None})
    issued = good(made, 201)
    text = issued.pop("token")
    assert list(issued) == NAMES
    assert [issued[name] for name in ("name", "owner", "expires_at", "last_used_at")] == ["Reader", "desk", None, None]
    assert re.fullmatch(rf"sitrep_feed_{issued['id']}_[a-z2-7]{{52}}_[0-9a-f]{{8}}", text)
    assert made.headers["cache-control"] == "no-store"

    for key, items in ((reader, [issued]), (other, []), (admin_key, [issued])):
        assert good(await client.get("/v1/feed-tokens", headers=bearer(key))) == {"items": items, "next": None}
    assert (await client.get(f"/v1/events.atom?token={text}")).status_code == 200
    await app.state.services.authenticator.close()  # uses are noted in the background
    [used] = good(await client.get("/v1/feed-tokens", headers=bearer(reader)))["items"]
    assert used["last_used_at"] is not None

    address = f"/v1/feed-tokens/{issued['id']}"
    problem(await client.delete(address, headers=bearer(other)), 404, "not-found")
    assert (await client.delete(address, headers=bearer(reader))).status_code == 204
    problem(await client.delete(address, headers=bearer(reader)), 404, "not-found")
    problem(await client.get(f"/v1/events.atom?token={text}"), 401, "unauthorized")
    trail = good(await client.get("/v1/audit", headers=bearer(admin_key)))["items"][:2]
    deeds = [(row["action"], row["subject"], row["by"]) for row in trail]
    assert deeds == [("feed-token.revoked", issued["id"], "desk"), ("feed-token.created", issued["id"], "desk")]


async def test_a_token_opens_feeds_and_nothing_else(app: FastAPI, client: AsyncClient, db: Database) -> None:
    _, key = await create_key(db, "desk", ["admin"])
    _, text = await token_of(db, "desk")
    gone, revoked = await token_of(db, "desk")
    assert (await client.delete(f"/v1/feed-tokens/{gone}", headers=bearer(key))).status_code == 204
    _, expired = await token_of(db, "desk", expires_at=utc_now() - timedelta(seconds=1))
    _, ownerless = await token_of(db, "nobody")
    bad = ["", "x", key, text[:-1], revoked, expired, ownerless]
    bad.append(format_key(text.split("_")[2], new_secret(), FEED_TOKEN))
    bad.append(format_key(new_key_id(), new_secret(), FEED_TOKEN))

    surprises: list[Any] = []
    for path, item in app.openapi()["paths"].items():
        if "get" not in item or item["get"]["security"] == [] or path == "/metrics":  # open to this machine
            continue
        filled = path.replace("{feed}", "all_day").replace("{", "").replace("}", "")
        answer = await client.get(f"{filled}?token={text}")
        allowed = 200 if takes_token(path) else 401
        with_key = await client.get(f"{filled}?token={text}", headers=bearer(key))
        if answer.status_code != allowed or ({"feedToken": []} in item["get"]["security"]) != takes_token(path):
            surprises.append((path, answer.status_code))
        if with_key.status_code not in ({401} if takes_token(path) else {404, 422}):
            surprises.append((path, "with a key", with_key.status_code))
        assert text not in answer.text + with_key.text
    assert surprises == []
    assert [path for path in OPENED if (await client.get(f"{path}?token={text}")).status_code != 200] == []
    assert (await client.head(f"/v1/events.atom?token={text}")).status_code == 200
    assert faults(await client.get(f"/v1/events.atom?token={text}&token={text}")) == [("token", "repeated")]
    for wrong in bad:
        problem(await client.get(f"/v1/feeds/all_day.atom?token={wrong}"), 401, "unauthorized")
    problem(await client.get("/v1/events.atom", headers=bearer(text)), 401, "unauthorized")


async def test_a_token_dies_with_the_last_key_of_its_owner(client: AsyncClient, db: Database) -> None:
    first, _ = await create_key(db, "one", ["subscribe"], owner="desk")
    second, _ = await create_key(db, "two", ["read"], owner="desk")
    await create_key(
        db, "three", ["read"], owner="desk", expires_at=utc_now(), clock=lambda: utc_now().replace(year=2025)
    )
    _, text = await token_of(db, "desk")
    address = f"/v1/events/export?token={text}"

    seen = []
    for key in (first, second):
        seen.append((await client.get(address)).status_code)
        await revoke_key(db, key.id)
    refused = problem(await client.get(address), 401, "unauthorized")

    assert seen == [200, 200]
    assert refused["detail"] == "The owner of the token has no valid key left."


async def test_no_answer_is_shared_or_repeats_the_token(
    make_app: MakeApp, db: Database, admin_key: str, make_event: MakeEvent
) -> None:
    app = await make_app(anonymous_read=True)
    _, text = await token_of(db, "newsroom")
    async with client_of(app) as reader, client_of(app, admin_key) as writer:
        for n in range(3):
            await written(writer, make_event(title=f"Number {n}", started_at="2025-09-07T00:00:00+03:00"))
        plain = [await reader.get(path) for path in OPENED]
        ours = [await reader.get(f"{path}?token={text}") for path in OPENED]
        again = [await reader.get(path) for path in OPENED]
        strangers = [await reader.get(f"/v1/feeds/all_day.atom?token={word}") for word in ("", "x")]
        pages = [await reader.get(f"{path}?limit=1&kind=attack&token={text}") for path in LISTS[:2]]
        nexts = [page.links["next"]["url"] for page in pages]
        following = [await reader.get(url) for url in nexts]

    for one, other, last in zip(plain, ours, again, strict=True):
        assert (one.content, one.status_code) == (other.content, 200) == (last.content, 200)
        assert other.headers["cache-control"].startswith("private, ")
        assert "public" not in other.headers["cache-control"]
        assert other.headers["referrer-policy"] == "no-referrer"
        assert last.headers["cache-control"] == one.headers["cache-control"]
        assert text not in other.text + str(other.headers)
    assert {answer.status_code for answer in strangers} == {401}
    assert all(url.endswith(f"&token={text}") and url.count(text) == 1 for url in nexts)
    assert {answer.status_code for answer in following} == {200}
    assert pages[0].text.count(text) == 1  # rel="next"
    assert text not in pages[1].text


async def test_tokens_are_counted_and_limited_as_keys_are(make_app: MakeApp, db: Database, admin_key: str) -> None:
    lines = StringIO()
    set_up_logs(Settings(database_url="sqlite:///nowhere.db", log_level="debug"), lines)
    try:
        app = await make_app(rate_limit=RateLimit(3, 600), log_level="debug")
        texts = [(await token_of(db, "newsroom"))[1] for _ in range(2)]
        async with client_of(app) as reader, client_of(app, admin_key) as admin:
            quota = [(await reader.get(f"/v1/events.atom?token={texts[n % 2]}")).status_code for n in range(4)]
            wrong = [(await reader.get(f"/v1/events.atom?token=x{n}")).status_code for n in range(21)]
            assert (await admin.get("/v1/feed-tokens")).status_code == 200  # a key has a quota of its own
    finally:
        structlog.reset_defaults()

    assert quota == [200, 200, 200, 429]
    assert wrong == [401] * 20 + [429]
    assert '"path": "/v1/events.atom"' in lines.getvalue()
    own = [line for line in lines.getvalue().splitlines() if "HTTP Request: " not in line]  # httpx tells what it asks
    assert "sitrep_feed_" not in "".join(own)


async def test_what_makes_no_token_is_refused(client: AsyncClient, db: Database, admin_key: str) -> None:
    for body, fault in (
        ({}, ("/name", "missing")),
        ({"name": ""}, ("/name", "too-short")),
        ({"name": " x"}, ("/name", "pattern")),
        ({"name": "x", "expires_at": "2020-01-01T00:00:00Z"}, ("/expires_at", "range")),
        ({"name": "x", "expires_at": "2099-01-01T00:00:00"}, ("/expires_at", "offset-missing")),
        ({"name": "x", "scopes": ["admin"]}, ("/scopes", "unknown-field")),
        ({"name": "x", "owner": "somebody"}, ("/owner", "unknown-field")),
    ):
        refused = await client.post("/v1/feed-tokens", headers=bearer(admin_key), json=body)
        assert faults(refused) == [fault], body
    problem(await client.post("/v1/feed-tokens", json={"name": "x"}), 401, "unauthorized")
    problem(await client.delete("/v1/feed-tokens/x", headers=bearer(admin_key)), 404, "not-found")
    problem(await client.get("/v1/feed-tokens?cursor=AAAA", headers=bearer(admin_key)), 400, "cursor-malformed")

    ids = [(await token_of(db, "newsroom"))[0] for _ in range(MAX_PER_OWNER)]
    many = await client.post("/v1/feed-tokens", headers=bearer(admin_key), json={"name": "x"})
    assert faults(many) == [("", "too-many")]
    seen, address = [], "/v1/feed-tokens?limit=60"
    while address:
        page = good(await client.get(address, headers=bearer(admin_key)))
        seen += [item["id"] for item in page["items"]]
        address = page["next"] and f"/v1/feed-tokens?limit=60&cursor={page['next']}"
    assert sorted(seen) == sorted(ids)
    hashes = await db.rows(sa.select(FeedToken.secret_hash))  # type: ignore[call-overload]  # SQLModel's own select is typed
    assert {len(row[0]) for row in hashes} == {32}
