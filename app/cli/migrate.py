"""`sitrep migrate`: the database brought to the schema and the index of this version."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.reindex import build_index

if TYPE_CHECKING:  # `sitrep --help` loads nothing of the service
    from app.settings import Settings


def migrate(
    to: Annotated[
        str, typer.Option(metavar="REVISION", help="Go here instead. Going back drops data; base drops all.")
    ] = "head",
) -> None:
    """Bring the database to the schema and the index of this version.

    Several at once do no harm: one migrates, the others wait. Then it builds
    what of the index is new or changed, as reindex does.
    """
    from app.settings import read_settings

    at = bring(read_settings(), to)
    typer.echo("The database has no tables." if at is None else f"The database is at revision {at}.")


def bring(settings: Settings, to: str = "head") -> str | None:
    """Migrate, and answer the revision that the database then has; Unavailable when it cannot be reached."""
    from alembic.util import CommandError
    from sqlalchemy.exc import SQLAlchemyError

    from app.errors import Unavailable
    from app.migrate import migrate as apply
    from app.migrate import newest_revision, revision

    try:
        apply(settings.database_url, to)
        at = revision(settings.database_url)
        if at == newest_revision():
            asyncio.run(build_index(settings))
    except CommandError as error:
        raise typer.BadParameter(f"{error}.", param_hint="'--to'") from None
    except SQLAlchemyError as error:
        raise Unavailable("The database cannot be migrated.") from getattr(error, "orig", error)
    return at
