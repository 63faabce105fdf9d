"""Runs lists of commands in one transaction: load, decide, write the index, append the changes, commit."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlmodel import col

from app.changes import Change, Draft, append
from app.db import Statement, Surprise, any_of
from app.errors import FieldError, Problem
from app.events.commands import (
    Command,
    Create,
    Decision,
    Patch,
    Remove,
    Replace,
    Stored,
    Upsert,
    World,
    apply,
    decide,
    external_ids,
)
from app.events.idempotency import Answer, Kept, Place, Reuse, find_reused, keep_answers
from app.events.identity import IdSource, key_of
from app.events.index import Index
from app.events.facts import unpack
from app.events.model import ExternalId, FacetValue, Idempotency, PastFacet, StoredEvent
from app.writer import GroupWriter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from app.changes import ChangeLog
    from app.db import Database, Transaction

ESTIMATES_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one command: the version that stands now, and the change it made, if any."""

    decision: Decision
    draft: Draft | None

    @property
    def cursor(self) -> str | None:
        """The change id."""
        return None if self.draft is None else self.draft.cursor


Result = Outcome | Problem


@dataclass(slots=True)
class Job:
    """One request's commands; atomic ones stand or fall together."""

    commands: Sequence[Command | Problem]
    by: str | None
    render: Callable[[list[Result]], Answer]
    atomic: bool = True
    places: Sequence[str] = ("",)
    reuse: Reuse | None = None
    results: list[Result] = field(default_factory=list)


