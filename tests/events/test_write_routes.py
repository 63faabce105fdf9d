"""Writing single events: POST, PUT, PATCH, DELETE and upsert, sentence by sentence of the contract."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

import pytest
from calls import faults, found, good, head_of, problem, written

if TYPE_CHECKING:
    from conftest import MakeEvent
    from httpx import AsyncClient

UNKNOWN = "0197f2a0-0000-7000-8000-000000000001"
SHAPE = (
    '"id","kind","version","status","title","summary","started_at","ended_at","time_precision","timezone","locations",'
    '"actors","casualties","sources","claims","external_ids","relations","tags","quality_flags","extra","detail",'
    '"created_at","updated_at"'
)
MERGE = "application/merge-patch+json"
CURSOR = re.compile(r"e1-[0-9]{12}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")


def at(version: int) -> dict[str, str]:
    return {"if-match": f'"{version}"'}


def unread(event: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The event as a writer would send it anew."""
    server = {"id", "version", "created_at", "updated_at", "quality_flags"}
    return {**{name: value for name, value in event.items() if name not in server}, **changes}


def guarantee(**fields: Any) -> dict[str, Any]:
    return {
        "kind": "security_guarantee",
        "title": "A pledge",
        "started_at": "2025-09-04T00:00:00Z",
        "sources": [{"publisher": "Example Wire"}],
        "actors": [{"name": "France", "role": "guarantor", "type": "government", "country": "FR"}],
        "detail": {
            "framework": {"key": "coalition", "name": "A coalition"},
            "pledgers": {"count": {"low": 20, "best": 26, "high": 30}},
            "commitments": ["troop_deployment"],
            "stage": "pledged",
        },
        **fields,
    }


# Each patch is applied to the result of the one before, beginning with 20, 26, 30.
PATCHED_COUNTS: list[tuple[object, tuple[object, ...]]] = [
    ({"high": 40}, (20, 26, 40, "unknown")),
    ({"best": None}, (20, None, 40, "unknown")),
    ({"qualifier": "at_least", "low": 21}, (21, None, 40, "at_least")),
    (27, (27, 27, 27, "exact")),
    ({"high": 30, "qualifier": None}, (27, 27, 30, "unknown")),
]


# POST


async def test_a_new_event_is_answered_whole_and_read_back_byte_for_byte(
    api: AsyncClient, make_event: MakeEvent
) -> None:
    made = await api.post("/v1/events", json=make_event())

    event = good(made, 201)
    assert ",".join(f'"{name}"' for name in event) == SHAPE
    assert (event["version"], event["status"], event["quality_flags"]) == (1, "reported", [])
    assert event["created_at"] == event["updated_at"]
    assert INSTANT.fullmatch(event["created_at"])
    assert event["started_at"] == "2025-09-06T21:00:00Z"
    assert event["casualties"][0]["count"] == {"low": 3, "best": 3, "high": 3, "qualifier": "exact"}
    assert made.headers["location"] == f"/v1/events/{event['id']}"
    assert made.headers["etag"] == '"1"'
    assert CURSOR.fullmatch(made.headers["feed-cursor"])
    read = await api.get(made.headers["location"])
    assert (read.status_code, read.content, read.headers["etag"]) == (200, made.content, '"1"')


async def test_a_new_event_may_not_bring_what_the_server_sets(api: AsyncClient, make_event: MakeEvent) -> None:
    for name in ("id", "version", "created_at", "updated_at", "quality_flags"):
        refused = await api.post("/v1/events", json=make_event(**{name: None}))
        assert faults(refused) == [("/" + name, "read-only")]
    assert await head_of(api) == "e1-000000000000"


async def test_a_taken_external_id_is_a_conflict_that_names_the_holder(api: AsyncClient, make_event: MakeEvent) -> None:
    holder = await written(api, make_event(external_ids=[{"system": "acled", "id": "UKR1"}]))
    before = await head_of(api)

    refused = await api.post("/v1/events", json=make_event(external_ids=[{"system": "acled", "id": "UKR1"}]))

    assert problem(refused, 409, "duplicate-external-id")["existing"] == {"id": holder["id"], "version": 1}
    assert await head_of(api) == before


