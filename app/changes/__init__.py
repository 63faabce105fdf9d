"""The change log: every accepted write appends here, in commit order, and every reader reads from here."""

from __future__ import annotations

from app.changes.append import append
from app.changes.log import AT_ONCE, ENTRY_COLUMNS, ChangeLog, ChangeLogDep, feed_item
from app.changes.position_cache import PositionCache
from app.changes.retention import trim, trim_periodically
from app.changes.tables import (
    STALE_S,
    Change,
    ChangeBlock,
    ChangeRecord,
    Head,
    LogHead,
    PendingChange,
    Position,
    format_cursor,
    parse_cursor,
)

__all__ = [
    "AT_ONCE",
    "ENTRY_COLUMNS",
    "STALE_S",
    "Change",
    "ChangeBlock",
    "ChangeLog",
    "ChangeLogDep",
    "ChangeRecord",
    "Head",
    "LogHead",
    "PendingChange",
    "Position",
    "PositionCache",
    "append",
    "feed_item",
    "format_cursor",
    "parse_cursor",
    "trim",
    "trim_periodically",
]
