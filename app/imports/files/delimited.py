"""Reads CSV and TSV, and goes on after a row that cannot be read."""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from typing import TextIO

from app.datasets.base import RejectedRow
from app.imports.files.encodings import OpenBytes
from app.imports.files.file_error import MAX_CELL_CHARS, MAX_RECORD_BYTES, FileError
from app.imports.files.rows import MAX_SHOWN_CHARS, CellRow, TableReader

DELIMITERS = (",", "\t", ";")
DECLARED = re.compile(r"sep=(.)\r?\n")  # as Excel writes it above the header

csv.field_size_limit(MAX_CELL_CHARS)  # of the whole process, and larger than Python's own limit


class DelimitedReader(TableReader):
    """Reads a text of cells that a comma, a tab or a semicolon parts."""

    def __init__(self, open_bytes: OpenBytes, encoding: str) -> None:
        self._open_bytes, self._encoding = open_bytes, encoding
        self._first_line = 0
        with self._open_text() as text:
            if declared := DECLARED.fullmatch(text.readline(16)):
                self._first_line = 1
        self.delimiter = declared[1] if declared else self._detect_delimiter()

    def cells(self) -> Iterator[CellRow | RejectedRow]:
        yield from self._split(self.delimiter)

    def _open_text(self) -> TextIO:
        text = io.TextIOWrapper(self._open_bytes(), self._encoding, newline="")
        for _ in range(self._first_line):
            text.readline()
        return text

    def _detect_delimiter(self) -> str:
        """The delimiter that makes the most cells of the first row."""
        widths = {}
        for each in DELIMITERS:
            row = next(self._split(each), None)
            widths[each] = len(row.cells) if isinstance(row, CellRow) else 0
        return max(DELIMITERS, key=widths.__getitem__)

    def _split(self, delimiter: str) -> Iterator[CellRow | RejectedRow]:
        with self._open_text() as text:
            lines = _Lines(text, self._first_line)
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            while True:
                lines.begin()
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield _unreadable(lines.first, lines.taken, str(error))
                    lines.go_back()
                    continue
                if any(cells):
                    yield CellRow(lines.first, [cell or None for cell in cells])


class _Lines:
    """Gives lines to the CSV reader, and can give those again that a lone quote had swallowed."""

    def __init__(self, text: TextIO, number: int) -> None:
        self._text, self._number = text, number
        self._again: deque[str] = deque()
        self.taken: list[str] = []
        self.first = number + 1

    def begin(self) -> None:
        """Begin the next row."""
        self.taken.clear()
        self._size = 0
        self.first = self._number + 1

    def go_back(self) -> None:
        """Give the lines after the first of this row again."""
        self._again.extendleft(reversed(self.taken[1:]))
        self._number = self.first

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._text.readline(MAX_RECORD_BYTES + 1)
        if not line:
            raise StopIteration
        if len(line) > MAX_RECORD_BYTES:
            raise FileError(f"Line {self._number + 1} is longer than 8 MiB, as no row of a table is.")
        self._number += 1
        self._size += len(line)
        self.taken.append(line)
        if self._size > MAX_RECORD_BYTES:
            raise csv.Error("row larger than limit")
        return line


def _unreadable(line: int, taken: list[str], reason: str) -> RejectedRow:
    shown = taken[0][:MAX_SHOWN_CHARS].rstrip("\r\n") if taken else None
    if "limit" in reason and len(taken) == 1:
        return RejectedRow(
            line,
            "huge",
            "The row has a cell of more than 1 MiB.",
            value=shown,
            remedy="Shorten the text of the cell.",
        )
    return RejectedRow(
        line,
        "quote",
        "A cell begins with a quote that does not end where the cell does.",
        value=shown,
        remedy='End the cell with a quote, and write a quote within it twice: "".',
    )
