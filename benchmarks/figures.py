"""A figure: what came of a row on one database, with how far its rounds lie apart and what others came to beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles

from benchmarks.targets import ROWS, Row, Verdict


@dataclass(frozen=True, slots=True)
class Figure:
    """The median of the rounds and the quartiles around it; no value where `remark` says why there is none.

    `beside` holds what others come to in the same unit, by their names: `plain`, and the peers. `database` is empty
    for what has none.
    """

    row: str
    database: str
    value: float | None
    low: float = 0.0
    high: float = 0.0
    beside: Mapping[str, float] = field(default_factory=dict)
    remark: str = ""

    @property
    def of(self) -> Row:
        return ROWS[self.row]

    @property
    def verdict(self) -> Verdict:
        return self.of.verdict(self.database, self.value)


def figure(
    row: str, database: str, rounds: Sequence[float], beside: Mapping[str, float] | None = None, remark: str = ""
) -> Figure:
    """The figure of these rounds."""
    low, high = (min(rounds), max(rounds)) if len(rounds) < 4 else quantiles(rounds, n=4)[::2]
    return Figure(row, database, median(rounds), low, high, beside or {}, remark)


def worst(row: str, database: str, cases: Mapping[str, Sequence[float]], remark: str = "") -> Figure:
    """The figure of the case that comes to least; the remark names what each comes to."""
    medians = {name: median(rounds) for name, rounds in cases.items()}
    choose = max if ROWS[row].at_most else min
    name = choose(medians, key=lambda case: medians[case])
    told = "; ".join(f"{case} {shortened(value)}" for case, value in medians.items())
    return figure(row, database, cases[name], remark=f"{told}{'. ' if remark else ''}{remark}")


def missing(row: str, database: str, why: str) -> Figure:
    """There is no figure, and that is why."""
    return Figure(row, database, None, remark=why)


def shortened(value: float | None) -> str:
    """Three digits that count, at most two of them behind the point where it is above 0.1."""
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"
