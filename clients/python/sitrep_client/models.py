"""The shapes of the API, made from openapi/openapi.json by `make models`; not to be edited."""

from __future__ import annotations

# ruff: noqa: E501
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict


class Ack(TypedDict):
    """Up to where the changes were taken."""

    cursor: str


ActorRole: TypeAlias = Literal[
    "party",
    "initiator",
    "target",
    "mediator",
    "host",
    "participant",
    "guarantor",
    "beneficiary",
    "observer",
    "supporter",
    "claimant",
]


ActorType: TypeAlias = Literal[
    "state_forces",
    "rebel_group",
    "political_militia",
    "identity_militia",
    "rioters",
    "protesters",
    "civilians",
    "external_other",
    "government",
    "head_of_state",
    "igo",
    "company",
    "vessel",
    "bank",
    "individual",
    "coalition",
    "other",
]


AgreementImplementation: TypeAlias = Literal["pending", "partial", "done", "breached"]


AgreementStage: TypeAlias = Literal["Pre", "Cea", "SubPar", "SubComp", "Imp", "Ren", "Oth"]


AttackEventType: TypeAlias = Literal[
    "Battles", "Protests", "Riots", "Explosions/Remote violence", "Violence against civilians", "Strategic developments"
]


AttackState: TypeAlias = Literal["planned", "threatened", "carried_out", "foiled"]


AttackSubEventType: TypeAlias = Literal[
    "Government regains territory",
    "Non-state actor overtakes territory",
    "Armed clash",
    "Excessive force against protesters",
    "Protest with intervention",
    "Peaceful protest",
    "Violent demonstration",
    "Mob violence",
    "Chemical weapon",
    "Air/drone strike",
    "Suicide bomb",
    "Shelling/artillery/missile attack",
    "Remote explosive/landmine/IED",
    "Grenade",
    "Sexual violence",
    "Attack",
    "Abduction/forced disappearance",
    "Agreement",
    "Arrests",
    "Change to group/activity",
    "Disrupted weapons use",
    "Headquarters or base established",
    "Looting/property destruction",
    "Non-violent transfer of territory",
    "Other",
]


AttackTypeOfViolence: TypeAlias = Literal["state_based", "non_state", "one_sided"]


class Attempt(TypedDict):
    """One request."""

    n: int
    at: str
    status_code: int | None
    duration_ms: int
    error: str | None


class Audit(TypedDict):
    """One deed."""

    id: int
    at: str
    by: str
    action: str
    subject: str
    address: str


class AuditList(TypedDict):
    """A page of the audit trail, newest first."""

    items: list[Audit]
    next: str | None


AuthorityType: TypeAlias = Literal["state", "igo", "coalition"]


BooleanText: TypeAlias = Literal["false", "true"]


CasualtyGroup: TypeAlias = Literal["civilian", "military", "unknown"]


CasualtyMeasure: TypeAlias = Literal["killed", "injured", "missing", "captured"]


CasualtySubgroup: TypeAlias = Literal["children", "women", "infant", "foreign_national"]


class Checkpoint(TypedDict):
    """What a mirror must hold at a position."""

    at: str
    live_events: int
    digest: str


class Count(TypedDict):
    """How many events match."""

    count: int
    as_of: str


Dataset: TypeAlias = Literal[
    "acled", "eu_sanctions", "gdelt", "missile_attacks", "opensanctions", "pa_x", "sitrep", "ucdp_ged"
]


DateOrder: TypeAlias = Literal["day-first", "month-first"]


DeletionReason: TypeAlias = Literal["duplicate", "erroneous", "retracted_by_source", "out_of_scope", "legal"]


DeliveryStatus: TypeAlias = Literal["queued", "sending", "retrying", "delivered", "dead", "cancelled"]


