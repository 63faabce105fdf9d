"""The cells of one row: texts, numbers, dates and times, lists and Python reprs, read or refused with what would do."""

from __future__ import annotations

from datetime import date, tzinfo
from functools import lru_cache
from typing import Any

from app.datasets.base import DateOrder, RowError, SourceRow
from app.datasets.cells.extras import clean, fit_extra
from app.datasets.cells.times import Moment, read_day, read_moment
from app.datasets.cells.values import (
    MAX_LINE_LENGTH,
    as_json,
    as_text,
    decode,
    is_missing,
    read_literal,
    read_number,
    read_whole,
    shorten,
    slug,
    slugs,
    split_list,
)

__all__ = [
    "MAX_LINE_LENGTH",
    "Cells",
    "Moment",
    "as_json",
    "as_text",
    "clean",
    "decode",
    "fit_extra",
    "is_missing",
    "read_day",
    "read_literal",
    "read_moment",
    "read_number",
    "read_whole",
    "shorten",
    "slug",
    "slugs",
    "split_list",
]


@lru_cache(256)
def _fold_names(names: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, str]]:
    """The names of a file's columns without their case, and as they were by these."""
    folded = tuple(name.casefold().strip() for name in names)
    return folded, dict(zip(folded, names, strict=True))


class Cells:
    """The cells of one row by column, whatever the case of its name; tells afterwards which were not read.

    `date_order` says how `1/2/2015` is meant; None where only one order can be meant.
    """

    def __init__(self, row: SourceRow, date_order: DateOrder | None = None) -> None:
        self.line = row.line
        self._date_order = date_order
        folded, self._names = _fold_names(tuple(row.values))
        self._cells = dict(zip(folded, row.values.values(), strict=True))
        self._read: set[str] = set()
        self._left: set[str] = set()

    def __contains__(self, column: str) -> bool:
        """Whether the file has the column."""
        return column.casefold() in self._cells

    def _cell(self, column: str) -> Any:
        name = column if column in self._cells else column.casefold()
        self._read.add(name)
        return self._cells.get(name)

    def raw(self, column: str) -> Any:
        """The value as it is, None where it is missing: empty, `NA`, `NULL`, `NaN`."""
        value = self._cell(column)
        return None if is_missing(value) else value

    def text(self, column: str) -> str | None:
        """The text without white space at its ends; a number or date of a typed file as text."""
        value = self.raw(column)
        return None if value is None else as_text(value)

    def required(self, column: str) -> str:
        """The text, refused where it is missing."""
        value = self.text(column)
        if value is None:
            raise RowError(
                "missing", f"The column {column} is empty.", column=column, remedy=f"Fill in the column {column}."
            )
        return value

    def line_of(self, column: str) -> str | None:
        """The text on one line of at most 300 characters, as names and titles are."""
        value = self.text(column)
        return None if value is None else shorten(value)

    def whole(self, column: str) -> int | None:
        """A whole number, also as `810.0`."""
        return read_whole(self._cell(column), column)

    def number(self, column: str) -> float | None:
        """A number with a decimal point."""
        return read_number(self._cell(column), column)

    def day(self, column: str) -> date | None:
        """A date; its time of day, if any, is left out."""
        value = self.raw(column)
        return None if value is None else read_day(value, column, self._date_order)

    def moment(self, column: str, zone: tzinfo) -> Moment | None:
        """A day, or a time of day in the zone or with an offset of its own."""
        value = self.raw(column)
        return None if value is None else read_moment(value, column, zone, self._date_order)

    def listed(self, column: str, separator: str = ";") -> list[str]:
        """The parts of a list, empty ones left out."""
        value = self.text(column)
        return [] if value is None else split_list(value, separator)

    def literal(self, column: str) -> Any:
        """A Python repr (or JSON) of a dictionary or list."""
        value = self.raw(column)
        return read_literal(value, column) if isinstance(value, str) else value

    def literal_or_text(self, column: str) -> Any:
        """The dictionary or list; its text where a quote or bracket is missing, as happens where lists are typed."""
        try:
            return self.literal(column)
        except RowError:
            return self.text(column)

    def keep(self, *columns: str) -> dict[str, Any]:
        """The values of those columns that have one, by their names in the file, for `extra`."""
        found = {}
        for column in columns:
            value = self.raw(column)
            if value is not None:
                found[self._names[column.casefold()]] = as_json(value)
        return found

    def leave(self, *columns: str) -> None:
        """Count those columns among the rest although they were read: their text has more than went elsewhere."""
        self._left.update(column.casefold() for column in columns)

    def rest(self) -> dict[str, Any]:
        """The values of all columns that were not read, for `extra`: also those that the layout does not know."""
        return {
            self._names[name]: as_json(value)
            for name, value in self._cells.items()
            if (name not in self._read or name in self._left) and name and not is_missing(value)
        }
