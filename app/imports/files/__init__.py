"""Files of rows: CSV, TSV, JSON, NDJSON, XLSX and Parquet, packed or not, read in constant memory."""

from __future__ import annotations

from app.imports.files.data_file import DataFile, open_file
from app.imports.files.file_error import FileError

__all__ = ["DataFile", "FileError", "open_file"]
