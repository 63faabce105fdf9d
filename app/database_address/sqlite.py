"""Reads the address of a SQLite file."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from app.database_address.faults import AddressError

IN_MEMORY = "names a database in memory, which each process and thread would have for itself: name a file"


@dataclass(frozen=True, slots=True)
class SqliteAddress:
    """A file, by its path as it was written: relative to the working directory, or absolute."""

    path: str

    @property
    def shown(self) -> str:
        """The address as it may be printed."""
        return f"sqlite:///{self.path}"


def read_sqlite_address(rest: str) -> SqliteAddress:
    """Read what follows `sqlite://`."""
    path, question, query = rest.partition("?")
    if path in {"", "/:memory:", ":memory:"} or "mode=memory" in query:
        raise AddressError(IN_MEMORY)
    if not path.startswith("/"):
        raise AddressError("must be sqlite:///<path>, with three slashes before a relative path and four before /")
    if question:
        names = [name for name, _ in parse_qsl(query, keep_blank_values=True)]
        raise AddressError(f"a SQLite address takes no parameters: leave out {names[0] if names else 'the ?'}")
    path = path[1:]
    if not path or path.endswith("/"):
        raise AddressError("must name a file, such as sqlite:///sitrep.db, not a directory")
    if path.startswith("file:"):
        raise AddressError("must be sqlite:///<path> with a plain path, not a file: URI")
    if "#" in path or any(ord(letter) < 32 for letter in path):
        raise AddressError("a SQLite path may not have # or control characters")
    return SqliteAddress(path)
