"""The history of events: versions, revisions, and the state at a moment of the log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from calls import faults, found, good, head_of, problem, written
from conftest import client_of

from app.auth.keys import create_key
from app.events.write.commands import Remove
from app.events.write.idempotency import ResponseData
from app.events.write.parse_commands import upsert_of
from app.events.write.responses import deleted_response, stored_response
from app.events.write.store import Store
from app.events.write.transaction import CommandResult, WriteRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conftest import MakeApp, MakeEvent
    from httpx import AsyncClient

    from app.db import Database
    from app.events.write.commands import Command
    from app.events.write.transaction import Result

REVISION = ["version", "operation", "cursor", "at", "by", "changed"]


async def change(api: AsyncClient, event: dict[str, Any], **fields: Any) -> str:
    """Patch the event; the cursor of the change."""
    patched = await api.patch(f"/v1/events/{event['id']}", json=fields, headers={"if-match": "*"})
    good(patched)
    return str(patched.headers["feed-cursor"])


async def history(api: AsyncClient, event: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = good(await api.get(f"/v1/events/{event['id']}/revisions{query}"))["items"]
    return items


async def test_revisions_tell_what_changed_when_and_by_whom_newest_first(
    app: Any, api: AsyncClient, db: Database, make_event: MakeEvent
) -> None:
    event = await written(api, make_event())
    async with client_of(app, (await create_key(db, "desk", ["write"], owner="second-desk"))[1]) as other:
        await change(other, event, title="New", tags=["night"], detail={"civilian_targeting": True})
    await api.delete(f"/v1/events/{event['id']}?reason=erroneous")

    rows = await history(api, event)

    assert all(list(row) == REVISION for row in rows)
    assert [(row["version"], row["operation"], row["cursor"], row["by"]) for row in rows] == [
        (3, "deleted", "e1-000000000003", "newsroom"),
        (2, "updated", "e1-000000000002", "second-desk"),
        (1, "created", "e1-000000000001", "newsroom"),
    ]
    assert sorted(rows[1]["changed"]) == ["/detail/civilian_targeting", "/tags", "/title"]
    assert rows[2]["changed"] == []
    assert rows[2]["at"] == event["created_at"]
    assert rows[0]["at"] >= rows[1]["at"] >= rows[2]["at"]
    items = good(await api.get("/v1/feed"))["items"]
    assert [(item["id"], item["time"]) for item in items] == [(row["cursor"], row["at"]) for row in rows[::-1]]


async def test_every_sort_of_change_has_its_pointer(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event(extra={"a/b": {"c~d": 1}, "n": 1, "same": [1]}, summary=None))
    steps: list[tuple[dict[str, Any], list[str]]] = [
        ({"extra": {"a/b": {"c~d": 2}}}, ["/extra/a~1b/c~0d"]),
        ({"extra": {"n": None}}, ["/extra/n"]),
        ({"extra": {"new": {"deep": [1]}}}, ["/extra/new"]),
        ({"extra": {"new": {"deep": [1, 2]}}}, ["/extra/new/deep"]),
        ({"extra": {"new": 1}}, ["/extra/new"]),
        ({"extra": {"new": True}}, ["/extra/new"]),
        ({"extra": {"new": 1.0}}, ["/extra/new"]),
        ({"summary": "There is one"}, ["/summary"]),
        ({"locations": [{**event["locations"][0], "name": "Kiev"}]}, ["/locations"]),
        ({"started_at": "2025-09-07T00:00:00Z", "status": "confirmed"}, ["/started_at", "/status"]),
    ]

    for patch, pointers in steps:
        await change(api, event, **patch)
        assert sorted((await history(api, event, "?limit=1"))[0]["changed"]) == pointers


async def test_a_long_history_is_read_in_pages(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event())
    for n in range(6):
        await change(api, event, title=str(n))
    address = f"/v1/events/{event['id']}/revisions?limit=3"

    first = good(await api.get(address))
    await change(api, event, title="later")
    second = good(await api.get(f"{address}&cursor={first['next']}"))
    third = good(await api.get(f"{address}&cursor={second['next']}"))

    versions = [[row["version"] for row in page["items"]] for page in (first, second, third)]
    assert (versions, third["next"]) == ([[7, 6, 5], [4, 3, 2], [1]], None)
    problem(await api.get(f"{address}&cursor={first['next'][:-1]}x"), 400, "cursor-malformed")
    assert faults(await api.get(f"/v1/events/{event['id']}/revisions?limit=1001")) == [("limit", "range")]


async def test_an_anonymous_reader_is_not_told_who_wrote(
    make_app: MakeApp, admin_key: str, make_event: MakeEvent
) -> None:
    app = await make_app(anonymous_read=True)
    async with client_of(app, admin_key) as api, client_of(app) as anybody:
        event = await written(api, make_event())

        assert [row["by"] for row in await history(anybody, event)] == [None]
        assert [row["by"] for row in await history(api, event)] == ["newsroom"]


async def test_every_version_can_be_read_by_number_and_by_moment(api: AsyncClient, make_event: MakeEvent) -> None:
    before = await head_of(api)
    event = await written(api, make_event(title="one"))
    address = f"/v1/events/{event['id']}"
    bodies = [(await api.get(address)).content]
    cursors = [await head_of(api)]
    for title in ("two", "three"):
        await written(api, make_event())
        cursors.append(await change(api, event, title=title))
        bodies.append((await api.get(address)).content)
    times = [row["at"] for row in await history(api, event)][::-1]

    for version, (body, cursor, at) in enumerate(zip(bodies, cursors, times, strict=True), 1):
        by_number = await api.get(f"{address}?version={version}")
        assert (by_number.content, by_number.headers["etag"]) == (body, f'"{version}"')
        assert (await api.get(f"{address}?as_of={cursor}")).content == body
        assert (await api.get(address, params={"as_of": at})).content == body
    assert (await api.get(f"{address}?as_of=e1-000000000002")).content == bodies[0]
    problem(await api.get(f"{address}?as_of={before}"), 404)
    problem(await api.get(f"{address}?as_of=2020-01-01"), 404)
    problem(await api.get(f"{address}?version=4"), 404)
    problem(await api.get(f"{address}?as_of=e1-000000000009"), 400, "cursor-ahead")
    problem(await api.get(f"{address}?as_of=e2-000000000001"), 410, "cursor-epoch")
    problem(await api.get(f"{address}?as_of=yesterday"), 400, "cursor-malformed")


async def test_version_and_moment_are_checked(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event())
    address = f"/v1/events/{event['id']}"

    for query, fault in (
        ("version=0", ("version", "range")),
        ("version=-1", ("version", "range")),
        ("version=x", ("version", "type")),
        ("version=1&version=1", ("version", "repeated")),
        (f"version={2**63}", ("version", "range")),
        ("version=1&as_of=2025-01-01", ("as_of", "together")),
        ("as_of=2025-02-30", ("as_of", "date")),
        ("as_of=2025-09-07T00:00:00", ("as_of", "offset-missing")),
        ("as_of=2025-09-07T00:00:00+03:00", ("as_of", "offset-missing")),
        ("as_of=", ("as_of", "empty")),
        ("fields=title", ("fields", "unknown-parameter")),
    ):
        assert faults(await api.get(f"{address}?{query}")) == [fault], query
    problem(await api.get(f"{address}?version={2**63 - 1}"), 404)


async def test_lists_and_counts_of_the_past_follow_every_change(api: AsyncClient, make_event: MakeEvent) -> None:
    one, two = [await written(api, make_event(title=title, tags=["a"])) for title in ("one", "two")]
    await change(api, one, tags=["b"])
    await change(api, two, started_at="2020-01-01T00:00:00Z")
    await api.delete(f"/v1/events/{one['id']}?reason=duplicate")
    await change(api, two, tags=["b"])

    states = {
        0: ([], []),
        1: ([one], []),
        2: ([two, one], []),
        3: ([two], [one]),
        4: ([two], [one]),
        5: ([two], []),
        6: ([], [two]),
    }
    for seq, (tagged_a, tagged_b) in states.items():
        cursor = f"e1-{seq:012d}"
        for tag, events in (("a", tagged_a), ("b", tagged_b)):
            query = f"tag={tag}&as_of={cursor}"
            assert await found(api, query) == [event["id"] for event in events], query
            assert good(await api.get(f"/v1/events/count?{query}"))["count"] == len(events)
        total = good(await api.get(f"/v1/events/count?as_of={cursor}"))["count"]
        assert total == len({event["id"] for event in (*tagged_a, *tagged_b)})
    old = "since=2020-01-01&until=2020-01-02&as_of="
    assert await found(api, f"{old}e1-000000000003") == []
    assert await found(api, f"{old}e1-000000000004") == [two["id"]]


def done(results: list[Result]) -> ResponseData:
    [outcome] = results
    assert isinstance(outcome, CommandResult)
    return deleted_response(outcome) if outcome.decision.after.deleted else stored_response(outcome)


async def run_at(db: Database, steps: Iterable[tuple[datetime, Command]]) -> None:
    """Each command at its own time of day."""
    for now, command in steps:
        store = Store(db, clock=lambda now=now: now)  # type: ignore[misc]  # mypy on defaults
        store.start()
        await store.run(WriteRequest([command], "newsroom", done))
        await store.stop()


async def test_a_clock_that_jumps_back_leaves_the_order_alone(
    api: AsyncClient, db: Database, make_event: MakeEvent
) -> None:
    noon = datetime(2100, 3, 1, 12, tzinfo=UTC)
    first, second = (upsert_of("s", "1", make_event(title=title), None, batch=False) for title in ("one", "two"))
    other = upsert_of("s", "2", make_event(), None, batch=False)

    await run_at(db, [(noon, first), (noon - timedelta(hours=1), second), (noon - timedelta(hours=2), other)])

    event = good(await api.get("/v1/events/by-external-id/s/1"))
    assert (event["created_at"], event["updated_at"]) == ("2100-03-01T12:00:00Z", "2100-03-01T12:00:00Z")
    late = good(await api.get("/v1/events/by-external-id/s/2"))
    assert late["created_at"] == "2100-03-01T10:00:00Z"
    [row] = await history(api, late)
    assert row["at"] == "2100-03-01T12:00:00Z"
    assert await found(api, "as_of=2100-03-01T11:59:59.999999Z") == []
    assert sorted(await found(api, "as_of=2100-03-01T12:00:00Z")) == sorted([event["id"], late["id"]])


async def test_as_of_an_instant_means_the_last_change_not_after_it(
    api: AsyncClient, db: Database, make_event: MakeEvent
) -> None:
    noon = datetime(2100, 3, 1, 12, tzinfo=UTC)
    steps: list[tuple[datetime, Command]] = [
        (noon + timedelta(hours=n), upsert_of("s", "1", make_event(title=str(n)), None, batch=False)) for n in range(4)
    ]
    await run_at(db, steps)
    id = good(await api.get("/v1/events/by-external-id/s/1"))["id"]
    await run_at(db, [(noon + timedelta(days=1), Remove(UUID(id), "duplicate"))])

    for moment, title in (
        ("2100-03-01T12:00:00Z", "0"),
        ("2100-03-01T12:59:59.999999Z", "0"),
        ("2100-03-01T13:00:00Z", "1"),
        ("2100-03-01T16:30:00+03:00", "1"),
        ("2100-03-02", "3"),
        ("2100-03-02T11:59:59Z", "3"),
    ):
        shown = await api.get(f"/v1/events/{id}", params={"as_of": moment})
        [listed] = good(await api.get("/v1/events", params={"as_of": moment}))["items"]
        assert (good(shown)["title"], listed["title"]) == (title, title), moment
    problem(await api.get(f"/v1/events/{id}?as_of=2100-03-02T12:00:00Z"), 410, "deleted")
    problem(await api.get(f"/v1/events/{id}?as_of=2100-03-01T11:59:59Z"), 404)
    assert await found(api, "as_of=2100-03-02T12:00:00Z") == []
    zoned = good(await api.get("/v1/events?as_of=2100-03-02&timezone=Asia/Tokyo"))
    assert [event["title"] for event in zoned["items"]] == ["3"]
    early = good(await api.get("/v1/events?as_of=2100-03-01&timezone=Pacific/Honolulu"))
    assert early["items"] == []
