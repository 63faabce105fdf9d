"""Subscriptions, deliveries and notices in the shapes that the API document tells of."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from app.changes import Head, format_cursor
from app.events.schemas import Cursor
from app.feed.schemas import FeedItem
from app.subscriptions.statements import Counts
from app.subscriptions.tables import SUBSCRIPTION, DeliveryStatus, Mode, NoticeType, Status, Subscription, row_of
from app.subscriptions.transport.custom_headers import serialize_headers


class Output(BaseModel):
    """A response, filled from what was read: the names are those of the columns, or their aliases here."""

    model_config = ConfigDict(from_attributes=True)


class Pushing(Output):
    """Where changes are sent, and how many at once."""

    url: str
    max_open: int
    max_in_flight: int
    timeout_s: int
    headers: Annotated[
        dict[str, Literal["***"]],
        BeforeValidator(serialize_headers),
        Field(description="The own headers, without their values."),
    ]


class SubscriptionShape(Output):
    """A subscription: a filter, a cursor and a mode."""

    id: UUID
    version: Annotated[int, Field(ge=1, description="Counts configurations; the ETag.")]
    name: str
    mode: Mode
    filter: Annotated[dict[str, Any], BeforeValidator(orjson.loads)]
    push: Pushing | None
    status: Annotated[
        Status,
        Field(
            description="`pending` until a signed ping is answered with 2xx; `failing` after 10 failures in a row; "
            "`disabled` when it was given up."
        ),
    ]
    disabled_reason: Annotated[Literal["gone", "failing", "no-key"] | None, Field(description="Why it was given up.")]
    cursor: Annotated[Cursor, Field(description="Everything up to here is stored as a delivery, or acknowledged.")]
    generation: Annotated[int, Field(description="One more with each seek.")]
    lag: Annotated[int, Field(description="Changes of the feed behind the cursor, matching or not.")]
    open: Annotated[int, Field(description="Deliveries stored by the cursor that are not finished.")]
    dead: Annotated[int, Field(description="Deliveries that were given up; a retry brings them back.")]
    consecutive_failures: int
    failing_since: datetime | None
    last_success_at: datetime | None
    last_error: Annotated[str | None, Field(examples=["status 500", "timeout"])]
    created_at: datetime

    @classmethod
    def of(cls, subscription: Subscription, head: Head, counts: Counts) -> Self:
        """The subscription as it stands at the head of the log."""
        row = row_of([name for name in SUBSCRIPTION if name in cls.model_fields], subscription)
        push = Pushing.model_validate(subscription) if subscription.mode == "push" else None
        return cls(**row | vars(Place.of(subscription, head)) | counts._asdict(), push=push)


class CreatedSubscription(SubscriptionShape):
    """A new subscription; `secret` is shown this once, and only where changes are pushed."""

    secret: Annotated[str, Field(pattern="^whsec_", description="Signs what is pushed.")] = ""


class SubscriptionList(Output):
    """A page of subscriptions, newest first."""

    items: list[SubscriptionShape]
    next: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null on the last.")]


class Place(Output):
    """Where a subscription stands."""

    cursor: Cursor
    lag: int
    generation: int

    @classmethod
    def of(cls, subscription: Subscription, head: Head) -> Self:
        """Where it stands seen from the head of the log."""
        cursor, lag = format_cursor(head.epoch, subscription.cursor), max(0, head.seq - subscription.cursor)
        return cls(cursor=cursor, lag=lag, generation=subscription.generation)


class PullPage(Output):
    """Changes behind the committed cursor; the same again until they are acknowledged."""

    items: list[FeedItem]
    next: Annotated[Cursor, Field(description="Acknowledge this once the items are safe.")]
    has_more: bool
    committed: Annotated[Cursor, Field(description="Up to here it is acknowledged.")]
    lag: int


class PingResult(Output):
    """What came of one signed ping."""

    ok: bool
    status_code: int | None
    duration_ms: int
    error: Literal["status", "timeout", "dns", "refused-address", "tls", "connect"] | None


class NewSecret(Output):
    """The new secret, shown this once."""

    secret: str
    previous_expires_at: Annotated[datetime, Field(description="Until then the old secret signs as well.")]


class AttemptShape(Output):
    """One request."""

    n: int
    at: datetime
    status_code: int | None
    duration_ms: int
    error: str | None


class DeliveryHead(Output):
    """A delivery in a list."""

    id: UUID
    subscription_id: Annotated[UUID, Field(validation_alias="subscription")]
    change_id: Annotated[Cursor, Field(description="The `webhook-id`: the id of the feed item.")]
    generation: int
    status: DeliveryStatus
    attempt_count: int
    next_attempt_at: Annotated[datetime | None, Field(validation_alias="waits_until")]
    created_at: datetime


class DeliveryShape(Output):
    """A delivery with every attempt."""

    id: UUID
    subscription_id: Annotated[UUID, Field(validation_alias="subscription")]
    change_id: Annotated[Cursor, Field(description="The `webhook-id`: the id of the feed item.")]
    generation: int
    status: DeliveryStatus
    attempts: Annotated[list[AttemptShape], BeforeValidator(orjson.loads)]
    next_attempt_at: Annotated[datetime | None, Field(validation_alias="waits_until")]
    created_at: datetime


class DeliveryList(Output):
    """A page of deliveries, newest first."""

    items: list[DeliveryHead]
    next: str | None


class Matched(Output):
    """How many deliveries are sent again."""

    matched: int


class NoticeShape(Output):
    """Something that an operator should know."""

    id: int
    type: NoticeType
    subscription_id: Annotated[
        UUID | None, Field(validation_alias="subscription", description="Null where the notice is about a source.")
    ]
    delivery_id: Annotated[UUID | None, Field(validation_alias="delivery")]
    at: datetime
    detail: str


class NoticeList(Output):
    """A page of notices, oldest first."""

    items: list[NoticeShape]
    next: Annotated[int | None, Field(description="Ask `after` this for what follows; null at the end.")]
