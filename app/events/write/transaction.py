"""One try to do a group of jobs in one transaction: decide in order, write what was decided, append the changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.changes import Head, PendingChange, append
from app.changes.facet_index import move_ids
from app.db import Transaction
from app.errors import Problem
from app.events.index.event_rebuild import NOTHING, rebuild_events, versions_of
from app.events.index.readiness import require_current
from app.events.index.rollup import update_rollup
from app.events.index.writer import IndexWriter
from app.events.tables import ExternalId
from app.events.write.batch_problems import merge_problems, refers, with_item_pointer, without_undone
from app.events.write.commands import Command, Decision, LoadedEvents, external_ids
from app.events.write.decide import apply, decide
from app.events.write.erasure import erase
from app.events.write.idempotency import (
    IdempotencyKey,
    IdempotentRequest,
    ResponseData,
    StoredResponse,
    find_stored,
    store_responses,
)
from app.events.write.load import load
from app.kit.ids import key_of


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What became of one command: the version that stands now, and the change it made, if any."""

    decision: Decision
    draft: PendingChange | None

    @property
    def cursor(self) -> str | None:
        """The change id."""
        return None if self.draft is None else self.draft.cursor


Result = CommandResult | Problem
# Deciding and indexing so many bytes of bodies takes some 30 ms.
LARGE_WRITE = 64 * 1024


@dataclass(slots=True)
class WriteRequest:
    """One request's commands; atomic ones stand or fall together.

    `within` runs in the same transaction after the commands, with their results: what it stores stands if they stand.
    """

    commands: Sequence[Command | Problem]
    by: str | None
    render: Callable[[list[Result]], ResponseData]
    atomic: bool = True
    places: Sequence[str] = ("",)
    reuse: IdempotentRequest | None = None
    size: int = 0
    within: Callable[[Transaction, list[Result]], Awaitable[None]] | None = None
    results: list[Result] = field(default_factory=list)


class LargeWrite(Exception):
    """The bodies to work on are so large that the work is to be done apart from the event loop."""


