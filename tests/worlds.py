"""Small worlds of events, questions about them, and a reading of the filters that shares no code with ours."""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterable

Event = dict[str, Any]
Question = list[tuple[str, str]]

# Few values of each sort, so that they meet: spellings that are equal, neighbours, both sides of every edge.
PLACES = ["Kyiv", "KYIV", "Ky\u0131v", "Ki\u0142", "Chi\u0219in\u0103u", "CHIS\u0326INA\u0306U", "Sea of Azov"]
NAMES = ["Russia", "RUSSIA", "Ukraine", "UA", "Q159", "Stra\u00dfe", "STRASSE", "wagner group"]
ALIASES = ["Wagner Group", "Musicians", "R\u00f3sija", "UA"]
REFS = [None, None, "Q159", "q212", "NK-1"]
COUNTRIES = [None, "UA", "RU", "FR", "PL", "GB"]
TAGS = ["night", "record", "a-b"]
PUBLISHERS = ["RFE/RL", "rfe/rl", "Reuters", "100%", "a_b"]
POINTS = [
    (50.45, 30.52),
    (50.4502, 30.5203),
    (0.0, 180.0),
    (0.0, -180.0),
    (10.0, 179.99),
    (10.0, -179.99),
    (90.0, 0.0),
    (89.9, 120.0),
    (-90.0, 45.0),
    (-89.95, -60.0),
    (0.0, 0.0),
    (-33.9, 18.4),
    (48.0, 16.0),
    (50.0, 32.0),
]
INSTANTS = [
    "2025-09-06T18:00:00+03:00",
    "2025-09-07T00:00:00+03:00",
    "2025-09-06T21:00:00.000001Z",
    "2025-09-07T00:00:00Z",
    "2025-09-07T23:59:59.999999Z",
    "2025-09-08T00:00:00Z",
    "2025-10-26T01:30:00Z",
    "2025-08-01T12:00:00-07:00",
    "2024-02-29T00:00:00Z",
    "1969-12-31T23:59:59.5Z",
    "1900-06-01T00:00:00Z",
]
DAYS = ["2025-09-06", "2025-09-07", "2025-09-08", "2025-10-26", "2025-08-01", "2025-01-01", "2024-02-29", "1969-12-31"]
ZONES = ["UTC", "Europe/Kyiv", "America/New_York", "Pacific/Kiritimati"]
WORDS = [
    "drones",
    "Drones",
    "air raid",
    "raid air",
    "F-16",
    "F 16",
    "caf\u00e9",
    "cafe",
    "drone's",
    "drone\u2019s",
    "F\u201116",
    "\u041a\u0438\u0457\u0432",
    "Kyiv",
    "\u0417\u0435\u043b\u0435\u043d\u0441\u044c\u043a\u0438\u0439",
    "Zelenskyy",
    "Zelensky",
    "\u043f'\u044f\u0442\u044c",
    "\u043f\u02bc\u044f\u0442\u044c",
    "\u0421\u0443-34",
    "Su-34",
    "\u0141\u00f3d\u017a",
    "\u5317\u4eac\u53d1\u751f\u7206\u70b8",
    "\u4eac\u5317",
    "x1",
]
COUNTS = [0, 1, 2, 3, 10, 1000, 2**60]
RELATIONS = ["follows", "part_of", "duplicates"]
VOCABULARIES = {
    "kind": ["attack", "negotiation_round", "sanction_move", "security_guarantee"],
    "status": ["reported", "confirmed", "disputed"],
    "country": ["UA", "ua", "UKR", "Ukraine", "RU", "russian federation", "FR", "EU"],
    "admin1": ["UA-30", "ua-43"],
    "place": [*PLACES, "kyiv", "Ky", "sea of azov"],
    "actor": [
        *NAMES,
        "RU",
        "RUS",
        "Britain",
        "UK",
        "EUE",
        "q159",
        "Q212",
        "nk-1",
        "strasse",
        "MUSICIANS",
        "r\u00d3sija",
        "nobody",
    ],
    "actor_country": ["UA", "ukr", "RU", "EU"],
    "initiator": ["russia", "RU", "Q159", "Ukraine", "United Kingdom", "European Union"],
    "target_country": ["UA", "RU", "FR"],
    "beneficiary": ["Ukraine", "UA", "UK", "Russian Federation"],
    "publisher": [*PUBLISHERS, "REUTERS", "%", "a%b"],
    "tag": TAGS,
    "munition": ["uav_one_way_attack", "cruise_missile", "other"],
    "attack_state": ["carried_out", "planned"],
    "process": ["istanbul", "ISTANBUL", "geneva"],
    "stage": ["proposed", "adopted", "pledged", "signed"],
    "authority": ["European Union", "EU", "us", "America", "OFAC", "UK", "gbr"],
    "measure_type": ["tariff", "travel_ban"],
    "sanctioned_entity": [
        "a bank",
        "strassenbank",
        "OLD VOLGA",
        "imo 9074729",
        "nk-1",
        "sabrrumm",
        "ra-1",
        "Volga Old",
    ],
    "sanctioned_country": ["RU", "Russia"],
    "imo": ["9074729", "imo9074729", "9074728"],
    "commitment": ["troop_deployment", "air_policing"],
}
# What else the codes above are called.
COUNTRY_NAMES = {
    "ukr": "ua",
    "ukraine": "ua",
    "rus": "ru",
    "russia": "ru",
    "russian federation": "ru",
    "gbr": "gb",
    "uk": "gb",
    "britain": "gb",
    "united kingdom": "gb",
    "america": "us",
    "eue": "eu",
    "european union": "eu",
}
CODED = {"country", "actor_country", "target_country", "sanctioned_country"}
NAMED_OR_CODED = {"actor", "initiator", "beneficiary", "authority"}
MEASURES = ["killed", "injured", "launched", "intercepted", "rounds", "targets_listed", "pledgers"]


