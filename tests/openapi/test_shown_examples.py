"""The examples in the document are whole, valid by its own schemas, and such as the server reads and gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from described import DOCUMENT, OPERATIONS, Operation, faults, resolved

from app.events.write.parse_commands import read_batch, read_items
from app.kinds import KINDS, broken_rules, parse_event

if TYPE_CHECKING:
    from collections.abc import Iterator

JSON = "application/json"
every_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)


def bodies(operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body that goes in, and every one that comes out when all is well."""
    yield from operation.told.get("requestBody", {"content": {}})["content"].items()
    for status, answer in operation.told["responses"].items():
        if status.startswith("2"):
            yield from answer.get("content", {}).items()


def shown(told: dict[str, Any]) -> list[Any]:
    """The values of the examples of a body."""
    return [resolved(example)["value"] for example in told.get("examples", {}).values()]


@every_operation
def test_every_body_has_examples_that_its_schema_accepts(operation: Operation) -> None:
    for media, told in bodies(operation):
        assert shown(told) or told["schema"].get("format") == "binary", media
        assert [fault for value in shown(told) for fault in faults(told["schema"], value)] == []


@every_operation
def test_an_answer_with_content_tells_its_shape(operation: Operation) -> None:
    for status, answer in operation.told["responses"].items():
        assert answer["description"]
        assert ("content" in answer) is (status not in {"204", "304"})


@pytest.mark.parametrize("name", ["create_event", "replace_event", "upsert_event"])
def test_every_kind_is_shown_as_it_is_sent(name: str) -> None:
    examples = OPERATIONS[name].told["requestBody"]["content"][JSON]["examples"]

    assert set(examples) == set(KINDS)
    for kind, example in examples.items():
        event = parse_event(resolved(example)["value"])
        assert event.kind == kind
        assert broken_rules(event) == []


@pytest.mark.parametrize("name", ["create_event", "get_event", "replace_event"])
def test_every_kind_is_shown_as_it_comes_back(name: str) -> None:
    answers = OPERATIONS[name].told["responses"]
    examples = answers[min(answers)]["content"][JSON]["examples"]

    assert {kind: resolved(example)["value"]["kind"] for kind, example in examples.items()} == {k: k for k in KINDS}


def test_the_batch_can_be_read() -> None:
    [batch] = shown(OPERATIONS["write_batch"].told["requestBody"]["content"][JSON])

    commands, _ = read_items(read_batch(batch))

    assert len(commands) == len(batch["items"])


def test_every_problem_names_its_own_type() -> None:
    for name, example in DOCUMENT["components"]["examples"].items():
        value = example["value"]
        if "instance" in value:
            assert value["type"] == f"/problems/{name}"
