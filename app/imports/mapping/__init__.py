"""Layouts of one's own: a TOML file that says which column of a table is which field of an event."""

from __future__ import annotations

from pathlib import Path

from app.datasets import Layout, datasets
from app.imports.mapping.dataset import MappedDataset, mapped_dataset
from app.imports.mapping.file import map_mistakes, read_file
from app.imports.mapping.plan import MapReading
from app.imports.mapping.values import folded

__all__ = ["MappedDataset", "read_map"]


def read_map(path: Path) -> MappedDataset:
    """The dataset that a TOML file describes. Raises Invalid with a sentence for each mistake in the file."""
    table = read_file(path)
    reading = MapReading(table)
    plan = reading.plan()
    name = table.name or "_".join(folded(path.stem).split())
    if name in datasets():
        reading.mistakes.append(f'`name`: "{name}" is a dataset already; give the layout another name.')
    if reading.mistakes:
        raise map_mistakes(path, reading.mistakes)
    named = dict.fromkeys([*plan.keys, *(column for source in plan.sources for column in source.columns)])
    return mapped_dataset(
        plan,
        Layout(table.version, tuple(dict.fromkeys([*named, *table.ignore])), frozenset(named), table.snapshot),
        name=name,
        system=table.system,
        title=table.title or path.stem,
        publisher=table.publisher,
        url=table.url,
        licence=table.licence,
        citation=table.citation,
    )
