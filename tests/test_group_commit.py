"""Group commit: jobs that wait together share a transaction, and each gets its own answer."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from app.db import WriteConflict
from app.errors import NotFound, Unavailable
from app.group_commit import GroupCommitter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Run = Callable[[list[int]], Awaitable[list[int | Exception]]]


@asynccontextmanager
async def writer(run: Run) -> AsyncIterator[GroupCommitter[int, int]]:
    """A running writer of numbers; a number is as many commands as it says."""
    found = GroupCommitter(run, lambda job: job)
    found.start()
    yield found
    await found.stop()


async def test_jobs_that_wait_together_share_one_run_in_order_of_arrival() -> None:
    runs: list[list[int]] = []

    async def run(jobs: list[int]) -> list[int | Exception]:
        runs.append(jobs)
        return [job * 10 for job in jobs]

    async with writer(run) as group:
        answers = await asyncio.gather(*(group.submit(job) for job in (1, 2, 3)))

    assert answers == [10, 20, 30]
    assert runs == [[1, 2, 3]]


async def test_a_group_ends_when_it_is_large() -> None:
    runs: list[list[int]] = []

    async def run(jobs: list[int]) -> list[int | Exception]:
        runs.append(jobs)
        return list(jobs)

    async with writer(run) as group:
        await asyncio.gather(*(group.submit(job) for job in (600, 600, 600)))

    assert runs == [[600, 600], [600]]


async def test_a_refused_job_leaves_the_others_their_answers() -> None:
    async def run(jobs: list[int]) -> list[int | Exception]:
        return [NotFound("no") if job == 2 else job for job in jobs]

    async with writer(run) as group:
        answers = await asyncio.gather(*(group.submit(job) for job in (1, 2, 3)), return_exceptions=True)

    assert [type(answer) for answer in answers] == [int, NotFound, int]


async def test_after_a_surprise_each_job_runs_alone() -> None:
    runs: list[list[int]] = []

    async def run(jobs: list[int]) -> list[int | Exception]:
        runs.append(jobs)
        if len(jobs) > 1:
            raise WriteConflict
        return list(jobs)

    async with writer(run) as group:
        answers = await asyncio.gather(*(group.submit(job) for job in (1, 2)))

    assert answers == [1, 2]
    assert runs == [[1, 2], [1], [2]]


async def test_a_job_that_cannot_win_is_told_to_try_again() -> None:
    async def run(_jobs: list[int]) -> list[int | Exception]:
        raise WriteConflict

    async with writer(run) as group:
        with pytest.raises(Unavailable):
            await group.submit(1)


async def test_a_lost_database_is_told_to_all() -> None:
    async def run(_jobs: list[int]) -> list[int | Exception]:
        raise Unavailable("gone")

    async with writer(run) as group:
        answers = await asyncio.gather(*(group.submit(job) for job in (1, 2)), return_exceptions=True)

    assert [type(answer) for answer in answers] == [Unavailable, Unavailable]


async def test_a_fault_in_one_job_is_not_the_others() -> None:
    async def run(jobs: list[int]) -> list[int | Exception]:
        if 2 in jobs:
            raise ZeroDivisionError
        return list(jobs)

    async with writer(run) as group:
        answers = await asyncio.gather(*(group.submit(job) for job in (1, 2, 3)), return_exceptions=True)

    assert [type(answer) for answer in answers] == [int, ZeroDivisionError, int]


async def test_stopping_finishes_what_waits() -> None:
    async def run(jobs: list[int]) -> list[int | Exception]:
        await asyncio.sleep(0)
        return list(jobs)

    async with writer(run) as group:
        waiting = asyncio.create_task(group.submit(7))
        await asyncio.sleep(0)

    assert waiting.done()
    assert await waiting == 7
