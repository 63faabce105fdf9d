"""Kept answers: the same bytes without a look at the database, never after a change, never to who may not read."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from calls import good, problem, written
from conftest import client_of

from app.auth import Authenticator
from app.auth.keys import create_key, revoke_key
from app.changes import STALE_S, ChangeLog, trim
from app.changes.epoch import raise_epoch
from app.errors import Unavailable
from app.events.read.planner import TERMS
from app.metrics import Metrics
from app.response_cache import ResponseCache, ResponseCacheMiddleware, Terms
from app.response_cache.cache import TERMS_SCOPE_KEY, size_of
from app.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fastapi import FastAPI
    from httpx import AsyncClient
    from starlette.types import Message, Receive, Scope, Send

    from app.changes import Head
    from app.db import Database

    MakeApp = Callable[..., Awaitable[FastAPI]]
    MakeEvent = Callable[..., dict[str, Any]]

# Every sort of answer that holds while the log stands still, and those that hold until one event changes, or for ever.
ASKED = (
    "/v1/events?limit=100",
    "/v1/events?country=UA&fields=id&fields=version",
    "/v1/events.geojson",
    "/v1/events.atom?country=UA",
    "/v1/feed?after=oldest",
    "/v1/feed?after=CURSOR&country=UA",
    "/v1/stats/series?interval=month",
    "/v1/stats/series?interval=day&since=2025-09-01&until=2027-10-01&group_by=country",
    "/v1/stats/facets?facet=country&facet=kind",
    "/v1/stats/grid?zoom=3&measure=launched",
    "/v1/events/count?country=UA",
    "/v1/feeds/all_month.geojson",
    "/v1/feeds/attacks_day.atom",
)
LASTING = ("/v1/events/ID", "/v1/events/ID?version=1", "/v1/feed?after=CURSOR&limit=1")
GZIP, PLAIN = {"accept-encoding": "gzip"}, {"accept-encoding": "identity"}


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


def address(path: str, event: dict[str, Any]) -> str:
    """A path of the tables above, for an event that was written first."""
    return path.replace("ID", event["id"]).replace("CURSOR", "e1-000000000000")


def set_ticks(app: FastAPI, ticks: list[float]) -> None:
    """Let the cache and the door of an app read these ticks; no minute ends for the cache."""
    cache, door = app.state.services.response_cache, app.state.services.authenticator
    cache._ticks = door._ticks = lambda: ticks[0]
    cache._clock = lambda: 0.0


@pytest.mark.parametrize("coding", [GZIP, PLAIN], ids=["gzip", "plain"])
async def test_the_same_question_gets_the_same_answer_without_a_look_at_the_database(
    app: FastAPI, api: AsyncClient, make_event: MakeEvent, monkeypatch: pytest.MonkeyPatch, coding: dict[str, str]
) -> None:
    event, _ = await written(api, make_event()), await written(api, make_event())
    set_ticks(app, [0.0])
    paths = [address(path, event) for path in ASKED + LASTING]
    first = [await api.get(path, headers=coding) for path in paths]
    assert [answer.status_code for answer in first] == [200] * len(paths)

    asked = Asked(app.state.services.db, monkeypatch)
    for path, made in zip(paths, first, strict=True):
        again = await api.get(path, headers=coding)
        assert (again.content, again.headers) == (made.content, made.headers), path
        if etag := made.headers.get("etag"):
            known = await api.get(path, headers={**coding, "if-none-match": etag})
            assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", etag), path
            assert not {"content-type", "content-length", "content-encoding"} & set(known.headers)
    assert asked.count == 0


async def test_a_change_here_is_in_the_next_answer_and_one_elsewhere_after_a_moment(
    make_app: MakeApp, admin_key: str, make_event: MakeEvent
) -> None:
    one, other = await make_app(), await make_app()
    ticks = [0.0]
    set_ticks(one, ticks)
    async with client_of(one, admin_key) as here, client_of(other, admin_key) as there:
        now = {"started_at": good(await here.get("/v1/feed/head"))["time"]}
        paths = [address(path, await written(here, make_event(**now))) for path in ASKED]

        async def ask() -> list[bytes]:
            return [(await here.get(path)).content for path in paths]

        told = [await ask()]
        await written(here, make_event(**now))
        told.append(await ask())
        await written(there, make_event(**now))
        ticks[0] += STALE_S - 0.001
        assert [*map(len, await ask())] == [*map(len, told[-1])]  # a fixed feed may have begun another minute
        ticks[0] += 0.001
        told.append(await ask())

    for path, *answers in zip(paths, *told, strict=True):
        assert len(set(answers)) == len(told) or "/v1/feeds/attacks" in path, path
    async with client_of(await make_app(), admin_key) as fresh:
        assert [(await fresh.get(path)).content for path in paths] == told[-1]


async def test_one_event_and_final_pages_outlive_the_changes_of_others(
    make_app: MakeApp, admin_key: str, make_event: MakeEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = await make_app(), await make_app()
    ticks, cache = [0.0], one.state.services.response_cache
    set_ticks(one, ticks)
    async with client_of(one, admin_key) as here, client_of(other, admin_key) as there:
        event, erased = await written(here, make_event()), await written(here, make_event(title="To be erased"))
        paths = [address(path, event) for path in LASTING]
        final = "/v1/feed?after=e1-000000000001&limit=1"
        await written(here, make_event())
        told = [(await here.get(path)).content for path in (*paths, final)]
        await written(there, make_event())
        await written(here, make_event())
        asked = Asked(one.state.services.db, monkeypatch)
        assert [(await here.get(path)).content for path in (*paths, final)] == told
        assert asked.count <= 3  # where the log ends, which events changed, and whether the key is good

        changed = await there.patch(f"/v1/events/{event['id']}", json={"title": "Another"}, headers={"if-match": '"1"'})
        assert changed.status_code == 200
        assert (await here.get(paths[0])).content == told[0]  # less than a moment ago
        ticks[0] += STALE_S
        assert good(await here.get(paths[0]))["title"] == "Another"
        assert (await here.get(final)).content == told[-1]

        assert b"To be erased" in told[-1]
        assert (await there.delete(f"/v1/events/{erased['id']}?reason=legal")).status_code == 204
        ticks[0] += STALE_S
        assert b"To be erased" not in (await here.get(final)).content
        mine = await written(here, make_event(title="To be erased too"))
        for path in (f"/v1/events/{mine['id']}", "/v1/events"):
            assert b"To be erased too" in (await here.get(path)).content
        assert (await here.delete(f"/v1/events/{mine['id']}?reason=legal")).status_code == 204
        if cache._looking is not None:
            await cache._looking
        assert not [kept for kept in cache._kept.values() if b"To be erased" in kept.body]
        problem(await here.get(f"/v1/events/{mine['id']}"), 410)
        await raise_epoch(one.state.services.db)
        ticks[0] += STALE_S
        problem(await here.get(final), 410)


async def test_what_was_trimmed_is_given_no_longer(app: FastAPI, api: AsyncClient, make_event: MakeEvent) -> None:
    ticks = [0.0]
    set_ticks(app, ticks)
    for _ in range(3):
        await written(api, make_event())
    assert good(await api.get("/v1/feed?after=oldest&limit=1"))["next"] == "e1-000000000001"
    good(await api.get("/v1/feed?after=e1-000000000002"))
    assert await trim(app.state.services.log, timedelta(0), datetime.now(UTC) + timedelta(days=1)) == 3
    ticks[0] += STALE_S
    assert good(await api.get("/v1/feed?after=oldest&limit=1"))["next"] == "e1-000000000003"
    problem(await api.get("/v1/feed?after=e1-000000000002"), 410, "cursor-expired")


async def test_only_those_who_may_read_get_what_is_kept(app: FastAPI, api: AsyncClient, db: Database) -> None:
    path = "/v1/events?limit=100"
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
        first, again = [await anyone.get("/v1/stats/series?interval=month") for _ in range(2)]
        assert good(first) == good(again) == []
        problem(await anyone.post("/v1/stats/series"), 405)


async def test_who_has_the_answer_is_told_so(api: AsyncClient, make_event: MakeEvent) -> None:
    first = await api.get("/v1/stats/series?interval=month")
    known = {"if-none-match": first.headers["etag"]}

    kept = await api.get("/v1/stats/series?interval=month", headers=known)
    assert (kept.status_code, kept.content) == (304, b"")
    assert kept.headers["etag"] == first.headers["etag"]
    assert "content-type" not in kept.headers
    await written(api, make_event())
    assert (await api.get("/v1/stats/series?interval=month", headers=known)).status_code == 200


async def test_head_has_the_fields_of_get_and_no_body(server: AsyncClient) -> None:
    got = await server.get("/v1/stats/series?interval=month")
    head = await server.head("/v1/stats/series?interval=month")

    assert head.content == b""
    assert {**head.headers, "date": ""} == {**got.headers, "date": ""}


async def test_kept_answers_count_as_requests_of_their_route(api: AsyncClient) -> None:
    for _ in range(3):
        good(await api.get("/v1/stats/series?interval=month"))

    assert 'sitrep_http_requests_total{method="GET",route="/v1/stats/series",status="200"} 3.0' in (
        (await api.get("/metrics")).text
    )


async def test_kept_answers_are_charged_to_the_rate_limit(make_app: MakeApp, admin_key: str) -> None:
    async with client_of(await make_app(rate_limit="3/60"), admin_key) as api:
        answers = [await api.get("/v1/stats/series?interval=month") for _ in range(4)]

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


class Origin:
    """An app behind the cache: counts who comes, and answers once its gate is open."""

    def __init__(self, db: Database, **more: Any) -> None:
        self.calls = 0
        self.status, self.body, self.terms = 200, b"counted", Terms()
        self.came, self.gate = asyncio.Event(), asyncio.Event()
        self.gate.set()
        settings = Settings(database_url="sqlite:///unused.db", anonymous_read=True)
        self.cache = ResponseCache(ChangeLog(db), **more)
        self.layer = ResponseCacheMiddleware(self, self.cache, Authenticator(db, settings), Metrics(), by_origin=False)

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        self.calls += 1
        self.came.set()
        if self.status < 400:
            scope[TERMS_SCOPE_KEY] = self.terms
        await self.gate.wait()
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": self.body})

    async def ask(self, query: str = "", *, receives: bool = True, **headers: str) -> bytes:
        """What a reader gets."""
        sent: list[Message] = []

        async def send(message: Message) -> None:
            if not receives:
                await waits_for_ever()
            sent.append(message)

        fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": "GET", "scheme": "http", "path": "/v1/events", "headers": fields}
        await self.layer({**scope, "query_string": query.encode()}, waits_for_ever, send)
        return b"".join(message.get("body", b"") for message in sent)


async def waits_for_ever() -> Message:
    """A client that stays."""
    await asyncio.Event().wait()
    return {}


async def test_those_who_ask_at_once_wait_for_one_answer(db: Database) -> None:
    origin = Origin(db)
    origin.gate.clear()
    waiting = [asyncio.create_task(origin.ask("same")) for _ in range(5)]
    await origin.came.wait()
    waiting[3].cancel()
    origin.gate.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)

    assert isinstance(results.pop(3), asyncio.CancelledError)
    assert results == [b"counted"] * 4
    assert origin.calls == 1


async def test_when_the_first_leaves_or_is_refused_the_others_go_themselves(db: Database) -> None:
    origin = Origin(db)
    origin.gate.clear()
    waiting = [asyncio.create_task(origin.ask("same")) for _ in range(3)]
    await origin.came.wait()
    waiting[0].cancel()
    origin.gate.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1:] == [b"counted"] * 2

    origin.status, origin.body, origin.calls = 503, b"not now", 0
    assert await asyncio.gather(*(origin.ask("refused") for _ in range(3))) == [b"not now"] * 3
    origin.status, origin.body = 200, b"counted"
    assert await origin.ask("refused") == b"counted"
    assert not origin.cache.flights


async def test_nobody_waits_for_a_reader_that_takes_nothing(db: Database) -> None:
    origin = Origin(db)
    for origin.status in (200, 401):
        origin.came.clear()
        slow = asyncio.create_task(origin.ask(f"{origin.status}", receives=False))
        await origin.came.wait()
        async with asyncio.timeout(5):
            assert await origin.ask(f"{origin.status}") == b"counted"
        slow.cancel()


async def test_who_asks_after_a_write_waits_for_no_answer_that_began_before(db: Database) -> None:
    origin = Origin(db)
    origin.gate.clear()
    first = asyncio.create_task(origin.ask())
    await origin.came.wait()
    head = await origin.cache.log.head()
    head = head._replace(seq=head.seq + 1)
    origin.cache.log.head = stands_at(head)  # type: ignore[assignment]
    origin.cache.wake(head)
    origin.came.clear()
    second = asyncio.create_task(origin.ask())
    await origin.came.wait()
    origin.gate.set()
    assert [await first, await second] == [b"counted"] * 2


def stands_at(head: Head) -> Callable[[], Awaitable[Head]]:
    """A log that ends there."""

    async def read() -> Head:
        return head

    return read


async def test_an_answer_of_a_minute_is_made_anew_in_the_next(db: Database) -> None:
    now = [1000.0]
    origin = Origin(db, clock=lambda: now[0])
    for time, until, calls in ((1000.0, 1060.0, 1), (1059.9, 1060.0, 1), (1060.0, 1120.0, 2)):
        now[0], origin.terms = time, Terms(until=until)
        await origin.ask()
        assert origin.calls == calls


async def test_without_a_look_at_the_log_nothing_is_given(db: Database) -> None:
    ticks = [0.0]
    origin = Origin(db, ticks=lambda: ticks[0])
    await origin.ask()
    ticks[0] += STALE_S

    async def fail() -> Head:
        raise Unavailable("not now")

    origin.cache.log.head = fail  # type: ignore[assignment]
    for _ in range(2):
        await origin.ask()
    assert origin.calls == 3


async def test_what_was_not_asked_for_longest_makes_room(db: Database) -> None:
    origin = Origin(db, most=20_000)
    origin.body = bytes(1_900)
    for query in "abcda":
        await origin.ask(query)
    assert origin.calls == 4
    await origin.ask("e")
    for query in "acde":
        await origin.ask(query)
    assert origin.calls == 5
    await origin.ask("b")
    assert origin.calls == 6
    origin.body = bytes(3_500)
    for _ in range(2):
        await origin.ask("large")
    assert origin.calls == 8


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
    origin = Origin(db, most=2_000_000)
    origin.body = bytes(5_000)
    for n in range(300):
        await origin.ask(f"{n}" + "q" * 8000)

    kept = origin.cache._kept
    assert len(kept) < 2_000_000 / 15_000
    assert sum(size_of(place, entry) for place, entry in kept.items()) == origin.cache._size <= 2_000_000


async def test_who_may_read_by_a_token_gets_the_feed_and_only_its_own_address(
    app: FastAPI, api: AsyncClient, make_event: MakeEvent
) -> None:
    await written(api, make_event())
    texts = [good(await api.post("/v1/feed-tokens", json={"name": name}), 201)["token"] for name in ("one", "two")]
    async with client_of(app) as reader:
        for path in ("/v1/feeds/all_month.atom", "/v1/events.atom?limit=1", "/v1/events.geojson?limit=1"):
            problem(await reader.get(path), 401)
            good_ones = [await reader.get(path, params={"token": text}) for text in (*texts, *texts)]
            assert [answer.status_code for answer in good_ones] == [200] * 4, path
            for answer, text in zip(good_ones, (*texts, *texts), strict=True):
                assert not [other for other in texts if other != text and other in answer.text + str(answer.headers)]
                assert answer.headers["referrer-policy"] == "no-referrer"
            problem(await reader.get(path, params={"token": texts[0][:-1]}), 401)
            assert "referrer-policy" not in (await api.get(path)).headers


async def test_gzip_and_plain_are_kept_apart_and_either_tag_is_known(api: AsyncClient, make_event: MakeEvent) -> None:
    for _ in range(3):
        await written(api, make_event(summary="word " * 300))
    path = "/v1/feed?after=oldest"
    for _ in range(2):
        packed, plain = [await api.get(path, headers=coding) for coding in (GZIP, PLAIN)]
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.content == plain.content
        for tag in (packed.headers["etag"], plain.headers["etag"]):
            known = await api.get(path, headers={**GZIP, "if-none-match": f'"x", {tag}'})
            assert (known.status_code, known.headers["etag"]) == (304, tag)
        assert (await api.get(path, headers={**PLAIN, "if-none-match": packed.headers["etag"]})).status_code == 200


@pytest.mark.parametrize(
    "path", ["/v1/events?limit=1", "/v1/events?limit=1&country=UA", "/v1/feed?limit=1&after=oldest"]
)
async def test_the_page_after_one_costs_a_look_at_its_rows_alone(
    app: FastAPI, api: AsyncClient, make_event: MakeEvent, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    for _ in range(3):
        await written(api, make_event())
    set_ticks(app, [0.0])
    app.state.services.log._ticks = TERMS._ticks = lambda: 0.0
    first = await api.get(path)
    asked = Asked(app.state.services.db, monkeypatch)
    second = await api.get(first.links["next"]["url"])
    assert len(good(second)["items"]) == 1
    assert asked.count == 1


async def test_a_cursor_of_a_log_restored_a_moment_ago_is_taken(
    app: FastAPI, api: AsyncClient, make_event: MakeEvent
) -> None:
    await written(api, make_event())
    set_ticks(app, [0.0])
    app.state.services.log._ticks = lambda: 0.0
    assert len(good(await api.get("/v1/feed?after=e1-000000000000"))["items"]) == 1
    await raise_epoch(app.state.services.db)
    assert good(await api.get("/v1/feed?after=e2-000000000000"))["next"] == "e2-000000000001"


async def test_who_polls_at_the_end_gets_at_once_what_another_process_wrote(
    make_app: MakeApp, admin_key: str, make_event: MakeEvent
) -> None:
    one, other = await make_app(), await make_app()
    set_ticks(one, [0.0])
    one.state.services.log._ticks = lambda: 0.0
    async with client_of(one, admin_key) as here, client_of(other, admin_key) as there:
        await written(here, make_event())
        assert good(await here.get("/v1/feed?after=oldest"))["next"] == "e1-000000000001"
        await written(there, make_event())
        assert [item["sequence"] for item in good(await here.get("/v1/feed?after=e1-000000000001"))["items"]] == [
            "000000000002"
        ]
