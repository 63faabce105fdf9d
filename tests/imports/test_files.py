"""Files of rows are read alike whatever their form, packing and encoding, and broken ones are told in a sentence."""

from __future__ import annotations

import io
import json
import os
import threading
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from files_of_rows import (
    GOOD,
    NAMES,
    PACKINGS,
    ROWS,
    as_csv,
    as_ndjson,
    as_parquet,
    as_workbook,
    broken_files,
    sheet,
    table,
)

from app.datasets import RejectedRow, SourceRow
from app.imports.files import DataFile, FileError, open_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252")


def texts() -> Iterator[tuple[str, str, str]]:
    """Every text: its name, its form, and itself."""
    yield "commas", "csv", as_csv(ROWS)
    yield "semicolons", "csv", as_csv(ROWS, ";")
    yield "semicolons that are declared", "csv", "sep=;\r\n" + as_csv(ROWS, ";")
    yield "tabs", "tsv", as_csv(ROWS, "\t")
    yield "old line ends", "csv", as_csv(ROWS).replace("\r\n", "\r")
    yield "empty rows", "csv", as_csv(ROWS) + "\r\n,,,\r\n"
    yield "lines", "ndjson", as_ndjson(ROWS)
    yield "lines with empty ones", "ndjson", "\n" + as_ndjson(ROWS).replace("\n", "\r\n\r\n")
    yield "array", "json", json.dumps(ROWS, ensure_ascii=False)
    yield "indented array", "json", json.dumps(ROWS, indent=2, ensure_ascii=False)
    yield "answer of ACLED", "json", json.dumps({"status": 200, "count": 3, "data": ROWS}, ensure_ascii=False)
    yield "answer of UCDP", "json", json.dumps({"TotalCount": 3, "Result": ROWS}, indent=1, ensure_ascii=False)
    yield "objects over lines", "json", "\n".join(json.dumps(row, indent=1, ensure_ascii=False) for row in ROWS)


def whole_files() -> Iterator[tuple[str, str, str | None, bytes]]:
    """Every file: its name, its form, its encoding and its bytes."""
    for name, form, text in texts():
        for encoding in ENCODINGS:
            codec = "utf-16" if encoding.startswith("utf-16-") and form == "json" else encoding
            yield name, form, codec, text.encode(codec)
    yield "workbook", "xlsx", None, as_workbook("", sheet([[], *table(ROWS)]), sheet([["other"]]))
    yield "Parquet", "parquet", None, as_parquet(ROWS)


def values_of(opened: DataFile, columns: tuple[str, ...] | None = None) -> list[Any]:
    """The values of the rows; that of a refused one is itself."""
    return [row.values if isinstance(row, SourceRow) else row for row in opened.rows(columns)]


@pytest.mark.parametrize("packing", PACKINGS)
def test_rows_are_the_same_whatever_the_form_packing_and_encoding(packing: str | None, tmp_path: Path) -> None:
    faults: list[Any] = []
    path = tmp_path / "named.after.nothing"
    for name, form, encoding, plain in whole_files():
        content = PACKINGS[packing](plain)
        path.write_bytes(content)
        for given in (path, io.BytesIO(content)):
            with open_file(given) as opened:
                found = (opened.form, opened.compression, opened.encoding, opened.sha256, opened.size)
                if found != (form, packing, encoding, sha256(content).hexdigest(), len(content)):
                    faults.append((name, encoding, found))
                if not values_of(opened) == values_of(opened) == ROWS:
                    faults.append((name, encoding, values_of(opened)))
                if opened.count_rows(has_header=True) != 3:
                    faults.append((name, encoding, opened.count_rows(has_header=True)))
                if opened.first_rows()[0] != list(NAMES):
                    faults.append((name, encoding, opened.first_rows()))
    assert not faults, "\n".join(map(str, faults))
    assert list(tmp_path.iterdir()) == [path]


