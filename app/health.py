"""Tells whether the process is alive, whether it can serve, and what it counted."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from ipaddress import ip_address
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from starlette.responses import Response

from app.auth.authentication import AuthenticatorDep, client_address
from app.changes import ChangeLog, ChangeLogDep
from app.db import Database, DatabaseDep
from app.errors import (
    Forbidden,
    Problem,
    SchemaMismatch,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    problem_responses,
)
from app.events.index.readiness import require_current
from app.http import DirectRoute, FromServices, NoQuery
from app.metrics import Metrics
from app.sources.metrics import SourceMetrics

router = APIRouter(tags=["health"], route_class=DirectRoute)
# How long the database may take to say where the log ends.
CHECK_TIMEOUT_S = 2.0
MetricsDep = Annotated[Metrics, Depends(FromServices("metrics"))]
SourceMetricsDep = Annotated[SourceMetrics, Depends(FromServices("source_metrics"))]
OK = b'{"status":"ok"}'


class Health(BaseModel):
    """All is well."""

    status: Literal["ok"]


@router.get("/livez", response_model=None, responses={200: {"model": Health}})
async def is_alive() -> Response:
    """The process answers."""
    return health_response()


@router.get(
    "/readyz", response_model=None, responses={200: {"model": Health}, **problem_responses(Unavailable, SchemaMismatch)}
)
async def is_ready(db: DatabaseDep, log: ChangeLogDep) -> Response:
    """The database answers and has this version's schema; 503 otherwise."""
    asking = asyncio.ensure_future(ask(log))
    done, _ = await asyncio.wait({asking}, timeout=CHECK_TIMEOUT_S)
    if not done:  # not awaited: a driver whose server hangs takes its time to give up
        asking.add_done_callback(lambda task: task.cancelled() or task.exception())
        asking.cancel()
        late = Unavailable("The database does not answer in time.")
        db.trouble.report("readiness", late)
        late.is_logged = True
        raise late
    error = asking.exception() or find_damage(db)
    if error is None:
        db.trouble.clear("readiness")
        return health_response()
    db.trouble.report("readiness", error)
    problem = (
        error if isinstance(error, Problem) else Unavailable("The database does not answer; see the server's log.")
    )
    problem.is_logged = True  # once, above: probes ask again and again
    raise problem


def find_damage(db: Database) -> Problem | None:
    """The refusal of a file that was found damaged, although it still tells where the log ends."""
    try:
        db.refuse_damaged()
    except Problem as problem:
        return problem
    return None


async def ask(log: ChangeLog) -> None:
    """Read from the primary; raise SchemaMismatch when its schema, or its index, is another version's."""
    await log.db.check_schema()
    await require_current(log.db)
    await log.head(primary=True)


async def admit(request: Request, authenticator: AuthenticatorDep) -> None:
    """Let this machine in, and others with an admin key; a key that is sent must be good."""
    if "authorization" in request.headers or not is_loopback(client_address(request)):
        await authenticator.admit(request, "admin")


@router.get(
    "/metrics",
    response_model=None,
    responses={
        200: {"description": "Counters and histograms.", "content": {"text/plain": {"schema": {"type": "string"}}}},
        **problem_responses(Unauthorized, Forbidden, TooManyRequests, Unavailable),
    },
)
async def read_metrics(
    *,
    _: Annotated[None, Depends(admit)],
    __: NoQuery,
    log: ChangeLogDep,
    metrics: MetricsDep,
    sources: SourceMetricsDep,
) -> Response:
    """Give this process's counters in Prometheus's text format: to this machine freely, to others with an admin key."""
    await sources.refresh(log.db)
    return metrics.response(await read_replica_lag(log))


async def read_replica_lag(log: ChangeLog) -> int | None:
    """How far the replica is behind, in changes; None where there is none, or a server does not answer in time."""
    with suppress(Problem, TimeoutError):
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            return await log.replica_lag()
    return None


def is_loopback(address: str) -> bool:
    """The peer is this machine; a Unix socket has no address."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == ""


def health_response() -> Response:
    """200."""
    return Response(OK, headers={"cache-control": "no-store"}, media_type="application/json")