async def test_external_ids_compare_exactly(api: AsyncClient, make_event: MakeEvent) -> None:
    await written(api, make_event(external_ids=[{"system": "acled", "id": "caf\u00e9"}]))

    other = await api.post("/v1/events", json=make_event(external_ids=[{"system": "acled", "id": "cafe\u0301"}]))
    capital = await api.post("/v1/events", json=make_event(external_ids=[{"system": "acled", "id": "CAF\u00c9"}]))

    assert (other.status_code, capital.status_code) == (201, 201)


async def test_a_relation_must_name_an_event_that_exists_or_existed(api: AsyncClient, make_event: MakeEvent) -> None:
    first, gone = await written(api, make_event()), await written(api, make_event())
    await api.delete(f"/v1/events/{gone['id']}?reason=erroneous")
    relations = [{"type": "follows", "event_id": id} for id in (first["id"], UNKNOWN, gone["id"])]

    refused = await api.post("/v1/events", json=make_event(relations=relations))
    taken = await api.post("/v1/events", json=make_event(relations=[relations[0], relations[2]]))

    assert faults(refused) == [("/relations/1/event_id", "unknown-event")]
    assert taken.status_code == 201


async def test_a_number_of_a_batch_is_no_event_outside_a_batch(api: AsyncClient, make_event: MakeEvent) -> None:
    refused = await api.post("/v1/events", json=make_event(relations=[{"type": "follows", "event_id": "#0"}]))

    assert faults(refused) == [("/relations/0/event_id", "uuid")]


async def test_every_fault_of_an_event_is_told_with_its_pointer(api: AsyncClient, make_event: MakeEvent) -> None:
    bad = make_event(status="rumoured", timezone="Mars/Olympus", started_at="2025-09-07T00:00:00")

    refused = await api.post("/v1/events", json=bad)

    assert sorted(faults(refused)) == [
        ("/started_at", "offset-missing"),
        ("/status", "enum"),
        ("/timezone", "timezone"),
    ]


# PUT


async def test_what_was_read_can_be_put_back_and_changes_nothing(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event())
    before = await head_of(api)

    same = await api.put(f"/v1/events/{event['id']}", json=event, headers=at(1))

    assert good(same) == event
    assert same.headers["etag"] == '"1"'
    assert "feed-cursor" not in same.headers
    assert await head_of(api) == before


async def test_equal_content_in_other_words_changes_nothing(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event(extra={"a": 1, "b": 2}))
    reworded = make_event(extra={"b": 2, "a": 1}, started_at="2025-09-06T21:00:00.0Z", tags=[], status="reported")

    same = await api.put(f"/v1/events/{event['id']}", json=reworded, headers=at(1))

    assert good(same) == event
    assert "feed-cursor" not in same.headers


async def test_a_replacement_is_the_next_version(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event(tags=["night"]))

    put = await api.put(f"/v1/events/{event['id']}", json={**event, "title": "New", "tags": []}, headers=at(1))

    after = good(put)
    assert (after["version"], after["title"], after["tags"]) == (2, "New", [])
    assert after["created_at"] == event["created_at"]
    assert after["updated_at"] >= event["updated_at"]
    assert put.headers["etag"] == '"2"'
    assert CURSOR.fullmatch(put.headers["feed-cursor"])
    assert "location" not in put.headers
    assert (await api.get(f"/v1/events/{event['id']}")).content == put.content


async def test_what_a_replacement_leaves_out_is_gone(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event())
    bare = {name: event[name] for name in ("kind", "title", "started_at", "sources")}

    after = good(await api.put(f"/v1/events/{event['id']}", json={**bare, "detail": {}}, headers=at(1)))

    assert (after["locations"], after["summary"], after["casualties"]) == ([], None, [])


async def test_a_field_of_the_servers_may_only_come_back_as_it_is(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event())
    before = await head_of(api)

    for name, value in (
        ("id", UNKNOWN),
        ("version", 2),
        ("version", True),
        ("version", "1"),
        ("created_at", "2025-01-01T00:00:00Z"),
        ("updated_at", None),
        ("quality_flags", ["no-source"]),
    ):
        put = await api.put(f"/v1/events/{event['id']}", json={**event, name: value}, headers=at(1))
        patch = await api.patch(f"/v1/events/{event['id']}", json={"title": "New", name: value}, headers=at(1))
        assert faults(put) == faults(patch) == [("/" + name, "read-only")]
    assert await head_of(api) == before


