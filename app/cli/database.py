"""The database of a command: opened for its length, or refused in a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from app.changes import ChangeLog
from app.db import Database, is_permanent, open_database
from app.errors import DiskFull, Unavailable
from app.settings import Settings

CHECK_TIMEOUT_S = 3.0


@asynccontextmanager
async def open_for_command(settings: Settings, *, any_schema: bool = False) -> AsyncIterator[Database]:
    """The open database; Unavailable when it is a file that does not exist or cannot be used.

    SchemaMismatch when it has the schema of another version, unless the caller waits until that fits.
    """
    db = open_database(
        settings.database_url,
        settings.read_database_url,
        pool_size=settings.database_pool,
        pooler=settings.database_pooler,
        lean=True,
    )
    try:
        await db.connect()
        if not any_schema:
            await db.check_schema()
        yield db
    finally:
        await db.close()


async def require_usable(settings: Settings) -> None:
    """Refuse to start on a database that waiting does not cure; one that is away or not migrated is waited for."""
    with suppress(TimeoutError):
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            try:
                async with open_for_command(settings) as db:
                    await ChangeLog(db).head(primary=True)
            except (Unavailable, DiskFull) as problem:
                if is_permanent(problem):
                    raise
