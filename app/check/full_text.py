"""Checks that SQLite's full text index holds the words of its texts; on PostgreSQL they stand in the row itself."""

from __future__ import annotations

import re
import sqlite3

from app.check.report import Report
from app.db import Transaction
from app.db.sqlite import SqliteTransaction

WORDS = "full text"
OPEN = "CREATE VIRTUAL TABLE IF NOT EXISTS temp.indexed_word USING fts5vocab('main', 'event_text', 'instance')"
INDEXED = "SELECT DISTINCT term, doc FROM temp.indexed_word"
REBUILD = "INSERT INTO event_text (event_text) VALUES ('rebuild')"
# What FTS5's tokenizer `ascii` takes for a word.
WORD = re.compile(r"[0-9A-Za-z\u0080-\U0010ffff]+")
LIMIT = 1 << 64


def check_texts(tx: Transaction, report: Report) -> None:
    """Compare the words of all texts; sums of hashes need no memory, and their order does not matter."""
    if not isinstance(tx, SqliteTransaction):
        return
    part, connection = report.part(WORDS), tx.connection
    try:
        connection.execute(OPEN)
        found = sum(map(hash, connection.execute(INDEXED))) % LIMIT
        texts = connection.execute("SELECT rowid, text FROM event_text")
        wanted = sum(hash((word, key)) for key, text in texts for word in set(WORD.findall(text)))
    except sqlite3.DatabaseError as error:
        part.fault(f"it cannot be read ({error})")
        return
    if found != wanted % LIMIT:
        part.fault("it does not hold the words of its texts")


def rebuild_texts(tx: Transaction) -> None:
    """Make the index anew from its texts."""
    if isinstance(tx, SqliteTransaction):
        tx.connection.execute(REBUILD)
