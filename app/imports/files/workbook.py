"""Reads Excel workbooks: the first sheet with rows, the values that formulas had when it was saved."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from app.datasets.base import RejectedRow
from app.imports.files.decompression import DAMAGE
from app.imports.files.file_error import MAX_SHEET_BYTES, MIB, FileError
from app.imports.files.rows import CellRow, TableReader


class WorkbookReader(TableReader):
    """Reads the rows of one sheet, which is held in memory; `sheet` is its name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        _prove(path)
        self.sheet = self._first_sheet()

    def cells(self) -> Iterator[CellRow | RejectedRow]:
        with self._path.open("rb") as stream:
            try:
                rows = CalamineWorkbook.from_filelike(stream).get_sheet_by_name(self.sheet).iter_rows()
                for line, row in enumerate(rows, 1):
                    cells = [_read(cell) for cell in row]
                    if any(cell is not None for cell in cells):
                        yield CellRow(line, cells)
            except CalamineError as error:
                raise _damaged(error) from None

    def _first_sheet(self) -> str:
        with self._path.open("rb") as stream:
            try:
                workbook = CalamineWorkbook.from_filelike(stream)
                for name in workbook.sheet_names:
                    if workbook.get_sheet_by_name(name).end is not None:
                        return name
            except CalamineError as error:
                raise _damaged(error) from None
        raise FileError("The workbook has no rows in any sheet.")


def _read(cell: Any) -> Any:
    """A value; Excel has no whole numbers, so that 2013 comes as 2013.0."""
    if cell == "":
        return None
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell


def _damaged(error: Exception) -> FileError:
    return FileError(f"The workbook is damaged ({str(error).partition(chr(10))[0].rstrip('.')}): save it again.")


def _prove(path: Path) -> None:
    """Unpack every part once, within bounds; raises FileError."""
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.file_size > MAX_SHEET_BYTES:
                    raise FileError(
                        "The workbook has a sheet of more than 128 MiB, too large to be read in little memory: "
                        "save it as CSV."
                    )
                with archive.open(info) as part:
                    while part.read(MIB):
                        pass
    except (*DAMAGE, RuntimeError, EOFError, OSError) as error:
        raise _damaged(error) from None
