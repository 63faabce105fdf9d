"""Files for tests of imports, made here: rows in every form and packing, and broken files with what is said of them."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.sax.saxutils import escape

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

NAMES = ("id", "day", "place", "killed")
ROWS: list[dict[str, Any]] = [
    {"id": "a1", "day": "2025-09-07", "place": "Málaga, “harbour”", "killed": "3"},
    {"id": "a2", "day": "2025-09-08", "place": "São\nPaulo; centre", "killed": None},
    {"id": "a3", "day": "2025-09-09", "place": "=1+1", "killed": "0"},
]
GOOD = b"id,day,place,killed\na1,2025-09-07,Kyiv,3\na2,2025-09-08,Odesa,0\na3,2025-09-09,Lviv,1\n"
MIB = 1024 * 1024


def as_csv(rows: Sequence[dict[str, Any]], delimiter: str = ",") -> str:
    """The rows as a table of text."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_ndjson(rows: Sequence[dict[str, Any]]) -> str:
    """An object a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def as_parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    """The rows as a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), sink)
    return sink.getvalue()


def as_workbook(*sheets: str) -> bytes:
    """A workbook whose sheets hold those rows of cells, as XML."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    numbers = range(1, len(sheets) + 1)
    named = "".join(f'<sheet name="s{n}" sheetId="{n}" r:id="r{n}"/>' for n in numbers)
    linked = "".join(
        f'<Relationship Id="r{n}" Type="{relations}/worksheet" Target="worksheets/s{n}.xml"/>' for n in numbers
    )
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", f'<Types xmlns="{package}/content-types"/>')
        target = f'<Relationship Id="r1" Type="{relations}/officeDocument" Target="xl/workbook.xml"/>'
        archive.writestr("_rels/.rels", f'<Relationships xmlns="{package}/relationships">{target}</Relationships>')
        archive.writestr(
            "xl/workbook.xml", f'<workbook xmlns="{main}" xmlns:r="{relations}"><sheets>{named}</sheets></workbook>'
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{package}/relationships">{linked}</Relationships>'
        )
        for n, rows in zip(numbers, sheets, strict=True):
            archive.writestr(
                f"xl/worksheets/s{n}.xml", f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>'
            )
    return content.getvalue()


def sheet(rows: Sequence[Sequence[Any]]) -> str:
    """Rows of a sheet: texts, numbers, and formulas as a pair of formula and value."""
    return "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)


def cell(value: Any) -> str:
    """A cell of a sheet."""
    if value is None:
        return "<c/>"
    if isinstance(value, tuple):
        return f"<c><f>{escape(value[0])}</f><v>{value[1]}</v></c>"
    if isinstance(value, str):
        return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
    return f"<c><v>{value}</v></c>"


def table(rows: Sequence[dict[str, Any]]) -> list[list[Any]]:
    """A header and the cells below it."""
    return [list(rows[0]), *(list(row.values()) for row in rows)]


def zipped(content: bytes, *names: str, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive in which each name has that content."""
    archived = io.BytesIO()
    with zipfile.ZipFile(archived, "w", method) as archive:
        for name in names or ("table.csv",):
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return archived.getvalue()


def tarred(content: bytes) -> bytes:
    """A tar archive with one file."""
    archived = io.BytesIO()
    with tarfile.open(fileobj=archived, mode="w") as archive:
        info = tarfile.TarInfo("table.csv")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return archived.getvalue()


def with_password(archive: bytes) -> bytes:
    """The archive with the flags that say that its file is encrypted."""
    changed = bytearray(archive)
    changed[6] |= 1
    changed[archive.index(b"PK\x01\x02") + 8] |= 1
    return bytes(changed)


def damaged(content: bytes, at: int) -> bytes:
    """The content with some bytes changed."""
    changed = bytearray(content)
    for place in range(at, at + 4):
        changed[place] ^= 0xFF
    return bytes(changed)


PACKINGS: dict[str | None, Callable[[bytes], bytes]] = {
    None: bytes,
    "gzip": gzip.compress,
    "zip": zipped,
    "zstd": zstd.compress,
}


class Broken(NamedTuple):
    """A broken file: what is said of it, how many rows come out of it, and the codes of the rows that do not.

    A file without codes is refused as a whole. `content` may make the path instead.
    """

    name: str
    content: bytes | Callable[[Path], Any]
    says: str
    good: int = 0
    codes: tuple[str, ...] = ()


def noise(n: int) -> bytes:
    """Bytes that do not compress."""
    return random.Random(n).randbytes(n)


def with_row(row: bytes) -> bytes:
    """The good table with one more row in its middle."""
    head, rest = GOOD.split(b"a2", 1)
    return head + row + b"a2" + rest


def in_array(*objects: str) -> bytes:
    """A document of JSON with those objects between two good ones."""
    first, last = '{"id": "a1", "killed": 1}', '{"id": "a2", "killed": 2}'
    return ("[" + ",\n".join([first, *objects, last]) + "]").encode()


