"""Calls as steps without I/O: a generator asks for a request or a pause, and whoever drives it does so in its way.

`Client` and `AsyncClient` drive the same generators, so that retries, paging and following are written once.
"""

from __future__ import annotations

import logging
import math
import random
import re
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Generic, TypeAlias, TypeVar

import httpx

from sitrep_client.errors import Unreachable, error_of

FIRST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_ASKED_S = 0.5, 30.0, 86_400.0
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 10.0, 60.0
AWAY = (httpx.TimeoutException, httpx.NetworkError, httpx.ProxyError, httpx.RemoteProtocolError, httpx.DecodingError)
PATIENCE_S = 120.0  # a call that has an end waits no longer than this for its next try
UNREPEATABLE = frozenset({"PUT", "PATCH", "DELETE"})  # with If-Match, or where a repeat meets what is gone already

log = logging.getLogger("sitrep_client")

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Request:
    """What is to be sent; repeats are the same to the byte."""

    method: str
    path: str
    params: list[tuple[str, str | int | float]] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    read_timeout_s: float = READ_TIMEOUT_S

    def options(self) -> dict[str, Any]:
        """What httpx is to be told beside method, address and headers."""
        timeout = httpx.Timeout(CONNECT_TIMEOUT_S, read=self.read_timeout_s)
        # An empty list would still take the query off the address.
        shown = {"params": self.params} if self.params else {}
        return {**shown, "content": self.content, "timeout": timeout}


@dataclass(frozen=True)
class Pause:
    """For how long to wait."""

    seconds: float


@dataclass(frozen=True)
class Item(Generic[T_co]):
    """What is to be handed to the user."""

    value: T_co


Steps: TypeAlias = Generator[Request | Pause, Any, T]
Items: TypeAlias = Generator[Request | Pause | Item[T], Any, None]
Outcome: TypeAlias = httpx.Response | httpx.HTTPError | None
Asked = TypeVar("Asked")


def resume(steps: Generator[Asked, Any, Any], outcome: Outcome) -> Asked:
    """Tell the steps what came of what they asked for last, and take what they ask for next."""
    return steps.throw(outcome) if isinstance(outcome, httpx.HTTPError) else steps.send(outcome)


def send(request: Request, retries: float) -> Steps[httpx.Response]:
    """Send a request until there is an answer, at most `retries` times more; a refusal raises."""
    attempt, may_be_done = 0, False
    while True:
        asked_s = None
        try:
            response: httpx.Response = yield request
        except AWAY as error:
            why, may_be_done = repr(error), may_be_done or not isinstance(error, httpx.ConnectError)
            if attempt >= retries:
                raise Unreachable(f"{request.method} {request.path} got no answer: {error!r}") from error
        else:
            if response.is_success:
                return response
            asked_s = retry_after(response, time.time())
            too_long = math.isfinite(retries) and (asked_s or 0) > PATIENCE_S
            if not is_busy(response.status_code) or attempt >= retries or too_long:
                refused = response.status_code in {410, 412} and request.method in UNREPEATABLE
                raise error_of(response, uncertain=may_be_done and refused)
            may_be_done = may_be_done or response.status_code >= 500
            why = f"status {response.status_code}"
        pause = Pause(pause_s(attempt, asked_s, random.random()))  # noqa: S311 (jitter guards nothing)
        log.warning("%s %s is away (%s); trying again in %.1f s.", request.method, request.path, why, pause.seconds)
        yield pause
        attempt += 1


def is_busy(status: int) -> bool:
    """Whether a later try may be answered."""
    return status in {408, 429} or status >= 500


def pause_s(attempt: int, asked_s: float | None, jitter: float) -> float:
    """How many seconds to wait after a failure, the first being attempt 0; jitter is from 0 to 1.

    It doubles up to half a minute, of which chance takes up to a half, and is never less than what the server asked.
    """
    own = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(attempt, 10)) * (1 - jitter / 2)
    return own if asked_s is None else max(own, min(asked_s, LONGEST_ASKED_S) + jitter)


def retry_after(response: httpx.Response, now: float) -> float | None:
    """How many seconds the server asks to be left alone, which it may write as a number or as a date."""
    text = response.headers.get("retry-after", "").strip()
    if re.fullmatch("[0-9]{1,9}", text):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None