EntitySchema: TypeAlias = Literal[
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


EntityStatus: TypeAlias = Literal["listed", "delisted", "amended"]


EstimateQualifier: TypeAlias = Literal["exact", "at_least", "at_most", "approximately", "unknown"]


EventField: TypeAlias = Literal[
    "id",
    "kind",
    "version",
    "status",
    "title",
    "summary",
    "started_at",
    "ended_at",
    "time_precision",
    "timezone",
    "locations",
    "actors",
    "casualties",
    "sources",
    "claims",
    "external_ids",
    "relations",
    "tags",
    "quality_flags",
    "extra",
    "detail",
    "created_at",
    "updated_at",
]


EventQualityFlag: TypeAlias = Literal[
    "bounds-order", "end-before-start", "no-source", "losses-exceed-launched", "decoys-exceed-launched", "stage-date"
]


EventSort: TypeAlias = Literal[
    "started_at",
    "-started_at",
    "updated_at",
    "-updated_at",
    "killed",
    "-killed",
    "injured",
    "-injured",
    "launched",
    "-launched",
    "intercepted",
    "-intercepted",
    "rounds",
    "-rounds",
    "targets_listed",
    "-targets_listed",
    "pledgers",
    "-pledgers",
    "personnel",
    "-personnel",
]


EventStatus: TypeAlias = Literal["reported", "corroborated", "confirmed", "disputed", "retracted"]


EventTimePrecision: TypeAlias = Literal["instant", "day", "days", "week", "month", "year"]


ExportFormat: TypeAlias = Literal["ndjson", "csv", "geojson", "parquet", "geoparquet"]


class ExternalId(TypedDict):
    """The key of the event elsewhere: no two events share one."""

    system: str
    id: str


class Facet(TypedDict):
    """A facet and its vocabulary, null where values are open."""

    name: str
    values: list[str] | None


class FacetCount(TypedDict):
    """A value and the number of events that have it."""

    value: str
    count: int


FacetName: TypeAlias = Literal[
    "kind",
    "status",
    "country",
    "admin1",
    "place",
    "actor",
    "actor_country",
    "initiator",
    "target_country",
    "publisher",
    "tag",
    "attack_state",
    "event_type",
    "sub_event_type",
    "civilian_targeting",
    "munition",
    "target",
    "process",
    "talks_format",
    "level",
    "talks_state",
    "issue",
    "outcome",
    "authority",
    "programme",
    "stage",
    "measure_type",
    "measure_subtype",
    "ultimate_target",
    "sanctioned_country",
    "sanctioned_entity",
    "imo",
    "framework",
    "commitment",
    "beneficiary",
]


class Facets(TypedDict):
    """For each facet its values, those of most events first."""

    facets: dict[str, list[FacetCount]]
    as_of: str


class FeedHead(TypedDict):
    """Where the feed ends and begins."""

    epoch: int
    head: str
    oldest: str
    time: str


class FeedToken(TypedDict):
    """A feed token without its text."""

    id: str
    name: str
    owner: str
    created_at: str
    expires_at: str | None
    last_used_at: str | None


class FeedTokenList(TypedDict):
    """A page of feed tokens, newest first."""

    items: list[FeedToken]
    next: str | None


class FieldError(TypedDict):
    """One fault, in the body or in the query."""

    pointer: NotRequired[str]
    parameter: NotRequired[str]
    code: str
    detail: str
    allowed: list[str] | None


class FilterPatch(TypedDict):
    """Names of a filter with their new values; null takes a name out."""


class FrameworkIn(TypedDict):
    """The arrangement that the guarantee belongs to."""

    key: str
    name: NotRequired[str | None]


class FrameworkOut(TypedDict):
    """The arrangement that the guarantee belongs to."""

    key: str
    name: str | None


class Freshness(TypedDict):
    """How long ago it was, in seconds, as of the answer; null: never."""

    since_newest_event_s: int | None
    since_last_success_s: int | None


class Health(TypedDict):
    """All is well."""

    status: Literal["ok"]


class ImportOptionsOut(TypedDict):
    """How the file was imported."""

    lenient: bool
    tombstone_missing: bool
    limit: int | None
    reading: dict[str, Any]


class ImportProblem(TypedDict):
    """Why a row was refused, or which rule it breaks with a flag."""

    line: int
    code: str
    detail: str
    column: str | None
    value: str | None
    remedy: str | None
    flag: str | None


class ImportReportOut(TypedDict):
    """What an import came to."""

    rows: int
    created: int
    updated: int
    unchanged: int
    skipped: int
    flagged: int
    refused: int
    unreadable: int
    vanished: int
    deleted: int
    cursor_from: str | None
    cursor: str | None
    problems_by: dict[str, int]
    skipped_by: dict[str, int]
    notes: list[str]
    id: int | None
    dataset: str
    dry_run: bool
    problems: list[ImportProblem]


ImportState: TypeAlias = Literal["running", "done", "failed", "undoing", "undone"]


Interval: TypeAlias = Literal["hour", "day", "week", "month", "quarter", "year"]


class IssuedFeedToken(TypedDict):
    """A new feed token; `token` is shown this once."""

    id: str
    name: str
    owner: str
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    token: str


JsonValue: TypeAlias = Any


KeyScope: TypeAlias = Literal["read", "write", "subscribe", "admin"]


class Kind(TypedDict):
    """A kind of event."""

    kind: str
    title: str
    facets: list[Facet]
    measures: list[str]


class KindList(TypedDict):
    """All kinds."""

    items: list[Kind]


KindName: TypeAlias = Literal["attack", "negotiation_round", "sanction_move", "security_guarantee"]


class KindWithSchema(TypedDict):
    """A kind of event with the shape of its events."""

    kind: str
    title: str
    facets: list[Facet]
    measures: list[str]
    schema: dict[str, Any]


Live: TypeAlias = Literal["long-poll", "sse"]


LocationPrecision: TypeAlias = Literal["exact", "near", "admin2", "admin1", "linear", "country", "international"]


LocationRole: TypeAlias = Literal["target", "impact", "launch", "venue", "jurisdiction"]


class MapGrid(TypedDict):
    """The cells that have an event, row by row from the north-west."""

    zoom: int
    cells: list[list[float | None]]
    as_of: str


class Matched(TypedDict):
    """How many deliveries are sent again."""

    matched: int


class Me(TypedDict):
    """Who the request's key is."""

    id: str
    name: str
    owner: str
    scopes: list[KeyScope]
    expires_at: str | None


Measure: TypeAlias = Literal[
    "count", "killed", "injured", "launched", "intercepted", "rounds", "targets_listed", "pledgers", "personnel"
]


class MergePatch(TypedDict):
    """A JSON merge patch (RFC 7396) on the event's output form."""


MunitionCategory: TypeAlias = Literal[
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


NegotiationIssue: TypeAlias = Literal[
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


NegotiationRoundFormat: TypeAlias = Literal[
    "direct", "proximity", "mediated", "shuttle", "multilateral", "summit", "phone_call", "working_group"
]


NegotiationRoundLevel: TypeAlias = Literal[
    "head_of_state", "head_of_government", "ministerial", "delegation", "technical", "special_envoy"
]


NegotiationRoundOutcome: TypeAlias = Literal[
    "agreement", "partial_agreement", "no_agreement", "talks_continue", "walkout", "unknown"
]


NegotiationRoundState: TypeAlias = Literal[
    "proposed", "scheduled", "ongoing", "held", "postponed", "cancelled", "collapsed"
]


class NewFeedToken(TypedDict):
    """A feed token that is asked for."""

    name: str
    expires_at: NotRequired[str | None]


class NewKey(TypedDict):
    """A key that is asked for."""

    name: str
    scopes: list[KeyScope]
    owner: NotRequired[str | None]
    expires_at: NotRequired[str | None]


class NewPush(TypedDict):
    """Where changes are sent, and how many at once."""

    url: str
    max_open: NotRequired[int]
    max_in_flight: NotRequired[int | None]
    timeout_s: NotRequired[int]
    headers: NotRequired[dict[str, str]]


class NewSecret(TypedDict):
    """The new secret, shown this once."""

    secret: str
    previous_expires_at: str


class NextRoundIn(TypedDict):
    """The round that is to follow."""

    date: NotRequired[str | None]
    place: NotRequired[str | None]


class NextRoundOut(TypedDict):
    """The round that is to follow."""

    date: str | None
    place: str | None


NoticeType: TypeAlias = Literal[
    "subscription.failing",
    "subscription.disabled",
    "subscription.recovered",
    "delivery.dead",
    "source.stale",
    "source.recovered",
]


class PatchItem(TypedDict):
    """Apply a merge patch."""

    op: Literal["patch"]
    id: str
    patch: dict[str, Any]
    if_match: NotRequired[int | None]


PingResultError: TypeAlias = Literal["status", "timeout", "dns", "refused-address", "tls", "connect"]


class Place(TypedDict):
    """Where a subscription stands."""

    cursor: str
    lag: int
    generation: int


class Point(TypedDict):
    """A GeoJSON point, longitude first."""

    type: Literal["Point"]
    coordinates: list[float]


class Existing(TypedDict):
    """With `duplicate-external-id`: the event that holds the external id."""

    id: str
    version: int


ProblemType: TypeAlias = Literal[
    "/problems/malformed",
    "/problems/cursor-malformed",
    "/problems/cursor-ahead",
    "/problems/cursor-mismatch",
    "/problems/unauthorized",
    "/problems/forbidden",
    "/problems/not-found",
    "/problems/method-not-allowed",
    "/problems/request-timeout",
    "/problems/duplicate-external-id",
    "/problems/import-running",
    "/problems/subscription-mode",
    "/problems/deleted",
    "/problems/cursor-expired",
    "/problems/cursor-epoch",
    "/problems/version-mismatch",
    "/problems/payload-too-large",
    "/problems/uri-too-long",
    "/problems/unsupported-media-type",
    "/problems/validation",
    "/problems/idempotency-mismatch",
    "/problems/precondition-required",
    "/problems/too-many-requests",
    "/problems/headers-too-large",
    "/problems/internal",
    "/problems/unavailable",
    "/problems/schema-mismatch",
    "/problems/disk-full",
]


class ProcessIn(TypedDict):
    """The peace process that the round belongs to."""

    key: str
    name: NotRequired[str | None]


class ProcessOut(TypedDict):
    """The peace process that the round belongs to."""

    key: str
    name: str | None


class ProgrammeIn(TypedDict):
    """The sanctions programme or package that the move belongs to."""

    name: NotRequired[str | None]
    id: NotRequired[str | None]
    url: NotRequired[str | None]
    package_number: NotRequired[int | None]
    legal_act: NotRequired[str | None]


class ProgrammeOut(TypedDict):
    """The sanctions programme or package that the move belongs to."""

    name: str | None
    id: str | None
    url: str | None
    package_number: int | None
    legal_act: str | None


class PushPatch(TypedDict):
    """Parts of `push`; null gives the default back."""

    url: NotRequired[str | None]
    max_open: NotRequired[int | None]
    max_in_flight: NotRequired[int | None]
    timeout_s: NotRequired[int | None]
    headers: NotRequired[dict[str, str | None]]


class Pushing(TypedDict):
    """Where changes are sent, and how many at once."""

    url: str
    max_open: int
    max_in_flight: int
    timeout_s: int
    headers: dict[str, Literal["***"]]


RelationType: TypeAlias = Literal[
    "part_of", "follows", "responds_to", "duplicates", "contradicts", "implements", "produced", "prepares", "supports"
]


class Retry(TypedDict):
    """Which deliveries to send again."""

    status: NotRequired[Literal["dead"]]
    since: NotRequired[str | None]


RevisionOperation: TypeAlias = Literal["created", "updated", "deleted"]


class Rotation(TypedDict):
    """How long the old secret goes on signing."""

    overlap_s: NotRequired[int]


SanctionMeasureStatus: TypeAlias = Literal["option", "proposed", "agreed", "in_force", "dropped"]


SanctionMeasureType: TypeAlias = Literal[
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


SanctionMoveDirection: TypeAlias = Literal["impose", "tighten", "maintain", "ease", "lift", "countermeasure"]


SanctionMoveStage: TypeAlias = Literal[
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


SecurityGuaranteeBindingness: TypeAlias = Literal[
    "statement", "political_commitment", "signed_declaration", "treaty_signed", "treaty_ratified"
]


SecurityGuaranteeCommitment: TypeAlias = Literal[
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


SecurityGuaranteeDomain: TypeAlias = Literal["land", "sea", "air", "cyber", "space"]


SecurityGuaranteeStage: TypeAlias = Literal[
    "discussed", "offered", "pledged", "agreed", "signed", "ratified", "deployed", "withdrawn", "refused", "opposed"
]


class Seek(TypedDict):
    """Where to go on."""

    to: str


class SeriesRow(TypedDict):
    """One bucket of one group; a flat row, so that Grafana and data frames take it as it is."""

    start: str
    end: str
    group: str | None
    count: int
    low: int | None
    best: int | None
    high: int | None


class SourceIn(TypedDict):
    """Where the report comes from."""

    publisher: str
    url: NotRequired[str | None]
    title: NotRequired[str | None]
    published_at: NotRequired[str | None]
    language: NotRequired[str | None]
    scale: NotRequired[str | None]


class SourceOut(TypedDict):
    """Where the report comes from."""

    publisher: str
    url: str | None
    title: str | None
    published_at: str | None
    language: str | None
    scale: str | None


SourceState: TypeAlias = Literal["new", "running", "ok", "failing"]


Stage: TypeAlias = Literal[
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
    "discussed",
    "offered",
    "pledged",
    "agreed",
    "signed",
    "ratified",
    "deployed",
    "refused",
    "opposed",
]


SubscriptionDisabledReason: TypeAlias = Literal["gone", "failing", "no-key"]


SubscriptionMode: TypeAlias = Literal["push", "pull"]


SubscriptionPatchStatus: TypeAlias = Literal["active", "paused"]


SubscriptionStatus: TypeAlias = Literal["pending", "active", "failing", "paused", "disabled"]


SummaryFeedName: TypeAlias = Literal[
    "all_day",
    "all_week",
    "all_month",
    "attacks_day",
    "attacks_week",
    "attacks_month",
    "negotiations_day",
    "negotiations_week",
    "negotiations_month",
    "sanctions_day",
    "sanctions_week",
    "sanctions_month",
    "guarantees_day",
    "guarantees_week",
    "guarantees_month",
]


TargetCategory: TypeAlias = Literal[
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


TargetOutcome: TypeAlias = Literal["targeted", "hit", "damaged", "destroyed"]


class Tombstone(TypedDict):
    """What is left of a deleted event."""

    id: str
    kind: KindName
    version: int
    deleted_at: str
    reason: DeletionReason
    superseded_by: str | None
    erased: bool


TriggerType: TypeAlias = Literal["ceasefire", "peace_agreement", "renewed_attack", "immediate", "date", "unspecified"]


class UndoCounts(TypedDict):
    """What came of taking an import back."""

    deleted: int
    replaced: int
    restored: int
    left: int


class UndoOut(TypedDict):
    """What came of taking an import back, and a sentence for each event that was left."""

    deleted: int
    replaced: int
    restored: int
    left: int
    problems: list[str]


class Filter(TypedDict):
    """What to read, by the names of the API."""

    kind: NotRequired[KindName | list[KindName]]
    status: NotRequired[EventStatus | list[EventStatus]]
    country: NotRequired[str | list[str]]
    since: NotRequired[str]
    until: NotRequired[str]
    q: NotRequired[str]
    bbox: NotRequired[str | list[float]]
    near: NotRequired[str | list[float]]
    radius_km: NotRequired[float]
    id: NotRequired[str | list[str]]
    external_id: NotRequired[str | list[str]]
    related_to: NotRequired[str | list[str]]
    exclude: NotRequired[str | list[str]]
    missing: NotRequired[FacetName | list[FacetName]]
    timezone: NotRequired[str]
    admin1: NotRequired[str | list[str]]
    place: NotRequired[str | list[str]]
    actor: NotRequired[str | list[str]]
    actor_country: NotRequired[str | list[str]]
    initiator: NotRequired[str | list[str]]
    target_country: NotRequired[str | list[str]]
    publisher: NotRequired[str | list[str]]
    tag: NotRequired[str | list[str]]
    attack_state: NotRequired[AttackState | list[AttackState]]
    event_type: NotRequired[AttackEventType | list[AttackEventType]]
    sub_event_type: NotRequired[AttackSubEventType | list[AttackSubEventType]]
    civilian_targeting: NotRequired[BooleanText | list[BooleanText]]
    munition: NotRequired[MunitionCategory | list[MunitionCategory]]
    target: NotRequired[TargetCategory | list[TargetCategory]]
    process: NotRequired[str | list[str]]
    talks_format: NotRequired[NegotiationRoundFormat | list[NegotiationRoundFormat]]
    level: NotRequired[NegotiationRoundLevel | list[NegotiationRoundLevel]]
    talks_state: NotRequired[NegotiationRoundState | list[NegotiationRoundState]]
    issue: NotRequired[NegotiationIssue | list[NegotiationIssue]]
    outcome: NotRequired[NegotiationRoundOutcome | list[NegotiationRoundOutcome]]
    authority: NotRequired[str | list[str]]
    programme: NotRequired[str | list[str]]
    stage: NotRequired[Stage | list[Stage]]
    measure_type: NotRequired[SanctionMeasureType | list[SanctionMeasureType]]
    measure_subtype: NotRequired[str | list[str]]
    ultimate_target: NotRequired[str | list[str]]
    sanctioned_country: NotRequired[str | list[str]]
    sanctioned_entity: NotRequired[str | list[str]]
    imo: NotRequired[str | list[str]]
    framework: NotRequired[str | list[str]]
    commitment: NotRequired[SecurityGuaranteeCommitment | list[SecurityGuaranteeCommitment]]
    beneficiary: NotRequired[str | list[str]]
    killed_min: NotRequired[int]
    killed_max: NotRequired[int]
    injured_min: NotRequired[int]
    injured_max: NotRequired[int]
    launched_min: NotRequired[int]
    launched_max: NotRequired[int]
    intercepted_min: NotRequired[int]
    intercepted_max: NotRequired[int]
    rounds_min: NotRequired[int]
    rounds_max: NotRequired[int]
    targets_listed_min: NotRequired[int]
    targets_listed_max: NotRequired[int]
    pledgers_min: NotRequired[int]
    pledgers_max: NotRequired[int]
    personnel_min: NotRequired[int]
    personnel_max: NotRequired[int]


class ListFilter(Filter):
    """A filter of lists, counts and exports."""

    changed_since: NotRequired[str]


class FeedFilter(Filter):
    """A filter of the feed."""

    change: NotRequired[RevisionOperation | list[RevisionOperation]]


class ActorIn(TypedDict):
    """
    Who took part. `type` is ACLED's inter code in words, and some that ACLED lacks.

    The role `party` is that of a side whose direction the source does not give, as in ACLED and UCDP.
    """

    name: str
    aliases: NotRequired[list[str]]
    role: ActorRole
    type: ActorType
    country: NotRequired[str | None]
    ref: NotRequired[str | None]


class ActorOut(TypedDict):
    """
    Who took part. `type` is ACLED's inter code in words, and some that ACLED lacks.

    The role `party` is that of a side whose direction the source does not give, as in ACLED and UCDP.
    """

    name: str
    aliases: NotRequired[list[str]]
    role: ActorRole
    type: ActorType
    country: str | None
    ref: str | None


class AuthorityIn(TypedDict):
    """A state, an organisation of states or a coalition that sanctions."""

    name: str
    type: AuthorityType
    country: NotRequired[str | None]


class AuthorityOut(TypedDict):
    """A state, an organisation of states or a coalition that sanctions."""

    name: str
    type: AuthorityType
    country: str | None


class ClaimIn(TypedDict):
    """What one source says of a field, beside what others say."""

    field: str
    value: JsonValue
    source: int
    claimed_by: NotRequired[str | None]


class ClaimOut(TypedDict):
    """What one source says of a field, beside what others say."""

    field: str
    value: JsonValue
    source: int
    claimed_by: str | None


class CreatedSubscription(TypedDict):
    """A new subscription; `secret` is shown this once, and only where changes are pushed."""

    id: str
    version: int
    name: str
    mode: SubscriptionMode
    filter: dict[str, Any]
    push: Pushing | None
    status: SubscriptionStatus
    disabled_reason: SubscriptionDisabledReason | None
    cursor: str
    generation: int
    lag: int
    open: int
    dead: int
    consecutive_failures: int
    failing_since: str | None
    last_success_at: str | None
    last_error: str | None
    created_at: str
    secret: NotRequired[str]


class DeleteItem(TypedDict):
    """Delete an event."""

    op: Literal["delete"]
    id: str
    reason: DeletionReason
    superseded_by: NotRequired[str | None]
    if_match: NotRequired[int | None]


class Delivery(TypedDict):
    """A delivery with every attempt."""

    id: str
    subscription_id: str
    change_id: str
    generation: int
    status: DeliveryStatus
    attempts: list[Attempt]
    next_attempt_at: str | None
    created_at: str


class DeliveryHead(TypedDict):
    """A delivery in a list."""

    id: str
    subscription_id: str
    change_id: str
    generation: int
    status: DeliveryStatus
    attempt_count: int
    next_attempt_at: str | None
    created_at: str


class DeliveryList(TypedDict):
    """A page of deliveries, newest first."""

    items: list[DeliveryHead]
    next: str | None


class EstimateObject(TypedDict):
    """
    A reported number and how far it may be trusted, as UCDP gives low, best and high.

    A bare integer on input means that number exactly. Without a qualifier three equal numbers are `exact`, others `unknown`.
    """

    low: NotRequired[int | None]
    best: NotRequired[int | None]
    high: NotRequired[int | None]
    qualifier: NotRequired[EstimateQualifier]


class EstimateOut(TypedDict):
    """
    A reported number and how far it may be trusted, as UCDP gives low, best and high.

    A bare integer on input means that number exactly. Without a qualifier three equal numbers are `exact`, others `unknown`.
    """

    low: int | None
    best: int | None
    high: int | None
    qualifier: EstimateQualifier


class Feature(TypedDict):
    """One located place of an event."""

    type: Literal["Feature"]
    id: str
    geometry: Point
    properties: dict[str, Any]


class FeatureCollection(TypedDict):
    """A page of events as GeoJSON (RFC 7946)."""

    type: Literal["FeatureCollection"]
    features: list[Feature]
    next: str | None
    as_of: str


class ImportHead(TypedDict):
    """An import, without its problems."""

    rows: int
    created: int
    updated: int
    unchanged: int
    skipped: int
    flagged: int
    refused: int
    unreadable: int
    vanished: int
    deleted: int
    cursor_from: str | None
    cursor: str | None
    problems_by: dict[str, int]
    skipped_by: dict[str, int]
    notes: list[str]
    id: int
    dataset: str
    layout: str
    file_name: str
    sha256: str
    size: int
    options: ImportOptionsOut
    state: ImportState
    by: str
    started_at: str
    seen_at: str
    ended_at: str | None
    undo: UndoCounts | None


class ImportList(TypedDict):
    """A page of imports, newest first."""

    items: list[ImportHead]
    next: str | None


class ImportOut(TypedDict):
    """An import."""

    rows: int
    created: int
    updated: int
    unchanged: int
    skipped: int
    flagged: int
    refused: int
    unreadable: int
    vanished: int
    deleted: int
    cursor_from: str | None
    cursor: str | None
    problems_by: dict[str, int]
    skipped_by: dict[str, int]
    notes: list[str]
    id: int
    dataset: str
    layout: str
    file_name: str
    sha256: str
    size: int
    options: ImportOptionsOut
    state: ImportState
    by: str
    started_at: str
    seen_at: str
    ended_at: str | None
    undo: UndoOut | None
    problems: list[ImportProblem]


class IssuedKey(TypedDict):
    """A new key; `key` is shown this once."""

    id: str
    name: str
    owner: str
    scopes: list[KeyScope]
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None
    key: str


class Key(TypedDict):
    """A key without its secret."""

    id: str
    name: str
    owner: str
    scopes: list[KeyScope]
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None


class KeyList(TypedDict):
    """A page of keys, newest first."""

    items: list[Key]
    next: str | None


class LocationIn(TypedDict):
    """A place of the event. `precision` is UCDP's where_prec 1-7 in words."""

    name: NotRequired[str | None]
    country: NotRequired[str | None]
    admin1: NotRequired[str | None]
    lat: NotRequired[float | None]
    lon: NotRequired[float | None]
    precision: NotRequired[LocationPrecision | None]
    role: NotRequired[LocationRole | None]


class LocationOut(TypedDict):
    """A place of the event. `precision` is UCDP's where_prec 1-7 in words."""

    name: str | None
    country: str | None
    admin1: str | None
    lat: float | None
    lon: float | None
    precision: LocationPrecision | None
    role: LocationRole | None


class MunitionOut(TypedDict):
    """What was fired, of one category and model."""

    category: MunitionCategory
    model: str | None
    launched: EstimateOut | None
    intercepted: EstimateOut | None
    suppressed: EstimateOut | None
    hit: EstimateOut | None
    decoys: EstimateOut | None
    includes_decoys: bool | None


class NewSubscription(TypedDict):
    """A subscription that is asked for."""

    name: str
    mode: SubscriptionMode
    filter: NotRequired[dict[str, Any]]
    start: NotRequired[str]
    push: NotRequired[NewPush | None]


class Notice(TypedDict):
    """Something that an operator should know."""

    id: int
    type: NoticeType
    subscription_id: str | None
    delivery_id: str | None
    at: str
    detail: str


class NoticeList(TypedDict):
    """A page of notices, oldest first."""

    items: list[Notice]
    next: int | None


class PingResult(TypedDict):
    """What came of one signed ping."""

    ok: bool
    status_code: int | None
    duration_ms: int
    error: PingResultError | None


class PledgersOut(TypedDict):
    """Who pledges; those that are named are actors with role guarantor."""

    count: EstimateOut | None


class Problem(TypedDict):
    """A refusal, as RFC 9457 writes it. `type` tells programs which; `detail` tells people why."""

    type: Literal[
        "/problems/malformed",
        "/problems/cursor-malformed",
        "/problems/cursor-ahead",
        "/problems/cursor-mismatch",
        "/problems/unauthorized",
        "/problems/forbidden",
        "/problems/not-found",
        "/problems/method-not-allowed",
        "/problems/request-timeout",
        "/problems/duplicate-external-id",
        "/problems/import-running",
        "/problems/subscription-mode",
        "/problems/deleted",
        "/problems/cursor-expired",
        "/problems/cursor-epoch",
        "/problems/version-mismatch",
        "/problems/payload-too-large",
        "/problems/uri-too-long",
        "/problems/unsupported-media-type",
        "/problems/validation",
        "/problems/idempotency-mismatch",
        "/problems/precondition-required",
        "/problems/too-many-requests",
        "/problems/headers-too-large",
        "/problems/internal",
        "/problems/unavailable",
        "/problems/schema-mismatch",
        "/problems/disk-full",
    ]
    title: str
    status: int
    detail: str
    instance: str
    errors: NotRequired[list[FieldError]]
    existing: NotRequired[Existing]
    current: NotRequired[int]
    tombstone: NotRequired[Tombstone]
    oldest: NotRequired[str]
    bootstrap: NotRequired[str]


class Relation(TypedDict):
    """How this event relates to another."""

    type: RelationType
    event_id: str


class Revision(TypedDict):
    """One version in an event's history."""

    version: int
    operation: RevisionOperation
    cursor: str
    at: str
    by: str | None
    changed: list[str]


class Revisions(TypedDict):
    """History, newest first."""

    items: list[Revision]
    next: str | None


Series: TypeAlias = list[SeriesRow]
"""
Rows by start, then by group, null last.
"""


class Source(TypedDict):
    """One source, and how it fares."""

    name: str
    type: str
    dataset: str | None
    state: SourceState
    stale: bool
    interval_s: int
    version: str | None
    rows: int | None
    last_attempt_at: str | None
    last_success_at: str | None
    next_run_at: str | None
    newest_event_at: str | None
    failures: int
    last_problem: str | None
    last_problem_at: str | None
    freshness: Freshness


class SourceList(TypedDict):
    """Every source, by name."""

    items: list[Source]
    next: NotRequired[None]


class Subscription(TypedDict):
    """A subscription: a filter, a cursor and a mode."""

    id: str
    version: int
    name: str
    mode: SubscriptionMode
    filter: dict[str, Any]
    push: Pushing | None
    status: SubscriptionStatus
    disabled_reason: SubscriptionDisabledReason | None
    cursor: str
    generation: int
    lag: int
    open: int
    dead: int
    consecutive_failures: int
    failing_since: str | None
    last_success_at: str | None
    last_error: str | None
    created_at: str


class SubscriptionList(TypedDict):
    """A page of subscriptions, newest first."""

    items: list[Subscription]
    next: str | None


class SubscriptionPatch(TypedDict):
    """A merge patch (RFC 7396): only what is to change."""

    name: NotRequired[str]
    filter: NotRequired[FilterPatch | None]
    status: NotRequired[SubscriptionPatchStatus]
    push: NotRequired[PushPatch | None]


class TargetIn(TypedDict):
    """What was attacked."""

    name: NotRequired[str | None]
    category: TargetCategory
    outcome: NotRequired[TargetOutcome | None]


class TargetOut(TypedDict):
    """What was attacked."""

    name: str | None
    category: TargetCategory
    outcome: TargetOutcome | None


class TriggerIn(TypedDict):
    """What makes the guarantee take effect."""

    type: TriggerType
    text: NotRequired[str | None]


class TriggerOut(TypedDict):
    """What makes the guarantee take effect."""

    type: TriggerType
    text: str | None


class AgreementOut(TypedDict):
    """What was agreed on one issue. `stage` is PA-X's: pre-negotiation, ceasefire, substantive, ..."""

    title: NotRequired[str | None]
    signatories: NotRequired[list[str]]
    issue: NegotiationIssue
    stage: AgreementStage | None
    text_status: str | None
    quantity: EstimateOut | None
    implementation: AgreementImplementation | None
    url: str | None


class AttackDetailOut(TypedDict):
    """An attack. Totals over munitions are derived, never typed."""

    state: AttackState
    event_type: AttackEventType | None
    sub_event_type: AttackSubEventType | None
    type_of_violence: AttackTypeOfViolence | None
    civilian_targeting: bool | None
    munitions: list[MunitionOut]
    targets: list[TargetOut]


class BatchResult(TypedDict):
    """What became of one item; `status` is what the single call would answer."""

    index: int
    status: int
    id: str | None
    version: int | None
    cursor: str | None
    problem: Problem | None


class CasualtyOut(TypedDict):
    """A row of people harmed. With `subgroup` it is an "of which" of another row and adds nothing to sums."""

    measure: CasualtyMeasure
    group: CasualtyGroup
    subgroup: CasualtySubgroup | None
    actor: NotRequired[str | None]
    count: EstimateOut


class ContributionOut(TypedDict):
    """What one of the pledgers puts in."""

    actor: str
    type: str | None
    personnel: EstimateOut | None
    amount: float | None
    currency: str | None
    conditional: bool | None


class EntityOut(TypedDict):
    """Who or what a measure is aimed at; `schema` is FollowTheMoney's, or Country or Sector."""

    name: str
    aliases: NotRequired[list[str]]
    schema: EntitySchema
    country: str | None
    countries: NotRequired[list[str]]
    imo: str | None
    bic: str | None
    registration: NotRequired[str | None]
    ids: list[str]
    count: EstimateOut | None
    status: NotRequired[EntityStatus | None]


EstimateIn: TypeAlias = int | EstimateObject


class MunitionIn(TypedDict):
    """What was fired, of one category and model."""

    category: MunitionCategory
    model: NotRequired[str | None]
    launched: NotRequired[EstimateIn | None]
    intercepted: NotRequired[EstimateIn | None]
    suppressed: NotRequired[EstimateIn | None]
    hit: NotRequired[EstimateIn | None]
    decoys: NotRequired[EstimateIn | None]
    includes_decoys: NotRequired[bool | None]


class NegotiationRoundDetailOut(TypedDict):
    """One or several rounds of talks."""

    process: ProcessOut | None
    round_number: int | None
    rounds_covered: int
    format: NegotiationRoundFormat | None
    level: NegotiationRoundLevel | None
    state: NegotiationRoundState
    issues: list[NegotiationIssue]
    outcome: NegotiationRoundOutcome | None
    agreements: list[AgreementOut]
    next_round: NextRoundOut | None


class NegotiationRoundOut(TypedDict):
    """One or several rounds of talks."""

    id: str
    kind: Literal["negotiation_round"]
    version: int
    status: EventStatus
    title: str
    summary: str | None
    started_at: str
    ended_at: str | None
    time_precision: EventTimePrecision
    timezone: str | None
    locations: list[LocationOut]
    actors: list[ActorOut]
    casualties: list[CasualtyOut]
    sources: list[SourceOut]
    claims: list[ClaimOut]
    external_ids: list[ExternalId]
    relations: list[Relation]
    tags: list[str]
    quality_flags: list[EventQualityFlag]
    extra: dict[str, Any]
    detail: NegotiationRoundDetailOut
    created_at: str
    updated_at: str


class PledgersIn(TypedDict):
    """Who pledges; those that are named are actors with role guarantor."""

    count: NotRequired[EstimateIn | None]


class SanctionMeasureOut(TypedDict):
    """One measure of the move; `type` in OpenSanctions' words, and some that it lacks."""

    type: SanctionMeasureType
    subtype: str | None
    status: SanctionMeasureStatus | None
    rate_pct: float | None
    rate_low_pct: NotRequired[float | None]
    rate_high_pct: NotRequired[float | None]
    amount: float | None
    currency: str | None
    unit: str | None
    targets: list[EntityOut]


class SanctionMoveDetailOut(TypedDict):
    """Sanctions considered, threatened, prepared, adopted, eased, ended."""

    authority: AuthorityOut
    programme: ProgrammeOut | None
    stage: SanctionMoveStage
    direction: SanctionMoveDirection | None
    is_secondary: bool
    ultimate_target: str | None
    measures: list[SanctionMeasureOut]
    announced_on: str | None
    adopted_on: str | None
    effective_on: str | None
    expires_on: str | None
    objectives: list[str]
    reason: str | None


class SanctionMoveOut(TypedDict):
    """Sanctions considered, threatened, prepared, adopted, eased, ended."""

    id: str
    kind: Literal["sanction_move"]
    version: int
    status: EventStatus
    title: str
    summary: str | None
    started_at: str
    ended_at: str | None
    time_precision: EventTimePrecision
    timezone: str | None
    locations: list[LocationOut]
    actors: list[ActorOut]
    casualties: list[CasualtyOut]
    sources: list[SourceOut]
    claims: list[ClaimOut]
    external_ids: list[ExternalId]
    relations: list[Relation]
    tags: list[str]
    quality_flags: list[EventQualityFlag]
    extra: dict[str, Any]
    detail: SanctionMoveDetailOut
    created_at: str
    updated_at: str


class SecurityGuaranteeDetailOut(TypedDict):
    """A guarantee discussed, pledged, signed, deployed, opposed."""

    framework: FrameworkOut | None
    pledgers: PledgersOut | None
    commitments: list[SecurityGuaranteeCommitment]
    domains: list[SecurityGuaranteeDomain]
    bindingness: SecurityGuaranteeBindingness | None
    stage: SecurityGuaranteeStage
    trigger: TriggerOut | None
    contributions: list[ContributionOut]
    duration_months: int | None


class SecurityGuaranteeOut(TypedDict):
    """A guarantee discussed, pledged, signed, deployed, opposed."""

    id: str
    kind: Literal["security_guarantee"]
    version: int
    status: EventStatus
    title: str
    summary: str | None
    started_at: str
    ended_at: str | None
    time_precision: EventTimePrecision
    timezone: str | None
    locations: list[LocationOut]
    actors: list[ActorOut]
    casualties: list[CasualtyOut]
    sources: list[SourceOut]
    claims: list[ClaimOut]
    external_ids: list[ExternalId]
    relations: list[Relation]
    tags: list[str]
    quality_flags: list[EventQualityFlag]
    extra: dict[str, Any]
    detail: SecurityGuaranteeDetailOut
    created_at: str
    updated_at: str


class AgreementIn(TypedDict):
    """What was agreed on one issue. `stage` is PA-X's: pre-negotiation, ceasefire, substantive, ..."""

    title: NotRequired[str | None]
    signatories: NotRequired[list[str]]
    issue: NegotiationIssue
    stage: NotRequired[AgreementStage | None]
    text_status: NotRequired[str | None]
    quantity: NotRequired[EstimateIn | None]
    implementation: NotRequired[AgreementImplementation | None]
    url: NotRequired[str | None]


class AttackDetailIn(TypedDict):
    """An attack. Totals over munitions are derived, never typed."""

    state: NotRequired[AttackState]
    event_type: NotRequired[AttackEventType | None]
    sub_event_type: NotRequired[AttackSubEventType | None]
    type_of_violence: NotRequired[AttackTypeOfViolence | None]
    civilian_targeting: NotRequired[bool | None]
    munitions: NotRequired[list[MunitionIn]]
    targets: NotRequired[list[TargetIn]]


class AttackOut(TypedDict):
    """An attack. Totals over munitions are derived, never typed."""

    id: str
    kind: Literal["attack"]
    version: int
    status: EventStatus
    title: str
    summary: str | None
    started_at: str
    ended_at: str | None
    time_precision: EventTimePrecision
    timezone: str | None
    locations: list[LocationOut]
    actors: list[ActorOut]
    casualties: list[CasualtyOut]
    sources: list[SourceOut]
    claims: list[ClaimOut]
    external_ids: list[ExternalId]
    relations: list[Relation]
    tags: list[str]
    quality_flags: list[EventQualityFlag]
    extra: dict[str, Any]
    detail: AttackDetailOut
    created_at: str
    updated_at: str


class BatchOut(TypedDict):
    """One result an item, in order."""

    results: list[BatchResult]


class CasualtyIn(TypedDict):
    """A row of people harmed. With `subgroup` it is an "of which" of another row and adds nothing to sums."""

    measure: CasualtyMeasure
    group: CasualtyGroup
    subgroup: NotRequired[CasualtySubgroup | None]
    actor: NotRequired[str | None]
    count: EstimateIn


class ContributionIn(TypedDict):
    """What one of the pledgers puts in."""

    actor: str
    type: NotRequired[str | None]
    personnel: NotRequired[EstimateIn | None]
    amount: NotRequired[float | None]
    currency: NotRequired[str | None]
    conditional: NotRequired[bool | None]


class EntityIn(TypedDict):
    """Who or what a measure is aimed at; `schema` is FollowTheMoney's, or Country or Sector."""

    name: str
    aliases: NotRequired[list[str]]
    schema: EntitySchema
    country: NotRequired[str | None]
    countries: NotRequired[list[str]]
    imo: NotRequired[str | None]
    bic: NotRequired[str | None]
    registration: NotRequired[str | None]
    ids: NotRequired[list[str]]
    count: NotRequired[EstimateIn | None]
    status: NotRequired[EntityStatus | None]


EventOut: TypeAlias = AttackOut | NegotiationRoundOut | SanctionMoveOut | SecurityGuaranteeOut


class FeedItem(TypedDict):
    """One change, as a CloudEvents 1.0 event: page, stream, push and pull carry the same."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str
    time: str
    sequence: str
    version: int
    datacontenttype: Literal["application/json"]
    dataschema: str
    data: EventOut | Tombstone


FeedItems: TypeAlias = list[FeedItem]
"""
Changes in the order of the feed.
"""


class FeedPage(TypedDict):
    """A page of the feed."""

    items: list[FeedItem]
    next: str
    has_more: bool


class NegotiationRoundDetailIn(TypedDict):
    """One or several rounds of talks."""

    process: NotRequired[ProcessIn | None]
    round_number: NotRequired[int | None]
    rounds_covered: NotRequired[int]
    format: NotRequired[NegotiationRoundFormat | None]
    level: NotRequired[NegotiationRoundLevel | None]
    state: NegotiationRoundState
    issues: NotRequired[list[NegotiationIssue]]
    outcome: NotRequired[NegotiationRoundOutcome | None]
    agreements: NotRequired[list[AgreementIn]]
    next_round: NotRequired[NextRoundIn | None]


class NegotiationRoundIn(TypedDict):
    """One or several rounds of talks."""

    kind: Literal["negotiation_round"]
    status: NotRequired[EventStatus]
    title: str
    summary: NotRequired[str | None]
    started_at: str
    ended_at: NotRequired[str | None]
    time_precision: NotRequired[EventTimePrecision]
    timezone: NotRequired[str | None]
    locations: NotRequired[list[LocationIn]]
    actors: NotRequired[list[ActorIn]]
    casualties: NotRequired[list[CasualtyIn]]
    sources: list[SourceIn]
    claims: NotRequired[list[ClaimIn]]
    external_ids: NotRequired[list[ExternalId]]
    relations: NotRequired[list[Relation]]
    tags: NotRequired[list[str]]
    extra: NotRequired[dict[str, Any]]
    detail: NegotiationRoundDetailIn


class PullPage(TypedDict):
    """Changes behind the committed cursor; the same again until they are acknowledged."""

    items: list[FeedItem]
    next: str
    has_more: bool
    committed: str
    lag: int


class SanctionMeasureIn(TypedDict):
    """One measure of the move; `type` in OpenSanctions' words, and some that it lacks."""

    type: SanctionMeasureType
    subtype: NotRequired[str | None]
    status: NotRequired[SanctionMeasureStatus | None]
    rate_pct: NotRequired[float | None]
    rate_low_pct: NotRequired[float | None]
    rate_high_pct: NotRequired[float | None]
    amount: NotRequired[float | None]
    currency: NotRequired[str | None]
    unit: NotRequired[str | None]
    targets: NotRequired[list[EntityIn]]


class SanctionMoveDetailIn(TypedDict):
    """Sanctions considered, threatened, prepared, adopted, eased, ended."""

    authority: AuthorityIn
    programme: NotRequired[ProgrammeIn | None]
    stage: SanctionMoveStage
    direction: NotRequired[SanctionMoveDirection | None]
    is_secondary: NotRequired[bool]
    ultimate_target: NotRequired[str | None]
    measures: list[SanctionMeasureIn]
    announced_on: NotRequired[str | None]
    adopted_on: NotRequired[str | None]
    effective_on: NotRequired[str | None]
    expires_on: NotRequired[str | None]
    objectives: NotRequired[list[str]]
    reason: NotRequired[str | None]


class SanctionMoveIn(TypedDict):
    """Sanctions considered, threatened, prepared, adopted, eased, ended."""

    kind: Literal["sanction_move"]
    status: NotRequired[EventStatus]
    title: str
    summary: NotRequired[str | None]
    started_at: str
    ended_at: NotRequired[str | None]
    time_precision: NotRequired[EventTimePrecision]
    timezone: NotRequired[str | None]
    locations: NotRequired[list[LocationIn]]
    actors: NotRequired[list[ActorIn]]
    casualties: NotRequired[list[CasualtyIn]]
    sources: list[SourceIn]
    claims: NotRequired[list[ClaimIn]]
    external_ids: NotRequired[list[ExternalId]]
    relations: NotRequired[list[Relation]]
    tags: NotRequired[list[str]]
    extra: NotRequired[dict[str, Any]]
    detail: SanctionMoveDetailIn


class SecurityGuaranteeDetailIn(TypedDict):
    """A guarantee discussed, pledged, signed, deployed, opposed."""

    framework: NotRequired[FrameworkIn | None]
    pledgers: NotRequired[PledgersIn | None]
    commitments: NotRequired[list[SecurityGuaranteeCommitment]]
    domains: NotRequired[list[SecurityGuaranteeDomain]]
    bindingness: NotRequired[SecurityGuaranteeBindingness | None]
    stage: SecurityGuaranteeStage
    trigger: NotRequired[TriggerIn | None]
    contributions: NotRequired[list[ContributionIn]]
    duration_months: NotRequired[int | None]


class SecurityGuaranteeIn(TypedDict):
    """A guarantee discussed, pledged, signed, deployed, opposed."""

    kind: Literal["security_guarantee"]
    status: NotRequired[EventStatus]
    title: str
    summary: NotRequired[str | None]
    started_at: str
    ended_at: NotRequired[str | None]
    time_precision: NotRequired[EventTimePrecision]
    timezone: NotRequired[str | None]
    locations: NotRequired[list[LocationIn]]
    actors: NotRequired[list[ActorIn]]
    casualties: NotRequired[list[CasualtyIn]]
    sources: list[SourceIn]
    claims: NotRequired[list[ClaimIn]]
    external_ids: NotRequired[list[ExternalId]]
    relations: NotRequired[list[Relation]]
    tags: NotRequired[list[str]]
    extra: NotRequired[dict[str, Any]]
    detail: SecurityGuaranteeDetailIn


class AttackIn(TypedDict):
    """An attack. Totals over munitions are derived, never typed."""

    kind: Literal["attack"]
    status: NotRequired[EventStatus]
    title: str
    summary: NotRequired[str | None]
    started_at: str
    ended_at: NotRequired[str | None]
    time_precision: NotRequired[EventTimePrecision]
    timezone: NotRequired[str | None]
    locations: NotRequired[list[LocationIn]]
    actors: NotRequired[list[ActorIn]]
    casualties: NotRequired[list[CasualtyIn]]
    sources: list[SourceIn]
    claims: NotRequired[list[ClaimIn]]
    external_ids: NotRequired[list[ExternalId]]
    relations: NotRequired[list[Relation]]
    tags: NotRequired[list[str]]
    extra: NotRequired[dict[str, Any]]
    detail: AttackDetailIn


EventIn: TypeAlias = AttackIn | NegotiationRoundIn | SanctionMoveIn | SecurityGuaranteeIn


class EventList(TypedDict):
    """A page of events; follow the feed from the first page's `as_of`."""

    items: list[EventOut]
    next: str | None
    as_of: str


class ReplaceItem(TypedDict):
    """Replace an event whole."""

    op: Literal["replace"]
    id: str
    event: EventIn
    if_match: NotRequired[int | None]


class UpsertItem(TypedDict):
    """Add or replace by external id."""

    op: Literal["upsert"]
    system: str
    external_id: str
    event: EventIn
    if_match: NotRequired[int | None]


class CreateItem(TypedDict):
    """Add an event."""

    op: Literal["create"]
    event: EventIn


BatchItem: TypeAlias = CreateItem | UpsertItem | ReplaceItem | PatchItem | DeleteItem


class BatchIn(TypedDict):
    """Up to 1,000 items, decided in order."""

    items: list[BatchItem]
