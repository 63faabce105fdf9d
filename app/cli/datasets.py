"""`sitrep datasets`: what can be imported, in which layouts, on which terms, and how it is cited."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:  # `sitrep --help` loads nothing of the service
    from app.datasets import Dataset, Layout

WIDTH = 80
INDENT = 12


def datasets() -> None:
    """List what can be imported, with licence and citation.

    A table of your own comes in by a layout in TOML: docs/own-layouts.md.
    """
    from app.datasets import datasets as find_datasets

    typer.echo("\n\n".join("\n".join(describe(dataset)) for _, dataset in sorted(find_datasets().items())))


def describe(dataset: Dataset) -> Iterator[str]:
    """A dataset in lines of at most 80 characters, unless a word is longer."""
    yield from textwrap.wrap(f"{dataset.name}: {dataset.title}", WIDTH, subsequent_indent="  ")
    for name, text in facts(dataset).items():
        yield from entry(name, text)
    for n, layout in enumerate(dataset.layouts):
        yield from entry("" if n else "layouts", describe_layout(layout))


def facts(dataset: Dataset) -> dict[str, str]:
    """Who publishes the dataset, on which terms, and how it is cited."""
    found = {
        "publisher": dataset.publisher,
        "address": dataset.url,
        "licence": dataset.licence,
        "cite as": dataset.citation,
    }
    return {name: text for name, text in found.items() if text}


def describe_layout(layout: Layout) -> str:
    """A layout in a phrase: `25.1, 49 columns`."""
    header = "" if layout.has_header else ", no header"
    whole = ", each file the whole dataset" if layout.snapshot else ""
    return f"{layout.version}, {len(layout.columns)} columns{header}{whole}"


def entry(name: str, text: str) -> list[str]:
    """The text beside its name, broken into lines."""
    start = f"  {name}".ljust(INDENT)
    lines = textwrap.wrap(
        text,
        WIDTH,
        initial_indent=start,
        subsequent_indent=" " * INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines or [start.rstrip()]
