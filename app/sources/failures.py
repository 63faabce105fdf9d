"""Why a download failed, in one sentence that repeats no query and no secret."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self
from urllib.parse import urlsplit

import httpx

from app.subscriptions.delivery.retry_policy import read_retry_after
from app.subscriptions.transport.url_guard import TargetRefused

TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
TRIES = 4
HINTS = {
    401: "the key or password is not accepted",
    403: "access is refused",
    404: "there is no such file",
    410: "the file is gone",
    429: "it asks for fewer requests",
}
WAYS_OUT = {
    "scheme": " Set allow_http = true for this source if it has nothing better.",
    "address": " SITREP_ALLOW_PRIVATE_TARGETS lets named private networks in.",
    "port": " SITREP_TARGET_PORTS names the ports that are allowed.",
}


class FetchFailed(Exception):
    """A download that failed; it is worth `tries` attempts in all, and `retry_after` is what the server asked for."""

    def __init__(
        self, detail: str, *, status: int | None = None, retry_after: timedelta | None = None, tries: int = 1
    ) -> None:
        """`detail` is one sentence for the operator."""
        super().__init__(detail)
        self.detail, self.status, self.retry_after, self.tries = detail, status, retry_after, tries

    @classmethod
    def of(cls, response: httpx.Response, url: str, now: datetime) -> Self:
        """Say what an answer with a status that is no success means."""
        status = response.status_code
        hint = HINTS.get(status) or ("the server has a fault" if status >= 500 else "that is not the file")
        wait = read_retry_after(response.headers.get("retry-after"), now) if status in {429, 503} else None
        tries = TRIES if status in TRANSIENT else 1
        return cls(f"{describe(url)} answered {status}: {hint}.", status=status, retry_after=wait, tries=tries)


def describe(url: str) -> str:
    """Name a URL without its query, which may hold a key."""
    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}"[:200]


def describe_refusal(url: str, refusal: TargetRefused) -> str:
    """Say why an address is not asked, and what would do."""
    return f"{describe(url)} is not asked: {refusal.detail}{WAYS_OUT.get(refusal.code, '')}"
