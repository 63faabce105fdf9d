"""How far an import is: a bar on a terminal, one line of JSON after each batch elsewhere, both on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:  # `sitrep --help` loads nothing of the service
    from rich.console import Console

    from app.imports.report import ImportReport

COUNTS = ("created", "updated", "unchanged", "skipped", "flagged", "refused", "deleted")


@contextmanager
def watch_progress(total: int) -> Iterator[Callable[[ImportReport], None]]:
    """What is to be told of each batch; `total` is the number of rows."""
    if sys.stderr.isatty():
        from rich.console import Console

        with bar(total, Console(stderr=True)) as progress:
            yield progress
    else:
        yield lines(total)


@contextmanager
def bar(total: int, console: Console) -> Iterator[Callable[[ImportReport], None]]:
    """A bar with the rows done, the rate, and the time that is left."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    begun = time.monotonic()
    with Progress(BarColumn(20), TextColumn("{task.description}"), TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task(f"0/{total:,}", total=total)

        def tell(report: ImportReport) -> None:
            rate = report.rows / max(time.monotonic() - begun, 0.001)
            text = f"{report.rows:,}/{total:,}   {rate:,.0f} rows/s"
            progress.update(task, completed=report.rows, description=text)

        yield tell


def lines(total: int) -> Callable[[ImportReport], None]:
    """One object after each batch: the counts so far, of how many rows, and the rate."""
    begun = time.monotonic()

    def tell(report: ImportReport) -> None:
        counts = {name: getattr(report, name) for name in COUNTS}
        rate = round(report.rows / max(time.monotonic() - begun, 0.001))
        typer.echo(json.dumps({"rows": report.rows, "of": total, **counts, "rows_per_s": rate}), err=True)

    return tell
