"""Subscriptions over HTTP: made, listed, changed, ended, and seen by nobody else."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from calls import faults, good, problem
from conftest import client_of
from subscribing import (
    DEAF,
    LOOPBACK,
    PATH,
    UNKNOWN,
    WITH_KEY,
    client_for,
    delivery,
    endpoint,
    pull,
    push,
    shown,
    store,
    subscribed,
    until,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from conftest import MakeApp
    from fastapi import FastAPI
    from httpx import AsyncClient, Response

    from app.db import Database

KEYS = [
    "id", "version", "name", "mode", "filter", "push", "status", "disabled_reason", "cursor", "generation", "lag",
    "open", "dead", "consecutive_failures", "failing_since", "last_success_at", "last_error", "created_at",
]  # fmt: skip
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")
ORIGIN = "e1-000000000000"


@pytest.fixture
async def app(make_app: MakeApp) -> FastAPI:
    """The application, which may push to loopback."""
    return await make_app(**WITH_KEY)


async def test_a_new_pull_subscription_has_every_field_in_its_place(api: AsyncClient) -> None:
    answer = await api.post(PATH, json=pull(filter={"kind": "attack"}))
    made = good(answer, 201)
    assert list(made) == KEYS
    assert made == {
        **dict.fromkeys(KEYS),
        "id": made["id"],
        "version": 1,
        "name": "archive",
        "mode": "pull",
        "filter": {"kind": ["attack"]},
        "status": "active",
        "cursor": ORIGIN,
        "generation": 0,
        "lag": 0,
        "open": 0,
        "dead": 0,
        "consecutive_failures": 0,
        "created_at": made["created_at"],
    }
    assert INSTANT.fullmatch(made["created_at"])
    assert answer.headers["location"] == f"{PATH}/{made['id']}"
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["cache-control"] == "no-store"
    again = await api.get(answer.headers["location"])
    assert (good(again), again.headers["etag"]) == (made, '"1"')
    assert list(good(again)) == KEYS


async def test_a_new_push_subscription_shows_its_secret_once(api: AsyncClient) -> None:
    answer = await api.post(PATH, json=push())
    made = good(answer, 201)
    assert list(made) == [*KEYS, "secret"]
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made["secret"])
    assert list(made["push"]) == ["url", "max_open", "max_in_flight", "timeout_s", "headers"]
    assert made["push"] == {"url": DEAF, "max_open": 100, "max_in_flight": 4, "timeout_s": 15, "headers": {}}
    assert (made["status"], made["mode"], made["filter"], answer.headers["etag"]) == ("pending", "push", {}, '"1"')
    found = await api.get(answer.headers["location"])
    assert list(good(found)) == KEYS
    listed = await api.get(PATH)
    patched = await api.patch(answer.headers["location"], json={"name": "other"})
    assert not any("whsec_" in each.text for each in (found, listed, patched))


async def test_a_limit_that_is_not_named_follows_the_one_that_is(api: AsyncClient) -> None:
    made = await subscribed(api, push(push={"max_open": 2}))
    assert made["push"] == {"url": DEAF, "max_open": 2, "max_in_flight": 2, "timeout_s": 15, "headers": {}}
    path = f"{PATH}/{made['id']}"
    assert good(await api.patch(path, json={"push": {"max_open": 50}}))["push"]["max_in_flight"] == 2
    assert good(await api.patch(path, json={"push": {"max_open": 1}}))["push"]["max_in_flight"] == 1
    answer = await api.patch(path, json={"push": {"max_open": 3, "max_in_flight": 4}})
    assert faults(answer) == [("/push/max_in_flight", "range")]
    assert faults(await api.post(PATH, json=push(push={"max_open": 3, "max_in_flight": 4}))) == [
        ("/push/max_in_flight", "range")
    ]


async def test_subscriptions_are_listed_newest_first_in_pages(api: AsyncClient) -> None:
    assert good(await api.get(PATH)) == {"items": [], "next": None}
    made = [(await subscribed(api, pull(name=f"n{n}")))["id"] for n in range(5)]
    page = good(await api.get(PATH))
    assert list(page) == ["items", "next"]
    assert [each["id"] for each in page["items"]] == made[::-1]
    assert all(list(each) == KEYS for each in page["items"])
    found, query = [], "limit=2"
    while query:
        page = good(await api.get(f"{PATH}?{query}"))
        found.append([each["id"] for each in page["items"]])
        query = page["next"] and f"limit=2&cursor={page['next']}"
    assert found == [made[:2:-1], made[2:0:-1], made[:1]]


async def test_a_patch_changes_the_version_and_its_tag_and_equal_content_neither(api: AsyncClient) -> None:
    path = f"{PATH}/{(await subscribed(api, pull(filter={'kind': 'attack'})))['id']}"
    answer = await api.patch(path, json={"name": "other", "filter": {"country": "UA"}})
    changed = good(answer)
    assert (changed["version"], answer.headers["etag"], list(changed)) == (2, '"2"', KEYS)
    assert changed["filter"] == {"kind": ["attack"], "country": ["UA"]}
    for same in ({}, {"name": "other"}, {"filter": {"kind": "attack"}}, {"status": "active"}):
        answer = await api.patch(path, json=same)
        assert (good(answer), answer.headers["etag"]) == (changed, '"2"')
    merge = {"content-type": "application/merge-patch+json"}
    assert good(await api.patch(path, content='{"filter":{"kind":null}}', headers=merge))["version"] == 3
    assert good(await api.get(path))["filter"] == {"country": ["UA"]}


async def test_a_stale_precondition_is_refused_with_the_current_version(api: AsyncClient) -> None:
    path = f"{PATH}/{(await subscribed(api, pull()))['id']}"
    await api.patch(path, json={"name": "second"})
    for tag in ('"1"', '"7"', 'W/"1"', '"1", "3"', '"abc"'):
        document = problem(await api.patch(path, json={"name": "x"}, headers={"if-match": tag}), 412)
        assert (document["type"], document["current"]) == ("/problems/version-mismatch", 2)
        assert problem(await api.delete(path, headers={"if-match": tag}), 412)["current"] == 2
    for tag in ("2", '"2', "**"):
        problem(await api.patch(path, json={"name": "x"}, headers={"if-match": tag}), 400, "malformed")
        problem(await api.delete(path, headers={"if-match": tag}), 400, "malformed")
    assert good(await api.get(path))["name"] == "second"
    for n, tag in enumerate(('"2"', 'W/"3"', '"1", "4"', "*")):
        assert good(await api.patch(path, json={"name": f"n{n}"}, headers={"if-match": tag}))["version"] == 3 + n
    assert (await api.delete(path, headers={"if-match": '"6"'})).status_code == 204


async def test_paused_and_active_come_and_go(api: AsyncClient, make_event: Any) -> None:
    path = f"{PATH}/{(await subscribed(api, pull()))['id']}"
    assert good(await api.patch(path, json={"status": "paused"}))["status"] == "paused"
    await write(api, make_event, 2)
    paused = good(await api.get(path))
    assert (paused["cursor"], paused["lag"], paused["version"]) == (ORIGIN, 2, 2)
    assert good(await api.patch(path, json={"status": "active"}))["status"] == "active"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://127.0.0.1/hook", "address"),
        ("https://[::1]/hook", "address"),
        ("https://169.254.169.254/latest", "address"),
        ("https://10.0.0.1/", "address"),
        ("http://8.8.8.8/hook", "scheme"),
        ("ftp://8.8.8.8/hook", "scheme"),
        ("https://8.8.8.8:8444/", "port"),
        ("https://somebody@8.8.8.8/", "userinfo"),
        ("https://8.8.8.8/#part", "fragment"),
        ("https://8.8.8.8\\@127.0.0.1/", "characters"),
        ("https://8.8.8.8/a b", "characters"),
        ("https://localhost/", "internal-name"),
        ("https://sitrep.internal/", "internal-name"),
        ("https://0x7f.1/", "host"),
        ("https://2130706433/", "host"),
        ("not an address", "characters"),
        ("nonsense", "form"),
    ],
)
async def test_an_address_that_must_not_be_called_is_refused_by_its_class(
    make_app: MakeApp, api: AsyncClient, admin_key: str, url: str, code: str
) -> None:
    made = await subscribed(api, push())
    async with client_of(await make_app(secret_key=WITH_KEY["secret_key"]), admin_key) as strict:
        answer = await strict.post(PATH, json=push(url))
        assert faults(answer) == [("/push/url", code)]
        assert url not in answer.text
        assert faults(await strict.patch(f"{PATH}/{made['id']}", json={"push": {"url": url}})) == [("/push/url", code)]
        assert len(good(await strict.get(PATH))["items"]) == 1
        assert (await shown(strict, made["id"]))["push"]["url"] == DEAF


@pytest.mark.parametrize("dialect", ["postgresql"])
async def test_without_a_key_for_secrets_push_is_unavailable_and_pull_is_not(
    make_app: MakeApp, api: AsyncClient, admin_key: str
) -> None:
    made = await subscribed(api, push())
    async with client_of(await make_app(**LOOPBACK), admin_key) as keyless:
        answer = await keyless.post(PATH, json=push())
        assert "SITREP_SECRET_KEY" in problem(answer, 503, "unavailable")["detail"]
        assert answer.headers["retry-after"]
        problem(await keyless.post(f"{PATH}/{made['id']}/rotate-secret"), 503, "unavailable")
        problem(await keyless.post(f"{PATH}/{made['id']}/test"), 503, "unavailable")
        assert len(good(await keyless.get(PATH))["items"]) == 1
        await subscribed(keyless, pull())


async def test_with_another_key_for_secrets_a_ping_is_unavailable(
    make_app: MakeApp, api: AsyncClient, admin_key: str
) -> None:
    made = await subscribed(api, push())
    other = await make_app(**{**WITH_KEY, "secret_key": "another key of good length"})
    async with client_of(other, admin_key) as lost:
        problem(await lost.post(f"{PATH}/{made['id']}/test"), 503, "unavailable")
        assert good(await lost.post(f"{PATH}/{made['id']}/rotate-secret"))["secret"].startswith("whsec_")


async def all_calls(api: AsyncClient, id: str, delivery_id: str) -> dict[tuple[str, str], Response]:
    """Every call on one subscription and on one delivery of it, by its method and path in the document."""
    one, path = f"{PATH}/{id}", PATH + "/{id}"
    return {
        ("get", path): await api.get(one),
        ("patch", path): await api.patch(one, json={"name": "stolen"}),
        ("post", path + "/seek"): await api.post(f"{one}/seek", json={"to": "now"}),
        ("get", path + "/events"): await api.get(f"{one}/events"),
        ("post", path + "/ack"): await api.post(f"{one}/ack", json={"cursor": ORIGIN}),
        ("post", path + "/test"): await api.post(f"{one}/test"),
        ("post", path + "/rotate-secret"): await api.post(f"{one}/rotate-secret"),
        ("get", path + "/deliveries"): await api.get(f"{one}/deliveries"),
        ("post", path + "/deliveries/retry"): await api.post(f"{one}/deliveries/retry"),
        ("get", "/v1/deliveries/{id}"): await api.get(f"/v1/deliveries/{delivery_id}"),
        ("post", "/v1/deliveries/{id}/retry"): await api.post(f"/v1/deliveries/{delivery_id}/retry"),
        ("delete", path): await api.delete(one),
    }


@pytest.mark.parametrize("make", [pull, push])
async def test_anothers_subscription_is_not_found_by_any_call_and_nothing_happens_to_it(
    app: FastAPI, api: AsyncClient, db: Database, make: Any
) -> None:
    owner, other = await client_for(app, db, "desk"), await client_for(app, db, "rival")
    made = await subscribed(owner, make())
    await owner.patch(f"{PATH}/{made['id']}", json={"status": "paused"})
    [dead] = await store(db, [delivery(made["id"], 1, "dead")])
    before = await shown(owner, made["id"])
    answers = await all_calls(other, made["id"], dead)
    documented = {
        (method, path)
        for path, item in app.openapi()["paths"].items()
        if path.startswith((PATH + "/{id}", "/v1/deliveries/{id}"))
        for method in item
    }
    assert set(answers) == documented
    for call, answer in answers.items():
        assert problem(answer, 404, "not-found"), call
        assert made["id"] not in answer.json()["detail"]
    assert await shown(owner, made["id"]) == before
    assert good(await other.get(PATH))["items"] == []
    assert [each["id"] for each in good(await owner.get(PATH))["items"]] == [made["id"]]
    assert [each["id"] for each in good(await api.get(PATH))["items"]] == [made["id"]]


async def test_two_keys_of_one_owner_see_the_same_and_an_admin_may_do_everything(
    app: FastAPI, api: AsyncClient, db: Database
) -> None:
    first, second = await client_for(app, db, "desk"), await client_for(app, db, "desk")
    made = await subscribed(first, pull())
    [dead] = await store(db, [delivery(made["id"], 1, "dead")])
    assert (await shown(second, made["id"]))["id"] == made["id"]
    statuses = {call: answer.status_code for call, answer in (await all_calls(api, made["id"], dead)).items()}
    assert {call[1].rpartition("/")[2] for call, status in statuses.items() if status == 409} == {
        "test",
        "rotate-secret",
    }
    assert set(statuses.values()) == {200, 202, 204, 409}
    problem(await first.get(f"{PATH}/{made['id']}"), 404)


async def test_what_was_deleted_is_not_found_by_any_call(app: FastAPI, api: AsyncClient, db: Database) -> None:
    made = await subscribed(api, push())
    await api.patch(f"{PATH}/{made['id']}", json={"status": "paused"})
    [dead] = await store(db, [delivery(made["id"], 1, "dead")])
    gone = await api.delete(f"{PATH}/{made['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    for call, answer in (await all_calls(api, made["id"], dead)).items():
        assert problem(answer, 404, "not-found"), call
    assert good(await api.get(PATH))["items"] == []


@pytest.mark.parametrize(
    "id", [UNKNOWN, "7", "x" * 300, "%00", "%ff", "e1-000000000000", UNKNOWN.upper(), f"{UNKNOWN}%0A"]
)
async def test_what_is_no_id_is_not_found(api: AsyncClient, id: str) -> None:
    for call, answer in (await all_calls(api, id, id)).items():
        assert problem(answer, 404, "not-found"), call


def calls_of_pull(api: AsyncClient, path: str) -> list[Awaitable[Response]]:
    """What may be asked of pull subscriptions only."""
    return [
        api.get(f"{path}/events"),
        api.get(f"{path}/events?wait=50"),
        api.post(f"{path}/ack", json={"cursor": ORIGIN}),
        api.post(f"{path}/ack", json={"cursor": "e1-000000000009"}),
        api.post(f"{path}/ack", json={"cursor": "nonsense"}),
    ]


def calls_of_push(api: AsyncClient, path: str) -> list[Awaitable[Response]]:
    """What may be asked of push subscriptions only."""
    return [
        api.post(f"{path}/test"),
        api.post(f"{path}/rotate-secret"),
        api.post(f"{path}/rotate-secret", json={"overlap_s": 5}),
    ]


@pytest.mark.parametrize("make", [pull, push])
async def test_a_call_for_the_other_mode_is_a_conflict(api: AsyncClient, make: Any) -> None:
    path = f"{PATH}/{(await subscribed(api, make()))['id']}"
    for status in ("active", "paused"):
        await api.patch(path, json={"status": status})
        for answer in [await each for each in (calls_of_pull if make is push else calls_of_push)(api, path)]:
            problem(answer, 409, "subscription-mode")


async def test_only_an_admin_reads_notices(app: FastAPI, api: AsyncClient, db: Database) -> None:
    assert good(await api.get("/v1/notices")) == {"items": [], "next": None}
    for scope in ("read", "write", "subscribe"):
        problem(await (await client_for(app, db, scope, scope)).get("/v1/notices"), 403, "forbidden")


async def test_a_ping_opens_a_subscription_and_tells_what_came_of_it(api: AsyncClient) -> None:
    async with endpoint(500) as hook:
        made = await subscribed(api, push(hook.url))
        path = f"{PATH}/{made['id']}"
        answer = good(await api.post(f"{path}/test"))
        assert list(answer) == ["ok", "status_code", "duration_ms", "error"]
        assert (answer["ok"], answer["status_code"], answer["error"]) == (False, 500, "status")
        assert (await shown(api, made["id"]))["status"] == "pending"
        hook.status = 204
        answer = good(await api.post(f"{path}/test"))
        assert (answer["ok"], answer["status_code"], answer["error"]) == (True, 204, None)
        opened = await shown(api, made["id"])
        assert (opened["status"], opened["version"]) == ("active", 1)
    answer = good(await api.post(f"{path}/test"))
    assert (answer["ok"], answer["status_code"], answer["error"]) == (False, None, "connect")


async def test_both_secrets_sign_after_a_rotation_and_only_the_new_one_without_overlap(api: AsyncClient) -> None:
    from standardwebhooks.webhooks import Webhook, WebhookVerificationError

    async with endpoint() as hook:
        made = await subscribed(api, push(hook.url))
        path = f"{PATH}/{made['id']}"
        rotated = good(await api.post(f"{path}/rotate-secret", json={"overlap_s": 60}))
        assert list(rotated) == ["secret", "previous_expires_at"]
        assert INSTANT.fullmatch(rotated["previous_expires_at"])
        good(await api.post(f"{path}/test"))
        headers, body = hook.received[-1]
        ping = Webhook(rotated["secret"]).verify(body, headers)
        assert Webhook(made["secret"]).verify(body, headers) == ping
        assert list(ping) == [
            "specversion", "id", "source", "type", "subject", "time", "sequence", "version", "datacontenttype",
            "dataschema", "data",
        ]  # fmt: skip
        assert (ping["id"], ping["type"], ping["subject"]) == (headers["webhook-id"], "sys.ping", made["id"])
        assert re.fullmatch(r"ping-[0-9a-f-]{36}", ping["id"])
        assert (ping["sequence"], ping["version"], ping["dataschema"], ping["data"]) == (None, None, None, {})
        assert headers["content-type"] == "application/cloudevents+json"
        assert headers["webhook-subscription"] == made["id"]
        assert (headers["webhook-attempt"], headers["webhook-generation"]) == ("1", "0")
        last = good(await api.post(f"{path}/rotate-secret", json={"overlap_s": 0}))["secret"]
        good(await api.post(f"{path}/test"))
        headers, body = hook.received[-1]
        Webhook(last).verify(body, headers)
        for secret in (rotated["secret"], made["secret"]):
            with pytest.raises(WebhookVerificationError):
                Webhook(secret).verify(body, headers)
        assert (await shown(api, made["id"]))["version"] == 1


async def test_an_idempotency_key_makes_one_subscription_and_repeats_its_secret(api: AsyncClient) -> None:
    headers = {"idempotency-key": "k1"}
    first = await api.post(PATH, json=push(), headers=headers)
    again = await api.post(PATH, json=push(), headers=headers)
    assert good(first, 201) == good(again, 201)
    assert first.content == again.content
    assert first.json()["secret"].startswith("whsec_")
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    for name in ("location", "etag", "content-type", "cache-control"):
        assert again.headers[name] == first.headers[name]
    problem(await api.post(PATH, json=push(name="x"), headers=headers), 422, "idempotency-mismatch")
    problem(await api.post(PATH, json=pull(), headers={"idempotency-key": "x" * 256}), 400, "malformed")
    assert len(good(await api.get(PATH))["items"]) == 1
    pulled = [await api.post(PATH, json=pull(), headers={"idempotency-key": '"k2"'}) for _ in range(2)]
    assert pulled[0].content == pulled[1].content
    assert len(good(await api.get(PATH))["items"]) == 2


async def test_an_idempotency_key_is_its_owners_own(app: FastAPI, api: AsyncClient, db: Database) -> None:
    clients = [await client_for(app, db, owner) for owner in ("desk", "desk", "rival")]
    made = [good(await each.post(PATH, json=pull(), headers={"idempotency-key": "k"}), 201)["id"] for each in clients]
    assert made[0] == made[1] != made[2]


async def test_repeats_at_the_same_time_make_one_subscription(api: AsyncClient) -> None:
    asked = [api.post(PATH, json=push(), headers={"idempotency-key": "k"}) for _ in range(6)]
    answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert len(good(await api.get(PATH))["items"]) == 1


async def test_a_repeat_is_answered_though_the_same_request_would_be_refused_by_now(
    make_app: MakeApp, api: AsyncClient, admin_key: str
) -> None:
    headers = {"idempotency-key": "k"}
    first = await api.post(PATH, json=push(), headers=headers)
    async with client_of(await make_app(secret_key=WITH_KEY["secret_key"]), admin_key) as strict:
        again = await strict.post(PATH, json=push(), headers=headers)
    assert (good(again, 201), again.headers["idempotency-replayed"]) == (good(first, 201), "true")


async def test_no_secret_is_in_the_database_as_it_was_shown(api: AsyncClient, database_url: str, dialect: str) -> None:
    headers = {"idempotency-key": "k"}
    made = good(await api.post(PATH, json=push(), headers=headers), 201)
    rotated = good(await api.post(f"{PATH}/{made['id']}/rotate-secret"))["secret"]
    assert made["id"] in (await api.post(PATH, json=push(), headers=headers)).text
    dump = await dumped(database_url, dialect)
    assert made["id"].replace("-", "").encode() in dump.replace(b"-", b"")
    assert b"whsec_" not in dump
    for secret in (made["secret"], rotated):
        bare = secret.removeprefix("whsec_").encode()
        assert bare not in dump
        assert bare.hex().encode() not in dump


async def dumped(url: str, dialect: str) -> bytes:
    """All that the database holds."""
    if dialect == "sqlite":
        path = Path(url.removeprefix("sqlite:///"))
        return b"".join(each.read_bytes() for each in path.parent.glob(path.name + "*") if each.suffix != ".key")
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        rows = [await connection.fetch(f'SELECT t::text FROM "{table}" t') for (table,) in tables]  # noqa: S608
    finally:
        await connection.close()
    return "\n".join(text for found in rows for (text,) in found).encode()


async def test_the_trail_tells_of_every_deed_and_of_no_secret(app: FastAPI, api: AsyncClient, db: Database) -> None:
    desk = await client_for(app, db, "desk")
    made = await subscribed(desk, push())
    path = f"{PATH}/{made['id']}"
    await desk.patch(path, json={"name": "other"})
    await desk.patch(path, json={"name": "other"})
    await desk.post(f"{path}/seek", json={"to": "oldest"})
    rotated = good(await desk.post(f"{path}/rotate-secret"))["secret"]
    await desk.patch(path, json={"name": ""})
    await desk.patch(path, json={"name": "x"}, headers={"if-match": '"1"'})
    await api.delete(path)
    trail = await api.get("/v1/audit?limit=1000")
    deeds = [each for each in reversed(good(trail)["items"]) if each["subject"] == made["id"]]
    assert [(each["action"], each["by"]) for each in deeds] == [
        ("subscription.created", "desk"),
        ("subscription.updated", "desk"),
        ("subscription.sought", "desk"),
        ("subscription.secret-rotated", "desk"),
        ("subscription.deleted", "newsroom"),
    ]
    assert "whsec_" not in trail.text
    assert made["secret"] not in trail.text
    assert rotated not in trail.text
    assert DEAF not in trail.text


async def test_deliveries_are_listed_newest_first_by_status_and_time(api: AsyncClient, db: Database) -> None:
    made = await subscribed(api, push())
    path = f"{PATH}/{made['id']}"
    await api.patch(path, json={"status": "paused"})
    assert good(await api.get(f"{path}/deliveries")) == {"items": [], "next": None}
    statuses = ("queued", "sending", "retrying", "delivered", "dead", "cancelled")
    rows = await store(db, [delivery(made["id"], n + 1, status) for n, status in enumerate(statuses)])
    other = await subscribed(api, push())
    await api.patch(f"{PATH}/{other['id']}", json={"status": "paused"})
    await store(db, [delivery(other["id"], 1, "dead")])
    page = good(await api.get(f"{path}/deliveries"))
    assert [each["id"] for each in page["items"]] == rows[::-1]
    assert [each["status"] for each in page["items"]] == [*statuses[::-1]]
    assert page["items"][1] == {
        "id": rows[4],
        "subscription_id": made["id"],
        "change_id": "e1-000000000005",
        "generation": 0,
        "status": "dead",
        "attempt_count": 1,
        "next_attempt_at": None,
        "created_at": "2026-03-01T17:00:00Z",
    }
    assert list(page["items"][1]) == [
        "id", "subscription_id", "change_id", "generation", "status", "attempt_count", "next_attempt_at", "created_at",
    ]  # fmt: skip
    one = good(await api.get(f"/v1/deliveries/{rows[2]}"))
    assert list(one) == [
        "id", "subscription_id", "change_id", "generation", "status", "attempts", "next_attempt_at", "created_at",
    ]  # fmt: skip
    assert one["attempts"] == [
        {"n": 1, "at": "2026-03-01T12:00:00Z", "status_code": 500, "duration_ms": 12, "error": "status"}
    ]
    assert one["next_attempt_at"] == "2026-03-01T15:00:00Z"
    for query, found in {
        "status=dead": [4],
        "status=queued&status=retrying": [2, 0],
        "status=sending&status=sending": [1],
        "status=delivered&status=dead": [4, 3],
        "since=2026-03-01T17:00:00Z": [5, 4],
        "since=2026-03-01T20:00:00%2B03:00": [5, 4],
        "since=2026-03-01&status=cancelled": [5],
        "since=2026-03-02": [],
    }.items():
        listed = good(await api.get(f"{path}/deliveries?{query}"))["items"]
        assert [rows.index(each["id"]) for each in listed] == found, query
    paged, query = list[str](), "limit=4"
    while query:
        page = good(await api.get(f"{path}/deliveries?{query}"))
        paged += [each["id"] for each in page["items"]]
        query = page["next"] and f"limit=4&cursor={page['next']}"
    assert paged == rows[::-1]
    counted = await shown(api, made["id"])
    assert (counted["open"], counted["dead"]) == (3, 1)


async def test_dead_deliveries_are_put_back_and_do_not_count_as_open(api: AsyncClient, db: Database) -> None:
    made = await subscribed(api, push())
    path = f"{PATH}/{made['id']}"
    await api.patch(path, json={"status": "paused"})
    for body in (None, {}, {"status": "dead"}, {"since": None}, {"status": "dead", "since": "2026-03-01"}):
        assert good(await api.post(f"{path}/deliveries/retry", json=body), 202) == {"matched": 0}
    assert good(await api.post(f"{path}/deliveries/retry"), 202) == {"matched": 0}
    rows = await store(db, [delivery(made["id"], n, "dead", tries=10, attempt_count=10) for n in range(1, 6)])
    body = {"status": "dead", "since": "2026-03-01T16:00:00Z"}
    assert good(await api.post(f"{path}/deliveries/retry", json=body), 202) == {"matched": 2}
    counted = await shown(api, made["id"])
    assert (counted["open"], counted["dead"], counted["version"]) == (0, 3, 2)
    assert good(await api.post(f"{path}/deliveries/retry"), 202) == {"matched": 3}
    listed = good(await api.get(f"{path}/deliveries?status=queued"))["items"]
    assert [each["id"] for each in listed] == rows[::-1]
    assert all(each["attempt_count"] == 10 and each["next_attempt_at"] for each in listed)


async def test_a_single_delivery_is_sent_again_whatever_became_of_it(api: AsyncClient, db: Database) -> None:
    made = await subscribed(api, push())
    await api.patch(f"{PATH}/{made['id']}", json={"status": "paused"})
    statuses = {"queued": 0, "sending": 0, "retrying": 1, "delivered": 1, "dead": 1, "cancelled": 1}
    rows = await store(db, [delivery(made["id"], n + 1, status) for n, status in enumerate(statuses)])
    for id, matched in zip(rows, statuses.values(), strict=True):
        assert good(await api.post(f"/v1/deliveries/{id}/retry"), 202) == {"matched": matched}
        assert good(await api.get(f"/v1/deliveries/{id}"))["status"] == (
            "queued" if matched else statuses_of(statuses, rows, id)
        )
        assert good(await api.post(f"/v1/deliveries/{id}/retry"), 202) == {"matched": 0}
    assert (await shown(api, made["id"]))["open"] == 3


def statuses_of(statuses: dict[str, int], rows: list[str], id: str) -> str:
    return list(statuses)[rows.index(id)]


async def test_a_seek_cancels_what_the_cursor_stored_and_begins_a_generation(
    api: AsyncClient, db: Database, make_event: Any
) -> None:
    await write(api, make_event, 3)
    made = await subscribed(api, push())
    path = f"{PATH}/{made['id']}"
    await api.patch(path, json={"status": "paused"})
    rows = await store(
        db,
        [
            delivery(made["id"], 1, "queued"),
            delivery(made["id"], 2, "retrying"),
            delivery(made["id"], 3, "dead"),
            delivery(made["id"], 3, "queued", counted=False),
        ],
    )
    answer = good(await api.post(f"{path}/seek", json={"to": "oldest"}))
    assert answer == {"cursor": ORIGIN, "lag": 3, "generation": 1}
    assert list(answer) == ["cursor", "lag", "generation"]
    states = [good(await api.get(f"/v1/deliveries/{id}"))["status"] for id in rows]
    assert states == ["cancelled", "cancelled", "dead", "queued"]
    after = await shown(api, made["id"])
    assert (after["generation"], after["open"], after["version"], after["status"]) == (1, 0, 2, "paused")


async def test_an_endpoint_that_answers_gets_what_is_written_and_its_ping(api: AsyncClient, make_event: Any) -> None:
    async with endpoint() as hook:
        made = await subscribed(api, push(hook.url))

        async def opened() -> bool:
            return bool((await shown(api, made["id"]))["status"] == "active")

        await until(opened)
        [cursor] = await write(api, make_event)

        async def delivered() -> bool:
            listed = good(await api.get(f"{PATH}/{made['id']}/deliveries?status=delivered"))["items"]
            return [each["change_id"] for each in listed] == [cursor]

        await until(delivered)
        headers, body = hook.received[-1]
        [item] = good(await api.get("/v1/feed"))["items"]
        assert headers["webhook-id"] == item["id"] == cursor
        assert body in (await api.get("/v1/feed")).content


async def test_a_stopped_subscription_is_let_go_at_once_though_it_was_just_changed(
    app: FastAPI, api: AsyncClient
) -> None:
    async with endpoint() as hook:
        made = await subscribed(api, push(hook.url))

        async def opened() -> bool:
            return bool((await shown(api, made["id"]))["status"] == "active")

        await until(opened)
        [dispatcher], [running] = (
            app.state.services.worker.dispatchers.values(),
            app.state.services.worker._running.values(),
        )
        await asyncio.sleep(0.05)
        dispatcher.refresh()
        dispatcher.stop()
        async with asyncio.timeout(60):
            await asyncio.wait([running])


async def test_a_failed_ping_of_the_worker_does_not_undo_a_good_one_that_was_asked_for_meanwhile(
    app: FastAPI, api: AsyncClient
) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        first = not asked.is_set()
        asked.set()
        if first:
            await answer.wait()
        status = b"500" if first else b"204"
        writer.write(b"HTTP/1.1 " + status + b" Whatever\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        made = await subscribed(api, push(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"))
        await asyncio.wait_for(asked.wait(), 60)
        assert good(await api.post(f"{PATH}/{made['id']}/test"))["ok"]
        [running] = app.state.services.worker._running.values()
        answer.set()
        await asyncio.wait([running], timeout=0.1)
        for _ in range(20):
            assert (await shown(api, made["id"]))["status"] == "active"
            await asyncio.sleep(0.02)
