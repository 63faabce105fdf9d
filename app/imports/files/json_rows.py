"""Reads JSON: an object a line, an array of objects, or the answer of an API that holds such an array."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import ijson
import orjson

from app.datasets.base import RejectedRow, SourceRow
from app.imports.files.encodings import OpenBytes
from app.imports.files.file_error import MAX_CELL_CHARS, MAX_DEPTH, MAX_RECORD_BYTES, FileError
from app.imports.files.rows import MAX_SHOWN_CHARS, RowReader, cell_text

PIECE_BYTES = 64 * 1024
WRAPPERS = (
    "data",
    "Result",
    "results",
    "items",
    "events",
)  # what holds the rows in ACLED's, UCDP's and others' answers
LONE_SURROGATE = re.compile(
    rb"(?<!\\)(?:\\\\)*(?:\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2})"
)
ESCAPED_PAIR_BYTES = 12
PLACE = re.compile(r"\s+")


class JsonReader(RowReader):
    """Reads objects; their values stay as JSON has them."""

    def __init__(self, open_bytes: OpenBytes, encoding: str) -> None:
        self._open_bytes, self._encoding = open_bytes, encoding
        self.form: Literal["json", "ndjson"]
        self.form, self._prefix = self._find_objects()

    def rows(self, columns: Sequence[str] | None) -> Iterator[SourceRow | RejectedRow]:
        del columns
        objects = self._lines_as_objects() if self._prefix is None else self._parsed_objects(self._prefix)
        for line, value in objects:
            if isinstance(value, RejectedRow):
                yield value
            else:
                yield _check_object(line, value)

    def first_rows(self, n: int) -> list[list[str]]:
        """The names that the first objects have, and their values."""
        found = [row for _, row in zip(range(n), self.rows(None), strict=False) if isinstance(row, SourceRow)]
        names = list(dict.fromkeys(name for row in found for name in row.values))
        return [names, *([cell_text(row.values.get(name)) for name in names] for row in found)] if names else []

    def count(self) -> int:
        number = sum(1 for _ in self.rows(None))
        if number == 0:
            raise FileError("The JSON holds no objects.")
        return number

    def _find_objects(self) -> tuple[Literal["json", "ndjson"], str | None]:
        """The form, and the path of the objects in one document of JSON; None where each line is one."""
        depth, line, begun = 0, 1, 0
        events = ijson.sendable_list()
        parser = ijson.parse_coro(events, use_float=True, multiple_values=True)
        try:
            for piece in self._pieces():
                if not begun and piece.lstrip().startswith(b"["):
                    return "json", "item"
                begun = begun or (line if piece.strip() else 0)
                parser.send(piece)
                for path, event, _ in events:
                    if depth == 1 and event == "start_array" and path in WRAPPERS:
                        return "json", f"{path}.item"
                    depth += event.startswith("start_") - event.startswith("end_")
                    if depth == 0 and event == "end_map":
                        return ("ndjson", None) if line == begun else ("json", "")
                events.clear()
                line += piece.endswith(b"\n")
        except ijson.JSONError:
            pass  # what is wrong with it is told by line when the rows are read
        return "ndjson", None

    def _pieces(self) -> Iterator[bytes]:
        """The bytes as UTF-8, a line or a part of a long line at a time."""
        with self._open_bytes() as stream:
            if self._encoding == "utf-8":
                while piece := stream.readline(PIECE_BYTES):
                    yield piece
                return
            with io.TextIOWrapper(stream, self._encoding, newline="\n") as text:
                while part := text.readline(PIECE_BYTES):
                    yield part.encode()

    def _lines_as_objects(self) -> Iterator[tuple[int, Any]]:
        line, parts, size = 1, [], 0
        for piece in self._pieces():
            parts.append(piece)
            size += len(piece)
            if size > MAX_RECORD_BYTES:
                raise FileError(f"Line {line} is longer than 8 MiB, as no record is.")
            if piece.endswith(b"\n"):
                yield from _read_line(line, b"".join(parts))
                line, parts, size = line + 1, [], 0
        yield from _read_line(line, b"".join(parts))

    def _parsed_objects(self, prefix: str) -> Iterator[tuple[int, Any]]:
        """Parse piece by piece; a record begins in the first line with a brace after the end of the one before."""
        found = ijson.sendable_list()
        parser = ijson.items_coro(found, prefix, use_float=True, multiple_values=prefix == "")
        key = b"" if prefix in {"", "item"} else f'"{prefix.removesuffix(".item")}"'.encode()
        line, start, size, is_broken, opened = 1, 0, 0, False, False
        try:
            for piece in _whole_escapes(self._pieces()):
                cleaned, halves = LONE_SURROGATE.subn(_replace, piece) if b"\\u" in piece else (piece, 0)
                parser.send(cleaned)
                size += len(piece)
                opened = opened or key in piece
                start = start or (line if opened and b"{" in piece[max(0, piece.find(key)) :] else 0)
                is_broken = is_broken or halves > 0
                if found:
                    for value in found:
                        yield start or line, _surrogate(start or line) if is_broken else value
                    found.clear()
                    begins = piece.rfind(b"{") > piece.rfind(b"}")
                    start, size, is_broken = line if begins else 0, 0, False
                if size > MAX_RECORD_BYTES:
                    raise FileError(f"The record in line {start or line} is longer than 8 MiB, as no record is.")
                line += piece.endswith(b"\n")
            parser.close()
        except (ijson.JSONError, UnicodeDecodeError) as error:
            raise FileError(_describe(error, line)) from None


def _whole_escapes(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces cut where no character that is written as an escape is cut in two."""
    rest = b""
    for piece in pieces:
        whole = rest + piece
        cut = len(whole) if whole.endswith(b"\n") else whole.find(b"\\", max(0, len(whole) - ESCAPED_PAIR_BYTES))
        rest = whole[cut:] if 0 < cut < len(whole) else b""
        yield whole[: -len(rest)] if rest else whole
    if rest:
        yield rest


