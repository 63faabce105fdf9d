"""Tells which dataset a file holds, in which layout, and whether its dates begin with the day or the month."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from app.datasets import Dataset, DateOrder, DetectedLayout, Layout, RejectedRow, datasets, detect
from app.imports.files import DataFile, FileError
from app.imports.files.encodings import TITLES

DAY_AND_MONTH = re.compile(r"\s*(\d{1,2})[-/.](\d{1,2})[-/.]\d{4}(?!\d)")
MAX_NAMED_COLUMNS = 6
MAX_DATES_SHOWN = 3


def identify(
    data_file: DataFile, dataset_name: str | None = None, known: Mapping[str, Dataset] | None = None
) -> DetectedLayout:
    """The dataset and layout of a file, found by its header or first rows, or the layout of the dataset that is named.

    Raises FileError where none fits, with the nearest and what it lacks; where two fit; and where the named does not.
    """
    every = datasets() if known is None else known
    if dataset_name is not None and dataset_name not in every:
        raise FileError(_unknown_dataset(dataset_name, every))
    wanted = list(every.values()) if dataset_name is None else [every[dataset_name]]
    first_rows = data_file.first_rows()
    if not first_rows:
        raise FileError("None of the first rows can be read.")
    found = detect(wanted, first_rows)
    if len(found) > 1:
        names = [fit.dataset.name for fit in found]
        raise FileError(
            f"{_join(names, 'and')} both have these columns: say which, as in `sitrep import {names[0]} FILE`."
        )
    if not found:
        raise FileError(_say_nearest(wanted, first_rows[0], named=dataset_name is not None))
    _refuse_repeated(found[0].layout, first_rows[0])
    return found[0]


def decide_date_order(data_file: DataFile, detected: DetectedLayout) -> DateOrder | None:
    """The order in which all dates of the file can be read; None where it makes no difference.

    Raises FileError where both would do, or where no order reads all of them.
    """
    columns = {name.casefold() for name in detected.dataset.date_columns}
    doubtful: list[str] = []
    proofs: dict[DateOrder, tuple[int, str]] = {}
    names: list[str] = []
    for row in data_file.rows(columns_of(detected.layout)) if columns else ():
        if isinstance(row, RejectedRow):
            continue
        names = names or [name for name in row.values if name.casefold() in columns]
        for name in names:
            value = row.values.get(name)
            if not isinstance(value, str) or (match := DAY_AND_MONTH.match(value)) is None:
                continue
            first, second = int(match[1]), int(match[2])
            if first > 12 >= second:
                proofs.setdefault("day-first", (row.line, value))
            elif second > 12 >= first:
                proofs.setdefault("month-first", (row.line, value))
            elif first != second and len(doubtful) < MAX_DATES_SHOWN and value not in doubtful:
                doubtful.append(value)
    if len(proofs) > 1:
        (day_line, day), (month_line, month) = proofs["day-first"], proofs["month-first"]
        raise FileError(
            f"The dates are of two orders ({day} in line {day_line}, {month} in line {month_line}): write them as "
            "YYYY-MM-DD, or say --date-order, which refuses the others."
        )
    if doubtful and not proofs:
        raise FileError(
            f"The dates can be read with the day or the month first ({', '.join(doubtful)}): say --date-order "
            "day-first or --date-order month-first."
        )
    return next(iter(proofs), None)


def columns_of(layout: Layout) -> tuple[str, ...] | None:
    """The columns that a file without a header has; None where the header tells."""
    return None if layout.has_header else layout.columns


def describe(data_file: DataFile, detected: DetectedLayout) -> list[str]:
    """What is to be told about how a file is read, in sentences: its encoding, columns missing or unknown, and more."""
    told = []
    if data_file.encoding not in {None, "utf-8"}:
        told.append(f"The text is {TITLES[str(data_file.encoding)]}.")
    if data_file.sheet is not None:
        told.append(f"The sheet that is read is {data_file.sheet}.")
    if detected.missing:
        told.append(f"Columns that are not there: {_some(detected.missing)}.")
    if detected.unknown:
        told.append(
            f"Columns that are not known go to `extra`: {_some([quote_name(name) for name in detected.unknown])}."
        )
    return told + detected.dataset.notes()


def _unknown_dataset(name: str, every: Iterable[str]) -> str:
    close = get_close_matches(name, list(every), 1)
    hint = f"did you mean {close[0]}" if close else "`sitrep datasets` lists them"
    return f"There is no dataset {name}; {hint}."


def _refuse_repeated(layout: Layout, header: Sequence[str]) -> None:
    """Raise FileError where a column that is read is there twice."""
    if not layout.has_header:
        return
    known = Counter(name.casefold() for name in layout.columns)
    there = Counter(cell.strip().casefold() for cell in header)
    for name in layout.columns:
        if there[name.casefold()] > known[name.casefold()]:
            raise FileError(f"The header names {name} twice: rename or delete one of them.")


def _say_nearest(wanted: Sequence[Dataset], header: Sequence[str], *, named: bool) -> str:
    cells = {cell.strip().casefold() for cell in header}

    def lacking(layout: Layout) -> list[str]:
        return [name for name in layout.columns if name in layout.required and name.casefold() not in cells]

    def common(choice: tuple[Dataset, Layout]) -> tuple[int, float]:
        names = {name.casefold() for name in choice[1].columns}
        return len(names & cells), len(names & cells) / len(names)

    choices = [(each, layout) for each in wanted for layout in each.layouts if layout.has_header and layout.required]
    nearest = max(choices, key=common, default=None)
    shown = _some([cell.strip() for cell in header if cell.strip()])
    if nearest is None or (not named and common(nearest)[0] < max(2, len(cells) / 2)):
        return (
            f"The first row ({shown}) is the header of no dataset: `sitrep datasets` shows what they have, and "
            "--map reads a layout of your own."
        )
    dataset, layout = nearest
    lacks = f"lacks {_some(lacking(layout))}"
    if named:
        return f"The file is not {dataset.title} {layout.version} ({dataset.name}): it {lacks}."
    return (
        f"The columns are of no dataset; the nearest is {dataset.title} {layout.version} ({dataset.name}), of which "
        f"the file {lacks}: --map reads a layout of your own."
    )


def quote_name(name: str) -> str:
    """A name of a column in quotation marks, as it may be a word of the sentence."""
    return f'"{name[:40]}"'


def _some(names: Sequence[Any]) -> str:
    """The first names, and how many more there are."""
    few = [str(name)[:40] for name in names[:MAX_NAMED_COLUMNS]]
    more = len(names) - len(few)
    return f"{', '.join(few)} and {more} more" if more else _join(few, "and")


def _join(words: Sequence[str], last: str) -> str:
    *first, end = words
    return f"{', '.join(first)} {last} {end}" if first else end