async def test_an_event_keeps_its_kind(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event(external_ids=[{"system": "s", "id": "1"}]))
    address = f"/v1/events/{event['id']}"

    put = await api.put(address, json=guarantee(), headers=at(1))
    patch = await api.patch(address, json={"kind": "security_guarantee"}, headers=at(1))
    upsert = await api.put("/v1/events/by-external-id/s/1", json=guarantee())
    unknown = await api.patch(address, json={"kind": "rumour"}, headers=at(1))
    same = await api.patch(address, json={"kind": "attack"}, headers=at(1))

    for refused in (put, patch, upsert):
        assert faults(refused) == [("/kind", "read-only")]
    assert unknown.status_code == 422
    assert (good(same)["version"], good(await api.get(address))["version"]) == (1, 1)


async def test_a_change_must_name_the_version_it_was_made_for(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event())
    address, body = f"/v1/events/{event['id']}", unread(event, title="New")

    for method in ("PUT", "PATCH"):
        missing = await api.request(method, address, json=body)
        stale = await api.request(method, address, json=body, headers=at(7))
        problem(missing, 428, "precondition-required")
        assert problem(stale, 412, "version-mismatch")["current"] == 1
    assert good(await api.get(address)) == event


async def test_an_id_that_no_event_has_is_not_found(api: AsyncClient, make_event: MakeEvent) -> None:
    bodies: dict[str, Any] = {"PUT": {"json": make_event()}, "PATCH": {"json": {}}}

    for id in (UNKNOWN, "42", "not-an-id", UNKNOWN[:-1], UNKNOWN + "0", "%C3%A9"):
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            query = "?reason=duplicate" if method == "DELETE" else ""
            answer = await api.request(method, f"/v1/events/{id}{query}", headers=at(1), **bodies.get(method, {}))
            problem(answer, 404, "not-found")
        problem(await api.get(f"/v1/events/{id}/revisions"), 404, "not-found")


async def test_a_replacement_may_not_take_an_external_id_from_another_event(
    api: AsyncClient, make_event: MakeEvent
) -> None:
    holder = await written(api, make_event(external_ids=[{"system": "s", "id": "1"}]))
    event = await written(api, make_event(external_ids=[{"system": "s", "id": "2"}]))
    taken = [{"system": "s", "id": "2"}, {"system": "s", "id": "1"}]

    put = await api.put(f"/v1/events/{event['id']}", json={**event, "external_ids": taken}, headers=at(1))
    patch = await api.patch(f"/v1/events/{event['id']}", json={"external_ids": taken}, headers=at(1))

    for refused in (put, patch):
        assert problem(refused, 409, "duplicate-external-id")["existing"] == {"id": holder["id"], "version": 1}


async def test_an_external_id_that_an_event_gives_up_is_free(api: AsyncClient, make_event: MakeEvent) -> None:
    ids = [{"system": "s", "id": "1"}, {"system": "s", "id": "2"}]
    event = await written(api, make_event(external_ids=ids))

    good(await api.patch(f"/v1/events/{event['id']}", json={"external_ids": ids[1:]}, headers=at(1)))

    problem(await api.get("/v1/events/by-external-id/s/1"), 404)
    other = await written(api, make_event(external_ids=ids[:1]))
    assert good(await api.get("/v1/events/by-external-id/s/1"))["id"] == other["id"]
    assert good(await api.get("/v1/events/by-external-id/s/2"))["id"] == event["id"]
    assert await found(api, "external_id=s:1") == [other["id"]]


async def test_a_standing_relation_may_stay_and_a_new_one_is_checked(api: AsyncClient, make_event: MakeEvent) -> None:
    first = await written(api, make_event())
    event = await written(api, make_event(relations=[{"type": "follows", "event_id": first["id"].upper()}]))
    worse = {"relations": [*event["relations"], {"type": "supports", "event_id": UNKNOWN}]}

    assert event["relations"] == [{"type": "follows", "event_id": first["id"]}]
    refused = await api.patch(f"/v1/events/{event['id']}", json=worse, headers=at(1))
    assert faults(refused) == [("/relations/1/event_id", "unknown-event")]
    own = {"relations": [{"type": "part_of", "event_id": event["id"].upper()}]}
    refused = await api.patch(f"/v1/events/{event['id']}", json=own, headers=at(1))
    assert faults(refused) == [("/relations/0/event_id", "itself")]


