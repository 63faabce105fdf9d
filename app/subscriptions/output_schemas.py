"""Subscriptions, deliveries and notices in the shapes that the API document tells of."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.events.schemas import Cursor
from app.feed.schemas import FeedItem
from app.subscriptions.tables import DeliveryStatus, Mode, NoticeType, Status


class Pushing(BaseModel):
    """Where changes are sent, and how many at once."""

    url: str
    max_open: int
    max_in_flight: int
    timeout_s: int
    headers: Annotated[dict[str, Literal["***"]], Field(description="The own headers, without their values.")]


class SubscriptionShape(BaseModel):
    """A subscription: a filter, a cursor and a mode."""

    id: UUID
    version: Annotated[int, Field(ge=1, description="Counts configurations; the ETag.")]
    name: str
    mode: Mode
    filter: dict[str, Any]
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


class CreatedSubscription(SubscriptionShape):
    """A new subscription; `secret` is shown this once, and only where changes are pushed."""

    secret: Annotated[str, Field(pattern="^whsec_", description="Signs what is pushed.")] = ""


class SubscriptionList(BaseModel):
    """A page of subscriptions, newest first."""

    items: list[SubscriptionShape]
    next: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null on the last.")]


class Place(BaseModel):
    """Where a subscription stands."""

    cursor: Cursor
    lag: int
    generation: int


class PullPage(BaseModel):
    """Changes behind the committed cursor; the same again until they are acknowledged."""

    items: list[FeedItem]
    next: Annotated[Cursor, Field(description="Acknowledge this once the items are safe.")]
    has_more: bool
    committed: Annotated[Cursor, Field(description="Up to here it is acknowledged.")]
    lag: int


class PingResult(BaseModel):
    """What came of one signed ping."""

    ok: bool
    status_code: int | None
    duration_ms: int
    error: Literal["status", "timeout", "dns", "refused-address", "tls", "connect"] | None


class NewSecret(BaseModel):
    """The new secret, shown this once."""

    secret: str
    previous_expires_at: Annotated[datetime, Field(description="Until then the old secret signs as well.")]


class AttemptShape(BaseModel):
    """One request."""

    n: int
    at: datetime
    status_code: int | None
    duration_ms: int
    error: str | None


class DeliveryHead(BaseModel):
    """A delivery in a list."""

    id: UUID
    subscription_id: UUID
    change_id: Annotated[Cursor, Field(description="The `webhook-id`: the id of the feed item.")]
    generation: int
    status: DeliveryStatus
    attempt_count: int
    next_attempt_at: datetime | None
    created_at: datetime


class DeliveryShape(BaseModel):
    """A delivery with every attempt."""

    id: UUID
    subscription_id: UUID
    change_id: Annotated[Cursor, Field(description="The `webhook-id`: the id of the feed item.")]
    generation: int
    status: DeliveryStatus
    attempts: list[AttemptShape]
    next_attempt_at: datetime | None
    created_at: datetime


class DeliveryList(BaseModel):
    """A page of deliveries, newest first."""

    items: list[DeliveryHead]
    next: str | None


class Matched(BaseModel):
    """How many deliveries are sent again."""

    matched: int


class NoticeShape(BaseModel):
    """Something that an operator should know."""

    id: int
    type: NoticeType
    subscription_id: UUID
    delivery_id: UUID | None
    at: datetime
    detail: str


class NoticeList(BaseModel):
    """A page of notices, oldest first."""

    items: list[NoticeShape]
    next: Annotated[int | None, Field(description="Ask `after` this for what follows; null at the end.")]
