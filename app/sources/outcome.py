"""What a run of a source comes to: what its files brought, and a sentence for the operator."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from app.imports.report import ImportReport
from app.sources.config import Source
from app.sources.providers import SourceFile


class ImportFailed(Exception):
    """A file that cannot be imported, or not just now (`is_passing`); the text is one sentence."""

    def __init__(self, detail: str, *, is_passing: bool = False) -> None:
        super().__init__(detail)
        self.is_passing = is_passing


class Imported(NamedTuple):
    """What an import came to, and when the newest of its events began."""

    report: ImportReport
    newest_event_at: datetime | None = None


ImportFile = Callable[[Source, SourceFile], Awaitable[Imported]]


class Outcome(NamedTuple):
    """What happened to a source, in a word and in a sentence; `next_run_at` is when it is due again."""

    name: str
    result: Literal["imported", "unchanged", "not-due", "held", "failed"]
    sentence: str
    next_run_at: datetime | None = None


@dataclass
class RunCounts:
    """What a run has brought so far."""

    files: int = 0
    rows: int = 0
    created: int = 0
    updated: int = 0
    deleted: int = 0
    refused: int = 0
    problem: str | None = None

    def add(self, report: ImportReport) -> None:
        """Add what one file came to."""
        self.files += 1
        for name in ("rows", "created", "updated", "deleted", "refused"):
            setattr(self, name, getattr(self, name) + getattr(report, name))
        if report.refused and report.problems and self.problem is None:
            first = next((problem for problem in report.problems if problem.flag is None), report.problems[0])
            self.problem = f"line {first.line}: {first.detail}"

    def sentence(self, version: str | None) -> str:
        """Say it in a line."""
        told = f"{self.files:,} file{'s' * (self.files != 1)}, {self.rows:,} rows: {self.created:,} created, "
        told += f"{self.updated:,} updated, {self.deleted:,} deleted, {self.refused:,} refused"
        return f"{told}; now at {version}."
