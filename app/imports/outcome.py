"""What a batch comes to once the store has decided its commands: the report, and the rows that remember it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.db import Transaction
from app.errors import Problem
from app.events.write.transaction import CommandResult, Result
from app.imports.batch import Batch, Item
from app.imports.report import RowProblem
from app.imports.row_problems import flags_of, refusals
from app.imports.runs import ImportProgress
from app.imports.tables import ImportChange, ImportedRecord

Row = dict[str, Any]


@dataclass(slots=True)
class Outcome:
    """The import after a batch, what to store of it, and the problems that the batch adds."""

    standing: ImportProgress
    dataset: str
    new: list[Row] = field(default_factory=list)
    updated: list[Row] = field(default_factory=list)
    forgotten: list[Row] = field(default_factory=list)
    created: list[Row] = field(default_factory=list)
    changed: list[Row] = field(default_factory=list)
    told: list[RowProblem] = field(default_factory=list)

    def tell(self, problems: list[RowProblem]) -> None:
        """Add problems to the report."""
        self.told += problems
        for problem in problems:
            self.standing.report.add_problem(problem)

    async def store(self, tx: Transaction) -> None:
        """Write what is known of the records now, and what changed."""
        await tx.delete(ImportedRecord, ("dataset", "record"), self.forgotten)
        await tx.insert(ImportedRecord, self.new)
        await tx.update(ImportedRecord, ("dataset", "record"), self.updated)
        await tx.insert(ImportChange, self.created)
        await tx.insert(ImportChange, self.changed, ignore=True)
        again = [{name: row[name] for name in ("import_id", "event", "version_after")} for row in self.changed]
        await tx.update(ImportChange, ("import_id", "event"), again)


def record_results(standing: ImportProgress, batch: Batch, results: Sequence[Result], dataset: str) -> Outcome:
    """Count what became of a batch; `standing` stays as it is."""
    outcome = Outcome(standing.copy(), dataset)
    standing, report = outcome.standing, outcome.standing.report
    standing.taken = standing.taken if batch.taken is None else batch.taken
    standing.taken_late = standing.taken_late if batch.taken_late is None else batch.taken_late
    report.rows += batch.rows
    report.unchanged += batch.unchanged
    report.flagged += batch.flagged
    report.refused += batch.refused
    report.unreadable += batch.unreadable
    standing.skip(batch.skipped)
    outcome.tell(batch.problems)
    for item, result in zip(batch.items, results, strict=True):
        if isinstance(result, Problem):
            if item.entry is not None:
                report.refused += len(item.entry.rows)
                outcome.tell(refusals(item.entry, result, item.event))
        else:
            add(outcome, item, result)
    return outcome


def add(outcome: Outcome, item: Item, result: CommandResult) -> None:
    """Count a command that was done, and remember it."""
    report, decision = outcome.standing.report, result.decision
    if result.draft is not None:
        report.cursor_from = report.cursor_from or result.cursor
        report.cursor = result.cursor
    if decision.operation == "deleted":
        report.deleted += 1
        report.vanished += 1
        outcome.forgotten.append({"dataset": outcome.dataset, "record": item.key})
        outcome.changed.append(change_row(item, result, report.id or 0))
        return
    is_flagged = b'"quality_flags":[]' not in decision.after.body and bool(
        orjson.loads(decision.after.body)["quality_flags"]
    )
    setattr(report, decision.operation, getattr(report, decision.operation) + 1)
    report.flagged += is_flagged
    if is_flagged and item.entry is not None and item.event is not None:
        outcome.tell(flags_of(item.entry, item.event))
    remember(outcome, item, decision.after.key, report.id or 0, flagged=is_flagged)
    if decision.operation == "created":
        outcome.created.append(change_row(item, result, report.id or 0))
    elif decision.operation == "updated":
        outcome.changed.append(change_row(item, result, report.id or 0))


def remember(outcome: Outcome, item: Item, event: int, run: int, *, flagged: bool) -> None:
    """Note what is known of the record now, and forget the key that it had before."""
    known: Row = {"hash": item.hash, "match_key": item.match_key, "flagged": flagged, "event": event}
    place = {"dataset": outcome.dataset, "record": item.key}
    if item.known is not None and item.known.record == item.key:
        outcome.updated.append({**place, **known})
        return
    if item.known is not None:
        outcome.forgotten.append({"dataset": outcome.dataset, "record": item.known.record})
    outcome.new.append({**place, **known, "since": run})


def change_row(item: Item, result: CommandResult, run: int) -> Row:
    """What an import did to an event, and what was known of the record before."""
    decision, known = result.decision, item.known
    return {
        "import_id": run,
        "event": decision.after.key,
        "record": item.key,
        "version_before": 0 if decision.before is None else decision.before.version,
        "version_after": decision.after.version,
        "undone": False,
        "record_before": item.key if known is None else known.record,
        "hash_before": None if known is None else known.hash,
        "match_key_before": None if known is None else known.match_key,
        "flagged_before": known is not None and known.flagged,
        "since_before": 0 if known is None else known.since,
    }
