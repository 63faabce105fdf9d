"""Writers at once, in one process and in two: no update is lost, and each hears what became of its own request."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from calls import found, good, head_of, let_moment_pass, written
from conftest import client_of

from app.errors import NotFound
from app.events.write.commands import Create, Patch, Remove
from app.events.write.idempotency import ResponseData
from app.events.write.store import Store
from app.events.write.transaction import CommandResult, WriteRequest
from app.kinds import parse_event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import MakeApp, MakeEvent
    from httpx import AsyncClient, Response

    from app.db import Database
    from app.events.write.transaction import Result


@pytest.fixture
async def pair(make_app: MakeApp, admin_key: str) -> AsyncIterator[list[AsyncClient]]:
    """Clients of two applications, as two processes would be: each has its own connections and its own writer."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(client_of(await make_app(), admin_key)) for _ in range(2)]


async def count_up(api: AsyncClient, address: str, times: int) -> list[str]:
    """Read, add one, put back; again when another was first. The cursors of what was accepted."""
    cursors: list[str] = []
    while len(cursors) < times:
        event = good(await api.get(address))
        event["extra"] = {"n": event["extra"]["n"] + 1}
        put = await api.put(address, json=event, headers={"if-match": f'"{event["version"]}"'})
        assert put.status_code in {200, 412}, put.text
        if put.status_code == 200:
            cursors.append(put.headers["feed-cursor"])
    return cursors


async def test_no_update_is_lost_between_two_processes(pair: list[AsyncClient], make_event: MakeEvent) -> None:
    event = await written(pair[0], make_event(extra={"n": 0}))
    address = f"/v1/events/{event['id']}"

    cursors = await asyncio.gather(*(count_up(api, address, 5) for api in pair * 3))

    after = good(await pair[0].get(address))
    assert (after["extra"], after["version"]) == ({"n": 30}, 31)
    history = good(await pair[1].get(f"{address}/revisions"))["items"]
    assert [row["version"] for row in history] == list(range(31, 0, -1))
    assert {row["cursor"] for row in history[:-1]} == {cursor for taken in cursors for cursor in taken}
    for row in history:
        assert good(await pair[0].get(f"{address}?version={row['version']}"))["extra"] == {"n": row["version"] - 1}


async def test_every_writer_hears_of_its_own_version(pair: list[AsyncClient], make_event: MakeEvent) -> None:
    event = await written(pair[0], make_event())
    address = f"/v1/events/{event['id']}"

    async def patch(n: int) -> Response:
        body, headers = {"title": f"title {n}"}, {"if-match": "*"}
        return await pair[n % 2].patch(address, json=body, headers=headers)

    answers = [answer for answer in await asyncio.gather(*(patch(n) for n in range(40))) if good(answer)]

    assert sorted(answer.json()["version"] for answer in answers) == list(range(2, 42))
    for n, answer in enumerate(answers):
        version = answer.json()["version"]
        assert answer.json()["title"] == f"title {n}"
        assert answer.headers["etag"] == f'"{version}"'
        assert answer.headers["feed-cursor"] == f"e1-{version:012d}"
        assert (await pair[0].get(f"{address}?version={version}")).content == answer.content


async def test_one_external_id_is_given_out_once(pair: list[AsyncClient], make_event: MakeEvent) -> None:
    for n in range(5):
        keyed = make_event(external_ids=[{"system": "s", "id": str(n)}])
        answers = await asyncio.gather(
            *(api.post("/v1/events", json=keyed) for api in pair * 3),
            *(api.post("/v1/events", json=make_event(tags=["beside"])) for api in pair),
        )

        statuses = [answer.status_code for answer in answers]
        assert sorted(statuses[:6]) == [201, *[409] * 5]
        assert statuses[6:] == [201, 201]
        [winner] = [answer.json() for answer in answers[:6] if answer.status_code == 201]
        assert all(
            answer.json()["existing"] == {"id": winner["id"], "version": 1}
            for answer in answers[:6]
            if answer.status_code == 409
        )
    assert len(await found(pair[0], "tag=beside")) == 10
    assert await head_of(pair[1]) == "e1-000000000015"


