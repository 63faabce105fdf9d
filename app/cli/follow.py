"""`sitrep follow`: shows what changes on a running server, as a table on a terminal, as NDJSON in a pipe."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Callable
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from app.cli.error_messages import print_error
from app.cli.export import FilterArgument, read_filters
from app.cli.server_feed import (
    LOCAL,
    AfterOption,
    KeyFileOption,
    ServerFeed,
    ServerRefused,
    UrlOption,
    read_key,
    read_text,
    run_until_stopped,
)

if TYPE_CHECKING:  # `sitrep --help` loads nothing of the service
    from rich.console import Console

WIDE = 100  # columns of a terminal from which on kinds are shown whole
# Control characters, separators of lines, and marks of the direction of writing: they are obeyed, not shown.
OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
STYLES = {"created": "green", "updated": "yellow", "deleted": "red"}


def follow(
    filters: FilterArgument = None,
    url: UrlOption = LOCAL,
    key_file: KeyFileOption = None,
    after: AfterOption = "now",
    checkpoint: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep the position there; it goes before --after.", show_default=False),
    ] = None,
) -> None:
    """Show each change on a running server as it happens.

    On a terminal it is a table; in a pipe it is the feed's items, one a line.
    The key is read from SITREP_KEY or a file. Ctrl-C ends it, and says from
    where to go on.

    Example: sitrep follow kind=attack country=UA --after oldest | jq .data.id
    """
    kept = read_text(checkpoint) if checkpoint is not None and checkpoint.exists() else ""
    feed = ServerFeed(url, read_key(key_file), read_filters(filters or []), print_error)
    asyncio.run(run_until_stopped(show_changes(feed, kept or after, checkpoint)))
    option = f"--after {feed.position}" if checkpoint is None else f"--checkpoint {checkpoint}"
    print_error(f"Stopped. Go on with {option}.")


async def show_changes(feed: ServerFeed, after: str, checkpoint: Path | None) -> None:
    """Show every change after a position, and keep how far that is."""
    show = table_printer() if sys.stdout.isatty() else print_line
    try:
        async with aclosing(feed.changes(after)) as changes:
            async for cursor, item, is_last in changes:
                if item is not None:
                    show(item)
                if checkpoint is not None and is_last:
                    save(checkpoint, cursor)
    finally:
        if checkpoint is not None and feed.position not in {"now", "oldest"}:
            save(checkpoint, feed.position)


def print_line(item: bytes) -> None:
    """Write a change as the server wrote it."""
    sys.stdout.buffer.write(item + b"\n")
    sys.stdout.buffer.flush()


def save(path: Path, cursor: str) -> None:
    """Keep a position; after a crash the file holds this one or the one before."""
    fresh = path.with_name(f"{path.name}.new")
    try:
        with fresh.open("wb", buffering=0) as file:
            file.write(f"{cursor}\n".encode())
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise ServerRefused(f"The position cannot be kept in {path}: {error.strerror}.") from None


def table_printer() -> Callable[[bytes], None]:
    """Print the head of the table; gives what prints a change as its next row."""
    from rich.console import Console

    console = Console(highlight=False)
    console.print(row_of(console, ("RECORDED", "CHANGE", "KIND", "DATE", "WHERE", "TITLE"), "bold"))
    return lambda item: console.print(row_of(console, tuple(map(escape, cells_of(json.loads(item))))))


def row_of(console: Console, cells: tuple[str, ...], style: str = "") -> Any:
    """A row of the table, one line of the terminal."""
    from rich.table import Table
    from rich.text import Text

    table, is_wide = Table.grid(padding=(0, 2), expand=True), console.width >= WIDE
    for width in (19 if is_wide else 8, 7, 18 if is_wide else 13, 10, 5, None):
        table.add_column(width=width, ratio=None if width else 1, no_wrap=True, overflow="ellipsis")
    recorded = cells[0] if is_wide else cells[0][-8:]  # the time of day
    table.add_row(*[Text(cell, style or STYLES.get(cell, "")) for cell in (recorded, *cells[1:])])
    return table


def escape(text: str) -> str:
    """The text with what steers a terminal or turns the direction of writing shown as a code, such as U+202E."""
    return OBEYED.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)


def cells_of(item: dict[str, Any]) -> tuple[str, ...]:
    """A change as a row: when it was recorded (UTC), what it is, and the day, countries and title of the event."""
    kind, _, change = item["type"].rpartition(".")
    start, event = [item["time"][:19].replace("T", " "), change, kind.replace("_", " ")], item["data"]
    if "deleted_at" in event:
        return *start, "", "", f"({event['reason'].replace('_', ' ')})"
    found = (place["country"] for place in event["locations"] if place["role"] != "launch")
    countries = list(dict.fromkeys(country for country in found if country))
    where = ",".join(countries) if len(countries) < 3 else f"{countries[0]}+{len(countries) - 1}"
    return *start, day_of(event), where, event["title"]


def day_of(event: dict[str, Any]) -> str:
    """When an event began, in its own time zone and as exactly as is known."""
    begin = datetime.fromisoformat(event["started_at"]).astimezone(ZoneInfo(event["timezone"] or "UTC"))
    return begin.date().isoformat()[: {"year": 4, "month": 7}.get(event["time_precision"])]
