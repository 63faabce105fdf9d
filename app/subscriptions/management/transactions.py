"""What callers do to subscriptions: one transaction each, with its audit row, and the workers told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from app.auth import Actor, Key, record
from app.db import Database, Transaction, WriteConflict
from app.errors import NotFound, SubscriptionMode, Unavailable, VersionMismatch
from app.events.write.commands import IfMatch
from app.events.write.idempotency import IdempotentRequest, ResponseData, find_stored, store_responses
from app.kit.ids import IdSource
from app.subscriptions.delivery.endpoint_health import HEALTH, after_ping, health_of
from app.subscriptions.delivery.retry_policy import Attempt
from app.subscriptions.statements import (
    CALLERS,
    CANCEL,
    DELETE,
    ONE_DELIVERY,
    REVIVE,
    lock_subscription,
    put_subscription,
    touch,
)
from app.subscriptions.tables import DELIVERY, Delivery, StoredDelivery, StoredSubscription, Subscription, row_of

BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)
TRIES = 3
new_id = IdSource()
Decide = Callable[[Subscription], Subscription]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: what the key permits, how the audit trail names it, and when."""

    key: Key
    actor: Actor
    now: datetime


async def run_transaction(db: Database, work: Callable[[Transaction], Awaitable[T]]) -> T:
    """Run a transaction, again where another one was first."""
    for _ in range(TRIES):
        try:
            return await db.write(work)
        except WriteConflict:
            continue
    raise Unavailable("Another process keeps changing the same subscription; try again.")


async def create(
    db: Database, subscription: Subscription, caller: Caller, answer: ResponseData, reuse: IdempotentRequest | None
) -> ResponseData:
    """Store a new subscription and answer; a repeat under its Idempotency-Key gets the first answer again.

    `answer` is stored as it comes, so what is secret in it is sealed by then.
    """

    async def work(tx: Transaction) -> ResponseData:
        if (again := await replay_created(tx, reuse, caller.now)) is not None:
            return again
        row = row_of(CALLERS, subscription) | {"touched": await touch(tx), "worker": None, "token": 0}
        await tx.insert(StoredSubscription, [row])
        await record(tx, caller.actor, "subscription.created", str(subscription.id), caller.now)
        await store_responses(tx, [] if reuse is None else [(reuse, answer)], caller.now)
        return answer

    return await run_transaction(db, work)


async def replay_created(tx: Transaction, reuse: IdempotentRequest | None, now: datetime) -> ResponseData | None:
    """The answer that the same request got before; IdempotencyMismatch (422) when it was another one."""
    kept = {} if reuse is None else await find_stored(tx, [reuse], now)
    if reuse is None or reuse.place not in kept:
        return None
    replayed = reuse.replay(kept[reuse.place])
    if isinstance(replayed, Exception):
        raise replayed
    return replayed


async def find_repeated(db: Database, reuse: IdempotentRequest, now: datetime) -> ResponseData | None:
    """The same before anything is checked that may have changed since: what was made once is not refused."""
    return await run_transaction(db, lambda tx: replay_created(tx, reuse, now))


async def acknowledge(db: Database, id: UUID, caller: Caller, upto: int) -> Subscription:
    """Advance a pull subscription's cursor; no worker need see it, and no audit row tells of it."""

    async def work(tx: Transaction) -> Subscription:
        current = await lock_subscription(tx, id, caller.key)
        after = apply_ack(current, upto)
        if after != current:
            await tx.update(StoredSubscription, ("id",), [{"id": id, "cursor": after.cursor}])
        return after

    return await run_transaction(db, work)


async def change(
    db: Database, id: UUID, caller: Caller, action: str, decide: Decide, *, if_match: IfMatch = None
) -> Subscription:
    """Do to a subscription what a pure function decides; nothing is written where nothing changes."""

    async def work(tx: Transaction) -> Subscription:
        current = await lock_subscription(tx, id, caller.key)
        require_version(current, if_match)
        after = decide(current)
        if after != current:
            if after.generation != current.generation:
                await tx.run(CANCEL, {"sub": id})
            await record(tx, caller.actor, action, str(id), caller.now)
            await put_subscription(tx, after)
        return after

    return await run_transaction(db, work)