class WriteTransaction:
    """One try to do a group of jobs; nothing outlives it unless the transaction commits."""

    def __init__(
        self,
        jobs: list[WriteRequest],
        world: LoadedEvents,
        index: IndexWriter,
        *,
        apart: bool = True,
        is_indexed: bool = True,
    ) -> None:
        """Jobs in order of arrival; not `apart`, it raises LargeWrite before it works on much.

        Not `is_indexed`, events may still be indexed as an earlier program read them.
        """
        self.apart = apart
        self.is_indexed = is_indexed
        self.jobs = jobs
        self.world = world
        self.index = index
        self.drafts: list[PendingChange] = []
        self.head: Head | None = None
        self.decisions: list[Decision] = []
        self.learned: dict[tuple[str, str, int, bool], int] = {}
        self.counted: Counter[int] = Counter()

    async def run(self, tx: Transaction) -> list[ResponseData | Exception]:
        """Load, decide in order, write all that was decided, append the changes."""
        reused = await find_stored(tx, [job.reuse for job in self.jobs if job.reuse is not None], self.world.now)
        await load(tx, self.world, [c for job in self.jobs for c in job.commands if not isinstance(c, Problem)])
        if not self.apart and sum(len(stored.body) for stored in self.world.events.values()) > LARGE_WRITE:
            raise LargeWrite
        refused: dict[int, Exception] = {}
        waiting: dict[IdempotencyKey, int] = {}
        for n, job in enumerate(self.jobs):
            if job.reuse is not None and (job.reuse.place in reused or job.reuse.place in waiting):
                continue
            problem = self._decide_job(job)
            if problem is not None:
                refused[n] = problem
            elif job.reuse is not None:
                waiting[job.reuse.place] = n
        await self._write(tx)
        for n, job in enumerate(self.jobs):
            if job.within is not None and n not in refused:
                await job.within(tx, job.results)
        answers = self._answers(refused, reused, waiting)
        earned = [(self.jobs[n].reuse, answers[n]) for n in waiting.values()]
        await store_responses(
            tx, [(reuse, a) for reuse, a in earned if reuse and isinstance(a, ResponseData)], self.world.now
        )
        return answers

    def _decide_job(self, job: WriteRequest) -> Problem | None:
        """Decide a job's commands; an atomic one that fails leaves no trace, and tells the faults of all."""
        mark = len(self.drafts)
        undo = (dict(self.world.events), dict(self.world.holders)) if len(job.commands) > 1 else None
        ids: list[UUID | None] = []
        job.results = []
        faults: dict[int, Problem] = {}
        written: dict[str, str] = {}
        for n, command in enumerate(job.commands):
            if faults and refers(command, faults):
                ids.append(None)
                continue
            result = self._decide_one(command, job.by, ids, job.places[n] if n < len(job.places) else "")
            job.results.append(result)
            ids.append(result.decision.after.id if isinstance(result, CommandResult) else None)
            if isinstance(result, CommandResult) and result.draft is not None:
                written.setdefault(str(result.decision.after.id), f"/items/{n}")
            if isinstance(result, Problem) and job.atomic:
                faults[n] = without_undone(result, written)
        if not faults:
            return None
        del self.drafts[mark:], self.decisions[mark:]
        if undo is not None:
            self.world.events, self.world.holders = undo
        return merge_problems(list(faults.values()))

    def _decide_one(
        self, command: Command | Problem, by: str | None, earlier: Sequence[UUID | None], place: str
    ) -> Result:
        if isinstance(command, Problem):
            return command
        try:
            decision = decide(command, self.world, earlier)
        except Problem as problem:
            return with_item_pointer(problem, place)
        if decision.operation == "unchanged":
            return CommandResult(decision, None)
        apply(decision, self.world)
        draft = pending_change(decision, by)
        self.drafts.append(draft)
        self.decisions.append(decision)
        return CommandResult(decision, draft)

    async def _write(self, tx: Transaction) -> None:
        if not self.drafts:
            return
        await require_current(tx)
        rebuilt = NOTHING
        if not self.is_indexed:
            changed = sorted({decision.after.key for decision in self.decisions if decision.before is not None})
            rebuilt = await rebuild_events(tx, self.index, await versions_of(tx, changed), self)
        await self.index.write(tx, self.decisions, self.drafts, self, rebuilt.standing)
        await write_holders(tx, self.decisions)
        self.head = await append(tx, self.drafts, self.world.now)
        self.index.check_epoch(self.head.epoch)
        await move_ids(tx, rebuilt.moved)
        await update_rollup(tx, self.decisions, rebuilt.counts)
        await erase(tx, [decision for decision in self.decisions if decision.operation == "deleted"])

    def _answers(
        self,
        refused: dict[int, Exception],
        reused: dict[IdempotencyKey, StoredResponse],
        waiting: dict[IdempotencyKey, int],
    ) -> list[ResponseData | Exception]:
        answers: list[ResponseData | Exception] = []
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

    def _just_kept(self, first: int, answers: list[ResponseData | Exception]) -> StoredResponse:
        """The answer that an earlier job of this group earned under the same key."""
        reuse, answer = self.jobs[first].reuse, answers[first]
        if reuse is None or not isinstance(answer, ResponseData):
            message = "only answers wait under a key"
            raise TypeError(message)
        return StoredResponse(reuse.body_hash, answer)


def pending_change(decision: Decision, by: str | None) -> PendingChange:
    """The change that a decision makes."""
    after = decision.after
    return PendingChange(
        after.key,
        after.id,
        after.version,
        after.kind,
        decision.operation,
        decision.updated_at,
        by,
        after.body,
        decision.changed,
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
    gone = [{"system": system, "id": id} for system, id in sorted(moved & before.keys())]
    kept = sorted((pair, holder) for pair, holder in after.items() if pair in moved and holder is not None)
    await tx.delete(ExternalId, ("system", "id"), gone)
    await tx.insert(ExternalId, [{"system": s, "id": i, "event": key_of(holder)} for (s, i), holder in kept])
