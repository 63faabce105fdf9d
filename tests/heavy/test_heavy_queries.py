"""Heavy questions: few at a time, for a limited time, only while someone waits, and not in the way of small ones."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from calls import good, problem
from conftest import administer, client_of, copied, load_samples, serving
from crowds import multiply
from endless import add_endless, endless
from starlette.requests import ClientDisconnect

from app.db import open_database
from app.db.heavy_queries import (
    HEAVY_US,
    MAX_IN_ALL,
    MAX_PER_CALLER,
    MAX_RUNNING,
    HeavyQueryLimiter,
    admit,
    interruptible,
    reset_budget,
)
from app.errors import Unavailable
from app.events.write.store import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from fastapi import FastAPI

    from app.db import Database

TURNS = 2_000
ENDLESS = Path(__file__).with_name("endless.py")


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def crowded_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database of 4,000 events, which tests only read."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("crowd") / "crowd.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        asyncio.run(fill(f"sqlite:///{path}"))
        yield f"sqlite:///{path}"
        return
    for url in copied(request.getfixturevalue("postgres"), request.getfixturevalue("postgres_template")):
        asyncio.run(fill(url))
        yield url


async def fill(url: str) -> None:
    db = open_database(url)
    await db.connect()
    store = Store(db)
    store.start()
    await load_samples(store)
    await store.stop()
    await multiply(db, 4_000 // 17)
    await db.close()
    if url.startswith("postgresql"):
        await administer(url, "ANALYZE")


@pytest.fixture
async def crowd(crowded_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application on the crowded database."""
    from app.main import create_app
    from app.settings import Settings

    app = create_app(Settings(database_url=crowded_url, anonymous_read=True), delivery=False)
    async with app.router.lifespan_context(app), client_of(app) as client:
        yield client


@pytest.mark.parametrize(
    "question",
    [
        "q=drones",
        "q=d*",
        "q=nothing-has-this-word",
        'q="no such phrase"',
        "near=50.45,30.52&radius_km=300",
        "bbox=20,40,50,60&killed_min=1",
        "kind=attack&launched_min=100&q=drones",
        "since=2025-01-01&until=2026-01-01&q=a*",
    ],
)
async def test_thousands_of_events_as_they_stand_answer_as_the_past_at_the_head_does(
    crowd: httpx.AsyncClient, question: str
) -> None:
    head = good(await crowd.get("/v1/feed/head"))["head"]

    now = good(await crowd.get(f"/v1/events?{question}&limit=5"))["items"]
    then = good(await crowd.get(f"/v1/events?{question}&limit=5&as_of={head}"))["items"]
    counts = [good(await crowd.get(f"/v1/events/count?{question}{past}"))["count"] for past in ("", f"&as_of={head}")]

    assert then == now
    assert counts[0] == counts[1]


async def ask(questions: HeavyQueryLimiter, caller: str, work: Callable[[], Any]) -> Any:
    async with questions.ask(lambda: caller):
        return await work()


async def heavy_until(release: asyncio.Event) -> str:
    await admit(HEAVY_US)
    await release.wait()
    return "done"


async def settle(condition: Callable[[], bool]) -> None:
    """Let others run until it holds."""
    for _ in range(TURNS):
        if condition():
            return
        await asyncio.sleep(0.005)
    pytest.fail("it never came to that")


async def test_few_heavy_questions_run_at_a_time_and_the_others_wait_their_turn() -> None:
    questions, release, running = HeavyQueryLimiter(), asyncio.Event(), []

    async def work() -> str:
        await admit(HEAVY_US)
        running.append(1)
        assert len(running) <= MAX_RUNNING
        await release.wait()
        running.pop()
        return "done"

    tasks = [asyncio.create_task(ask(questions, f"key {n % 4}", work)) for n in range(2 * MAX_PER_CALLER)]
    await settle(lambda: len(running) == MAX_RUNNING)
    release.set()

    assert await asyncio.gather(*tasks) == ["done"] * 2 * MAX_PER_CALLER
    assert not questions.watched


