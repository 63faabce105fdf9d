"""`sitrep reindex`: the index of stored events built anew, beside servers that read and write."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.progress import tell_progress

if TYPE_CHECKING:  # `sitrep --help` loads nothing of the service
    from app.settings import Settings


def reindex(
    everything: Annotated[bool, typer.Option("--all", help="Build all of it, although nothing has changed.")] = False,
) -> None:
    """Build what of the index is new or changed, as migrate does.

    Servers go on reading and writing. Filters that would read what is not
    built yet are 503 meanwhile. Killed and started again, it goes on where it
    was; several at once share the work.
    """
    from app.settings import read_settings

    built = asyncio.run(build_index(read_settings(), everything=everything))
    typer.echo("The index is built." if built else "The index is complete.")


async def build_index(settings: Settings, *, everything: bool = False) -> bool:
    """Build it, saying on stderr how far it is; False when there was nothing to build."""
    from app.cli.database import open_for_command
    from app.events.index.reindex import index_log_online, rebuild_online

    async with open_for_command(settings) as db:
        built = await rebuild_online(db, tell_progress("events indexed"), everything=everything)
        return await index_log_online(db, tell_progress("changes indexed")) or built
