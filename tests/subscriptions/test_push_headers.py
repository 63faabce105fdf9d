"""Own headers of what is pushed: taken, refused, sealed at rest, hidden in answers, and sent with every request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from calls import faults, good, problem
from conftest import client_of
from receivers import KEY, LOOPBACK, becomes, patched, receiving, standing, subscribed, write_many
from sqlmodel import col

from app.db import Statement
from app.migrate import METADATA
from app.subscriptions.tables import StoredSubscription
from app.subscriptions.transport.custom_headers import RESERVED, RESERVED_BEGINNINGS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx
    from conftest import MakeApp, MakeEvent
    from fastapi import FastAPI

    from app.db import Database

HEADERS = Statement(sa.select(col(StoredSubscription.headers)))
PATH = "/v1/subscriptions"
DEAF = "http://127.0.0.1:9/hook"
FIRST = "Bearer 7f3a-never-shown"
SECOND = "Bearer 9c1e-never-shown"
BOTH = {"Authorization": "***", "X-Desk": "***"}


@pytest.fixture
async def app(make_app: MakeApp) -> FastAPI:
    """An application that delivers, to loopback too."""
    return await make_app(allow_private_targets=LOOPBACK, secret_key=KEY)


@pytest.fixture
async def made(api: httpx.AsyncClient) -> dict[str, Any]:
    """A subscription with two headers, to an address where nobody listens."""
    return await subscribed(api, DEAF, push={"headers": {"Authorization": FIRST, "X-Desk": "kyiv"}})


@pytest.fixture
async def keyless(make_app: MakeApp, admin_key: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that has lost the key of the secrets."""
    lost = await make_app(allow_private_targets=LOOPBACK, secret_key="another key of good length", delivery=False)
    async with client_of(lost, admin_key) as opened:
        yield opened


async def stored_text(db: Database) -> str:
    """All rows of all tables as text."""
    tables = [await db.rows(Statement(sa.select(table))) for table in METADATA.sorted_tables]
    return "\n".join(str(tuple(row)) for rows in tables for row in rows)


def file_bytes(folder: Path) -> bytes:
    """The SQLite file with its log, if there is one."""
    return b"".join(each.read_bytes() for each in folder.glob("sitrep.db*"))


async def test_headers_go_with_the_ping_the_test_and_every_change(
    api: httpx.AsyncClient, make_event: MakeEvent
) -> None:
    async with receiving() as endpoint:
        made = await subscribed(api, endpoint.url(), push={"headers": {"Authorization": FIRST, "X-Desk": "kyiv"}})
        assert made["push"]["headers"] == BOTH
        await becomes(api, made["id"], status="active")
        assert good(await api.post(f"{PATH}/{made['id']}/test"))["ok"]
        ids = await write_many(api, make_event(), 3)
        await endpoint.until(lambda: sorted(endpoint.ids) == ids)

    assert [each.is_ping for each in endpoint.received[:2]] == [True, True]
    for each in endpoint.received:
        assert (each.headers["authorization"], each.headers["x-desk"]) == (FIRST, "kyiv")
        each.verify(made["secret"])


async def test_another_value_is_sent_from_then_on_and_nothing_is_lost(
    api: httpx.AsyncClient, make_event: MakeEvent
) -> None:
    async with receiving(lambda seen: 200 if seen.headers.get("authorization") == SECOND else 401) as endpoint:
        endpoint.answer, strict = lambda _: 200, endpoint.answer
        made = await subscribed(api, endpoint.url(), push={"headers": {"Authorization": FIRST}})
        await becomes(api, made["id"], status="active")
        endpoint.answer = strict
        [refused] = await write_many(api, make_event(), 1)
        await becomes(api, made["id"], consecutive_failures=1)
        after = await patched(api, made["id"], push={"headers": {"Authorization": SECOND}})
        assert (after["status"], after["version"], after["open"]) == ("active", 2, 1)
        ids = await write_many(api, make_event(), 20)
        good(await api.post(f"{PATH}/{made['id']}/deliveries/retry"), 202)
        await endpoint.until(lambda: set(endpoint.ids[1:]) >= set(ids))
        [waiting] = good(await api.get(f"{PATH}/{made['id']}/deliveries?status=retrying"))["items"]
        good(await api.post(f"/v1/deliveries/{waiting['id']}/retry"), 202)
        await becomes(api, made["id"], open=0, dead=0, lag=0, status="active")

    assert [each.headers["authorization"] for each in endpoint.changes] == [FIRST, *[SECOND] * 21]
    assert sorted(endpoint.ids[1:]) == sorted([refused, *ids])
    assert sum(each.is_ping for each in endpoint.received) == 1, "other headers need no second ping"


