"""`sitrep sync`: takes in what is due of the sources, once or for as long as it runs."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:  # `sitrep --help` loads nothing of the service
    from app.settings import Settings
    from app.sources.config import Source
    from app.sources.outcome import Outcome


def sync(
    names: Annotated[list[str] | None, typer.Argument(metavar="SOURCE", help="Only these, due or not.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and take each source in whenever it is due.")] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Remove what is known of these sources; their events stay.")
    ] = False,
) -> None:
    """Take in what is due of the sources in SITREP_SOURCES_FILE.

    Says a line for each source, and ends with status 1 if one failed. Any
    number of these may run: a source is taken in by one at a time.
    """
    from app.settings import SettingsError, read_settings
    from app.sources.config import read_sources, suggest
    from app.sources.providers import providers

    settings, wanted = read_settings(), names or []
    if forget and (watch or not wanted):
        raise typer.BadParameter("--forget needs the names of sources, and goes without --watch.")
    if forget:
        asyncio.run(remove(settings, wanted))
        return
    if settings.sources_file is None:
        raise SettingsError("SITREP_SOURCES_FILE: it names the file of sources, and is not set; see docs/sources.md.")
    sources = read_sources(settings.sources_file, providers())
    known = [source.name for source in sources]
    for name in wanted:
        if name not in known:
            hint = suggest(name, known) or f"; they are {', '.join(known)}."
            raise SettingsError(f"{settings.sources_file}: there is no source {name}{hint}")
    chosen = [source for source in sources if not wanted or source.name in wanted]
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole URLs, with the keys that some have
    if watch:
        from app.cli.database import require_usable
        from app.logs import set_up_logs

        asyncio.run(require_usable(settings))
        set_up_logs(settings)
    if not asyncio.run(take_in(settings, chosen, watch=watch, force=bool(wanted))):
        raise typer.Exit(1)


async def take_in(settings: Settings, sources: list[Source], *, watch: bool, force: bool) -> bool:
    """Take the sources in, once or until SIGTERM or SIGINT; False if one failed."""
    from app.cli.database import open_for_command
    from app.sources.importing import FileImporter
    from app.sources.sync import Syncer
    from app.subscriptions.transport.url_guard import TargetPolicy

    async with open_for_command(settings, any_schema=watch) as db, FileImporter(db) as import_file:
        syncer = Syncer(db, sources, import_file, TargetPolicy.of(settings))
        if not watch:
            outcomes = await syncer.run([source.name for source in sources] if force else (), print_outcome)
            return all(outcome.result != "failed" for outcome in outcomes)
        watching = asyncio.create_task(syncer.watch(log_failure))
        for sign in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(sign, watching.cancel)
        await asyncio.wait({watching})
        if not watching.cancelled():
            watching.result()
    return True


async def remove(settings: Settings, names: list[str]) -> None:
    """Remove what is known of sources."""
    from app.cli.database import open_for_command
    from app.sources.tables import forget

    async with open_for_command(settings) as db:
        for name in names:
            told = "forgotten; its events stay." if await forget(db, name) else "not known."
            typer.echo(f"{name}: {told}")


def log_failure(outcome: Outcome) -> None:
    """Say a line about a source, a failure in the log."""
    import structlog

    if outcome.result == "failed":
        structlog.get_logger(__name__).warning("a source failed", source=outcome.name, problem=outcome.sentence)
    else:
        print_outcome(outcome)


def print_outcome(outcome: Outcome) -> None:
    """Say a line about a source: on stdout, on stderr if it failed."""
    is_failure = outcome.result == "failed"
    typer.echo(f"{outcome.name}: {'failed: ' if is_failure else ''}{outcome.sentence}", err=is_failure)
