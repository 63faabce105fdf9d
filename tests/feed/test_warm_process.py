"""A stream that begins at the end of the feed gives what matches, in a process that has been at work for a while."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
from calls import head_of, written
from conftest import copied
from streams import Stream

from app.changes import ChangeLog
from app.changes.epoch import raise_epoch
from app.db import open_database
from app.events.read.filter import ChangeFilter
from app.feed.matcher import Matcher

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx
    from conftest import MakeEvent

    from app.db import Database

FILTERS = (
    "country=UA", "kind=attack", "place=Kyiv", "actor=russia", "munition=uav_one_way_attack&country=UA", "q=drones",
    "bbox=30,50,31,51", "killed_min=2", "status=reported&near=50.45,30.52&radius_km=1",
    "exclude=country:RU", "missing=beneficiary", "missing=process&exclude=status:retracted&country=UKR",
    "change=created",
)  # fmt: skip
BEGINNINGS: dict[str, Any] = {
    "now": lambda _head: ("&after=now", {}),
    "cursor": lambda head: (f"&after={head}", {}),
    "resumed": lambda head: ("", {"last-event-id": head}),
}


async def opened(stack: AsyncExitStack, server: httpx.AsyncClient, question: str, headers: dict[str, str]) -> Stream:
    """A stream that has begun."""
    response = await stack.enter_async_context(server.stream("GET", f"/v1/feed/stream?{question}", headers=headers))
    stream = Stream(response)
    assert await stream.block() == {"retry": "3000"}
    return stream


@pytest.mark.parametrize("beginning", BEGINNINGS)
async def test_values_that_were_seen_before_the_stream_began(
    server: httpx.AsyncClient, make_event: MakeEvent, beginning: str
) -> None:
    async with AsyncExitStack() as stack:
        early = await opened(stack, server, "country=UA&after=now", {})
        await written(server, make_event())
        assert (await early.block())["id"] == "e1-000000000001"

        question, headers = BEGINNINGS[beginning](await head_of(server))
        streams = [await opened(stack, server, asked + question, headers) for asked in FILTERS]
        for number in (2, 3):
            await written(server, make_event())
            for asked, stream in zip(FILTERS, streams, strict=True):
                assert (await stream.block())["id"] == f"e1-{number:012d}", asked


async def test_a_new_epoch_may_have_given_the_ids_to_other_values(
    server: httpx.AsyncClient, db: Database, make_event: MakeEvent
) -> None:
    async with AsyncExitStack() as stack:
        early = await opened(stack, server, "country=UA&after=now", {})
        await written(server, make_event())
        await early.block()
        await raise_epoch(db)
        assert b"data" not in await early.rest()

        late = await opened(stack, server, "country=UA&after=now", {})
        await written(server, make_event())
        assert (await late.block())["id"] == "e2-000000000002"


@pytest.fixture
def behind(postgres: str, postgres_template: str) -> Iterator[str]:
    """A migrated and empty database, as a replica that is very late."""
    yield from copied(postgres, postgres_template)


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
async def test_ids_that_a_replica_does_not_have_yet_are_read_from_the_primary(
    api: httpx.AsyncClient, database_url: str, behind: str, make_event: MakeEvent
) -> None:
    await written(api, make_event())
    both = open_database(database_url, read_url=behind)
    await both.connect()
    head = await ChangeLog(both).head(primary=True)
    matcher = Matcher(ChangeFilter.model_validate({"country": ["UA"]}))
    before = matcher.cannot_match, matcher.knows(head.epoch, head.seq)

    assert await matcher.learn(both, head.epoch, head.seq)
    after = matcher.cannot_match, matcher.knows(head.epoch, head.seq)
    assert (before, after) == ((True, False), (False, True))
    assert not await matcher.learn(both, head.epoch, head.seq + 1)
    assert not await matcher.learn(both, head.epoch + 1, head.seq)
    await both.close()
