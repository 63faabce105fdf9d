"""Keeps what a run came to in a folder, and tells what got slower since the run before.

A figure got slower if it is worse than the last by more than a tenth, and if the middle half of its rounds lies beyond
the middle half of the last run's: what two runs of the same code differ by is mostly less than that.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.report import in_markdown
from benchmarks.svg import draw
from benchmarks.targets import DIALECTS, ROWS

FOLDER = Path(__file__).parent / "results"
QUICK_FOLDER = FOLDER / "quick"
DATA, TABLE = "results.json", "README.md"
NOISE = 0.10


@dataclass(frozen=True, slots=True)
class Run:
    """A run: when, on what, how large its databases were, and what it came to.

    `load` is how many processes waited for a processor before it began.
    """

    date: str
    machine: str
    quick: bool
    events: int
    deep: int
    rounds: int
    load: float
    figures: tuple[Figure, ...]

    @property
    def size(self) -> tuple[bool, int, int]:
        """Only runs of one size can be compared."""
        return self.quick, self.events, self.deep

    def heading(self) -> str:
        """How it was made, in sentences."""
        how = "A quick run: few rounds and small databases, so its figures are rough. " if self.quick else ""
        return (
            f"{how}{self.date}, {self.machine}. {self.events:,} events, {self.deep:,} where a database is deep, "
            f"{self.rounds} rounds.{self.told_load()}"
        )

    def told_load(self) -> str:
        """That other work shared the machine, where it did."""
        busy = f" The machine was busy with other work (load {self.load:.0f}), so the figures are rough."
        return busy if self.load > 1 else ""


def now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"


def machine(postgresql: str) -> str:
    """Cores, processor and versions; `postgresql` is empty where the run had none."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    told = [
        f"{os.cpu_count()} cores of {models[0] if models else platform.machine()}",
        f"Python {platform.python_version()}",
        f"SQLite {sqlite3.sqlite_version}",
    ]
    return ", ".join([*told, f"PostgreSQL {postgresql}"] if postgresql else told)


def load(folder: Path) -> Run | None:
    """The last run that was kept there; None where there is none, or one of another form."""
    try:
        found = json.loads((folder / DATA).read_text(encoding="utf-8"))
        figures = tuple(Figure(**each) for each in found.pop("figures"))
        return Run(**found, figures=tuple(each for each in figures if each.row in ROWS))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def save(run: Run, folder: Path) -> None:
    """Write the figures, a Markdown table, and a picture for each path that has a figure."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    figures = [{**asdict(figure), "beside": dict(figure.beside)} for figure in run.figures]
    told = {name: getattr(run, name) for name in Run.__slots__ if name != "figures"}
    (folder / DATA).write_text(json.dumps({**told, "figures": figures}, indent=1) + "\n", encoding="utf-8")
    drawn = []
    for row in ROWS.values():
        some = [figure for figure in run.figures if figure.row == row.key and figure.value is not None]
        if some:
            (folder / f"{row.key}.svg").write_text(draw(row, some), encoding="utf-8")
            drawn.append(row)
    (folder / TABLE).write_text(in_markdown(run.heading(), run.figures, drawn), encoding="utf-8")


def slower(figures: Sequence[Figure], last: Sequence[Figure]) -> list[tuple[Figure, Figure]]:
    """The figures that got worse beyond noise, each with that of the last run."""
    before = {(figure.row, figure.database): figure for figure in last}
    pairs = [(figure, before.get((figure.row, figure.database))) for figure in figures]
    return [(figure, old) for figure, old in pairs if old is not None and is_worse(figure, old)]


def is_worse(new: Figure, old: Figure) -> bool:
    """By more than a tenth, and with the middle halves of the rounds apart."""
    if not (new.value and old.value):
        return False
    if new.of.at_most:
        return new.value > old.value * (1 + NOISE) and new.low > old.high
    return new.value < old.value * (1 - NOISE) and new.high < old.low


def in_order(figures: Sequence[Figure]) -> list[Figure]:
    """As the rows stand, SQLite first."""
    rows, databases = list(ROWS), ("", *DIALECTS)
    return sorted(figures, key=lambda each: (rows.index(each.row), databases.index(each.database)))
