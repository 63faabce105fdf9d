"""What a worker writes: results, new deliveries and cursors of many subscriptions in one transaction, fenced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Literal, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col

from app.db import Statement, Transaction, any_of
from app.subscriptions.delivery.retry_policy import HEALTH, Health
from app.subscriptions.statements import add_notices, uuid_list
from app.subscriptions.tables import UNFINISHED, Delivery, Notice, StoredDelivery, StoredSubscription

# How every delivery begins.
QUEUED = {"status": "queued", "counted": True, "tries": 0, "attempt_count": 0, "attempts": "[]"}
# How the first attempt leaves it, where that delivers it.
AT_ONCE = {"status": "delivered", "tries": 1, "attempt_count": 1, "next_attempt_at": None}
# What those have in common that one page of the log brought.
SHARED = ("subscription", "epoch", "generation", "next_attempt_at", "created_at")
shared_of = attrgetter(*SHARED)
# What became of a step: written; results only, because the subscription was changed; nothing, because another holds it.
Outcome = Literal["written", "stale", "fenced"]


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds a subscription; a holder whose token is not the last changes nothing."""

    subscription: UUID
    worker: UUID
    token: int


@dataclass(frozen=True, slots=True)
class ResultBatch:
    """What one subscription's worker has to write, under the configuration by which it was made."""

    lease: Lease
    version: int
    generation: int
    delivered: Mapping[UUID, str] = field(default_factory=dict)
    changed: Sequence[Delivery] = ()
    added: Sequence[Delivery] = ()
    cursor: int | None = None
    health: Health | None = None
    pinged: bool = False
    verified: bool = False
    notices: Sequence[Notice] = field(default=())

    @property
    def size(self) -> int:
        """About how many rows it writes."""
        return 1 + len(self.delivered) + len(self.changed) + len(self.added)


def lock_statement(dialect: str) -> Statement:
    """Some subscriptions as they stand, kept so until the end; in one order, so that transactions wait in no circle."""
    names = ("id", "worker", "token", "version", "generation", "cursor", "verified", "ping_due", *HEALTH)
    columns = [col(getattr(StoredSubscription, name)) for name in names]
    found = sa.select(*columns).where(any_of(col(StoredSubscription.id), "ids", dialect))
    return Statement(found.order_by(col(StoredSubscription.id)).with_for_update())


LOCK = {dialect: lock_statement(dialect) for dialect in ("sqlite", "postgresql")}


class LockedSubscription(NamedTuple):
    """What a subscription's row says at the time of writing."""

    id: UUID
    worker: UUID | None
    token: int
    version: int
    generation: int
    cursor: int
    verified: bool
    ping_due: bool
    health: Health


def outcome_of(step: ResultBatch, stands: LockedSubscription | None) -> Outcome:
    """What of a step may be written."""
    if stands is None or (stands.worker, stands.token) != (step.lease.worker, step.lease.token):
        return "fenced"
    return "written" if (stands.version, stands.generation) == (step.version, step.generation) else "stale"


async def write_batches(tx: Transaction, steps: Sequence[ResultBatch]) -> list[Outcome]:
    """Write what is still its holders' to write, in one statement a table."""
    ids = uuid_list(tx, [step.lease.subscription for step in steps])
    rows = await tx.rows(LOCK[tx.dialect], {"ids": ids})
    found = {row[0]: LockedSubscription._make([*row[:8], Health(*row[8:])]) for row in rows}
    outcomes = [outcome_of(step, found.get(step.lease.subscription)) for step in steps]
    good = [
        (step, found[step.lease.subscription])
        for step, outcome in zip(steps, outcomes, strict=True)
        if outcome == "written"
    ]
    late = [
        (step, found[step.lease.subscription])
        for step, outcome in zip(steps, outcomes, strict=True)
        if outcome == "stale"
    ]
    await write_delivered(tx, [item for step, _ in good + late for item in step.delivered.items()])
    changed = [delivery for step, _ in good for delivery in step.changed]
    changed += [delivery for step, stands in late for delivery in late_results(step, stands)]
    await tx.update(StoredDelivery, ("id",), [changed_row(done) for done in changed])
    await write_added(tx, [delivery for step, _ in good for delivery in step.added])
    await tx.update(StoredSubscription, ("id",), [subscription_row(step, stands) for step, stands in good])
    notices = [told for step, _ in good for told in step.notices]
    notices += [told for step, _ in late for told in step.notices if told.delivery is not None]
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
        await tx.insert(StoredDelivery, [added_row(new) for new in added], same=QUEUED, ignore=True)


def changed_row(delivery: Delivery) -> dict[str, Any]:
    """The columns that an attempt changes."""
    return {
        "id": delivery.id,
        "status": delivery.status,
        "tries": delivery.tries,
        "attempt_count": delivery.attempt_count,
        "attempts": delivery.attempts,
        "next_attempt_at": delivery.next_attempt_at,
    }


def added_row(delivery: Delivery) -> dict[str, Any]:
    """The columns of a new delivery that are its own."""
    return {
        "id": delivery.id,
        "subscription": delivery.subscription,
        "seq": delivery.seq,
        "epoch": delivery.epoch,
        "generation": delivery.generation,
        "next_attempt_at": delivery.next_attempt_at,
        "created_at": delivery.created_at,
    }


def late_results(step: ResultBatch, stands: LockedSubscription) -> list[Delivery]:
    """What came of requests while somebody changed the subscription; a seek has cancelled what is not finished."""
    if step.generation == stands.generation:
        return list(step.changed)
    return [delivery for delivery in step.changed if not delivery.counted or delivery.status not in UNFINISHED]


def subscription_row(step: ResultBatch, stands: LockedSubscription) -> dict[str, Any]:
    """The columns that a worker writes, those that it leaves alone as they are.

    What came of a ping says nothing of a subscription that a ping of its caller has opened meanwhile.
    """
    opened = step.pinged and stands.health.status != "pending"
    health = stands.health if opened else step.health or stands.health
    return {
        "id": step.lease.subscription,
        "cursor": stands.cursor if step.cursor is None else step.cursor,
        "verified": stands.verified or step.verified,
        "ping_due": stands.ping_due and not step.pinged,
        **{name: getattr(health, name) for name in HEALTH},
    }
