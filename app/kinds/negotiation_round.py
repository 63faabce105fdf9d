"""A round of talks: direct, mediated, by telephone, at a summit; the parties are the event's actors."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, StrictInt

from app.kinds.base import (
    INT64,
    INTEGRAL,
    Estimate,
    Facet,
    Kind,
    Measure,
    Numbers,
    StrictModel,
    Whole,
    exactly,
    later_list_field,
    later_optional_field,
    list_field,
    optional_field,
)
from app.kinds.strings import Name, Text, Url, deduplicate
from app.kinds.timestamps import Day

Format = Literal["direct", "proximity", "mediated", "shuttle", "multilateral", "summit", "phone_call", "working_group"]
Level = Literal["head_of_state", "head_of_government", "ministerial", "delegation", "technical", "special_envoy"]
State = Literal["proposed", "scheduled", "ongoing", "held", "postponed", "cancelled", "collapsed"]
Issue = Literal[
    "ceasefire",
    "prisoner_exchange",
    "remains",
    "territory",
    "security_guarantees",
    "peacekeeping",
    "enforcement",
    "humanitarian",
    "children_return",
    "nuclear_safety",
    "disarmament",
    "elections",
    "justice",
    "amnesty",
    "sanctions",
    "leaders_meeting",
    "process",
    "other",
]
Outcome = Literal["agreement", "partial_agreement", "no_agreement", "talks_continue", "walkout", "unknown"]
Stage = Literal["Pre", "Cea", "SubPar", "SubComp", "Imp", "Ren", "Oth"]
Implementation = Literal["pending", "partial", "done", "breached"]


class Process(StrictModel):
    """The peace process that the round belongs to."""

    key: Name = Field(description="The same for all rounds of the process.")
    name: Text | None = optional_field("What it is called.")


class Agreement(StrictModel):
    """What was agreed on one issue. `stage` is PA-X's: pre-negotiation, ceasefire, substantive, ..."""

    title: Text | None = later_optional_field("What the agreement is called.")
    signatories: Annotated[list[Name], AfterValidator(deduplicate)] = later_list_field("Who signed it.")
    issue: Issue = Field(description="What it is about.")
    stage: Stage | None = optional_field("PA-X agreement stage.")
    text_status: Text | None = optional_field("Whether there is a text, and how it was accepted (PA-X status).")
    quantity: Estimate | None = optional_field("How many: prisoners exchanged, bodies returned.")
    implementation: Implementation | None = optional_field("How far it was carried out.")
    url: Url | None = optional_field("Where its text is.")


class NextRound(StrictModel):
    """The round that is to follow."""

    date: Day | None = optional_field("Its first day.")
    place: Text | None = optional_field("Where it is to be.")


def _rounds(event: Any) -> Numbers | None:
    return exactly(event.detail.rounds_covered) if event.detail.state == "held" else None


class NegotiationRound(Kind):
    """One or several rounds of talks."""

    name: ClassVar = "negotiation_round"
    plural: ClassVar = "negotiations"
    title: ClassVar = "Negotiation round"

    process: Process | None = optional_field("The process that the round belongs to.")
    round_number: Whole | None = optional_field("Which round of the process it is.")
    rounds_covered: Annotated[StrictInt, Field(ge=1, le=INT64), INTEGRAL] = Field(
        default=1, description="How many rounds the event stands for."
    )
    format: Format | None = optional_field("How the parties talked.")
    level: Level | None = optional_field("The highest level at which they talked.")
    state: State = Field(description="Whether it took place.")
    issues: Annotated[list[Issue], AfterValidator(deduplicate)] = list_field("What was talked about.")
    outcome: Outcome | None = optional_field("What came of it.")
    agreements: list[Agreement] = list_field("What was agreed.")
    next_round: NextRound | None = optional_field("The round that is to follow.")

    names: ClassVar = ("process.name", "agreements.title", "agreements.signatories", "next_round.place")
    facets: ClassVar = (
        Facet(
            "process",
            "Key of the peace process.",
            lambda event: [] if event.detail.process is None else [event.detail.process.key],
        ),
        Facet("talks_format", "How the parties talked.", lambda event: [event.detail.format], Format),
        Facet("level", "The highest level at which they talked.", lambda event: [event.detail.level], Level),
        Facet("talks_state", "Whether the talks took place.", lambda event: [event.detail.state], State),
        Facet("issue", "What was talked about.", lambda event: event.detail.issues, Issue),
        Facet("outcome", "What came of the talks.", lambda event: [event.detail.outcome], Outcome),
    )
    totals: ClassVar = (Measure("rounds", "Rounds of talks that were held.", _rounds),)