def broken_files() -> list[Broken]:
    """Each sort of broken file once."""
    zeros = b"a,b\n" * (17 * MIB)
    long_text = "x" * (MIB + 1)
    parquet, workbook = as_parquet(ROWS * 50), as_workbook(sheet(table(ROWS)))
    archive = zipped(GOOD * 50)
    ndjson = as_ndjson(ROWS).encode()
    deep = "[" * 100 + "]" * 100
    return [
        Broken("empty", b"", "is empty."),
        Broken("blank", b"\n\n \n"[:2], "has no rows."),
        Broken("byte order mark only", b"\xef\xbb\xbf", "has no rows."),
        Broken("header only", b"id,day,place,killed\n", "has a header and no row below it."),
        Broken("web page", b"<!DOCTYPE html><html><body>Sign in</body></html>", "is a web page (HTML)"),
        Broken("web page of a proxy", b"\n<html><head><title>502</title></head></html>", "is a web page (HTML)"),
        Broken("web page in UTF-16", "<html><body>x</body></html>".encode("utf-16"), "is a web page (HTML)"),
        Broken("XML", b'<?xml version="1.0"?><rows><row id="1"/></rows>', "is an XML document"),
        Broken("PDF", b"%PDF-1.7\n" + noise(99), "is a PDF document"),
        Broken("old workbook", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + noise(99), "an old Excel workbook (.xls)"),
        Broken("picture", b"\x89PNG\r\n\x1a\n" + noise(99), "is a picture"),
        Broken("database", b"SQLite format 3\x00" + noise(99), "is an SQLite database"),
        Broken("7z", b"7z\xbc\xaf\x27\x1c" + noise(99), "is a 7z archive"),
        Broken("RAR", b"Rar!\x1a\x07" + noise(99), "is a RAR archive"),
        Broken("bzip2", b"BZh9" + noise(99), "is a bzip2 file"),
        Broken("xz", b"\xfd7zXZ\x00" + noise(99), "is an xz file"),
        Broken("Arrow", b"ARROW1\x00\x00" + noise(99), "is an Arrow file"),
        Broken("tar", tarred(GOOD), "is a tar archive"),
        Broken("tar in gzip", gzip.compress(tarred(GOOD)), "is a tar archive"),
        Broken("pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS"),
        Broken("noise", bytes(each | 1 for each in noise(9999)), "is no text"),
        Broken("gzip cut off", gzip.compress(noise(9999))[:-5000], "gzip file is cut off"),
        Broken("gzip damaged", damaged(gzip.compress(GOOD * 50), 40), "gzip file is damaged"),
        Broken("gzip with another checksum", damaged(gzip.compress(GOOD), -8), "gzip file is damaged"),
        Broken("gzip with a tail", gzip.compress(GOOD) + b"tail", "gzip file is damaged"),
        Broken("gzip of nothing", gzip.compress(b""), "holds an empty file."),
        Broken("gzip in gzip", gzip.compress(gzip.compress(GOOD)), "is a gzip file within another"),
        Broken("gzip bomb", gzip.compress(zeros, 6), "more than 250 times its size"),
        Broken("ZIP cut off", archive[:-30], "ZIP archive is cut off or damaged"),
        Broken("ZIP damaged", damaged(archive, 50), "ZIP archive is damaged"),
        Broken("ZIP with two files", zipped(GOOD, "a.csv", "b.csv"), "has 2 files (a.csv, b.csv)"),
        Broken("ZIP without files", zipped(b"", "folder/"), "has no file in it."),
        Broken("ZIP with nothing", b"PK\x05\x06" + bytes(18), "has no file in it."),
        Broken("ZIP upward", zipped(GOOD, "../../etc/table.csv"), "a path that leads out of it."),
        Broken("ZIP from the root", zipped(GOOD, "/etc/table.csv"), "a path that leads out of it."),
        Broken("ZIP upward on Windows", zipped(GOOD, "..\\table.csv"), "a path that leads out of it."),
        Broken("ZIP with a password", with_password(zipped(GOOD)), "has a password"),
        Broken("ZIP in ZIP", zipped(zipped(GOOD)), "is a ZIP archive within another"),
        Broken("ZIP bomb", zipped(zeros), "more than 250 times its size"),
        Broken("zstd cut off", zstd.compress(noise(9999))[:-50], "Zstandard file is cut off"),
        Broken("zstd damaged", zstd.compress(GOOD)[:9] + noise(99), "Zstandard file is damaged"),
        Broken("zstd bomb", zstd.compress(zeros), "more than 250 times its size"),
        Broken("workbook cut off", workbook[:-40], "ZIP archive is cut off or damaged"),
        Broken("workbook damaged", damaged(workbook, workbook.index(b"s1.xml") + 20), "workbook is damaged"),
        Broken("workbook without end", as_workbook("<row><c"), "workbook is damaged"),
        Broken("workbook without rows", as_workbook("", ""), "has no rows in any sheet."),
        Broken("Parquet cut off", parquet[:-20], "Parquet file is cut off or damaged"),
        Broken("Parquet damaged", damaged(parquet, 30), "Parquet file is cut off or damaged"),
        Broken("NUL", with_row(b"b1,2025-09-07,Ky\x00iv,1\n"), "Line 3 has a NUL character"),
        Broken("UTF-16 cut off", GOOD.decode().encode("utf-16")[:-1], "Line 4 is not UTF-16"),
        Broken("UTF-16 with half a character", GOOD.decode().encode("utf-16") + b"\x3d\xd8\n\0", "is not UTF-16"),
        Broken("UTF-8 with half a character", with_row(b"b1,2025-09-07,\xed\xa0\xbd,1\n"), "a lone surrogate"),
        Broken("UTF-8 damaged", with_row("b1,,Львів".encode()[:-1] + b",1\n"), "Line 3 is not UTF-8, although"),
        Broken("UTF-32", GOOD.decode().encode("utf-32"), "is UTF-32"),
        Broken("Cyrillic code page", with_row("b1,,Львів,1\n".encode("cp1251")), "not Western"),
        Broken("no code page", with_row(b"b1,,caf\xe9 \x81,1\n"), "neither UTF-8 nor Windows-1252"),
        Broken("two layouts", GOOD + b"id,day,place,region,killed\nb1,2025-09-07,Kyiv,Kyiv,1\n", "second table"),
        Broken("header with a lone quote", b'"' + GOOD, "The first row, in line 1, cannot be read"),
        Broken("long line", b"x" * (8 * MIB + 1), "Line 1 is longer than 8 MiB"),
        Broken("JSON cut off", in_array()[:-9], "JSON is cut off"),
        Broken("JSON with NaN", in_array('{"id": "b1", "killed": NaN}'), "is not JSON in line 2"),
        Broken("a Python repr", b"[{'id': 'a1'}]", "is not JSON in line 1"),
        Broken("JSON with a tail", in_array() + b"]", "is not JSON in line 2"),
        Broken("JSON of nothing", b"[]", "holds no objects."),
        Broken("an answer without rows", b'{"status": 200, "data": []}', "holds no objects."),
        Broken("long record", in_array(json.dumps({"id": ["x" * 999] * 9000})), "is longer than 8 MiB"),
        Broken("long line of JSON", json.dumps({"id": ["x" * 999] * 9000}).encode(), "is longer than 8 MiB"),
        Broken("a directory", lambda path: path.mkdir(), "is a directory"),
        Broken("nothing there", lambda path: path, "cannot be read: no such file or directory."),
        Broken("a link to nothing", lambda path: path.symlink_to("nothing"), "no such file or directory."),
        Broken("a device", lambda path: path.symlink_to("/dev/zero"), "is a device or socket"),
        Broken("a name that is too long", lambda path: path.symlink_to("x" * 300), "file name too long."),
        Broken("too few cells", with_row(b"b1,2025-09-07\n"), "too few cells: 2", 3, ("ragged",)),
        Broken("too many cells", with_row(b"b1,2025-09-07,Kyiv,1,2\n"), "too many cells: 5", 3, ("ragged",)),
        Broken("lone quote", with_row(b'b1,2025-09-07,"Kyiv,1\n'), "begins with a quote", 3, ("quote",)),
        Broken(
            "lone quotes", with_row(b'b1,,"K,1\nb2,,"K,1\nb3,2025-09-07,K,1\n'), "with a quote", 4, ("quote", "quote")
        ),
        Broken("text after a quote", with_row(b'b1,2025-09-07,"Ky"iv,1\n'), "with a quote", 3, ("quote",)),
        Broken("no last quote", GOOD + b'b1,2025-09-07,"Kyiv,1\n', "begins with a quote", 3, ("quote",)),
        Broken("huge cell", with_row(f"b1,,{long_text},1\n".encode()), "more than 1 MiB", 3, ("huge",)),
        Broken("a header again", with_row(GOOD[:20]), "repeats the header", 3, ("header",)),
        Broken("two tables of one layout", GOOD + GOOD, "repeats the header", 6, ("header",)),
        Broken("line that is no JSON", ndjson + b"{id: 1}\n" + ndjson, "is not JSON", 6, ("json",)),
        Broken("last line cut off", ndjson + ndjson[:-9], "is not JSON", 5, ("json",)),
        Broken("line with half a character", ndjson + b'{"id": "\\ud800"}\n', "lone surrogate", 3, ("surrogate",)),
        Broken("line with a number", ndjson + b"1\n[]\n", "There is no object.", 3, ("json", "json")),
        Broken("line with NaN", ndjson + b'{"id": NaN}\n', "is not JSON", 3, ("json",)),
        Broken("huge text", ndjson + f'{{"id": "{long_text}"}}'.encode(), "longer than 1 MiB", 3, ("huge",)),
        Broken("number in an array", in_array("1", "null"), "There is no object.", 2, ("json", "json")),
        Broken("half a character", in_array(r'{"id": "\udc00"}'), "lone surrogate", 2, ("surrogate",)),
        Broken("deep array", in_array(f'{{"id": {deep}}}'), "nested more than 64 deep", 2, ("json",)),
    ]
