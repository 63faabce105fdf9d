"""What an export is made of, for the route and for `sitrep export` alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from app.changes import ChangeLog
from app.db import Database
from app.events.formats.export import MEDIA_TYPES, PARQUET, export_stream
from app.events.formats.parquet import require_pyarrow
from app.events.read.as_of import resolve_query
from app.events.read.queries import iterate
from app.events.read.rows import read_bodies
from app.events.schemas import ExportQuery
from app.kit.offload import run_in_thread


class Export(NamedTuple):
    """A file that is made while it is read, and the position of the feed at which its events stood."""

    pieces: AsyncIterator[bytes]
    media_type: str
    as_of: str


async def open_export(db: Database, log: ChangeLog, params: ExportQuery) -> Export:
    """Resolve the query and begin the file; raises Invalid (422) for a format that this installation cannot write."""
    media_type = MEDIA_TYPES[params.format]
    if media_type == PARQUET:
        await run_in_thread(require_pyarrow)
    head, resolved = await resolve_query(log, params)
    bodies = read_bodies(iterate(db, resolved._replace(as_of=head.seq)))
    kinds: list[str] = getattr(params, "kind", None) or []
    return Export(export_stream(bodies, params.format, head.cursor, kinds, excel=params.excel), media_type, head.cursor)
