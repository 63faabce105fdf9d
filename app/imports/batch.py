"""Turns the entries of a chunk into commands, as what is known of their records asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from app.datasets.base import Dataset, Draft, Removal
from app.errors import Problem
from app.events.write.commands import Command, Remove, Replace, Restore, Upsert
from app.events.write.parse_commands import upsert_of
from app.imports.chunks import Chunk
from app.imports.entries import Entry
from app.imports.known import Known
from app.imports.report import RowProblem
from app.imports.restore_export import restore_command
from app.imports.row_problems import refusals
from app.kinds import Event

DELETED_HERE = "its event was deleted here"
NOT_THERE = "to be removed, and not there"
RETRACTED = "retracted_by_source"


class Item(NamedTuple):
    """A command for one record; what is known of it, under its former key where the file corrects that."""

    key: str
    hash: bytes
    match_key: str | None
    known: Known | None
    command: Command
    entry: Entry | None

    @property
    def event(self) -> Event | None:
        """The event that is to be stored; None where one is to be deleted."""
        if isinstance(self.command, Restore):
            return self.command.event
        return self.command.wanted.event if isinstance(self.command, Upsert | Replace) else None


@dataclass(slots=True)
class Batch:
    """Commands that are written in one transaction, and what came of the rows that need none.

    `taken` and `taken_late` are how far the import is after it, None where it moves nothing of that sort.
    """

    taken: int | None = None
    taken_late: int | None = None
    rows: int = 0
    items: list[Item] = field(default_factory=list)
    held: list[Entry] = field(default_factory=list)
    unchanged: int = 0
    flagged: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    problems: list[RowProblem] = field(default_factory=list)
    refused: int = 0
    unreadable: int = 0

    def refuse(self, entry: Entry, problems: Iterable[RowProblem]) -> None:
        """Count and tell the rows of an entry that cannot be imported."""
        self.problems.extend(problems)
        self.refused += len(entry.rows)


def batch_of(chunk: Chunk) -> Batch:
    """What is decided about a chunk already."""
    return Batch(
        taken=chunk.taken,
        rows=chunk.rows,
        skipped=chunk.skipped,
        problems=chunk.problems,
        refused=chunk.refused,
        unreadable=chunk.unreadable,
    )


def fill(
    batch: Batch,
    entries: Iterable[Entry],
    known: Mapping[str, Known],
    gone: Collection[str],
    dataset: Dataset,
    *,
    lenient: bool,
    holding: bool,
) -> None:
    """Decide what each entry needs: nothing if its hash is the known one, a command, or to wait for the end.

    `gone` are the records whose events were deleted for good; with `holding` drafts that nobody knows wait.
    """
    for entry in entries:
        before = known.get(entry.key)
        if isinstance(entry.record, Removal):
            if before is None or before.deleted:
                batch.skipped[NOT_THERE] += len(entry.rows)
            else:
                batch.items.append(removal(entry.key, before, entry))
        elif before is not None and before.deleted and (before.hash == entry.hash or entry.key in gone):
            batch.skipped[DELETED_HERE] += len(entry.rows)
        elif before is not None and before.hash == entry.hash:
            batch.unchanged += 1
            batch.flagged += before.flagged
        elif before is None and holding:
            batch.held.append(entry)
        else:
            add_draft(batch, entry, entry.record, before, dataset, lenient=lenient)


def removal(key: str, known: Known, entry: Entry | None = None) -> Item:
    """Delete the event of a record that its source took back."""
    return Item(key, b"", None, known, Remove(known.id, RETRACTED, in_batch=True), entry)


def add_draft(
    batch: Batch, entry: Entry, draft: Draft, known: Known | None, dataset: Dataset, *, lenient: bool
) -> None:
    """Validate a draft and add its command, or its refusal."""
    try:
        command = command_of(draft, known, dataset, lenient=lenient)
    except Problem as problem:
        batch.refuse(entry, refusals(entry, problem, None))
    else:
        batch.items.append(Item(entry.key, entry.hash, entry.match_key, known, command, entry))


def command_of(draft: Draft, known: Known | None, dataset: Dataset, *, lenient: bool) -> Command:
    """The command that makes the event what the draft says. Raises `Invalid`."""
    if dataset.is_restore:
        return restore_command(draft)
    upsert = upsert_of(dataset.system, draft.key, draft.event, None, batch=False)
    if known is None or known.deleted:
        return replace(upsert, lenient=lenient)
    return Replace(known.id, upsert.wanted, upsert.sent, "*", lenient)