def test_a_row_has_the_line_in_which_it_begins(tmp_path: Path) -> None:
    lines = {name: [row.line for row in open_file(io.BytesIO(text.encode())).rows()] for name, _, text in texts()}
    assert lines["commas"] == lines["semicolons"] == lines["old line ends"] == [2, 3, 5]
    assert lines["semicolons that are declared"] == [3, 4, 6]
    assert lines["lines"] == [1, 2, 3]
    assert lines["lines with empty ones"] == [2, 4, 6]
    assert lines["array"] == lines["answer of ACLED"] == [1, 1, 1]
    assert lines["indented array"] == [2, 8, 14]
    assert lines["answer of UCDP"] == [4, 10, 16]
    assert lines["objects over lines"] == [1, 7, 13]
    workbook = open_file(io.BytesIO(as_workbook(sheet([[], *table(ROWS)]))))
    assert [row.line for row in workbook.rows()] == [3, 4, 5]


def test_values_of_typed_files_stay_what_they_are() -> None:
    typed = [{"a": 1, "b": 2.5, "c": True, "d": "007", "e": None}]
    rows: list[list[Any]] = [["a", "b", "c", "d", "e"], [("1+0", 1), 2.5, None, "007", None]]
    assert values_of(open_file(io.BytesIO(as_parquet(typed)))) == typed
    assert values_of(open_file(io.BytesIO(as_ndjson(typed).encode()))) == typed
    assert values_of(open_file(io.BytesIO(json.dumps(typed).encode()))) == typed
    [read] = values_of(open_file(io.BytesIO(as_workbook(sheet(rows)))))
    assert read == {**typed[0], "c": None}
    assert type(read["a"]) is int


def test_a_table_without_a_header_has_the_columns_that_are_named() -> None:
    opened = open_file(io.BytesIO(b"1,a,2\n2,b,\n3\n"))
    first, second, third = values_of(opened, ("id", "name", "n"))
    assert (first, second) == ({"id": "1", "name": "a", "n": "2"}, {"id": "2", "name": "b", "n": None})
    assert isinstance(third, RejectedRow)
    assert opened.count_rows(has_header=False) == 3


def test_columns_without_a_name_of_their_own_are_numbered() -> None:
    opened = open_file(io.BytesIO(b",id,Id,name\n0,1,2,a\n"))
    assert values_of(opened) == [{"column 1": "0", "id": "1", "Id column 3": "2", "name": "a"}]


def test_what_comes_by_a_pipe_is_read_twice(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(GOOD,))
    writer.start()
    with open_file(pipe) as opened:
        writer.join()
        assert len(values_of(opened)) == len(values_of(opened)) == 3


def test_a_file_that_grows_meanwhile_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(GOOD)
    with open_file(path) as opened:
        path.write_bytes(GOOD + b"a4,2025-09-09,Lviv,1\n")
        with pytest.raises(FileError, match=r"^table\.csv changed while it was read: .*\.$"):
            values_of(opened)


def test_a_broken_file_is_refused_in_a_sentence_or_loses_only_its_broken_rows(tmp_path: Path) -> None:
    faults = []
    cases = broken_files()
    for number, case in enumerate(cases):
        path = tmp_path / f"{number}.csv"
        if isinstance(case.content, bytes):
            path.write_bytes(case.content)
        else:
            case.content(path)
        try:
            with open_file(path) as opened:
                rows = list(opened.rows())
        except FileError as refusal:
            said, good, codes = str(refusal), 0, tuple[str, ...]()
        else:
            refused = [row for row in rows if isinstance(row, RejectedRow)]
            said = " ".join(row.detail for row in refused)
            good, codes = len(rows) - len(refused), tuple(row.code for row in refused)
        if case.says not in said or "\n" in said or not said.endswith(".") or (good, codes) != (case.good, case.codes):
            faults.append((case.name, said, good, codes))
    assert len(cases) >= 60
    assert not faults, "\n".join(map(str, faults))
