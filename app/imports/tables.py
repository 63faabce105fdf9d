"""The tables of imports: each run with its report, what is known of each record, and what a run changed."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from app.db import BigKey, UtcTime

WITHOUT_ROWID = {"sqlite_with_rowid": False}
MATCHED = sa.text("match_key IS NOT NULL")

RunState = Literal["running", "done", "failed", "undoing", "undone"]


class ImportRun(SQLModel, table=True):
    """One import with its report so far; JSON columns hold canonical JSON.

    `taken` counts the records of the file that are done, `taken_late` those of the held-back ones. Who works on it
    holds `lease`: `holder` names the process, `heartbeat_at` says when it last gave a sign.
    """

    __tablename__ = "import_run"
    id: int = Field(primary_key=True, sa_type=BigKey, sa_column_kwargs={"autoincrement": False})
    dataset: str
    layout: str
    file_name: str
    sha256: str
    size: int = Field(sa_type=BigInteger)
    options: str
    state: str
    by: str
    started_at: datetime = Field(sa_type=UtcTime)
    ended_at: datetime | None = Field(sa_type=UtcTime)
    lease: UUID | None
    holder: str
    heartbeat_at: datetime = Field(sa_type=UtcTime)
    taken: int = Field(sa_type=BigInteger)
    taken_late: int = Field(sa_type=BigInteger)
    rows: int = Field(sa_type=BigInteger)
    created: int = Field(sa_type=BigInteger)
    updated: int = Field(sa_type=BigInteger)
    unchanged: int = Field(sa_type=BigInteger)
    skipped: int = Field(sa_type=BigInteger)
    flagged: int = Field(sa_type=BigInteger)
    refused: int = Field(sa_type=BigInteger)
    unreadable: int = Field(sa_type=BigInteger)
    vanished: int = Field(sa_type=BigInteger)
    deleted: int = Field(sa_type=BigInteger)
    cursor_from: str | None
    cursor: str | None
    problems: str
    problems_by: str
    skipped_by: str
    notes: str
    undo: str | None


class ImportedRecord(SQLModel, table=True):
    """What the last import knew of a record: the event that it became, and the hash of its draft.

    `since` is the import that met the key for the first time; `match_key` is the dataset's, where its keys change.
    """

    __tablename__ = "imported_record"
    __table_args__ = (
        sa.Index("imported_record_match", "dataset", "match_key", sqlite_where=MATCHED, postgresql_where=MATCHED),
        WITHOUT_ROWID,
    )
    dataset: str = Field(primary_key=True)
    record: str = Field(primary_key=True)
    event: int = Field(sa_type=BigInteger)
    hash: bytes
    match_key: str | None
    flagged: bool
    since: int = Field(sa_type=BigInteger)


class ImportChange(SQLModel, table=True):
    """An event that an import changed, from one version (0: there was none) to another.

    What was known of the record before is kept, so that undoing puts it back; `hash_before` is NULL if it was unknown.
    """

    __tablename__ = "import_change"
    __table_args__ = WITHOUT_ROWID
    import_id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    event: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    record: str
    version_before: int
    version_after: int
    undone: bool
    record_before: str
    hash_before: bytes | None
    match_key_before: str | None
    flagged_before: bool
    since_before: int = Field(sa_type=BigInteger)