# PATCH


async def test_a_patch_comes_as_merge_patch_or_plain_json(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event())

    for n, media in enumerate((MERGE, "application/json", "application/json; charset=utf-8", MERGE.upper()), 1):
        body, headers = f'{{"title":"New {n}"}}', {**at(n), "content-type": media}
        after = good(await api.patch(f"/v1/events/{event['id']}", content=body, headers=headers))
        assert after == {**event, "title": f"New {n}", "version": n + 1, "updated_at": after["updated_at"]}


async def test_a_patch_of_another_media_type_is_refused(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event())

    for media in ("text/plain", "application/xml", "application/json-patch+json", ""):
        headers = {**at(1), "content-type": media}
        refused = await api.patch(f"/v1/events/{event['id']}", content=b"{}", headers=headers)
        problem(refused, 415, "unsupported-media-type")


async def test_a_patch_replaces_lists_whole_and_merges_objects(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event(tags=["night", "record"], extra={"a": {"x": 1, "y": 2}, "b": 3}))
    patch = {"tags": ["day"], "extra": {"a": {"x": None, "z": {"n": None, "m": 1}}, "b": None, "c": [None]}}

    after = good(await api.patch(f"/v1/events/{event['id']}", json=patch, headers=at(1)))

    assert after["tags"] == ["day"]
    assert after["extra"] == {"a": {"y": 2, "z": {"m": 1}}, "c": [None]}
    assert after["locations"] == event["locations"]


async def test_a_patched_estimate_merges_by_key_and_an_integer_replaces_it(api: AsyncClient) -> None:
    event = await written(api, guarantee())

    for n, (patch, count) in enumerate(PATCHED_COUNTS, 1):
        body = {"detail": {"pledgers": {"count": patch}}}
        after = good(await api.patch(f"/v1/events/{event['id']}", json=body, headers=at(n)))
        assert tuple(after["detail"]["pledgers"]["count"].values()) == count


async def test_the_result_of_a_patch_is_validated_whole(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event())
    address = f"/v1/events/{event['id']}"

    for patch, fault in (
        ({"title": None}, ("/title", "missing")),
        ({"detail": None}, ("/detail", "missing")),
        ({"sources": []}, ("/sources", "no-source")),
        ({"surprise": 1}, ("/surprise", "unknown-field")),
        ({"ended_at": "2025-09-05T00:00:00Z"}, ("/ended_at", "end-before-start")),
        ({"started_at": "2025-09-07", "time_precision": "instant"}, ("/started_at", "instant")),
    ):
        assert faults(await api.patch(address, json=patch, headers=at(1))) == [fault]
    assert good(await api.get(address)) == event


async def test_a_patch_is_an_object(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event())
    headers = {**at(1), "content-type": "application/json"}

    for patch in ("[]", "null", "7", '"text"', "true"):
        assert faults(await api.patch(f"/v1/events/{event['id']}", content=patch, headers=headers)) == [("", "type")]


async def test_a_patch_that_changes_nothing_makes_no_version(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event())
    before = await head_of(api)

    for patch in ({}, {"title": event["title"]}, {"casualties": make_event()["casualties"]}, {"ended_at": None}):
        same = await api.patch(f"/v1/events/{event['id']}", json={**patch, "version": 1}, headers=at(1))
        assert good(same) == event
        assert "feed-cursor" not in same.headers
    assert await head_of(api) == before


# DELETE


