"""What is known of each source: the version it is at, how it fares, when it is due, and who takes it in just now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel, col

from app.db import Database, Statement, Transaction, UtcTime

# A source that has been silent for so many of its intervals is stale.
STALE_INTERVALS = 3
State = Literal["new", "running", "ok", "failing"]


class StoredSource(SQLModel, table=True):
    """One source. `progress` is a JSON object that the source's type reads.

    `alive_at` is when it last did what is expected of it in each interval: it brought something new where its publisher
    always has something new, or it answered.
    """

    __tablename__ = "source"
    name: str = Field(primary_key=True)
    type: str
    dataset: str | None
    interval_s: int
    added_at: datetime = Field(sa_type=UtcTime)
    progress: str
    version: str | None
    rows: int | None = Field(sa_type=sa.BigInteger)
    last_attempt_at: datetime | None = Field(sa_type=UtcTime)
    last_success_at: datetime | None = Field(sa_type=UtcTime)
    alive_at: datetime | None = Field(sa_type=UtcTime)
    last_problem: str | None
    last_problem_at: datetime | None = Field(sa_type=UtcTime)
    failures: int
    next_run_at: datetime | None = Field(sa_type=UtcTime)
    newest_event_at: datetime | None = Field(sa_type=UtcTime)
    told_stale: bool
    holder: UUID | None
    lease_until: datetime | None = Field(sa_type=UtcTime)


class SourceState(NamedTuple):
    """A row of the table."""

    name: str
    type: str
    dataset: str | None
    interval_s: int
    added_at: datetime
    progress: str
    version: str | None
    rows: int | None
    last_attempt_at: datetime | None
    last_success_at: datetime | None
    alive_at: datetime | None
    last_problem: str | None
    last_problem_at: datetime | None
    failures: int
    next_run_at: datetime | None
    newest_event_at: datetime | None
    told_stale: bool
    holder: UUID | None
    lease_until: datetime | None

    def is_held(self, now: datetime) -> bool:
        """Tell whether a process takes it in just now; the lease of one that was killed runs out."""
        return self.holder is not None and self.lease_until is not None and self.lease_until > now

    def is_due(self, now: datetime) -> bool:
        """Tell whether it is time for the next run."""
        return self.next_run_at is None or self.next_run_at <= now

    def is_stale(self, now: datetime) -> bool:
        """Tell whether it has been silent for too long."""
        return now - (self.alive_at or self.added_at) > STALE_INTERVALS * timedelta(seconds=self.interval_s)

    def state(self, now: datetime) -> State:
        """Say how it fares in a word."""
        if self.is_held(now):
            return "running"
        if self.failures:
            return "failing"
        return "new" if self.last_success_at is None else "ok"


IS_CALLED = col(StoredSource.name) == sa.bindparam("called")
HELD_BY_ME = sa.and_(IS_CALLED, col(StoredSource.holder) == sa.bindparam("me", type_=sa.Uuid()))
NOW = sa.bindparam("now", type_=UtcTime)
UNTIL = sa.bindparam("until", type_=UtcTime)
IS_FREE = sa.or_(col(StoredSource.holder).is_(None), col(StoredSource.lease_until) <= NOW)

ALL = Statement(
    sa.select(*(getattr(StoredSource, name) for name in SourceState._fields)).order_by(col(StoredSource.name))
)
LEASE = Statement(
    sa.update(StoredSource)
    .where(IS_CALLED, IS_FREE)
    .values(holder=sa.bindparam("me", type_=sa.Uuid()), lease_until=UNTIL)
)
RENEW = Statement(sa.update(StoredSource).where(HELD_BY_ME).values(lease_until=UNTIL))
RELEASE = Statement(sa.update(StoredSource).where(HELD_BY_ME).values(holder=None, lease_until=None))
LOCK = Statement(sa.select(col(StoredSource.name)).where(HELD_BY_ME).with_for_update())
FORGET = Statement(sa.delete(StoredSource).where(IS_CALLED))


class LeaseLost(Exception):
    """Another process has taken the source over, as this one was silent for the length of its lease."""


async def read_states(db: Database) -> list[SourceState]:
    """Every source by name, from the primary."""
    return [SourceState(*row) for row in await db.rows(ALL, primary=True)]


async def register(db: Database, sources: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Note sources that are new, and for all of them `name`, `type`, `dataset` and `interval_s` as they are now.

    One that has become another type or dataset begins anew, as its progress tells the new one nothing.
    """
    stored = {(state.name, state.type, state.dataset, state.interval_s) for state in await read_states(db)}
    if stored.issuperset((row["name"], row["type"], row["dataset"], row["interval_s"]) for row in sources):
        return

    async def work(tx: Transaction) -> None:
        known = {state.name: state for state in (SourceState(*row) for row in await tx.rows(ALL))}
        fresh = {
            **dict.fromkeys(SourceState._fields),
            "added_at": now,
            "progress": "{}",
            "failures": 0,
            "told_stale": False,
        }
        for source in sources:
            state = known.get(source["name"])
            if state is None:
                await tx.insert(StoredSource, [{**fresh, **source}], ignore=True)
            elif (state.type, state.dataset) != (source["type"], source["dataset"]):
                begin = {"progress": "{}", "version": None, "next_run_at": None, "rows": None}
                await tx.update(StoredSource, ("name",), [{**source, **begin}])
            elif state.interval_s != source["interval_s"]:
                await tx.update(StoredSource, ("name",), [{**source, "next_run_at": None}])

    await db.write(work)


async def lease(db: Database, name: str, me: UUID, now: datetime, until: datetime) -> bool:
    """Take the source until then, unless another process holds it."""

    async def work(tx: Transaction) -> int:
        return await tx.run(LEASE, {"called": name, "me": me, "now": now, "until": until})

    return bool(await db.write(work))


async def renew(db: Database, name: str, me: UUID, until: datetime) -> bool:
    """Hold the source for longer; False when another process has taken it over."""

    async def work(tx: Transaction) -> int:
        return await tx.run(RENEW, {"called": name, "me": me, "until": until})

    return bool(await db.write(work))


async def save(db: Database, name: str, me: UUID, values: Mapping[str, Any], *, release: bool = False) -> None:
    """Store what has become of a source, and let go of it if told; raises LeaseLost when another process has it."""

    async def work(tx: Transaction) -> None:
        if not await tx.rows(LOCK, {"called": name, "me": me}):
            raise LeaseLost
        if values:
            await tx.update(StoredSource, ("name",), [{"name": name, **values}])
        if release:
            await tx.run(RELEASE, {"called": name, "me": me})

    await db.write(work)


async def forget(db: Database, name: str) -> bool:
    """Remove what is known of a source; its events stay."""

    async def work(tx: Transaction) -> int:
        return await tx.run(FORGET, {"called": name})

    return bool(await db.write(work))
