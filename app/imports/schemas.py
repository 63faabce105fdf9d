"""Imports as the API takes and shows them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from app.imports.report import ImportReport
from app.imports.tables import RunState
from app.kinds import format_instant

YES_OR_NO = WithJsonSchema({"type": "boolean", "default": False})


class ImportQuery(BaseModel):
    """How a file is imported."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lenient: Annotated[
        Literal["true", "false"],
        Field(description="Take in events that break a soft rule, with a quality flag for each."),
        YES_OR_NO,
    ] = "false"
    dry_run: Annotated[
        Literal["true", "false"], Field(description="Write nothing, and tell what would come of it."), YES_OR_NO
    ] = "false"
    tombstone_missing: Annotated[
        Literal["true", "false"],
        Field(description="Delete the events of known records that a snapshot no longer has."),
        YES_OR_NO,
    ] = "false"
    date_order: Annotated[
        Literal["day-first", "month-first"] | None,
        Field(description="How dates such as 3/4/2025 are meant, where the file leaves that open."),
    ] = None


class ImportPageQuery(BaseModel):
    """Which page of the imports."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(default=100, ge=1, le=1000, description="How many items at most.")
    cursor: str | None = Field(default=None, description="The `next` of the page before.")


class ImportProblem(BaseModel):
    """Why a row was refused, or which rule it breaks with a flag."""

    line: int = Field(ge=0, description="Where the row begins in the file, from 1; 0 where that is not known.")
    code: str = Field(examples=["order"])
    detail: str = Field(description="What is wrong, for people.")
    column: str | None = Field(description="The column that the value came from.")
    value: str | None = Field(description="The value, cut to 200 characters.")
    remedy: str | None = Field(description="What would do.")
    flag: str | None = Field(description="The flag that the event carries; null: the row was refused.")


class ImportCounts(BaseModel):
    """Counts of events, except `rows`, `skipped`, `refused` and `unreadable`, which count rows of the file."""

    rows: int
    created: int
    updated: int
    unchanged: int
    skipped: int = Field(description="Rows that are no event of ours, or the same as an earlier one.")
    flagged: int = Field(description="Of those that stand, how many carry a quality flag.")
    refused: int
    unreadable: int = Field(description="Of the refused rows, how many could not be read at all.")
    vanished: int = Field(description="Known records that the file no longer has, or takes back.")
    deleted: int = Field(description="Of the vanished, how many were deleted.")
    cursor_from: str | None = Field(description="The first change; null: nothing changed.")
    cursor: str | None = Field(description="The last change.")
    problems_by: dict[str, int] = Field(description="All problems, counted by their code.")
    skipped_by: dict[str, int] = Field(description="Skipped rows by reason.")
    notes: list[str] = Field(description="What else is to be said, in sentences.")


class ImportReportOut(ImportCounts):
    """What an import came to."""

    id: int | None = Field(description="The import's number; null for a dry run.")
    dataset: str
    dry_run: bool
    problems: list[ImportProblem] = Field(description="The first 1,000.")


class UndoCounts(BaseModel):
    """What came of taking an import back."""

    deleted: int = Field(description="Events that it had made.")
    replaced: int = Field(description="Events that it had changed.")
    restored: int = Field(description="Events that it had deleted: they came back under new ids.")
    left: int = Field(description="Events that were left as they are, as they changed since.")


class UndoOut(UndoCounts):
    """What came of taking an import back, and a sentence for each event that was left."""

    problems: list[str] = Field(description="The first 1,000.")


class ImportOptionsOut(BaseModel):
    """How the file was imported."""

    lenient: bool
    tombstone_missing: bool
    limit: int | None = Field(description="Only so many rows were read.")
    reading: dict[str, Any] = Field(description="What else decided how the rows were read.")


class ImportHead(ImportCounts):
    """An import, without its problems."""

    id: int
    dataset: str
    layout: str = Field(description="The version of the dataset's layout.")
    file_name: str
    sha256: str
    size: int = Field(description="Bytes of the file as it was given.")
    options: ImportOptionsOut
    state: RunState
    by: str = Field(description="Who imported it.")
    started_at: datetime
    seen_at: datetime = Field(description="The last sign of life of the process that works, or worked, on it.")
    ended_at: datetime | None = Field(description="null: it runs, or was interrupted; the same file continues it.")
    undo: UndoCounts | None = Field(description="What came of taking it back; null: nobody did.")


class ImportOut(ImportHead):
    """An import."""

    undo: UndoOut | None = Field(description="What came of taking it back; null: nobody did.")
    problems: list[ImportProblem] = Field(description="The first 1,000.")


class ImportList(BaseModel):
    """A page of imports, newest first."""

    items: list[ImportHead]
    next: str | None


def serialize_report(report: ImportReport, notes: list[str]) -> dict[str, Any]:
    """Give a report as `ImportReportOut`, with what is to be said of the file before its own notes."""
    counted = {"problems_by": dict(report.problems_by), "skipped_by": dict(report.skipped_by)}
    return {**asdict(report), **counted, "notes": [*notes, *report.notes]}


def serialize_import(known: dict[str, Any]) -> dict[str, Any]:
    """Give the columns of an import as `ImportOut`, or as `ImportHead` where its problems were not read."""
    options = orjson.loads(known["options"])
    undo = None if known["undo"] is None else orjson.loads(known["undo"])
    undo_shape = UndoOut if "problems" in known else UndoCounts
    lists = ("problems_by", "skipped_by", "notes", *(["problems"] if "problems" in known else []))
    shown = {
        **known,
        "options": {name: options[name] for name in ("lenient", "tombstone_missing", "limit", "reading")},
        "started_at": format_instant(known["started_at"]),
        "seen_at": format_instant(known["heartbeat_at"]),
        "ended_at": None if known["ended_at"] is None else format_instant(known["ended_at"]),
        "undo": None if undo is None else {name: undo[name] for name in undo_shape.model_fields},
        **{name: orjson.loads(known[name]) for name in lists},
    }
    del shown["heartbeat_at"]
    return shown
