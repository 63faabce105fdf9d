"""Hostile requests to subscriptions: each has its 4xx on both databases, and nothing is stored by any."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from calls import good
from subscribing import DEAF, PATH, WITH_KEY, delivery, pull, push, shown, store, subscribed

if TYPE_CHECKING:
    from conftest import MakeApp
    from fastapi import FastAPI
    from httpx import AsyncClient

    from app.db import Database

JSON = {"content-type": "application/json"}
INT64 = 2**63
WRONG: tuple[Any, ...] = (None, True, 0, -1, 1.5, INT64 - 1, "", "x", [], [[]], {}, {"a": None})


def but(body: dict[str, Any], name: str, value: Any) -> str:
    """A good body with one field replaced; `push/url` is a field of `push`."""
    outer, _, inner = name.partition("/")
    return json.dumps({**body, outer: {**body[outer], inner: value} if inner else value})


def texts(body: dict[str, Any], name: str) -> list[tuple[int, str]]:
    """A good body with text in one field that cannot be stored or sent."""
    marked = but(body, name, "@@@")
    hostile = ['"\\ud800"', '"\\udfff x"', '"a\\u0000b"', '"\\u001b[31m"', '"\\u007f"', '"\\u0085"', '"\\n"']
    return [(422, marked.replace('"@@@"', each)) for each in hostile]


def numbers(body: dict[str, Any], name: str) -> list[tuple[int, str]]:
    """A good body with a number in one field that does not fit."""
    marked = but(body, name, "@@@")
    large = ["1e400", "-1e400", str(INT64), str(-INT64 - 1), "9" * 400, "9" * 5000, "1.5", "1e-3", "-0"]
    return [(422, marked.replace('"@@@"', each)) for each in large] + [
        (400, marked.replace('"@@@"', each)) for each in ("NaN", "Infinity", "-Infinity", "01", "+1", "0x1", "")
    ]


RAW = [
    (400, b""),
    (400, b"{"),
    (400, b"\xef\xbb\xbf{}"),
    (400, b"\xff\xfe{\x00}\x00"),
    (400, b'{"name":"\xff"}'),
    (400, b'{"name":"a","name":"b","mode":"pull"}'),
    (400, b'{"name":"a","mode":"pull","filter":{"kind":"attack","kind":"attack"}}'),
    (400, b"[" * 10_000),
    (400, b'{"filter":' + b"[" * 40 + b"]" * 40 + b"}"),
    (400, b"{} {}"),
    (413, b'{"name":"' + b"x" * 300_000 + b'"}'),
    (422, b"[]"),
    (422, b"null"),
    (422, b"7"),
    (422, b'"name"'),
    (422, b'{"\\ud800":1}'),
    (422, b'{"\\u0000":1}'),
    (422, b'{"__proto__":{}}'),
]


def new_bodies() -> list[tuple[int, str | bytes]]:
    found: list[tuple[int, str | bytes]] = [*RAW, (422, b"{}")]
    found += [(422, but(pull(), "name", value)) for value in WRONG if value != "x"]
    found += [(422, but(pull(), "mode", value)) for value in WRONG]
    found += [(422, but(pull(), "filter", value)) for value in WRONG if value != {}]
    found += [(400 if value == "x" else 422, but(pull(), "start", value)) for value in WRONG]
    found += [(422, but(push(), "push", value)) for value in WRONG]
    found += [(422, but(pull(), "push", value)) for value in WRONG if value is not None]
    found += [(422, but(push(), "push/url", value)) for value in WRONG]
    for name in ("push/max_open", "push/max_in_flight", "push/timeout_s"):
        default = {None} if name == "push/max_in_flight" else set()
        found += [(422, but(push(), name, value)) for value in WRONG if not (value is None and default)]
        found += numbers(push(), name)
    for name in ("name", "start"):
        found += texts(pull(), name)
    found += texts(push(), "push/url")
    for name in ("kind", "tag", "q", "id", "since", "timezone", "external_id"):
        found += texts(pull(filter={}), f"filter/{name}")
    found += [each for each in numbers(pull(filter={}), "filter/killed_min") if "-0" not in each[1]]
    found += [(422, but(pull(filter={}), "filter/killed_min", [5]))]
    found += [
        (422, but(pull(), name, 1)) for name in ("id", "owner", "secret", "version", "status", "cursor", "nonsense")
    ]
    found += [(422, but(pull(), "filter", {name: "1"})) for name in ("limit", "sort", "wait", "after", "nonsense")]
    found += [(422, but(pull(), "filter", {"tag": ["x" * 2100]})), (422, but(pull(), "name", "x" * 301))]
    found += [(422, but(push(), "push/url", f"{DEAF}/{'x' * 2000}")), (422, but(push(), "push/nonsense", 1))]
    return found


def patches() -> list[tuple[int, str | bytes]]:
    found: list[tuple[int, str | bytes]] = list(RAW)
    found += [(422, json.dumps({"name": value})) for value in WRONG if value != "x"]
    found += [(422, json.dumps({"status": value})) for value in WRONG]
    found += [(422, json.dumps({"filter": value})) for value in WRONG if value not in (None, {}, {"a": None})]
    found += [(422, json.dumps({"push": value})) for value in WRONG if value not in ({}, {"a": None})]
    for name in ("url", "max_open", "max_in_flight", "timeout_s"):
        fine = (None,) if name != "url" else ()
        found += [(422, json.dumps({"push": {name: value}})) for value in WRONG if value not in fine]
    for name in ("max_open", "max_in_flight", "timeout_s"):
        found += numbers({"push": {}}, f"push/{name}")
    found += texts({}, "name") + texts({"push": {}}, "push/url") + texts({"filter": {}}, "filter/tag")
    found += [(422, json.dumps({name: 1})) for name in ("id", "mode", "owner", "secret", "version", "cursor", "start")]
    return found


def simple(name: str, *, place: bool) -> list[tuple[int, str | bytes]]:
    """Bodies with one text, a position of the feed or a time."""
    found: list[tuple[int, str | bytes]] = [*RAW, *texts({}, name)]
    found += [(400 if place and value == "x" else 422, json.dumps({name: value})) for value in WRONG]
    found += [(422, json.dumps({name: "x" * 301})), (422, json.dumps({name: "x", "nonsense": 1}))]
    return found


def optional(bodies: list[tuple[int, str | bytes]]) -> list[tuple[int, str | bytes]]:
    """Of calls that need no body, those that are sent one."""
    return [(status, raw) for status, raw in bodies if raw]


@pytest.fixture
async def app(make_app: MakeApp) -> FastAPI:
    """The application, which may push to loopback."""
    return await make_app(**WITH_KEY)


async def surprises(
    api: AsyncClient, method: str, path: str, bodies: list[tuple[int, str | bytes]]
) -> list[tuple[int, int, Any]]:
    """The bodies that were answered with another status than they should be, or with no problem document."""
    found = []
    for status, raw in bodies:
        answer = await api.request(method, path, content=raw, headers=JSON)
        if answer.status_code != status or answer.headers["content-type"] != "application/problem+json":
            found.append((status, answer.status_code, raw[:200]))
        else:
            json.loads(answer.content.decode())
    return found


async def test_hostile_new_subscriptions_are_refused(api: AsyncClient) -> None:
    assert await surprises(api, "POST", PATH, new_bodies()) == []
    assert good(await api.get(PATH))["items"] == []
    await subscribed(api, pull())


async def test_hostile_patches_are_refused_and_change_nothing(api: AsyncClient) -> None:
    made = await subscribed(api, push())
    path = f"{PATH}/{made['id']}"
    before = good(await api.patch(path, json={"status": "paused"}))
    assert await surprises(api, "PATCH", path, patches()) == []
    assert await shown(api, made["id"]) == before


async def test_hostile_moves_and_acknowledgements_are_refused_and_move_nothing(api: AsyncClient) -> None:
    made = await subscribed(api, pull())
    path = f"{PATH}/{made['id']}"
    assert await surprises(api, "POST", f"{path}/seek", simple("to", place=True)) == []
    assert await surprises(api, "POST", f"{path}/ack", simple("cursor", place=True)) == []
    assert await shown(api, made["id"]) == made


async def test_hostile_retries_and_rotations_are_refused_and_put_nothing_back(api: AsyncClient, db: Database) -> None:
    made = await subscribed(api, push())
    path = f"{PATH}/{made['id']}"
    await api.patch(path, json={"status": "paused"})
    [dead] = await store(db, [delivery(made["id"], 1, "dead")])
    statuses = [(422, json.dumps({"status": value})) for value in (*WRONG, "queued", "Dead")]
    times = [each for each in simple("since", place=False) if each[1] != '{"since": null}']
    assert await surprises(api, "POST", f"{path}/deliveries/retry", optional([*times, *statuses])) == []
    overlaps = [
        (422, json.dumps({"overlap_s": value})) for value in (*WRONG, 2_592_001) if value != 0 or value is False
    ]
    good_one = ("-0",)
    bad_numbers = [each for each in numbers({}, "overlap_s") if not str(each[1]).endswith(f"{good_one[0]}}}")]
    assert await surprises(api, "POST", f"{path}/rotate-secret", optional([*RAW, *overlaps, *bad_numbers])) == []
    assert good(await api.get(f"/v1/deliveries/{dead}"))["status"] == "dead"
    actions = [each["action"] for each in good(await api.get("/v1/audit"))["items"]]
    assert "subscription.secret-rotated" not in actions


BAD_QUERIES = [
    "limit=0", "limit=1001", "limit=-1", "limit=1_0", "limit=%201", "limit=1.0", "limit=9223372036854775808",
    "limit=1&limit=2", "limit=", "nonsense=1", "wait=1", "%ff=1", "limit=%ff", "limit=%00",
]  # fmt: skip
BAD_CURSORS = ["cursor=x", "cursor=e1-000000000001", "cursor=AAAA", "cursor=%F0%9F%92%A9", f"cursor={'A' * 4000}"]


async def test_hostile_queries_are_refused(api: AsyncClient, db: Database) -> None:
    made = await subscribed(api, push())
    path = f"{PATH}/{made['id']}"
    await api.patch(path, json={"status": "paused"})
    await store(db, [delivery(made["id"], n, "dead") for n in (1, 2)])
    await subscribed(api, pull())
    cursor = good(await api.get(f"{PATH}?limit=1"))["next"]
    other = good(await api.get(f"{path}/deliveries?limit=1"))["next"]
    wanted = {
        PATH: [
            *((422, each) for each in BAD_QUERIES),
            *((400, each) for each in BAD_CURSORS),
            (400, f"cursor={other}"),
        ],
        f"{path}/deliveries": [
            *((422, each) for each in BAD_QUERIES),
            *((400, each) for each in BAD_CURSORS),
            (400, f"cursor={cursor}"),
            (422, "status=Dead"),
            (422, "status=dead&status=nonsense"),
            (422, "status="),
            (422, "since=now"),
            (422, "since=2025-13-01"),
            (422, "since=2025-09-07T00:00:00"),
            (422, "since=2025-09-07T00:00:00+03:00"),
            (422, "since=9999-12-31T23:59:59-23:59"),
            (422, "since=2025-09-01&since=2025-09-02"),
        ],
        "/v1/notices": [
            *((422, each) for each in BAD_QUERIES),
            (422, "after=-1"),
            (422, "after=x"),
            (422, "after=9223372036854775808"),
            (422, "after=1&after=2"),
            (422, "cursor=x"),
        ],
        path: [(422, "limit=1"), (422, "x=")],
    }
    found = [
        (path, query, status, answer.status_code)
        for path, queries in wanted.items()
        for status, query in queries
        if (answer := await api.get(f"{path}?{query}")).status_code != status
    ]
    assert found == []
    assert good(await api.get("/v1/notices?after=9223372036854775807")) == {"items": [], "next": None}


async def test_every_byte_of_a_list_cursor_counts(api: AsyncClient) -> None:
    for _ in range(2):
        await subscribed(api, pull())
    cursor = good(await api.get(f"{PATH}?limit=1"))["next"]
    for n, letter in enumerate(cursor):
        for other in ("A", "B", "-", "%2B"):
            flipped = cursor[:n] + other + cursor[n + 1 :]
            status = (await api.get(f"{PATH}?cursor={flipped}")).status_code
            assert status == 400 or letter == other or n == len(cursor) - 1


async def test_bodies_of_other_kinds_are_not_read(api: AsyncClient) -> None:
    made = await subscribed(api, pull())
    for method, path in (("POST", PATH), ("PATCH", f"{PATH}/{made['id']}"), ("POST", f"{PATH}/{made['id']}/seek")):
        for kind in ("text/plain", "application/xml", "application/json; charset=utf-16", ""):
            answer = await api.request(method, path, content=b"{}", headers={"content-type": kind})
            assert answer.status_code == 415, (method, path, kind)
        packed = {**JSON, "content-encoding": "gzip"}
        assert (await api.request(method, path, content=b"{}", headers=packed)).status_code == 415
    assert good(await api.get(PATH))["items"] == [made]
