"""The command `sitrep`: reads what was typed, has it done, and tells in one sentence what went wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from app.cli.check import check
from app.cli.datasets import datasets
from app.cli.error_messages import explain, print_error
from app.cli.export import epoch, export, openapi
from app.cli.follow import follow
from app.cli.import_file import import_file
from app.cli.keys import keys
from app.cli.mcp import mcp
from app.cli.migrate import migrate
from app.cli.reindex import reindex
from app.cli.serve import demo, serve
from app.cli.subscribe import subscribe
from app.cli.sync import sync
from app.cli.worker import worker
from app.version import get_version

PLAIN = {"help_option_names": ["-h", "--help"], "max_content_width": 80}

sitrep = typer.Typer(
    name="sitrep",
    help="A live, queryable event feed for armed conflict and its diplomacy.",
    epilog="Settings are environment variables: docs/operations.md has the list.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=PLAIN,
)


def tell_version(is_asked: bool) -> None:
    """Print the version and end."""
    if is_asked:
        typer.echo(f"sitrep {get_version()}")
        raise typer.Exit


@sitrep.callback()
def whole(
    version: Annotated[
        bool, typer.Option("--version", callback=tell_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """A live, queryable event feed for armed conflict and its diplomacy."""


for command in (demo, serve, worker, sync, migrate, reindex, check):
    sitrep.command()(command)
sitrep.command("import")(import_file)
sitrep.command()(export)
sitrep.command()(follow)
sitrep.command()(subscribe)
for command in (mcp, datasets, openapi, epoch):
    sitrep.command()(command)
sitrep.add_typer(keys)


def main() -> None:
    """Run the command line of this process."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments ask for; answers the exit status: 1 for a failure, 2 for a mistake in what was asked."""
    try:
        status = sitrep(list(arguments) or ["--help"], prog_name="sitrep", standalone_mode=False) or 0
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        explained = explain(error)
        if explained is None:
            raise
        print_error(explained.text)
        return explained.status
    return int(status)