async def remove(db: Database, id: UUID, caller: Caller, *, if_match: IfMatch = None) -> None:
    """Delete a subscription; its deliveries are swept up later, and no call finds them meanwhile."""

    async def work(tx: Transaction) -> None:
        require_version(await lock_subscription(tx, id, caller.key), if_match)
        await tx.run(DELETE, {"id": id})
        await record(tx, caller.actor, "subscription.deleted", str(id), caller.now)
        await touch(tx)

    await run_transaction(db, work)


async def revive(db: Database, id: UUID, caller: Caller, since: datetime | None) -> int:
    """Put back the deliveries that were given up; answers how many."""

    async def work(tx: Transaction) -> int:
        current = await lock_subscription(tx, id, caller.key)
        count = await tx.run(REVIVE, {"sub": id, "since": since or BEGINNING, "now": caller.now})
        if count:
            await put_subscription(tx, current)
        return count

    return await run_transaction(db, work)


async def revive_one(db: Database, id: UUID, caller: Caller) -> int:
    """Send one delivery again, whatever became of it; 0 when it is on its way already."""

    async def work(tx: Transaction) -> int:
        found = [Delivery(*row) for row in await tx.rows(ONE_DELIVERY, {"id": id})]
        if not found:
            raise NotFound("There is no delivery with that id.")
        subscription = await lock_subscription(tx, found[0].subscription, caller.key)
        [row] = await tx.rows(ONE_DELIVERY, {"id": id})  # as it stands under the lock
        again = set_to_retry(Delivery(*row), caller.now)
        if again is None:
            return 0
        await tx.update(StoredDelivery, ("id",), [row_of(DELIVERY, again)])
        await put_subscription(tx, subscription)
        return 1

    return await run_transaction(db, work)


def set_to_retry(delivery: Delivery, now: datetime) -> Delivery | None:
    """The delivery queued anew; one that waits for its next try only goes at once."""
    if delivery.status in {"queued", "sending"}:
        return None
    if delivery.status == "retrying":
        return delivery._replace(status="queued", next_attempt_at=now)
    return delivery._replace(status="queued", counted=False, tries=0, next_attempt_at=now)


def require_version(current: Subscription, if_match: IfMatch) -> None:
    """412 when the caller read another configuration."""
    if isinstance(if_match, frozenset) and current.version not in if_match:
        raise VersionMismatch("The subscription changed since you read it.", current=current.version)


def require_mode(subscription: Subscription, mode: str) -> None:
    """409 when the call belongs to the other mode."""
    if subscription.mode != mode:
        raise SubscriptionMode(f"This call is for {mode} subscriptions, and this one has the other mode.")


def seek_to(current: Subscription, to: int) -> Subscription:
    """Go on elsewhere, as a new generation."""
    return replace(current, cursor=to, generation=current.generation + 1)


def apply_ack(current: Subscription, upto: int) -> Subscription:
    """Advance; what lies behind changes nothing."""
    require_mode(current, "pull")
    return replace(current, cursor=max(current.cursor, upto))


def apply_ping_result(current: Subscription, pinged: Subscription, attempt: Attempt) -> Subscription:
    """Open a pending subscription whose endpoint has just answered, unless it was changed meanwhile."""
    if current.status != "pending" or current.version != pinged.version:
        return current
    health = after_ping(health_of(current), attempt, current.id).health
    return replace(current, verified=True, ping_due=False, **{name: getattr(health, name) for name in HEALTH})


def rotate(current: Subscription, sealed: bytes, until: datetime) -> Subscription:
    """A new secret, beside which the old one signs until then."""
    require_mode(current, "push")
    return replace(current, secret=sealed, previous_secret=current.secret, previous_expires_at=until)