def estimates() -> st.SearchStrategy[Any]:
    """A number, or some of three in order."""
    return st.one_of(
        st.sampled_from(COUNTS),
        st.tuples(
            st.lists(st.sampled_from(COUNTS), min_size=3, max_size=3), st.sets(st.integers(0, 2), min_size=1)
        ).map(
            lambda drawn: {
                name: number
                for n, (name, number) in enumerate(zip(("low", "best", "high"), sorted(drawn[0]), strict=True))
                if n in drawn[1]
            }
        ),
    )


def some(strategy: st.SearchStrategy[Any], most: int = 2) -> st.SearchStrategy[list[Any]]:
    return st.lists(strategy, max_size=most)


LOCATIONS = st.builds(
    lambda name, country, point, role: {
        "name": name,
        "country": country,
        "admin1": "UA-30" if country == "UA" else None,
        "role": role,
        **(dict(zip(("lat", "lon"), point, strict=True)) if point else {}),
    },
    st.sampled_from(PLACES),
    st.sampled_from(COUNTRIES),
    st.sampled_from([None, *POINTS, *POINTS]),
    st.sampled_from(["target", "impact", "launch", "venue", None]),
)
ACTORS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(NAMES),
        "aliases": some(st.sampled_from(ALIASES)),
        "role": st.sampled_from(["initiator", "target", "beneficiary", "guarantor", "participant", "party"]),
        "type": st.just("government"),
        "country": st.sampled_from([*COUNTRIES, "EU"]),
        "ref": st.sampled_from(REFS),
    }
)
CASUALTIES = st.fixed_dictionaries(
    {
        "measure": st.sampled_from(["killed", "injured"]),
        "group": st.just("civilian"),
        "subgroup": st.sampled_from([None, None, "children"]),
        "count": estimates(),
    }
)
MUNITIONS = st.fixed_dictionaries(
    {"category": st.sampled_from(VOCABULARIES["munition"])},
    optional={"launched": st.sampled_from([3, 810, {"low": 5}]), "intercepted": st.sampled_from([0, 2])},
)
LISTED = [
    {"name": "A bank", "schema": "Company", "aliases": ["Stra\u00dfenbank"], "bic": "SABRRUMM", "country": "RU"},
    {"name": "Volga", "schema": "Vessel", "aliases": ["Old Volga"], "imo": "9074729", "ids": ["NK-1"]},
    {"name": "Wagner Group", "schema": "Organization", "registration": "RA-1", "countries": ["RU", "BY"]},
]
DETAILS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "attack": st.fixed_dictionaries(
        {"state": st.sampled_from(VOCABULARIES["attack_state"]), "munitions": some(MUNITIONS)}
    ),
    "negotiation_round": st.fixed_dictionaries(
        {
            "process": st.sampled_from([{"key": "istanbul", "name": "Talks"}, {"key": "geneva", "name": "Talks"}]),
            "state": st.sampled_from(["held", "proposed"]),
        },
        optional={"rounds_covered": st.sampled_from([1, 3])},
    ),
    "sanction_move": st.fixed_dictionaries(
        {
            "authority": st.sampled_from(
                [
                    {"name": "European Union", "type": "igo", "country": "EU"},
                    {"name": "OFAC", "type": "state", "country": "US"},
                    {"name": "OFSI", "type": "state", "country": "GB"},
                ]
            ),
            "stage": st.sampled_from(["proposed", "adopted"]),
            "measures": st.lists(
                st.fixed_dictionaries(
                    {
                        "type": st.sampled_from(VOCABULARIES["measure_type"]),
                        "targets": some(st.sampled_from(LISTED)),
                    }
                ),
                min_size=1,
                max_size=2,
            ),
        }
    ),
    "security_guarantee": st.fixed_dictionaries(
        {
            "stage": st.sampled_from(["pledged", "signed"]),
            "commitments": some(st.sampled_from(VOCABULARIES["commitment"])),
            "framework": st.just({"key": "coalition", "name": "A coalition"}),
        }
    ),
}


