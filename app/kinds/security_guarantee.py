"""A promise to keep a country safe, and what comes of it; commitments in ATOP's words, and some that ATOP lacks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from app.errors import FieldError
from app.kinds.base import (
    Estimate,
    Facet,
    Flag,
    Kind,
    Measure,
    Money,
    Numbers,
    Rule,
    StrictModel,
    Whole,
    exactly,
    list_field,
    optional_field,
    total,
)
from app.kinds.codes import Currency
from app.kinds.rules import actors_in
from app.kinds.strings import Lines, Name, Text, deduplicate

Commitment = Literal[
    "defense",
    "consultation",
    "nonaggression",
    "neutrality",
    "offense",
    "troop_deployment",
    "air_policing",
    "naval_presence",
    "training_mission",
    "arms_supply",
    "financing",
    "intelligence_sharing",
    "monitoring",
    "backstop",
]
Domain = Literal["land", "sea", "air", "cyber", "space"]
Bindingness = Literal["statement", "political_commitment", "signed_declaration", "treaty_signed", "treaty_ratified"]
Stage = Literal[
    "discussed",
    "offered",
    "pledged",
    "agreed",
    "signed",
    "ratified",
    "deployed",
    "withdrawn",
    "refused",
    "opposed",
]
TriggerType = Literal["ceasefire", "peace_agreement", "renewed_attack", "immediate", "date", "unspecified"]


class Framework(StrictModel):
    """The arrangement that the guarantee belongs to."""

    key: Name = Field(description="The same for all events of the arrangement.")
    name: Text | None = optional_field("What it is called.")


class Pledgers(StrictModel):
    """Who pledges; those that are named are actors with role guarantor."""

    count: Estimate | None = optional_field("How many pledge, named or not.")


class Trigger(StrictModel):
    """What makes the guarantee take effect."""

    type: TriggerType = Field(description="What sort of condition.")
    text: Lines | None = optional_field("The condition as stated.")


class Contribution(StrictModel):
    """What one of the pledgers puts in."""

    actor: Text = Field(description="Who.")
    type: Text | None = optional_field("What, where possible in the words of `commitments`.")
    personnel: Estimate | None = optional_field("How many people.")
    amount: Money | None = optional_field("An amount of money, with its currency.")
    currency: Currency | None = optional_field("ISO 4217, withdrawn codes too, or BTC, ETH, USDT.")
    conditional: Flag | None = optional_field("Whether it hangs on a condition.")


def _guarantors(event: Any) -> int:
    return sum(1 for actor in event.actors if actor.role == "guarantor")


def _counted(event: Any) -> Numbers | None:
    pledgers = event.detail.pledgers
    return pledgers.count.numbers() if pledgers is not None and pledgers.count is not None else None


def _pledgers(event: Any) -> Numbers | None:
    counted, guarantors = _counted(event), _guarantors(event)
    return counted or (exactly(guarantors) if guarantors else None)


def _too_many_named(event: Any, _now: datetime) -> Iterator[FieldError]:
    counted = event.detail.pledgers and event.detail.pledgers.count
    if counted and counted.high is not None and _guarantors(event) > counted.high:
        yield FieldError("pledgers", "More guarantors are named than counted.", pointer="/detail/pledgers/count")


def _unpriced(event: Any, _now: datetime) -> Iterator[FieldError]:
    for index, row in enumerate(event.detail.contributions):
        if (row.amount is None) != (row.currency is None):
            where = f"/detail/contributions/{index}/{'amount' if row.amount is None else 'currency'}"
            yield FieldError("missing", "An amount and its currency go together.", pointer=where)


class SecurityGuarantee(Kind):
    """A guarantee discussed, pledged, signed, deployed, opposed."""

    name: ClassVar = "security_guarantee"
    plural: ClassVar = "guarantees"
    title: ClassVar = "Security guarantee"

    framework: Framework | None = optional_field("The arrangement that it belongs to.")
    pledgers: Pledgers | None = optional_field("Who pledges.")
    commitments: Annotated[list[Commitment], AfterValidator(deduplicate)] = list_field("What is promised.")
    domains: Annotated[list[Domain], AfterValidator(deduplicate)] = list_field("Where it is to work.")
    bindingness: Bindingness | None = optional_field("How far it binds.")
    stage: Stage = Field(description="How far it has come.")
    trigger: Trigger | None = optional_field("What makes it take effect.")
    contributions: list[Contribution] = list_field("What each puts in.")
    duration_months: Whole | None = optional_field("For how many months.")

    names: ClassVar = ("framework.name", "contributions.actor")
    facets: ClassVar = (
        Facet(
            "framework",
            "Key of the arrangement.",
            lambda event: [] if event.detail.framework is None else [event.detail.framework.key],
        ),
        Facet("stage", "How far the guarantee has come.", lambda event: [event.detail.stage], Stage),
        Facet("commitment", "What is promised.", lambda event: event.detail.commitments, Commitment),
        Facet(
            "beneficiary",
            "Name, alias or reference of who is protected, or any code or name of its country.",
            actors_in("beneficiary"),
            codes="party",
        ),
    )
    totals: ClassVar = (
        Measure("pledgers", "How many pledge: as counted, else the guarantors named.", _pledgers),
        Measure(
            "personnel",
            "People contributed.",
            lambda event: total(row.personnel for row in event.detail.contributions),
        ),
    )
    rules: ClassVar = (Rule(_too_many_named), Rule(_unpriced))
