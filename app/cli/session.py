"""The database of a command: opened for its length, and asked for in the words of the settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from app.db import Database, open_database
from app.errors import Unavailable
from app.settings import Settings

SQLITE = "sqlite:///"


@asynccontextmanager
async def opened(settings: Settings, *, any_schema: bool = False) -> AsyncIterator[Database]:
    """The open database; Unavailable when it is a file that does not exist, which would be made otherwise.

    SchemaMismatch when it has the schema of another version, unless the caller waits until that fits.
    """
    refuse_absent(settings.database_url)
    db = open_database(settings.database_url, settings.read_database_url)
    await db.connect()
    try:
        if not any_schema:
            await db.check_schema()
        yield db
    finally:
        await db.close()


def refuse_absent(url: str) -> None:
    """No command but `migrate` and `demo` makes a SQLite file."""
    path = url.removeprefix(SQLITE)
    if path != url and not Path(path).exists():
        raise Unavailable(f"There is no file {path} yet: run `sitrep migrate`.")


def shown(url: str) -> str:
    """A database's URL without its user and password."""
    if url.startswith(SQLITE):
        return url
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
