"""Shows figures: on a terminal of 80 columns, and as a Markdown table."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from benchmarks.figures import Figure, shortened
from benchmarks.targets import Row

WIDTH = 80
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "": "-"}
LEGEND = """\
A figure is the median over the rounds of a ratio within a round. "/ bare" is
processor time of a bare ASGI app that sends the same bytes in parts of
Sitrep's: 1 is a request that costs nothing more. Processor time is that of the
server and of its PostgreSQL backends. "plain" is the plain SQLModel way."""
HEADS = ("path", "database", "Sitrep", "unit", "plain way", "peers", "target", "moonshot", "verdict", "remark")


def on_terminal(figures: Sequence[Figure]) -> str:
    """Each path with a line for each database, remarks beneath."""
    blocks = []
    for row, some in groupby(figures, key=lambda figure: figure.of):
        lines = [f"{row.path}  ({row.unit})"]
        for figure in some:
            lines += [line_of(row, figure), *wrapped(beneath(figure))]
        blocks.append("\n".join(lines))
    return "\n".join([*blocks, "", LEGEND, "", totals(figures)])


def line_of(row: Row, figure: Figure) -> str:
    """A database's figure with what is wanted and what it comes to."""
    least = "<=" if row.at_most else ">="
    target, moonshot = row.target_of(figure.database), row.moonshot_of(figure.database)
    told = "" if target is None else f"target {least} {shortened(target)}"
    more = "" if moonshot is None else f"moonshot {shortened(moonshot)}"
    name = DATABASES[figure.database]
    return f"  {name:<11} {shortened(figure.value):>8}  {told:<16} {more:<14} {figure.verdict}".rstrip()


def beneath(figure: Figure) -> str:
    """What others come to, and the remark."""
    others = ", ".join(f"{name} {shortened(value)}" for name, value in figure.beside.items())
    return "; ".join(filter(None, (others, figure.remark)))


def wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=" " * 14, subsequent_indent=" " * 14)


def totals(figures: Sequence[Figure]) -> str:
    """How many figures there are of each verdict."""
    counted = Counter(figure.verdict for figure in figures)
    return ", ".join(f"{counted[name]} {name}" for name in ("moonshot", "met", "missed", "not measured")) + "."


def told_slower(pairs: Sequence[tuple[Figure, Figure]], date: str) -> str:
    """A line for each figure that got worse since the last run."""
    if not pairs:
        return f"Nothing got slower than in the last run ({date}) by more than a tenth and beyond the rounds' spread."
    lines = [f"Slower than in the last run ({date}), by more than a tenth and beyond the rounds' spread:"]
    for new, old in pairs:
        name = f"{new.of.path}, {DATABASES[new.database]}".removesuffix(", -")
        lines.append(f"  {name}: {shortened(old.value)} -> {shortened(new.value)}")
    return "\n".join(lines)


def in_markdown(heading: str, figures: Sequence[Figure], drawn: Sequence[Row]) -> str:
    """The page of results: how they were made, a table, and the pictures."""
    rows = [cells(figure) for figure in figures]
    lines = ["# Results", "", heading, "", f"{totals(figures)} [How it is measured](../../docs/benchmarks.md).", ""]
    lines += [f"| {' | '.join(row)} |" for row in (HEADS, ("---",) * len(HEADS), *rows)]
    lines += ["", *(f"![{row.path}]({row.key}.svg)\n" for row in drawn)]
    return "\n".join(lines).rstrip() + "\n"


def cells(figure: Figure) -> tuple[str, ...]:
    """A figure as the Markdown table shows it."""
    row, database = figure.of, figure.database
    least = "≤" if row.at_most else "≥"
    target, moonshot = row.target_of(database), row.moonshot_of(database)
    plain = figure.beside.get("plain")
    peers = ", ".join(f"{name} {shortened(value)}" for name, value in figure.beside.items() if name != "plain")
    return (
        row.path,
        DATABASES[database],
        shortened(figure.value),
        row.unit,
        "" if plain is None else shortened(plain),
        peers,
        "" if target is None else f"{least} {shortened(target)}",
        "" if moonshot is None else f"{least} {shortened(moonshot)}",
        f"**{figure.verdict}**" if figure.verdict == "missed" else figure.verdict,
        figure.remark.replace("|", "/"),
    )
