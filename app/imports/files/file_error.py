"""The refusal of a file that is not what it seems, and the bounds of what is read."""

from __future__ import annotations

MIB = 1024 * 1024
MAX_EXPANDED_BYTES = 32 * 1024 * MIB  # of a file that is unpacked, or has no end
MAX_RATIO = 250  # unpacked to packed, once that much is unpacked:
MAX_BYTES_OF_ANY_RATIO = 64 * MIB
MAX_CELL_CHARS = MIB
MAX_RECORD_BYTES = 8 * MIB
MAX_SHEET_BYTES = 128 * MIB  # unpacked, since a sheet is held in memory: about 200 MiB of it
MAX_DEPTH = 64  # of JSON


class FileError(Exception):
    """A file that is not what it seems; its text is one sentence, which says what would do."""
