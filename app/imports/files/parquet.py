"""Reads Parquet, where pyarrow is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.datasets.base import RejectedRow
from app.imports.files.file_error import FileError
from app.imports.files.rows import CellRow, TableReader

BATCH_ROWS = 1000


class ParquetReader(TableReader):
    """Reads the rows of a Parquet file; its header is its schema, and the line of a row its number."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open().close()

    def cells(self) -> Iterator[CellRow | RejectedRow]:
        import pyarrow as pa  # noqa: PLC0415 -- an optional part of the installation

        line = 1
        try:
            with self._open() as table:
                yield CellRow(0, table.schema_arrow.names)
                for batch in table.iter_batches(BATCH_ROWS):
                    columns = [[_read(value) for value in column.to_pylist()] for column in batch.columns]
                    for cells in zip(*columns, strict=True):
                        yield CellRow(line, cells)
                        line += 1
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _damaged(error) from None

    def _open(self) -> Any:
        try:
            import pyarrow as pa  # noqa: PLC0415 -- as above
            import pyarrow.parquet as pq  # noqa: PLC0415 -- as above
        except ImportError:
            raise FileError(
                "To read Parquet, install sitrep[parquet], which brings pyarrow, or save the file as CSV."
            ) from None
        try:
            return pq.ParquetFile(self._path)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _damaged(error) from None


def _read(value: Any) -> Any:
    return None if value == "" else value.decode(errors="replace") if isinstance(value, bytes) else value


def _damaged(error: Exception) -> FileError:
    reason = str(error).partition("\n")[0].rstrip(".")
    return FileError(f"The Parquet file is cut off or damaged ({reason}): fetch it again.")
