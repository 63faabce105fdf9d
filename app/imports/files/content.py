"""What a file holds, told by its first bytes and never by its name."""

from __future__ import annotations

import re
from typing import Literal

from app.imports.files.decompression import TITLES, detect_compression
from app.imports.files.file_error import FileError

Form = Literal["csv", "tsv", "json", "ndjson", "xlsx", "parquet"]
PARQUET = b"PAR1"
FOREIGN = {
    b"%PDF": "a PDF document",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an old Excel workbook (.xls) or one with a password",
    b"SQLite format 3\x00": "an SQLite database",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ\x00": "an xz file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"{\\rtf": "a document of a word processor",
    b"version https://git-lfs": "a pointer of Git LFS in the place of the file",
    b"ARROW1": "an Arrow file",
    b"PARE": "an encrypted Parquet file",
}
TAR_MAGIC = slice(257, 262)
MARKUP = re.compile(r"\s*<(?:[a-zA-Z][\w:-]*[\s/>]|!doctype|!--|\?xml)", re.IGNORECASE)
HTML = re.compile(r"<(?:!doctype html|html|head|body)", re.IGNORECASE)
JSON_OBJECT = re.compile(r'\s*\{\s*["}]')
JSON_ARRAY = re.compile(r"\s*\[\s*[\[{\]]")


def refuse_foreign(head: bytes) -> None:
    """Raise FileError for what is plainly something else: `head` holds the first bytes of what was unpacked."""
    title = next((title for magic, title in FOREIGN.items() if head.startswith(magic)), None)
    inner = detect_compression(head)
    if inner is not None:
        title = f"a {TITLES[inner]} within another"
    if head[TAR_MAGIC] == b"ustar":
        title = "a tar archive"
    if title is not None:
        raise FileError(
            f"The file is {title}; what is read are CSV, TSV, JSON, NDJSON, XLSX and Parquet, each also in one "
            "gzip, ZIP or Zstandard file."
        )


def is_json(text: str) -> bool:
    """Whether a text begins as JSON does; raises FileError for HTML and XML."""
    if MARKUP.match(text):
        what = "a web page (HTML)" if HTML.search(text) else "an XML document"
        raise FileError(
            f"The file is {what}, not a table or JSON: the address may have answered with a page for people or an "
            "error, so open it in a browser and look."
        )
    return bool(JSON_OBJECT.match(text) or JSON_ARRAY.match(text))