async def test_values_are_nowhere_in_the_database_nor_in_an_answer(
    api: httpx.AsyncClient, db: Database, tmp_path: Path
) -> None:
    body = {"name": "desk", "mode": "push", "push": {"url": DEAF, "headers": {"Authorization": FIRST}}}
    answers = [await api.post(PATH, json=body, headers={"idempotency-key": "k"}) for _ in range(2)]
    assert answers[0].content == answers[1].content
    path = f"{PATH}/{answers[0].json()['id']}"
    answers.append(await api.patch(path, json={"push": {"headers": {"Authorization": SECOND}}}))
    answers += [await api.get(path), await api.get(PATH), await api.get("/v1/audit")]
    answers.append(await api.patch(path, json={"push": {"headers": {"a b": SECOND, "Host": FIRST}}}))
    assert [answer.status_code for answer in answers] == [201, 201, 200, 200, 200, 200, 422]
    stored = await stored_text(db)
    assert answers[0].json()["id"].replace("-", "") in stored.replace("-", ""), "what was stored is read"
    files = file_bytes(tmp_path)
    for value in (FIRST, SECOND):
        assert value not in stored
        assert value.encode() not in files
        assert all(value not in answer.text for answer in answers)


async def test_what_get_answers_can_be_sent_back(api: httpx.AsyncClient, made: dict[str, Any]) -> None:
    shown = await standing(api, made["id"])
    assert shown["push"]["headers"] == BOTH
    same = await patched(api, made["id"], name=shown["name"], filter=shown["filter"], push=shown["push"])
    assert (same["version"], same["push"]) == (1, made["push"])
    same = await patched(api, made["id"], push={"headers": {"Authorization": FIRST}})
    assert same["version"] == 1, "the value that is stored is no change"


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ({"X-Desk": None}, ["Authorization"]),
        ({"x-desk": None}, ["Authorization"]),
        ({"X-Other": None}, ["Authorization", "X-Desk"]),
        (None, []),
        ({}, ["Authorization", "X-Desk"]),
        ({"X-Desk": SECOND}, ["Authorization", "X-Desk"]),
        ({"x-desk": SECOND}, ["Authorization", "x-desk"]),
        ({"x-desk": "***"}, ["Authorization", "x-desk"]),
        ({"X-New": "1", "Authorization": None}, ["X-Desk", "X-New"]),
    ],
)
async def test_a_merge_patch_changes_headers_by_name_in_any_case(
    api: httpx.AsyncClient, made: dict[str, Any], patch: Any, expected: list[str]
) -> None:
    after = await patched(api, made["id"], push={"headers": patch})
    assert after["push"] == {**made["push"], "headers": dict.fromkeys(expected, "***")}
    assert after["version"] == (1 if expected == list(BOTH) and patch != {"X-Desk": SECOND} else 2)
    assert (await standing(api, made["id"]))["push"] == after["push"]


async def test_a_value_that_is_kept_under_another_case_is_sent(api: httpx.AsyncClient) -> None:
    async with receiving() as endpoint:
        made = await subscribed(api, endpoint.url(), push={"headers": {"X-Desk": "kyiv", "X-Shift": "night"}})
        await patched(api, made["id"], push={"headers": {"x-desk": "***", "X-Shift": None}})
        assert good(await api.post(f"{PATH}/{made['id']}/test"))["ok"]
    assert endpoint.received[-1].headers["x-desk"] == "kyiv"
    assert "x-shift" not in endpoint.received[-1].headers


