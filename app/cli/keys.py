"""`sitrep key`: keys made, listed and revoked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:  # `sitrep --help` loads nothing of the service
    from app.auth.tables import StoredKey
    from app.db import Database


COLUMNS = ("ID", "STATE", "SCOPES", "NAME", "OWNER", "CREATED", "EXPIRES", "LAST USED")


class ScopeName(StrEnum):
    """The scopes, known here too so that help is shown without loading the rest."""

    read = "read"
    write = "write"
    subscribe = "subscribe"
    admin = "admin"


keys = typer.Typer(
    name="key", help="Make, list and revoke keys.", rich_markup_mode=None, pretty_exceptions_enable=False
)


@keys.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the key is for.", show_default=False)],
    scope: Annotated[
        list[ScopeName],
        typer.Option(metavar="SCOPE", help="read, write, subscribe or admin; repeatable.", show_default=False),
    ],
    owner: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Who answers for what it does. Default: its name.", show_default=False),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="A day or an instant, such as 2099-12-31T12:00:00Z. Default: never.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Make a key and print it.

    It is shown this once: the database keeps a hash.
    """
    from app.auth.keys import create_key
    from app.cli.database import open_for_command
    from app.settings import read_settings

    async def create() -> str:
        async with open_for_command(read_settings()) as db:
            return (
                await create_key(db, name, [each.value for each in scope], owner=owner, expires_at=instant(expires))
            )[1]

    typer.echo(asyncio.run(create()))


@keys.command(name="list")
def list_() -> None:
    """List all keys, newest first.

    Times are UTC. LAST USED is right to the minute.
    """
    from app.cli.database import open_for_command
    from app.settings import read_settings

    async def load() -> list[StoredKey]:
        async with open_for_command(read_settings()) as db:
            return await every_key(db)

    from app.auth.keys import utc_now

    now = utc_now()
    for line in table([COLUMNS, *(row(key, now) for key in asyncio.run(load()))]):
        typer.echo(line)


@keys.command()
def revoke(
    id: Annotated[str, typer.Argument(metavar="ID", help="As `sitrep key list` shows it.", show_default=False)],
) -> None:
    """Close a key for ever."""
    from app.auth.keys import revoke_key
    from app.cli.database import open_for_command
    from app.errors import NotFound
    from app.settings import read_settings

    async def done() -> bool:
        async with open_for_command(read_settings()) as db:
            return await revoke_key(db, id)

    if not asyncio.run(done()):
        raise NotFound(f"There is no key {id}; `sitrep key list` shows those there are.")
    typer.echo(f"revoked {id}")


def instant(text: str | None) -> datetime | None:
    """A time of the command line; a bare day begins at midnight UTC."""
    from app.events.read.as_of import read_instant

    return None if text is None else read_instant(text, "UTC", "expires")


async def every_key(db: Database) -> list[StoredKey]:
    """All keys, page by page."""
    from app.auth.keys import list_keys

    found, cursor = await list_keys(db)
    while cursor is not None:
        page, cursor = await list_keys(db, cursor=cursor)
        found += page
    return found


def row(key: StoredKey, now: datetime) -> tuple[str, ...]:
    """A key as a line of the list."""
    times = (key.created_at, key.expires_at, key.last_used_at)
    created, expires, used = ("never" if time is None else f"{time:%Y-%m-%d %H:%M}" for time in times)
    return key.id, state(key, now), ",".join(key.scopes), key.name, key.owner, created, expires, used


def state(key: StoredKey, now: datetime) -> str:
    """Whether the key still opens anything."""
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "valid"


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with their columns aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
