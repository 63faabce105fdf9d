"""Imports a file that came with a request."""

from __future__ import annotations

import asyncio
import io

from app.datasets import Dataset
from app.db import Database
from app.errors import FieldError, Invalid
from app.events.write.store import Store
from app.http import UploadedFile
from app.imports.detection import describe, identify
from app.imports.files import DataFile, FileError, open_file
from app.imports.import_request import prepare_import
from app.imports.report import ImportReport
from app.imports.request import ImportOptions, ImportRequest
from app.imports.run import run_import
from app.imports.schemas import ImportQuery


async def import_upload(
    db: Database, store: Store, file: UploadedFile, dataset: Dataset, params: ImportQuery, *, by: str
) -> tuple[ImportReport, list[str]]:
    """Import the file; gives the report, and what is to be said of the file. Raises Invalid for what is none."""
    try:
        opened = await asyncio.to_thread(open_file, io.BytesIO(file.content), file.name or dataset.name)
        with opened:
            request, notes = await asyncio.to_thread(prepare, opened, dataset, params, by)
            return await run_import(db, store, request), notes
    except FileError as refusal:
        raise Invalid(str(refusal), errors=[FieldError("file", str(refusal), pointer="")]) from None


def prepare(opened: DataFile, dataset: Dataset, params: ImportQuery, by: str) -> tuple[ImportRequest, list[str]]:
    """Find out how the file is to be read."""
    detected = identify(opened, dataset.name, {dataset.name: dataset})
    options = ImportOptions(
        write=params.dry_run == "false",
        lenient=params.lenient == "true",
        tombstone_missing=params.tombstone_missing == "true",
    )
    request = prepare_import(opened, detected, by=by, options=options, date_order=params.date_order)
    return request, describe(opened, detected)
