"""Opens a file of rows, whatever its form, packing and encoding, and proves that it can be read to its end."""

from __future__ import annotations

import hashlib
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NoReturn, Self

from app.datasets.base import RejectedRow, SourceRow
from app.imports.files.content import PARQUET, Form, is_json, refuse_foreign
from app.imports.files.decompression import Compression, detect_compression, is_workbook, open_unpacked
from app.imports.files.delimited import DelimitedReader
from app.imports.files.encodings import HEAD_BYTES, detect_encoding
from app.imports.files.file_error import MAX_EXPANDED_BYTES, MIB, FileError
from app.imports.files.json_rows import JsonReader
from app.imports.files.parquet import ParquetReader
from app.imports.files.rows import RowReader, TableReader
from app.imports.files.workbook import WorkbookReader


class DataFile:
    """A file of rows that was read once to its end; `sha256` and `size` are of the file as it was given.

    `encoding` is a Python codec's name, None where the file is no text; `sheet` the sheet of a workbook that is read.
    Reading blocks: on an event loop it belongs on a thread.
    """

    def __init__(self, name: str, path: Path, temporary: list[Path]) -> None:
        self.name, self._path, self._temporary = name, path, temporary
        self.compression: Compression | None = None
        self.encoding: str | None = None
        self.sheet: str | None = None
        self._stamp = _stamp(path)
        self.size = self._stamp[0]
        self.sha256 = _hash(path)
        self.form, self._reader = self._open_reader()
        self._count = self._reader.count()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove what was kept beside the file."""
        for path in self._temporary:
            path.unlink(missing_ok=True)

    def first_rows(self, n: int = 20) -> list[list[str]]:
        """The first rows as texts: the header, if there is one; of JSON the names that its first objects have."""
        return self._reader.first_rows(n)

    def rows(self, columns: Sequence[str] | None = None) -> Iterator[SourceRow | RejectedRow]:
        """Read the rows from the beginning; `columns` names those of a table without a header.

        A row that cannot be read is a `Refused`. Raises FileError where the file changed after it was opened.
        """
        yield from self._reader.rows(columns)
        if _stamp(self._path) != self._stamp:
            raise FileError(f"{self.name} changed while it was read: import it again when it is complete.")

    def count_rows(self, *, has_header: bool) -> int:
        """How many rows there are, those that cannot be read among them."""
        return self._count - (has_header and isinstance(self._reader, TableReader))

    def is_at(self, path: Path) -> bool:
        """Whether the file lies at that path."""
        return path.exists() and path.samefile(self._path)

    def _open_reader(self) -> tuple[Form, RowReader]:
        with self._path.open("rb") as stream:
            packed_head = stream.read(HEAD_BYTES)
        if not packed_head:
            raise FileError(f"{self.name} is empty.")
        self.compression = detect_compression(packed_head)
        if self.compression == "zip" and is_workbook(self._path):
            self.compression = None
            return self._open_workbook(self._path)
        with self._open_bytes() as stream:
            head = stream.read(HEAD_BYTES)
        if not head:
            raise FileError(f"{self.name} holds an empty file.")
        if head.startswith(PARQUET):
            return "parquet", ParquetReader(self._unpacked_path())
        if self.compression is not None and detect_compression(head) == "zip" and is_workbook(self._unpacked_path()):
            return self._open_workbook(self._unpacked_path())
        refuse_foreign(head)
        self.encoding = detect_encoding(self._open_bytes)
        if is_json(head.decode(self.encoding, errors="ignore")):
            json_reader = JsonReader(self._open_bytes, self.encoding)
            return json_reader.form, json_reader
        reader = DelimitedReader(self._open_bytes, self.encoding)
        return "tsv" if reader.delimiter == "\t" else "csv", reader

    def _open_bytes(self) -> BinaryIO:
        return open_unpacked(self._path, self.compression)

    def _open_workbook(self, path: Path) -> tuple[Form, RowReader]:
        reader = WorkbookReader(path)
        self.sheet = reader.sheet
        return "xlsx", reader

    def _unpacked_path(self) -> Path:
        """Where a file lies that is read here and there, as Parquet and workbooks are."""
        if self.compression is None:
            return self._path
        if self._path in self._temporary[-1:] or not self._temporary:
            with self._open_bytes() as stream:
                self._temporary.append(spool(_pieces(stream)))
        return self._temporary[-1]


def open_file(path_or_stream: str | Path | BinaryIO, name: str | None = None) -> DataFile:
    """Open a file for reading its rows; a stream is copied into a temporary file first, so that it can be read again.

    Raises FileError for what is not what it seems. To be closed, or used as a context manager.
    """
    try:
        if not isinstance(path_or_stream, str | Path):
            return open_pieces(_pieces(path_or_stream), name or "stdin")
        path = Path(path_or_stream)
        if stat.S_ISFIFO(_mode(path)):
            with path.open("rb") as stream:
                return open_pieces(_pieces(stream), name or path.name)
        return _open_path(path, name or path.name, [])
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FileError(f"{name or path_or_stream} cannot be read: {reason}.") from None


def open_pieces(pieces: Iterable[bytes], name: str) -> DataFile:
    """Copy bytes into a temporary file, and open that."""
    path = spool(pieces)
    return _open_path(path, name, [path])


def spool(pieces: Iterable[bytes]) -> Path:
    """Copy bytes into a temporary file, which is the caller's to remove."""
    with tempfile.NamedTemporaryFile(prefix="sitrep-", delete=False) as file:
        try:
            for piece in pieces:
                file.write(piece)
                if file.tell() > MAX_EXPANDED_BYTES:
                    _refuse_endless()
        except BaseException:
            Path(file.name).unlink()
            raise
    return Path(file.name)


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    while piece := stream.read(MIB):
        yield piece


def _refuse_endless() -> NoReturn:
    raise FileError("What is to be read has more than 32 GiB: split it.")


def _open_path(path: Path, name: str, temporary: list[Path]) -> DataFile:
    try:
        return DataFile(name, path, temporary)
    except BaseException:
        _remove(temporary)
        raise


def _remove(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _mode(path: Path) -> int:
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise FileError(f"{path} is a directory: name one file in it.")
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        raise FileError(f"{path} is a device or socket, not a file.")
    return mode


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
