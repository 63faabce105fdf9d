"""Other names: filters and words find an event by an alias as by the name, counts show the name alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from calls import found, good, written

if TYPE_CHECKING:
    from conftest import MakeEvent
    from httpx import AsyncClient

RUSSIA = {"name": "Russia", "aliases": ["Rossija", "\u0420\u043e\u0441\u0456\u044f"], "type": "government"}
LISTING = {
    "authority": {"name": "European Union", "type": "igo"},
    "stage": "adopted",
    "direction": "impose",
    "measures": [
        {
            "type": "asset_freeze",
            "targets": [{"name": "Volga", "schema": "Vessel", "imo": "9074729", "aliases": ["Old Volga"]}],
        }
    ],
}


async def test_an_actor_is_found_by_each_alias(api: AsyncClient, make_event: MakeEvent) -> None:
    began = await written(api, make_event(actors=[{**RUSSIA, "role": "initiator"}]))
    side = await written(api, make_event(actors=[{**RUSSIA, "role": "party"}], started_at="2025-09-06T00:00:00Z"))
    await written(api, make_event(actors=[{"name": "Somebody", "role": "party", "type": "other"}]))

    for query in ("actor=rossija", "actor=\u0420\u041e\u0421\u0406\u042f", "q=rossija", 'q="Rossija"', "q=rossij*"):
        assert await found(api, query) == [began["id"], side["id"]], query
        assert len(good(await api.get(f"/v1/feed?{query}"))["items"]) == 2, query
    assert await found(api, "initiator=Rossija") == [began["id"]]
    assert len(await found(api, "exclude=actor:Rossija")) == 1
    counted = good(await api.get("/v1/stats/facets?facet=actor"))["facets"]["actor"]
    assert counted == [{"value": "Russia", "count": 2}, {"value": "Somebody", "count": 1}]


async def test_an_alias_that_is_taken_away_finds_nothing_more(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(api, make_event(actors=[{**RUSSIA, "role": "party"}]))
    change: dict[str, Any] = {"actors": [{**RUSSIA, "role": "party", "aliases": ["RF"]}]}
    good(await api.patch(f"/v1/events/{event['id']}", json=change, headers={"if-match": '"1"'}))

    for query, expected in (
        ("actor=Rossija", []),
        ("q=rossija", []),
        ("actor=rf", [event["id"]]),
        ("q=RF", [event["id"]]),
    ):
        assert await found(api, query) == expected, query
    assert len(good(await api.get("/v1/feed?actor=Rossija"))["items"]) == 2


async def test_a_sanctioned_entity_is_found_by_alias_and_number(api: AsyncClient, make_event: MakeEvent) -> None:
    move = await written(api, make_event(kind="sanction_move", detail=LISTING))

    for query in ("sanctioned_entity=old+volga", "sanctioned_entity=IMO9074729", "imo=9074729", 'q="old volga"'):
        assert await found(api, query) == [move["id"]], query
    assert await found(api, "sanctioned_entity=old") == []
