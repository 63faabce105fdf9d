"""`sitrep export`, `sitrep epoch` and `sitrep openapi`: the events, the state of the log, the API's description."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlencode

import typer

if TYPE_CHECKING:  # `sitrep --help` loads nothing of the service
    from app.db import Database
    from app.settings import Settings


FormatName = Literal["ndjson", "csv", "geojson", "parquet", "geoparquet"]
BINARY = {"parquet", "geoparquet"}


FilterArgument = Annotated[
    list[str] | None, typer.Argument(metavar="FILTER", help="name=value; repeatable.", show_default=False)
]


def export(
    filters: FilterArgument = None,
    format: Annotated[  # noqa: A002 (the option's name)
        FormatName | None,
        typer.Option(
            metavar="FORMAT", help="ndjson (default), csv, geojson, parquet or geoparquet.", show_default=False
        ),
    ] = None,
    excel: Annotated[bool, typer.Option("--excel", help="CSV as Excel opens it, with a byte order mark.")] = False,
) -> None:
    """Write every event that matches to stdout.

    The bytes are those of GET /v1/events/export, and the filters have its names.

    Example: sitrep export kind=attack since=2025-09-01 --format csv
    """
    from app.settings import read_settings

    if format in BINARY and sys.stdout.isatty():
        raise typer.BadParameter(f"a terminal cannot show it; add `> events.{format}`.", param_hint="--format")
    raw = query_string(filters or [], format, *[("excel", "true")] * excel)
    asyncio.run(write_export(read_settings(), raw))


def query_string(filters: Sequence[str], format: str | None = None, *more: tuple[str, str]) -> bytes:  # noqa: A002 (the option's name)
    """The filters, and what options stand for, as the API's query string."""
    pairs = [*read_filters(filters), *([] if format is None else [("format", format)]), *more]
    return urlencode(pairs, errors="surrogateescape").encode()


def read_filters(filters: Sequence[str]) -> list[tuple[str, str]]:
    """The names and values of filters; raises BadParameter."""
    bare = [text for text in filters if "=" not in text]
    if bare:
        raise typer.BadParameter(f"{bare[0]!r} is not name=value.", param_hint="FILTER")
    return [(name, value) for name, _, value in (text.partition("=") for text in filters)]


async def write_export(settings: Settings, raw: bytes) -> None:
    """Stream the export to stdout."""
    from app.cli.database import open_for_command

    async with open_for_command(settings) as db:
        async for piece in await export_of(db, settings.source, raw):
            sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


async def export_of(db: Database, source: str | None, raw: bytes) -> AsyncIterator[bytes]:
    """The bytes of the export that a query string asks for."""
    from app.changes import ChangeLog
    from app.events.read.export import open_export
    from app.events.schemas import ExportQuery
    from app.http import read_query

    return (await open_export(db, ChangeLog(db, source), read_query(raw, ExportQuery))).pieces


def openapi() -> None:
    """Print the OpenAPI document that is served, indented."""
    from app.main import create_app
    from app.openapi import document_bytes
    from app.settings import read_settings

    sys.stdout.buffer.write(document_bytes(create_app(read_settings())))
    sys.stdout.buffer.flush()


def epoch(
    new: Annotated[bool, typer.Option("--new", help="Begin the next epoch.")] = False,
) -> None:
    """Show the epoch of the feed, or begin the next.

    Begin one when an older backup was restored: the cursors given out since the
    backup name changes that are gone. Then every cursor of before is answered
    with 410, and readers begin again from the list.
    """
    from app.settings import read_settings

    typer.echo(asyncio.run(epoch_of(read_settings(), new=new)))


async def epoch_of(settings: Settings, *, new: bool) -> int:
    """The epoch that holds now."""
    from app.changes import ChangeLog
    from app.changes.epoch import raise_epoch
    from app.cli.database import open_for_command

    async with open_for_command(settings) as db:
        return await raise_epoch(db) if new else (await ChangeLog(db).head(primary=True)).epoch
