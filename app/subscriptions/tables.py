"""The tables of subscriptions: what is subscribed, what is delivered, what is to be told, and who delivers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel, col

from app.changes import format_cursor
from app.db import BigKey, UtcTime

WITHOUT_ROWID = {"sqlite_with_rowid": False}

Mode = Literal["push", "pull"]
Status = Literal["pending", "active", "failing", "paused", "disabled"]
DeliveryStatus = Literal["queued", "sending", "retrying", "delivered", "dead", "cancelled"]
NoticeType = Literal[
    "subscription.failing",
    "subscription.disabled",
    "subscription.recovered",
    "delivery.dead",
    "source.stale",
    "source.recovered",
]
UNFINISHED: tuple[DeliveryStatus, ...] = ("queued", "sending", "retrying")
IS_UNFINISHED = sa.text("status IN ('queued', 'sending', 'retrying')")
IS_DEAD = sa.text("status = 'dead'")


class SubscriptionHead(SQLModel, table=True):
    """The one counter row: `touched` rises with each change that workers must see, `notices` with each notice.

    Its lock is the last that a transaction takes, so that both rise in the order of commits.
    """

    __tablename__ = "subscription_head"
    id: int = Field(primary_key=True)
    touched: int = Field(sa_type=sa.BigInteger)
    notices: int = Field(sa_type=sa.BigInteger)


class StoredSubscription(SQLModel, table=True):
    """A filter, a cursor and a mode; `version` counts configurations, `token` fences off former lease holders."""

    __tablename__ = "subscription"
    __table_args__ = (sa.Index("subscription_of", "owner", "id"), sa.Index("subscription_touched", "touched"))
    id: UUID = Field(primary_key=True)
    owner: str
    version: int
    name: str
    mode: str
    filter: str
    url: str | None
    max_open: int
    max_in_flight: int
    timeout_s: int
    headers: str
    status: str
    disabled_reason: str | None
    cursor: int = Field(sa_type=sa.BigInteger)
    generation: int
    verified: bool
    ping_due: bool
    consecutive_failures: int
    failing_since: datetime | None = Field(sa_type=UtcTime)
    last_attempt_at: datetime | None = Field(sa_type=UtcTime)
    last_success_at: datetime | None = Field(sa_type=UtcTime)
    last_error: str | None
    resume_at: datetime | None = Field(sa_type=UtcTime)
    secret: bytes | None
    previous_secret: bytes | None
    previous_expires_at: datetime | None = Field(sa_type=UtcTime)
    created_at: datetime = Field(sa_type=UtcTime)
    touched: int = Field(sa_type=sa.BigInteger)
    worker: UUID | None
    token: int = Field(sa_type=sa.BigInteger)


class StoredDelivery(SQLModel, table=True):
    """One change on its way to one endpoint; `counted` rows were stored by the cursor and bound it by `max_open`."""

    __tablename__ = "delivery"
    __table_args__ = (
        sa.Index("delivery_of", "subscription", "id"),
        sa.Index(
            "delivery_due",
            "subscription",
            "counted",
            "next_attempt_at",
            "id",
            sqlite_where=IS_UNFINISHED,
            postgresql_where=IS_UNFINISHED,
        ),
        sa.Index("delivery_dead", "subscription", "id", sqlite_where=IS_DEAD, postgresql_where=IS_DEAD),
        WITHOUT_ROWID,
    )
    id: UUID = Field(primary_key=True)
    subscription: UUID
    seq: int = Field(sa_type=sa.BigInteger)
    epoch: int
    generation: int
    status: str
    counted: bool
    tries: int
    attempt_count: int
    attempts: str
    next_attempt_at: datetime | None = Field(sa_type=UtcTime)
    created_at: datetime = Field(sa_type=UtcTime)


class StoredNotice(SQLModel, table=True):
    """Something about a subscription or a source that an operator should know; ids rise in the order of commits."""

    __tablename__ = "notice"
    id: int = Field(primary_key=True, sa_type=BigKey, sa_column_kwargs={"autoincrement": False})
    type: str
    subscription: UUID | None
    delivery: UUID | None
    at: datetime = Field(sa_type=UtcTime)
    detail: str


class DeliveryWorker(SQLModel, table=True):
    """A process that delivers; while `beat` rises it is alive, whatever any clock says."""

    __tablename__ = "delivery_worker"
    id: UUID = Field(primary_key=True)
    beat: int = Field(sa_type=sa.BigInteger)
    started_at: datetime = Field(sa_type=UtcTime)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription as it was read."""

    id: UUID
    owner: str
    version: int
    name: str
    mode: Mode
    filter: str
    url: str | None
    max_open: int
    max_in_flight: int
    timeout_s: int
    status: Status
    cursor: int
    generation: int
    verified: bool
    ping_due: bool
    created_at: datetime
    headers: str = "{}"
    disabled_reason: str | None = None
    consecutive_failures: int = 0
    failing_since: datetime | None = None
    last_attempt_at: datetime | None = None
    last_success_at: datetime | None = None
    last_error: str | None = None
    resume_at: datetime | None = None
    secret: bytes | None = None
    previous_secret: bytes | None = None
    previous_expires_at: datetime | None = None
    touched: int = 0
    worker: UUID | None = None
    token: int = 0


class Delivery(NamedTuple):
    """A delivery as it was read; `tries` counts the attempts since it was last queued, `attempts` is their JSON."""

    id: UUID
    subscription: UUID
    seq: int
    epoch: int
    generation: int
    status: DeliveryStatus
    counted: bool
    tries: int
    attempt_count: int
    attempts: str
    next_attempt_at: datetime | None
    created_at: datetime

    @property
    def change_id(self) -> str:
        """The cursor of the change, which is its id."""
        return format_cursor(self.epoch, self.seq)

    @property
    def waits_until(self) -> datetime | None:
        """When it is sent, where it waits for that."""
        return self.next_attempt_at if self.status in {"queued", "retrying"} else None


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice; it has no id before it is stored, and no subscription where it is about a source."""

    type: NoticeType
    subscription: UUID | None
    delivery: UUID | None
    at: datetime
    detail: str
    id: int = 0


SUBSCRIPTION = tuple(field.name for field in fields(Subscription))
DELIVERY = Delivery._fields
NOTICE = tuple(field.name for field in fields(Notice))
SUBSCRIPTION_COLUMNS = [col(getattr(StoredSubscription, name)) for name in SUBSCRIPTION]
NOTICE_COLUMNS = [col(getattr(StoredNotice, name)) for name in NOTICE]
DELIVERY_COLUMNS = [col(getattr(StoredDelivery, name)) for name in DELIVERY]


def row_of(names: Sequence[str], held: Subscription | Delivery | Notice) -> dict[str, Any]:
    """What was read, or is to be stored, by its columns."""
    return {name: getattr(held, name) for name in names}
