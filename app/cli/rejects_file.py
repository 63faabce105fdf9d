"""The file of refused rows: where each is, what it holds, why it was refused, and what would do."""

from __future__ import annotations

import csv
import json
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

import typer

if TYPE_CHECKING:  # `sitrep --help` loads nothing of the service
    from app.datasets import DetectedLayout, SourceRow
    from app.imports.files import DataFile
    from app.imports.report import RowProblem

FIELDS = ("line", "column", "value", "code", "detail", "remedy", "row")
SUFFIXES = (".csv", ".ndjson", ".jsonl")


class RejectsFile:
    """Keeps the refusals aside while an import runs, and writes them in the order of the file when it ends.

    The rows themselves are read once more then. Where several records begin in one line, the row is left out.
    """

    def __init__(self, path: Path, data_file: DataFile, detected: DetectedLayout) -> None:
        """Begin the file, so that one that cannot be written is told before anything is imported."""
        if path.suffix not in SUFFIXES:
            raise typer.BadParameter(f"{path} ends neither in .csv nor in .ndjson.", param_hint="--rejects")
        if data_file.is_at(path):
            raise typer.BadParameter("that is the file to be imported.", param_hint="--rejects")
        self._data_file, self._detected = data_file, detected
        self._is_csv = path.suffix == ".csv"
        try:
            self._file = path.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise typer.BadParameter(f"{path}: {error.strerror}.", param_hint="--rejects") from None
        self._aside: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 (closed in __exit__)
        self._places: list[tuple[int, int]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file, self._aside:
            self._write()

    def add(self, problem: RowProblem) -> None:
        """Keep a refusal; a flag is none."""
        if problem.flag is None:
            self._places.append((problem.line, self._aside.tell()))
            told = {name: getattr(problem, name) for name in FIELDS[:-1]}
            self._aside.write(json.dumps(told) + "\n")

    def _write(self) -> None:
        writer = csv.DictWriter(self._file, FIELDS)
        if self._is_csv:
            writer.writeheader()
        rows = Rows(self._data_file, self._detected)
        for line, place in sorted(self._places):
            self._aside.seek(place)
            told: dict[str, Any] = json.loads(self._aside.readline())
            row = rows.at(line)
            if self._is_csv:
                writer.writerow({**told, "row": None if row is None else json.dumps(row, ensure_ascii=False)})
            else:
                self._file.write(json.dumps({**told, "row": row}, ensure_ascii=False) + "\n")


class Rows:
    """Finds rows by their lines, which are asked for in order."""

    def __init__(self, data_file: DataFile, detected: DetectedLayout) -> None:
        """Begin at the top of the file."""
        from app.datasets import SourceRow
        from app.imports.detection import columns_of

        self._rows = (row for row in data_file.rows(columns_of(detected.layout)) if isinstance(row, SourceRow))
        self._ahead = self._read()
        self._line = 0
        self._found: list[SourceRow] = []

    def at(self, line: int) -> dict[str, Any] | None:
        """The row of that line as JSON has it; None where it cannot be read or is not the only one."""
        if line != self._line:
            self._found, self._line = [], line
            while self._ahead is not None and self._ahead.line <= line:
                if self._ahead.line == line and len(self._found) < 2:
                    self._found.append(self._ahead)
                self._ahead = self._read()
        import orjson

        if len(self._found) != 1:
            return None
        return dict(orjson.loads(orjson.dumps(self._found[0].values, default=str)))

    def _read(self) -> SourceRow | None:
        """The next row; None at the end, also of a file that is cut off there."""
        from app.imports.files import FileError

        with suppress(FileError):
            return next(self._rows, None)
        return None
