"""One full event of each kind, and a way to make variants of them."""

from __future__ import annotations

import copy
from typing import Any

from app.errors import FieldError, Invalid
from app.kinds import Event, parse_event

ABSENT = object()


def _event(kind: str, detail: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "title": "A title",
        "started_at": "2025-09-07T01:00:00+03:00",
        "time_precision": "day",
        "timezone": "Europe/Kyiv",
        "locations": [
            {"name": "Kyiv", "country": "UA", "admin1": "UA-30", "lat": 50.45, "lon": 30.52, "role": "impact"}
        ],
        "actors": [
            {
                "name": "Russia",
                "aliases": ["Russian Federation"],
                "role": "initiator",
                "type": "government",
                "country": "RU",
                "ref": "Q159",
            },
            {"name": "Ukraine", "role": "target", "type": "government", "country": "UA"},
        ],
        "casualties": [{"measure": "killed", "group": "civilian", "count": 3}],
        "sources": [{"publisher": "RFE/RL", "url": "https://example.org/1", "language": "en"}],
        "claims": [{"field": "/casualties/0/count", "value": {"best": 4}, "source": 0}],
        "external_ids": [{"system": "rferl", "id": "2025/09:1"}],
        "relations": [{"type": "follows", "event_id": "0197f2a0-0000-7000-8000-000000000001"}],
        "tags": ["drones"],
        "extra": {"b": 1, "a": [{"d": 1, "c": None}]},
        "detail": detail,
        **more,
    }


SPECIMENS = {
    "attack": _event(
        "attack",
        {
            "event_type": "Explosions/Remote violence",
            "sub_event_type": "Air/drone strike",
            "type_of_violence": "state_based",
            "civilian_targeting": False,
            "munitions": [
                {"category": "uav_one_way_attack", "launched": 810, "intercepted": 747, "decoys": {"high": 200}},
                {"category": "cruise_missile", "launched": {"low": 3, "best": 4}, "intercepted": None},
            ],
            "targets": [{"category": "government_building", "outcome": "damaged"}, {"category": "residential"}],
        },
    ),
    "negotiation_round": _event(
        "negotiation_round",
        {
            "process": {"key": "istanbul-2025", "name": "Istanbul talks"},
            "round_number": 3,
            "rounds_covered": 3,
            "format": "direct",
            "level": "delegation",
            "state": "held",
            "issues": ["prisoner_exchange", "remains"],
            "outcome": "partial_agreement",
            "agreements": [{"issue": "remains", "stage": "Imp", "quantity": 6000, "implementation": "partial"}],
            "next_round": {"date": "2025-10-01", "place": None},
        },
    ),
    "sanction_move": _event(
        "sanction_move",
        {
            "authority": {"name": "European Union", "type": "igo", "country": "EU"},
            "programme": {"name": "19th package", "id": "EU-UKR", "package_number": 19, "legal_act": "32014R0833"},
            "stage": "proposed",
            "direction": "tighten",
            "ultimate_target": "RU",
            "measures": [
                {
                    "type": "transportation_restrictions",
                    "subtype": "vessel_listing",
                    "status": "option",
                    "targets": [
                        {"name": "EVENTIN", "schema": "Vessel", "country": "PA", "imo": "IMO 9308065", "ids": ["NK-1"]},
                        {"name": "Other tankers", "schema": "Vessel", "count": {"low": 100, "high": 120}},
                    ],
                },
                {"type": "price_cap", "amount": 47.6, "currency": "USD", "unit": "barrel"},
            ],
            "objectives": ["end_war"],
        },
    ),
    "security_guarantee": _event(
        "security_guarantee",
        {
            "framework": {"key": "coalition-of-the-willing"},
            "pledgers": {"count": 26},
            "commitments": ["troop_deployment", "air_policing"],
            "domains": ["land", "sea", "air"],
            "bindingness": "political_commitment",
            "stage": "pledged",
            "trigger": {"type": "ceasefire"},
            "contributions": [{"actor": "France", "type": "troop_deployment", "personnel": {"best": 5000}}],
        },
        actors=[
            {"name": "France", "role": "guarantor", "type": "government", "country": "FR"},
            {"name": "Ukraine", "role": "beneficiary", "type": "government", "country": "UA", "ref": "Q212"},
        ],
    ),
}


def changed(kind: str, *changes: tuple[str, Any]) -> dict[str, Any]:
    """The specimen of the kind, with values set (`-` appends) or taken out (ABSENT) at JSON pointers."""
    event = copy.deepcopy(SPECIMENS[kind])
    for pointer, value in changes:
        *path, last = pointer.split("/")[1:]
        place: Any = event
        for step in path:
            place = place[int(step)] if isinstance(place, list) else place[step]
        if value is ABSENT:
            del place[int(last) if isinstance(place, list) else last]
        elif last == "-":
            place.append(value)
        else:
            place[int(last) if isinstance(place, list) else last] = value
    return event


def parsed(kind: str, *changes: tuple[str, Any]) -> Event:
    return parse_event(changed(kind, *changes))


def refusals(data: object, **how: Any) -> list[FieldError]:
    """The errors for which an event is refused; none if it is not."""
    try:
        parse_event(data, **how)
    except Invalid as refusal:
        return list(refusal.errors)
    return []


def faults(data: object, **how: Any) -> list[tuple[str | None, str]]:
    """Pointer and code of each error."""
    return [(error.pointer, error.code) for error in refusals(data, **how)]
