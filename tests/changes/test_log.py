"""The change log: places in commit order, the digest, moments, epochs and trimming."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from conftest import client_of
from sqlmodel import col

from app.changes import STALE_S, Change, ChangeLog, LogHead, trim
from app.db import UtcTime
from app.errors import CursorAhead, CursorEpoch, CursorExpired, CursorMalformed
from app.kinds import micros

if TYPE_CHECKING:
    import httpx
    from conftest import MakeApp, MakeEvent

    from app.db import Database

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


async def written(api: httpx.AsyncClient, make_event: MakeEvent, times: int) -> list[dict[str, Any]]:
    """That many events, each a change."""
    answers = [await api.post("/v1/events", json=make_event(title=f"Event {n}")) for n in range(times)]
    return [answer.json() for answer in answers]


async def set_time(db: Database, seq: int, time: datetime) -> None:
    """Give a change another time, as if it had been written then."""
    change = sa.update(Change).where(col(Change.seq) == seq).values(time=sa.bindparam("at", type_=UtcTime))
    await db.write(lambda tx: tx.run(change, {"at": time}))


async def test_a_write_that_is_refused_takes_no_place(
    api: httpx.AsyncClient, db: Database, make_event: MakeEvent
) -> None:
    await written(api, make_event, 1)
    refused = await api.post("/v1/events", json=make_event(sources=[]))
    await written(api, make_event, 1)

    assert refused.status_code == 422
    assert [entry.seq for entry in await ChangeLog(db).between(0, 100)] == [1, 2]


async def test_the_digest_is_the_sum_over_the_live_events(
    api: httpx.AsyncClient, db: Database, make_event: MakeEvent
) -> None:
    first, second, third = await written(api, make_event, 3)
    await api.delete(f"/v1/events/{first['id']}?reason=erroneous")
    await api.patch(f"/v1/events/{second['id']}", json={"title": "Other"}, headers={"if-match": "*"})

    live = [f"{second['id']}:2", f"{third['id']}:1"]
    total = sum(int.from_bytes(hashlib.sha256(text.encode()).digest(), "big") for text in live) % 2**256
    assert await ChangeLog(db).checkpoint(5) == (2, f"{total:064x}")
    assert await ChangeLog(db).checkpoint(0) == (0, "0" * 64)


async def test_time_never_goes_back_in_the_log(api: httpx.AsyncClient, db: Database, make_event: MakeEvent) -> None:
    later = datetime.now(UTC) + timedelta(days=1)
    await db.write(lambda tx: tx.run(sa.update(LogHead).values(time=sa.bindparam("at", type_=UtcTime)), {"at": later}))

    await written(api, make_event, 2)

    assert [entry.time for entry in await ChangeLog(db).between(0, 2)] == [micros(later)] * 2


@pytest.mark.parametrize(
    ("minutes", "inclusive", "expected"),
    [(-1, True, 0), (0, False, 0), (0, True, 1), (5, True, 1), (10, False, 1), (10, True, 3), (99, True, 4)],
)
async def test_an_instant_finds_the_last_change_before_it(  # noqa: PLR0917 (fixtures and a table row)
    api: httpx.AsyncClient,
    db: Database,
    make_event: MakeEvent,
    minutes: int,
    inclusive: bool,
    expected: int,
) -> None:
    await written(api, make_event, 4)
    for seq, offset in enumerate((0, 10, 10, 20), start=1):
        await set_time(db, seq, NOON + timedelta(minutes=offset))
    log = ChangeLog(db)

    found = await log.before(NOON + timedelta(minutes=minutes), await log.head(), inclusive=inclusive)

    assert found == expected


async def test_a_position_must_be_of_this_epoch_and_inside_the_log(
    api: httpx.AsyncClient, db: Database, make_event: MakeEvent
) -> None:
    await written(api, make_event, 2)
    log = ChangeLog(db)
    head = await log.head()

    assert await log.position("e1-000000000002", head) == 2
    for cursor, problem in (
        ("e1-000000000003", CursorAhead),
        ("e2-000000000001", CursorEpoch),
        ("e1-1", CursorMalformed),
    ):
        with pytest.raises(problem):
            await log.position(cursor, head)


async def test_after_a_new_epoch_stored_ids_still_name_moments_and_old_positions_do_not(
    api: httpx.AsyncClient, db: Database, make_event: MakeEvent
) -> None:
    await written(api, make_event, 2)
    await db.write(lambda tx: tx.run(sa.update(LogHead).values(epoch=2)))
    log = ChangeLog(db)
    head = await log.head()

    assert await log.moment("e1-000000000002", head) == 2
    assert await log.moment("e2-000000000002", head) == 2
    for cursor in ("e1-000000000000", "e1-000000000003"):
        with pytest.raises(CursorEpoch):
            await log.moment(cursor, head)
    with pytest.raises(CursorEpoch):
        await log.position("e1-000000000002", head)


async def test_trimming_ends_old_positions_and_keeps_versions(
    api: httpx.AsyncClient, db: Database, make_event: MakeEvent
) -> None:
    events = await written(api, make_event, 4)
    for seq in (1, 2):
        await set_time(db, seq, NOON)
    log = ChangeLog(db)

    oldest = await trim(log, timedelta(days=30), datetime.now(UTC))

    assert oldest == 2
    with pytest.raises(CursorExpired) as refusal:
        await log.position("e1-000000000001", await log.head())
    assert refusal.value.members == {"oldest": "e1-000000000002", "bootstrap": "/v1/events"}
    assert (await api.get(f"/v1/events/{events[0]['id']}?version=1")).status_code == 200
    assert (await api.get("/v1/events/count?as_of=e1-000000000001")).json()["count"] == 1


async def test_the_retention_setting_trims_when_the_service_starts(
    api: httpx.AsyncClient, db: Database, make_app: MakeApp, make_event: MakeEvent, admin_key: str
) -> None:
    await written(api, make_event, 2)
    await set_time(db, 1, NOON)
    app = await make_app(change_retention="30d")

    async with client_of(app, admin_key) as client:
        while (await client.get("/v1/feed/head")).json()["oldest"] != "e1-000000000001":  # noqa: ASYNC110 - what is waited for is the API
            await asyncio.sleep(0.01)
        answer = await client.get("/v1/feed?after=e1-000000000000")

    assert (answer.status_code, answer.json()["type"]) == (410, "/problems/cursor-expired")


async def test_the_recent_head_is_read_anew_after_a_moment_and_after_a_commit_here(
    api: httpx.AsyncClient, db: Database, make_event: MakeEvent
) -> None:
    now = 0.0
    log = ChangeLog(db, ticks=lambda: now)
    await written(api, make_event, 1)
    assert (await log.recent_head()).seq == 1

    await written(api, make_event, 1)
    now = STALE_S - 0.001
    assert (await log.recent_head()).seq == 1
    now = STALE_S
    assert (await log.recent_head()).seq == 2

    await written(api, make_event, 1)
    log.newest = (1, 3)  # as a commit of this process leaves it
    assert (await log.recent_head()).seq == 3
