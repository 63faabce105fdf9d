"""A move in a sanctions policy, from the first thought of it to its end; threats count, as in GSDB and TIES."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from app.errors import FieldError
from app.kinds.base import (
    MAX_ITEMS,
    Estimate,
    Facet,
    FacetValue,
    Flag,
    Kind,
    Measure,
    Money,
    Number,
    Numbers,
    Rule,
    StrictModel,
    Whole,
    country_value,
    facet_value,
    later_list_field,
    later_optional_field,
    list_field,
    optional_field,
    total,
)
from app.kinds.codes import Bic, Currency, Imo, LegalAct, Party, codes_of
from app.kinds.strings import Lines, Name, Text, Url, deduplicate
from app.kinds.timestamps import Day

Stage = Literal[
    "considered",
    "threatened",
    "under_preparation",
    "proposed",
    "announced",
    "adopted",
    "in_force",
    "amended",
    "extended",
    "suspended",
    "lifted",
    "expired",
    "rejected",
    "withdrawn",
]
ADOPTED = frozenset({"adopted", "in_force", "amended", "extended", "suspended", "lifted", "expired"})
Direction = Literal["impose", "tighten", "maintain", "ease", "lift", "countermeasure"]
MeasureType = Literal[
    "aid_suspension",
    "arms_embargo",
    "arms_restrictions",
    "asset_freeze",
    "debarment",
    "export_control",
    "financial_restrictions",
    "import_restrictions",
    "investment_ban",
    "services_ban",
    "prohibition_to_satisfy_claims",
    "sectoral_sanctions",
    "transportation_restrictions",
    "travel_ban",
    "tariff",
    "price_cap",
    "visa_restriction",
    "diplomatic_restriction",
    "secondary_sanction",
    "asset_confiscation",
    "unspecified",
    "other",
]
MeasureStatus = Literal["option", "proposed", "agreed", "in_force", "dropped"]
EntityStatus = Literal["listed", "delisted", "amended"]
Schema = Literal[
    "Person",
    "Organization",
    "Company",
    "LegalEntity",
    "PublicBody",
    "Vessel",
    "Airplane",
    "Vehicle",
    "CryptoWallet",
    "Security",
    "Country",
    "Sector",
]


class Authority(StrictModel):
    """A state, an organisation of states or a coalition that sanctions."""

    name: Name = Field(description="What the source calls it.")
    type: Literal["state", "igo", "coalition"] = Field(description="What sort of authority.")
    country: Party | None = optional_field("Its country, or EU.")


class Programme(StrictModel):
    """The sanctions programme or package that the move belongs to."""

    name: Name | None = optional_field("What it is called.")
    id: Name | None = optional_field("Its identifier, as OpenSanctions has it.")
    url: Url | None = optional_field("Where it is published.")
    package_number: Whole | None = optional_field("The number of the package.")
    legal_act: LegalAct | None = optional_field(
        "The legal act as cited; checked only where it looks like a CELEX number."
    )


class Entity(StrictModel):
    """Who or what a measure is aimed at; `schema` is FollowTheMoney's, or Country or Sector."""

    name: Name = Field(description="What the source calls it.")
    aliases: Annotated[list[Name], AfterValidator(deduplicate)] = later_list_field("Other names and spellings.")
    schema_: Schema = Field(alias="schema", description="What sort of thing it is.")
    country: Party | None = optional_field("Its country.")
    countries: Annotated[list[Party], AfterValidator(deduplicate)] = later_list_field(
        "Its countries, where it has several."
    )
    imo: Imo | None = optional_field("A ship's IMO number; seven digits on output.")
    bic: Bic | None = optional_field("A bank's identifier (ISO 9362).")
    registration: Name | None = later_optional_field("Its number in a register: of companies, aircraft, vehicles.")
    ids: Annotated[list[Name], AfterValidator(deduplicate)] = list_field(
        "Its identifiers elsewhere: OpenSanctions, Wikidata, ..."
    )
    count: Estimate | None = optional_field("How many, where the entry stands for several.")
    status: EntityStatus | None = later_optional_field("What becomes of its entry in the list.")


class SanctionMeasure(StrictModel):
    """One measure of the move; `type` in OpenSanctions' words, and some that it lacks."""

    type: MeasureType = Field(description="What sort of measure.")
    subtype: Name | None = optional_field("More exactly, such as swift_exclusion, vessel_listing, oil_price_cap.")
    status: MeasureStatus | None = optional_field("How far this measure has come.")
    rate_pct: Number | None = optional_field("Rate of a tariff in percent.")
    rate_low_pct: Number | None = later_optional_field("The lowest rate, where there are several.")
    rate_high_pct: Number | None = later_optional_field("The highest rate, where there are several.")
    amount: Money | None = optional_field("An amount of money, with its currency.")
    currency: Currency | None = optional_field("ISO 4217, withdrawn codes too, or BTC, ETH, USDT.")
    unit: Text | None = optional_field("What the amount is for, such as barrel.")
    targets: list[Entity] = list_field("Who or what it is aimed at.")


def _entities(event: Any) -> list[Entity]:
    return [target for measure in event.detail.measures for target in measure.targets]


def _authority(event: Any) -> list[FacetValue]:
    authority = event.detail.authority
    found = [facet_value(authority.name, *(codes_of(authority.country) if authority.country else ()))]
    if authority.type != "coalition":
        return found
    members = [actor for actor in event.actors if actor.role == "initiator"]
    codes = [code for actor in members if actor.country for code in codes_of(actor.country)]
    return [
        facet_value(authority.name, *dict.fromkeys([*found[0].aliases, *(actor.name for actor in members), *codes]))
    ]


