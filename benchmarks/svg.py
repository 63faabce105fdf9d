"""Draws a row's figures as bars, with lines for target and moonshot; readable on light and on dark ground."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from benchmarks.figures import Figure, shortened
from benchmarks.targets import Row

WIDTH, LEFT, RIGHT, TOP, STEP, BAR = 640, 190, 70, 46, 22, 14
ROOM = WIDTH - LEFT - RIGHT
STYLE = """\
<style>
text { font: 12px system-ui, sans-serif; fill: #24292f; }
.title { font-weight: 600; font-size: 14px; }
.quiet { fill: #57606a; }
.sitrep { fill: #0969da; }
.other { fill: #8c959f; }
line { stroke: #cf222e; stroke-width: 1.5; }
.moonshot { stroke: #8250df; stroke-dasharray: 4 3; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.quiet { fill: #9da7b1; }
.sitrep { fill: #58a6ff; }
.other { fill: #6e7681; }
line { stroke: #ff7b72; }
.moonshot { stroke: #d2a8ff; }
}
</style>"""
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "": ""}


def draw(row: Row, figures: Sequence[Figure]) -> str:
    """An SVG picture; figures without a value are left out."""
    bars = [bar for figure in figures if figure.value is not None for bar in bars_of(figure)]
    wanted = [number for figure in figures for number in wanted_of(row, figure)]
    most = max([value for _, value, _ in bars] + wanted) or 1.0
    height = TOP + STEP * len(bars) + 14
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">',
        f"<title>{escape(row.path)}</title>",
        STYLE,
        f'<text class="title" x="8" y="18">{escape(row.path)}</text>',
        f'<text class="quiet" x="8" y="35">{escape(legend(row))}</text>',
    ]
    for n, (name, value, is_ours) in enumerate(bars):
        y = TOP + STEP * n
        width = max(value / most * ROOM, 1.0)
        parts += [
            f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="{"sitrep" if is_ours else "other"}" x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}"/>',
            f'<text class="quiet" x="{LEFT + width + 6:.1f}" y="{y + 12}">{shortened(value)}</text>',
        ]
    parts += lines(row, figures, most)
    return "\n".join([*parts, "</svg>"]) + "\n"


def bars_of(figure: Figure) -> list[tuple[str, float, bool]]:
    """Sitrep's bar and those of others: a name, a length, and whether it is ours."""
    database = NAMES[figure.database]
    others = [(f"{name}, {database}".removesuffix(", "), value, False) for name, value in figure.beside.items()]
    return [(f"Sitrep, {database}".removesuffix(", "), figure.value or 0.0, True), *others]


def wanted_of(row: Row, figure: Figure) -> list[float]:
    found = (row.target_of(figure.database), row.moonshot_of(figure.database))
    return [number for number in found if number is not None]


def legend(row: Row) -> str:
    """What the bars count, which way is better, and what the lines are."""
    better = "lower is better" if row.at_most else "higher is better"
    marked = "" if row.target is None else "; solid line: target"
    return f"{row.unit}, {better}{marked}" + ("" if row.moonshot is None else ", dashed: moonshot")


def lines(row: Row, figures: Sequence[Figure], most: float) -> list[str]:
    """Target and moonshot over the bars of each database."""
    found, y = [], TOP
    for figure in figures:
        if figure.value is None:
            continue
        end = y + STEP * len(bars_of(figure))
        wanted = (("target", row.target_of(figure.database)), ("moonshot", row.moonshot_of(figure.database)))
        for name, number in wanted:
            if number is not None:
                x = LEFT + number / most * ROOM
                found.append(f'<line class="{name}" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 4}" y2="{end - 4}"/>')
        y = end
    return found
