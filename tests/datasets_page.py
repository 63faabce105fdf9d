"""Writes the list of datasets as a page: `python tests/datasets_page.py` prints it, `--write` puts it into docs/."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.datasets import describe_layout, facts
from app.datasets import datasets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.datasets import Dataset

PAGE = Path(__file__).parents[1] / "docs" / "datasets.md"
BEGIN, END = "<!-- datasets -->", "<!-- /datasets -->"


def section(dataset: Dataset) -> Iterator[str]:
    """A dataset: what its file says of it, its terms, and the columns of its layouts."""
    module = sys.modules[type(dataset).__module__]
    yield f"## `{dataset.name}`\n"
    yield f"**{dataset.title}.** {' '.join((inspect.getdoc(module) or '').partition(chr(10) * 2)[0].split())}\n"
    yield "| | |\n|---|---|"
    ids = "kept as they are" if dataset.is_restore else f"of the system `{dataset.system}`"
    for name, text in {**facts(dataset), "ids": ids}.items():
        yield f"| {name} | {text} |"
    for layout in dataset.layouts:
        columns = ", ".join(f"**`{name}`**" if name in layout.required else f"`{name}`" for name in layout.columns)
        yield f"\nLayout {describe_layout(layout)}: {columns}"
    yield ""


def listed() -> str:
    """All datasets, by name."""
    return "\n".join(line for _, dataset in sorted(datasets().items()) for line in section(dataset))


def main() -> None:
    """Print the list, or with --write put it into docs/datasets.md."""
    if "--write" not in sys.argv:
        print(listed())  # noqa: T201
        return
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{listed()}{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
