"""Turns what was measured into a table, and says which of the requirements hold."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.measure import Pair, Runner

COLUMNS = """\
CPU / plain     processor time of a request, Sitrep's in parts of the plain SQLModel way's; lower is better
target          the most that CPU / plain may be, and whether it is
rate / plain    requests a second, Sitrep's in units of the plain way's; higher is better
ceiling         processor time of the bare ceiling in parts of Sitrep's: 1 would be a request that costs nothing more
rate / bare     requests a second, Sitrep's in parts of the ceiling's; the client may be what limits the ceiling
CPU             a remark: milliseconds of processor time of Sitrep, the plain way and the ceiling for one request
Processor time is that of the server process and of its PostgreSQL backends. The ceiling of a read is a bare ASGI app
that sends the same bytes; that of a write is Sitrep with no database: it parses, validates and answers."""
DEPTH_COLUMNS = """\
CPU, deep / small   processor time of the same request to the large database in units of the small one's
target              the most that it may be, and whether it is"""

SENT_COLUMNS = """\
ratio    deliveries a second of one worker in units of what the other sends of the same bytes, 16 in flight, by the
         receiver's clock; of a crowd, the time from commit to receipt that 1 in 100 exceeds at 20 healthy endpoints,
         with 200 failing and 20 dripping ones beside them, in units of that without; of a batch, processor time of the
         driver alone for the same rows in units of the whole request's
target   what it must be, and whether it is
remark   both figures, and processor time for a post or an event, with that of PostgreSQL backends"""

COUNTED_COLUMNS = """\
raw / Sitrep   time of a raw GROUP BY over the events in units of that of Sitrep's rows for the same question, both in
               one process by the same driver, in turns; "again" is the whole app's answer to a question that was asked
               before and has not changed since; higher is better
target         what it must be, and whether it is
remark         milliseconds of Sitrep and of the raw way"""

EXPORTED_COLUMNS = """\
memory   the most memory of the server, without mapped files, while the rest of the file was sent, in units of the most
         while its first 96 MB were: 1 is a stream that takes the same however long it is
target   the most that it may be, and whether it is
remark   size of the file; both figures"""


@dataclass(frozen=True, slots=True)
class Line:
    """What came of a case; `deep` compares two depths and not three ways."""

    database: str
    case: str
    plain: Pair | None
    bare: Pair | None
    limit: float | None
    milliseconds: tuple[float, ...]
    deep: Pair | None = None

    @property
    def claim(self) -> Pair | None:
        return self.deep or self.plain

    @property
    def holds(self) -> bool:
        """The requirement is met, or there is none."""
        return self.limit is None or self.claim is None or self.claim.cpu <= self.limit

    def cells(self) -> list[str]:
        """The line as the table shows it."""
        if self.deep is not None:
            return [self.database, self.case, f"{self.deep.cpu:.2f}", self._target(), self._remark()]
        return [
            self.database,
            self.case,
            f"{self.plain.cpu:.3f}" if self.plain else "",
            self._target(),
            f"{self.plain.rate:.1f}" if self.plain else "",
            f"{1 / self.bare.cpu:.2f}" if self.bare else "",
            f"{self.bare.rate:.2f}" if self.bare else "",
            self._remark(),
        ]

    def _target(self) -> str:
        return "" if self.limit is None else f"{self.limit:.2f} {'pass' if self.holds else 'FAIL'}"

    def _remark(self) -> str:
        return " / ".join(f"{number:.3f}" for number in self.milliseconds)


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of sending: a ratio that must be at least, or at most, the limit."""

    database: str
    case: str
    ratio: float
    limit: float
    remark: str
    at_least: bool

    @property
    def holds(self) -> bool:
        """The requirement is met."""
        return self.ratio >= self.limit if self.at_least else self.ratio <= self.limit

    def cells(self) -> list[str]:
        """The line as the table shows it."""
        target = f"{'>=' if self.at_least else '<='} {self.limit:.2f} {'pass' if self.holds else 'FAIL'}"
        return [self.database, self.case, f"{self.ratio:.2f}", target, self.remark]


