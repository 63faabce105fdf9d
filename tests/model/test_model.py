"""One model, every way of reading: what is acknowledged is what every reader is given, in processes that are warm."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from play import Play, for_seconds, noted
from programs import free_port
from receivers import receiving
from stage import Stage

if TYPE_CHECKING:
    from pathlib import Path

SEED = 20_260_301
ROUNDS = 8
PLAN = {1: "ask_otherwise", 2: "raise_epoch", 3: "restart_inner", 5: "raise_epoch", 6: "ask_otherwise"}


async def test_every_way_of_reading_agrees_with_the_model(
    request: pytest.FixtureRequest, database_url: str, admin_key: str, tmp_path: Path
) -> None:
    minutes = request.config.getoption("--soak")
    seed = request.config.getoption("--seed") or (time.time_ns() % 10**9 if minutes else SEED)
    goes_on = for_seconds(60 * minutes) if minutes else lambda rounds: rounds < ROUNDS
    print(f"seed {seed}")  # noqa: T201 (a long run tells its figures)
    async with receiving() as endpoint, Stage(database_url, admin_key, tmp_path, free_port()) as stage:
        play = Play(seed, stage, endpoint, crowd=24 if minutes else 18)
        try:
            print(await play.run(goes_on, {} if minutes else PLAN))  # noqa: T201 (the same)
        except BaseException as failure:
            noted(failure, seed, play)
            raise
