"""A version that an earlier release wrote stays as it is, is read everywhere, and can be changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from calls import faults, good, written
from sqlmodel import col

from app.changes import Change

if TYPE_CHECKING:
    import httpx
    from conftest import MakeEvent

    from app.db import Database, Transaction

# Codes of no list: as if theirs had dropped them after the event was written.
GONE = [
    (b'"admin1":"UA-30"', b'"admin1":"UA-ZZZ"'),
    (b'"currency":"BGN"', b'"currency":"QQQ"'),
    (b'"language":"en"', b'"language":"qq"'),
    (b'"timezone":"Europe/Kyiv"', b'"timezone":"Europe/Gone"'),
    (b'"country":"PA"', b'"country":"QP"'),
]
LATER = [b'"aliases":[],', b'"actor":null,', b'"countries":[],', b'"registration":null,', b'"rate_low_pct":null,']
LINE = "One\u2028two\u2029three"


def sanction(**fields: Any) -> dict[str, Any]:
    """An event with a code of every list."""
    return {
        "kind": "sanction_move",
        "title": LINE,
        "started_at": "2025-09-07T00:00:00Z",
        "time_precision": "day",
        "timezone": "Europe/Kyiv",
        "locations": [{"name": "Kyiv", "country": "UA", "admin1": "UA-30", "lat": 50.45, "lon": 30.52}],
        "actors": [{"name": "Ukraine", "role": "initiator", "type": "government", "country": "UA"}],
        "casualties": [{"measure": "killed", "group": "civilian", "count": 3}],
        "sources": [{"publisher": "Wire", "language": "en"}],
        "external_ids": [{"system": "wire", "id": "1"}],
        "extra": {"aliases": [], "actor": None},
        "detail": {
            "authority": {"name": "Ukraine", "type": "state", "country": "UA"},
            "stage": "adopted",
            "measures": [
                {
                    "type": "asset_freeze",
                    "amount": 5,
                    "currency": "BGN",
                    "targets": [{"name": "A ship", "schema": "Vessel", "country": "PA"}],
                }
            ],
        },
        **fields,
    }


async def aged(api: httpx.AsyncClient, db: Database) -> dict[str, Any]:
    """An event whose stored bytes are made to be those of an earlier release; as it is given now."""
    event = await written(api, sanction())
    [[stored]] = await db.rows(sa.select(col(Change.body)))
    body = bytes(stored)
    inner, extra = body.split(b'"extra":{')[0], b'"extra":{' + body.split(b'"extra":{')[1]
    head, rest = extra.split(b"}", 1)
    for field in LATER:
        inner, rest = inner.replace(field, b""), rest.replace(field, b"")
    body = inner + head + b"}" + rest
    for one, other in GONE:
        assert one in body
        body = body.replace(one, other)
    body = body.replace(b"\\u2028", "\u2028".encode()).replace(b"\\u2029", "\u2029".encode())

    async def put(tx: Transaction) -> None:
        await tx.run(sa.update(Change).values(body=body))

    await db.write(put)
    old: dict[str, Any] = good(await api.get(f"/v1/events/{event['id']}"))
    assert old["locations"][0]["admin1"] == "UA-ZZZ"
    assert "aliases" not in old["actors"][0]
    return old


async def test_it_is_read_everywhere(api: httpx.AsyncClient, db: Database) -> None:
    event = await aged(api, db)
    bytes_ = (await api.get(f"/v1/events/{event['id']}")).content

    for path in (
        "/v1/events",
        "/v1/events/export?format=geojson",
        "/v1/events/export",
        "/v1/events?as_of=e1-000000000001&killed_min=1",
        "/v1/events?as_of=e1-000000000001&q=two",
        "/v1/feed?killed_min=1",
        "/v1/feed?q=two",
        f"/v1/events/{event['id']}?version=1",
        "/v1/events/by-external-id/wire/1",
    ):
        text = (await api.get(path)).text
        assert "three" in text, path
        assert len(text.splitlines()) == 1, path
        if "geojson" not in path:
            assert bytes_.decode() in text, path
    for path in ("/v1/events/export?format=csv", "/v1/feeds/all_day.atom"):
        assert (await api.get(path)).status_code == 200
    csv = (await api.get("/v1/events/export?format=csv")).text
    assert len(csv.splitlines()) == 2
    assert "One two three" in csv


@pytest.mark.parametrize("way", ["put", "upsert", "batch"])
async def test_what_get_gave_is_no_change(api: httpx.AsyncClient, db: Database, way: str) -> None:
    event = await aged(api, db)
    body = {name: value for name, value in event.items() if name != "id"}

    answer = await sent(api, way, event["id"], body)

    assert answer == event
    assert len(good(await api.get(f"/v1/events/{event['id']}/revisions"))["items"]) == 1


@pytest.mark.parametrize("way", ["put", "patch", "upsert", "batch", "batch-patch"])
async def test_it_can_be_changed_and_then_has_every_field(api: httpx.AsyncClient, db: Database, way: str) -> None:
    event = await aged(api, db)
    moved = [*event["locations"], {"name": "Kyiv too", "country": "UA", "admin1": "UA-ZZZ"}]
    changed = {**event, "status": "confirmed", "locations": moved[::-1]}

    answer = await sent(api, way, event["id"], changed)

    assert answer["version"] == 2
    assert answer["actors"][0]["aliases"] == []
    assert answer["casualties"][0]["actor"] is None
    assert answer["detail"]["measures"][0]["targets"][0]["countries"] == []
    assert answer["detail"]["measures"][0]["currency"] == "QQQ"
    assert answer["timezone"] == "Europe/Gone"
    [revision, _] = good(await api.get(f"/v1/events/{event['id']}/revisions"))["items"]
    assert revision["changed"] == ["/status", "/locations"]
    assert good(await api.get(f"/v1/events/{event['id']}?version=1")) == event


@pytest.mark.parametrize("way", ["put", "patch", "upsert", "batch", "batch-patch"])
async def test_another_code_of_no_list_is_refused(api: httpx.AsyncClient, db: Database, way: str) -> None:
    event = await aged(api, db)
    places = [*event["locations"], {"name": "x", "country": "UA", "admin1": "UA-XXX"}]
    base = {"batch": "/items/0/event", "batch-patch": "/items/0/patch"}.get(way, "")

    answer = await send(api, way, event["id"], {**event, "locations": places})

    assert faults(answer) == [(f"{base}/locations/1/admin1", "admin1")]


async def test_a_new_event_may_not_have_a_code_of_no_list(api: httpx.AsyncClient) -> None:
    event = sanction(timezone="Europe/Gone", sources=[{"publisher": "Wire", "language": "qq"}])
    refused = [("/timezone", "timezone"), ("/sources/0/language", "language")]

    assert faults(await api.post("/v1/events", json=event)) == refused
    assert faults(await api.put("/v1/events/by-external-id/wire/1", json=event)) == refused


async def test_line_separators_leave_escaped(api: httpx.AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event(title=LINE, extra={LINE: [LINE]}, tags=["a"]))

    assert event["title"] == LINE
    assert list(event["extra"]) == [LINE]
    for path in ("/v1/events", "/v1/feed", f"/v1/events/{event['id']}", "/v1/events/export"):
        assert len((await api.get(path)).text.splitlines()) == 1, path
    assert LINE not in (await api.get("/v1/feeds/all_month.atom")).text
    again = {**event, "summary": "s"}
    answer = await api.put(f"/v1/events/{event['id']}", json=again, headers={"If-Match": '"1"'})
    assert "\u2028" not in answer.text
    assert json.loads(answer.text)["version"] == 2


async def send(api: httpx.AsyncClient, way: str, id_: str, event: dict[str, Any]) -> httpx.Response:
    """Write the event in one of the ways there are."""
    match = {"If-Match": '"1"'}
    parts = {name: value for name, value in event.items() if name in {"status", "locations"}}
    if way == "put":
        return await api.put(f"/v1/events/{id_}", json=event, headers=match)
    if way == "patch":
        return await api.patch(f"/v1/events/{id_}", json=parts, headers=match)
    if way == "upsert":
        body = {name: value for name, value in event.items() if name != "external_ids"}
        return await api.put("/v1/events/by-external-id/wire/1", json=body)
    item = {"op": "patch", "patch": parts} if way == "batch-patch" else {"op": "replace", "event": event}
    return await api.post("/v1/events/batch", json={"items": [{**item, "id": id_, "if_match": 1}]})


async def sent(api: httpx.AsyncClient, way: str, id_: str, event: dict[str, Any]) -> dict[str, Any]:
    """The event as it stands after that."""
    good(await send(api, way, id_, event))
    after: dict[str, Any] = good(await api.get(f"/v1/events/{id_}"))
    return after
