"""Kept answers: the same bytes without counting again, never after a change, never to those who may not read."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from calls import good, problem, written
from conftest import client_of
from fastapi import Request
from starlette.responses import Response

from app.auth.keys import create_key, revoke_key
from app.changes import ChangeLog
from app.errors import Unavailable
from app.response_cache import ResponseCache, size_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fastapi import FastAPI
    from httpx import AsyncClient

    from app.changes import Head
    from app.db import Database

    MakeApp = Callable[..., Awaitable[FastAPI]]
    MakeEvent = Callable[..., dict[str, Any]]

ASKED = (
    "/v1/stats/series?interval=month",
    "/v1/stats/series?interval=day&since=2025-09-01&until=2025-10-01&group_by=country",
    "/v1/stats/facets?facet=country&facet=kind",
    "/v1/stats/grid?zoom=3&measure=launched",
    "/v1/events/count?country=UA",
    "/v1/feeds/all_month.geojson",
    "/v1/feeds/attacks_day.atom",
)


COUNTS: ContextVar[bool] = ContextVar("counts", default=False)


class Asked:
    """How many statements a database was asked to read by requests; what the app looks up by itself does not count."""

    def __init__(self, db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        rows = db.rows
        COUNTS.set(True)  # tasks of the app began before, so they have the default

        async def counting(*args: Any, **more: Any) -> Any:
            self.count += COUNTS.get()
            return await rows(*args, **more)

        monkeypatch.setattr(db, "rows", counting)


def request_for(path: str, query: bytes = b"") -> Request:
    """A request as the app sees it."""
    return Request(
        {"type": "http", "method": "GET", "scheme": "http", "path": path, "query_string": query, "headers": []}
    )


async def made(answers: ResponseCache, path: str, body: bytes = b"counted", **more: Any) -> tuple[bytes, bool]:
    """What is answered, and whether it was made for this."""
    asked: list[Head] = []

    async def make(head: Head) -> Response:
        asked.append(head)
        return Response(body)

    answer = await answers.respond(request_for(path), make, **more)
    return bytes(answer.body), bool(asked)


@pytest.mark.parametrize("path", ASKED)
async def test_the_same_question_gets_the_same_answer_without_a_look_at_the_events(
    app: FastAPI, api: AsyncClient, make_event: MakeEvent, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    await written(api, make_event())
    first = await api.get(path)
    assert first.status_code == 200

    asked = Asked(app.state.services.db, monkeypatch)
    again = await api.get(path)

    assert asked.count == 2  # where the log ends, and whether the key is good
    assert (again.content, again.headers) == (first.content, first.headers)


@pytest.mark.parametrize("path", ASKED)
async def test_a_change_by_any_process_is_in_the_next_answer(
    make_app: MakeApp, admin_key: str, make_event: MakeEvent, path: str
) -> None:
    one, other = await make_app(), await make_app()
    async with client_of(one, admin_key) as here, client_of(other, admin_key) as there:
        now = {"started_at": good(await here.get("/v1/feed/head"))["time"]} if "feeds" in path else {}
        told = [(await here.get(path)).content]
        for writer in (here, there):
            await written(writer, make_event(**now))
            told.append((await here.get(path)).content)
        event = await written(there, make_event(**now))
        told.append((await here.get(path)).content)
        assert (await there.delete(f"/v1/events/{event['id']}?reason=legal")).status_code == 204
        last = (await here.get(path)).content

    if "feeds" not in path:
        assert len(set(told)) == len(told)
    assert event["id"].encode() not in last
    async with client_of(await make_app(), admin_key) as fresh:
        assert (await fresh.get(path)).content == last


async def test_only_those_who_may_read_get_what_is_kept(app: FastAPI, api: AsyncClient, db: Database) -> None:
    path = ASKED[2]
    reader, read_only = await create_key(db, "reader", ["read"])
    good(await api.get(path))

    async with client_of(app) as nobody, client_of(app, read_only) as reads:
        problem(await nobody.get(path), 401)
        problem(await nobody.get(path, headers={"authorization": "Bearer sitrep_no"}), 401)
        good(await reads.get(path))
        await revoke_key(db, reader.id)
        problem(await reads.get(path), 401)
        assert (await nobody.get(path)).headers["vary"] == "Accept-Encoding, Authorization, Origin"


async def test_anyone_gets_it_where_anyone_may_read(make_app: MakeApp) -> None:
    async with client_of(await make_app(anonymous_read=True)) as anyone:
        first, again = [await anyone.get(ASKED[0]) for _ in range(2)]
        assert good(first) == good(again) == []
        problem(await anyone.post(ASKED[0]), 405)


async def test_who_has_the_answer_is_told_so(api: AsyncClient, make_event: MakeEvent) -> None:
    first = await api.get(ASKED[0])
    known = {"if-none-match": first.headers["etag"]}

    kept = await api.get(ASKED[0], headers=known)
    assert (kept.status_code, kept.content) == (304, b"")
    assert kept.headers["etag"] == first.headers["etag"]
    assert "content-type" not in kept.headers
    await written(api, make_event())
    assert (await api.get(ASKED[0], headers=known)).status_code == 200


async def test_head_has_the_fields_of_get_and_no_body(server: AsyncClient) -> None:
    got = await server.get(ASKED[0])
    head = await server.head(ASKED[0])

    assert head.content == b""
    assert {**head.headers, "date": ""} == {**got.headers, "date": ""}


async def test_kept_answers_count_as_requests_of_their_route(api: AsyncClient) -> None:
    for _ in range(3):
        good(await api.get(ASKED[0]))

    assert 'sitrep_http_requests_total{method="GET",route="/v1/stats/series",status="200"} 3.0' in (
        (await api.get("/metrics")).text
    )


async def test_kept_answers_are_charged_to_the_rate_limit(make_app: MakeApp, admin_key: str) -> None:
    async with client_of(await make_app(rate_limit="3/60"), admin_key) as api:
        answers = [await api.get(ASKED[0]) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [";".join(answer.headers["ratelimit"].split(";")[:2]) for answer in answers[:3]] == [
        f'"key";r={left}' for left in (2, 1, 0)
    ]


async def test_a_feed_reader_is_given_the_address_by_which_it_came(app: FastAPI, admin_key: str) -> None:
    texts = []
    for name in ("one.test", "other.test"):
        transport = httpx.ASGITransport(app)
        headers = {"authorization": f"Bearer {admin_key}"}
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{name}", headers=headers) as reader:
            texts.append((await reader.get("/v1/feeds/all_day.atom")).text)

    assert ["one.test" in text for text in texts] == [True, False]
    assert ["other.test" in text for text in texts] == [False, True]


class CountedLog(ChangeLog):
    """A log that says when so many readers have been told where it ends, and so wait for what is being made."""

    def __init__(self, db: Database, readers: int) -> None:
        super().__init__(db)
        self.all_told = asyncio.Event()
        self._left = readers

    async def head(self, *, primary: bool = False) -> Head:
        head = await super().head(primary=primary)
        self._left -= 1
        if not self._left:
            self.all_told.set()
        return head


async def test_those_who_ask_at_once_wait_for_one_answer(db: Database) -> None:
    log, gate, makers = CountedLog(db, readers=5), asyncio.Event(), []
    answers = ResponseCache(log)

    async def make(head: Head) -> Response:
        makers.append(head)
        await gate.wait()
        return Response(b"counted")

    waiting = [asyncio.create_task(answers.respond(request_for("/same"), make)) for _ in range(5)]
    await log.all_told.wait()
    waiting[0].cancel()
    gate.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)

    assert isinstance(results[0], asyncio.CancelledError)
    assert [result.body for result in results[1:] if isinstance(result, Response)] == [b"counted"] * 4
    assert len(makers) == 1


async def test_a_refusal_is_told_to_all_and_not_kept(db: Database) -> None:
    answers = ResponseCache(ChangeLog(db))

    async def refuse(_: Head) -> Response:
        raise Unavailable("not now")

    results = await asyncio.gather(
        *(answers.respond(request_for("/same"), refuse) for _ in range(3)), return_exceptions=True
    )

    assert [type(result) for result in results] == [Unavailable] * 3
    assert await made(answers, "/same") == (b"counted", True)


async def test_an_answer_of_a_minute_is_made_anew_in_the_next(db: Database) -> None:
    now = [1000.0]
    answers = ResponseCache(ChangeLog(db), clock=lambda: now[0])

    assert await made(answers, "/minute", until=1060.0) == (b"counted", True)
    now[0] = 1059.9
    assert await made(answers, "/minute", until=1060.0) == (b"counted", False)
    now[0] = 1060.0
    assert await made(answers, "/minute", until=1120.0) == (b"counted", True)


async def test_what_was_not_asked_for_longest_makes_room(db: Database) -> None:
    answers = ResponseCache(ChangeLog(db), most=20_000)
    body = bytes(1_900)
    for path in "abcd":
        await made(answers, path, body)

    assert await made(answers, "a", body) == (body, False)
    await made(answers, "e", body)

    assert [(await made(answers, path, body))[1] for path in "acde"] == [False, False, False, False]
    assert (await made(answers, "b", body))[1]
    large = bytes(3_000)
    assert [(await made(answers, "large", large))[1] for _ in range(2)] == [True, True]


async def test_hosts_and_queries_that_mean_nothing_make_no_further_entries(make_app: MakeApp) -> None:
    app = await make_app(anonymous_read=True)
    async with client_of(app) as anyone:
        for n in range(200):
            host = f"{n}." + "x" * 8000
            good(await anyone.get("/v1/events/count", headers={"host": host}))
            assert (await anyone.get(f"/v1/feeds/all_day.atom?_={n}", headers={"host": host})).status_code == 200
            assert (await anyone.get(f"/v1/feeds/all_day.geojson?_={n}", headers={"host": f"{n % 3}.test"})).content

    assert len(app.state.services.response_cache._kept) == 1 + 1 + 3


async def test_what_is_kept_is_counted_whole(db: Database) -> None:
    answers = ResponseCache(ChangeLog(db), most=2_000_000)

    async def make(_: Head) -> Response:
        return Response(b"x" * 100, headers={"x-long": "y" * 5000})

    for n in range(1000):
        await answers.respond(request_for(f"/{n}", b"q" * 8000), make)

    assert len(answers._kept) < 2_000_000 / 15_000
    assert sum(size_of(place, kept) for place, kept in answers._kept.items()) == answers._size <= 2_000_000
