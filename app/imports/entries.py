"""A record of the file as the import works on it, with the hash that tells whether it changed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import orjson

from app.datasets.base import Dataset, Draft, Removal, SourceRow

HASH_BYTES = 16
# The hash of a record that is gone.
REMOVED = b""


@dataclass(frozen=True, slots=True)
class Entry:
    """A draft or a removal, with the hash of the draft and its match key."""

    record: Draft | Removal
    hash: bytes
    match_key: str | None = None

    @property
    def key(self) -> str:
        """The record's id within its system."""
        return self.record.key

    @property
    def rows(self) -> tuple[SourceRow, ...]:
        """The rows of the file that it was made of."""
        return self.record.rows

    @property
    def line(self) -> int:
        """Where it begins in the file."""
        return self.rows[0].line if self.rows else 0


def entry_of(record: Draft | Removal, dataset: Dataset) -> Entry:
    """Prepare a record."""
    if isinstance(record, Removal):
        return Entry(record, REMOVED)
    return Entry(record, hash_draft(record), dataset.match_key(record.event))


def hash_draft(draft: Draft) -> bytes:
    """What tells whether a record is as it was when it was last imported."""
    text = orjson.dumps(draft.event, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.blake2b(text, digest_size=HASH_BYTES).digest()


def with_plain_mappings(entry: Entry) -> Entry:
    """The entry of a draft with dictionaries for whatever mappings its dataset made, so that it can be pickled."""
    draft = entry.record
    if isinstance(draft, Removal):
        return entry
    rows = tuple(SourceRow(row.line, dict(row.values)) for row in draft.rows)
    return Entry(Draft(draft.key, draft.event, rows, dict(draft.columns)), entry.hash, entry.match_key)
