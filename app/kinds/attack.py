"""An armed strike: by air, by ground, by sea."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar, Literal, get_args

from pydantic import Field

from app.errors import FieldError
from app.kinds.base import (
    Estimate,
    Facet,
    Flag,
    Kind,
    Measure,
    Numbers,
    Rule,
    StrictModel,
    boolean_value,
    list_field,
    optional_field,
    total,
)
from app.kinds.strings import Text

# The ACLED codebook's event types, each with its sub-event types.
Battles = Literal["Government regains territory", "Non-state actor overtakes territory", "Armed clash"]
Protests = Literal["Excessive force against protesters", "Protest with intervention", "Peaceful protest"]
Riots = Literal["Violent demonstration", "Mob violence"]
Explosions = Literal[
    "Chemical weapon",
    "Air/drone strike",
    "Suicide bomb",
    "Shelling/artillery/missile attack",
    "Remote explosive/landmine/IED",
    "Grenade",
]
AgainstCivilians = Literal["Sexual violence", "Attack", "Abduction/forced disappearance"]
Developments = Literal[
    "Agreement",
    "Arrests",
    "Change to group/activity",
    "Disrupted weapons use",
    "Headquarters or base established",
    "Looting/property destruction",
    "Non-violent transfer of territory",
    "Other",
]
SubEventType = Literal[Battles, Protests, Riots, Explosions, AgainstCivilians, Developments]
EventType = Literal[
    "Battles",
    "Protests",
    "Riots",
    "Explosions/Remote violence",
    "Violence against civilians",
    "Strategic developments",
]
ACLED: dict[str, tuple[str, ...]] = {
    "Battles": get_args(Battles),
    "Protests": get_args(Protests),
    "Riots": get_args(Riots),
    "Explosions/Remote violence": get_args(Explosions),
    "Violence against civilians": get_args(AgainstCivilians),
    "Strategic developments": get_args(Developments),
}

State = Literal["planned", "threatened", "carried_out", "foiled"]
Violence = Literal["state_based", "non_state", "one_sided"]
MunitionCategory = Literal[
    "uav_one_way_attack",
    "uav_decoy",
    "uav_reconnaissance",
    "loitering_munition",
    "cruise_missile",
    "ballistic_missile",
    "aeroballistic_missile",
    "hypersonic_missile",
    "anti_radiation_missile",
    "surface_to_air_missile",
    "guided_bomb",
    "rocket_artillery",
    "artillery",
    "naval_drone",
    "mine_ied",
    "other",
    "unknown",
]
TargetCategory = Literal[
    "government_building",
    "energy",
    "residential",
    "military",
    "transport",
    "port",
    "industrial",
    "health",
    "education",
    "cultural",
    "other",
]
Outcome = Literal["targeted", "hit", "damaged", "destroyed"]


class Munition(StrictModel):
    """What was fired, of one category and model."""

    category: MunitionCategory = Field(description="What sort of munition.")
    model: Text | None = optional_field("Its model, such as Shahed-136.")
    launched: Estimate | None = optional_field("How many were launched.")
    intercepted: Estimate | None = optional_field("How many of them were shot down.")
    suppressed: Estimate | None = optional_field("How many of them were lost or jammed.")
    hit: Estimate | None = optional_field("How many of them hit.")
    decoys: Estimate | None = optional_field("How many decoys there were.")
    includes_decoys: Flag | None = optional_field("Whether `launched` counts the decoys too.")


class Target(StrictModel):
    """What was attacked."""

    name: Text | None = optional_field("What the source calls it.")
    category: TargetCategory = Field(description="What sort of target.")
    outcome: Outcome | None = optional_field("What became of it.")


def _mismatched(event: Any, _now: datetime) -> Iterator[FieldError]:
    sort, subsort = event.detail.event_type, event.detail.sub_event_type
    if subsort is not None and sort is None:
        yield FieldError("missing", "A sub-event type needs its event type.", pointer="/detail/event_type")
    elif subsort is not None and subsort not in ACLED[sort]:
        yield FieldError(
            "pair", "Not a sub-event type of this event type.", pointer="/detail/sub_event_type", allowed=ACLED[sort]
        )


def _exact(estimate: Estimate | None) -> int | None:
    return estimate.best if estimate is not None and estimate.qualifier == "exact" else None


def _overlost(event: Any, _now: datetime) -> Iterator[FieldError]:
    for index, row in enumerate(event.detail.munitions):
        launched = _exact(row.launched)
        if launched is not None and (_exact(row.intercepted) or 0) + (_exact(row.suppressed) or 0) > launched:
            yield FieldError(
                "losses-exceed-launched",
                "More munitions were intercepted and suppressed than launched.",
                pointer=f"/detail/munitions/{index}/launched",
            )


def _at_least(estimate: Estimate | None) -> int | None:
    if estimate is None:
        return None
    best = None if estimate.qualifier == "at_most" else estimate.best
    return best if estimate.low is None else estimate.low


def _at_most(estimate: Estimate | None) -> int | None:
    if estimate is None:
        return None
    best = None if estimate.qualifier == "at_least" else estimate.best
    return best if estimate.high is None else estimate.high


def _overdecoyed(event: Any, _now: datetime) -> Iterator[FieldError]:
    for index, row in enumerate(event.detail.munitions):
        decoys, launched = _at_least(row.decoys), _at_most(row.launched)
        if row.includes_decoys is not False and decoys is not None and launched is not None and decoys > launched:
            yield FieldError(
                "decoys-exceed-launched",
                "There were more decoys than munitions launched.",
                pointer=f"/detail/munitions/{index}/decoys",
            )


def _fired(part: str) -> Any:
    def read(event: Any) -> Numbers | None:
        if event.detail.state != "carried_out":
            return None
        return total(getattr(munition, part) for munition in event.detail.munitions)

    return read


class Attack(Kind):
    """An attack. Totals over munitions are derived, never typed."""

    name: ClassVar = "attack"
    plural: ClassVar = "attacks"
    title: ClassVar = "Attack"

    state: State = Field(default="carried_out", description="Whether it happened.")
    event_type: EventType | None = optional_field("ACLED event type.")
    sub_event_type: SubEventType | None = optional_field("ACLED sub-event type, one of the event type's.")
    type_of_violence: Violence | None = optional_field("UCDP type of violence 1-3 in words.")
    civilian_targeting: Flag | None = optional_field("Whether civilians were the main target (ACLED).")
    munitions: list[Munition] = list_field("What was fired.")
    targets: list[Target] = list_field("What was attacked.")

    names: ClassVar = ("munitions.model", "targets.name")
    facets: ClassVar = (
        Facet("attack_state", "Whether the attack happened.", lambda event: [event.detail.state], State),
        Facet("event_type", "ACLED event type.", lambda event: [event.detail.event_type], EventType),
        Facet("sub_event_type", "ACLED sub-event type.", lambda event: [event.detail.sub_event_type], SubEventType),
        Facet(
            "civilian_targeting",
            "Whether civilians were the main target.",
            lambda event: boolean_value(event.detail.civilian_targeting),
            Literal["false", "true"],
        ),
        Facet(
            "munition",
            "Category of a munition used.",
            lambda event: [munition.category for munition in event.detail.munitions],
            MunitionCategory,
        ),
        Facet(
            "target",
            "Category of a target.",
            lambda event: [target.category for target in event.detail.targets],
            TargetCategory,
        ),
    )
    totals: ClassVar = (
        Measure("launched", "Munitions launched in attacks carried out.", _fired("launched")),
        Measure("intercepted", "Munitions intercepted in attacks carried out.", _fired("intercepted")),
    )
    rules: ClassVar = (
        Rule(_mismatched),
        Rule(
            _overlost,
            "losses-exceed-launched",
            lambda event: [(row.launched, row.intercepted, row.suppressed) for row in event.detail.munitions],
        ),
        Rule(
            _overdecoyed,
            "decoys-exceed-launched",
            lambda event: [(row.launched, row.decoys, row.includes_decoys) for row in event.detail.munitions],
        ),
    )
