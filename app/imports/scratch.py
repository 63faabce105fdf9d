"""What an import must remember about a whole file, in a temporary database on disk instead of in memory."""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

import orjson

from app.imports.entries import Entry, with_plain_mappings

TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -16384;
CREATE TABLE seen (key TEXT PRIMARY KEY, hash BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE held (n INTEGER PRIMARY KEY, match_key TEXT, entry BLOB NOT NULL);
CREATE TABLE missing (key TEXT PRIMARY KEY, event TEXT NOT NULL, match_key TEXT) WITHOUT ROWID;
CREATE TABLE pair (n INTEGER PRIMARY KEY, key TEXT NOT NULL, event TEXT NOT NULL);
"""
# A held-back draft whose match key one missing record has, and no other draft or record.
PAIRS = """
INSERT INTO pair SELECT held.n, missing.key, missing.event FROM missing JOIN held USING (match_key)
WHERE match_key IN (SELECT match_key FROM held GROUP BY match_key HAVING count(*) = 1)
AND match_key IN (SELECT match_key FROM missing GROUP BY match_key HAVING count(*) = 1)
"""


class MissingRecord(NamedTuple):
    """A known record that the file does not have, and its event."""

    key: str
    event: UUID


class HeldDraft(NamedTuple):
    """A draft that was held back: the missing record that it corrects, if any, and whether one may be it."""

    entry: Entry
    corrects: MissingRecord | None
    resembles: bool


class Scratch:
    """The keys seen in the file with the hashes of their drafts, the drafts held back, and the records missed.

    It is used by one thread at a time. SQLite keeps it in a file without a name, which is gone with the process.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.executescript(TABLES)

    def close(self) -> None:
        """Forget everything."""
        self._db.close()

    def seen(self, keys: Iterable[str]) -> dict[str, bytes]:
        """Which of the keys were seen, with their hashes; REMOVED where the file removed the record again."""
        asked = orjson.dumps(list(keys)).decode()
        return dict(
            self._db.execute("SELECT key, hash FROM seen WHERE key IN (SELECT value FROM json_each(?))", [asked])
        )

    def add_seen(self, hashes: Iterable[tuple[str, bytes]]) -> None:
        """Remember keys and hashes."""
        self._db.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?)", hashes)

    @property
    def is_empty(self) -> bool:
        """Whether no key was seen."""
        return not self._db.execute("SELECT 1 FROM seen LIMIT 1").fetchall()

    def hold(self, entries: Iterable[Entry]) -> None:
        """Keep drafts for the end."""
        rows = [(entry.match_key, pickle.dumps(with_plain_mappings(entry))) for entry in entries]
        self._db.executemany("INSERT INTO held (match_key, entry) VALUES (?, ?)", rows)

    def add_missing(self, records: Iterable[tuple[str, UUID, str | None]]) -> None:
        """Remember those of the known records (key, event, match key) that were not seen."""
        listed = list(records)
        there = self.seen(key for key, _, _ in listed)
        rows = [(key, str(event), match_key) for key, event, match_key in listed if key not in there]
        self._db.executemany("INSERT INTO missing VALUES (?, ?, ?)", rows)

    def match(self) -> None:
        """Find the held-back drafts that correct a missing record; that record is no longer missing then."""
        self._db.execute(PAIRS)

    def held(self, after: int, limit: int) -> list[HeldDraft]:
        """The held-back drafts after the first so many, in the file's order."""
        rows = self._db.execute(
            "SELECT entry, pair.key, event, held.match_key IN (SELECT match_key FROM missing WHERE match_key NOT NULL) "
            "FROM held LEFT JOIN pair USING (n) WHERE n > ? ORDER BY n LIMIT ?",
            [after, limit],
        )
        return [
            HeldDraft(
                pickle.loads(entry),  # noqa: S301 (written by `hold`)
                None if key is None else MissingRecord(key, UUID(event)),
                bool(resembles),
            )
            for entry, key, event, resembles in rows
        ]

    def count_missing(self) -> int:
        """How many known records the file neither has nor corrects."""
        [(count,)] = self._db.execute("SELECT count(*) FROM missing WHERE key NOT IN (SELECT key FROM pair)")
        return int(count)

    def missing(self, after: str, limit: int) -> list[MissingRecord]:
        """Known records that the file neither has nor corrects, by key, after one of them."""
        rows = self._db.execute(
            "SELECT key, event FROM missing WHERE key > ? AND key NOT IN (SELECT key FROM pair) ORDER BY key LIMIT ?",
            [after, limit],
        )
        return [MissingRecord(key, UUID(event)) for key, event in rows]
