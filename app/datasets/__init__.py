"""Datasets that can be imported: one module each, found by being there; from rows of a file to drafts of events."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.datasets.base import (
    Dataset,
    DateOrder,
    Draft,
    Layout,
    ReadOptions,
    Record,
    RejectedRow,
    Removal,
    RowError,
    Skipped,
    SourceRow,
)

__all__ = [
    "Dataset",
    "DateOrder",
    "DetectedLayout",
    "Draft",
    "Layout",
    "ReadOptions",
    "Record",
    "RejectedRow",
    "Removal",
    "RowError",
    "Skipped",
    "SourceRow",
    "datasets",
    "datasets_in",
    "detect",
]


@dataclass(frozen=True, slots=True)
class DetectedLayout:
    """The dataset and layout of a file, the layout's columns that it lacks, and those that it has beside them."""

    dataset: Dataset
    layout: Layout
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def datasets_in(path: Iterable[str], package: str) -> dict[str, Dataset]:
    """The datasets that the modules of a package define, by name. Raises TypeError where two have one name."""
    found: dict[str, Dataset] = {}
    for module in pkgutil.iter_modules(path):
        name = f"{package}.{module.name}"
        for member in vars(importlib.import_module(name)).values():
            if inspect.isclass(member) and issubclass(member, Dataset) and member.__module__ == name:
                if inspect.isabstract(member):
                    continue
                if member.name in found:
                    raise TypeError(f"There are two datasets called {member.name}.")
                found[member.name] = member()
    return found


def datasets() -> dict[str, Dataset]:
    """Every dataset by name."""
    return datasets_in(__path__, __name__)


def detect(known: Iterable[Dataset], first_rows: Sequence[Sequence[str]]) -> list[DetectedLayout]:
    """Every dataset and layout that the first rows of a file fit, the first of them its header or already data.

    Of one dataset the layout with the most columns in common is given.
    """
    found = []
    for dataset in known:
        fits = [fit for layout in dataset.layouts if (fit := _fit(dataset, layout, first_rows)) is not None]
        if fits:
            found.append(min(fits, key=lambda fit: len(fit.missing) + len(fit.unknown)))
    return found


def _fit(dataset: Dataset, layout: Layout, first_rows: Sequence[Sequence[str]]) -> DetectedLayout | None:
    if not first_rows:
        return None
    if not layout.has_header:
        fits = layout.recognises is not None and layout.recognises(first_rows)
        return DetectedLayout(dataset, layout) if fits and not _has_header_of(layout, first_rows) else None
    header = {cell.strip().casefold(): cell for cell in first_rows[0]}
    if not {name.casefold() for name in layout.required} <= header.keys():
        return None
    known = {name.casefold() for name in layout.columns}
    missing = tuple(name for name in layout.columns if name.casefold() not in header)
    unknown = tuple(cell for folded, cell in header.items() if folded not in known and folded)
    return DetectedLayout(dataset, layout, missing, unknown)


def _has_header_of(layout: Layout, first_rows: Sequence[Sequence[str]]) -> bool:
    """Whether one of the rows names columns of the layout, so that its order need not be that of the layout."""
    names = {name.casefold() for name in layout.columns}
    return any(2 * len(names & {cell.strip().casefold() for cell in row}) > len(names) for row in first_rows)
