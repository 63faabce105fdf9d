"""Pushing: from the first ping to the last retry, over real connections on loopback, on both databases."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from calls import good, problem, written
from conftest import client_of
from receivers import KEY, LOOPBACK, becomes, deliveries, patched, receiving, standing, subscribed, write_many

from app.auth.keys import create_key, revoke_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx
    from conftest import MakeApp, MakeEvent
    from fastapi import FastAPI

    from app.db import Database


DELIVERY = [
    "id",
    "subscription_id",
    "change_id",
    "generation",
    "status",
    "attempts",
    "next_attempt_at",
    "created_at",
]


@pytest.fixture
async def pushing(make_app: MakeApp) -> FastAPI:
    """An application that delivers, to loopback too."""
    return await make_app(allow_private_targets=LOOPBACK, secret_key=KEY)


@pytest.fixture
async def desk(pushing: FastAPI, admin_key: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client with an admin key."""
    async with client_of(pushing, admin_key) as opened:
        yield opened


async def test_a_change_is_pushed_signed_and_whole(desk: httpx.AsyncClient, make_event: MakeEvent) -> None:
    async with receiving() as endpoint:
        made = await subscribed(desk, endpoint.url("/a/b?c=d"), filter={"kind": "attack"})
        await becomes(desk, made["id"], status="active")
        event = await written(desk, make_event())
        await endpoint.until(lambda: len(endpoint.changes) == 1)

    ping, change = endpoint.received
    item = good(await desk.get("/v1/feed"))["items"][0]
    assert change.item == item
    assert change.item["data"] == event
    assert change.path == "/a/b?c=d"
    assert change.headers["content-type"] == "application/cloudevents+json"
    assert change.headers["webhook-id"] == item["id"]
    assert abs(int(change.headers["webhook-timestamp"]) - time.time()) < 60
    assert change.headers["webhook-attempt"] == "1"
    assert change.headers["webhook-generation"] == "0"
    assert change.headers["webhook-subscription"] == made["id"]
    for each in (ping, change):
        each.verify(made["secret"])


async def test_the_ping_comes_first_and_says_who_asks(desk: httpx.AsyncClient) -> None:
    async with receiving() as endpoint:
        made = await subscribed(desk, endpoint.url())
        assert made["status"] == "pending"
        await becomes(desk, made["id"], status="active")

    [ping] = endpoint.received
    head = good(await desk.get("/v1/feed/head"))
    assert ping.item == {
        "specversion": "1.0",
        "id": ping.id,
        "source": ping.item["source"],
        "type": "sys.ping",
        "subject": made["id"],
        "time": ping.item["time"],
        "sequence": None,
        "version": None,
        "datacontenttype": "application/json",
        "dataschema": None,
        "data": {},
    }
    assert head["head"] == "e1-000000000000", "a ping is none of the changes"


async def test_without_a_good_answer_to_the_ping_nothing_is_sent(
    desk: httpx.AsyncClient, make_event: MakeEvent
) -> None:
    answers = [500]
    async with receiving(lambda _: answers[-1]) as endpoint:
        made = await subscribed(desk, endpoint.url())
        await becomes(desk, made["id"], last_error="status 500")
        await written(desk, make_event())
        assert (await standing(desk, made["id"]))["status"] == "pending"
        answers.append(200)
        await patched(desk, made["id"], status="active")
        await endpoint.until(lambda: len(endpoint.changes) == 1)
        await becomes(desk, made["id"], status="active", open=0, lag=0)

    assert [each.is_ping for each in endpoint.received] == [True, True, False]


async def test_the_test_call_tells_what_came_of_it_and_opens(desk: httpx.AsyncClient) -> None:
    answers = [500]
    async with receiving(lambda _: answers[-1]) as endpoint:
        made = await subscribed(desk, endpoint.url())
        await becomes(desk, made["id"], last_error="status 500")
        failed = good(await desk.post(f"/v1/subscriptions/{made['id']}/test"))
        answers.append(204)
        worked = good(await desk.post(f"/v1/subscriptions/{made['id']}/test"))

    assert failed == {"ok": False, "status_code": 500, "duration_ms": failed["duration_ms"], "error": "status"}
    assert worked == {"ok": True, "status_code": 204, "duration_ms": worked["duration_ms"], "error": None}
    assert (await standing(desk, made["id"]))["status"] == "active"
    gone = good(await desk.post(f"/v1/subscriptions/{made['id']}/test"))
    assert (gone["ok"], gone["error"]) == (False, "connect")


