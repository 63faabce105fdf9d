"""Draws events, changes of events and questions from a seed; values come into being as the run goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import worlds

Event = dict[str, Any]
Question = list[tuple[str, str]]

# Each facet's values, few enough to meet. `GROWING` ones are joined by numbered values, which are new again and again.
VALUES: dict[str, list[str]] = {
    "kind": worlds.VOCABULARIES["kind"],
    "status": ["reported", "corroborated", "confirmed", "disputed"],
    "country": ["UA", "RU", "FR", "PL"],
    "admin1": ["UA-30", "UA-43"],
    "place": ["Kyiv", "KYIV", "Odesa", "Sea of Azov"],
    "actor": ["Russia", "russia", "Ukraine", "RU", "Q159", "q212", "Wagner Group"],
    "actor_country": ["UA", "RU", "EU"],
    "initiator": ["Russia", "RU", "Q159", "Ukraine"],
    "target_country": ["UA", "RU", "FR"],
    "publisher": ["Reuters", "REUTERS", "RFE/RL", "100%"],
    "tag": ["night", "record", "a-b"],
    "munition": ["uav_one_way_attack", "cruise_missile", "other"],
    "attack_state": ["carried_out", "planned"],
    "event_type": ["Battles", "Explosions/Remote violence"],
    "sub_event_type": ["Armed clash", "Air/drone strike"],
    "civilian_targeting": ["true", "false"],
    "target": ["energy", "port"],
    "process": ["istanbul", "Geneva"],
    "talks_format": ["direct", "summit"],
    "level": ["ministerial", "technical"],
    "talks_state": ["held", "proposed"],
    "issue": ["ceasefire", "territory"],
    "outcome": ["agreement", "walkout"],
    "authority": ["European Union", "EU", "OFAC", "us"],
    "programme": ["19th package", "UKRAINE-EO"],
    "stage": ["proposed", "adopted", "pledged", "signed"],
    "measure_type": ["tariff", "travel_ban"],
    "measure_subtype": ["vessel_listing", "oil_embargo"],
    "ultimate_target": ["RU", "BY"],
    "sanctioned_country": ["RU", "IN"],
    "sanctioned_entity": ["A bank", "NK-7", "Eagle S", "IMO 9329760"],
    "imo": ["9329760", "IMO9329760"],
    "framework": ["coalition", "Prague"],
    "commitment": ["troop_deployment", "air_policing"],
    "beneficiary": ["Ukraine", "UA"],
}
GROWING = ("place", "actor", "tag", "publisher", "process", "programme", "sanctioned_entity", "measure_subtype")
WORDS = ["drones", "Drones", "air raid", "F-16", "cafe", "Caf\u00e9", "missiles", "talks"]
SEARCHES = ["drones", '"air raid"', "F-16", "f 16 drones", "caf\u00e9", "miss*", "talks nothing", "drones -talks",
            "talks OR missiles", "-drones", "azov OR russia -cafe", '-"air raid" ukraine']  # fmt: skip
DEGREES, PARALLELS = [-180, 0, 30.52, 32, 179.985, 180], [-90, 0, 48, 50.45, 90]
POINTS = worlds.POINTS
COUNTS = [0, 1, 2, 3, 10, 1000]
MEASURES = [*worlds.MEASURES, "personnel"]
ZONES = ["UTC", "Europe/Kyiv", "America/New_York"]
HOURS = [2, 30, 60, 24 * 5, 24 * 20, 24 * 60]


class Drawing:
    """One seed's draws; `step` is how far the run is, and with it how many values there are."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.step = 0
        self.now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)

    def of(self, name: str) -> str:
        """A value of a facet; for some facets one that may never have been there before."""
        if name in GROWING and self.random.random() < 0.2:
            return f"{name.replace('_', '-')}-{self.random.randrange(3 + self.step // 3)}"
        return self.random.choice(VALUES[name])

    def some(self, draw: Any, most: int = 2) -> list[Any]:
        return [draw() for _ in range(self.random.randint(0, most))]

    def maybe(self, value: Any) -> Any:
        return value if self.random.random() < 0.6 else None

    def estimate(self) -> Any:
        choice = self.random.choice
        return choice([choice(COUNTS), {"best": choice(COUNTS)}, {"low": 1, "high": 5}, {"low": 2, "best": 3}])

    def event(self, kind: str | None = None) -> Event:
        """A valid event without keys and relations."""
        kind = kind or self.random.choice(VALUES["kind"])
        return {
            "kind": kind,
            "status": self.of("status"),
            "title": " ".join(self.random.sample(WORDS, self.random.randint(1, 3))),
            "summary": self.maybe(self.random.choice(WORDS)),
            **self.time(),
            "locations": self.some(self.location, 3),
            "actors": self.some(self.actor, 3),
            "casualties": self.some(self.casualty),
            "sources": [{"publisher": self.of("publisher")}],
            "tags": sorted({self.of("tag") for _ in range(self.random.randint(0, 2))}),
            "detail": self.detail(kind),
        }

    def time(self) -> Event:
        """When the event was: near now, for the fixed feeds, or at the edges of days."""
        near = self.now - timedelta(hours=self.random.choice(HOURS))
        begin = near if self.random.random() < 0.4 else datetime.fromisoformat(self.random.choice(worlds.INSTANTS))
        precision = self.random.choice(["instant", "instant", "day", "week", "month", "year", "days"])
        length = timedelta(hours=self.random.choice([0, 5, 30, 24 * 4, *([24 * 50] if precision != "days" else [])]))
        ended = begin + length if precision == "days" or self.random.random() < 0.5 else None
        return {
            "started_at": begin.isoformat(),
            "ended_at": ended and ended.isoformat(),
            "time_precision": precision,
            "timezone": self.random.choice([None, "Europe/Kyiv", "America/New_York"]),
        }

    def location(self) -> Event:
        country = self.maybe(self.of("country"))
        place = {
            "name": self.of("place"),
            "country": country,
            "admin1": self.of("admin1") if country == "UA" else None,
            "role": self.random.choice(["target", "impact", "launch", "venue", None]),
        }
        return place | (dict(zip(("lat", "lon"), self.random.choice(POINTS), strict=True)) if self.maybe(1) else {})

    def actor(self) -> Event:
        return {
            "name": self.random.choice([self.of("actor"), "Russia", "Ukraine"]),
            "role": self.random.choice(["initiator", "target", "beneficiary", "guarantor", "participant"]),
            "type": "government",
            "country": self.maybe(self.of("actor_country")),
            "ref": self.maybe(self.random.choice(["Q159", "Q212"])),
        }

    def casualty(self) -> Event:
        return {
            "measure": self.random.choice(["killed", "injured"]),
            "group": "civilian",
            "subgroup": self.random.choice([None, None, "children"]),
            "count": self.estimate(),
        }

    def detail(self, kind: str) -> Event:
        return {
            "attack": self.attack,
            "negotiation_round": self.talks,
            "sanction_move": self.sanction,
            "security_guarantee": self.guarantee,
        }[kind]()

    def attack(self) -> Event:
        sort, subsort = self.random.choice(
            [("Battles", "Armed clash"), ("Explosions/Remote violence", "Air/drone strike"), ("Battles", None)]
        )
        return {
            "state": self.of("attack_state"),
            "event_type": sort,
            "sub_event_type": subsort,
            "civilian_targeting": self.random.choice([None, True, False]),
            "munitions": self.some(lambda: {"category": self.of("munition"), "launched": self.maybe(self.estimate())}),
            "targets": self.some(lambda: {"category": self.of("target")}),
        }

    def talks(self) -> Event:
        return {
            "process": self.maybe({"key": self.of("process")}),
            "rounds_covered": self.random.choice([1, 3]),
            "format": self.maybe(self.of("talks_format")),
            "level": self.maybe(self.of("level")),
            "state": self.of("talks_state"),
            "issues": sorted({self.of("issue") for _ in range(2)}),
            "outcome": self.maybe(self.of("outcome")),
        }

    def sanction(self) -> Event:
        eu, us = {"name": "European Union", "type": "igo", "country": "EU"}, {"name": "OFAC", "type": "state"}
        return {
            "authority": self.random.choice([eu, us | {"country": "US"}]),
            "programme": self.maybe({"name": self.maybe(self.of("programme")), "id": "UKRAINE-EO"}),
            "stage": self.random.choice(["proposed", "adopted"]),
            "ultimate_target": self.maybe(self.of("ultimate_target")),
            "measures": [self.measure(), *self.some(self.measure, 1)],
        }

    def measure(self) -> Event:
        return {
            "type": self.of("measure_type"),
            "subtype": self.maybe(self.of("measure_subtype")),
            "targets": self.some(self.entity),
        }

    def entity(self) -> Event:
        name = self.random.choice(["A bank", self.of("sanctioned_entity")])
        if name in {"Eagle S", "IMO 9329760"}:
            return {"name": "Eagle S", "schema": "Vessel", "imo": "9329760"}
        country = self.maybe(self.of("sanctioned_country"))
        ids = self.random.choice([[], ["NK-7"]])
        return {"name": name, "schema": "Company", "country": country, "ids": ids, "count": self.maybe(4)}

    def guarantee(self) -> Event:
        return {
            "framework": self.maybe({"key": self.of("framework")}),
            "commitments": sorted({self.of("commitment") for _ in range(2)}),
            "stage": self.random.choice(["pledged", "signed"]),
            "pledgers": self.maybe({"count": 26}),
            "contributions": self.some(lambda: {"actor": "France", "personnel": self.maybe(self.estimate())}),
        }

    def patch(self, event: Event) -> Event:
        """A merge patch that keeps the event valid."""
        whole = self.event(event["kind"])
        parts = [["status"], ["title", "summary"], ["locations"], ["actors"], ["casualties"], ["sources"], ["tags"],
                 ["started_at", "ended_at", "time_precision", "timezone"]]  # fmt: skip
        names = [name for part in self.random.sample(parts, self.random.randint(1, 3)) for name in part]
        return {name: whole[name] for name in names}

    def question(self, known: list[Event], allowed: frozenset[str]) -> Question:
        """Up to three filters, often ones that an event of now passes; `allowed` are the names that are parameters."""
        asked: Question = []
        kinds = self.random.choices(["facet", "place", "measure", "time", "words", "key", "not"], [9, 2, 2, 2, 2, 1, 2],
                                    k=self.random.choice([1, 1, 2, 2, 3]))  # fmt: skip
        for kind in kinds:
            taken = {name for name, _ in asked}
            drawn = getattr(self, f"by_{kind}")(known)
            if all(name in allowed and name not in taken for name, _ in drawn):
                asked += drawn
        return asked

    def by_facet(self, _known: list[Event]) -> Question:
        name = self.random.choice(list(VALUES))
        return [(name, value) for value in dict.fromkeys(self.of(name) for _ in range(self.random.choice([1, 1, 2])))]

    def by_place(self, _known: list[Event]) -> Question:
        if self.random.random() < 0.5:
            south, north = sorted(self.random.sample(PARALLELS, 2))
            return [("bbox", f"{self.random.choice(DEGREES)},{south},{self.random.choice(DEGREES)},{north}")]
        lat, lon = self.random.choice(POINTS)
        return [("near", f"{lat},{lon}"), ("radius_km", str(self.random.choice([0, 5, 250, 1000])))]

    def by_measure(self, _known: list[Event]) -> Question:
        return [(f"{self.random.choice(MEASURES)}_{self.random.choice(['min', 'max'])}",
                 str(self.random.choice([0, 1, 2, 3, 5, 10])))]  # fmt: skip

    def by_time(self, _known: list[Event]) -> Question:
        ends = self.random.choice([["since"], ["until"], ["since", "until"]])
        days = sorted(self.random.sample(worlds.DAYS, len(ends)))
        return [*zip(ends, days, strict=True), ("timezone", self.random.choice(ZONES))]

    def by_words(self, _known: list[Event]) -> Question:
        return [("q", self.random.choice(SEARCHES))]

    def by_key(self, known: list[Event]) -> Question:
        if not known:
            return [("id", worlds.STRANGER)]
        event, name = self.random.choice(known), self.random.choice(["id", "external_id", "related_to"])
        keys = event["external_ids"]
        return [(name, f"{keys[0]['system']}:{keys[0]['id']}" if name == "external_id" and keys else event["id"])][
            : 1 if name != "external_id" or keys else 0
        ]

    def by_not(self, _known: list[Event]) -> Question:
        name = self.random.choice(list(VALUES))
        return self.random.choice(
            [
                [("exclude", f"{name}:{self.of(name)}")],
                [("missing", name)],
                [("change", self.random.choice(["created", "updated", "deleted"]))],
            ]
        )


def as_filter(question: Question) -> dict[str, Any]:
    """The question as the JSON object of a subscription."""
    shown: dict[str, Any] = {}
    for name, value in question:
        if name in {"bbox", "near"}:
            shown[name] = [float(number) for number in value.split(",")]
        elif name == "radius_km":
            shown[name] = float(value)
        elif name.endswith(("_min", "_max")):
            shown[name] = int(value)
        elif name in {"since", "until", "timezone", "q"}:
            shown[name] = value
        else:
            shown.setdefault(name, []).append(value)
    return shown
