"""Where a reader begins: a cursor, a time, the oldest change or the end of the feed."""

from __future__ import annotations

from app.changes import ChangeLog, Head
from app.errors import CursorExpired
from app.events.read.as_of import DATED, read_instant


async def read_start_position(log: ChangeLog, head: Head, named: str, timezone: str, parameter: str = "after") -> int:
    """The sequence after which a reader goes on; 410 when the feed no longer reaches back to it.

    A time stands for the last change before it. `parameter` is the name that a refused time is reported under.
    """
    if named == "oldest":
        return head.oldest
    if named == "now":
        return head.seq
    if not DATED.match(named):
        return await log.position(named, head)
    found = await log.before(read_instant(named, timezone, parameter), head, inclusive=False)
    if found < head.oldest:
        raise log.gone(CursorExpired, "The feed no longer reaches back to that time; read the list again.", head)
    return found
