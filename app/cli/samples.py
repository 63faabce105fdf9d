"""What `sitrep demo` does to a database before it serves: the samples where there is nothing, and a new demo key."""

from __future__ import annotations

from typing import NamedTuple

from app.auth.keys import replace_key
from app.changes import ChangeLog
from app.cli.database import open_for_command
from app.db import Database
from app.events.write.parse_commands import batch_response, read_items
from app.events.write.store import Store
from app.events.write.transaction import WriteRequest
from app.samples import load
from app.settings import Settings

KEY_NAME = "demo"
WRITER = "sitrep"


class Ready(NamedTuple):
    """What the start message tells."""

    key: str
    events: int
    loaded: bool


async def prepare(settings: Settings) -> Ready:
    """Load the samples into an empty log, remake the key, count."""
    async with open_for_command(settings) as db:
        log = ChangeLog(db, settings.source)
        is_empty = (await log.head(primary=True)).seq == 0
        if is_empty:
            await load_samples(db)
        _, key = await replace_key(db, KEY_NAME, ["admin"])
        events, _ = await log.checkpoint((await log.head(primary=True)).seq)
    return Ready(key, events, is_empty)


async def load_samples(db: Database) -> None:
    """Write the samples the way a caller would: as one batch that stands or falls together."""
    commands, places = read_items(load())
    store = Store(db)
    store.start()
    try:
        await store.run(WriteRequest(commands, WRITER, lambda results: batch_response(results, ""), places=places))
    finally:
        await store.stop()
