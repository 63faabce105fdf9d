"""What an import came to: the counts and problems that the command, the API and the stored run all show."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

MAX_PROBLEMS = 1000


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row was refused, or which flag it carries: `flag` is None for a refusal."""

    line: int
    code: str
    detail: str
    column: str | None = None
    value: str | None = None
    remedy: str | None = None
    flag: str | None = None


@dataclass(slots=True)
class ImportReport:
    """Counts of events, except `rows`, `skipped` and `refused`, which count rows of the file.

    `created + updated + unchanged` are the events that the file holds and that stand; `flagged` of them carry a
    quality flag; `vanished` are known records that a snapshot no longer has, of which `deleted` were deleted.
    `unreadable` of the refused rows were no events at all, the others are events that break a rule. `problems` holds
    the first 1,000, `skipped_by` the number of skipped rows by reason, `notes` whole sentences for people.
    """

    dataset: str
    dry_run: bool
    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    flagged: int = 0
    refused: int = 0
    unreadable: int = 0
    vanished: int = 0
    deleted: int = 0
    cursor: str | None = None
    cursor_from: str | None = None
    problems: list[RowProblem] = field(default_factory=list)
    problems_by: Counter[str] = field(default_factory=Counter)
    skipped_by: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    id: int | None = None

    def add_problem(self, problem: RowProblem) -> None:
        """Keep the problem if it is among the first 1,000, and count it by its code."""
        self.problems_by[problem.code] += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)
