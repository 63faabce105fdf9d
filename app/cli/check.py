"""`sitrep check`: what is derived proved against the stored events, and rebuilt on request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.progress import tell_progress

if TYPE_CHECKING:  # `sitrep --help` loads nothing of the service
    from app.check.report import Report
    from app.settings import Settings


def check(
    repair: Annotated[bool, typer.Option("--repair", help="Rebuild what is wrong. Writes wait meanwhile.")] = False,
) -> None:
    """Prove index, statistics and digest against the stored events.

    Reads one snapshot beside running servers and recomputes everything that is
    derived from the stored versions. Ends with status 1 if anything is wrong.
    With --repair it rebuilds that; the events themselves are never changed.
    """
    from app.settings import read_settings

    report, repaired = asyncio.run(run_check(read_settings(), repair=repair))
    for line in report.lines():
        typer.echo(line)
    typer.echo(conclusion(report, repaired))
    raise typer.Exit(1 if report.faults else 0)


async def run_check(settings: Settings, *, repair: bool) -> tuple[Report, int]:
    """The report on the database as it is in the end, and how many faults were repaired."""
    from app.check.run import check, check_and_repair
    from app.cli.database import open_for_command

    async with open_for_command(settings) as db:
        report = await check(db, tell_progress("changes checked"))
        if not repair or not report.faults or not report.is_sound:
            return report, 0
        found = await check_and_repair(db, tell_progress("changes checked"))
        after = await check(db, tell_progress("changes checked"))
    return after, found.faults - after.faults


def conclusion(report: Report, repaired: int) -> str:
    """What it comes to, in a sentence."""
    if not report.faults:
        return f"{repaired:,} faults were repaired; everything agrees now." if repaired else "Everything agrees."
    if not report.is_sound:
        return "The stored versions themselves are damaged, so nothing can be rebuilt from them: restore a backup."
    if report.lasting:
        return f"No rebuilding mends {' and '.join(report.lasting)}; see docs/operations.md."
    return "`sitrep check --repair` rebuilds what is wrong."