async def test_only_what_matches_is_pushed_and_what_leaves_the_filter(
    desk: httpx.AsyncClient, make_event: MakeEvent
) -> None:
    async with receiving() as endpoint:
        made = await subscribed(desk, endpoint.url(), filter={"tag": "sought", "launched_min": 100})
        await becomes(desk, made["id"], status="active")
        sought = await written(desk, make_event(tags=["sought"]))
        await written(desk, make_event(tags=["other"]))
        renamed = await desk.patch(f"/v1/events/{sought['id']}", json={"tags": ["other"]}, headers={"if-match": '"1"'})
        again = await desk.patch(f"/v1/events/{sought['id']}", json={"title": "x"}, headers={"if-match": '"2"'})
        assert (renamed.status_code, again.status_code) == (200, 200)
        await becomes(desk, made["id"], open=0, lag=0)

    assert sorted(endpoint.ids) == ["e1-000000000001", "e1-000000000003"]


async def test_paused_it_keeps_its_place_and_resumed_it_sends_all(
    desk: httpx.AsyncClient, make_event: MakeEvent
) -> None:
    async with receiving() as endpoint:
        made = await subscribed(desk, endpoint.url(), push={"max_in_flight": 16})
        await becomes(desk, made["id"], status="active")
        await patched(desk, made["id"], status="paused")
        ids = await write_many(desk, make_event(), 1000)
        paused = await standing(desk, made["id"])
        assert (paused["status"], paused["lag"], endpoint.changes) == ("paused", 1000, [])
        resumed = await patched(desk, made["id"], status="active")
        assert resumed["status"] == "active", "an endpoint that has shown itself needs no second ping"
        await becomes(desk, made["id"], open=0, lag=0)
        assert sorted(endpoint.ids) == ids

        moved = good(await desk.post(f"/v1/subscriptions/{made['id']}/seek", json={"to": "oldest"}))
        assert moved == {"cursor": "e1-000000000000", "lag": 1000, "generation": 1}
        await endpoint.until(lambda: len(endpoint.changes) == 2000)

    first, second = endpoint.changes[:1000], endpoint.changes[1000:]
    assert sorted(each.id for each in second) == ids
    assert {each.headers["webhook-generation"] for each in second} == {"1"}
    assert {each.id: each.body for each in first} == {each.id: each.body for each in second}


async def test_one_open_delivery_keeps_strict_order(desk: httpx.AsyncClient, make_event: MakeEvent) -> None:
    stuck = "e1-000000000005"
    async with receiving(lambda received: 500 if received.id == stuck else 200) as endpoint:
        made = await subscribed(desk, endpoint.url(), push={"max_open": 1})
        await becomes(desk, made["id"], status="active")
        assert made["push"]["max_in_flight"] == 1
        ids = await write_many(desk, make_event(), 12)
        waiting = await becomes(desk, made["id"], consecutive_failures=1, open=1)
        assert (waiting["cursor"], endpoint.ids) == (stuck, ids[:5])
        endpoint.answer = lambda _: 200
        [delivery] = await deliveries(desk, made["id"], "&status=retrying")
        await desk.post(f"/v1/deliveries/{delivery['id']}/retry")
        await becomes(desk, made["id"], open=0, lag=0)

    assert endpoint.ids == [*ids[:5], *ids[4:]]
    assert endpoint.busiest == 1


