"""The samples are whole, in order, and keep every rule that a strict write keeps."""

import json
import re
from collections import Counter
from typing import Any

import pytest

from app.kinds import KINDS, broken_rules, parse_event
from app.samples import load

ITEMS = load()
KEYS = [str(item["external_id"]) for item in ITEMS]

RELATIONS = {
    ("coalition-meeting", "produced", "reassurance-force-pledge"),
    ("putin-rejects-foreign-troops", "responds_to", "reassurance-force-pledge"),
    ("putin-zelenskyy-meeting", "follows", "istanbul-round-3"),
    ("putin-zelenskyy-meeting", "follows", "alaska-summit"),
    ("putin-zelenskyy-meeting", "follows", "washington-leaders-meeting"),
    ("kyiv-air-attack", "follows", "putin-zelenskyy-meeting"),
    ("eu-us-sanctions-talks", "prepares", "eu-19th-package"),
    ("bessent-oil-buyers", "supports", "us-second-phase"),
    ("us-rosneft-lukoil", "supports", "eu-19th-package"),
    ("us-second-phase", "supports", "eu-19th-package"),
}


def earlier(reference: str, index: int) -> int:
    """Read "#<n>" and hold it to an earlier item."""
    number = re.fullmatch(r"#(\d+)", reference)
    assert number is not None, reference
    assert int(number[1]) < index
    return int(number[1])


def test_there_is_one_sample_for_each_fact_and_every_kind_has_one() -> None:
    kinds = Counter(str(item["event"]["kind"]) for item in ITEMS)

    assert kinds == {"attack": 2, "negotiation_round": 8, "sanction_move": 5, "security_guarantee": 2}
    assert set(kinds) <= set(KINDS)


def test_each_sample_is_an_upsert_under_a_name_of_its_own() -> None:
    assert {(item["op"], item["system"]) for item in ITEMS} == {("upsert", "sitrep-sample")}
    assert len(set(KEYS)) == len(ITEMS)
    assert all(set(item) == {"op", "system", "external_id", "event"} for item in ITEMS)


def test_relations_name_earlier_items_and_are_those_of_the_facts() -> None:
    found = {
        (KEYS[index], relation["type"], KEYS[earlier(relation["event_id"], index)])
        for index, item in enumerate(ITEMS)
        for relation in item["event"].get("relations", [])
    }

    assert found == RELATIONS


@pytest.mark.parametrize("item", ITEMS, ids=KEYS)
def test_a_sample_breaks_no_rule(item: dict[str, Any]) -> None:
    event = parse_event(item["event"], batch=True)

    assert broken_rules(event) == []


@pytest.mark.parametrize("item", ITEMS, ids=KEYS)
def test_a_sample_says_where_it_comes_from(item: dict[str, Any]) -> None:
    event = item["event"]

    assert event["sources"][0] == {
        "publisher": "RFE/RL",
        "published_at": "2025-09-08T00:00:00Z",
        "language": "en",
    }
    assert event["title"]
    assert 1 <= len(re.findall(r"[.!?](?:\s|$)", event["summary"])) <= 3


@pytest.mark.parametrize("item", ITEMS, ids=KEYS)
def test_a_sample_can_be_put_on_a_map(item: dict[str, Any]) -> None:
    assert any({"lat", "lon"} <= set(place) for place in item["event"]["locations"])


def test_the_samples_fit_into_one_batch() -> None:
    assert len(json.dumps({"items": ITEMS}).encode()) < 16 * 2**20


def test_loading_twice_gives_lists_of_their_own() -> None:
    first = load()
    first[0]["event"]["title"] = "changed"

    assert load()[0]["event"]["title"] != "changed"