@st.composite
def events(draw: st.DrawFn) -> Event:
    """An event of any kind, valid but for the keys and relations that its world gives it."""
    kind = draw(st.sampled_from(VOCABULARIES["kind"]))
    event: Event = {
        "kind": kind,
        "status": draw(st.sampled_from(VOCABULARIES["status"])),
        "title": " ".join(draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3))),
        "summary": draw(st.sampled_from([None, *WORDS])),
        "started_at": draw(st.sampled_from(INSTANTS)),
        "time_precision": draw(st.sampled_from(["instant", "instant", "day", "week", "month", "year", "days"])),
        "timezone": draw(st.sampled_from([None, "Europe/Kyiv", "America/New_York"])),
        "locations": draw(some(LOCATIONS, 3)),
        "actors": draw(some(ACTORS, 3)),
        "casualties": draw(some(CASUALTIES)),
        "sources": [{"publisher": draw(st.sampled_from(PUBLISHERS))}],
        "tags": draw(st.sets(st.sampled_from(TAGS)).map(sorted)),
        "detail": draw(DETAILS[kind]),
    }
    if event["time_precision"] == "days" or draw(st.booleans()):
        length = timedelta(hours=draw(st.sampled_from([0, 5, 30, 24 * 4, 24 * 50])))
        if event["time_precision"] == "days":
            length = min(length, timedelta(days=4))
        event["ended_at"] = (datetime.fromisoformat(event["started_at"]) + length).isoformat()
    return event


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """A query of up to four filters; values such as @7 stand for an event of the world, see `about`."""
    asked: Question = []
    for name in sorted(draw(st.sets(st.sampled_from([*VOCABULARIES, *OTHERS]), max_size=3))):
        if name in VOCABULARIES:
            values = draw(st.lists(st.sampled_from(VOCABULARIES[name]), min_size=1, max_size=3, unique=True))
            asked += [(name, value) for value in values]
        else:
            taken = {pair[0] for pair in asked}
            asked += [pair for pair in draw(OTHERS[name]) if pair[0] not in taken]
    return asked + draw(NAMED)


