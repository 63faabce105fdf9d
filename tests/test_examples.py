"""The examples of the API document are real: they pass the reader, and hold every key of their shape."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.errors import Invalid
from app.kinds import KINDS, Tombstone, broken_rules, canonical_json, parse_event

EXAMPLES = Path(__file__).parent.parent / "app" / "openapi" / "examples"
SERVER_SET = ("id", "kind", "version", "created_at", "updated_at")
ITEM_KEYS = [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "sequence",
    "version",
    "datacontenttype",
    "dataschema",
    "data",
]


def example(name: str) -> Any:
    return json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))


def as_sent(event: dict[str, Any]) -> dict[str, Any]:
    """Take what only the server sets out of an event that it gave."""
    kept = {name: value for name, value in event.items() if name not in {*SERVER_SET, "quality_flags"}}
    return {"kind": event["kind"], **kept}


def is_whole(event: dict[str, Any]) -> bool:
    """Whether an event has every declared key in the contract's order."""
    inner: dict[str, Any] = json.loads(canonical_json(parse_event(as_sent(event)), event["quality_flags"]))
    rest = {name: value for name, value in event.items() if name not in SERVER_SET}
    return list(event) == ["id", "kind", "version", *inner, "created_at", "updated_at"] and rest == inner


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_has_an_example_that_a_writer_can_send(kind: str) -> None:
    event = parse_event(example(kind))

    assert event.kind == kind
    assert broken_rules(event) == []


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_an_example_is_written_as_the_house_writes_json(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"


def test_the_event_has_every_key() -> None:
    assert is_whole(example("event"))


def test_the_feed_holds_an_event_and_a_tombstone() -> None:
    page = example("feed")
    created, deleted = page["items"]

    assert list(page) == ["items", "next", "has_more"]
    assert [list(item) for item in page["items"]] == [ITEM_KEYS, ITEM_KEYS]
    assert is_whole(created["data"])
    assert deleted["data"] == example("tombstone")
    assert page["next"] == deleted["id"]


def test_the_tombstone_has_every_key() -> None:
    assert list(example("tombstone")) == list(Tombstone.model_fields)


def test_the_estimate_has_every_key() -> None:
    assert list(example("estimate")) == ["low", "best", "high", "qualifier"]


def test_the_problem_is_what_a_refusal_answers() -> None:
    problem = example("problem")

    with pytest.raises(Invalid) as refused:
        parse_event({**example("attack"), "detail": {"munitions": [{"category": "rocket"}]}})

    answered = refused.value.document(problem["instance"])
    assert set(answered) == set(problem)
    assert [set(error) for error in answered["errors"]] == [set(error) for error in problem["errors"]]
    assert answered["title"] == problem["title"]


def test_the_batch_answers_each_of_its_items() -> None:
    asked, answered = example("batch_in")["items"], example("batch_out")["results"]

    assert [item["op"] for item in asked] == ["upsert", "upsert", "patch", "delete"]
    assert [row["index"] for row in answered] == list(range(len(asked)))
    assert all(list(row) == ["index", "status", "id", "version", "cursor", "problem"] for row in answered)
    assert all(parse_event(item["event"], batch=True) for item in asked if "event" in item)


def test_the_revisions_are_newest_first() -> None:
    page = example("revisions")

    assert list(page) == ["items", "next"]
    assert [row["version"] for row in page["items"]] == [2, 1]
    assert all(list(row) == ["version", "operation", "cursor", "at", "by", "changed"] for row in page["items"])
