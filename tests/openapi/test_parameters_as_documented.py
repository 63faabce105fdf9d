"""Parameters and the document agree: what a schema allows is taken, and what it forbids is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from described import OPERATIONS, Operation, faults, resolved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

REFUSED = {400, 404, 410, 415, 422}  # 415: a body is missing, which is seen first
UNKNOWN = "0197f2a0-0000-7000-8000-000000000001"
PATH = {
    "id": UNKNOWN,
    "dataset": "ucdp_ged",
    "kind": "attack",
    "system": "newsroom",
    "feed": "all_day",
}
TOGETHER = {"near": "radius_km=1", "radius_km": "near=1,1"}
# Faults of meaning, for which no schema has a word: lists of codes, days of the calendar, words to look for.
MEANING = {
    "country": {"country"},
    "admin1": {"admin1"},
    "actor_country": {"country"},
    "target_country": {"country"},
    "ultimate_target": {"country"},
    "sanctioned_country": {"country"},
    "timezone": {"timezone"},
    "q": {"words", "too-long"},
    "exclude": {"enum", "country", "admin1"},
    "external_id": {"external-id"},
    "bbox": {"range", "numbers"},
    "near": {"range", "numbers"},
    "excel": {"together"},
    **{name: {"date", "instant", "range"} for name in ("since", "until", "changed_since", "as_of", "after")},
}
TEXTS = (
    *("", " ", "x", "X y", "0", "1", "-1", "+1", "1.0", "1_0", " 1", "1e2", "0x1", "\u0661", "9" * 19, "9" * 20, "51"),
    *("1001", "1000", str(2**63 - 1), str(2**63), str(-(2**63)), "true", "True", "false", "null", "a,b", "1,2"),
    *("1,2,3,4", "1,2,3", "1,2,3,4,5", "-1.5,2e1", "181,0", "nan,1", "1;2", "1, 2"),
    *("\u00e9", "\u200b", "\u0000", "a\nb", "\u007f", "\u0085", "\U0001f600", "'", '"', "%", "\\", "*", "a" * 300),
    *("a" * 301, "a" * 2001, "a:b", ":b", "a:", "a:b:c", "UTC", "Europe/Kyiv", "../etc", "/", "attack", "Attack"),
    *("oldest", "now", "Now", "e1-000000000001", "e1-1", "e0-000000000001", "e1-000000000001 ", "E1-000000000001"),
    *("2025-09-07", "2025-9-7", "1899-01-01", "2200-12-31", "2201-01-01", "20250907", "2025-13-01", "2025-09-07T00:00"),
    *("2025-09-07T00:00:00", "2025-09-07T00:00:00Z", "2025-09-07 00:00:00z", "2025-09-07T00:00:00.123456789+03:00"),
    *("2025-09-07T00:00:00 03:00", "2025-09-07T24:00:00Z", "2025-09-07T00:00:60Z", "2025-09-07T00:00:00.1234567890Z"),
    *(UNKNOWN, UNKNOWN.upper(), f"{{{UNKNOWN}}}", UNKNOWN.replace("-", ""), "kind:attack", "kind:", "country:RU", "UA"),
)


def asked(operation: Operation) -> Iterator[dict[str, Any]]:
    """The parameters of the query and the path."""
    for told in operation.told.get("parameters", ()):
        if told["in"] in {"query", "path"}:
            yield told


def allowed(schema: dict[str, Any], text: str) -> bool:
    """Whether a schema allows the value that a text of the query stands for."""
    schema = resolved(schema)
    if schema.get("type") == "array":
        return allowed(schema["items"], text)
    value: Any = text
    if schema.get("type") in {"integer", "number", "boolean"}:
        try:
            value = json.loads(text)
        except ValueError:
            return False
        if schema["type"] == "integer" and not text.removeprefix("-").isdecimal():
            return False  # JSON has 1.0 and 1e2 as integers; a query string writes digits
        if text != text.strip() or value is None:
            return False
    return not faults({key: kept for key, kept in schema.items() if key != "examples"}, value)


def address(operation: Operation, told: dict[str, Any], text: str) -> str:
    """The call with one parameter set to a text, and with all that it needs besides."""
    paths = {name: quote(PATH[name]) for name in operation.parameters("path")}
    pairs = [TOGETHER[told["name"]]] if told["name"] in TOGETHER else []
    for name, other in operation.parameters("query").items():
        if other.get("required") and name != told["name"]:
            pairs.append(f"{name}={'country' if name == 'facet' else 'legal'}")
    if told["in"] == "path":
        paths[told["name"]] = quote(text, safe="")
    else:
        pairs.append(f"{told['name']}={quote(text)}")
    return operation.path.format(**paths) + "?" + "&".join(pairs)


async def misjudged(api: httpx.AsyncClient, operation: Operation, told: dict[str, Any], text: str) -> str | None:
    """What the server did with a value although the document says otherwise; None where they agree."""
    good = allowed(told["schema"], text)
    if operation.path.endswith("/stream") and good:
        return None  # a stream does not end by itself
    answer = await api.request(operation.method.upper(), address(operation, told, text))
    named = []
    if answer.status_code == 422:
        named = [
            error["code"] for error in answer.json()["errors"] if told["name"] in {error.get("parameter"), "system"}
        ]
    surprising = set(named) - MEANING.get(told["name"], set()) if good else answer.status_code not in REFUSED
    if answer.status_code < 500 and not surprising:
        return None
    word = "allowed" if good else "forbidden"
    return f"{operation.method} {operation.path} {told['name']}={text[:40]!r}: {word}, {answer.status_code} {named}"


def is_free(schema: dict[str, Any]) -> bool:
    """Whether texts of many sorts may stand there, rather than words of a list."""
    schema = resolved(schema)
    return "enum" not in resolved(schema.get("items", schema))


@pytest.fixture
async def reader(api: httpx.AsyncClient, make_event: Callable[..., dict[str, Any]]) -> httpx.AsyncClient:
    """A caller of an application that has something to read, so that no call waits for it."""
    assert (await api.post("/v1/events", json=make_event())).status_code == 201
    return api


async def test_every_sort_of_parameter_takes_what_its_schema_allows_and_nothing_else(reader: httpx.AsyncClient) -> None:
    seen: set[str] = set()
    wrong = []
    for operation in OPERATIONS.values():
        for told in asked(operation):
            shape = {key: value for key, value in told["schema"].items() if key != "examples"}
            name = told["name"] if told["name"] in MEANING else ""
            mark = json.dumps([shape, name, told["in"] == "path" and operation.path])
            if mark not in seen and not operation.path.endswith("/stream"):
                seen.add(mark)
                texts = TEXTS if is_free(told["schema"]) else TEXTS[::4]
                wrong += [await misjudged(reader, operation, told, text) for text in texts]
    assert not (lines := [line for line in wrong if line]), "\n".join(lines)


async def test_no_call_takes_an_empty_value_or_a_control_character(reader: httpx.AsyncClient) -> None:
    for operation in OPERATIONS.values():
        names = operation.parameters("query").keys()
        path = operation.path.format(**{name: quote(PATH[name]) for name in operation.parameters("path")})
        for text in ("", "%07") if names else ():
            query = "&".join(f"{name}={text}" for name in names)
            answer = await reader.request(operation.method.upper(), f"{path}?{query}")
            assert answer.status_code == 422, (path, answer.text)
            assert {error["parameter"] for error in answer.json()["errors"]} == names, path