@pytest.mark.parametrize("callers", [1, 100])
async def test_too_many_are_refused_and_come_again_once_there_is_room(callers: int) -> None:
    questions, release = HeavyQueryLimiter(), asyncio.Event()
    most = MAX_PER_CALLER if callers == 1 else MAX_IN_ALL

    async def one(n: int) -> Any:
        return await ask(questions, f"key {n % callers}", lambda: heavy_until(release))

    tasks = [asyncio.create_task(one(n)) for n in range(most)]
    await settle(lambda: len(questions.watched) == most)
    with pytest.raises(Unavailable) as refusal:
        await one(0)
    release.set()
    await asyncio.gather(*tasks)

    assert refusal.value.headers["Retry-After"] == "5"
    assert await one(0) == "done"


async def test_a_question_of_another_caller_finds_room_beside_a_greedy_one() -> None:
    questions, release = HeavyQueryLimiter(), asyncio.Event()
    tasks = [asyncio.create_task(ask(questions, "greedy", lambda: heavy_until(release))) for _ in range(MAX_PER_CALLER)]
    await settle(lambda: len(questions.watched) == MAX_PER_CALLER)

    other = asyncio.create_task(ask(questions, "other", lambda: heavy_until(release)))
    await settle(lambda: len(questions.watched) == MAX_PER_CALLER + 1)
    release.set()

    assert await asyncio.gather(other, *tasks) == ["done"] * (MAX_PER_CALLER + 1)


async def test_cheap_questions_are_never_counted() -> None:
    questions = HeavyQueryLimiter()

    async def work() -> str:
        await admit(HEAVY_US / 10)
        return "done"

    found = await asyncio.gather(*(ask(questions, "key", work) for _ in range(10 * MAX_IN_ALL)))

    assert set(found) == {"done"}


async def test_costs_add_up_over_the_parts_of_a_question() -> None:
    questions = HeavyQueryLimiter()
    questions.draining = True

    async def work() -> None:
        for _ in range(20):
            await admit(HEAVY_US / 10)

    with pytest.raises(Unavailable):
        await ask(questions, "key", work)


async def test_a_heavy_question_ends_when_its_time_is_up() -> None:
    questions = HeavyQueryLimiter(timeout_s=0.02)

    with pytest.raises(Unavailable) as refusal:
        await ask(questions, "key", lambda: heavy_until(asyncio.Event()))

    assert "too long" in refusal.value.detail
    assert not questions.watched
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]  # a test is a task


async def test_one_that_turns_out_to_take_long_is_counted_and_ended_too() -> None:
    questions = HeavyQueryLimiter(timeout_s=0.03, light_s=0.01)

    async def work() -> None:
        with interruptible():
            await asyncio.Event().wait()

    with pytest.raises(Unavailable) as refusal:
        await ask(questions, "key", work)
    for _ in range(MAX_PER_CALLER):
        questions.enter("key")
    with pytest.raises(Unavailable) as full:
        await ask(questions, "key", work)

    assert "too long" in refusal.value.detail
    assert "Too many" in full.value.detail


async def test_a_stream_may_last_as_each_of_its_readings_is_timed_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    questions, loop = HeavyQueryLimiter(), asyncio.get_running_loop()
    real, later_s = loop.time, 0.0
    monkeypatch.setattr(loop, "time", lambda: real() + later_s)

    async def work() -> str:
        nonlocal later_s
        for _ in range(10):
            with interruptible():
                await asyncio.sleep(0.01)
            await admit(HEAVY_US)
            await asyncio.sleep(0.01)
            reset_budget()
            later_s += questions.timeout_s  # so long until the next reading
        return "done"

    assert await ask(questions, "key", work) == "done"
    assert not questions.watched
    assert not questions.turns.locked()


