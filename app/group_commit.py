"""Group commit: requests that arrive together share one transaction, and each gets its own answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from app.db import WriteConflict
from app.errors import Problem, Unavailable

J = TypeVar("J")
R = TypeVar("R")
MAX_GROUP = 1000
MAX_TRIES_ALONE = 3
STOP_S = 2.0


class GroupCommitter(Generic[J, R]):
    """One task that takes all waiting jobs, runs them in one transaction and tells each how it went."""

    def __init__(self, run: Callable[[list[J]], Awaitable[list[R | Exception]]], size: Callable[[J], int]) -> None:
        """`run` commits a list of jobs or raises; `size` is how many commands a job has."""
        self._run = run
        self._size = size
        self._waiting: asyncio.Queue[tuple[J, asyncio.Future[R]]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to take jobs."""
        self._task = asyncio.create_task(self._work(), name="sitrep-writer")

    async def stop(self) -> None:
        """Finish what waits, unless the database takes too long, then stop."""
        if self._task is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_S):
                    await self._waiting.join()
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def submit(self, job: J) -> R:
        """Queue a job; returns or raises after its commit or refusal."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((job, future))
        return await future

    async def _work(self) -> None:
        while True:
            group = await self._take()
            try:
                await self._commit(group)
            finally:
                for _ in group:
                    self._waiting.task_done()

    async def _take(self) -> list[tuple[J, asyncio.Future[R]]]:
        group = [await self._waiting.get()]
        total = self._size(group[0][0])
        while total < MAX_GROUP and not self._waiting.empty():
            group.append(self._waiting.get_nowait())
            total += self._size(group[-1][0])
        return group

    async def _commit(self, group: list[tuple[J, asyncio.Future[R]]]) -> None:
        try:
            answers = await self._run([job for job, _ in group])
        except Problem as error:
            for _, future in group:
                resolve(future, error)
        except Exception:  # noqa: BLE001 (one job's fault must not be the others')
            for job, future in group:
                resolve(future, await self._alone(job))
        else:
            for (_, future), answer in zip(group, answers, strict=True):
                resolve(future, answer)

    async def _alone(self, job: J) -> R | Exception:
        for _ in range(MAX_TRIES_ALONE):
            try:
                return (await self._run([job]))[0]
            except WriteConflict:
                continue
            except Exception as error:  # noqa: BLE001 (handed to the caller)
                return error
        return Unavailable("Another process keeps changing the same events; try again.")


def resolve(future: asyncio.Future[R], answer: R | Exception) -> None:
    """Give the waiting caller its answer, if it still waits."""
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
