"""The kinds are found, their names checked, and a fifth kind is one file."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from pydantic import TypeAdapter
from specimens import SPECIMENS

import app
from app.kinds import FACETS, KINDS, MEASURES, EventIn, EventOut, Tombstone, canonical_json, parse_event, schema_of
from app.kinds.base import Facet, Kind, Measure
from app.kinds.registry import facet_specs, measure_specs

CEASEFIRE = '''
"""A pause in the fighting."""

from typing import Any, ClassVar

from pydantic import Field

from app.kinds.base import Estimate, Facet, Kind, Measure
from app.kinds.strings import Name


class Ceasefire(Kind):
    """A ceasefire."""

    name: ClassVar = "ceasefire"
    plural: ClassVar = "ceasefires"
    title: ClassVar = "Ceasefire"

    zone: Name = Field(description="Where it holds.")
    violations: Estimate | None = None

    facets: ClassVar = (Facet("ceasefire_zone", "Where it holds.", lambda event: [event.detail.zone]),)
    totals: ClassVar = (
        Measure("violations", "Breaches.", lambda event: event.detail.violations and event.detail.violations.numbers()),
    )
'''
USE = """
import json
from pydantic import TypeAdapter
from app.kinds import *

sent = {"kind": "ceasefire", "title": "t", "started_at": "2025-01-01T00:00:00Z", "sources": [{"publisher": "p"}]}
event = parse_event({**sent, "detail": {"zone": "Donbas", "violations": {"low": 9, "high": 3}}})
print(json.dumps({
    "kinds": sorted(KINDS),
    "facet": dict(facets_of(event))["ceasefire_zone"].label,
    "known": ["ceasefire_zone" in FACETS, "violations" in MEASURES],
    "sum": measures_of(event)["violations"],
    "flags": [broken.flag for broken in broken_rules(event)],
    "where": [broken.error.pointer for broken in broken_rules(event)],
    "detail": json.loads(canonical_json(event, []))["detail"],
    "in": "ceasefire" in json.dumps(TypeAdapter(EventIn).json_schema()),
    "out": schema_of("ceasefire")["properties"]["kind"]["const"],
}))
"""


def test_a_fifth_kind_is_one_file(tmp_path: Path) -> None:
    shutil.copytree(Path(app.__path__[0]), tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "app" / "kinds" / "ceasefire.py").write_text(CEASEFIRE)

    run = subprocess.run([sys.executable, "-c", USE], cwd=tmp_path, capture_output=True, text=True, check=True)  # noqa: S603 - our own code

    assert json.loads(run.stdout) == {
        "kinds": sorted([*KINDS, "ceasefire"]),
        "facet": "Donbas",
        "known": [True, True],
        "sum": [9, 9, 3],
        "flags": ["bounds-order"],
        "where": ["/detail/violations"],
        "detail": {"zone": "Donbas", "violations": {"low": 9, "best": None, "high": 3, "qualifier": "unknown"}},
        "in": True,
        "out": "ceasefire",
    }


def kind_with(
    *, plural: str = "fifths", facets: tuple[Facet, ...] = (), totals: tuple[Measure, ...] = ()
) -> dict[str, type[Kind]]:
    """The kinds and one more, declared with these."""
    declared = {"name": "fifth", "plural": plural, "title": "Fifth", "facets": facets, "totals": totals}
    return {
        **KINDS,
        "fifth": type("Fifth", (Kind,), {"__annotations__": dict.fromkeys(declared, ClassVar), **declared}),
    }


def a_facet(name: str, vocabulary: Any = None) -> Facet:
    return Facet(name, "What it is.", lambda _event: [], vocabulary)


def a_measure(name: str) -> Measure:
    return Measure(name, "What it counts.", lambda _event: None)


@pytest.mark.parametrize(
    "name", ["sort", "q", "country", "kind", "wait", "near", "partial", "killed", "killed_min", "x_max"]
)
def test_a_reserved_name_stops_the_start(name: str) -> None:
    with pytest.raises(TypeError, match=name):
        facet_specs(kind_with(facets=(a_facet(name),)))
    with pytest.raises(TypeError, match=name):
        facet_specs(kind_with(totals=(a_measure(name),)))


def test_a_name_with_two_meanings_stops_the_start() -> None:
    with pytest.raises(TypeError, match="munition"):
        facet_specs(kind_with(facets=(a_facet("munition"),)))
    with pytest.raises(TypeError, match="authority"):
        facet_specs(kind_with(facets=(a_facet("authority"),)))
    with pytest.raises(TypeError, match="twice"):
        facet_specs(kind_with(facets=(a_facet("twice"), a_facet("twice"))))
    with pytest.raises(TypeError, match="launched"):
        measure_specs(kind_with(totals=(a_measure("launched"),)))


@pytest.mark.parametrize("plural", ["all", "attacks", "", "of war", "Fifths", "fünfte"])
def test_a_plural_that_cannot_name_a_feed_stops_the_start(plural: str) -> None:
    with pytest.raises(TypeError, match="plural"):
        facet_specs(kind_with(plural=plural))


def test_one_facet_of_two_kinds_has_both_vocabularies() -> None:
    joined = facet_specs(kind_with(facets=(a_facet("munition", Literal["trebuchet", "artillery"]),)))

    assert joined["munition"].values is not None
    assert set(joined["munition"].values) - set(FACETS["munition"].values or ()) == {"trebuchet"}
    assert {"threatened", "pledged"} <= set(FACETS["stage"].values or ())


def test_the_catalogue_is_the_one_of_the_domain_model() -> None:
    assert {name: kind.plural for name, kind in KINDS.items()} == {
        "attack": "attacks",
        "negotiation_round": "negotiations",
        "sanction_move": "sanctions",
        "security_guarantee": "guarantees",
    }
    own = {name: ([f.name for f in kind.facets], [m.name for m in kind.totals]) for name, kind in KINDS.items()}
    assert own == {
        "attack": (
            ["attack_state", "event_type", "sub_event_type", "civilian_targeting", "munition", "target"],
            ["launched", "intercepted"],
        ),
        "negotiation_round": (["process", "talks_format", "level", "talks_state", "issue", "outcome"], ["rounds"]),
        "sanction_move": (
            [
                "authority",
                "programme",
                "stage",
                "measure_type",
                "measure_subtype",
                "ultimate_target",
                "sanctioned_country",
                "sanctioned_entity",
                "imo",
            ],
            ["targets_listed"],
        ),
        "security_guarantee": (["framework", "stage", "commitment", "beneficiary"], ["pledgers", "personnel"]),
    }


def test_everything_that_documents_show_is_described() -> None:
    assert all(spec.description.endswith(".") for spec in FACETS.values())
    assert all(spec.description.endswith(".") for spec in MEASURES.values())
    for definition in TypeAdapter(EventIn).json_schema()["$defs"].values():
        shape = definition["anyOf"][1] if "anyOf" in definition else definition
        fields = shape.get("properties", {})
        assert definition.get("description") or not fields
        assert all(field.get("description") for field in fields.values()), definition["title"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_is_required_in_the_schema_and_has_no_default(kind: str) -> None:
    schema = TypeAdapter(EventIn).json_schema()["$defs"][f"{KINDS[kind].__name__}In"]

    assert schema["properties"]["kind"]["const"] == kind
    assert "default" not in schema["properties"]["kind"]
    assert set(schema["required"]) == {"kind", "title", "started_at", "sources", "detail"}


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_that_comes_back_has_every_key_in_the_schema(kind: str) -> None:
    schema = schema_of(kind)

    assert schema["required"] == list(schema["properties"])
    assert list(schema["properties"])[:4] == ["id", "kind", "version", "status"]
    assert list(schema["properties"])[-4:] == ["extra", "detail", "created_at", "updated_at"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_that_comes_back_fits_its_schema(kind: str) -> None:
    at = "2025-09-07T00:00:00Z"
    server = {"version": 1, "created_at": at, "updated_at": at, "kind": kind}
    content = {**json.loads(canonical_json(parse_event(SPECIMENS[kind]), ["no-source"])), **server}

    TypeAdapter(EventOut).validate_json(json.dumps({**content, "id": "0197f2a0-0000-7000-8000-000000000001"}))


def test_a_tombstone_has_the_keys_of_the_contract() -> None:
    schema = TypeAdapter(Tombstone).json_schema(mode="serialization")

    keys = ["id", "kind", "version", "deleted_at", "reason", "superseded_by", "erased"]
    assert schema["required"] == list(schema["properties"]) == keys
    assert schema["properties"]["kind"]["enum"] == list(KINDS)