async def test_no_more_requests_are_under_way_than_may_be(desk: httpx.AsyncClient, make_event: MakeEvent) -> None:
    async with receiving() as endpoint:
        made = await subscribed(desk, endpoint.url(), push={"max_open": 7, "max_in_flight": 3})
        await becomes(desk, made["id"], status="active")
        endpoint.open.clear()
        await write_many(desk, make_event(), 40)
        await becomes(desk, made["id"], open=7)
        await endpoint.until(lambda: endpoint.busy == 3)
        shown = await shown_as(desk, made["id"], {"sending": 3, "queued": 4})
        endpoint.open.set()
        await becomes(desk, made["id"], open=0, lag=0)

    assert shown
    assert endpoint.busiest == 3
    assert len(endpoint.changes) == 40


async def shown_as(api: httpx.AsyncClient, id: str, wanted: dict[str, int]) -> bool:
    """The deliveries have these states, sooner or later."""
    async with asyncio.timeout(30):
        while True:
            states = [each["status"] for each in await deliveries(api, id)]
            if {state: states.count(state) for state in states} == wanted:
                return True
            await asyncio.sleep(0.02)


async def test_a_failure_is_tried_again_and_every_attempt_is_told(
    desk: httpx.AsyncClient, make_event: MakeEvent
) -> None:
    async with receiving(lambda received: 200 if received.is_ping else 500) as endpoint:
        made = await subscribed(desk, endpoint.url())
        await becomes(desk, made["id"], status="active")
        await written(desk, make_event())
        await becomes(desk, made["id"], consecutive_failures=1)
        [shown] = await deliveries(desk, made["id"], "&status=retrying")
        whole = good(await desk.get(f"/v1/deliveries/{shown['id']}"))
        endpoint.answer = lambda _: 200
        assert good(await desk.post(f"/v1/deliveries/{shown['id']}/retry"), 202) == {"matched": 1}
        await becomes(desk, made["id"], open=0, consecutive_failures=0)
        [delivered] = await deliveries(desk, made["id"], "&status=delivered")

    [attempt] = whole["attempts"]
    assert shown["attempt_count"] == 1
    assert shown["next_attempt_at"] is not None
    assert attempt == {
        "n": 1,
        "at": attempt["at"],
        "status_code": 500,
        "duration_ms": attempt["duration_ms"],
        "error": "status",
    }
    assert (delivered["id"], delivered["attempt_count"]) == (shown["id"], 2)
    assert list(whole) == DELIVERY
    assert list(shown) == [{"attempts": "attempt_count"}.get(name, name) for name in DELIVERY]
    one, two = endpoint.changes
    assert (one.id, one.body) == (two.id, two.body)
    assert [one.headers["webhook-attempt"], two.headers["webhook-attempt"]] == ["1", "2"]


async def test_what_was_delivered_can_be_sent_once_more(desk: httpx.AsyncClient, make_event: MakeEvent) -> None:
    async with receiving() as endpoint:
        made = await subscribed(desk, endpoint.url(), push={"max_open": 1})
        await becomes(desk, made["id"], status="active")
        await written(desk, make_event())
        await endpoint.until(lambda: len(endpoint.changes) == 1)
        await becomes(desk, made["id"], open=0)
        [delivered] = await deliveries(desk, made["id"])
        assert good(await desk.post(f"/v1/deliveries/{delivered['id']}/retry"), 202) == {"matched": 1}
        await endpoint.until(lambda: len(endpoint.changes) == 2)
        await shown_as(desk, made["id"], {"delivered": 1})

    assert endpoint.changes[0].body == endpoint.changes[1].body


async def test_gone_disables_and_active_asks_for_a_ping_again(desk: httpx.AsyncClient, make_event: MakeEvent) -> None:
    async with receiving(lambda received: 200 if received.is_ping else 410) as endpoint:
        made = await subscribed(desk, endpoint.url(), push={"max_open": 1})
        await becomes(desk, made["id"], status="active")
        await write_many(desk, make_event(), 3)
        disabled = await becomes(desk, made["id"], status="disabled")
        assert disabled["disabled_reason"] == "gone"
        endpoint.answer = lambda _: 200
        assert (await patched(desk, made["id"], status="active"))["status"] == "pending"
        await becomes(desk, made["id"], status="active")
        for retried in await deliveries(desk, made["id"], "&status=retrying"):
            await desk.post(f"/v1/deliveries/{retried['id']}/retry")
        await becomes(desk, made["id"], open=0, lag=0)

    notices = good(await desk.get("/v1/notices"))["items"]
    assert [each["type"] for each in notices] == ["subscription.disabled"]
    assert notices[0]["subscription_id"] == made["id"]
    assert sorted(set(endpoint.ids)) == [f"e1-{n:012d}" for n in (1, 2, 3)]