LONG = "x" * 101
REFUSED: list[tuple[Any, list[tuple[str, str]]]] = [
    *[({name: "1"}, [(f"/{name}", "reserved")]) for name in sorted(RESERVED)],
    *[({f"{begin}x": "1"}, [(f"/{begin}x", "reserved")]) for begin in RESERVED_BEGINNINGS],
    ({"Content-Type": "1", "WEBHOOK-ID": "1"}, [("/Content-Type", "reserved"), ("/WEBHOOK-ID", "reserved")]),
    ({"X-A": "1", "x-a": "1"}, [("/x-a", "duplicate")]),
    ({"": "1"}, [("/", "pattern")]),
    ({"a b": "1"}, [("/a b", "pattern")]),
    ({"a:b": "1"}, [("/a:b", "pattern")]),
    ({"a/b": "1"}, [("/a~1b", "pattern")]),
    ({"a\r\nb": "1"}, [("", "control-character")]),
    ({"a\n": "1"}, [("", "control-character")]),
    ({"é": "1"}, [("/é", "pattern")]),
    ({LONG: "1"}, [(f"/{LONG}", "too-long")]),
    ({"X-New": "***"}, [("/X-New", "missing")]),
    *[
        ({"X-A": value}, [("/X-A", "pattern")])
        for value in ("", " ", " a", "a ", "a\N{NO-BREAK SPACE}", "é", "\u2028", "Київ")
    ],
    *[
        ({"X-A": value}, [("/X-A", "control-character")])
        for value in ("a\r\nb: c", "a\n", "\na", "a\0", "a\x7f", "a\tb", "a\x85")
    ],
    ({"X-A": "x" * 2001}, [("/X-A", "too-long")]),
    ({"X-A": 1}, [("/X-A", "type")]),
    ({"X-A": True}, [("/X-A", "type")]),
    ({"X-A": ["1"]}, [("/X-A", "type")]),
    ({"X-A": {}}, [("/X-A", "type")]),
    ({f"X-{n}": "1" for n in range(11)}, [("", "too-long")]),
    ([], [("", "type")]),
    ("X-A: 1", [("", "type")]),
    ([["X-A", "1"]], [("", "type")]),
]


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize(("headers", "expected"), REFUSED)
async def test_a_header_that_cannot_be_sent_is_refused_at_its_place(
    api: httpx.AsyncClient, made: dict[str, Any], headers: Any, expected: list[tuple[str, str]]
) -> None:
    places = [(f"/push/headers{place}", code) for place, code in expected]
    body = {"name": "desk", "mode": "push", "push": {"url": DEAF, "headers": headers}}
    assert faults(await api.post(PATH, json=body)) == places
    assert faults(await api.patch(f"{PATH}/{made['id']}", json={"push": {"headers": headers}})) == places
    shown = await standing(api, made["id"])
    assert (shown["push"], shown["version"]) == (made["push"], 1)


async def test_the_longest_and_the_most_are_taken_and_sent(api: httpx.AsyncClient) -> None:
    headers = {f"X-{n}-!#$%&'*+.^_`|~": f"{n}" + '~ "\\' * 499 + "end" for n in range(10)}
    assert {len(value) for value in headers.values()} == {2000}
    async with receiving() as endpoint:
        made = await subscribed(api, endpoint.url(), push={"headers": headers, "timeout_s": 60})
        tried = good(await api.post(f"{PATH}/{made['id']}/test"))
        assert tried["ok"], tried
    sent = endpoint.received[-1].headers
    assert {name: sent[name.lower()] for name in headers} == headers


async def test_null_is_no_header_of_a_new_subscription(api: httpx.AsyncClient) -> None:
    for headers, place in ((None, "/push/headers"), ({"X-A": None}, "/push/headers/X-A")):
        body = {"name": "desk", "mode": "push", "push": {"url": DEAF, "headers": headers}}
        assert faults(await api.post(PATH, json=body)) == [(place, "type")]


async def test_with_another_key_names_are_shown_and_values_can_be_given_anew(
    api: httpx.AsyncClient, made: dict[str, Any], keyless: httpx.AsyncClient
) -> None:
    path = f"{PATH}/{made['id']}"
    assert good(await keyless.get(path))["push"]["headers"] == BOTH
    good(await keyless.post(f"{path}/rotate-secret"))
    problem(await keyless.post(f"{path}/test"), 503, "unavailable")
    both = {"Authorization": FIRST, "X-Desk": "kyiv"}
    assert (await patched(keyless, made["id"], push={"headers": both}))["version"] == 2
    assert good(await keyless.post(f"{path}/test"))["error"] == "connect"


@pytest.mark.parametrize("dialect", ["postgresql"])
async def test_without_a_key_headers_are_unavailable(
    make_app: MakeApp, admin_key: str, api: httpx.AsyncClient, made: dict[str, Any]
) -> None:
    none = await make_app(allow_private_targets=LOOPBACK, delivery=False)
    async with client_of(none, admin_key) as opened:
        answer = await opened.patch(f"{PATH}/{made['id']}", json={"push": {"headers": {"X-New": "1"}}})
        assert "SITREP_SECRET_KEY" in problem(answer, 503, "unavailable")["detail"]
        assert (await patched(opened, made["id"], name="other", push={"headers": {"X-Desk": None}}))["version"] == 2
    assert (await standing(api, made["id"]))["push"]["headers"] == {"Authorization": "***"}


async def test_headers_are_stored_by_name_with_each_value_sealed(db: Database, made: dict[str, Any]) -> None:
    assert made["push"]["headers"] == BOTH
    [(stored,)] = await db.rows(HEADERS)
    assert list(json.loads(stored)) == list(BOTH)
    assert all(token.startswith("gAAAA") for token in json.loads(stored).values())
