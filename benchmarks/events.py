"""Makes up events of all four kinds, each the same for the same number, about 1 KB as a writer sends them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIRST = datetime(2014, 3, 1, tzinfo=UTC)
LAST = datetime(2025, 9, 1, tzinfo=UTC)
# Events come in nearly in the order in which they happened; one in twenty comes late, from any time before.
JITTER_S = 3 * 86_400
LATE = 0.05
PLACES = (
    ("Kyiv", "UA", "UA-30", 50.45, 30.52),
    ("Kharkiv", "UA", "UA-63", 49.99, 36.23),
    ("Odesa", "UA", "UA-51", 46.48, 30.73),
    ("Dnipro", "UA", "UA-12", 48.46, 35.04),
    ("Zaporizhzhia", "UA", "UA-23", 47.84, 35.14),
    ("Lviv", "UA", "UA-46", 49.84, 24.03),
    ("Kherson", "UA", "UA-65", 46.64, 32.61),
    ("Sumy", "UA", "UA-59", 50.91, 34.8),
    ("Belgorod", "RU", "RU-BEL", 50.6, 36.59),
    ("Bryansk", "RU", "RU-BRY", 53.24, 34.36),
    ("Istanbul", "TR", "TR-34", 41.01, 28.98),
    ("Geneva", "CH", "CH-GE", 46.2, 6.14),
)
PUBLISHERS = ("Wire One", "Field Monitor", "City Desk", "Border Gazette", "Open Ledger", "Air Watch", "River Post")
TAGS = ("drones", "energy", "front-line", "port", "night", "air-raid", "winter", "grain", "rail", "prisoners")
WORDS = (
    "drones",
    "struck",
    "the",
    "substation",
    "before",
    "dawn",
    "officials",
    "said",
    "crews",
    "worked",
    "through",
    "night",
    "to",
    "restore",
    "power",
    "while",
    "talks",
    "resumed",
    "on",
    "a",
    "limited",
    "exchange",
    "of",
    "prisoners",
    "and",
    "monitors",
    "reported",
    "heavy",
    "damage",
    "near",
    "river",
    "crossing",
)
MUNITIONS = ("uav_one_way_attack", "cruise_missile", "ballistic_missile", "guided_bomb", "artillery", "unknown")
TARGETS = ("energy", "residential", "transport", "port", "industrial", "military")
RUSSIA = {"name": "Russia", "type": "state_forces", "country": "RU", "ref": "Q159"}
UKRAINE = {"name": "Ukraine", "type": "government", "country": "UA", "ref": "Q212"}


def events(count: int, first: int = 0, of: int | None = None) -> Iterator[dict[str, Any]]:
    """Events number `first` to `first + count`, spread over the years as parts of `of` events."""
    for n in range(first, first + count):
        yield event(n, of or count)


def event(n: int, of: int) -> dict[str, Any]:
    """Event number n of so many, as a writer sends it."""
    random = Random(n)
    kind, detail = random.choices(KINDS, WEIGHTS)[0]
    place = random.choice(PLACES)
    return {
        "kind": kind,
        "status": random.choices(("reported", "corroborated", "confirmed", "disputed"), (70, 15, 12, 3))[0],
        "title": f"{place[0]}: {sentence(random, 7)}",
        "summary": sentence(random, 14) + ".",
        "started_at": moment(random, n / of).isoformat(),
        "time_precision": "day" if random.random() < 0.6 else "instant",
        "timezone": "Europe/Kyiv",
        "locations": [location(random, place)],
        "actors": actors(random, kind),
        "casualties": casualties(random) if kind == "attack" else [],
        "sources": [source(random, n)],
        "external_ids": [{"system": "bench", "id": f"{of}-{n}"}],
        "tags": random.sample(TAGS, 2),
        "detail": detail(random),
    }


def moment(random: Random, part: float) -> datetime:
    """When it happened."""
    whole = (LAST - FIRST).total_seconds()
    at = random.random() * part * whole if random.random() < LATE else part * whole + random.uniform(-1, 1) * JITTER_S
    return FIRST + timedelta(seconds=int(min(max(at, 0), whole)))


def sentence(random: Random, length: int) -> str:
    return " ".join(random.choices(WORDS, k=length)).capitalize()


def location(random: Random, place: tuple[str, str, str, float, float]) -> dict[str, Any]:
    name, country, admin1, lat, lon = place
    return {
        "name": name,
        "country": country,
        "admin1": admin1,
        "lat": round(lat + random.gauss(0, 0.2), 4),
        "lon": round(lon + random.gauss(0, 0.2), 4),
        "precision": "near",
        "role": "impact",
    }


def actors(random: Random, kind: str) -> list[dict[str, Any]]:
    """Two parties in the roles that suit the kind."""
    if kind == "negotiation_round":
        return [{**RUSSIA, "role": "participant"}, {**UKRAINE, "role": "participant"}]
    if kind == "security_guarantee":
        return [{"name": f"Ally {random.randrange(30)}", "role": "guarantor", "type": "government"}, beneficiary()]
    first, second = (RUSSIA, UKRAINE) if random.random() < 0.8 else (UKRAINE, RUSSIA)
    return [{**first, "role": "initiator"}, {**second, "role": "target"}]


def beneficiary() -> dict[str, Any]:
    return {**UKRAINE, "role": "beneficiary"}


def casualties(random: Random) -> list[dict[str, Any]]:
    best = int(random.expovariate(0.2))
    killed = {"low": best // 2, "best": best, "high": best + 2, "qualifier": "approximately"}
    return [
        {"measure": "killed", "group": "civilian", "count": killed},
        {"measure": "injured", "group": "unknown", "count": random.randrange(60)},
    ]


def source(random: Random, n: int) -> dict[str, Any]:
    return {
        "publisher": random.choice(PUBLISHERS),
        "url": f"https://example.org/reports/{n}",
        "published_at": "2025-09-08T00:00:00Z",
        "language": "en",
    }


def attack(random: Random) -> dict[str, Any]:
    launched = random.randrange(1, 120)
    return {
        "state": "carried_out",
        "event_type": "Explosions/Remote violence",
        "sub_event_type": "Air/drone strike",
        "type_of_violence": "state_based",
        "civilian_targeting": random.random() < 0.4,
        "munitions": [
            {"category": random.choice(MUNITIONS), "launched": launched, "intercepted": random.randrange(launched)}
        ],
        "targets": [{"category": random.choice(TARGETS), "outcome": random.choice(("hit", "damaged", "targeted"))}],
    }


def negotiation_round(random: Random) -> dict[str, Any]:
    return {
        "process": {"key": f"process-{random.randrange(12)}", "name": "Talks"},
        "round_number": random.randrange(1, 20),
        "format": random.choice(("direct", "mediated", "shuttle")),
        "level": random.choice(("delegation", "ministerial", "technical")),
        "state": "held",
        "issues": random.sample(("ceasefire", "prisoner_exchange", "remains", "territory", "humanitarian"), 2),
        "outcome": random.choice(("talks_continue", "partial_agreement", "no_agreement")),
    }


def sanction_move(random: Random) -> dict[str, Any]:
    company = {"name": f"Company {random.randrange(5_000)}", "schema": "Company", "country": "RU"}
    return {
        "authority": {"name": "European Union", "type": "igo", "country": "EU"},
        "programme": {"name": f"Package {random.randrange(20)}"},
        "stage": random.choice(("proposed", "adopted", "in_force")),
        "direction": "tighten",
        "ultimate_target": "RU",
        "measures": [{"type": random.choice(("asset_freeze", "export_control", "tariff")), "targets": [company]}],
        "reason": sentence(random, 8),
    }


def security_guarantee(random: Random) -> dict[str, Any]:
    return {
        "framework": {"key": f"framework-{random.randrange(6)}", "name": "Coalition"},
        "pledgers": {"count": random.randrange(1, 30)},
        "commitments": random.sample(("troop_deployment", "arms_supply", "financing", "monitoring"), 2),
        "domains": ["land", "air"],
        "bindingness": "political_commitment",
        "stage": random.choice(("offered", "pledged", "signed")),
    }


KINDS: list[tuple[str, Callable[[Random], dict[str, Any]]]] = [
    ("attack", attack),
    ("negotiation_round", negotiation_round),
    ("sanction_move", sanction_move),
    ("security_guarantee", security_guarantee),
]
WEIGHTS = (70, 10, 14, 6)
