"""Takes an import back: every event as it was before, as new changes."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.db import Database
from app.events.write.store import Store


@dataclass(slots=True)
class UndoReport:
    """Events that are as they were before, those left as they changed since, and a sentence for each of those.

    `deleted` of the undone were made by the import, `replaced` changed by it, `restored` deleted by it: they came back
    as new events. `problems` holds the first 1,000 sentences.
    """

    id: int
    deleted: int = 0
    replaced: int = 0
    restored: int = 0
    left: int = 0
    problems: list[str] = field(default_factory=list)


async def undo_import(db: Database, store: Store, id: int, by: str) -> UndoReport:
    """Take an import back; an interrupted undoing goes on. Raises NotFound, and `ImportRunning` while it runs."""
    raise NotImplementedError
