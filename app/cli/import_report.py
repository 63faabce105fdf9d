"""What an import came to, in lines of at most 80 characters."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:  # `sitrep --help` loads nothing of the service
    from app.datasets import DetectedLayout, Record
    from app.imports.files import DataFile
    from app.imports.report import ImportReport, RowProblem
    from app.imports.request import ImportOptions
    from app.imports.undo import UndoReport

WIDTH = 80
MAX_LINES_SHOWN = 3
MAX_GROUPS = 20
MAX_COLUMNS_SHOWN = 3


class Summary:
    """The span of time and the countries of the events that pass."""

    def __init__(self) -> None:
        """Begin with none."""
        self.first = self.last = ""
        self.countries: set[str] = set()

    def add(self, record: Record) -> None:
        """Look at a record."""
        event = getattr(record, "event", None)
        if not isinstance(event, dict):
            return
        for name in ("started_at", "ended_at"):
            day = str(event.get(name) or "")[:10]
            if day:
                self.first = min(self.first or day, day)
                self.last = max(self.last, day)
        for place in event.get("locations") or ():
            if isinstance(place, dict) and place.get("country"):
                self.countries.add(str(place["country"]))

    def phrases(self) -> Iterator[str]:
        """The span and the number of countries, where there are any."""
        if self.first:
            yield self.first if self.first == self.last else f"{self.first} to {self.last}"
        if self.countries:
            yield count_of(len(self.countries), "country", "countries")


def print_report(
    report: ImportReport,
    data_file: DataFile,
    detected: DetectedLayout,
    *,
    summary: Summary,
    options: ImportOptions,
    rejects: Path | None,
) -> None:
    """Print the whole report."""
    from app.imports.detection import describe

    paragraphs = describe(data_file, detected)
    if report.dry_run:
        facts = [count_of(report.rows, "row", "rows"), *summary.phrases()]
        paragraphs.insert(0, f"{title(detected)}: {', '.join(facts)}.")
    for text in paragraphs:
        say(text)
    for line in dry_counts(report, detected.dataset.system) if report.dry_run else written_counts(report):
        typer.echo(line)
    for line in group_problems(report):
        typer.echo(line)
    for text in [*report.notes, *endings(report, options, rejects)]:
        say(text)


def title(detected: DetectedLayout) -> str:
    """The dataset, its layout and how many columns that has."""
    dataset, layout = detected.dataset, detected.layout
    columns = "" if "columns" in layout.version else f" ({len(layout.columns)} columns)"
    version = "" if layout.version.casefold() in dataset.title.casefold() else layout.version
    return f"{dataset.title} {version}{columns}".replace("  ", " ")


def say(text: str) -> None:
    """Print a sentence, broken into lines."""
    for line in textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False):
        typer.echo(line)


def dry_counts(report: ImportReport, system: str) -> Iterator[str]:
    """How many events are ready, and what becomes of the rest."""
    known = report.updated + report.unchanged
    breaking = report.refused - report.unreadable
    changes = f", {report.updated:,} of them changed" if report.updated else ""
    parts = [
        f"{report.created:,} ready",
        f"{breaking:,} {'breaks' if breaking == 1 else 'break'} a rule",
        f"{report.unreadable:,} unreadable",
        f"{known:,} known already{changes} (system {system})",
    ]
    if report.flagged:
        parts.insert(1, f"{report.flagged:,} with a flag")
    yield from join_columns(parts)
    yield from describe_skipped(report)
    if report.vanished:
        yield f"  {report.vanished:,} {'is' if report.vanished == 1 else 'are'} gone from the file"


def join_columns(parts: list[str]) -> Iterator[str]:
    """The parts side by side, as many as fit on a line."""
    line = "  "
    for part in parts:
        if len(line) + len(part) > WIDTH and line.strip():
            yield line.rstrip()
            line = "  "
        line += f"{part}   "
    yield line.rstrip()


def written_counts(report: ImportReport) -> Iterator[str]:
    """What was written, and from where to where in the feed."""
    parts = [f"{report.created:,} created", f"{report.updated:,} updated", f"{report.unchanged:,} unchanged"]
    if report.flagged and not (report.updated or report.unchanged):
        parts[:1] = [f"{report.created - report.flagged:,} created", f"{report.flagged:,} created with a flag"]
    elif report.flagged:
        parts.append(f"{report.flagged:,} of them with a flag")
    kept = report.vanished - report.deleted
    if kept:
        verb = "is" if kept == 1 else "are"
        parts.append(f"{kept:,} {verb} gone from the file (kept; --tombstone-missing deletes them)")
    if report.deleted:
        parts.append(f"{report.deleted:,} deleted")
    span = "" if report.cursor_from is None else f"   {report.cursor_from} to {report.cursor}"
    text = ", ".join(parts)
    yield from textwrap.wrap(f"{text}.", WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    if span:
        yield span
    yield from describe_skipped(report)


def describe_skipped(report: ImportReport) -> Iterator[str]:
    """How many rows are no events, by reason."""
    if report.skipped:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in report.skipped_by.most_common())
        yield from textwrap.wrap(
            f"{report.skipped:,} skipped: {reasons}", WIDTH, initial_indent="  ", subsequent_indent="    "
        )


def group_problems(report: ImportReport) -> Iterator[str]:
    """Each sort of problem once: its code, how often, what is wrong, the first lines, and what would do."""
    groups: dict[str, list[RowProblem]] = defaultdict(list)
    for problem in report.problems:
        groups[problem.code].append(problem)
    codes = [code for code, _ in report.problems_by.most_common(MAX_GROUPS)]
    wide = max(map(len, codes), default=0)
    digits = max((len(f"{count:,}") for count in report.problems_by.values()), default=0)
    for code in codes:
        count = report.problems_by[code]
        found = sorted({problem.line for problem in groups[code]})
        shown = ", ".join(f"{line:,}" for line in found[:MAX_LINES_SHOWN]) + (
            ", ..." if len(found) > MAX_LINES_SHOWN or count > len(groups[code]) else ""
        )
        head, tail = f"  {code:<{wide}}  {count:>{digits},}  ", f"  {'lines' if len(found) > 1 else 'line'} {shown}"
        tail = tail if groups[code] else ""
        yield from beside(
            head, f"{columns_of(groups[code])}{describe_problem(groups[code][0])}" if groups[code] else "", tail
        )


def columns_of(problems: list[RowProblem]) -> str:
    """The first few columns in which problems of one sort are, to stand before a sentence that does not name them."""
    found = list(dict.fromkeys(each.column for each in problems if each.column and each.column not in each.detail))
    more = ", ..." if len(found) > MAX_COLUMNS_SHOWN else ""
    return f"{', '.join(found[:MAX_COLUMNS_SHOWN])}{more}: " if found else ""


def describe_problem(problem: RowProblem) -> str:
    """What is wrong, and what would do; that --lenient would is said once for all, at the end."""
    remedy = problem.remedy or ""
    return problem.detail if "--lenient" in remedy else f"{problem.detail} {remedy}".rstrip()


def beside(head: str, text: str, tail: str) -> Iterator[str]:
    """The text between head and tail, broken into lines where it is too long."""
    room = max(WIDTH - len(head) - len(tail), 20)
    first, *rest = textwrap.wrap(text, room, break_on_hyphens=False) or [""]
    yield f"{head}{first:<{room}}{tail}".rstrip()
    if rest:
        indent = " " * len(head)
        text = " ".join(rest)
        yield from textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def endings(report: ImportReport, options: ImportOptions, rejects: Path | None) -> Iterator[str]:
    """What to do next."""
    if rejects is not None and report.refused:
        yield f"{rejects} has the refused rows."
    if report.dry_run:
        lenient = "" if options.lenient else soft(report)
        yield f"Nothing was written. Add --write{lenient}."
    elif report.id is not None:
        yield f"Import {report.id}. To take it back: sitrep import --undo {report.id}"


def soft(report: ImportReport) -> str:
    """How many of the refused would go in with --lenient."""
    broken = {problem.line for problem in report.problems if "--lenient" in (problem.remedy or "")}
    broken -= {problem.line for problem in report.problems if "--lenient" not in (problem.remedy or "")}
    if not broken:
        return ""
    is_whole = sum(report.problems_by.values()) == len(report.problems)
    those = f"the {len(broken):,} go" if is_whole else "those that break only such a rule go"
    those = "it goes" if is_whole and len(broken) == 1 else those
    return f"; with --lenient {those} in and carr{'ies' if 'goes' in those else 'y'} a flag"


def count_of(n: int, one: str, many: str) -> str:
    """So many of something."""
    return f"{n:,} {one if n == 1 else many}"


def print_undone(report: UndoReport) -> None:
    """Print what became of an import that was taken back."""
    left = f" {report.left:,} changed since, and were left." if report.left else ""
    say(
        f"Import {report.id} is taken back: {report.deleted:,} deleted, {report.replaced:,} as before, "
        f"{report.restored:,} restored.{left}"
    )
    for problem in report.problems[:MAX_GROUPS]:
        say(f"  {problem}")
    if len(report.problems) > MAX_GROUPS:
        typer.echo(f"  and {len(report.problems) - MAX_GROUPS:,} more")