async def test_ten_failures_in_a_row_are_told_and_a_success_ends_them(
    desk: httpx.AsyncClient, make_event: MakeEvent
) -> None:
    async with receiving(lambda received: 200 if received.is_ping else 503) as endpoint:
        made = await subscribed(desk, endpoint.url())
        await becomes(desk, made["id"], status="active")
        await write_many(desk, make_event(), 12)
        failing = await becomes(desk, made["id"], status="failing")
        endpoint.answer = lambda _: 200
        await patched(desk, made["id"], status="active")
        await becomes(desk, made["id"], status="active", consecutive_failures=0)
        retried = [each["id"] for each in await deliveries(desk, made["id"], "&status=retrying")]
        for id in retried:
            await desk.post(f"/v1/deliveries/{id}/retry")
        await becomes(desk, made["id"], open=0, lag=0)

    assert failing["failing_since"] is not None
    assert failing["consecutive_failures"] >= 10
    assert failing["last_error"] == "status 503"
    assert sorted(set(endpoint.ids)) == [f"e1-{n:012d}" for n in range(1, 13)]
    [notice] = good(await desk.get("/v1/notices"))["items"]
    assert notice["type"] == "subscription.failing"


async def test_both_secrets_sign_while_they_overlap(desk: httpx.AsyncClient, make_event: MakeEvent) -> None:
    async with receiving() as endpoint:
        made = await subscribed(desk, endpoint.url())
        await becomes(desk, made["id"], status="active")
        rotated = good(await desk.post(f"/v1/subscriptions/{made['id']}/rotate-secret", json={"overlap_s": 3600}))
        await written(desk, make_event())
        await endpoint.until(lambda: len(endpoint.changes) == 1)
        again = good(await desk.post(f"/v1/subscriptions/{made['id']}/rotate-secret", json={"overlap_s": 0}))
        await written(desk, make_event())
        await endpoint.until(lambda: len(endpoint.changes) == 2)

    first, second = endpoint.changes
    for secret in (made["secret"], rotated["secret"]):
        first.verify(secret)
    assert len(first.headers["webhook-signature"].split(" ")) == 2
    second.verify(again["secret"])
    assert len(second.headers["webhook-signature"].split(" ")) == 1


async def test_another_address_is_pinged_before_it_gets_anything(
    desk: httpx.AsyncClient, make_event: MakeEvent
) -> None:
    async with receiving() as old, receiving() as new:
        made = await subscribed(desk, old.url())
        await becomes(desk, made["id"], status="active")
        moved = await patched(desk, made["id"], push={"url": new.url()})
        assert (moved["status"], moved["version"]) == ("pending", 2)
        await becomes(desk, made["id"], status="active")
        await written(desk, make_event())
        await new.until(lambda: len(new.changes) == 1)

    assert new.received[0].is_ping
    assert old.changes == []


async def test_a_deleted_subscription_sends_no_more(desk: httpx.AsyncClient, make_event: MakeEvent) -> None:
    async with receiving() as endpoint, receiving() as other:
        made = await subscribed(desk, endpoint.url())
        stays = await subscribed(desk, other.url())
        await becomes(desk, made["id"], status="active")
        await becomes(desk, stays["id"], status="active")
        await written(desk, make_event())
        await endpoint.until(lambda: len(endpoint.changes) == 1)
        await becomes(desk, made["id"], open=0)
        [delivery] = await deliveries(desk, made["id"])
        assert (await desk.delete(f"/v1/subscriptions/{made['id']}")).status_code == 204
        await written(desk, make_event())
        await other.until(lambda: len(other.changes) == 2)

    assert len(endpoint.changes) == 1
    problem(await desk.get(f"/v1/subscriptions/{made['id']}"), 404)
    problem(await desk.get(f"/v1/deliveries/{delivery['id']}"), 404)