async def test_a_question_ends_when_its_client_leaves() -> None:
    questions, left = HeavyQueryLimiter(), asyncio.Event()

    async def receive() -> dict[str, Any]:
        await left.wait()
        return {"type": "http.disconnect"}

    async def work() -> None:
        async with questions.ask(lambda: "key", receive):
            await heavy_until(asyncio.Event())

    task = asyncio.create_task(work())
    await settle(lambda: len(questions.watched) == 1)
    left.set()

    with pytest.raises(ClientDisconnect):
        await task


async def test_all_end_soon_after_the_server_is_asked_to_stop() -> None:
    questions = HeavyQueryLimiter()
    task = asyncio.create_task(ask(questions, "key", lambda: heavy_until(asyncio.Event())))
    await settle(lambda: len(questions.watched) == 1)

    questions.drain()
    with pytest.raises(Unavailable) as late:
        await ask(questions, "key", lambda: heavy_until(asyncio.Event()))
    with pytest.raises(Unavailable) as ended:
        await task

    assert "stopping" in late.value.detail
    assert "stopping" in ended.value.detail


async def test_a_full_server_answers_503_to_heavy_questions_and_small_ones_as_ever(
    crowd: httpx.AsyncClient,
) -> None:
    questions = crowd._transport.app.state.services.heavy_queries  # type: ignore[attr-defined]
    head = good(await crowd.get("/v1/feed/head"))["head"]
    heavy = f"/v1/events/count?q=d*&as_of={head}"
    for n in range(MAX_IN_ALL):
        questions.enter(f"key {n}")

    refused = await crowd.get(heavy)
    small = [await crowd.get(path) for path in ("/v1/events?q=drones&limit=1", "/v1/events?limit=1&country=UA")]

    problem(refused, 503, "unavailable")
    assert refused.headers["retry-after"] == "5"
    assert [answer.status_code for answer in small] == [200, 200]
    for n in range(MAX_IN_ALL):
        questions.leave(f"key {n}")
    assert good(await crowd.get(heavy))["count"] > 0


async def test_a_reading_that_is_given_up_leaves_the_database_at_once(db: Database) -> None:
    for _ in range(10):
        asking = asyncio.create_task(db.rows(endless(db.dialect), offload=True))
        await asyncio.sleep(0.02)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    assert await db.rows(heavy_questions_alive(db.dialect), offload=True) == [(0,)]


def heavy_questions_alive(dialect: str) -> Any:
    import sqlalchemy as sa

    if dialect == "sqlite":
        return sa.text("SELECT 0")  # a reader thread is free to say so
    return sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()"
        " AND state = 'active' AND datname = current_database()"
    )


async def test_a_client_that_hangs_up_ends_its_question(app: FastAPI, db: Database) -> None:
    add_endless(app)
    questions = app.state.services.heavy_queries
    async with serving(app) as address:
        host, port = address.removeprefix("http://").split(":")
        for _ in range(6):
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"GET /endless HTTP/1.1\r\nHost: sitrep.test\r\n\r\n")
            await writer.drain()
            await settle(lambda: len(questions.watched) == 1)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            await settle(lambda: not questions.watched)

        async with asyncio.timeout(60):
            while await db.rows(heavy_questions_alive(db.dialect), offload=True) != [(0,)]:  # noqa: ASYNC110 (the database tells nobody)
                await asyncio.sleep(0.01)
        async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=60) as client:
            assert (await client.get("/livez")).status_code == 200


def test_a_server_asked_to_stop_ends_while_questions_run(database_url: str) -> None:
    process = subprocess.Popen(  # noqa: S603 (our own server)
        [sys.executable, ENDLESS, database_url], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())

        async def stop_midway() -> list[int]:
            limits = httpx.Timeout(30)
            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=limits
            ) as client:
                asking = [asyncio.create_task(client.get("/endless")) for _ in range(3)]
                for _ in range(10):
                    assert (await client.get("/livez")).status_code == 200
                process.send_signal(signal.SIGTERM)
                return [answer.status_code for answer in await asyncio.gather(*asking)]

        assert asyncio.run(stop_midway()) == [503, 503, 503]
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.communicate()
