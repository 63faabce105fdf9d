"""Batches: decided in order, all or nothing or each for itself, with pointers into the request."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from calls import faults, found, good, head_of, problem, written

if TYPE_CHECKING:
    from conftest import MakeEvent
    from httpx import AsyncClient, Response

UNKNOWN = "0197f2a0-0000-7000-8000-000000000001"
BATCH = "/v1/events/batch"
RESULT = ["index", "status", "id", "version", "cursor", "problem"]


async def send(api: AsyncClient, *items: Any, partial: bool | None = None) -> Response:
    query = "" if partial is None else f"?partial={str(partial).lower()}"
    return await api.post(BATCH + query, json={"items": list(items)})


def create(event: dict[str, Any]) -> dict[str, Any]:
    return {"op": "create", "event": event}


def upsert(external_id: str, event: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"op": "upsert", "system": "s", "external_id": external_id, "event": event, **more}


def follows(reference: str) -> dict[str, Any]:
    return {"relations": [{"type": "follows", "event_id": reference}]}


def statuses(response: Response) -> list[int]:
    return [result["status"] for result in good(response)["results"]]


async def test_every_operation_answers_what_the_single_call_would(api: AsyncClient, make_event: MakeEvent) -> None:
    one, two, three = [await written(api, make_event()) for _ in range(3)]

    done = await send(
        api,
        create(make_event()),
        upsert("1", make_event()),
        {"op": "replace", "id": one["id"], "if_match": 1, "event": {**one, "title": "New"}},
        {"op": "patch", "id": two["id"], "if_match": 1, "patch": {"title": "New"}},
        {"op": "delete", "id": three["id"], "reason": "duplicate", "superseded_by": one["id"]},
        upsert("1", make_event()),
    )

    results = good(done)["results"]
    assert all(list(result) == RESULT for result in results)
    assert [result["index"] for result in results] == list(range(6))
    assert [(result["status"], result["version"]) for result in results] == [
        (201, 1),
        (201, 1),
        (200, 2),
        (200, 2),
        (204, 2),
        (200, 1),
    ]
    assert [result["cursor"] for result in results] == [*(f"e1-{n:012d}" for n in range(4, 9)), None]
    assert [result["id"] for result in results[2:5]] == [one["id"], two["id"], three["id"]]
    assert results[5]["id"] == results[1]["id"]
    assert all(result["problem"] is None for result in results)
    assert done.headers["feed-cursor"] == "e1-000000000008"
    assert good(await api.get(f"/v1/events/{two['id']}"))["title"] == "New"
    assert problem(await api.get(f"/v1/events/{three['id']}"), 410)["tombstone"]["superseded_by"] == one["id"]


async def test_an_empty_batch_does_nothing(api: AsyncClient) -> None:
    done = await send(api)

    assert good(done) == {"results": []}
    assert "feed-cursor" not in done.headers


async def test_a_batch_that_changes_nothing_has_no_cursor(api: AsyncClient, make_event: MakeEvent) -> None:
    await send(api, upsert("1", make_event()))

    again = await send(api, upsert("1", make_event()))

    assert [result["cursor"] for result in good(again)["results"]] == [None]
    assert "feed-cursor" not in again.headers


async def test_an_atomic_batch_fails_whole_with_the_first_fault(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event(external_ids=[{"system": "s", "id": "1"}]))
    gone = await written(api, make_event())
    await api.delete(f"/v1/events/{gone['id']}?reason=duplicate")
    fine, before = create(make_event()), await head_of(api)
    replace = {"op": "replace", "id": event["id"], "event": event}

    for item, status, pointer in (
        (create(make_event(status="rumour")), 422, "/items/1/event/status"),
        (create(make_event(version=1)), 422, "/items/1/event/version"),
        (create(make_event(external_ids=event["external_ids"])), 409, "/items/1/event"),
        (upsert("2", make_event(external_ids=event["external_ids"])), 409, "/items/1/event"),
        (upsert("1", make_event(), if_match=2), 412, "/items/1/if_match"),
        (upsert("9", make_event(), if_match=1), 412, "/items/1/if_match"),
        ({**replace}, 428, "/items/1/if_match"),
        ({**replace, "if_match": 2}, 412, "/items/1/if_match"),
        ({**replace, "if_match": 1, "id": UNKNOWN}, 404, "/items/1/id"),
        ({**replace, "if_match": 1, "id": "x"}, 404, "/items/1/id"),
        ({**replace, "if_match": 1, "id": gone["id"]}, 410, "/items/1/id"),
        ({**replace, "if_match": "1"}, 422, "/items/1/if_match"),
        ({**replace, "if_match": 1.5}, 422, "/items/1/if_match"),
        ({**replace, "if_match": True}, 422, "/items/1/if_match"),
        ({"op": "patch", "id": event["id"], "patch": {}}, 428, "/items/1/if_match"),
        ({"op": "patch", "id": event["id"], "patch": {}, "if_match": 2}, 412, "/items/1/if_match"),
        ({"op": "delete", "id": UNKNOWN, "reason": "legal"}, 404, "/items/1/id"),
        ({"op": "patch", "id": event["id"], "patch": {"title": None}, "if_match": 1}, 422, "/items/1/patch/title"),
        ({"op": "patch", "id": event["id"], "patch": [], "if_match": 1}, 422, "/items/1/patch"),
        ({"op": "delete", "id": event["id"]}, 422, "/items/1/reason"),
        ({"op": "delete", "id": event["id"], "reason": "whim"}, 422, "/items/1/reason"),
        ({"op": "delete", "id": event["id"], "reason": "legal", "superseded_by": "x"}, 422, "/items/1/superseded_by"),
        (
            {"op": "delete", "id": event["id"], "reason": "legal", "superseded_by": UNKNOWN},
            422,
            "/items/1/superseded_by",
        ),
        ({"op": "delete", "id": event["id"], "reason": "legal", "if_match": 2}, 412, "/items/1/if_match"),
        ({"op": "merge"}, 422, "/items/1/op"),
        ({"event": make_event()}, 422, "/items/1/op"),
        ({**fine, "surprise": 1}, 422, "/items/1/surprise"),
        ({"op": "create"}, 422, "/items/1/event"),
        ({"op": ["create"]}, 422, "/items/1/op"),
        ("create", 422, "/items/1"),
        ([], 422, "/items/1"),
        (None, 422, "/items/1"),
    ):
        refused = await send(api, fine, item, create(make_event(status="later")))
        assert (refused.status_code, faults(refused, status)[0][0]) == (status, pointer), item
    assert await head_of(api) == before


async def test_a_refused_item_keeps_its_members(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event(external_ids=[{"system": "s", "id": "1"}]))

    taken = await send(api, create(make_event(external_ids=event["external_ids"])))
    stale = await send(api, {"op": "patch", "id": event["id"], "if_match": 7, "patch": {}})
    mixed = await send(api, create(make_event(external_ids=event["external_ids"])), partial=True)

    assert problem(taken, 409, "duplicate-external-id")["existing"] == {"id": event["id"], "version": 1}
    assert problem(stale, 412, "version-mismatch")["current"] == 1
    [result] = good(mixed)["results"]
    assert (result["status"], result["id"], result["version"], result["cursor"]) == (409, None, None, None)
    assert result["problem"]["existing"] == {"id": event["id"], "version": 1}
    assert result["problem"]["type"] == "/problems/duplicate-external-id"
    assert result["problem"]["instance"].startswith("/requests/")


async def test_with_partial_every_item_stands_for_itself(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event())

    done = await send(
        api,
        create(make_event(title="first")),
        create(make_event(status="rumour")),
        {"op": "patch", "id": event["id"], "patch": {}},
        "nonsense",
        create(make_event(title="last")),
        partial=True,
    )

    results = good(done)["results"]
    assert [result["status"] for result in results] == [201, 422, 428, 422, 201]
    assert [error["pointer"] for error in results[1]["problem"]["errors"]] == ["/items/1/event/status"]
    assert [result["cursor"] for result in results] == ["e1-000000000002", None, None, None, "e1-000000000003"]
    assert done.headers["feed-cursor"] == "e1-000000000003"
    assert len(await found(api, "")) == 3


async def test_a_batch_that_fails_whole_may_be_all_of_a_partial_answer(api: AsyncClient) -> None:
    done = await send(api, "x", "y", partial=True)

    assert statuses(done) == [422, 422]
    assert "feed-cursor" not in done.headers


async def test_later_items_see_what_earlier_ones_did(api: AsyncClient, make_event: MakeEvent) -> None:
    keyed = make_event(external_ids=[{"system": "s", "id": "1"}])
    bare = make_event(external_ids=[])

    done = await send(
        api,
        create(keyed),
        create(keyed),
        upsert("1", make_event(title="second")),
        upsert("1", make_event(title="third"), if_match=2),
        upsert("1", make_event(title="fourth"), if_match=2),
        create(bare),
        partial=True,
    )

    results = good(done)["results"]
    assert [(result["status"], result["version"]) for result in results] == [
        (201, 1),
        (409, None),
        (200, 2),
        (200, 3),
        (412, None),
        (201, 1),
    ]
    assert results[1]["problem"]["existing"] == {"id": results[0]["id"], "version": 1}
    assert results[4]["problem"]["current"] == 3


async def test_an_external_id_goes_over_within_one_batch(api: AsyncClient, make_event: MakeEvent) -> None:
    ids = [{"system": "s", "id": "1"}]
    event = await written(api, make_event(external_ids=ids))

    done = await send(
        api,
        {"op": "patch", "id": event["id"], "if_match": 1, "patch": {"external_ids": []}},
        create(make_event(title="heir", external_ids=ids)),
        {"op": "delete", "id": event["id"], "reason": "duplicate", "superseded_by": "#1"},
        upsert("1", make_event(title="heir"), if_match=1),
    )

    assert statuses(done) == [200, 201, 204, 200]
    heir = good(await api.get("/v1/events/by-external-id/s/1"))
    assert (heir["id"], heir["version"]) == (done.json()["results"][1]["id"], 1)
    assert problem(await api.get(f"/v1/events/{event['id']}"), 410)["tombstone"]["superseded_by"] == heir["id"]
    assert await found(api, "external_id=s:1") == [heir["id"]]


async def test_external_ids_may_change_hands_and_come_back_within_one_batch(
    api: AsyncClient, make_event: MakeEvent
) -> None:
    ids = [{"system": "s", "id": "1"}]
    one, two = await written(api, make_event(external_ids=ids)), await written(api, make_event())

    def patch(event: dict[str, Any], version: int, held: list[dict[str, str]]) -> dict[str, Any]:
        return {"op": "patch", "id": event["id"], "if_match": version, "patch": {"external_ids": held}}

    done = await send(api, patch(one, 1, []), patch(two, 1, ids), patch(two, 2, []), patch(one, 2, ids))

    assert statuses(done) == [200] * 4
    assert good(await api.get("/v1/events/by-external-id/s/1"))["id"] == one["id"]
    assert await found(api, "external_id=s:1") == [one["id"]]


async def test_a_number_names_the_event_of_an_earlier_item(api: AsyncClient, make_event: MakeEvent) -> None:
    other = await written(api, make_event())

    done = await send(
        api,
        create(make_event()),
        create(make_event(**follows("#0"))),
        upsert("1", make_event(**follows("#1"))),
        {"op": "patch", "id": other["id"], "if_match": 1, "patch": follows("#2")},
        {"op": "delete", "id": other["id"], "reason": "duplicate", "superseded_by": "#0"},
        create(make_event(**follows("#4"))),
    )

    assert statuses(done) == [201, 201, 201, 200, 204, 201]
    ids = [result["id"] for result in done.json()["results"]]
    for index, earlier in ((1, 0), (2, 1), (5, 4)):
        [relation] = good(await api.get(f"/v1/events/{ids[index]}"))["relations"]
        assert relation["event_id"] == ids[earlier]
    assert await found(api, f"related_to={ids[1]}") == [ids[2]]


async def test_a_number_may_not_name_the_event_itself_however_the_earlier_item_named_it(
    api: AsyncClient, make_event: MakeEvent
) -> None:
    event = await written(api, make_event(external_ids=[{"system": "s", "id": "1"}]))
    delete = {"op": "delete", "id": event["id"], "reason": "duplicate", "superseded_by": "#0"}
    patch = {"op": "patch", "id": event["id"], "if_match": 1, "patch": {"title": "other"}}

    for first in (upsert("1", make_event(title="other")), upsert("1", make_event()), patch):
        assert faults(await send(api, first, delete)) == [("/items/1/superseded_by", "itself")]
        assert faults(await send(api, first, upsert("1", make_event(**follows("#0"))))) == [
            ("/items/1/event/relations/0/event_id", "itself")
        ]
    once = await send(api, upsert("1", make_event(title="other")), delete, partial=True)
    assert statuses(once) == [200, 422]
    assert faults(await api.put("/v1/events/by-external-id/s/1", json=make_event(**follows(event["id"])))) == [
        ("/relations/0/event_id", "itself")
    ]
    assert good(await api.get(f"/v1/events/{event['id']}"))["version"] == 2


async def test_a_number_that_names_no_earlier_event_is_refused(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event())
    for reference in ("#1", "#2", "#999"):
        refused = await send(api, create(make_event()), create(make_event(**follows(reference))))
        assert faults(refused) == [("/items/1/event/relations/0/event_id", "unknown-event")]
    for reference in ("#-1", "#01", "# 0", "#", "#\u0660", "0", "##0", "#10000", "#1\n"):
        refused = await send(api, create(make_event()), create(make_event(**follows(reference))))
        assert refused.status_code == 422
        deleted = {"op": "delete", "id": event["id"], "reason": "legal", "superseded_by": reference}
        assert (await send(api, create(make_event()), deleted)).status_code == 422

    failed = await send(api, create(make_event(status="x")), create(make_event(**follows("#0"))), partial=True)
    assert statuses(failed) == [422, 422]
    own = await send(api, create(make_event(**follows("#0"))))
    assert faults(own) == [("/items/0/event/relations/0/event_id", "unknown-event")]
    assert await found(api, "") == [event["id"]]


async def test_several_versions_of_one_event_in_one_batch_are_all_kept(api: AsyncClient, make_event: MakeEvent) -> None:
    titles = ["second", "third", "first", "fourth"]
    first = make_event(title="first", tags=["a"])

    done = await send(
        api,
        upsert("1", first),
        upsert("1", {**first, "title": "second", "tags": ["b"], "started_at": "2024-01-01T00:00:00Z"}),
        upsert("1", {**first, "title": "third", "tags": ["a"]}),
        upsert("1", first),
        upsert("1", {**first, "title": "fourth", "tags": ["b"]}),
        upsert("1", {**first, "title": "fourth", "tags": ["b"]}),
    )

    results = good(done)["results"]
    assert [(result["status"], result["version"]) for result in results] == [
        (201, 1),
        (200, 2),
        (200, 3),
        (200, 4),
        (200, 5),
        (200, 5),
    ]
    id, cursors = results[0]["id"], [result["cursor"] for result in results[:5]]
    history = good(await api.get(f"/v1/events/{id}/revisions"))["items"]
    assert [(row["version"], row["cursor"]) for row in history] == list(
        zip(range(5, 0, -1), cursors[::-1], strict=True)
    )
    for version, (title, cursor) in enumerate(zip(["first", *titles], cursors, strict=True), 1):
        assert good(await api.get(f"/v1/events/{id}?version={version}"))["title"] == title
        assert good(await api.get(f"/v1/events/{id}?as_of={cursor}"))["title"] == title
        [listed] = good(await api.get(f"/v1/events?as_of={cursor}"))["items"]
        assert (listed["title"], listed["version"]) == (title, version)
        tags = {tag: await found(api, f"tag={tag}&as_of={cursor}") for tag in ("a", "b")}
        assert tags == {"a": [id] if version in {1, 3, 4} else [], "b": [id] if version in {2, 5} else []}
    assert await found(api, "tag=a") == []
    assert await found(api, "tag=b&q=fourth") == [id]


async def test_an_event_may_come_and_go_within_one_batch(api: AsyncClient, make_event: MakeEvent) -> None:
    keyed = {**make_event(tags=["short"]), "external_ids": [{"system": "s", "id": "1"}]}
    event = await written(api, make_event())

    done = await send(
        api,
        {"op": "delete", "id": event["id"], "reason": "duplicate"},
        {"op": "delete", "id": event["id"], "reason": "duplicate"},
        {"op": "patch", "id": event["id"], "if_match": 2, "patch": {}},
        create(keyed),
        create(make_event(**follows(event["id"]))),
        partial=True,
    )

    assert statuses(done) == [204, 410, 410, 201, 201]
    assert done.json()["results"][1]["problem"]["tombstone"]["id"] == event["id"]
    assert await found(api, "tag=short&sort=updated_at") == [done.json()["results"][3]["id"]]


async def test_a_batch_has_at_most_a_thousand_items(api: AsyncClient, make_event: MakeEvent) -> None:
    small = make_event(locations=[], actors=[], casualties=[], detail={}, summary=None)

    full = await send(api, *(create({**small, "title": str(n)}) for n in range(1000)))
    over = await send(api, *(["x"] * 1001))

    assert statuses(full) == [201] * 1000
    assert full.headers["feed-cursor"] == "e1-000000001000"
    assert good(await api.get("/v1/events/count"))["count"] == 1000
    assert faults(over) == [("/items", "too-long")]


async def test_an_item_has_at_most_256_kib(api: AsyncClient, make_event: MakeEvent) -> None:
    long = make_event(claims=[{"field": "/title", "value": "x" * 260_000, "source": 0}])
    longer = make_event(claims=[{"field": "/title", "value": "x" * 270_000, "source": 0}])

    taken = await send(api, create(long))
    refused = await send(api, create(make_event()), create(longer))
    mixed = await send(api, create(longer), create(make_event()), partial=True)

    assert statuses(taken) == [201]
    assert [place for place, _ in faults(refused, 413)] == ["/items/1"]
    assert statuses(mixed) == [413, 201]


async def test_a_batch_has_at_most_16_mib(api: AsyncClient, make_event: MakeEvent) -> None:
    long = json.dumps(create(make_event(claims=[{"field": "/title", "value": "x" * 200_000, "source": 0}])))
    head = {"content-type": "application/json"}

    fine = await api.post(BATCH, content=f'{{"items":[{",".join([long] * 20)}]}}', headers=head)
    over = await api.post(BATCH, content=f'{{"items":[{",".join([long] * 85)}]}}', headers=head)

    assert statuses(fine) == [201] * 20
    problem(over, 413, "payload-too-large")
    assert await head_of(api) == "e1-000000000020"


async def test_a_batch_is_an_object_with_items(api: AsyncClient, make_event: MakeEvent) -> None:
    for body, pointer in (
        ([], ""),
        ({}, ""),
        ({"items": {}}, ""),
        ({"items": [], "partial": True}, ""),
        (7, ""),
        ("items", ""),
    ):
        assert [place for place, _ in faults(await api.post(BATCH, json=body))] == [pointer]
    for query in ("partial=1", "partial=True", "partial=", "partial=true&partial=true", "atomic=true"):
        refused = await api.post(f"{BATCH}?{query}", json={"items": [create(make_event())]})
        assert [place for place, _ in faults(refused)] == [query.partition("=")[0]]
    assert await head_of(api) == "e1-000000000000"


async def test_a_batch_repeats_by_its_idempotency_key(api: AsyncClient, make_event: MakeEvent) -> None:
    body, key = {"items": [create(make_event()), "wrong"]}, {"idempotency-key": "b1"}

    first = await api.post(f"{BATCH}?partial=true", json=body, headers=key)
    again = await api.post(f"{BATCH}?partial=true", json=body, headers=key)

    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["feed-cursor"] == first.headers["feed-cursor"]
    assert await head_of(api) == "e1-000000000001"


async def test_an_atomic_batch_names_no_event_that_went_with_it(api: AsyncClient, make_event: MakeEvent) -> None:
    twice = {"op": "create", "event": make_event(external_ids=[{"system": "wire", "id": "1"}])}

    refused = problem(await api.post("/v1/events/batch", json={"items": [twice, twice]}), 409, "duplicate-external-id")

    assert "existing" not in refused
    [fault] = refused["errors"]
    assert (fault["pointer"], fault["code"]) == ("/items/1/event", "duplicate-external-id")
    assert refused["detail"] == fault["detail"] == "The event of /items/0 in this batch holds one of the external ids."


async def test_each_fault_of_a_batch_names_the_earlier_item_that_holds_its_external_id(
    api: AsyncClient, make_event: MakeEvent
) -> None:
    def keyed(id: str, **fields: Any) -> dict[str, Any]:
        return create(make_event(external_ids=[{"system": "wire", "id": id}], **fields))

    put = upsert("3", make_event(external_ids=[{"system": "wire", "id": "2"}]))
    refused = problem(await send(api, keyed("1"), keyed("2"), {"op": "merge"}, keyed("2"), keyed("1"), put), 422)

    told = [(fault["pointer"], fault["detail"].split()[3]) for fault in refused["errors"][1:]]
    assert told == [("/items/3/event", "/items/1"), ("/items/4/event", "/items/0"), ("/items/5/event", "/items/1")]
    assert refused["detail"].startswith("4 items were refused;")
    assert good(await api.get("/v1/events/count"))["count"] == 0


async def test_an_item_that_is_no_object_is_of_the_wrong_type(api: AsyncClient, make_event: MakeEvent) -> None:
    items: list[Any] = [create(make_event()), "create", None, [], 1]

    assert faults(await send(api, *items)) == [(f"/items/{n}", "type") for n in (1, 2, 3, 4)]
    results = good(await send(api, *items, partial=True))["results"]
    assert [result["status"] for result in results] == [201, 422, 422, 422, 422]


async def test_a_refused_item_carries_the_id_of_its_request(api: AsyncClient) -> None:
    answer = await api.post("/v1/events/batch?partial=true", json={"items": [{"op": "create", "event": {}}]})

    [result] = good(answer)["results"]
    assert re.fullmatch(r"/requests/[0-9a-f]{24}", result["problem"]["instance"])


async def test_a_refused_batch_tells_the_faults_of_all_items(api: AsyncClient, make_event: MakeEvent) -> None:
    known = await written(api, make_event(external_ids=[{"system": "acled", "id": "1"}]))
    gone = "0197f2a0-0000-7000-8000-000000000001"
    items = [
        {"op": "create", "event": make_event()},
        {"op": "create", "event": {**make_event(), "status": "sure"}},
        {"op": "create", "event": make_event(relations=[{"type": "follows", "event_id": "#1"}])},
        {"op": "replace", "id": known["id"], "if_match": 9, "event": make_event()},
        {"op": "create", "event": make_event(external_ids=[{"system": "acled", "id": "1"}])},
        {"op": "delete", "id": known["id"], "reason": "duplicate", "superseded_by": known["id"]},
        {"op": "create", "event": make_event(relations=[{"type": "follows", "event_id": gone}])},
        {"op": "delete", "id": known["id"], "reason": "duplicate", "superseded_by": "#3"},
    ]
    answer = await api.post("/v1/events/batch", json={"items": items})
    assert answer.status_code == 422
    assert faults(answer) == [
        ("/items/1/event/status", "enum"),
        ("/items/3/if_match", "version-mismatch"),
        ("/items/4/event", "duplicate-external-id"),
        ("/items/5/superseded_by", "itself"),
        ("/items/6/event/relations/0/event_id", "unknown-event"),
    ]
    assert answer.json()["detail"].startswith("5 items were refused; see errors.")
    assert len(good(await api.get("/v1/events"))["items"]) == 1


async def test_what_cannot_be_stored_is_the_fault_of_its_item_alone(api: AsyncClient, make_event: MakeEvent) -> None:
    bell, large = make_event(title="a\u0007"), make_event(extra={"n": 2**70, "m": "\ud800"})
    items = [{"op": "create", "event": event} for event in (make_event(), bell, make_event(title=""), large)]
    raw = json.dumps({"items": items}).encode()
    headers = {"content-type": "application/json"}

    whole = await api.post("/v1/events/batch", content=raw, headers=headers)
    partial = good(await api.post("/v1/events/batch?partial=true", content=raw, headers=headers))["results"]
    beside = await api.post(
        "/v1/events/batch", content=raw.replace(b'{"items"', b'{"a\\u0007":1,"items"'), headers=headers
    )

    assert whole.status_code == 422
    expected = [
        ("/items/1/event/title", "control-character"),
        ("/items/2/event/title", "too-short"),
        ("/items/3/event/extra/n", "range"),
        ("/items/3/event/extra/m", "surrogate"),
    ]
    assert [(fault["pointer"], fault["code"]) for fault in whole.json()["errors"]] == expected
    assert [result["status"] for result in partial] == [201, 422, 422, 422]
    assert [fault["pointer"] for fault in partial[3]["problem"]["errors"]] == [pointer for pointer, _ in expected[2:]]
    assert (beside.status_code, beside.json()["errors"][0]["pointer"]) == (422, "")