@pytest.mark.parametrize("reason", ["duplicate", "erroneous", "retracted_by_source", "out_of_scope", "legal"])
async def test_a_deleted_event_leaves_a_tombstone(api: AsyncClient, make_event: MakeEvent, reason: str) -> None:
    event, other = await written(api, make_event()), await written(api, make_event())
    address = f"/v1/events/{event['id']}"

    gone = await api.delete(f"{address}?reason={reason}&superseded_by={other['id']}")

    assert (gone.status_code, gone.content) == (204, b"")
    assert CURSOR.fullmatch(gone.headers["feed-cursor"])
    tombstone = problem(await api.get(address), 410, "deleted")["tombstone"]
    assert INSTANT.fullmatch(tombstone["deleted_at"])
    assert tombstone == {
        "id": event["id"],
        "kind": "attack",
        "version": 2,
        "deleted_at": tombstone["deleted_at"],
        "reason": reason,
        "superseded_by": other["id"],
        "erased": reason == "legal",
    }
    for again in (
        await api.put(address, json=event, headers=at(1)),
        await api.put(address, json=event, headers=at(2)),
        await api.patch(address, json={"title": "x"}, headers=at(2)),
        await api.delete(f"{address}?reason=duplicate"),
        await api.head(address),
    ):
        assert again.status_code == 410
        assert not again.content or problem(again, 410, "deleted")["tombstone"] == tombstone
    assert await found(api, "") == [other["id"]]


async def test_a_deletion_needs_a_reason_of_the_list(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event())
    address = f"/v1/events/{event['id']}"

    assert faults(await api.delete(address)) == [("reason", "missing")]
    assert faults(await api.delete(address + "?reason=whim")) == [("reason", "enum")]
    assert faults(await api.delete(address + "?reason=legal&reason=legal")) == [("reason", "repeated")]
    assert faults(await api.delete(f"{address}?reason=legal&superseded_by=x")) == [("superseded_by", "uuid")]
    assert faults(await api.delete(f"{address}?reason=legal&superseded_by={UNKNOWN}")) == [
        ("superseded_by", "unknown-event")
    ]
    assert good(await api.get(address)) == event


async def test_no_event_supersedes_itself(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event())
    address = f"/v1/events/{event['id']}"

    for spelling in (event["id"], event["id"].upper()):
        refused = await api.delete(f"{address}?reason=duplicate&superseded_by={spelling}")
        assert faults(refused) == [("superseded_by", "itself")]
    assert good(await api.get(address)) == event


async def test_the_event_that_supersedes_may_be_gone_itself(api: AsyncClient, make_event: MakeEvent) -> None:
    event, other = await written(api, make_event()), await written(api, make_event())
    await api.delete(f"/v1/events/{other['id']}?reason=erroneous")

    gone = await api.delete(f"/v1/events/{event['id']}?reason=duplicate&superseded_by={other['id'].upper()}")

    assert gone.status_code == 204
    tombstone = problem(await api.get(f"/v1/events/{event['id']}"), 410)["tombstone"]
    assert tombstone["superseded_by"] == other["id"]


async def test_a_deletion_checks_the_version_if_one_is_named(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event())
    address = f"/v1/events/{event['id']}?reason=duplicate"

    assert problem(await api.delete(address, headers=at(2)), 412, "version-mismatch")["current"] == 1
    assert (await api.delete(address, headers=at(1))).status_code == 204


async def test_a_deletion_releases_the_external_ids(api: AsyncClient, make_event: MakeEvent) -> None:
    ids = [{"system": "s", "id": "1"}, {"system": "s", "id": "2"}]
    event = await written(api, make_event(external_ids=ids))
    await api.delete(f"/v1/events/{event['id']}?reason=duplicate")

    problem(await api.get("/v1/events/by-external-id/s/1"), 404, "not-found")
    upserted = await api.put("/v1/events/by-external-id/s/1", json=make_event())
    created = await api.post("/v1/events", json=make_event(external_ids=ids[1:]))

    assert len({event["id"], good(upserted, 201)["id"], good(created, 201)["id"]}) == 3


# Deletion for legal reasons


async def test_a_legal_deletion_erases_every_version(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event(title="Secret one", external_ids=[{"system": "s", "id": "1"}]))
    address = f"/v1/events/{event['id']}"
    changed = await api.patch(address, json={"title": "Secret two"}, headers=at(1))
    cursor = changed.headers["feed-cursor"]
    other = await written(api, make_event())

    await api.delete(address + "?reason=legal")

    tombstone = problem(await api.get(address), 410)["tombstone"]
    assert tombstone["erased"] is True
    for query in ("version=1", "version=2", "version=3", f"as_of={cursor}", "as_of=2200-01-01"):
        assert problem(await api.get(f"{address}?{query}"), 410, "deleted")["tombstone"] == tombstone
    problem(await api.get(f"{address}?version=4"), 404)
    for query in (f"as_of={cursor}", f"as_of={cursor}&id={event['id']}", f"as_of={cursor}&q=secret"):
        assert await found(api, query) == []
        assert good(await api.get(f"/v1/events/count?{query}"))["count"] == 0
        assert (await api.get(f"/v1/events/export?{query}")).content == b""
    assert await found(api, f"as_of={await head_of(api)}") == [other["id"]]
    history = good(await api.get(address + "/revisions"))["items"]
    assert [row["operation"] for row in history] == ["deleted", "updated", "created"]
    for path in ("/v1/feed", "/v1/events", f"{address}/revisions", f"{address}?version=1"):
        assert b"Secret" not in (await api.get(path)).content


