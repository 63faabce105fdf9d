"""Imports over HTTP: a file in, what became of each import, and taking one back."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from app.auth.authentication import ReadKey, WriteKey, forbidden
from app.datasets import datasets
from app.db import DatabaseDep
from app.errors import CursorMalformed, ImportRunning, Invalid, NotFound, problem_responses
from app.events.write.store import StoreDep
from app.http import DirectRoute, NoQuery, UploadedFile, file_body, query
from app.imports.queries import list_imports, read_import
from app.imports.schemas import (
    ImportList,
    ImportOut,
    ImportPageQuery,
    ImportQuery,
    ImportReportOut,
    serialize_import,
    serialize_report,
)
from app.kit.json_lines import dump_json

router = APIRouter(prefix="/v1/imports", tags=["imports"], route_class=DirectRoute)
NUMBER = re.compile(r"[1-9][0-9]{0,17}\Z", re.ASCII)


@router.post(
    "/{dataset}",
    operation_id="import_file",
    response_model=None,
    responses={200: {"model": ImportReportOut}, **problem_responses(NotFound, ImportRunning, Invalid)},
)
async def import_file(
    *,
    key: WriteKey,
    params: Annotated[ImportQuery, Depends(query(ImportQuery))],
    dataset: str,
    file: Annotated[UploadedFile, Depends(file_body())],
    db: DatabaseDep,
    store: StoreDep,
) -> Response:
    """Import a file of a dataset, up to 16 MiB: as the body, or as the one file of a form (multipart/form-data).

    CSV, TSV, JSON, NDJSON, XLSX and Parquet, also as .gz, .zip and .zst; larger ones go in by `sitrep import`. Events
    are found again by their ids in the dataset, so the same file twice changes nothing. Good rows go in, the others
    are told in `problems`. A file that is not what it seems is 422, and nothing of it is stored. The dataset `sitrep`,
    which brings back ids, versions and times, needs the scope `admin`.
    """
    from app.imports.upload import import_upload  # noqa: PLC0415 -- the first file loads the readers of files

    known = datasets()
    if dataset not in known:
        raise NotFound(f"There is no dataset of that name; there are {', '.join(sorted(known))}.")
    if known[dataset].is_restore and not key.may("admin"):
        raise forbidden("admin")
    report, notes = await import_upload(db, store, file, known[dataset], params, by=key.owner)
    headers = {} if report.cursor is None else {"Feed-Cursor": report.cursor}
    return json_response(serialize_report(report, notes), headers)


@router.get(
    "",
    operation_id="list_imports",
    response_model=None,
    responses={200: {"model": ImportList}, **problem_responses(CursorMalformed)},
)
async def get_imports(
    _: ReadKey, page: Annotated[ImportPageQuery, Depends(query(ImportPageQuery))], db: DatabaseDep
) -> Response:
    """List the imports, newest first, without their problems."""
    found, following = await list_imports(db, page.limit, page.cursor)
    return json_response({"items": [serialize_import(each) for each in found], "next": following})


@router.get("/{id}", operation_id="get_import", response_model=None, responses={200: {"model": ImportOut}})
async def get_import(_: ReadKey, __: NoQuery, id: str, db: DatabaseDep) -> Response:
    """Tell of an import: its file, who imported it and how, what came of it, and its first 1,000 problems."""
    return json_response(serialize_import(await read_import(db, number(id))))


@router.post(
    "/{id}/undo",
    operation_id="undo_import",
    response_model=None,
    responses={200: {"model": ImportOut}, **problem_responses(ImportRunning)},
)
async def undo(key: WriteKey, _: NoQuery, id: str, db: DatabaseDep, store: StoreDep) -> Response:
    """Take an import back: every event as it was before, as new changes. One that changed since is left, and told.

    Events that the import deleted come back under new ids. Once more changes nothing.
    """
    from app.imports.undo import undo_import  # noqa: PLC0415 -- the first who takes one back loads it

    await undo_import(db, store, number(id), key.owner)
    return json_response(serialize_import(await read_import(db, number(id))))


def number(text: str) -> int:
    """The number of an import; raises NotFound for what cannot be one."""
    if not NUMBER.match(text):
        raise NotFound("There is no import of that number.")
    return int(text)


def json_response(shown: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """Answer in JSON that no cache keeps."""
    return Response(dump_json(shown), 200, {"Cache-Control": "no-store", **(headers or {})}, "application/json")
