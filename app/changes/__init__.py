"""The change log: every accepted write appends here, in commit order, and every reader reads from here."""

from app.changes.append import append
from app.changes.log import AT_ONCE, ENTRY_COLUMNS, ChangeLog, feed_item
from app.changes.retention import keep_trimmed, trim
from app.changes.tables import Change, Draft, Entry, Head, LogHead, format_cursor, parse_cursor

__all__ = [
    "AT_ONCE",
    "ENTRY_COLUMNS",
    "Change",
    "ChangeLog",
    "Draft",
    "Entry",
    "Head",
    "LogHead",
    "append",
    "feed_item",
    "format_cursor",
    "keep_trimmed",
    "parse_cursor",
    "trim",
]