def _programme(event: Any) -> list[FacetValue]:
    programme = event.detail.programme
    label = programme and (programme.name or programme.id)
    return [facet_value(label, programme.id)] if label else []


def _subtypes(event: Any) -> list[str | None]:
    at_ships = any(entity.schema_ == "Vessel" for entity in _entities(event))
    subtypes = (measure.subtype for measure in event.detail.measures)
    return list(dict.fromkeys([*subtypes, *["vessel_listing"] * at_ships]))


def _entity_values(event: Any) -> list[FacetValue]:
    return [
        facet_value(entity.name, *entity.aliases, *entity.ids, *_imo_names(entity), entity.bic, entity.registration)
        for entity in _entities(event)
    ]


def _countries(event: Any) -> list[FacetValue]:
    codes = [code for entity in _entities(event) for code in (entity.country, *entity.countries)]
    return [country_value(code) for code in codes if code]


def _imo_names(entity: Entity) -> tuple[str, ...]:
    return () if entity.imo is None else (entity.imo, f"IMO{entity.imo}", f"IMO {entity.imo}")


def _listed(event: Any) -> Numbers | None:
    one = Estimate(low=1, best=1, high=1, qualifier="exact")
    return total(
        one if entity.count is None or entity.count.numbers() is None else entity.count for entity in _entities(event)
    )


def _untimely(event: Any, now: datetime) -> Iterator[FieldError]:
    move = event.detail
    if move.stage == "in_force" and move.effective_on is not None and move.effective_on > now.astimezone(UTC).date():
        yield FieldError(
            "stage-date", "A move in force cannot take effect in the future.", pointer="/detail/effective_on"
        )
    for index, measure in enumerate(move.measures):
        if move.stage in ADOPTED and measure.status == "option":
            where = f"/detail/measures/{index}/status"
            yield FieldError("stage-date", "A move that was adopted has no options any more.", pointer=where)


def _unpriced(event: Any, _now: datetime) -> Iterator[FieldError]:
    for index, measure in enumerate(event.detail.measures):
        if (measure.amount is None) != (measure.currency is None):
            absent = "amount" if measure.amount is None else "currency"
            where = f"/detail/measures/{index}/{absent}"
            yield FieldError("missing", "An amount and its currency go together.", pointer=where)


def _rates_unordered(event: Any, _now: datetime) -> Iterator[FieldError]:
    for index, measure in enumerate(event.detail.measures):
        rates = [measure.rate_low_pct, measure.rate_pct, measure.rate_high_pct]
        given = [rate for rate in rates if rate is not None]
        if given != sorted(given):
            where = f"/detail/measures/{index}/rate_low_pct"
            yield FieldError("order", "The lowest rate is above another.", pointer=where)


class SanctionMove(Kind):
    """Sanctions considered, threatened, prepared, adopted, eased, ended."""

    name: ClassVar = "sanction_move"
    plural: ClassVar = "sanctions"
    title: ClassVar = "Sanction move"

    authority: Authority = Field(description="Who makes the move.")
    programme: Programme | None = optional_field("The programme or package.")
    stage: Stage = Field(description="How far the move has come.")
    direction: Direction | None = optional_field("Whether it adds to the pressure or takes from it.")
    is_secondary: Flag = Field(default=False, description="Whether it is aimed at third parties.")
    ultimate_target: Party | None = optional_field("The country whose conduct is to change.")
    measures: list[SanctionMeasure] = Field(min_length=1, max_length=MAX_ITEMS, description="The measures.")
    announced_on: Day | None = optional_field("When it was announced.")
    adopted_on: Day | None = optional_field("When it was adopted.")
    effective_on: Day | None = optional_field("When it takes effect.")
    expires_on: Day | None = optional_field("When it ends.")
    objectives: Annotated[list[Text], AfterValidator(deduplicate)] = list_field(
        "What it is to achieve, in GSDB's words: policy_change, destabilize_regime, territorial_conflict, prevent_war, "
        "terrorism, end_war, human_rights, democracy, other."
    )
    reason: Lines | None = optional_field("Why, as the authority puts it.")

    names: ClassVar = (
        *("authority.name", "programme.name", "programme.id"),
        *("measures.targets.name", "measures.targets.aliases"),
    )
    facets: ClassVar = (
        Facet(
            "authority", "Name of who makes the move, or any code or name of its country.", _authority, codes="party"
        ),
        Facet("programme", "Name or identifier of the programme.", _programme),
        Facet("stage", "How far the move has come.", lambda event: [event.detail.stage], Stage),
        Facet("measure_type", "Sort of a measure.", lambda event: [m.type for m in event.detail.measures], MeasureType),
        Facet("measure_subtype", "A measure, more exactly; one against ships is a vessel_listing too.", _subtypes),
        Facet(
            "ultimate_target",
            "Country whose conduct is to change.",
            lambda event: [country_value(code) for code in (event.detail.ultimate_target,) if code],
            codes="country",
        ),
        Facet("sanctioned_country", "Country of a target of a measure.", _countries, codes="country"),
        Facet("sanctioned_entity", "Name, alias or any identifier of a target of a measure.", _entity_values),
        Facet(
            "imo",
            "IMO number of a ship that is a target of a measure.",
            lambda event: [facet_value(*_imo_names(entity)) for entity in _entities(event) if entity.imo],
        ),
    )
    totals: ClassVar = (
        Measure("targets_listed", "Targets of the measures; one that stands for several counts as many.", _listed),
    )
    rules: ClassVar = (
        Rule(
            _untimely,
            "stage-date",
            lambda event: (
                event.detail.stage,
                event.detail.effective_on,
                [measure.status for measure in event.detail.measures],
            ),
        ),
        Rule(_unpriced),
        Rule(_rates_unordered),
    )
