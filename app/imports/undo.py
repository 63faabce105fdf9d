"""Takes an import back: every event as it was before, as new changes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy import orm
from sqlmodel import col

from app.auth.keys import utc_now
from app.changes import Change
from app.db import Database, Statement, Transaction
from app.errors import Deleted, ImportRunning, NotFound, Problem, VersionMismatch
from app.events.documents import load_event
from app.events.tables import StoredEvent
from app.events.write.commands import Command, Create, Remove, Replace, core_of
from app.events.write.store import Store
from app.events.write.transaction import CommandResult, Result, WriteRequest
from app.imports.lease import Lease, LeaseLost, others_at_work
from app.imports.report import MAX_PROBLEMS
from app.imports.runs import RUN, TAKE_OVER, end, text
from app.imports.tables import ImportChange, ImportedRecord, ImportRun
from app.imports.writer import LARGE, no_answer
from app.kinds import CodeChange

PAGE = 1000
UNDONE = ("import_id", "event")
FIND = Statement(
    sa.select(col(ImportRun.dataset), col(ImportRun.state), col(ImportRun.undo)).where(col(ImportRun.id) == RUN)
)
BEGIN = Statement(sa.update(ImportRun).where(col(ImportRun.id) == RUN).values(state="undoing"))
SAVE = Statement(
    sa.update(ImportRun)
    .where(col(ImportRun.id) == RUN, col(ImportRun.lease) == sa.bindparam("held", type_=sa.Uuid()))
    .values(undo=sa.bindparam("told"))
)
CHANGE_COLUMNS = (
    "event",
    "record",
    "version_before",
    "version_after",
    "record_before",
    "hash_before",
    "match_key_before",
    "flagged_before",
    "since_before",
)


@dataclass(slots=True)
class UndoReport:
    """Events that are as they were before, those left as they changed since, and a sentence for each of those.

    `deleted` of the undone were made by the import, `replaced` changed by it, `restored` deleted by it: they came back
    as new events. `problems` holds the first 1,000 sentences.
    """

    id: int
    deleted: int = 0
    replaced: int = 0
    restored: int = 0
    left: int = 0
    problems: list[str] = field(default_factory=list)


class Done(NamedTuple):
    """What an import did to an event, the event's id and state now, and its bodies: before, as left, and now."""

    event: int
    record: str
    version_before: int
    version_after: int
    record_before: str
    hash_before: bytes | None
    match_key_before: str | None
    flagged_before: bool
    since_before: int
    id: UUID
    is_deleted: bool
    version: int
    body_before: bytes | None
    body_after: bytes | None
    body: bytes

    @property
    def is_as_left(self) -> bool:
        """Whether the event is as the import left it, or again so, as when a later import was taken back."""
        if self.version == self.version_after:
            return True
        return not self.is_deleted and self.body_after is not None and core_of(self.body) == core_of(self.body_after)


async def undo_import(db: Database, store: Store, id: int, by: str) -> UndoReport:
    """Take an import back; an interrupted undoing goes on, and one that is done is told again.

    Raises NotFound, and ImportRunning while an import of the dataset runs.
    """
    lease = Lease(db)
    try:
        dataset, report = await begin_undo(db, id, lease)
        if report is not None:
            return report
        return await Undoing(db, store, dataset, lease, by).run()
    except LeaseLost:
        raise ImportRunning("Another process took this undoing over, and goes on with it.") from None
    finally:
        await lease.close()


async def begin_undo(db: Database, id: int, lease: Lease) -> tuple[str, UndoReport | None]:
    """Take the import for undoing; gives its dataset, and what came of it where it is undone already."""

    async def work(tx: Transaction) -> tuple[str, UndoReport | None]:
        found = await tx.rows(FIND, {"run": id})
        if not found:
            raise NotFound(f"There is no import {id}.")
        [(dataset, state, told)] = found
        if state == "undone":
            return dataset, UndoReport(**orjson.loads(told))
        await others_at_work(tx, dataset, utc_now())
        taken = lease.taken()
        values = {"held": taken["lease"], "process": taken["holder"], "now": taken["heartbeat_at"]}
        await tx.run(TAKE_OVER, {"run": id, **values})
        await tx.run(BEGIN, {"run": id})
        return dataset, None

    result = await db.write(work, alone=True)
    lease.keep(id)
    return result


