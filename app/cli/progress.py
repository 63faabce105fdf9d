"""Says on stderr how far a long command is."""

from __future__ import annotations

import time

import typer

INTERVAL_S = 2.0


class tell_progress:  # noqa: N801 (used as a function)
    """Say every few seconds how many of how many are done."""

    def __init__(self, what: str) -> None:
        """Say nothing at first; `what` is what is counted, and what becomes of it."""
        self._what = what
        self._next = time.monotonic() + INTERVAL_S

    def __call__(self, done: int, total: int) -> None:
        """So many of so many are done."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + INTERVAL_S
            typer.echo(f"sitrep: {done:,} of {total:,} {self._what}", err=True)
