"""Files that are packed: gzip, ZIP and Zstandard, told by their first bytes and unpacked within bounds."""

from __future__ import annotations

import gzip
import io
import sys
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Literal, cast

from app.imports.files.file_error import MAX_BYTES_OF_ANY_RATIO, MAX_EXPANDED_BYTES, MAX_RATIO, FileError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Compression = Literal["gzip", "zip", "zstd"]
MAGIC: dict[bytes, Compression] = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",  # an archive without a file
    b"\x28\xb5\x2f\xfd": "zstd",
}
TITLES: dict[Compression, str] = {"gzip": "gzip file", "zip": "ZIP archive", "zstd": "Zstandard file"}
NEVER_MEANT = ("__MACOSX/", ".DS_Store", "Thumbs.db")
IS_ENCRYPTED = 0x1
DAMAGE = (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, zstd.ZstdError, NotImplementedError, ValueError)


def detect_compression(head: bytes) -> Compression | None:
    """How a file is packed, by its first bytes; a workbook is a ZIP archive too."""
    return next((form for magic, form in MAGIC.items() if head.startswith(magic)), None)


def is_workbook(path: Path) -> bool:
    """Whether a ZIP archive is an Excel workbook; raises FileError for one that cannot be read."""
    names = {info.filename for info in _list(path)}
    return "[Content_Types].xml" in names and any(name.startswith("xl/") for name in names)


def open_unpacked(path: Path, compression: Compression | None) -> BinaryIO:
    """The bytes within; reading raises FileError where they are cut off, damaged or more than the bounds permit."""
    if compression is None:
        return path.open("rb")
    packed_size = path.stat().st_size
    if compression == "zip":
        member = _only_member(path)
        packed_size = max(1, member.compress_size)
        archive = zipfile.ZipFile(path)
        stream = _open_member(archive, member)
    else:
        stream = cast("BinaryIO", gzip.GzipFile(path) if compression == "gzip" else zstd.ZstdFile(path))
    return cast("BinaryIO", io.BufferedReader(_Bounded(stream, packed_size, TITLES[compression]), 128 * 1024))


class _Bounded(io.RawIOBase):
    """What is unpacked, counted, and its faults told in a sentence."""

    def __init__(self, stream: BinaryIO, packed_size: int, title: str) -> None:
        self._stream, self._packed_size, self._title, self._count = stream, packed_size, title, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        try:
            piece = self._stream.read(len(view))
        except EOFError:
            raise FileError(f"The {self._title} is cut off: fetch it again.") from None
        except DAMAGE as error:
            raise FileError(f"The {self._title} is damaged ({_reason(error)}): fetch it again.") from None
        self._count += len(piece)
        if self._count > MAX_EXPANDED_BYTES or (
            self._count > MAX_BYTES_OF_ANY_RATIO and self._count > MAX_RATIO * self._packed_size
        ):
            raise FileError(
                f"The {self._title} unpacks to more than {MAX_RATIO} times its size or 32 GiB, as bombs do: "
                "unpack it yourself if you trust it."
            )
        view[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


def _reason(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__


def _list(path: Path) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.infolist()
    except (*DAMAGE, OSError) as error:
        raise FileError(f"The ZIP archive is cut off or damaged ({_reason(error)}): fetch it again.") from None


def _only_member(path: Path) -> zipfile.ZipInfo:
    """The one file of an archive that has no other."""
    members = [info for info in _list(path) if not info.is_dir() and not _is_never_meant(info.filename)]
    if not members:
        raise FileError("The ZIP archive has no file in it.")
    if len(members) > 1:
        few = ", ".join(info.filename for info in members[:3])
        more = f" and {len(members) - 3} more" if len(members) > 3 else ""
        raise FileError(
            f"The ZIP archive has {len(members)} files ({few}{more}), where one is wanted: unpack it and import each."
        )
    member = members[0]
    name = PurePosixPath(member.filename.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts or ":" in member.filename:
        raise FileError(f"The ZIP archive names its file {member.filename}, a path that leads out of it.")
    if member.flag_bits & IS_ENCRYPTED:
        raise FileError("The ZIP archive has a password: unpack it yourself, and import the file in it.")
    return member


def _is_never_meant(name: str) -> bool:
    return name.startswith(NEVER_MEANT[0]) or PurePosixPath(name).name in NEVER_MEANT


def _open_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> BinaryIO:
    try:
        stream = cast("BinaryIO", archive.open(member))
    except (*DAMAGE, RuntimeError) as error:
        archive.close()
        raise FileError(f"The ZIP archive is damaged ({_reason(error)}): fetch it again.") from None
    archive.close()  # the member keeps the file open for itself
    return stream