class Undoing:
    """One undoing at work."""

    def __init__(self, db: Database, store: Store, dataset: str, lease: Lease, by: str) -> None:
        """The lease is on the import."""
        self.db = db
        self.store = store
        self.dataset = dataset
        self.lease = lease
        self.by = by

    async def run(self) -> UndoReport:
        """Undo all that was not undone yet, in the order of the events, and what is left once more."""
        report = await self._stored()
        report.left, report.problems = 0, []
        after = -1
        while page := await self._page(after):
            after = page[-1].event
            report = await self._undo(page, report)

        async def work(tx: Transaction) -> None:
            await self._save(tx, report)
            await end(tx, self.lease, "undone")

        await self.db.write(work)
        return report

    async def _stored(self) -> UndoReport:
        [(_, _, told)] = await self.db.rows(FIND, {"run": self.lease.run}, primary=True)
        return UndoReport(self.lease.run) if told is None else UndoReport(**orjson.loads(told))

    async def _page(self, after: int) -> list[Done]:
        values = {"run": self.lease.run, "after": after, "limit": PAGE}
        return [Done(*row) for row in await self.db.rows(page_statement(), values, offload=True, primary=True)]

    async def _undo(self, page: Sequence[Done], report: UndoReport) -> UndoReport:
        """Undo one page in one transaction."""
        commands = await asyncio.to_thread(lambda: [command_for(done) for done in page])
        reports: list[UndoReport] = []

        async def within(tx: Transaction, results: list[Result]) -> None:
            told = UndoReport(**asdict(report))
            kept = [(done, result) for done, result in zip(page, results, strict=True) if count(told, done, result)]
            await self._save(tx, told)
            run = self.lease.run
            await tx.update(
                ImportChange, UNDONE, [{"import_id": run, "event": done.event, "undone": True} for done, _ in kept]
            )
            await self._remember(tx, [(done, result) for done, result in kept if isinstance(result, CommandResult)])
            reports.append(told)

        await self.store.run(
            WriteRequest(commands, self.by, no_answer, atomic=False, places=(), size=LARGE, within=within)
        )
        return reports[-1]

    async def _save(self, tx: Transaction, report: UndoReport) -> None:
        if not await tx.run(SAVE, {"run": self.lease.run, "held": self.lease.token, "told": text(asdict(report))}):
            raise LeaseLost

    async def _remember(self, tx: Transaction, kept: Sequence[tuple[Done, CommandResult]]) -> None:
        """Know of the records what was known before the import."""
        keys = sorted({record for done, _ in kept for record in (done.record, done.record_before)})
        await tx.delete(
            ImportedRecord, ("dataset", "record"), [{"dataset": self.dataset, "record": key} for key in keys]
        )
        known: list[dict[str, Any]] = [
            {
                "dataset": self.dataset,
                "record": done.record_before,
                "event": result.decision.after.key,
                "hash": done.hash_before,
                "match_key": done.match_key_before,
                "flagged": done.flagged_before,
                "since": done.since_before,
            }
            for done, result in kept
            if done.hash_before is not None
        ]
        await tx.insert(ImportedRecord, known, ignore=True)


def command_for(done: Done) -> Command | Problem:
    """The command that puts an event back, if it is as the import left it."""
    left = frozenset({done.version if done.is_as_left else done.version_after})
    if done.version_before == 0:
        return Remove(done.id, "erroneous", if_match=left, in_batch=True)
    before = orjson.loads(done.body_before or b"{}")
    if "detail" not in before:
        return NotFound("its version before the import is not kept any more.")
    event = load_event(before)
    if not done.is_deleted:
        return Replace(done.id, CodeChange(event), {}, left, lenient=True)
    if done.version == done.version_after:
        return Create(event, lenient=True)
    return Deleted("it was deleted.")


def count(report: UndoReport, done: Done, result: Result) -> bool:
    """Count what became of a change; False if the event is left as it is."""
    if isinstance(result, CommandResult):
        undone = {"deleted": "deleted", "created": "restored"}.get(result.decision.operation, "replaced")
        setattr(report, undone, getattr(report, undone) + 1)
        return True
    if done.version_before == 0 and done.is_deleted and done.version == done.version_after:
        return True  # the import itself deleted what it had made
    report.left += 1
    if len(report.problems) < MAX_PROBLEMS:
        report.problems.append(f"Event {done.id} ({done.record}) is left as it is: {why(result)}")
    return False


def why(problem: Problem) -> str:
    """What keeps an event from being put back."""
    if isinstance(problem, VersionMismatch):
        return "it was changed since."
    if isinstance(problem, Deleted):
        return "it was deleted since."
    return problem.errors[0].detail if problem.errors else problem.detail


@lru_cache(1)
def page_statement() -> Statement:
    """The next changes of an import that are not undone, with the events and what they were before."""
    before, left, now = orm.aliased(Change), orm.aliased(Change), orm.aliased(Change)

    def is_version(change: type[Change], version: Any) -> sa.ColumnElement[bool]:
        return sa.and_(col(change.event) == col(ImportChange.event), col(change.version) == col(version))

    return Statement(
        sa.select(
            *(col(getattr(ImportChange, name)) for name in CHANGE_COLUMNS),
            col(StoredEvent.id),
            col(StoredEvent.deleted),
            col(StoredEvent.version),
            col(before.body),
            col(left.body),
            col(now.body),
        )
        .select_from(sa.inspect(ImportChange).local_table)
        .join(StoredEvent, col(StoredEvent.key) == col(ImportChange.event))
        .join(now, is_version(now, StoredEvent.version))
        .outerjoin(before, is_version(before, ImportChange.version_before))
        .outerjoin(left, is_version(left, ImportChange.version_after))
        .where(
            col(ImportChange.import_id) == RUN,
            col(ImportChange.undone) == sa.false(),
            col(ImportChange.event) > sa.bindparam("after", type_=sa.BigInteger),
        )
        .order_by(col(ImportChange.event))
        .limit(sa.bindparam("limit"))
    )