async def test_an_owner_without_a_key_gets_nothing_more(
    pushing: FastAPI, desk: httpx.AsyncClient, db: Database, make_event: MakeEvent
) -> None:
    stored, text = await create_key(db, "desk", ["subscribe"])
    async with receiving() as endpoint, client_of(pushing, text) as own:
        made = await subscribed(own, endpoint.url())
        await becomes(own, made["id"], status="active")
        await revoke_key(db, stored.id)
        disabled = await becomes(desk, made["id"], status="disabled")
        await written(desk, make_event())

    assert disabled["disabled_reason"] == "no-key"
    assert endpoint.changes == []
    [notice] = good(await desk.get("/v1/notices"))["items"]
    assert (notice["type"], notice["subscription_id"]) == ("subscription.disabled", made["id"])


async def test_an_address_that_is_closed_later_is_refused_at_the_attempt(
    pushing: FastAPI, desk: httpx.AsyncClient, make_app: MakeApp, admin_key: str
) -> None:
    async with receiving() as endpoint:
        made = await subscribed(desk, endpoint.url())
        await becomes(desk, made["id"], status="active")
        received = len(endpoint.received)
        closed = await make_app(secret_key=KEY)
        async with client_of(closed, admin_key) as api:
            told = good(await api.post(f"/v1/subscriptions/{made['id']}/test"))

    assert told == {"ok": False, "status_code": None, "duration_ms": told["duration_ms"], "error": "refused-address"}
    assert len(endpoint.received) == received


async def test_one_test_at_a_time_goes_to_an_endpoint(desk: httpx.AsyncClient) -> None:
    async with receiving() as endpoint:
        made = await subscribed(desk, endpoint.url())
        await becomes(desk, made["id"], status="active")
        endpoint.open.clear()
        endpoint.busiest = 0
        asked = [asyncio.ensure_future(desk.post(f"/v1/subscriptions/{made['id']}/test")) for _ in range(5)]
        await endpoint.until(lambda: endpoint.busy == 1)
        await endpoint.until(lambda: sum(each.done() for each in asked) == 4)
        endpoint.open.set()
        answers = await asyncio.gather(*asked)

    assert sorted(answer.status_code for answer in answers) == [200, 429, 429, 429, 429]
    assert endpoint.busiest == 1


async def test_a_pause_holds_whatever_comes_back_meanwhile(desk: httpx.AsyncClient, make_event: MakeEvent) -> None:
    async with receiving() as endpoint:
        made = await subscribed(desk, endpoint.url(), push={"max_open": 1000, "max_in_flight": 32})
        await becomes(desk, made["id"], status="active")
        await write_many(desk, make_event(), 500)
        for _ in range(15):
            good(await desk.post(f"/v1/subscriptions/{made['id']}/seek", json={"to": "oldest"}))
            await asyncio.sleep(0.03)
            await patched(desk, made["id"], status="paused")
            await asyncio.sleep(0.05)
            assert (await standing(desk, made["id"]))["status"] == "paused"
            await patched(desk, made["id"], status="active")


@pytest.mark.parametrize("dialect", ["postgresql"])  # a SQLite file has no replica
async def test_a_body_that_a_lagging_replica_lacks_is_read_from_the_primary(
    database_url: str, desk: httpx.AsyncClient, make_event: MakeEvent, request: pytest.FixtureRequest
) -> None:
    from conftest import copied

    from app.changes import ChangeLog
    from app.db import open_database
    from app.feed.notifier import Notifier
    from app.subscriptions.delivery.change_reader import body_at

    await written(desk, make_event())
    empty = copied(request.getfixturevalue("postgres"), request.getfixturevalue("postgres_template"))
    lagging = open_database(database_url, await asyncio.to_thread(next, empty))
    await lagging.connect()
    body = await body_at(Notifier(ChangeLog(lagging)), 1)
    await lagging.close()
    await asyncio.to_thread(next, empty, None)

    assert body is not None
