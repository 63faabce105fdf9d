"""The encoding of a text: UTF-8, UTF-16 or Windows-1252, proved over the whole file."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

from app.imports.files.file_error import MIB, FileError

OpenBytes = Callable[[], BinaryIO]
HEAD_BYTES = 64 * 1024
TITLES = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8 with a byte order mark",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "cp1252": "Windows-1252",
}
# Western words hardly ever have four letters with accents in a row; every word of another script does.
OTHER_SCRIPT = re.compile(rb"[\xa8\xaa\xaf\xb2-\xb4\xb8\xba\xbf\xc0-\xff]{4}")
ESCAPED = re.compile("[\udc80-\udcff]")  # a byte that is not UTF-8, as `surrogateescape` keeps it
NOT_ASCII = re.compile("[^\x00-\x7f\udc80-\udcff]")
CONTROLS = re.compile(rb"[\x01-\x08\x0e-\x1f]")
LONE_SURROGATE = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")


def detect_encoding(open_bytes: OpenBytes) -> str:
    """The codec's name, a key of TITLES; raises FileError for other encodings, damaged texts and NUL characters."""
    with open_bytes() as stream:
        guess = _guess(stream.read(HEAD_BYTES))
    fault = _first_fault(open_bytes, guess)
    if fault is None:
        return guess
    if guess != "utf-8":
        raise FileError(f"Line {fault} is not {TITLES[guess]}, although the file begins so: save it as UTF-8.")
    _refuse_damaged_utf8(open_bytes, fault)
    fault = _first_fault(open_bytes, "cp1252")
    if fault is not None:
        raise FileError(f"Line {fault} is neither UTF-8 nor Windows-1252: save the file as UTF-8.")
    return "cp1252"


def _guess(head: bytes) -> str:
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise FileError("The text is UTF-32: save it as UTF-8.")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head[1::2].count(0) * 3 > len(head) > 3 and 0 not in head[0::2]:
        return "utf-16-le"
    if head[0::2].count(0) * 3 > len(head) > 3 and 0 not in head[1::2]:
        return "utf-16-be"
    if len(CONTROLS.findall(head)) * 50 > len(head):
        raise FileError("The file is no text: it is full of control characters.")
    return "utf-8"


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    """The bytes piece by piece, and an empty one at the end."""
    while piece := stream.read(MIB):
        yield piece
    yield b""


def _first_fault(open_bytes: OpenBytes, encoding: str) -> int | None:
    """The number of the first line that is not so encoded; raises FileError for a NUL character."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with open_bytes() as stream:
        for piece in _pieces(stream):
            try:
                text = decoder.decode(piece, final=not piece)
            except UnicodeDecodeError as error:
                return line + error.object[: error.start].count(b"\n")
            if "\0" in text:
                line += text[: text.index("\0")].count("\n")
                raise FileError(f"Line {line} has a NUL character, as no text has: the file is damaged or no text.")
            line += text.count("\n")
    return None


def _refuse_damaged_utf8(open_bytes: OpenBytes, fault: int) -> None:
    """Raise FileError where a text that is not UTF-8 is not Windows-1252 either, although it could be read so."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    right = wrong = 0
    is_other_script = False
    with open_bytes() as stream:
        for piece in _pieces(stream):
            if LONE_SURROGATE.search(piece):
                raise FileError(f"Line {fault} has half a character (a lone surrogate): save the file as UTF-8.")
            is_other_script = is_other_script or OTHER_SCRIPT.search(piece) is not None
            text = decoder.decode(piece, final=not piece)
            right += len(NOT_ASCII.findall(text))
            wrong += len(ESCAPED.findall(text))
    if right > wrong:
        raise FileError(f"Line {fault} is not UTF-8, although the rest of the file is: save the file as UTF-8.")
    if is_other_script:
        raise FileError("The text is in a code page that is not Western, such as Windows-1251: save the file as UTF-8.")
