"""Counts what requests fail at, so that each kind of failure is told when it begins and when it is over."""

from __future__ import annotations

import asyncio
import traceback
from dataclasses import dataclass

import structlog

from app.errors.problems import Internal, Problem

SCOPE_KEY = "sitrep.failures"
QUIET_S = 10.0  # a kind that no request met for so long is over
MOST = 100  # kinds apart from each other; beyond them those with one slug are one kind

log = structlog.get_logger("app.errors")


@dataclass(slots=True)
class Failure:
    """One kind of failure while it lasts: the request that met it first, how many did, and when the last one did."""

    first: str
    requests: int
    last: float


class FailureLog:
    """What the requests of one app fail at now."""

    def __init__(self) -> None:
        """Nothing fails yet."""
        self._standing: dict[tuple[str, str], Failure] = {}

    def report_problem(self, problem: Problem, request: str) -> None:
        """Log a refusal; at level debug where an earlier one was alike."""
        is_first = self._count(problem.slug, problem.detail, request) == request
        (log.warning if is_first else log.debug)("problem", request=request, slug=problem.slug, detail=problem.detail)

    def report_fault(self, error: Exception, request: str, path: str) -> None:
        """Log an unforeseen exception; where an earlier one was alike, its request in place of the traceback."""
        place = traceback.extract_tb(error.__traceback__)[-1]
        first = self._count(Internal.slug, f"{type(error).__name__} at {place.filename}:{place.lineno}", request)
        told = {"same_as": first}
        if first == request:
            told = {"exception": "".join(traceback.format_exception(error))}  # no local variables, which may hold keys
        log.error("unhandled exception", request=request, path=path, **told)

    def _count(self, slug: str, detail: str, request: str) -> str:
        """Count a failure of this kind; gives the id of the request that was the first to meet it."""
        kind, loop = (slug, detail), asyncio.get_running_loop()
        if kind not in self._standing and len(self._standing) >= MOST:
            kind = slug, "other reasons"
        standing = self._standing.get(kind)
        if standing is None:
            standing = self._standing[kind] = Failure(request, 0, 0.0)
            loop.call_later(QUIET_S, self._look, kind, standing)
        standing.requests += 1
        standing.last = loop.time()
        return standing.first

    def _look(self, kind: tuple[str, str], standing: Failure) -> None:
        """Tell that it is over, unless a request met it since."""
        loop = asyncio.get_running_loop()
        left = standing.last + QUIET_S - loop.time()
        if left > 0:
            loop.call_later(left, self._look, kind, standing)
            return
        del self._standing[kind]
        if standing.requests > 1:
            slug, detail = kind
            log.info("problem is over", slug=slug, detail=detail, requests=standing.requests, first=standing.first)
