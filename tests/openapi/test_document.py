"""The document is OpenAPI 3.1, equals its snapshot, and says all that a client must know."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from described import APP, DOCUMENT, OPERATIONS, Operation, faults, resolved, walk
from fastapi.openapi.models import OpenAPI
from schemathesis.core.result import Ok

from app.auth.feed_token_middleware import takes_token
from app.auth.tables import SCOPES
from app.errors import MEDIA_TYPE, PROBLEMS
from app.kinds import FACETS, KINDS, MEASURES
from app.openapi import document_bytes

SNAPSHOT = Path(__file__).parents[2] / "openapi" / "openapi.json"
FILTERED = (
    "list_events",
    "count_events",
    "export_events",
    "read_feed",
    "stream_feed",
    "read_durable_stream",
    "read_series",
    "read_facets",
    "read_grid",
)
every_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)


def statuses(operation: Operation) -> set[int]:
    return {int(status) for status in operation.told["responses"] if status != "default"}


def test_the_snapshot_is_what_the_code_says() -> None:
    assert SNAPSHOT.read_bytes() == document_bytes(APP), "run: sitrep openapi > openapi/openapi.json"


def test_it_is_openapi_3_1_and_not_3_2() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    assert not any("itemSchema" in found for found in walk(DOCUMENT))
    OpenAPI.model_validate(DOCUMENT)


def test_a_tool_that_tests_apis_can_read_every_operation() -> None:
    read = list(schemathesis.openapi.from_dict(DOCUMENT).get_all_operations())

    assert len(read) == len(OPERATIONS)
    assert all(isinstance(found, Ok) for found in read)


def test_every_reference_leads_somewhere() -> None:
    references = {found["$ref"] for found in walk(DOCUMENT) if isinstance(found.get("$ref"), str)}

    assert references
    assert all(resolved({"$ref": reference}) for reference in references)


def test_every_component_is_used() -> None:
    text = json.dumps(DOCUMENT)
    places = {f"#/components/{room}/{name}" for room, held in DOCUMENT["components"].items() for name in held}

    assert {place for place in places if f'"{place}"' not in text} == {
        f"#/components/securitySchemes/{name}" for name in ("bearer", "feedToken")
    }


def test_generators_find_what_they_need() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    inline = [
        (name, field)
        for name, schema in schemas.items()
        for field, told in schema.get("properties", {}).items()
        if "enum" in told or "enum" in told.get("items", ())
    ]

    assert inline == [], "an enum without a name of its own"
    assert not [name for name in schemas if name[-1].isdigit()], "a name that was taken"
    assert not [
        name for name, schema in schemas.items() for told in schema.get("properties", {}).values() if "default" in told
    ]
    for name, operation in OPERATIONS.items():
        assert len(operation.told.get("requestBody", {"content": "1"})["content"]) == 1, name
        good = [told for status, told in operation.told["responses"].items() if status == "200" and "content" in told]
        assert [len(told["content"]) for told in good] in ([], [1]) or name == "export_events", name


def test_the_document_is_small_enough_to_be_read_by_a_browser() -> None:
    assert len(json.dumps(DOCUMENT, separators=(",", ":"), ensure_ascii=False).encode()) < 400_000


def test_nothing_of_fastapis_own_refusals_is_left() -> None:
    assert not {"HTTPValidationError", "ValidationError"} & set(DOCUMENT["components"]["schemas"])


def test_it_says_what_this_is_and_how_to_begin() -> None:
    info = DOCUMENT["info"]

    assert info["license"] == {"name": "MIT", "identifier": "MIT"}
    for word in ("Quick start", "cursor", "Authorization", "problem+json", "If-Match", "Idempotency-Key"):
        assert word in info["description"]
    assert DOCUMENT["servers"] == [{"url": "/", "description": "This server."}]


@every_operation
def test_a_call_has_a_name_a_text_and_a_described_chapter(operation: Operation) -> None:
    told = operation.told

    assert re.fullmatch(r"[a-z]+(_[a-z]+)+", told["operationId"])
    assert told["summary"]
    assert told["description"].endswith(".")
    assert "\n" not in told["description"].replace("\n\n", "")
    assert {tag["name"] for tag in DOCUMENT["tags"] if tag["description"]} >= set(told["tags"])


@every_operation
def test_a_call_says_which_scope_it_needs(operation: Operation) -> None:
    needed = operation.told["security"]

    if not needed:
        assert operation.told["tags"] == ["health"]
    else:
        assert set(needed[0]) == {"bearer"}
        assert set(needed[0]["bearer"]) <= set(SCOPES)
        in_address = [{"feedToken": list[str]()}] if takes_token(operation.path) else []
        assert needed[1:] in (in_address, [*in_address, {}])


@every_operation
def test_a_refusal_is_a_problem_document_with_examples(operation: Operation) -> None:
    refused = {status: told for status, told in operation.told["responses"].items() if status[0] not in "23"}

    assert "default" in refused
    for status, told in refused.items():
        assert list(told["content"]) == [MEDIA_TYPE]
        body = told["content"][MEDIA_TYPE]
        assert body["schema"] == {"$ref": "#/components/schemas/Problem"}
        for example in map(resolved, body["examples"].values()):
            assert faults(body["schema"], example["value"]) == []
            assert status in {"default", str(example["value"]["status"])}


@every_operation
def test_the_refusals_that_follow_from_the_request_are_told(operation: Operation) -> None:
    expected = {500}
    if operation.told["security"]:
        expected |= {401, 429, 503}
    if operation.path.startswith("/v1/"):
        expected |= {422}
    if any(scopes.get("bearer") for scopes in operation.told["security"]):
        expected |= {403}
    if "{" in operation.path:
        expected |= {404}
    if "requestBody" in operation.told:
        expected |= {400, 408, 413, 415}
    fields = operation.parameters("header")
    if "If-Match" in fields:
        expected |= {400, 412} | ({428} if fields["If-Match"]["required"] else set())
    if "Idempotency-Key" in fields:
        expected |= {400, 422}

    assert expected <= statuses(operation)


def test_every_problem_is_told_somewhere() -> None:
    told = {
        slug
        for operation in OPERATIONS.values()
        for answer in operation.told["responses"].values()
        for slug in answer.get("content", {}).get(MEDIA_TYPE, {}).get("examples", ())
    }

    assert told == set(PROBLEMS)


def test_a_deletion_is_told_with_its_tombstone() -> None:
    example = resolved(OPERATIONS["get_event"].told["responses"]["410"]["content"][MEDIA_TYPE]["examples"]["deleted"])

    assert example["value"]["tombstone"]["deleted_at"]
    assert DOCUMENT["components"]["schemas"]["Problem"]["properties"]["tombstone"]["$ref"].endswith("/Tombstone")


@pytest.mark.parametrize("name", FILTERED)
def test_every_facet_and_measure_is_a_parameter_of_its_own(name: str) -> None:
    found = OPERATIONS[name].parameters("query")

    for facet, spec in FACETS.items():
        told = found[facet]
        assert (told["style"], told["explode"], told["schema"]["type"]) == ("form", True, "array")
        assert told["description"] == spec.description
        assert set(resolved(told["schema"]["items"]).get("enum", ())) == set(spec.values or ())
    for measure in MEASURES:
        assert found[f"{measure}_min"]["schema"]["type"] == "integer"
        assert found[f"{measure}_max"]["schema"]["type"] == "integer"


@every_operation
def test_every_parameter_is_described_and_shows_a_value(operation: Operation) -> None:
    for told in operation.told.get("parameters", ()):
        schema = told["schema"]
        assert told["description"]
        assert "ge" not in schema, "a word of pydantic's, not of JSON Schema"
        assert "anyOf" not in schema
        assert {"enum", "default", "examples"} & {*schema, *resolved(schema), *resolved(schema.get("items", {}))}, told[
            "name"
        ]
        assert [fault for value in schema.get("examples", ()) for fault in faults(schema, value)] == []
        assert "default" not in schema or faults(schema, schema["default"]) == []


def test_limits_and_choices_are_in_the_schema() -> None:
    found = OPERATIONS["list_events"].parameters("query")

    assert {"minimum": 1, "maximum": 1000, "default": 100}.items() <= found["limit"]["schema"].items()
    assert found["sort"]["schema"]["default"] == "-started_at"
    assert set(resolved(found["kind"]["schema"]["items"])["enum"]) == set(KINDS)
    assert {"minimum": 0, "maximum": 1000}.items() <= found["radius_km"]["schema"].items()
    assert OPERATIONS["write_batch"].parameters("query")["partial"]["schema"] == {"type": "boolean", "default": False}
    assert OPERATIONS["delete_event"].parameters("query")["reason"]["required"]


@pytest.mark.parametrize("name", ["EventIn", "EventOut"])
def test_the_kind_tells_events_apart(name: str) -> None:
    union = DOCUMENT["components"]["schemas"][name]

    assert union["discriminator"]["propertyName"] == "kind"
    assert set(union["discriminator"]["mapping"]) == set(KINDS)
    assert {part["$ref"] for part in union["oneOf"]} == set(union["discriminator"]["mapping"].values())
    for kind, place in union["discriminator"]["mapping"].items():
        shape = resolved({"$ref": place})
        assert shape["properties"]["kind"]["const"] == kind
        assert "kind" in shape["required"]


def test_what_comes_back_has_every_key() -> None:
    for place in DOCUMENT["components"]["schemas"]["EventOut"]["discriminator"]["mapping"].values():
        shape = resolved({"$ref": place})
        assert set(shape["required"]) == set(shape["properties"])


def test_preconditions_are_required_where_the_server_insists() -> None:
    required = {
        name: operation.parameters("header")["If-Match"]["required"]
        for name, operation in OPERATIONS.items()
        if "If-Match" in operation.parameters("header")
    }

    insisted = {"replace_event", "patch_event"}
    guarded = {"upsert_event", "delete_event", "patch_subscription", "delete_subscription"}
    assert required == {**dict.fromkeys(insisted, True), **dict.fromkeys(guarded, False)}


def test_the_stream_is_text_that_tells_its_items() -> None:
    content = OPERATIONS["stream_feed"].told["responses"]["200"]["content"]["text/event-stream"]

    assert content["schema"] == {"type": "string", "x-item-schema": {"$ref": "#/components/schemas/FeedItem"}}


def test_head_goes_without_saying() -> None:
    assert not [path for path, item in DOCUMENT["paths"].items() if "head" in item]


def test_pages_for_people_are_no_part_of_it() -> None:
    paths: dict[str, Any] = DOCUMENT["paths"]

    assert not {"/", "/docs", "/redoc", "/openapi.json"} & set(paths)


@pytest.mark.parametrize("name", ["change", "ping"])
def test_what_is_pushed_is_told_with_its_header_fields_and_how_to_verify_it(name: str) -> None:
    told = DOCUMENT["webhooks"][name]["post"]
    [(media, body)] = told["requestBody"]["content"].items()

    assert media == "application/cloudevents+json"
    assert [faults(body["schema"], example["value"]) for example in body["examples"].values()] == [[]]
    assert [each["name"] for each in told["parameters"] if each["in"] == "header" and each["required"]] == [
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "webhook-attempt",
        "webhook-generation",
        "webhook-subscription",
    ]
    for word in ("HMAC-SHA256", "constant time", "whsec_", "five minutes", "Retry-After", "410"):
        assert word in told["description"]
    assert {"2XX", "410", "429", "503"} <= set(told["responses"])