async def test_the_feed_items_of_an_erased_event_carry_the_tombstone(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event(title="Secret"))
    before = good(await api.get("/v1/feed"))["items"]

    await api.delete(f"/v1/events/{event['id']}?reason=legal")

    items = good(await api.get("/v1/feed"))["items"]
    tombstone = problem(await api.get(f"/v1/events/{event['id']}"), 410)["tombstone"]
    assert [item["type"] for item in items] == ["attack.created", "attack.deleted"]
    assert [item["data"] for item in items] == [tombstone, tombstone]
    assert {**items[0], "data": None} == {**before[0], "data": None}


async def test_a_repeat_does_not_bring_back_what_was_erased(api: AsyncClient, make_event: MakeEvent) -> None:
    key = {"idempotency-key": "once"}
    event = good(await api.post("/v1/events", json=make_event(title="Secret"), headers=key), 201)
    await api.delete(f"/v1/events/{event['id']}?reason=legal")

    again = await api.post("/v1/events", json=make_event(title="Secret"), headers=key)

    assert problem(again, 410, "deleted")["tombstone"]["erased"] is True
    assert "Secret" not in again.text
    assert good(await api.get("/v1/events/count"))["count"] == 0


async def test_any_other_deletion_keeps_the_versions(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event())
    address = f"/v1/events/{event['id']}"

    gone = await api.delete(address + "?reason=erroneous")

    assert good(await api.get(address + "?version=1")) == event
    tombstone = problem(await api.get(address + "?version=2"), 410, "deleted")["tombstone"]
    assert tombstone["version"] == 2
    assert problem(await api.get(f"{address}?as_of={gone.headers['feed-cursor']}"), 410)["tombstone"] == tombstone


# Upsert


async def test_an_upsert_creates_changes_and_leaves_alone(api: AsyncClient, make_event: MakeEvent) -> None:
    address = "/v1/events/by-external-id/acled/UKR-1"

    created = await api.put(address, json=make_event())
    unchanged = await api.put(address, json=make_event())
    changed = await api.put(address, json=make_event(title="New"))

    event = good(created, 201)
    assert event["external_ids"] == [{"system": "acled", "id": "UKR-1"}]
    assert created.headers["location"] == f"/v1/events/{event['id']}"
    assert CURSOR.fullmatch(created.headers["feed-cursor"])
    assert (good(unchanged), "feed-cursor" in unchanged.headers) == (event, False)
    assert (good(changed)["version"], changed.headers["etag"]) == (2, '"2"')
    assert "feed-cursor" in changed.headers
    assert (await api.get(address)).content == changed.content
    assert (await api.get(address)).headers["etag"] == '"2"'


async def test_an_upsert_keeps_the_ids_of_the_body_and_adds_its_own(api: AsyncClient, make_event: MakeEvent) -> None:
    ids = [{"system": "acled", "id": "1"}, {"system": "ucdp", "id": "2"}]

    first = good(await api.put("/v1/events/by-external-id/acled/1", json=make_event(external_ids=ids[1:])), 201)
    by_other = await api.put("/v1/events/by-external-id/ucdp/2", json=make_event(external_ids=first["external_ids"]))

    assert first["external_ids"] == [ids[1], ids[0]]
    assert good(by_other) == first


