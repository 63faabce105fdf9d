"""How rows are read whatever the form of the file, and tables with their header in particular."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from app.datasets.base import RejectedRow, SourceRow
from app.imports.files.file_error import FileError

MAX_SHOWN_CHARS = 200


class CellRow(NamedTuple):
    """One row of a table: the line it begins in, and its cells, None for an empty one."""

    line: int
    cells: Sequence[Any]


class RowReader(ABC):
    """Reads the rows of one file, from the beginning at each call, in constant memory."""

    @abstractmethod
    def rows(self, columns: Sequence[str] | None) -> Iterator[SourceRow | RejectedRow]:
        """Read the rows; `columns` names those of a table without a header."""

    @abstractmethod
    def first_rows(self, n: int) -> list[list[str]]:
        """Read the header, if there is one, and the next rows, as texts."""

    @abstractmethod
    def count(self) -> int:
        """Read it all once, to prove that it can be read, and count its rows, the header included."""


class TableReader(RowReader):
    """Reads rows of cells, the first of which may be a header."""

    @abstractmethod
    def cells(self) -> Iterator[CellRow | RejectedRow]:
        """Read the rows, those without any value left out."""

    def rows(self, columns: Sequence[str] | None) -> Iterator[SourceRow | RejectedRow]:
        rows = self.cells()
        names = name_columns(next(rows, None)) if columns is None else columns
        folded = [name.casefold() for name in names] if columns is None else []
        for row in rows:
            if isinstance(row, RejectedRow):
                yield row
            elif len(row.cells) != len(names):
                yield _ragged(row, len(names))
            elif folded[:1] == _folded(row.cells[:1]) and folded == _folded(row.cells):
                yield RejectedRow(row.line, "header", "The row repeats the header.", remedy="Delete the row.")
            else:
                yield SourceRow(row.line, dict(zip(names, row.cells, strict=True)))

    def first_rows(self, n: int) -> list[list[str]]:
        rows: list[list[str]] = []
        for row in self.cells():
            if len(rows) == n:
                break
            if not rows:
                name_columns(row)
            if isinstance(row, CellRow):
                rows.append([cell_text(cell) for cell in row.cells])
        return rows

    def count(self) -> int:
        """Count the rows; raises FileError where a second table begins."""
        number, header = 0, frozenset[str]()
        for row in self.cells():
            if isinstance(row, CellRow):
                if number == 0:
                    header = _header(row.cells)
                elif header and row.cells and cell_text(row.cells[0]).casefold().strip() in header:
                    _refuse_second_header(row, header)
            number += 1
        if number == 1 and header:
            raise FileError("The file has a header and no row below it.")
        return number


def cell_text(value: Any) -> str:
    """A cell as text, for looking at what a file holds."""
    return "" if value is None else value if isinstance(value, str) else str(value)


def name_columns(header: CellRow | RejectedRow | None) -> list[str]:
    """The names in a header; a column without one, or with that of an earlier one, is named by its number too."""
    if header is None:
        raise FileError("The file has no rows.")
    if isinstance(header, RejectedRow):
        raise FileError(f"The first row, in line {header.line}, cannot be read: {header.detail}")
    names: list[str] = []
    seen = {""}
    for number, cell in enumerate(header.cells, 1):
        name = cell_text(cell).strip()
        names.append(f"{name} column {number}".lstrip() if name.casefold() in seen else name)
        seen.add(name.casefold())
    return names


def show_row(values: Mapping[str, Any]) -> dict[str, str]:
    """A row's values as texts, for the file of refused rows."""
    return {name: cell_text(value) for name, value in values.items()}


def _ragged(row: CellRow, width: int) -> RejectedRow:
    """What is said of a row with too many or too few cells."""
    fault = "too many" if len(row.cells) > width else "too few"
    shown = ", ".join(cell_text(cell) for cell in row.cells)[:MAX_SHOWN_CHARS]
    return RejectedRow(
        row.line,
        "ragged",
        f"The row has {fault} cells: {len(row.cells)}, where there are {width} columns.",
        value=shown,
        remedy="Look for a delimiter or a line break in a cell that is not in quotes.",
    )


def _folded(cells: Sequence[Any]) -> list[str]:
    return [cell_text(cell).casefold().strip() for cell in cells]


def _header(cells: Sequence[Any]) -> frozenset[str]:
    """The names of a header; empty where the first row has numbers, so that it is none."""
    names = [cell for cell in _folded(cells) if cell]
    is_header = all(isinstance(cell, str | None) for cell in cells) and not any(_is_number(name) for name in names)
    return frozenset(names) if is_header else frozenset()


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).removeprefix("-").isdigit()


def _refuse_second_header(row: CellRow, header: frozenset[str]) -> None:
    """Raise FileError where a row is a header of other columns, as in two files that were joined."""
    cells = [cell for cell in _folded(row.cells) if cell]
    known = header.intersection(cells)
    if len(known) >= 3 and len(known) * 2 >= len(cells) and set(cells) != header:
        raise FileError(
            f"Line {row.line} is the header of a second table ({len(cells)} columns, where the first has "
            f"{len(header)}): split the file there."
        )
