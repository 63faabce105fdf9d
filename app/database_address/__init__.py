"""The addresses of databases: read once, and meaning the same in every command."""

from __future__ import annotations

from app.database_address.faults import AddressError
from app.database_address.postgres import PostgresAddress, read_postgres_address
from app.database_address.sqlite import SqliteAddress, read_sqlite_address

DatabaseAddress = PostgresAddress | SqliteAddress

__all__ = ["AddressError", "DatabaseAddress", "PostgresAddress", "SqliteAddress", "normalize", "read_address"]

DRIVERS = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "postgresql+asyncpg": "postgresql",
    "postgres+asyncpg": "postgresql",
    "sqlite": "sqlite",
    "sqlite+aiosqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
}
FORMS = "sqlite:///<path> or postgresql://<user>:<password>@<host>/<database>"


def read_address(url: str) -> DatabaseAddress:
    """Read an address, or raise AddressError with a sentence that holds no password."""
    scheme, rest = split_scheme(url)
    return read_sqlite_address(rest) if scheme == "sqlite" else read_postgres_address(rest)


def normalize(url: str) -> str:
    """Check an address and write it with the plain name of its database: postgresql:// or sqlite:///."""
    scheme, rest = split_scheme(url)
    read_address(url)
    return f"{scheme}://{rest}"


def split_scheme(url: str) -> tuple[str, str]:
    """Take an address apart into `postgresql` or `sqlite` and what follows `://`."""
    written, separator, rest = url.strip().partition("://")
    scheme = DRIVERS.get(written.lower()) if separator else None
    if scheme is not None:
        return scheme, rest
    base, plus, _ = written.lower().partition("+")
    if separator and plus and base in {"postgresql", "postgres", "sqlite"}:
        raise AddressError(f"names a driver that is not used here: begin it with {DRIVERS[base]}://")
    raise AddressError(f"must be {FORMS}")
