"""What a reader of the feed must be able to ask of the samples, each question one call without a key."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.samples import load

LOADED = [str(item["external_id"]) for item in load()]

SEPTEMBER = "since=2025-09-01&until=2025-10-01"
ROUNDS = "/v1/events?kind=negotiation_round&actor=Russia"
MOVES = "/v1/events?kind=sanction_move"


@dataclass(frozen=True)
class Question:
    """A question in words, the call that asks it, and the samples that answer it, by their external id."""

    words: str
    path: str
    answer: tuple[str, ...]


ATTACKS_ON_KYIV = [
    Question("by name", f"/v1/events?kind=attack&place=Kyiv&{SEPTEMBER}", ("kyiv-air-attack",)),
    Question("whatever the case", f"/v1/events?kind=attack&place=KYIV&{SEPTEMBER}", ("kyiv-air-attack",)),
    Question("by code", f"/v1/events?kind=attack&admin1=UA-30&{SEPTEMBER}", ("kyiv-air-attack",)),
    Question("around it", f"/v1/events?kind=attack&near=50.45,30.52&radius_km=30&{SEPTEMBER}", ("kyiv-air-attack",)),
    Question(
        "in its own time",
        "/v1/events?kind=attack&place=Kyiv&since=2025-09-07&until=2025-09-08&timezone=Europe/Kyiv",
        ("kyiv-air-attack",),
    ),
    Question("the day after", "/v1/events?kind=attack&place=Kyiv&since=2025-09-08&until=2025-09-09", ()),
    Question("the month before", "/v1/events?kind=attack&place=Kyiv&since=2025-08-01&until=2025-09-01", ()),
    Question("carried out anywhere", f"/v1/events?attack_state=carried_out&{SEPTEMBER}", ("kyiv-air-attack",)),
    Question("of 800 drones or more", f"/v1/events?launched_min=800&{SEPTEMBER}", ("kyiv-air-attack",)),
    Question(
        "anywhere in Ukraine", f"/v1/events?kind=attack&country=UA&{SEPTEMBER}", ("kyiv-air-attack", "pokrovsk-buildup")
    ),
]

ROUNDS_WITH_RUSSIA = [
    Question("in April", f"{ROUNDS}&since=2025-04-01&until=2025-05-01", ()),
    Question("in May", f"{ROUNDS}&since=2025-05-01&until=2025-06-01", ("istanbul-round-1",)),
    Question("in June", f"{ROUNDS}&since=2025-06-01&until=2025-07-01", ("istanbul-round-2",)),
    Question("in July", f"{ROUNDS}&since=2025-07-01&until=2025-08-01", ("istanbul-round-3",)),
    Question("in August", f"{ROUNDS}&since=2025-08-01&until=2025-09-01", ("alaska-summit",)),
    Question("in September", f"{ROUNDS}&{SEPTEMBER}", ("putin-zelenskyy-meeting",)),
    Question(
        "all, the earliest first",
        f"{ROUNDS}&sort=started_at",
        ("istanbul-round-1", "istanbul-round-2", "istanbul-round-3", "alaska-summit", "putin-zelenskyy-meeting"),
    ),
    Question(
        "by its reference, those that were held",
        "/v1/events?kind=negotiation_round&actor=Q159&talks_state=held",
        ("istanbul-round-1", "istanbul-round-2", "istanbul-round-3", "alaska-summit"),
    ),
]

MOVES_BY_STAGE = [
    Question("considered", f"{MOVES}&stage=considered", ("us-rosneft-lukoil",)),
    Question("proposed", f"{MOVES}&stage=proposed", ("eu-19th-package",)),
    Question("threatened", f"{MOVES}&stage=threatened", ("us-second-phase", "bessent-oil-buyers")),
    Question("in force", f"{MOVES}&stage=in_force", ("us-tariff-india",)),
    Question("lifted", f"{MOVES}&stage=lifted", ()),
    Question(
        "not yet decided",
        f"{MOVES}&stage=considered&stage=proposed&stage=threatened",
        ("us-rosneft-lukoil", "eu-19th-package", "us-second-phase", "bessent-oil-buyers"),
    ),
]

MOVES_BY_MEASURE = [
    Question("tariff", f"{MOVES}&measure_type=tariff", ("us-tariff-india", "bessent-oil-buyers")),
    Question("secondary", f"{MOVES}&measure_type=secondary_sanction", ("eu-19th-package", "bessent-oil-buyers")),
    Question("not specified", f"{MOVES}&measure_type=unspecified", ("us-second-phase", "us-rosneft-lukoil")),
    Question("transport", f"{MOVES}&measure_type=transportation_restrictions", ("eu-19th-package",)),
    Question("finance", f"{MOVES}&measure_type=financial_restrictions", ("eu-19th-package",)),
    Question("visas", f"{MOVES}&measure_type=visa_restriction", ("eu-19th-package",)),
    Question("diplomats", f"{MOVES}&measure_type=diplomatic_restriction", ("eu-19th-package",)),
    Question("embargo", f"{MOVES}&measure_type=arms_embargo", ()),
    Question("banks off SWIFT", f"{MOVES}&measure_subtype=swift_exclusion", ("eu-19th-package",)),
    Question("listed ships", f"{MOVES}&measure_subtype=vessel_listing", ("eu-19th-package", "us-rosneft-lukoil")),
    Question("against Rosneft", f"{MOVES}&sanctioned_entity=rosneft", ("us-rosneft-lukoil",)),
]

AFTER_1_SEPTEMBER = (
    "putin-zelenskyy-meeting",
    "kyiv-air-attack",
    "reassurance-force-pledge",
    "coalition-meeting",
    "putin-rejects-foreign-troops",
    "eu-19th-package",
    "eu-us-sanctions-talks",
    "us-second-phase",
    "bessent-oil-buyers",
    "us-rosneft-lukoil",
    "pokrovsk-buildup",
)

CHANGES = [
    Question("nothing seen yet", "/v1/feed?after=oldest", tuple(LOADED)),
    Question("seen the first dozen", "/v1/feed?after=e1-000000000012", tuple(LOADED[12:])),
    Question("seen it all", "/v1/feed?after=e1-000000000017", ()),
    Question("attacks only", "/v1/feed?after=e1-000000000012&kind=attack", ("pokrovsk-buildup",)),
]


def asked(question: Question) -> str:
    return question.words


def sample_key(event: dict[str, Any]) -> str:
    """Read the name under which the sample was loaded."""
    keys = [str(row["id"]) for row in event["external_ids"] if row["system"] == "sitrep-sample"]
    assert len(keys) == 1
    return keys[0]


async def ask(demo: httpx.AsyncClient, path: str) -> dict[str, Any]:
    answer = await demo.get(path)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def holds(demo: httpx.AsyncClient, question: Question) -> None:
    """Ask for the list and its count; a sorted list must also come in the order of the answer."""
    found = [sample_key(event) for event in (await ask(demo, question.path))["items"]]
    if "sort=" not in question.path:
        assert sorted(found) == sorted(question.answer)
        counted = await ask(demo, question.path.replace("/v1/events?", "/v1/events/count?"))
        assert counted["count"] == len(question.answer)
    else:
        assert found == list(question.answer)


@pytest.mark.parametrize("question", ATTACKS_ON_KYIV, ids=asked)
async def test_attacks_on_kyiv_in_september(demo: httpx.AsyncClient, question: Question) -> None:
    await holds(demo, question)


@pytest.mark.parametrize("question", ROUNDS_WITH_RUSSIA, ids=asked)
async def test_rounds_of_talks_with_russia_by_month(demo: httpx.AsyncClient, question: Question) -> None:
    await holds(demo, question)


@pytest.mark.parametrize("question", MOVES_BY_STAGE, ids=asked)
async def test_sanction_moves_by_stage(demo: httpx.AsyncClient, question: Question) -> None:
    await holds(demo, question)


@pytest.mark.parametrize("question", MOVES_BY_MEASURE, ids=asked)
async def test_sanction_moves_by_measure(demo: httpx.AsyncClient, question: Question) -> None:
    await holds(demo, question)


async def test_everything_after_1_september_as_a_map(demo: httpx.AsyncClient) -> None:
    collection = await ask(demo, "/v1/events.geojson?since=2025-09-02")
    shown = {sample_key(feature["properties"]) for feature in collection["features"]}
    kyiv = [feature for feature in collection["features"] if feature["geometry"]["coordinates"] == [30.52, 50.45]]

    assert collection["type"] == "FeatureCollection"
    assert shown == set(AFTER_1_SEPTEMBER)
    assert {sample_key(feature["properties"]) for feature in kyiv} == {"kyiv-air-attack", "putin-zelenskyy-meeting"}


@pytest.mark.parametrize("question", CHANGES, ids=asked)
async def test_what_changed_since_i_last_looked(demo: httpx.AsyncClient, question: Question) -> None:
    page = await ask(demo, question.path)

    assert [sample_key(item["data"]) for item in page["items"]] == list(question.answer)
    assert all(item["type"] == f"{item['data']['kind']}.created" for item in page["items"])
    assert page["next"] == "e1-000000000017"
    assert page["has_more"] is False
