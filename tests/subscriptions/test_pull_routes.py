"""Where a subscription begins, and pull subscriptions: fetched, acknowledged, moved."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from calls import faults, good, problem
from subscribing import PATH, pull, shown, subscribed, write

from app.changes.epoch import raise_epoch
from app.changes.retention import trim
from app.events.write.idempotency import ResponseData
from app.events.write.parse_commands import read_items
from app.events.write.transaction import WriteRequest

if TYPE_CHECKING:
    from fastapi import FastAPI
    from httpx import AsyncClient

    from app.db import Database
    from app.events.write.store import Store


def at(seq: int, epoch: int = 1) -> str:
    return f"e{epoch}-{seq:012d}"


async def fetched(api: AsyncClient, id: str, query: str = "") -> dict[str, Any]:
    page: dict[str, Any] = good(await api.get(f"{PATH}/{id}/events?{query}"))
    return page


async def acked(api: AsyncClient, id: str, cursor: str) -> dict[str, Any]:
    place: dict[str, Any] = good(await api.post(f"{PATH}/{id}/ack", json={"cursor": cursor}))
    return place


async def test_a_subscription_begins_now_or_at_the_oldest_change_or_where_it_says(
    api: AsyncClient, make_event: Any
) -> None:
    for _ in range(4):
        await write(api, make_event)
    times = [item["time"] for item in good(await api.get("/v1/feed"))["items"]]
    before = {n: sum(each < times[n] for each in times) for n in range(4)}
    starts = {
        None: 4,
        "now": 4,
        "oldest": 0,
        at(0): 0,
        at(2): 2,
        at(4): 4,
        "1950-01-01": 0,
        "2199-01-01T00:00:00Z": 4,
        **{times[n]: before[n] for n in range(4)},
        times[1].replace("Z", "+00:00"): before[1],
    }
    for start, seq in starts.items():
        made = await subscribed(api, pull(**({} if start is None else {"start": start})))
        assert (made["cursor"], made["lag"]) == (at(seq), 4 - seq), start
        sought = good(await api.post(f"{PATH}/{made['id']}/seek", json={"to": start or "now"}))
        assert sought == {"cursor": at(seq), "lag": 4 - seq, "generation": 1}, start


async def test_a_bare_day_begins_in_the_time_zone_of_the_filter(api: AsyncClient, make_event: Any) -> None:
    await write(api, make_event, 2)
    today = datetime.now(UTC)
    east, west = "Pacific/Kiritimati", "Pacific/Pago_Pago"
    day = (today + timedelta(hours=14)).date().isoformat()  # the day that it is in the east: in the west it is to come
    for zone, seq in ((east, 0), (west, 2)):
        made = await subscribed(api, pull(start=day, filter={"timezone": zone}))
        assert made["cursor"] == at(seq)
        sought = good(await api.post(f"{PATH}/{made['id']}/seek", json={"to": day}))
        assert sought["cursor"] == at(seq)


BAD_PLACES = [
    ("nonsense", 400, "cursor-malformed"),
    ("e1-1", 400, "cursor-malformed"),
    ("E1-000000000001", 400, "cursor-malformed"),
    ("e0-000000000001", 400, "cursor-malformed"),
    ("e1-000000000001 ", 400, "cursor-malformed"),
    ("Now", 400, "cursor-malformed"),
    ("1", 400, "cursor-malformed"),
    (at(3), 400, "cursor-ahead"),
    (at(999_999_999_999), 400, "cursor-ahead"),
    (at(999_999_999_999_999_999), 400, "cursor-ahead"),
    (at(1, 2), 410, "cursor-epoch"),
    (at(1, 999_999_999), 410, "cursor-epoch"),
]
BAD_TIMES = [
    ("2025-13-01", "date"),
    ("2025-09-07T00:00:00", "offset-missing"),
    ("2025-09-07T00:00:60Z", "instant"),
    ("2025-09-07T00:00:00 03:00", "instant"),
    ("2201-01-01T00:00:00Z", "range"),
    ("9999-12-31T23:59:59-23:59", "range"),
]


async def test_a_place_that_is_none_is_refused_and_nothing_moves(api: AsyncClient, make_event: Any) -> None:
    await write(api, make_event, 2)
    made = await subscribed(api, pull(start=at(1)))
    path = f"{PATH}/{made['id']}"
    for place, status, slug in BAD_PLACES:
        problem(await api.post(PATH, json=pull(start=place)), status, slug)
        problem(await api.post(f"{path}/seek", json={"to": place}), status, slug)
        refused = problem(await api.post(f"{path}/ack", json={"cursor": place}), status, slug)
        if status == 410:
            assert (refused["oldest"], refused["bootstrap"]) == (at(0), "/v1/events")
    for place, _ in BAD_TIMES:
        [(pointer, _)] = faults(await api.post(PATH, json=pull(start=place)))
        assert pointer == "/start"
        [(pointer, _)] = faults(await api.post(f"{path}/seek", json={"to": place}))
        assert pointer == "/to"
    for place in ("oldest", "now", "2025-09-07", "2025-09-07T00:00:00Z"):
        problem(await api.post(f"{path}/ack", json={"cursor": place}), 400, "cursor-malformed")
    assert await shown(api, made["id"]) == made
    assert len(good(await api.get(PATH))["items"]) == 1


async def test_what_was_trimmed_is_no_place_to_begin(app: FastAPI, api: AsyncClient, make_event: Any) -> None:
    await write(api, make_event, 5)
    made = await subscribed(api, pull())
    assert await trim(app.state.services.log, timedelta(0), datetime.now(UTC) + timedelta(days=1)) == 5
    await write(api, make_event)
    for place in (at(0), at(4), "2000-01-01"):
        refused = problem(await api.post(PATH, json=pull(start=place)), 410, "cursor-expired")
        assert refused["oldest"] == at(5)
        problem(await api.post(f"{PATH}/{made['id']}/seek", json={"to": place}), 410, "cursor-expired")
    assert (await subscribed(api, pull(start="oldest")))["cursor"] == at(5)


async def test_fetching_repeats_until_it_is_acknowledged(api: AsyncClient, make_event: Any) -> None:
    made = await subscribed(api, pull())
    ids = await write(api, make_event, 5)
    answer = await api.get(f"{PATH}/{made['id']}/events?limit=2")
    page = good(answer)
    assert list(page) == ["items", "next", "has_more", "committed", "lag"]
    assert answer.headers["cache-control"] == "no-store"
    assert [item["id"] for item in page["items"]] == ids[:2]
    assert (page["next"], page["has_more"], page["committed"], page["lag"]) == (at(2), True, at(0), 5)
    assert good(await api.get(f"{PATH}/{made['id']}/events?limit=2")) == page
    assert page["items"] == good(await api.get("/v1/feed?limit=2"))["items"]
    assert await acked(api, made["id"], page["next"]) == {"cursor": at(2), "lag": 3, "generation": 0}
    page = await fetched(api, made["id"])
    assert [item["id"] for item in page["items"]] == ids[2:]
    assert (page["next"], page["has_more"], page["committed"], page["lag"]) == (at(5), False, at(2), 3)
    await acked(api, made["id"], page["next"])
    page = await fetched(api, made["id"])
    assert page == {"items": [], "next": at(5), "has_more": False, "committed": at(5), "lag": 0}
    after = await shown(api, made["id"])
    assert (after["cursor"], after["version"], after["generation"]) == (at(5), 1, 0)


async def test_acknowledging_behind_changes_nothing(api: AsyncClient, make_event: Any) -> None:
    made = await subscribed(api, pull())
    await write(api, make_event, 5)
    for cursor, seq in ((at(3), 3), (at(1), 3), (at(0), 3), (at(3), 3), (at(4), 4)):
        assert await acked(api, made["id"], cursor) == {"cursor": at(seq), "lag": 5 - seq, "generation": 0}
    problem(await api.post(f"{PATH}/{made['id']}/ack", json={"cursor": at(6)}), 400, "cursor-ahead")
    assert (await shown(api, made["id"]))["cursor"] == at(4)


async def test_acknowledging_many_at_once_ends_at_the_furthest(api: AsyncClient, make_event: Any) -> None:
    made = await subscribed(api, pull())
    await write(api, make_event, 8)
    await asyncio.gather(*(acked(api, made["id"], at(seq)) for seq in (3, 8, 1, 7, 2, 5)))
    assert (await shown(api, made["id"]))["cursor"] == at(8)


async def test_a_seek_replays_and_counts_generations(api: AsyncClient, make_event: Any) -> None:
    made = await subscribed(api, pull())
    ids = await write(api, make_event, 3)
    await acked(api, made["id"], at(3))
    for generation, (to, seq) in enumerate((("oldest", 0), (at(1), 1), ("now", 3), ("now", 3)), start=1):
        place = good(await api.post(f"{PATH}/{made['id']}/seek", json={"to": to}))
        assert place == {"cursor": at(seq), "lag": 3 - seq, "generation": generation}
        assert [item["id"] for item in (await fetched(api, made["id"]))["items"]] == ids[seq:]
    after = await shown(api, made["id"])
    assert (after["generation"], after["version"]) == (4, 1)


async def test_a_filter_is_what_is_fetched_and_a_change_of_it_counts_from_the_cursor_on(
    api: AsyncClient, make_event: Any
) -> None:
    made = await subscribed(api, pull(filter={"tag": "a"}))
    for tag in ("a", "b", "a", "b"):
        await write(api, make_event, tags=[tag])
    page = await fetched(api, made["id"])
    assert ([item["id"] for item in page["items"]], page["next"]) == ([at(1), at(3)], at(4))
    await acked(api, made["id"], at(1))
    await api.patch(f"{PATH}/{made['id']}", json={"filter": {"tag": ["b"]}})
    assert [item["id"] for item in (await fetched(api, made["id"]))["items"]] == [at(2), at(4)]


async def test_waiting_ends_at_once_with_a_write_that_matches(api: AsyncClient, make_event: Any) -> None:
    made = await subscribed(api, pull(filter={"tag": "a"}))
    waiting = asyncio.create_task(fetched(api, made["id"], "wait=50"))
    await asyncio.sleep(0.05)
    await write(api, make_event, tags=["b"])
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await write(api, make_event, tags=["a"])
    page = await asyncio.wait_for(waiting, 40)
    assert ([item["id"] for item in page["items"]], page["next"]) == ([at(2)], at(2))
    assert (page["committed"], page["lag"]) == (at(0), 2)


async def test_a_server_that_stops_ends_waits_with_the_same_place(app: FastAPI, api: AsyncClient) -> None:
    for state in ("active", "paused"):
        made = await subscribed(api, pull())
        await api.patch(f"{PATH}/{made['id']}", json={"status": state})
        waiting = asyncio.create_task(fetched(api, made["id"], "wait=50"))
        await asyncio.sleep(0.05)
        assert not waiting.done() or app.state.services.notifier.draining
        app.state.services.notifier.drain()
        assert await waiting == {"items": [], "next": at(0), "has_more": False, "committed": at(0), "lag": 0}


async def test_a_paused_subscription_gives_nothing_and_loses_nothing(api: AsyncClient, make_event: Any) -> None:
    made = await subscribed(api, pull())
    ids = await write(api, make_event, 3)
    await api.patch(f"{PATH}/{made['id']}", json={"status": "paused"})
    page = await fetched(api, made["id"])
    assert page == {"items": [], "next": at(0), "has_more": False, "committed": at(0), "lag": 3}
    await api.patch(f"{PATH}/{made['id']}", json={"status": "active"})
    assert [item["id"] for item in (await fetched(api, made["id"]))["items"]] == ids


async def test_a_restore_while_a_reader_waits_gives_it_the_new_epoch(
    api: AsyncClient, db: Database, make_event: Any
) -> None:
    made = await subscribed(api, pull())
    await write(api, make_event, 1)
    await acked(api, made["id"], at(1))
    waiting = asyncio.ensure_future(fetched(api, made["id"], "wait=20"))
    await asyncio.sleep(0.05)
    await raise_epoch(db)
    page = await waiting
    assert (page["items"], page["next"], page["committed"]) == ([], at(1, 2), at(1, 2))


async def test_after_a_restore_the_cursor_has_the_new_epoch_and_old_ones_are_gone(
    api: AsyncClient, db: Database, make_event: Any
) -> None:
    made = await subscribed(api, pull())
    ids = await write(api, make_event, 2)
    await raise_epoch(db)
    page = await fetched(api, made["id"])
    assert [item["id"] for item in page["items"]] == ids
    assert (page["committed"], page["next"]) == (at(0, 2), at(2, 2))
    for call in ("ack", "seek"):
        name = "cursor" if call == "ack" else "to"
        problem(await api.post(f"{PATH}/{made['id']}/{call}", json={name: at(1)}), 410, "cursor-epoch")
    assert (await acked(api, made["id"], page["next"]))["cursor"] == at(2, 2)


async def fill(store: Store, make_event: Any, count: int) -> None:
    """Write many small events that no filter of the test matches."""
    plain = make_event(summary=None, actors=[], casualties=[], detail={}, tags=["plain"])
    for begin in range(0, count, 1000):
        size = min(1000, count - begin)
        commands, places = read_items([{"op": "create", "event": plain}] * size)
        await store.run(WriteRequest(commands, "filler", lambda _results: ResponseData(200), places=places))


async def test_a_sparse_filter_makes_progress_over_more_than_one_call_looks_at(
    app: FastAPI, api: AsyncClient, make_event: Any
) -> None:
    made = await subscribed(api, pull(filter={"tag": "rare"}))
    await fill(app.state.services.store, make_event, 10_500)
    await write(api, make_event, tags=["rare"])
    page = await fetched(api, made["id"])
    assert page == {"items": [], "next": at(10_000), "has_more": True, "committed": at(0), "lag": 10_501}
    assert (await fetched(api, made["id"], "wait=50")) == page
    await acked(api, made["id"], page["next"])
    page = await fetched(api, made["id"])
    assert [item["id"] for item in page["items"]] == [at(10_501)]
    assert (page["next"], page["has_more"], page["committed"], page["lag"]) == (at(10_501), False, at(10_000), 501)


BAD_PAGES = [
    "limit=0", "limit=1001", "limit=-1", "limit=1_0", "limit=%201", "limit=1&limit=2", "limit=", "wait=-1", "wait=51",
    "wait=1.5", "wait=99999999999999999999", "after=now", "kind=attack", "%ff=1",
]  # fmt: skip


@pytest.mark.parametrize("query", BAD_PAGES)
async def test_a_page_is_asked_for_by_limit_and_wait_within_bounds(api: AsyncClient, query: str) -> None:
    made = await subscribed(api, pull())
    problem(await api.get(f"{PATH}/{made['id']}/events?{query}"), 422, "validation")


async def test_head_works_wherever_get_does(api: AsyncClient, make_event: Any) -> None:
    made = await subscribed(api, pull())
    await write(api, make_event)
    for path in (PATH, f"{PATH}/{made['id']}", f"{PATH}/{made['id']}/events", f"{PATH}/{made['id']}/deliveries"):
        answer = await api.head(path)
        assert (answer.status_code, answer.content) == (200, b""), path


async def test_a_filter_that_changes_while_somebody_waits_loses_nothing(api: AsyncClient, make_event: Any) -> None:
    made = await subscribed(api, pull(filter={"tag": "a"}))
    waiting = asyncio.create_task(fetched(api, made["id"], "wait=30"))
    await asyncio.sleep(0.05)
    good(await api.patch(f"{PATH}/{made['id']}", json={"filter": {"tag": "b"}}))
    changes = await write(api, make_event, tags=["b"])
    await write(api, make_event, tags=["a"])

    assert [item["id"] for item in (await waiting)["items"]] == changes


async def test_a_seek_while_somebody_waits_is_where_reading_goes_on(api: AsyncClient, make_event: Any) -> None:
    changes = await write(api, make_event, 2, tags=["b"])
    made = await subscribed(api, pull(filter={"tag": "b"}))
    waiting = asyncio.create_task(fetched(api, made["id"], "wait=30"))
    await asyncio.sleep(0.05)
    good(await api.post(f"{PATH}/{made['id']}/seek", json={"to": "oldest"}))
    changes += await write(api, make_event, tags=["b"])

    assert [item["id"] for item in (await waiting)["items"]][:2] == changes[:2]