async def test_upserts_at_once_make_one_event(pair: list[AsyncClient], make_event: MakeEvent) -> None:
    address = "/v1/events/by-external-id/s/1"

    answers = await asyncio.gather(*(pair[n % 2].put(address, json=make_event(title=f"title {n}")) for n in range(20)))

    assert sorted(answer.status_code for answer in answers) == [*[200] * 19, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sorted(answer.json()["version"] for answer in answers) == list(range(1, 21))
    assert [answer.json()["title"] for answer in answers] == [f"title {n}" for n in range(20)]


async def test_the_same_upsert_at_once_makes_one_version(pair: list[AsyncClient], make_event: MakeEvent) -> None:
    address = "/v1/events/by-external-id/s/1"

    answers = await asyncio.gather(*(api.put(address, json=make_event()) for api in pair * 8))

    assert {answer.json()["version"] for answer in answers} == {1}
    assert sum("feed-cursor" in answer.headers for answer in answers) == 1


async def test_an_event_is_deleted_once(pair: list[AsyncClient], make_event: MakeEvent) -> None:
    event = await written(pair[0], make_event())

    answers = await asyncio.gather(*(api.delete(f"/v1/events/{event['id']}?reason=duplicate") for api in pair * 4))

    assert sorted(answer.status_code for answer in answers) == [204, *[410] * 7]
    assert await head_of(pair[0]) == "e1-000000000002"


async def test_external_ids_that_change_hands_at_once_have_one_holder(
    pair: list[AsyncClient], make_event: MakeEvent
) -> None:
    key = [{"system": "s", "id": "1"}]
    events = [await written(pair[0], make_event(external_ids=key)), await written(pair[0], make_event())]

    async def toggle(api: AsyncClient, event: dict[str, Any], n: int) -> int:
        body = {"external_ids": key if n % 2 else []}
        answer = await api.patch(f"/v1/events/{event['id']}", json=body, headers={"if-match": "*"})
        assert answer.status_code in {200, 409}, answer.text
        return answer.status_code

    for _ in range(3):
        await asyncio.gather(*(toggle(pair[n % 2], events[n // 2 % 2], n) for n in range(8)))
        await let_moment_pass()
        holders = [
            event["id"] for event in events if good(await pair[0].get(f"/v1/events/{event['id']}"))["external_ids"]
        ]
        held = await pair[1].get("/v1/events/by-external-id/s/1")
        assert [held.json()["id"]] == holders if held.status_code == 200 else holders == []
        assert await found(pair[1], "external_id=s:1") == holders


async def test_requests_that_share_a_transaction_are_decided_in_order_and_keep_their_own_fates(
    api: AsyncClient, db: Database, make_event: MakeEvent
) -> None:
    event = await written(api, make_event(external_ids=[{"system": "s", "id": "1"}]))
    id, keyed = UUID(event["id"]), parse_event(make_event(external_ids=event["external_ids"], tags=["heir"]))
    jobs = [
        WriteRequest([Create(parse_event(make_event(tags=["first"])))], "newsroom", told),
        WriteRequest([Create(keyed)], "newsroom", told),
        WriteRequest([Patch(id, {"title": "two"}, "*")], "newsroom", told),
        WriteRequest([Patch(id, {"title": "never"}, frozenset({9}))], "newsroom", told),
        WriteRequest([Patch(id, {"title": None}, "*")], "newsroom", told),
        WriteRequest([Create(parse_event(make_event(tags=["never"]))), NotFound("no")], "newsroom", told),
        WriteRequest([Patch(id, {"title": "three"}, frozenset({2}))], "newsroom", told),
        WriteRequest([Create(parse_event(make_event(tags=["broken"])))], "newsroom", broken),
        WriteRequest([Remove(id, "duplicate")], "newsroom", told),
        WriteRequest([Patch(id, {"title": "late"}, "*")], "newsroom", told),
        WriteRequest([Create(keyed)], "newsroom", told),
    ]
    fates: list[object] = [b"created 1", 409, b"updated 2", 412, 422, 404, b"updated 3", None, b"deleted 4", 410]

    store = Store(db)
    store.start()
    answers = await asyncio.gather(*(store.run(job) for job in jobs), return_exceptions=True)
    await store.stop()

    assert [a.body if isinstance(a, ResponseData) else getattr(a, "status", None) for a in answers] == [
        *fates,
        b"created 1",
    ]
    assert await found(api, "tag=never") == await found(api, "tag=broken") == []
    assert len(await found(api, "tag=first")) == 1
    assert await found(api, "external_id=s:1") == await found(api, "tag=heir")
    items = good(await api.get("/v1/feed"))["items"]
    assert [item["version"] for item in items] == [1, 1, 2, 3, 4, 1]
    assert good(await api.get("/v1/feed/checkpoint"))["live_events"] == 2


def told(results: list[Result]) -> ResponseData:
    """What happened, in words."""
    [outcome] = results
    assert isinstance(outcome, CommandResult)
    return ResponseData(200, f"{outcome.decision.operation} {outcome.decision.after.version}".encode())


def broken(results: list[Result]) -> ResponseData:
    raise ZeroDivisionError


async def test_the_log_has_no_gap_and_no_double_after_writers_at_once(
    pair: list[AsyncClient], make_event: MakeEvent
) -> None:
    async def write(n: int) -> list[str]:
        api = pair[n % 2]
        made = await api.post("/v1/events", json=make_event(title=str(n)))
        refused = await api.post("/v1/events", json=make_event(title=str(n), status="rumour"))
        changed = await api.patch(made.headers["location"], json={"title": "x"}, headers={"if-match": '"1"'})
        gone = await api.delete(made.headers["location"] + "?reason=duplicate") if n % 3 == 0 else None
        assert (refused.status_code, changed.status_code) == (422, 200)
        return [answer.headers["feed-cursor"] for answer in (made, changed, gone) if answer is not None]

    cursors = [cursor for taken in await asyncio.gather(*(write(n) for n in range(30))) for cursor in taken]

    items = good(await pair[0].get("/v1/feed?limit=1000"))["items"]
    assert [item["id"] for item in items] == [f"e1-{n:012d}" for n in range(1, 71)]
    assert sorted(cursors) == [item["id"] for item in items]
    assert [item["time"] for item in items] == sorted(item["time"] for item in items)
    checkpoint = good(await pair[1].get("/v1/feed/checkpoint"))
    assert checkpoint["live_events"] == good(await pair[0].get("/v1/events/count"))["count"] == 20


async def test_a_reader_that_follows_the_first_page_misses_nothing(
    pair: list[AsyncClient], make_event: MakeEvent
) -> None:
    """The list's `as_of` is read before the rows, so that list and feed together hold every event."""
    stop = asyncio.Event()
    made: set[str] = set()

    async def write(api: AsyncClient) -> None:
        while not stop.is_set():
            made.add((await written(api, make_event()))["id"])

    writers = [asyncio.create_task(write(api)) for api in pair]
    while len(made) < 40:
        await asyncio.sleep(0.005)
        page = good(await pair[0].get("/v1/events?limit=1000"))
        feed = good(await pair[1].get(f"/v1/feed?after={page['as_of']}&limit=1000"))
        seen = {event["id"] for event in page["items"]} | {item["subject"] for item in feed["items"]}
        first = good(await pair[0].get("/v1/feed?limit=1000"))["items"]
        assert {item["subject"] for item in first if item["id"] <= feed["next"]} <= seen
    stop.set()
    await asyncio.gather(*writers)