def single(name: str, values: Iterable[str]) -> st.SearchStrategy[Question]:
    return st.sampled_from(list(values)).map(lambda value: [(name, value)])


def moments(name: str) -> st.SearchStrategy[Question]:
    return single(name, [*DAYS, *(text.replace("Z", "+00:00") for text in INSTANTS)])


def several(*parts: st.SearchStrategy[Question]) -> st.SearchStrategy[Question]:
    return st.tuples(*parts).map(lambda drawn: [pair for part in drawn for pair in part])


DEGREES = [-180, -179.995, -60, 0, 16, 30.52, 32, 179.985, 180]
PARALLELS = [-90, -89.96, 0, 10, 48, 50.45, 89.95, 90]
BOXES = st.tuples(
    st.sampled_from(DEGREES),
    st.lists(st.sampled_from(PARALLELS), min_size=2, max_size=2).map(sorted),
    st.sampled_from(DEGREES),
).map(lambda drawn: [("bbox", f"{drawn[0]},{drawn[1][0]},{drawn[2]},{drawn[1][1]}")])
CIRCLES = st.tuples(
    st.sampled_from([*POINTS, (0.0, 179.9), (89.99, -60.0)]), st.sampled_from([0, 0.1, 5, 30, 250, 1000])
).map(lambda drawn: [("near", f"{drawn[0][0]},{drawn[0][1]}"), ("radius_km", str(drawn[1]))])
LIMITS = st.tuples(
    st.sampled_from(MEASURES), st.sampled_from(["min", "max"]), st.sampled_from([-1, 0, 1, 2, 3, 4, 10, 813, 2**63 - 1])
).map(lambda drawn: [(f"{drawn[0]}_{drawn[1]}", str(drawn[2]))])
SEARCHES = single(
    "q",
    [
        "drones",
        "DRONES raid",
        '"air raid"',
        '"raid air" drones',
        "F-16",
        "f 16",
        "cafe",
        "caf\u00e9*",
        "dro*",
        "drone's",
        "\u043a\u0438\u0457\u0432",
        "x1 nothing",
        '"drones air"',
        "x*",
        "drone\u02bcs",
        "F\u201316",
        "kyiv",
        "ky\u0131v",
        "\u041a\u0418\u0407\u0412 drones",
        "zelenskiy",
        "zelensk*",
        "\u0437\u0435\u043b\u0435\u043d\u0441\u044c\u043a\u0438\u0439",
        "\u0437\u0435\u043b\u0435\u043d*",
        "\u043f\u2019\u044f\u0442\u044c",
        "\u0441\u0443-34",
        "su-34",
        "su",
        "lodz OR cafe",
        "\u7206\u70b8",
        "\u4eac",
        "\u5317\u4eac",
        "\u53d1\u751f\u7206 OR \u4eac\u5317",
        "-drones",
        "drones -raid",
        '-"air raid"',
        'drones OR "air raid" -cafe',
        'kyiv OR -"air raid"',
        "OR x1 OR OR raid -",
        "-dro* -x1",
        "-russia",
        "russia",
        '"wagner group" OR "russia ukraine"',
        "strasse",
        "talks OR european",
        "bank -ofac",
        "azov",
        "coalition",
        "musicians",
        "rosija -musicians",
        '"old volga"',
        "strassenbank",
    ],
)
EXCLUDED = st.lists(
    st.sampled_from([(name, value) for name, values in VOCABULARIES.items() for value in values]),
    min_size=1,
    max_size=2,
    unique=True,
).map(lambda drawn: [("exclude", f"{name}:{value}") for name, value in drawn])
MISSING = st.lists(st.sampled_from(sorted(VOCABULARIES)), min_size=1, max_size=2, unique=True).map(
    lambda drawn: [("missing", name) for name in drawn]
)
# For readers of changes only; see `heard`.
CHANGES = st.lists(st.sampled_from(["created", "updated", "deleted"]), max_size=2, unique=True).map(
    lambda drawn: [("change", sort) for sort in drawn]
)
OTHERS: dict[str, st.SearchStrategy[Question]] = {
    "time": several(moments("since"), moments("until"), single("timezone", ZONES)),
    "since": several(moments("since"), single("timezone", ZONES)),
    "until": moments("until"),
    "bbox": BOXES,
    "near": CIRCLES,
    "limit": LIMITS,
    "q": SEARCHES,
    "exclude": EXCLUDED,
    "missing": MISSING,
}


