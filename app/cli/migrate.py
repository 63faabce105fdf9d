"""`sitrep migrate`: the database brought to the schema of this version."""

from __future__ import annotations

from typing import Annotated

import typer


def migrate(
    to: Annotated[
        str, typer.Option(metavar="REVISION", help="Go here instead. Going back drops data; base drops all.")
    ] = "head",
) -> None:
    """Bring the database to the schema of this version.

    Several at once do no harm: one migrates, the others wait.
    """
    from app.settings import read_settings

    at = bring(read_settings().database_url, to)
    typer.echo("The database has no tables." if at is None else f"The database is at revision {at}.")


def bring(url: str, to: str = "head") -> str | None:
    """Migrate, and answer the revision that the database then has; Unavailable when it cannot be reached."""
    from alembic.util import CommandError
    from sqlalchemy.exc import SQLAlchemyError

    from app.errors import Unavailable
    from app.migrate import migrate as apply
    from app.migrate import revision

    try:
        apply(url, to)
        return revision(url)
    except CommandError as error:
        raise typer.BadParameter(f"{error}.", param_hint="'--to'") from None
    except SQLAlchemyError as error:
        raise Unavailable("The database cannot be migrated.") from getattr(error, "orig", error)
