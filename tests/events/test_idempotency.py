"""Repeats under an Idempotency-Key: the first answer again, one effect, whoever else writes meanwhile."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from calls import good, head_of, problem
from conftest import client_of

from app.auth.keys import create_key
from app.events.write.commands import Create
from app.events.write.idempotency import IdempotencyKey, IdempotentRequest, ResponseData
from app.events.write.responses import created_response
from app.events.write.store import Store
from app.events.write.transaction import CommandResult, WriteRequest
from app.kinds import parse_event

if TYPE_CHECKING:
    from conftest import MakeApp, MakeEvent
    from httpx import AsyncClient, Response

    from app.db import Database
    from app.events.write.transaction import Result

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
BATCH = "/v1/events/batch"


async def send(api: AsyncClient, event: dict[str, Any], key: str) -> Response:
    return await api.post("/v1/events", json=event, headers={"idempotency-key": key})


def replayed(response: Response) -> bool:
    return bool(response.headers.get("idempotency-replayed") == "true")


async def test_a_repeat_gets_the_first_answer_and_has_no_effect(api: AsyncClient, make_event: MakeEvent) -> None:
    first = await send(api, make_event(), "k")
    await api.patch(f"/v1/events/{first.json()['id']}", json={"title": "New"}, headers={"if-match": "*"})
    before = await head_of(api)

    again = await send(api, make_event(), "k")

    assert (again.status_code, again.content, replayed(first), replayed(again)) == (201, first.content, False, True)
    for name in ("location", "etag", "feed-cursor", "content-type"):
        assert again.headers[name] == first.headers[name]
    assert await head_of(api) == before


async def test_a_key_with_another_body_is_refused(api: AsyncClient, make_event: MakeEvent) -> None:
    await send(api, make_event(), "k")
    before = await head_of(api)

    problem(await send(api, make_event(title="Other"), "k"), 422, "idempotency-mismatch")

    assert await head_of(api) == before


async def test_the_body_is_compared_byte_for_byte(api: AsyncClient) -> None:
    body = '{"kind":"attack","title":"x","started_at":"2025-01-01T00:00:00Z","sources":[{"publisher":"p"}],"detail":{}}'
    headers = {"idempotency-key": "k", "content-type": "application/json"}
    good(await api.post("/v1/events", content=body, headers=headers), 201)

    spaced = await api.post("/v1/events", content=body + " ", headers=headers)

    problem(spaced, 422, "idempotency-mismatch")


async def test_a_refused_request_leaves_its_key_free(api: AsyncClient, make_event: MakeEvent) -> None:
    assert (await send(api, make_event(status="rumour"), "k")).status_code == 422
    good(await api.post("/v1/events", json=make_event(external_ids=[{"system": "s", "id": "1"}])), 201)
    assert (await send(api, make_event(external_ids=[{"system": "s", "id": "1"}]), "k")).status_code == 409

    assert good(await send(api, make_event(), "k"), 201)["version"] == 1


async def test_a_key_is_the_same_quoted_and_bare(api: AsyncClient, make_event: MakeEvent) -> None:
    first = await send(api, make_event(), '"k 1"')
    again = await send(api, make_event(), "k 1")
    longest = await send(api, make_event(), "x" * 255)

    assert (again.content, replayed(again)) == (first.content, True)
    assert longest.status_code == 201


async def test_a_key_that_cannot_be_read_is_malformed(api: AsyncClient, make_event: MakeEvent) -> None:
    for key in ("", " ", "x" * 256, '"open', '""', "a\tb", b"caf\xc3\xa9", '"a"b"'):
        headers: Any = [("idempotency-key", key)]
        problem(await api.post("/v1/events", json=make_event(), headers=headers), 400, "malformed")
    assert await head_of(api) == "e1-000000000000"


async def test_a_key_belongs_to_its_owner_method_and_path(
    app: Any, api: AsyncClient, db: Database, make_event: MakeEvent
) -> None:
    body = {"items": [{"op": "create", "event": make_event()}]}
    first = await send(api, make_event(), "k")

    batch = await api.post(BATCH, json=body, headers={"idempotency-key": "k"})
    async with client_of(app, (await create_key(db, "other", ["write"]))[1]) as other:
        others = await send(other, make_event(), "k")
    async with client_of(app, (await create_key(db, "second", ["write"], owner="newsroom"))[1]) as same_owner:
        same = await send(same_owner, make_event(), "k")

    assert (batch.status_code, replayed(batch)) == (200, False)
    assert good(others, 201)["id"] != first.json()["id"]
    assert (same.content, replayed(same)) == (first.content, True)


async def test_calls_that_need_no_key_do_not_read_it(api: AsyncClient, make_event: MakeEvent) -> None:
    address, headers = "/v1/events/by-external-id/s/1", {"idempotency-key": "k"}

    first = await api.put(address, json=make_event(), headers=headers)
    second = await api.put(address, json=make_event(title="New"), headers=headers)

    assert (first.status_code, good(second)["version"]) == (201, 2)


async def test_requests_at_once_under_one_key_have_one_effect(api: AsyncClient, make_event: MakeEvent) -> None:
    answers = await asyncio.gather(*(send(api, make_event(), "k") for _ in range(20)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum(not replayed(answer) for answer in answers) == 1
    assert await head_of(api) == "e1-000000000001"


async def test_one_key_with_two_bodies_at_once_is_refused_to_one(api: AsyncClient, make_event: MakeEvent) -> None:
    answers = await asyncio.gather(*(send(api, make_event(title=str(n)), "k") for n in range(8)))

    assert sorted(answer.status_code for answer in answers) == [201, *[422] * 7]
    assert await head_of(api) == "e1-000000000001"


async def test_two_processes_under_one_key_have_one_effect(
    make_app: MakeApp, admin_key: str, make_event: MakeEvent
) -> None:
    one, two = client_of(await make_app(), admin_key), client_of(await make_app(), admin_key)

    async with one, two:
        rounds = [
            await asyncio.gather(*(send(api, make_event(), f"k{n}") for api in (one, two, one, two))) for n in range(10)
        ]

        assert {answer.status_code for answers in rounds for answer in answers} == {201}
        assert {len({answer.content for answer in answers}) for answers in rounds} == {1}
        assert {sum(not replayed(answer) for answer in answers) for answers in rounds} == {1}
        assert await head_of(one) == "e1-000000000010"


class Clock:
    """Time that stands still until it is moved."""

    now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.mark.parametrize(("hours", "same"), [(23.9, True), (24.1, False)])
async def test_an_answer_is_kept_for_a_day(db: Database, make_event: MakeEvent, hours: float, same: bool) -> None:
    clock = Clock()
    store = Store(db, clock=clock)
    store.start()
    reuse = IdempotentRequest(IdempotencyKey("newsroom", "POST /v1/events", "k"), b"hash")

    def render(results: list[Result]) -> ResponseData:
        [outcome] = results
        assert isinstance(outcome, CommandResult)
        return created_response(outcome)

    async def write() -> ResponseData:
        return await store.run(WriteRequest([Create(parse_event(make_event()))], "newsroom", render, reuse=reuse))

    first = await write()
    clock.now += timedelta(hours=hours)
    again = await write()
    await store.stop()

    assert (again.body == first.body) is same
    assert ("Idempotency-Replayed" in again.headers) is same