PICKS = st.integers(0, 1000).map(lambda number: f"@{number}")
NAMED: st.SearchStrategy[Question] = st.one_of(
    st.just([]),
    st.just([]),
    st.tuples(st.sampled_from(["id", "related_to", "external_id"]), st.lists(PICKS, min_size=1, max_size=3)).map(
        lambda drawn: [(drawn[0], pick) for pick in dict.fromkeys(drawn[1])]
    ),
    PICKS.map(lambda pick: [("changed_since", pick)]),
)


def about(known: list[Event], question: Question) -> Question:
    """The question with ids, keys and times of known events in the place of its picks."""
    return [(name, told(known, name, value) if value.startswith("@") else value) for name, value in question]


def told(known: list[Event], name: str, pick: str) -> str:
    """What a pick stands for; a stranger where there is no event."""
    if not known:
        return {"external_id": "world:none", "changed_since": "2025-01-01"}.get(name, STRANGER)
    event = known[int(pick[1:]) % len(known)]
    if name == "external_id":
        return "".join(f"{key['system']}:{key['id']}" for key in event["external_ids"][:1])
    return str(event["updated_at"] if name == "changed_since" else event["id"])


STRANGER = "0197f2a0-0000-7000-8000-000000000001"


# What the contract says of each filter, read from an event's public form.


def matches(event: Event, question: Question) -> bool:
    """The event passes every filter of the question."""
    asked: dict[str, list[str]] = {}
    for name, value in question:
        asked.setdefault(name, []).append(value)
    zone = ZoneInfo(asked.pop("timezone", ["UTC"])[0])
    ends = [instant_in(asked.pop(name, [None])[0], zone) for name in ("since", "until")]
    radius = asked.pop("radius_km", ["0"])[0]
    return overlaps(event, *ends) and all(passes(event, name, values, radius) for name, values in asked.items())


def heard(before: Event | None, after: Event | None, question: Question) -> bool:
    """A change from one state to the other is of a sort that is asked for, and one of the two states matches."""
    sorts = {value for name, value in question if name == "change"}
    sort = "deleted" if after is None else "created" if before is None else "updated"
    filters = [pair for pair in question if pair[0] != "change"]
    states = [state for state in (before, after) if state is not None]
    return (not sorts or sort in sorts) and any(matches(state, filters) for state in states)


def passes(event: Event, name: str, values: list[str], radius: str) -> bool:
    """One filter, some of whose values must hold."""
    if name in {"bbox", "near"}:
        numbers = [float(number) for number in values[0].split(",")]
        return any(
            inside(place, numbers) if name == "bbox" else nearby(place, numbers, float(radius))
            for place in spots(event)
        )
    if name.endswith(("_min", "_max")):
        number = total(event, name[:-4])
        return number is not None and (number >= int(values[0]) if name.endswith("_min") else number <= int(values[0]))
    if name == "q":
        return searched(event, values[0])
    if name == "changed_since":
        return datetime.fromisoformat(event["updated_at"]) >= datetime.fromisoformat(values[0])
    if name == "missing":
        return not any(text is not None for value in values for text in facet(event, value))
    found = any(has(event, *(value.split(":", 1) if name == "exclude" else (name, value))) for value in values)
    return found != (name == "exclude")


