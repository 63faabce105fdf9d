"""Whatever is null in a merge patch, the answer is one that the document tells of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from calls import good, written
from described import OPERATIONS, faults
from test_responses_as_documented import hold

if TYPE_CHECKING:
    import httpx
    from conftest import MakeEvent

PLACES = [
    "status",
    "title",
    "summary",
    "ended_at",
    "time_precision",
    "timezone",
    "actors",
    "sources",
    "extra",
    "detail",
]
DETAIL = ["state", "event_type", "munitions", "targets"]


def body_schema(name: str) -> dict[str, Any]:
    """What a call's JSON body is told to be."""
    content: dict[str, Any] = OPERATIONS[name].told["requestBody"]["content"]
    schema: dict[str, Any] = next(iter(content.values()))["schema"]
    return schema


@pytest.mark.parametrize("patch", [{name: None} for name in PLACES] + [{"detail": {name: None}} for name in DETAIL])
async def test_nulls_in_a_patch_of_an_event(api: httpx.AsyncClient, make_event: MakeEvent, patch: Any) -> None:
    event = await written(api, make_event())

    hold(OPERATIONS["patch_event"], await api.patch(f"/v1/events/{event['id']}", json=patch, headers=MATCH))
    hold(OPERATIONS["get_event"], await api.get(f"/v1/events/{event['id']}"))


@pytest.mark.parametrize("part", ["low", "best", "high", "qualifier"])
async def test_nulls_in_an_estimate(api: httpx.AsyncClient, make_event: MakeEvent, part: str) -> None:
    row = {"measure": "killed", "group": "civilian", "count": {"low": 1, "best": 1, "high": 1, part: None}}
    event = await written(api, make_event(casualties=[row]))

    count = event["casualties"][0]["count"]
    assert count["qualifier"] == ("exact" if part == "qualifier" else "unknown")
    hold(OPERATIONS["get_event"], await api.get(f"/v1/events/{event['id']}"))


@pytest.mark.parametrize("name", ["name", "filter", "status", "push"])
async def test_nulls_in_a_patch_of_a_subscription(api: httpx.AsyncClient, name: str) -> None:
    made = good(await api.post("/v1/subscriptions", json={"name": " desk\u200b ", "mode": "pull"}), 201)
    assert made["name"] == "desk"

    answer = await api.patch(f"/v1/subscriptions/{made['id']}", json={name: None}, headers=MATCH)

    hold(OPERATIONS["patch_subscription"], answer)
    told = faults(body_schema("patch_subscription"), {name: None}) == []
    assert told == (answer.status_code == 200)


async def test_integers_may_be_written_as_pandas_does(api: httpx.AsyncClient, make_event: MakeEvent) -> None:
    wanted = {"name": "desk", "mode": "pull", "filter": {"killed_min": 1.0}}
    assert good(await api.post("/v1/subscriptions", json=wanted), 201)["filter"] == {"killed_min": 1}
    event = await written(api, make_event())
    item = {"op": "patch", "id": event["id"], "if_match": 1.0, "patch": {"status": "confirmed"}}
    assert good(await api.post("/v1/events/batch", json={"items": [item]}))["results"][0]["version"] == 2


MATCH = {"If-Match": '"1"'}
