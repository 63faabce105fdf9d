"""What a run is asked to do: how large, how long, and which rows."""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.databases import default_cache
from benchmarks.targets import DIALECTS, ROWS

QUICK_LIMIT_S, LIMIT_S = 170.0, 5_400.0
INSTALL_LIMIT_S = 600.0


@dataclass(frozen=True, slots=True)
class Options:
    """`deep` is the size of the deep database; nothing is begun after `until`, of the monotonic clock.

    `load` is the machine's as the run begins.
    """

    events: int
    deep: int
    databases: tuple[str, ...]
    rounds: int
    seconds: float
    only: str
    cache: Path
    check: bool
    quick: bool
    until: float
    load: float

    def asks_for(self, *rows: str) -> bool:
        """One of these rows is wanted."""
        return any(self.only in ROWS[row].path for row in rows)

    @property
    def left(self) -> float:
        """Seconds until nothing more is begun."""
        return self.until - time.monotonic()

    @property
    def whole(self) -> bool:
        """Every row is measured, on both databases."""
        return not self.only and set(self.databases) == set(DIALECTS)


def read_options(arguments: list[str] | None = None) -> Options:
    """From the command line; `QUICK=1` in the environment is `--quick`."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measures every row of the table of targets, and keeps the results."
    )
    parser.add_argument("--quick", action="store_true", default=bool(os.environ.get("QUICK")), help="within 3 minutes")
    parser.add_argument("--events", type=int, help="events in a database (10000; quick: 2000)")
    parser.add_argument(
        "--depth",
        type=int,
        nargs="?",
        const=1_000_000,
        help="events in a deep one (100000; quick: 10000; alone: 1000000)",
    )
    parser.add_argument("--databases", type=names, default=DIALECTS, help="sqlite,postgresql")
    parser.add_argument("--rounds", type=int, help="rounds that the sides take turns for (7; quick: 3)")
    parser.add_argument("--only", default="", help="only rows with this in their path; the results are not kept")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where filled databases and peers are kept")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    given = parser.parse_args(arguments)
    quick = given.quick
    return Options(
        events=given.events or (2_000 if quick else 10_000),
        deep=given.depth or (10_000 if quick else 100_000),
        databases=given.databases,
        rounds=given.rounds or (3 if quick else 7),
        seconds=0.1 if quick else 0.3,
        only=given.only,
        cache=given.cache,
        check=given.check,
        quick=quick,
        until=time.monotonic() + (QUICK_LIMIT_S if quick else LIMIT_S),
        load=round(os.getloadavg()[0], 1),
    )


def names(text: str) -> tuple[str, ...]:
    """A comma separated list of databases."""
    found = tuple(text.split(","))
    if unknown := set(found) - set(DIALECTS):
        message = f"not a database: {', '.join(sorted(unknown))}"
        raise argparse.ArgumentTypeError(message)
    return found