def has(event: Event, name: str, value: str) -> bool:
    """The event has that value of the facet, under whichever name."""
    asked = {fold(value)}
    if name in CODED:
        asked = {COUNTRY_NAMES.get(fold(value), fold(value))}
    elif name in NAMED_OR_CODED:
        asked |= {COUNTRY_NAMES[text] for text in asked if text in COUNTRY_NAMES}
    return not asked.isdisjoint(fold(text) for text in facet(event, name) if text is not None)


def fold(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def facet(event: Event, name: str) -> Iterable[str | None]:
    """Every name under which an event is found by a facet."""
    detail, actors = event["detail"], event["actors"]
    places = [place for place in event["locations"] if place["role"] != "launch"]

    def named(role: str | None) -> list[str | None]:
        chosen = [actor for actor in actors if role in {None, actor["role"]}]
        return [text for actor in chosen for text in (actor["name"], *actor["aliases"], actor["ref"], actor["country"])]

    struck = [place["country"] for place in places if place["role"] in {"target", "impact"}]
    found: dict[str, list[str | None]] = {
        "kind": [event["kind"]],
        "status": [event["status"]],
        "country": [place["country"] for place in places],
        "admin1": [place["admin1"] for place in places],
        "place": [place["name"] for place in places],
        "actor": named(None),
        "initiator": named("initiator"),
        "beneficiary": named("beneficiary") if event["kind"] == "security_guarantee" else [],
        "actor_country": [actor["country"] for actor in actors],
        "target_country": [*struck, *(actor["country"] for actor in actors if actor["role"] == "target")],
        "publisher": [source["publisher"] for source in event["sources"]],
        "tag": event["tags"],
        "id": [event["id"]],
        "external_id": [f"{key['system']}:{key['id']}" for key in event["external_ids"]],
        "related_to": [relation["event_id"] for relation in event["relations"]],
        "munition": [row["category"] for row in detail.get("munitions", [])],
        "attack_state": [detail.get("state")] if event["kind"] == "attack" else [],
        "process": [(detail.get("process") or {}).get("key")],
        "stage": [detail.get("stage")],
        "authority": [(detail.get("authority") or {}).get(part) for part in ("name", "country")],
        "measure_type": [row["type"] for row in detail.get("measures", [])],
        "commitment": detail.get("commitments", []),
        **details(event["kind"], detail),
    }
    return found[name]


def details(kind: str, detail: Any) -> dict[str, list[str | None]]:
    """The facets of a kind's own part that have a rule of their own."""
    targets = [target for row in detail.get("measures", []) for target in row["targets"]]
    numbers = [target["imo"] for target in targets if target["imo"]]
    spelt = [text for number in numbers for text in (number, f"IMO{number}", f"IMO {number}")]
    ids = [text for target in targets for text in (*target["ids"], target["bic"], target["registration"])]
    names = [text for target in targets for text in (target["name"], *target["aliases"])]
    civilian = detail.get("civilian_targeting")
    talks = detail if kind == "negotiation_round" else {}
    return {
        "event_type": [detail.get("event_type")],
        "sub_event_type": [detail.get("sub_event_type")],
        "civilian_targeting": [] if civilian is None else [str(civilian).lower()],
        "target": [row["category"] for row in detail.get("targets", [])],
        "talks_format": [talks.get("format")],
        "level": [talks.get("level")],
        "talks_state": [talks.get("state")],
        "issue": talks.get("issues", []),
        "outcome": [talks.get("outcome")],
        "programme": [(detail.get("programme") or {}).get(part) for part in ("name", "id")],
        "measure_subtype": [
            *(row["subtype"] for row in detail.get("measures", [])),
            *("vessel_listing" for target in targets if target["schema"] == "Vessel"),
        ],
        "ultimate_target": [detail.get("ultimate_target")],
        "sanctioned_country": [code for target in targets for code in (target["country"], *target["countries"])],
        "sanctioned_entity": [*names, *ids, *spelt],
        "imo": spelt,
        "framework": [(detail.get("framework") or {}).get("key")],
    }


def spots(event: Event) -> list[tuple[float, float]]:
    return [
        (place["lat"], place["lon"])
        for place in event["locations"]
        if place["role"] != "launch" and place["lat"] is not None
    ]


def inside(place: tuple[float, float], box: list[float]) -> bool:
    """Within or on the edge; -180 and 180 are one meridian."""
    (lat, lon), (west, south, east, north) = place, box
    meridians = {lon, -lon} if abs(lon) == 180 else {lon}
    across = [(west <= x <= east) if west <= east else (x >= west or x <= east) for x in meridians]
    return south <= lat <= north and any(across)


def nearby(place: tuple[float, float], centre: list[float], km: float) -> bool:
    """By the haversine formula."""
    (lat, lon), (lat0, lon0) = (tuple(map(math.radians, point)) for point in (place, centre))
    half = math.sin((lat - lat0) / 2) ** 2 + math.cos(lat) * math.cos(lat0) * math.sin((lon - lon0) / 2) ** 2
    return 2 * 6371.0088 * math.asin(min(1.0, math.sqrt(half))) <= km + 1e-9


# Which numbers of an estimate stand for a part of it, the first that is there.
PARTS = {"low": ("low", "best", "high"), "best": ("best", "low", "high"), "high": ("high", "best", "low")}


def total(event: Event, measure: str, part: str = "best") -> int | None:
    """A part of a measure, summed over its rows."""
    detail = event["detail"]
    rows: list[Any] = []
    if measure in {"killed", "injured"}:
        rows = [row["count"] for row in event["casualties"] if row["measure"] == measure and row["subgroup"] is None]
    elif event["kind"] == "attack" and measure in {"launched", "intercepted"}:
        rows = [row[measure] for row in detail["munitions"]] if detail["state"] == "carried_out" else []
    elif event["kind"] == "negotiation_round" and measure == "rounds":
        rows = [detail["rounds_covered"]] if detail["state"] == "held" else []
    elif event["kind"] == "sanction_move" and measure == "targets_listed":
        counts = [target["count"] for row in detail["measures"] for target in row["targets"]]
        rows = [1 if number_in(count, part) is None else count for count in counts]
    elif event["kind"] == "security_guarantee" and measure == "pledgers":
        guarantors = sum(actor["role"] == "guarantor" for actor in event["actors"])
        counted = number_in((detail["pledgers"] or {}).get("count"), part)
        rows = [(guarantors or None) if counted is None else counted]
    elif event["kind"] == "security_guarantee" and measure == "personnel":
        rows = [row["personnel"] for row in detail["contributions"]]
    numbers = [number for row in rows if (number := number_in(row, part)) is not None]
    return sum(numbers) if numbers else None


def number_in(estimate: Any, part: str) -> int | None:
    if estimate is None or isinstance(estimate, int):
        return estimate
    return next((estimate[name] for name in PARTS[part] if estimate[name] is not None), None)


def searched(event: Event, asked: str) -> bool:
    """Every part of the question holds; OR makes one part of its neighbours."""
    parts: list[list[str]] = []
    either = False
    for part in re.findall(r'-?"[^"]*"|\S+', asked):
        if part == "OR":
            either = bool(parts)
        elif cut(part):
            parts = [*parts[:-1], [*parts[-1], part]] if either else [*parts, [part]]
            either = False
    return all(any(holds(event, item.lstrip("-")) != item.startswith("-") for item in part) for part in parts)


def holds(event: Event, asked: str) -> bool:
    """A text of the event has the word, the beginning of a word, or the words in a row."""
    words, begins = cut(asked), asked.endswith("*")
    alone = len(words) == 1
    for text in map(cut, texts(event)):
        for n in range(len(text) - len(words) + 1):
            pairs = [(one, other) for one, other in zip(text[n:], words, strict=False)]
            if all(same(one, other, alone=alone, begins=begins and other is words[-1]) for one, other in pairs):
                return True
    return False


def texts(event: Event) -> list[str]:
    """Title, summary and names; no phrase spans two."""
    detail = event["detail"]
    places = [place["name"] for place in event["locations"]]
    actors = [name for actor in event["actors"] for name in (actor["name"], *actor.get("aliases", []))]
    named = [(detail.get(part) or {}).get("name") for part in ("process", "authority", "programme", "framework")]
    programme = (detail.get("programme") or {}).get("id")
    givers = [row["actor"] for row in detail.get("contributions", [])]
    entities = [target for row in detail.get("measures", []) for target in row["targets"]]
    targets = [name for one in entities for name in (one["name"], *one.get("aliases", []))]
    found = event["title"], event["summary"], *places, *actors, *named, programme, *givers, *targets
    return [text for text in found if text]


def same(word: str, asked: str, *, alone: bool, begins: bool) -> bool:
    """A word of a text, its apostrophes as `'`, is the one asked for: so written, or so romanised in another script."""
    bare = asked.replace("'", "")
    whole = {word.replace("'", ""), *(part for part in word.split("'") if len(part) > 1)}
    if not (alone and len(bare) <= 2):
        whole |= {twin for twins in TWINS for twin in twins if whole & twins and twin.isascii() != word.isascii()}
    names = {"zelensky" if each in ZELENSKY else each for each in whole} | (whole if begins else set())
    wanted = {bare, "zelensky" if bare in ZELENSKY else bare} if begins else {"zelensky" if bare in ZELENSKY else bare}
    return any(name.startswith(want) if begins else name == want for name in names for want in wanted)


# What is one word in two scripts, of the words of these worlds.
ZELENSKY = {"zelensky", "zelenskyy", "zelenskiy"}
TWINS = [
    {"\u043a\u0438\u0456\u0432", "kyiv"},
    {"\u0437\u0435\u043b\u0435\u043d\u0441\u044c\u043a\u0438\u0438", *ZELENSKY},
    {"\u0441\u0443", "su"},
]


def cut(text: str) -> list[str]:
    """Words without accents, and each Chinese character by itself."""
    plain = text.replace("\u2019", "'").replace("\u02bc", "'").casefold()
    plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    plain = plain.translate(str.maketrans("\u0142\u0131", "li"))
    return re.findall(r"[\u4e00-\u9fff]|(?:[^\W_\u4e00-\u9fff]|(?<=\w)'(?=\w))+", unicodedata.normalize("NFC", plain))


def instant_in(text: str | None, zone: ZoneInfo) -> datetime | None:
    """A day's midnight in the zone, or an instant."""
    if text is None:
        return None
    if len(text) == 10:
        day = date.fromisoformat(text)
        return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    return datetime.fromisoformat(text)


def overlaps(event: Event, since: datetime | None, until: datetime | None) -> bool:
    """Some moment of the event, to the microsecond, has since <= moment < until."""
    begin, end = interval(event)
    first = begin if since is None else max(begin, since)
    last = end if until is None else min(end, until)
    return first < last


def interval(event: Event) -> tuple[datetime, datetime]:
    """When the event was, the end exclusive."""
    begin = datetime.fromisoformat(event["started_at"])
    last = datetime.fromisoformat(event["ended_at"] or event["started_at"])
    if event["time_precision"] == "instant":
        return begin, last + timedelta(microseconds=1)
    zone = ZoneInfo(event["timezone"] or "UTC")
    day = last.astimezone(zone).date()
    after = {
        "day": day + timedelta(days=1),
        "days": day + timedelta(days=1),
        "week": day - timedelta(days=day.weekday()) + timedelta(days=7),
        "month": date(day.year + day.month // 12, day.month % 12 + 1, 1),
        "year": date(day.year + 1, 1, 1),
    }[event["time_precision"]]
    return begin, datetime(after.year, after.month, after.day, tzinfo=zone).astimezone(UTC)