class Store:
    """The public write path: every event that is written, by whatever way, goes through `run`."""

    def __init__(
        self,
        db: Database,
        log: ChangeLog,
        committed: Callable[[], None] = lambda: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`committed` is called after each commit that changed something."""
        self.db = db
        self.log = log
        self._committed = committed
        self._clock = clock
        self._new_id = IdSource()
        self._index = Index()
        self._estimates: Counter[int] = Counter()
        self._estimating: asyncio.Task[None] | None = None
        self._writer: GroupWriter[Job, Answer] = GroupWriter(self._run, lambda job: len(job.commands))

    def start(self) -> None:
        """Begin to take writes."""
        self._writer.start()

    async def stop(self) -> None:
        """Finish what was accepted."""
        await self._writer.stop()
        if self._estimating is not None:
            self._estimating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._estimating
        with contextlib.suppress(Problem, Surprise):
            await self._add_estimates()

    async def run(self, job: Job) -> Answer:
        """Do a job and answer after its commit."""
        return await self._writer.submit(job)

    async def _run(self, jobs: list[Job]) -> list[Answer | Exception]:
        attempt = Attempt(jobs, World(self._clock(), self._new_id), self._index)
        answers = await self.db.write(attempt.run)
        self._index.learn(attempt.learned)
        if attempt.drafts:
            self._estimates.update(attempt.counted)
            self._committed()
            self._schedule_estimates()
        return answers

    def _schedule_estimates(self) -> None:
        if self._estimating is None or self._estimating.done():
            self._estimating = asyncio.create_task(self._estimate_soon())

    async def _estimate_soon(self) -> None:
        await asyncio.sleep(ESTIMATES_EVERY_S)
        with contextlib.suppress(Problem, Surprise):
            await self._add_estimates()

    async def _add_estimates(self) -> None:
        counts, self._estimates = self._estimates, Counter()
        if not counts:
            return
        rows = [{"value_id": id, "more": more} for id, more in sorted(counts.items()) if more and id > 0]

        async def add(tx: Transaction) -> None:
            for row in rows:
                await tx.run(ESTIMATE, row)

        await self.db.write(add)


ESTIMATE = Statement(
    sa.update(FacetValue)
    .where(col(FacetValue.id) == sa.bindparam("value_id", type_=sa.BigInteger))
    .values(events=col(FacetValue.events) + sa.bindparam("more", type_=sa.BigInteger))
)


class Attempt:
    """One try to do a group of jobs; nothing outlives it unless the transaction commits."""

    def __init__(self, jobs: list[Job], world: World, index: Index) -> None:
        """Jobs in order of arrival."""
        self.jobs = jobs
        self.world = world
        self.index = index
        self.drafts: list[Draft] = []
        self.decisions: list[Decision] = []
        self.learned: dict[tuple[str, str, int, bool], int] = {}
        self.counted: Counter[int] = Counter()

    async def run(self, tx: Transaction) -> list[Answer | Exception]:
        """Load, decide in order, write all that was decided, append the changes."""
        reused = await find_reused(tx, [job.reuse for job in self.jobs if job.reuse is not None], self.world.now)
        await load(tx, self.world, [c for job in self.jobs for c in job.commands if not isinstance(c, Problem)])
        refused: dict[int, Exception] = {}
        waiting: dict[Place, int] = {}
        for n, job in enumerate(self.jobs):
            if job.reuse is not None and (job.reuse.place in reused or job.reuse.place in waiting):
                continue
            problem = self._decide_job(job)
            if problem is not None:
                refused[n] = problem
            elif job.reuse is not None:
                waiting[job.reuse.place] = n
        await self._write(tx)
        answers = self._answers(refused, reused, waiting)
        earned = [(self.jobs[n].reuse, answers[n]) for n in waiting.values()]
        await keep_answers(tx, [(reuse, a) for reuse, a in earned if reuse and isinstance(a, Answer)], self.world.now)
        return answers

    def _decide_job(self, job: Job) -> Problem | None:
        """Decide a job's commands; an atomic one that fails leaves no trace."""
        mark = len(self.drafts)
        undo = (dict(self.world.events), dict(self.world.holders)) if len(job.commands) > 1 else None
        job.results, ids = [], []
        for n, command in enumerate(job.commands):
            result = self._decide_one(command, job.by, ids, job.places[n] if n < len(job.places) else "")
            job.results.append(result)
            ids.append(result.decision.after.id if isinstance(result, Outcome) else None)
            if isinstance(result, Problem) and job.atomic:
                del self.drafts[mark:], self.decisions[mark:]
                if undo is not None:
                    self.world.events, self.world.holders = undo
                return result
        return None

    def _decide_one(
        self, command: Command | Problem, by: str | None, earlier: Sequence[UUID | None], place: str
    ) -> Result:
        if isinstance(command, Problem):
            return command
        try:
            decision = decide(command, self.world, earlier)
        except Problem as problem:
            return placed(problem, place)
        if decision.operation == "unchanged":
            return Outcome(decision, None)
        apply(decision, self.world)
        draft = draft_of(decision, by)
        self.drafts.append(draft)
        self.decisions.append(decision)
        return Outcome(decision, draft)

    async def _write(self, tx: Transaction) -> None:
        if not self.drafts:
            return
        await self.index.write(tx, self.decisions, self.drafts, self)
        await write_holders(tx, self.decisions)
        await append(tx, self.drafts)
        await erase(tx, [decision for decision in self.decisions if decision.operation == "deleted"])

    def _answers(
        self, refused: dict[int, Exception], reused: dict[Place, Kept], waiting: dict[Place, int]
    ) -> list[Answer | Exception]:
        answers: list[Answer | Exception] = []
        for n, job in enumerate(self.jobs):
            if n in refused:
                answers.append(refused[n])
            elif job.reuse is not None and job.reuse.place in reused:
                answers.append(job.reuse.replay(reused[job.reuse.place]))
            elif job.reuse is not None and waiting[job.reuse.place] != n:
                answers.append(job.reuse.replay(self._just_kept(waiting[job.reuse.place], answers)))
            else:
                answers.append(job.render(job.results))
        return answers

    def _just_kept(self, first: int, answers: list[Answer | Exception]) -> Kept:
        """The answer that an earlier job of this group earned under the same key."""
        reuse, answer = self.jobs[first].reuse, answers[first]
        assert reuse is not None and isinstance(answer, Answer)  # noqa: S101, PT018 (only successes wait under a key)
        return Kept(reuse.body_hash, answer)


def placed(problem: Problem, place: str) -> Problem:
    """A batch item's problem with pointers from the root of the batch."""
    if not place:
        return problem
    errors = [replace(error, pointer=f"{place}{error.pointer or ''}") for error in problem.errors]
    errors = errors or [FieldError(problem.slug, problem.detail, pointer=place)]
    return type(problem)(problem.detail, errors=errors, headers=problem.headers, **problem.members)


def draft_of(decision: Decision, by: str | None) -> Draft:
    """The change that a decision makes."""
    after = decision.after
    assert decision.updated_at is not None  # noqa: S101 (only an unchanged event has none)
    return Draft(
        key_of(after.id),
        after.id,
        after.version,
        after.kind,
        decision.operation,
        decision.updated_at,
        by,
        after.body,
        decision.changed,
    )


async def load(tx: Transaction, world: World, commands: Iterable[Command]) -> None:
    """Read, and on PostgreSQL lock, every event that the commands may change or name."""
    targets: set[int] = set()
    named: set[UUID] = set()
    pairs: set[tuple[str, str]] = set()
    for command in commands:
        collect(command, targets, named, pairs)
    for system, external_id, key in await holders(tx, pairs):
        targets.add(key)
        world.holders[system, external_id] = UUID(int=key)
    for stored in await lock_events(tx, sorted(targets)):
        world.events[stored.key] = stored
    for pair, placeholder in list(world.holders.items()):
        holder = world.events.get(placeholder.int)
        if holder is None or holder.deleted:
            raise Surprise("the holder of an external id vanished between two statements")
        world.holders[pair] = holder.id
    for key, id in await known_ids(tx, [key_of(id) for id in named]):  # noqa: A001 (the contract's name)
        world.known[key] = id


def collect(command: Command, targets: set[int], named: set[UUID], pairs: set[tuple[str, str]]) -> None:
    """What a command will ask of the database."""
    if isinstance(command, Replace | Patch | Remove):
        targets.add(key_of(command.id))
    if isinstance(command, Upsert):
        pairs.add((command.system, command.external_id))
    if isinstance(command, Create | Upsert | Replace):
        pairs.update(external_ids(command.event))
        named.update(ids_in([str(relation.event_id) for relation in command.event.relations]))
    if isinstance(command, Remove) and isinstance(command.superseded_by, UUID):
        named.add(command.superseded_by)
    if isinstance(command, Patch):
        pairs.update(pairs_in(command.patch.get("external_ids")))
        rows = command.patch.get("relations")
        named.update(
            ids_in([row.get("event_id") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else [])
        )


def ids_in(texts: Iterable[Any]) -> list[UUID]:
    """Those that are ids."""
    found = []
    for text in texts:
        with contextlib.suppress(ValueError, AttributeError, TypeError):
            found.append(UUID(text))
    return found


def pairs_in(rows: Any) -> list[tuple[str, str]]:
    """Those rows of an unvalidated list that name an external id."""
    items = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    pairs = [(row.get("system"), row.get("id")) for row in items]
    return [(system, id) for system, id in pairs if isinstance(system, str) and isinstance(id, str)]  # noqa: A001 (the contract's name)


async def holders(tx: Transaction, pairs: Iterable[tuple[str, str]]) -> list[Any]:
    """Who holds these external ids."""
    asked = sorted(pairs)
    if not asked:
        return []
    if tx.dialect == "sqlite":
        return await tx.rows(holders_statement("sqlite"), {"pairs": orjson.dumps(asked).decode()})
    values = {"systems": [system for system, _ in asked], "ids": [id for _, id in asked]}  # noqa: A001 (the contract's name)
    return await tx.rows(holders_statement("postgresql"), values)


@lru_cache(2)
def holders_statement(dialect: str) -> Statement:
    """Events by external id, many at once."""
    table = sa.inspect(ExternalId).local_table
    asked: Any
    if dialect == "sqlite":
        asked = sa.func.json_each(sa.bindparam("pairs")).table_valued("value", name="asked")
        system, id = (sa.func.json_extract(asked.c.value, path) for path in ("$[0]", "$[1]"))  # noqa: A001 (the contract's name)
    else:
        arrays = [sa.cast(sa.bindparam(name), sa.ARRAY(sa.Text())) for name in ("systems", "ids")]
        asked = sa.func.unnest(*arrays).table_valued("system", "id", name="asked").render_derived()
        system, id = asked.c.system, asked.c.id  # noqa: A001 (the contract's name)
    joined = asked.join(table, sa.and_(table.c.system == system, table.c.id == id))
    return Statement(sa.select(table.c.system, table.c.id, table.c.event).select_from(joined))


async def lock_events(tx: Transaction, keys: Sequence[int]) -> list[Stored]:
    """The events as they stand, locked in key order; the bodies are read after the locks are held."""
    if not keys:
        return []
    if tx.dialect == "postgresql":
        await tx.rows(LOCK, {"keys": keys})
    rows = await tx.rows(bodies_statement(tx.dialect), {"keys": as_list(tx, keys)})
    return [Stored(id, kind, version, bool(deleted), *rest) for id, kind, version, deleted, *rest in rows]  # noqa: A001 (the contract's name)


def as_list(tx: Transaction, values: Sequence[Any]) -> Any:
    """The one parameter that `any_of` takes."""
    return orjson.dumps(values).decode() if tx.dialect == "sqlite" else values


LOCK = Statement(
    sa.select(col(StoredEvent.key))
    .where(any_of(col(StoredEvent.key), "keys", "postgresql"))
    .order_by(col(StoredEvent.key))
    .with_for_update()
)


@lru_cache(2)
def bodies_statement(dialect: str) -> Statement:
    """Events with their current bodies."""
    current = sa.and_(col(Change.event) == col(StoredEvent.key), col(Change.version) == col(StoredEvent.version))
    columns = (StoredEvent.id, StoredEvent.kind, StoredEvent.version, StoredEvent.deleted, Change.body, Change.after)
    return Statement(
        sa.select(*(col(column) for column in columns))
        .select_from(sa.inspect(StoredEvent).local_table)
        .join(Change, current)
        .where(any_of(col(StoredEvent.key), "keys", dialect))
    )


async def known_ids(tx: Transaction, keys: Sequence[int]) -> list[Any]:
    """Which of these keys are or were events."""
    return await tx.rows(ids_statement(tx.dialect), {"keys": as_list(tx, keys)}) if keys else []


@lru_cache(2)
def ids_statement(dialect: str) -> Statement:
    """Keys and ids of events, deleted ones too."""
    return Statement(
        sa.select(col(StoredEvent.key), col(StoredEvent.id)).where(any_of(col(StoredEvent.key), "keys", dialect))
    )


async def write_holders(tx: Transaction, decisions: Sequence[Decision]) -> None:
    """Bring the external ids to where the decisions leave them."""
    before: dict[tuple[str, str], UUID] = {}
    after: dict[tuple[str, str], UUID | None] = {}
    for decision in decisions:
        for pair in decision.released:
            if pair not in after:
                before[pair] = decision.after.id
            after[pair] = None
        after.update(dict.fromkeys(external_ids(decision.event), decision.after.id))
    moved = {pair for pair, holder in after.items() if before.get(pair) != holder}
    gone = [{"system": system, "id": id} for system, id in sorted(moved & before.keys())]  # noqa: A001 (the contract's name)
    kept = sorted((pair, holder) for pair, holder in after.items() if pair in moved and holder is not None)
    await tx.delete(ExternalId, ("system", "id"), gone)
    await tx.insert(ExternalId, [{"system": s, "id": i, "event": key_of(holder)} for (s, i), holder in kept])


async def erase(tx: Transaction, deleted: Sequence[Decision]) -> None:
    """A legal deletion leaves no body behind: every version's becomes the tombstone."""
    for decision in deleted:
        if orjson.loads(decision.after.body)["erased"]:
            key = decision.after.key
            packed = await tx.rows(PACKED, {"key": key})
            await tx.run(ERASE, {"key": key, "body": decision.after.body})
            await tx.delete(PastFacet, ("value", "started_at", "event"), past_rows(key, [after for (after,) in packed]))
            await tx.run(FORGET_ANSWERS, {"key": key})


def past_rows(key: int, packed: Iterable[bytes | None]) -> list[dict[str, int]]:
    """Every index row that an event ever had."""
    found = {
        (value, started_at) for after in packed if after for started_at, _, *ids in [unpack(after)] for value in ids
    }
    return [{"value": value, "started_at": started_at, "event": key} for value, started_at in sorted(found)]


KEY = sa.bindparam("key", type_=sa.BigInteger)
PACKED = Statement(sa.select(col(Change.after)).where(col(Change.event) == KEY))
ERASE = Statement(
    sa.update(Change)
    .where(col(Change.event) == KEY)
    .values(body=sa.bindparam("body", type_=sa.LargeBinary), changed="[]")
)
FORGET_ANSWERS = Statement(sa.delete(Idempotency).where(col(Idempotency.event) == KEY))