def _replace(half: re.Match[bytes]) -> bytes:
    """The text with a replacement character for half a character, at which the parser would stumble."""
    return half[0][:-6] + b"\\ufffd"


def _read_line(line: int, text: bytes) -> Iterator[tuple[int, Any]]:
    text = text.strip()
    if not text:
        return
    try:
        yield line, orjson.loads(text)
    except orjson.JSONDecodeError as error:
        shown = text[:MAX_SHOWN_CHARS].decode(errors="replace")
        if LONE_SURROGATE.search(text):
            yield line, _surrogate(line)
        else:
            detail = f"The line is not JSON: {str(error).partition(':')[0]}."
            yield line, RejectedRow(line, "json", detail, value=shown, remedy="Write one object on each line.")


def _surrogate(line: int) -> RejectedRow:
    detail = r"A text has half a character (a lone surrogate such as \ud800)."
    return RejectedRow(line, "surrogate", detail, remedy="Write the whole character, or leave it out.")


def _check_object(line: int, value: Any) -> SourceRow | RejectedRow:
    """The object as a row; refused where it is none, or holds what no event can."""
    if not isinstance(value, dict):
        shown = cell_text(value)[:MAX_SHOWN_CHARS]
        return RejectedRow(line, "json", "There is no object.", value=shown, remedy="Write each record as {...}.")
    for name, each in value.items():
        if isinstance(each, str) and len(each) > MAX_CELL_CHARS:
            return RejectedRow(line, "huge", "A text is longer than 1 MiB.", column=name, remedy="Shorten the text.")
        if isinstance(each, dict | list) and _is_deeper(each, MAX_DEPTH):
            return RejectedRow(line, "json", f"It is nested more than {MAX_DEPTH} deep.", column=name)
    return SourceRow(line, value)


def _is_deeper(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _describe(error: Exception, line: int) -> str:
    raw = error.args[0] if error.args else ""
    text = raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)
    reason = PLACE.sub(" ", text.partition("\n")[0]).strip()
    if "premature EOF" in reason or "incomplete" in reason.lower():
        return "The JSON is cut off before its end: fetch it again."
    return f"The text is not JSON in line {line} ({reason})."
