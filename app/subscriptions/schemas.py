"""What the routes of subscriptions take: bodies and query strings."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SkipValidation
from pydantic.json_schema import WithJsonSchema

from app.events.read.filter_parsers import MAX_NUMBER, Moment
from app.kinds.base import INTEGRAL
from app.kinds.line_endings import clean_line
from app.subscriptions.tables import DeliveryStatus, Mode
from app.subscriptions.transport.custom_headers import MAX_NAME_LENGTH, NAME

MAX_OPEN = 10_000
MAX_IN_FLIGHT = 100
MAX_TIMEOUT_S = 60
MAX_URL_LENGTH = 2000
MAX_OVERLAP_S = 30 * 86_400
MAX_HEADERS = 10

Name = Annotated[
    str,
    Field(min_length=1, max_length=300, description="What it is for.", examples=["sanctions desk"]),
    BeforeValidator(clean_line),
]
Position = Annotated[
    str,
    Field(
        min_length=1,
        max_length=300,
        description="A cursor of the feed, a time (an instant with offset, or a day in the filter's `timezone`), which "
        "stands for the last change before it, `oldest` or `now`.",
        examples=["now", "oldest", "e1-000000012345", "2025-09-07T00:00:00Z"],
    ),
]
# Read by `read_filter`, which gives the pointer of each fault.
Filter = Annotated[
    Any,
    SkipValidation,
    WithJsonSchema({"type": "object", "maxProperties": 100, "examples": [{"kind": ["sanction_move"]}]}),
    Field(
        description="The names of the query: a repeatable one takes an array or one string, numbers are numbers, "
        "`bbox` and `near` arrays. `{}` is every change. At most 2 KiB."
    ),
]
Whole = Annotated[int, Field(ge=1), INTEGRAL]
HeaderValue = Annotated[str, Field(max_length=2000, pattern="^[!-~](?:[ -~]*[!-~])?$")]
# Names are checked by `header_faults`, which knows those that are reserved.
NAMES: dict[str, Any] = {"propertyNames": {"pattern": f"^{NAME.pattern}$", "maxLength": MAX_NAME_LENGTH}}


class StrictBody(BaseModel):
    """A body: strict types, unknown fields refused."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class NewPush(StrictBody):
    """Where changes are sent, and how many at once."""

    url: str = Field(
        min_length=1,
        max_length=MAX_URL_LENGTH,
        description="An https address.",
        examples=["https://desk.example.org/sitrep"],
    )
    max_open: Whole = Field(
        default=100,
        le=MAX_OPEN,
        description="The cursor waits while so many deliveries are unfinished; 1 keeps strict order.",
    )
    max_in_flight: Annotated[int, Field(ge=1, le=MAX_IN_FLIGHT), INTEGRAL] | None = Field(
        default=None, description="Requests at once. Default: 4, or `max_open` if that is less."
    )
    timeout_s: Whole = Field(
        default=15, le=MAX_TIMEOUT_S, description="Seconds for a whole request, from the name look-up to its end."
    )
    headers: dict[str, HeaderValue] = Field(
        default_factory=dict,
        max_length=MAX_HEADERS,
        repr=False,
        description="Own headers of each request, such as a token for a gateway; none of the transport's, `content-*` "
        "or `webhook-*`. The values are sealed, and come back as `***`.",
        json_schema_extra=NAMES,
        examples=[{"Authorization": "Bearer 7f3a"}],
    )


class NewSubscription(StrictBody):
    """A subscription that is asked for."""

    name: Name
    mode: Mode = Field(description="`push`: changes are sent; `pull`: they are fetched and acknowledged.")
    filter: Filter = Field(default_factory=dict)
    start: Position = "now"
    push: NewPush | None = Field(default=None, description="Required where the mode is `push`, absent otherwise.")


class Configuration(StrictBody):
    """What a patch of a subscription results in."""

    name: Name
    filter: Filter
    status: Literal["active", "paused"] | None = None
    push: NewPush | None


class PushPatch(BaseModel):
    """Parts of `push`; null gives the default back."""

    url: str | None = None
    max_open: int | None = None
    max_in_flight: int | None = None
    timeout_s: int | None = None
    headers: dict[str, HeaderValue | None] | None = Field(
        default=None,
        description="New values by name; null takes a header out, `***` keeps its value. Null takes all out.",
        json_schema_extra=NAMES,
        examples=[{"Authorization": "Bearer 9c1e", "X-Desk": None}],
    )


class FilterPatch(BaseModel):
    """Names of a filter with their new values; null takes a name out."""

    model_config = ConfigDict(extra="allow")


class SubscriptionPatch(BaseModel):
    """A merge patch (RFC 7396): only what is to change."""

    name: Name = Field(default=None)  # type: ignore[assignment]  # may be absent, but is never null
    filter: FilterPatch | None = Field(default=None, description="What changes in the filter; null empties it.")
    status: Literal["active", "paused"] = Field(default=None)  # type: ignore[arg-type]  # likewise
    push: PushPatch | None = None


class Seek(StrictBody):
    """Where to go on."""

    to: Position


class Ack(StrictBody):
    """Up to where the changes were taken."""

    cursor: Annotated[str, Field(min_length=1, max_length=100, examples=["e1-000000012345"])]


class Rotation(StrictBody):
    """How long the old secret goes on signing."""

    overlap_s: Annotated[int, Field(ge=0, le=MAX_OVERLAP_S), INTEGRAL] = 86_400


class Retry(StrictBody):
    """Which deliveries to send again."""

    status: Literal["dead"] = Field(default="dead", description="Those that were given up.")
    since: str | None = Field(
        default=None,
        max_length=100,
        description="Made at or after this instant, or day in UTC.",
        examples=["2025-09-07T00:00:00Z"],
    )


class PageQuery(BaseModel):
    """Which page of a list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=100, ge=1, le=1000, description="How many items at most.")
    cursor: str | None = Field(default=None, description="The `next` of the page before.")


class DeliveriesQuery(PageQuery):
    """Which deliveries."""

    status: list[DeliveryStatus] | None = Field(
        default=None, description="In one of these states.", examples=[["dead"]]
    )
    since: Moment | None = Field(default=None, description="Made at or after this instant, or day in UTC.")


class PullQuery(BaseModel):
    """How much, and how long to wait."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=100, ge=1, le=1000, description="Changes on a page.")
    wait: int = Field(default=0, ge=0, le=50, description="Wait up to so many seconds where there is nothing yet.")


class NoticesQuery(BaseModel):
    """After which notice."""

    model_config = ConfigDict(extra="forbid")

    after: int = Field(
        default=0, ge=0, le=MAX_NUMBER, description="The `id` of the last notice that was seen.", examples=[0, 42]
    )
    limit: int = Field(default=100, ge=1, le=1000, description="How many items at most.")
