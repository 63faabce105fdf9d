"""Write an event of each kind, read it back, change and delete it, and look around, by the sync client."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest

from sitrep_client import Client, Deleted, DuplicateExternalId, EventIn, Invalid, NotFound, VersionMismatch

BY_KIND: dict[str, EventIn] = {
    "attack": {
        "kind": "attack",
        "title": "Drones over Odesa",
        "started_at": "2025-09-08T04:00:00+03:00",
        "sources": [{"publisher": "Example Wire"}],
        "detail": {"munitions": [{"category": "uav_one_way_attack", "launched": {"low": 20, "best": 24, "high": 30}}]},
    },
    "negotiation_round": {
        "kind": "negotiation_round",
        "title": "A third round in Istanbul",
        "started_at": "2025-07-23T10:00:00+03:00",
        "sources": [{"publisher": "Example Wire"}],
        "detail": {"state": "held", "issues": ["prisoner_exchange"]},
    },
    "sanction_move": {
        "kind": "sanction_move",
        "title": "A package is proposed",
        "started_at": "2025-09-08T09:00:00Z",
        "sources": [{"publisher": "Example Wire"}],
        "detail": {
            "authority": {"name": "European Union", "type": "igo", "country": "EU"},
            "stage": "proposed",
            "measures": [{"type": "asset_freeze", "targets": [{"name": "Example Bank", "schema": "Company"}]}],
        },
    },
    "security_guarantee": {
        "kind": "security_guarantee",
        "title": "A pledge of troops",
        "started_at": "2025-09-04T10:00:00Z",
        "sources": [{"publisher": "Example Wire"}],
        "detail": {"stage": "pledged", "commitments": ["troop_deployment"], "pledgers": {"count": 26}},
    },
}


def make_round_trips(sitrep: Client) -> None:
    """Create, find, change, list, count and delete an event of each kind."""
    for kind, event in BY_KIND.items():
        made = sitrep.create(event)
        assert (made["kind"], made["version"]) == (kind, 1)
        assert sitrep.get(made["id"]) == made
        changed = sitrep.patch(made["id"], {"status": "confirmed", "tags": ["wire"]}, if_match=1)
        assert (changed["version"], changed["status"]) == (2, "confirmed")
        assert sitrep.get(made["id"], version=1) == made
        changed["title"] = f"{changed['title']}, corrected"
        assert sitrep.replace(made["id"], changed, if_match=2)["version"] == 3
        assert [each["id"] for each in sitrep.events({"kind": [made["kind"]], "tag": "wire"})] == [made["id"]]
        assert [each["version"] for each in sitrep.revisions(made["id"])] == [3, 2, 1]
        held = sitrep.upsert("desk", f"a/b:{kind}", event)
        assert (
            sitrep.find("desk", f"a/b:{kind}")["id"] == held["id"] == sitrep.upsert("desk", f"a/b:{kind}", event)["id"]
        )
        again: Any = {**event, "external_ids": [{"system": "desk", "id": f"a/b:{kind}"}]}
        with pytest.raises(DuplicateExternalId) as taken:
            sitrep.create(again)
        assert taken.value.existing == {"id": held["id"], "version": 1}
        with pytest.raises(VersionMismatch, match="412: ") as moved:
            sitrep.patch(made["id"], {"tags": []}, if_match=2)
        assert (moved.value.current, moved.value.uncertain) == (3, False)
        sitrep.delete(made["id"], "erroneous", if_match=3)
        with pytest.raises(Deleted) as gone:
            sitrep.delete(made["id"], "erroneous")
        assert gone.value.tombstone["reason"] == "erroneous"
        with pytest.raises(NotFound):
            sitrep.find("desk", "nothing")
        done = sitrep.batch(
            [{"op": "create", "event": event}, {"op": "delete", "id": held["id"], "reason": "duplicate"}]
        )
        assert [each["status"] for each in done["results"]] == [201, 204]


def look_around(sitrep: Client) -> None:
    """Count, follow up to the end and ask for statistics; what is wrong is told with its place."""
    assert sitrep.count() == len(list(sitrep.events(limit=2))) == len(BY_KIND)
    assert sitrep.count({"kind": "attack", "launched_min": 24}) == 1
    [first, *_] = pages = list(sitrep.pages(limit=3, fields=["id", "kind"]))
    assert [len(page["items"]) for page in pages] == [3, 1]
    changes = list(sitrep.feed())
    assert changes[-1]["id"] == first["as_of"] == sitrep.head()["head"]
    assert Counter(each["type"].partition(".")[2] for each in changes)["deleted"] == 2 * len(BY_KIND)
    assert list(sitrep.feed(first["as_of"])) == []
    assert {each["type"] for each in sitrep.feed(filter={"kind": "attack", "change": "deleted"})} == {"attack.deleted"}
    assert sum(row["best"] or 0 for row in sitrep.series("month", {"kind": "attack"}, measure="launched")) == 24
    assert {each["value"]: each["count"] for each in sitrep.facets(["kind"])["facets"]["kind"]} == dict.fromkeys(
        BY_KIND, 1
    )
    assert sitrep.grid(4, {"kind": "attack"})["cells"] == []
    assert [kind["kind"] for kind in sitrep.kinds()] == list(BY_KIND)
    assert sitrep.request("GET", "/v1/me")["scopes"] == ["admin"]
    assert len(sitrep.export({"kind": "attack"}).splitlines()) == 1
    with pytest.raises(Invalid, match="radius_km: "):
        sitrep.count({"near": [50, 30], "radius_km": -1})


if __name__ == "__main__":
    with Client(os.environ["SITREP_CHECK_URL"], os.environ["SITREP_CHECK_KEY"]) as sitrep:
        make_round_trips(sitrep)
        look_around(sitrep)
