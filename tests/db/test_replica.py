"""A read replica that cancels queries, is away or lags is never a caller's trouble: the primary is read."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import asyncpg
import pytest
import structlog
from conftest import administer, client_of, copied
from programs import free_port

from app.auth.keys import create_key
from app.changes import ChangeLog, Head
from app.main import create_app
from app.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    import httpx
    from conftest import MakeEvent

READS = ("/v1/events", "/v1/feed?after=oldest", "/v1/events/count", "/v1/feed/head", "/v1/stats/facets?facet=country")
GRID = "/v1/stats/grid?bbox=-180,-90,180,90&zoom=1"
# A view that stands before the table of the same name, and raises what recovery raises: for the first `few` reads.
CANCELLING = """
CREATE SCHEMA conflict; CREATE SEQUENCE conflict.reads;
CREATE FUNCTION conflict.pass() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
  IF nextval('conflict.reads') <= {few} THEN
    RAISE 'canceling statement due to conflict with recovery' USING ERRCODE = '{code}';
  END IF; RETURN true; END $$;
CREATE VIEW conflict.log_head AS SELECT * FROM public.log_head WHERE conflict.pass();
"""


@pytest.fixture
def dialect() -> str:
    """PostgreSQL alone has replicas."""
    return "postgresql"


@pytest.fixture
def lagging_url(postgres: str, postgres_template: str) -> Iterator[str]:
    """A database at the beginning of the log, as a replica that does not come on."""
    yield from copied(postgres, postgres_template)


@pytest.fixture
async def opened(database_url: str) -> AsyncIterator[Callable[[str | None], Any]]:
    """Makes clients of applications that read from a replica, or from the primary alone."""
    stack: list[Any] = []

    async def open_(read_url: str | None) -> httpx.AsyncClient:
        app = create_app(Settings(database_url=database_url, read_database_url=read_url))
        running = app.router.lifespan_context(app)
        await running.__aenter__()
        _, key = await create_key(app.state.services.db, "newsroom", ["admin"])
        client = client_of(app, key)
        stack.append((running, client))
        return client

    yield open_
    for running, client in stack:
        await client.aclose()
        await running.__aexit__(None, None, None)


def through_conflict(url: str) -> str:
    """The address whose sessions see the view before the table."""
    return f"{url}&options=-c%20search_path=conflict,public"


async def reads_of(url: str) -> int:
    """How often the view was read."""
    connection = await asyncpg.connect(url)
    count: int = await connection.fetchval("SELECT last_value FROM conflict.reads")
    await connection.close()
    return count


@pytest.mark.parametrize("code", ["40001", "40P01"])
async def test_a_cancelled_query_is_asked_again(
    code: str, database_url: str, opened: Callable[[str], Any], make_event: MakeEvent
) -> None:
    await administer(database_url, CANCELLING.format(few=1, code=code))
    api = await opened(through_conflict(database_url))
    await api.post("/v1/events", json=make_event())

    assert (await api.get("/v1/feed/head")).json()["head"] == "e1-000000000001"
    assert await reads_of(database_url) == 2


@pytest.mark.parametrize("code", ["40001", "57P01", "57P03", "57014", "08006", "53300"])
async def test_a_replica_that_only_fails_leaves_the_reading_to_the_primary(
    code: str, database_url: str, opened: Callable[[str], Any], make_event: MakeEvent
) -> None:
    await administer(database_url, CANCELLING.format(few=1_000_000, code=code))
    api = await opened(through_conflict(database_url))
    await api.post("/v1/events", json=make_event())

    for path in READS * 2:
        assert (await api.get(path)).status_code == 200, path
    assert (await api.get("/v1/events/count")).json()["count"] == 1
    assert (await api.get("/readyz")).json() == {"status": "ok"}


async def test_a_replica_that_is_away_is_told_once(opened: Callable[[str], Any], make_event: MakeEvent) -> None:
    port = free_port()
    api = await opened(f"postgresql://postgres@127.0.0.1:{port}/sitrep?sslmode=disable")
    with structlog.testing.capture_logs() as logs:
        made = await api.post("/v1/events", json=make_event())
        for path in READS * 2:
            assert (await api.get(path)).status_code == 200, path
        assert (await api.get(f"/v1/events/{made.json()['id']}")).status_code == 200
        assert (await api.get("/readyz")).json() == {"status": "ok"}
    [said] = [entry for entry in logs if entry["event"].startswith("the replica")]
    assert said["event"] == "the replica is away; the primary is read"
    assert f"127.0.0.1:{port}" in said["error"]


async def test_what_a_lagging_replica_has_not_reached_is_read_from_the_primary(
    opened: Callable[[str], Any], lagging_url: str, make_event: MakeEvent
) -> None:
    api = await opened(lagging_url)
    first, second = [
        (await api.post("/v1/events", json=make_event(title=title))).headers["feed-cursor"] for title in ("One", "Two")
    ]

    page = (await api.get(f"/v1/feed?after={first}")).json()
    assert [item["id"] for item in page["items"]] == [second]
    listed = (await api.get(f"/v1/events?as_of={first}")).json()
    assert [item["title"] for item in listed["items"]] == ["One"]
    assert (await api.get(f"/v1/events/count?as_of={second}")).json()["count"] == 2
    assert (await api.get(f"/v1/feed?after={second}")).json() == {"items": [], "next": second, "has_more": False}
    assert (await api.get("/readyz")).json() == {"status": "ok"}


async def test_the_end_of_the_feed_never_goes_back(
    database_url: str, opened: Callable[[str], Any], lagging_url: str, make_event: MakeEvent
) -> None:
    api = await opened(lagging_url)
    cursor = (await api.post("/v1/events", json=make_event())).headers["feed-cursor"]
    await api.get(f"/v1/feed?after={cursor}")  # the primary's end is known from here on

    heads = await asyncio.gather(*(api.get("/v1/feed/head") for _ in range(5)))

    assert {head.json()["head"] for head in heads} == {cursor}


async def test_who_wrote_reads_it_at_once_whatever_the_replica_has(
    opened: Callable[[str | None], Any], lagging_url: str, make_event: MakeEvent
) -> None:
    api, on_primary = await opened(lagging_url), await opened(None)
    made = await api.post("/v1/events", json=make_event(external_ids=[{"system": "desk", "id": "1"}]))
    one = f"/v1/events/{made.json()['id']}"

    for path in (one, f"{one}/revisions", f"{one}?version=1", "/v1/events/by-external-id/desk/1", GRID, *READS):
        found, right = [await client.get(path) for client in (api, on_primary)]
        assert right.status_code == 200, path
        assert found.json() == right.json(), path
    again = make_event(external_ids=[{"system": "desk", "id": "2"}])
    made = await api.post("/v1/events", json=again)
    assert (await api.head(f"/v1/events/{made.json()['id']}")).status_code == 200


class TwoServers:
    """A replica at the beginning of the log, and a primary that moves on just after it said where it stands."""

    read_url = "a replica"

    def __init__(self) -> None:
        self.seq = 0
        self.log = ChangeLog(cast("Any", self))

    async def rows(self, _: object, *, primary: bool = False) -> list[Head]:
        """Where the log ends."""
        head = Head(1, self.seq if primary else 0, 0, datetime.now(UTC))
        if primary:
            self.seq += 1
            self.log.newest = (1, self.seq)
        return [head]

    def read_from_primary(self, wanted: bool) -> None:
        """There is nothing else to read."""


async def test_a_commit_beside_a_look_at_the_primary_is_not_forgotten() -> None:
    log = TwoServers().log
    assert [(await log.head(primary=primary)).seq for primary in (False, True, False, False)] == [0, 0, 1, 2]