@dataclass(frozen=True, slots=True)
class Counted:
    """What came of a question to statistics: how many times faster than the raw way, and what it must be."""

    database: str
    case: str
    ratio: float
    limit: float | None
    remark: str

    @property
    def holds(self) -> bool:
        """The requirement is met, or there is none."""
        return self.limit is None or self.ratio >= self.limit

    def cells(self) -> list[str]:
        """The line as the table shows it."""
        target = "" if self.limit is None else f">= {self.limit:.0f} {'pass' if self.holds else 'FAIL'}"
        return [self.database, self.case, f"{self.ratio:.1f}", target, self.remark]


@dataclass(frozen=True, slots=True)
class Exported:
    """What came of an export: by how much memory grew after its first part, and the most that it may."""

    database: str
    case: str
    ratio: float
    limit: float
    remark: str

    @property
    def holds(self) -> bool:
        """The requirement is met."""
        return self.ratio <= self.limit

    def cells(self) -> list[str]:
        """The line as the table shows it."""
        target = f"<= {self.limit:.2f} {'pass' if self.holds else 'FAIL'}"
        return [self.database, self.case, f"{self.ratio:.2f}", target, self.remark]


def milliseconds(runners: Sequence[Runner]) -> tuple[float, ...]:
    """Processor time for a request of each side."""
    return tuple(1000 * median(runner.cpu) for runner in runners)


def show(lines: Sequence[Line | Sent | Counted | Exported]) -> None:
    """Print the tables with their legends."""
    three = [line for line in lines if isinstance(line, Line) and line.deep is None]
    deep = [line for line in lines if isinstance(line, Line) and line.deep is not None]
    sent = [line for line in lines if isinstance(line, Sent)]
    if three:
        heads = ["database", "case", "CPU / plain", "target", "rate / plain", "ceiling", "rate / bare", "CPU, ms"]
        print(table(heads, (line.cells() for line in three)), COLUMNS, sep="\n\n", end="\n\n")
    if deep:
        heads = ["database", "case", "CPU, deep / small", "target", "CPU, ms"]
        print(table(heads, (line.cells() for line in deep)), DEPTH_COLUMNS, sep="\n\n", end="\n\n")
    if sent:
        heads = ["database", "case", "ratio", "target", "remark"]
        print(table(heads, (line.cells() for line in sent)), SENT_COLUMNS, sep="\n\n", end="\n\n")
    counted = [line for line in lines if isinstance(line, Counted)]
    if counted:
        heads = ["database", "case", "raw / Sitrep", "target", "remark"]
        print(table(heads, (line.cells() for line in counted)), COUNTED_COLUMNS, sep="\n\n", end="\n\n")
    exported = [line for line in lines if isinstance(line, Exported)]
    if exported:
        heads = ["database", "case", "memory", "target", "remark"]
        print(table(heads, (line.cells() for line in exported)), EXPORTED_COLUMNS, sep="\n\n", end="\n\n")
    failed = sum(not line.holds for line in lines)
    claimed = sum(line.limit is not None for line in lines)
    print(f"{claimed - failed} of {claimed} requirements hold. {machine()}")


def table(heads: list[str], rows: Iterable[list[str]]) -> str:
    """A Markdown table."""
    body = list(rows)
    widths = [max(len(row[n]) for row in [heads, *body]) for n in range(len(heads))]
    rule = ["-" * width for width in widths]
    lines = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in [heads, rule, *body]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    """Where the absolute numbers were taken."""
    models = [line for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if "model name" in line]
    name = models[0].partition(":")[2].strip() if models else platform.machine()
    return f"Measured on {os.cpu_count()} cores of {name}, Python {platform.python_version()}."