async def test_an_external_id_may_hold_almost_anything(api: AsyncClient, make_event: MakeEvent) -> None:
    for path, id in (
        ("a/b:c", "a/b:c"),
        ("a%2fb%3Ad", "a/b:d"),
        ("%25", "%"),
        ("a%20b+c", "a b+c"),
        ("x/revisions", "x/revisions"),
        ("%E2%80%94", "\u2014"),
        ("//double//", "//double//"),
        ("%3F", "?"),
        ("'%22;--", "'\";--"),
        ("a" * 300, "a" * 300),
    ):
        address = f"/v1/events/by-external-id/s/{path}"
        event = good(await api.put(address, json=make_event()), 201)
        assert event["external_ids"] == [{"system": "s", "id": id}]
        assert good(await api.get(address)) == event
        listed = await api.get("/v1/events", params={"external_id": f"s:{id}"})
        assert [item["id"] for item in good(listed)["items"]] == [event["id"]]


async def test_an_external_id_that_nothing_can_hold_is_not_found(api: AsyncClient, make_event: MakeEvent) -> None:
    for name in ("S/1", "-s/1", "s s/1", "\u0455/1", "a" * 65 + "/1", "s/", "s/" + "a" * 301, "s/%00", "s/%C2%85"):
        address = f"/v1/events/by-external-id/{name}"
        problem(await api.get(address), 404, "not-found")
        problem(await api.put(address, json=make_event()), 404, "not-found")


async def test_an_upsert_may_be_guarded_by_version(api: AsyncClient, make_event: MakeEvent) -> None:
    address = "/v1/events/by-external-id/s/1"

    missing = await api.put(address, json=make_event(), headers={"if-match": "*"})
    good(await api.put(address, json=make_event(), headers={"if-none-match": "*"}), 201)
    taken = await api.put(address, json=make_event(title="New"), headers={"if-none-match": "*"})
    stale = await api.put(address, json=make_event(title="New"), headers=at(2))
    right = await api.put(address, json=make_event(title="New"), headers=at(1))

    problem(missing, 412, "version-mismatch")
    assert problem(taken, 412, "version-mismatch")["current"] == 1
    assert problem(stale, 412, "version-mismatch")["current"] == 1
    assert good(right)["version"] == 2


async def test_an_upsert_takes_back_what_was_read(api: AsyncClient, make_event: MakeEvent) -> None:
    address = "/v1/events/by-external-id/s/1"
    event = good(await api.put(address, json=make_event()), 201)

    same = await api.put(address, json=event)
    other = await api.put(address, json={**event, "version": 9, "title": "New"})
    fresh = await api.put("/v1/events/by-external-id/s/2", json={**event, "external_ids": []})

    assert good(same) == event
    assert faults(other) == [("/version", "read-only")]
    assert {code for _, code in faults(fresh)} == {"read-only"}


async def test_an_upsert_may_not_take_an_external_id_from_another_event(
    api: AsyncClient, make_event: MakeEvent
) -> None:
    holder = await written(api, make_event(external_ids=[{"system": "s", "id": "1"}]))
    both = make_event(external_ids=[{"system": "s", "id": "1"}])

    refused = await api.put("/v1/events/by-external-id/s/2", json=both)

    assert problem(refused, 409, "duplicate-external-id")["existing"] == {"id": holder["id"], "version": 1}


async def test_an_upsert_wants_an_event(api: AsyncClient, make_event: MakeEvent) -> None:
    address = "/v1/events/by-external-id/s/1"

    assert faults(await api.put(address, json=[])) == [("", "type")]
    assert faults(await api.put(address, json=make_event(external_ids={}))) == [("/external_ids", "type")]
    bad = make_event(external_ids=[{"system": "s", "id": 1}])
    assert ("/external_ids/0/id", "type") in faults(await api.put(address, json=bad))
    problem(await api.put(address, content=b"{}"), 415)
    problem(await api.get(address), 404)


async def test_a_refused_write_leaves_no_trace(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event(external_ids=[{"system": "s", "id": "1"}]))
    before = good(await api.get("/v1/feed/checkpoint"))
    bad = copy.deepcopy(event)
    bad["locations"][0]["lat"] = 91

    assert (await api.put(f"/v1/events/{event['id']}", json=bad, headers=at(1))).status_code == 422
    assert (await api.post("/v1/events", json=unread(bad))).status_code == 422
    assert (await api.post("/v1/events", json=unread(event))).status_code == 409

    assert good(await api.get("/v1/feed/checkpoint")) == before
