"""What a worker writes: results, new deliveries and cursors of many subscriptions in one transaction, fenced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col

from app.db import Statement, Transaction, any_of
from app.subscriptions.delivery.endpoint_health import HEALTH, Health, health_of
from app.subscriptions.delivery.retry_policy import Attempt
from app.subscriptions.statements import add_notices, uuid_list
from app.subscriptions.tables import (
    SUBSCRIPTION_COLUMNS,
    UNFINISHED,
    Delivery,
    Notice,
    StoredDelivery,
    StoredSubscription,
    Subscription,
    row_of,
)

# How every delivery begins.
QUEUED = {"status": "queued", "counted": True, "tries": 0, "attempt_count": 0, "attempts": "[]"}
# How the first attempt leaves it, where that delivers it.
AT_ONCE = {"status": "delivered", "tries": 1, "attempt_count": 1, "next_attempt_at": None}
# What those have in common that one page of the log brought.
SHARED = ("subscription", "epoch", "generation", "next_attempt_at", "created_at")
shared_of = attrgetter(*SHARED)
# What an attempt changes.
CHANGED = ("id", "status", "tries", "attempt_count", "attempts", "next_attempt_at")
# What became of a batch: all written; results only, as the subscription was changed; nothing, as another holds it.
Outcome = Literal["written", "stale", "fenced"]


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds a subscription; a holder whose token is not the last changes nothing."""

    subscription: UUID
    worker: UUID
    token: int


@dataclass(slots=True)
class PendingResults:
    """What a dispatcher has found out and the database does not know yet, until it is written together.

    `delivered` has what the first attempt delivered, with its JSON list; `changed` has all else that came of attempts.
    `attempts` are what the health was judged by, should the subscription turn out to be another than was thought.
    """

    changed: dict[UUID, Delivery] = field(default_factory=dict)
    added: list[Delivery] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    health: Health | None = None
    pinged: bool = False
    verified: bool = False
    delivered: dict[UUID, str] = field(default_factory=dict)

    @property
    def any(self) -> bool:
        """There is something to write."""
        found = self.delivered or self.changed or self.added or self.notices or self.pinged
        return bool(found) or self.health is not None

    def has_news_of(self, id: UUID) -> bool:
        """What came of that delivery is not written yet."""
        return id in self.delivered or id in self.changed

    def after(self, later: PendingResults) -> PendingResults:
        """This, which could not be written, and what came up since."""
        shown = {id: delivery for id, delivery in self.changed.items() if id not in later.delivered}
        return PendingResults(
            {**shown, **later.changed},
            self.added + later.added,
            self.notices + later.notices,
            self.attempts + later.attempts,
            later.health or self.health,
            self.pinged or later.pinged,
            self.verified or later.verified,
            {**self.delivered, **later.delivered},
        )


@dataclass(frozen=True, slots=True)
class ResultBatch:
    """The results of one subscription, the cursor if it is to move, and the configuration by which they were made."""

    lease: Lease
    version: int
    generation: int
    cursor: int | None = None
    results: PendingResults = field(default_factory=PendingResults)

    @property
    def size(self) -> int:
        """About how many rows it writes."""
        return 1 + len(self.results.delivered) + len(self.results.changed) + len(self.results.added)


def lock_statement(dialect: str) -> Statement:
    """Some subscriptions as they stand, kept so until the end; in one order, so that transactions wait in no circle."""
    found = sa.select(*SUBSCRIPTION_COLUMNS).where(any_of(col(StoredSubscription.id), "ids", dialect))
    return Statement(found.order_by(col(StoredSubscription.id)).with_for_update())


LOCK = {dialect: lock_statement(dialect) for dialect in ("sqlite", "postgresql")}


def outcome_of(batch: ResultBatch, stands: Subscription | None) -> Outcome:
    """What of a batch may be written."""
    if stands is None or (stands.worker, stands.token) != (batch.lease.worker, batch.lease.token):
        return "fenced"
    return "written" if (stands.version, stands.generation) == (batch.version, batch.generation) else "stale"


async def write_batches(tx: Transaction, batches: Sequence[ResultBatch]) -> list[Outcome]:
    """Write what is still its holders' to write, in one statement a table."""
    ids = uuid_list(tx, [batch.lease.subscription for batch in batches])
    stored = [Subscription(*row) for row in await tx.rows(LOCK[tx.dialect], {"ids": ids})]
    found = {subscription.id: subscription for subscription in stored}
    outcomes = [outcome_of(batch, found.get(batch.lease.subscription)) for batch in batches]
    good = [batch for batch, outcome in zip(batches, outcomes, strict=True) if outcome == "written"]
    late = [batch for batch, outcome in zip(batches, outcomes, strict=True) if outcome == "stale"]
    await write_delivered(tx, [item for batch in good + late for item in batch.results.delivered.items()])
    changed = [delivery for batch in good for delivery in batch.results.changed.values()]
    changed += [delivery for batch in late for delivery in late_results(batch, found[batch.lease.subscription])]
    await tx.update(StoredDelivery, ("id",), [row_of(CHANGED, delivery) for delivery in changed])
    await write_added(tx, [delivery for batch in good for delivery in batch.results.added])
    moved = [subscription_row(batch, found[batch.lease.subscription]) for batch in good]
    await tx.update(StoredSubscription, ("id",), moved)
    notices = [notice for batch in good for notice in batch.results.notices]
    notices += [notice for batch in late for notice in batch.results.notices if notice.delivery is not None]
    await add_notices(tx, notices)
    return outcomes


async def write_delivered(tx: Transaction, delivered: Sequence[tuple[UUID, str]]) -> None:
    """What the first attempt delivered: nearly all results, and they differ in little."""
    rows = [{"id": id, "attempts": attempts} for id, attempts in delivered]
    await tx.update(StoredDelivery, ("id",), rows, same=AT_ONCE)


async def write_added(tx: Transaction, added: Sequence[Delivery]) -> None:
    """New deliveries; those that one page of the log brought differ in little.

    Ignoring those that are there: a commit whose answer was lost is written once more.
    """
    if added and all(shared_of(new) == shared_of(added[0]) for new in added):
        same = {**QUEUED, **dict(zip(SHARED, shared_of(added[0]), strict=True))}
        await tx.insert(StoredDelivery, [{"id": new.id, "seq": new.seq} for new in added], same=same, ignore=True)
    else:
        await tx.insert(
            StoredDelivery, [row_of(("id", "seq", *SHARED), new) for new in added], same=QUEUED, ignore=True
        )


def late_results(batch: ResultBatch, stands: Subscription) -> list[Delivery]:
    """What came of requests while somebody changed the subscription; a seek has cancelled what is not finished."""
    changed, same = batch.results.changed.values(), batch.generation == stands.generation
    return [each for each in changed if same or not each.counted or each.status not in UNFINISHED]


def subscription_row(batch: ResultBatch, stands: Subscription) -> dict[str, Any]:
    """The columns that a worker writes, those that it leaves alone as they are.

    What came of a ping says nothing of a subscription that a ping of its caller has opened meanwhile.
    """
    results = batch.results
    opened = results.pinged and stands.status != "pending"
    health = (None if opened else results.health) or health_of(stands)
    return {
        "id": stands.id,
        "cursor": stands.cursor if batch.cursor is None else batch.cursor,
        "verified": stands.verified or results.verified,
        "ping_due": stands.ping_due and not results.pinged,
        **{name: getattr(health, name) for name in HEALTH},
    }
