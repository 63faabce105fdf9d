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
    Shape,
    Whole,
    exactly,
    many,
    many_later,
    maybe,
    maybe_later,
)
from app.kinds.strings import Name, Text, Url, once_each
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


class Process(Shape):
    """The peace process that the round belongs to."""

    key: Name = Field(description="The same for all rounds of the process.")
    name: Text | None = maybe("What it is called.")


class Agreement(Shape):
    """What was agreed on one issue. `stage` is PA-X's: pre-negotiation, ceasefire, substantive, ..."""

    title: Text | None = maybe_later("What the agreement is called.")
    signatories: Annotated[list[Name], AfterValidator(once_each)] = many_later("Who signed it.")
    issue: Issue = Field(description="What it is about.")
    stage: Stage | None = maybe("PA-X agreement stage.")
    text_status: Text | None = maybe("Whether there is a text, and how it was accepted (PA-X status).")
    quantity: Estimate | None = maybe("How many: prisoners exchanged, bodies returned.")
    implementation: Implementation | None = maybe("How far it was carried out.")
    url: Url | None = maybe("Where its text is.")


class NextRound(Shape):
    """The round that is to follow."""

    date: Day | None = maybe("Its first day.")
    place: Text | None = maybe("Where it is to be.")


def _rounds(event: Any) -> Numbers | None:
    return exactly(event.detail.rounds_covered) if event.detail.state == "held" else None


class NegotiationRound(Kind):
    """One or several rounds of talks."""

    name: ClassVar = "negotiation_round"
    plural: ClassVar = "negotiations"
    title: ClassVar = "Negotiation round"

    process: Process | None = maybe("The process that the round belongs to.")
    round_number: Whole | None = maybe("Which round of the process it is.")
    rounds_covered: Annotated[StrictInt, Field(ge=1, le=INT64), INTEGRAL] = Field(
        default=1, description="How many rounds the event stands for."
    )
    format: Format | None = maybe("How the parties talked.")
    level: Level | None = maybe("The highest level at which they talked.")
    state: State = Field(description="Whether it took place.")
    issues: Annotated[list[Issue], AfterValidator(once_each)] = many("What was talked about.")
    outcome: Outcome | None = maybe("What came of it.")
    agreements: list[Agreement] = many("What was agreed.")
    next_round: NextRound | None = maybe("The round that is to follow.")

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
