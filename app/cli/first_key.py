"""The first start: one admin key, made as soon as the database lets it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from app.auth.keys import first_admin_key
from app.cli.database import open_for_command
from app.cli.error_messages import describe_problem, print_error
from app.errors import Problem
from app.settings import Settings

MIN_PAUSE_S = 0.25
MAX_PAUSE_S = 5.0


async def make_first_key(settings: Settings) -> None:
    """Print the key if this process made it; until the database answers, say once why it does not and try again."""
    said = ""
    for pause in pauses():
        try:
            async with open_for_command(settings) as db:
                key = await first_admin_key(db)
        except Problem as problem:
            if (reason := describe_problem(problem)) != said:
                print_error(f"Waiting for the database: {reason}")
                said = reason
            await asyncio.sleep(pause)
            continue
        if key is not None:
            print_error(f"This is the first start. The admin key, shown this once:\nadmin key: {key}")
        return


def pauses() -> Iterator[float]:
    """Seconds between tries: each twice the one before, up to a limit."""
    pause = MIN_PAUSE_S
    while True:
        yield pause
        pause = min(pause * 2, MAX_PAUSE_S)
