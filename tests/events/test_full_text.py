"""`q` by the API: its grammar, the names it looks in, and what hostile questions get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from calls import faults, found, good, written

from app.kinds import KINDS
from app.kinds.envelope import NAMES

if TYPE_CHECKING:
    from conftest import MakeEvent
    from httpx import AsyncClient


async def titled(api: AsyncClient, make_event: MakeEvent, *titles: str) -> dict[str, str]:
    """Events that differ in their titles only; the title of each id."""
    bare: dict[str, Any] = {"summary": None, "locations": [], "actors": []}
    return {(await written(api, make_event(title=title, **bare)))["id"]: title for title in titles}


async def test_or_and_without_bind_as_the_documents_say(api: AsyncClient, make_event: MakeEvent) -> None:
    names = await titled(api, make_event, "a1 b1", "a1 c1", "b1 c1", "c1 b1", "d1", "or1 a1 or b1")

    for question, right in (
        ("a1 OR b1", {"a1 b1", "a1 c1", "b1 c1", "c1 b1", "or1 a1 or b1"}),
        ("a1 OR b1 c1", {"a1 c1", "b1 c1", "c1 b1"}),
        ("c1 a1 OR b1", {"a1 c1", "b1 c1", "c1 b1"}),
        ("a1 OR b1 -c1", {"a1 b1", "or1 a1 or b1"}),
        ("d1 OR a1 c1 OR d1", {"a1 c1", "d1"}),
        ("-a1", {"b1 c1", "c1 b1", "d1"}),
        ("-a1 -d1", {"b1 c1", "c1 b1"}),
        ('-"b1 c1"', set(names.values()) - {"b1 c1"}),
        ('c1 -"b1 c1"', {"a1 c1", "c1 b1"}),
        ('"b1 c1" OR d1', {"b1 c1", "d1"}),
        ('"b1 c1" OR "c1 b1" -d1', {"b1 c1", "c1 b1"}),
        ("d1 OR -b1", {"a1 c1", "d1"}),
        ('d1 OR -"b1 c1"', set(names.values()) - {"b1 c1"}),
        ("-d*", set(names.values()) - {"d1"}),
        ("b* -c*", {"a1 b1", "or1 a1 or b1"}),
        ("b* --c*", {"a1 b1", "or1 a1 or b1"}),
        ('"a1 b*"', {"a1 b1"}),
        ("or b1", {"or1 a1 or b1"}),
        ('"OR"', {"or1 a1 or b1"}),
        ("OR d1 OR", {"d1"}),
        ("a1 OR OR b1 -c1", {"a1 b1", "or1 a1 or b1"}),
        ("- d1 --", {"d1"}),
        ("\u201cb1 c1\u201d", {"b1 c1"}),
    ):
        for path in ("/v1/events", "/v1/events?as_of=e1-000000000006"):
            listed = good(await api.get(path, params={"q": question}))["items"]
            assert {event["title"] for event in listed} == right, question
        counted = good(await api.get("/v1/events/count", params={"q": question}))
        assert counted["count"] == len(right), question
        fed = good(await api.get("/v1/feed", params={"q": question}))["items"]
        assert {item["data"]["title"] for item in fed} == right, question


@pytest.mark.parametrize("question", ["-", "OR", "OR OR", '"', "*", "- -", "''", '""', '-""', "\u2026", " "])
async def test_a_question_without_a_word_is_refused(api: AsyncClient, question: str) -> None:
    refused = await api.get("/v1/events", params={"q": question})

    assert refused.status_code == 422
    assert faults(refused) == [("q", "words")]


@pytest.mark.parametrize(
    "question",
    [
        "OR " * 2700,
        "a OR " * 1600,
        "-" * 8000,
        '"' * 2000,
        "a" * 8000,
        "a-" * 150,
        " OR ".join(f"x{n}*" for n in range(300)),
        '"' + " ".join(f"w{n}" for n in range(300)) + '"',
        " ".join(f'-"v{n} w"' for n in range(150)),
        " OR ".join(f'-"v{n} w"' for n in range(150)),
        "-a OR " * 100 + "b",
        "\u0131\u2248\u224b/ /x",
        "\\ | & ! ( ) : < > ~ ^ $ . [ ] { } + ?",
        "NOT NEAR AND a* : b",
        "\u4eac" * 290,
        "\ufdfa" * 60,
        "\u0e01\u0e34" * 200,
    ],
)
async def test_no_question_breaks_the_search(api: AsyncClient, make_event: MakeEvent, question: str) -> None:
    await written(api, make_event())

    for path in ("/v1/events", "/v1/events/count", "/v1/feed", "/v1/stats/facets?facet=kind"):
        assert (await api.get(path, params={"q": question})).status_code in {200, 422, 414}, path
    assert (await api.get("/v1/events")).status_code == 200


async def test_more_words_than_300_are_refused(api: AsyncClient) -> None:
    refused = await api.get("/v1/events", params={"q": " ".join(f"w{n}" for n in range(301))})

    assert faults(refused) == [("q", "too-long")]


async def test_words_are_found_in_names_too_and_no_phrase_spans_two(api: AsyncClient, make_event: MakeEvent) -> None:
    actors = [
        {"name": "Wagner Group", "role": "initiator", "type": "other"},
        {"name": "Blue Helmets", "role": "target", "type": "other"},
    ]
    places = [
        {"name": "Слов\u02bcянськ", "country": "UA", "role": "target"},
        {"name": "Engels", "country": "RU", "role": "launch"},
    ]
    event = await written(api, make_event(actors=actors, locations=places))

    for question in ("wagner", '"wagner group"', "helm*", "slovianska OR sloviansk", "Engels", "drones wagner engels"):
        assert await found(api, f"q={question}") == [event["id"]], question
    for question in ('"group blue"', '"city wagner"', "-wagner", "Russia"):
        assert await found(api, f"q={question}") == [], question


async def test_a_kind_says_which_of_its_strings_are_names(api: AsyncClient, demo_details: list[Any]) -> None:
    for kind, detail, words in demo_details:
        event = {
            "kind": kind,
            "title": "t",
            "started_at": "2025-09-07T00:00:00Z",
            "sources": [{"publisher": "p"}],
            "detail": detail,
        }
        stored = await written(api, event)
        for word in words:
            assert await found(api, f"q={word}&kind={kind}") == [stored["id"]], (kind, word)


@pytest.fixture
def demo_details() -> list[Any]:
    return [
        (
            "attack",
            {
                "munitions": [{"category": "other", "model": "Geran-2"}],
                "targets": [{"name": "Trypilska", "category": "energy", "outcome": "hit"}],
            },
            ["geran-2", "trypilska"],
        ),
        (
            "negotiation_round",
            {"process": {"key": "k", "name": "Black Sea Initiative"}, "state": "held", "next_round": {"place": "Doha"}},
            ['"black sea"', "doha"],
        ),
        (
            "sanction_move",
            {
                "authority": {"name": "OFAC", "type": "state", "country": "US"},
                "programme": {"name": "Russian Harmful Activities", "id": "RUSSIA-EO14024"},
                "stage": "proposed",
                "measures": [{"type": "asset_freeze", "targets": [{"name": "Sovcomflot", "schema": "Company"}]}],
            },
            [
                "ofac",
                '"harmful activities"',
                "eo14024",
                "sovcomflot",
                "\u0441\u043e\u0432\u043a\u043e\u043c\u0444\u043b\u043e\u0442",
            ],
        ),
        (
            "security_guarantee",
            {
                "stage": "pledged",
                "framework": {"key": "k", "name": "Coalition of the Willing"},
                "contributions": [{"actor": "Latvia", "type": "arms_supply"}],
            },
            ["willing", "latvia"],
        ),
    ]


def test_names_are_paths_of_text() -> None:
    for kind in KINDS.values():
        assert all(path.islower() and "." in path for path in (*NAMES, *kind.names))
