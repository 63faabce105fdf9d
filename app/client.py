"""A client for Python programs: follow the feed through every interruption, and verify webhooks.

It needs nothing of Sitrep but this file, and of other packages only httpx.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import os
import random
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Protocol, Self, TypedDict

import httpx

PAGE, WAIT_S, FIRST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_ASKED_S = 100, 30, 0.5, 30.0, 86_400.0
AWAY = (httpx.TimeoutException, httpx.NetworkError, httpx.ProxyError, httpx.RemoteProtocolError, httpx.DecodingError)
SIGNED = ("webhook-id", "webhook-timestamp", "webhook-signature")
PASSING, GONE, JOINED = {408, 429}, {"cursor-expired", "cursor-epoch"}, {"bbox", "near"}

Scalar = str | int | float | date
Filter = Mapping[str, Scalar | Sequence[Scalar]]

chance = random.random
log = logging.getLogger(__name__)


class FeedItem(TypedDict):
    """One change, as a CloudEvents 1.0 event; `data` is the event at that version, or what a deletion left."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    sequence: str
    version: int
    datacontenttype: str
    dataschema: str
    data: dict[str, Any]


class FeedError(Exception):
    """The server refuses, and would again: `status` is that of HTTP, `problem` the document that came with it."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status, self.problem = status, problem
        faults = [str(fault.get("detail")) for fault in problem.get("errors") or () if isinstance(fault, dict)]
        said = [str(problem.get("detail") or problem.get("title") or "The answer does not say why."), *faults]
        super().__init__(f"{status}: {' '.join(said)}")


class CursorGone(FeedError):
    """The feed no longer reaches back to the position: read the list at `bootstrap`, then follow from its `as_of`.

    `oldest` is the lowest position that is left. A checkpoint goes before `after`: save `as_of` in it first, as by
    `CheckpointFile(path).save(as_of)`.
    """

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(status, problem)
        self.oldest = str(problem.get("oldest") or "oldest")
        self.bootstrap = str(problem.get("bootstrap") or "/v1/events")


class NotVerified(ValueError):
    """The webhook is not from whom it claims to be, or not from now; the sentence says what is wrong."""


class Checkpoint(Protocol):
    """Where a position is kept, such as a row beside the data that was made of the feed."""

    def load(self) -> str | None:
        """The position that was saved last; None if there is none."""

    def save(self, cursor: str) -> None:
        """Keep this position in place of the one before."""


class CheckpointFile:
    """A position in a file: the cursor and a newline. After a crash it holds the old position or the new one."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    def load(self) -> str | None:
        with suppress(FileNotFoundError):
            return self._path.read_text(encoding="utf-8").strip()
        return None

    def save(self, cursor: str) -> None:
        fresh = self._path.with_name(f"{self._path.name}.new")
        with fresh.open("wb", buffering=0) as file:
            file.write(f"{cursor}\n".encode())
            os.fsync(file.fileno())
        fresh.replace(self._path)


class Feed:
    """The feed of one server.

    `key` is sent with each call. Without a `client` it makes one and closes it at the end; `sleep` is how it pauses.

        async with Feed("https://sitrep.example.org", key) as feed:
            async for item in feed.follow(filter={"kind": "attack"}, checkpoint="attacks.cursor"):
                print(item["type"], item["data"]["id"])
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        client: httpx.AsyncClient | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._url = f"{url.rstrip('/')}/v1/feed"
        self._headers = {} if key is None else {"authorization": f"Bearer {key}"}
        self._owns = client is None
        self._client = httpx.AsyncClient() if client is None else client
        self._sleep = sleep
        self._place = Place(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            self._place.keep()
        finally:
            if self._owns:
                await self._client.aclose()

    @property
    def position(self) -> str | None:
        """The position after the last item that was taken: handed over, and then the next one asked for."""
        return self._place.position

    async def follow(
        self,
        after: str = "oldest",
        filter: Filter | None = None,
        checkpoint: str | os.PathLike[str] | Checkpoint | None = None,
    ) -> AsyncGenerator[FeedItem, None]:
        """Give every change after a position, in order, and wait for more without end.

        `after` is a cursor, `oldest`, `now` or a time; the position that the checkpoint holds goes before it. The
        names of `filter` are those of the API; a list stands for any of its values, `bbox` and `near` are sequences
        of numbers. The position is saved when a page has been taken and when the iterator or the feed is left, and
        never passes an item before the next one is asked for: what was in hand when the program broke off comes again.
        A server that is away or busy is tried again; a refusal raises FeedError, a lost position CursorGone. A feed
        follows one thing at a time.
        """
        self._place.keep()
        self._place = place = Place(checkpoint)
        chosen, at, wait = list(pairs(filter or {})), after if place.position is None else place.position, 0
        try:
            while True:
                begun = time.monotonic()
                items, following = await self._page([("after", at), ("wait", wait), ("limit", PAGE), *chosen])
                epoch = following.partition("-")[0]  # that of now, which the id of an item need not be of
                for item in items:
                    yield item
                    place.position = f"{epoch}-{item['sequence']}"
                if wait and following == at and time.monotonic() - begun < 1:
                    await self._sleep(pause(0, None, chance()))  # whoever answered did not wait
                place.position = at = following
                place.keep()
                wait = WAIT_S  # from here on `at` is a cursor: waiting at `now`, a lost call would lose changes
        finally:
            place.keep()

    async def _page(self, asked: list[tuple[str, str | int | float | None]]) -> tuple[list[FeedItem], str]:
        """One page, asked for until the server gives it or refuses."""
        patience = httpx.Timeout(10, read=WAIT_S + 15)
        attempt = 0
        while True:
            asked_s = None
            try:
                answer = await self._client.get(self._url, params=asked, headers=self._headers, timeout=patience)
            except AWAY as error:
                why = repr(error)
            else:
                if answer.status_code < 500 and answer.status_code not in PASSING:
                    return read_page(answer)
                why, asked_s = f"status {answer.status_code}", retry_after(answer, time.time())
            pause_s = pause(attempt, asked_s, chance())
            log.warning("The feed is away (%s); trying again in %.1f s.", why, pause_s)
            await self._sleep(pause_s)
            attempt += 1


class Place:
    """How far a reader has come, and how much of that is kept."""

    def __init__(self, checkpoint: str | os.PathLike[str] | Checkpoint | None) -> None:
        self._checkpoint = CheckpointFile(checkpoint) if isinstance(checkpoint, str | os.PathLike) else checkpoint
        self.position = self._kept = None if self._checkpoint is None else self._checkpoint.load()

    def keep(self) -> None:
        """Save the position if it moved since."""
        if self._checkpoint is not None and self.position is not None and self.position != self._kept:
            self._checkpoint.save(self.position)
            self._kept = self.position


def pairs(filter: Filter) -> Iterator[tuple[str, str | int | float]]:
    """A filter as the query string has it: lists repeat their name, areas are one value."""
    for name, value in filter.items():
        values = [value] if isinstance(value, Scalar) else value
        written = [each.isoformat() if isinstance(each, date) else each for each in values]
        yield from [(name, ",".join(map(str, written)))] if name in JOINED else [(name, each) for each in written]


def read_page(answer: httpx.Response) -> tuple[list[FeedItem], str]:
    """The items of an answer and the position after them; an answer that is no page raises."""
    document: dict[str, Any] = {}
    with suppress(ValueError, TypeError):
        document = dict(answer.json())
    if answer.status_code == 200 and document.keys() >= {"items", "next"}:
        return document["items"], document["next"]
    gone = answer.status_code == 410 and str(document.get("type")).rpartition("/")[2] in GONE
    raise (CursorGone if gone else FeedError)(answer.status_code, document)


def pause(attempt: int, asked_s: float | None, jitter: float) -> float:
    """How many seconds to wait after a failure, the first being attempt 0; jitter is from 0 to 1.

    It doubles up to half a minute, of which chance takes up to a half, and is never less than what the server asked.
    """
    own = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(attempt, 10)) * (1 - jitter / 2)
    return own if asked_s is None else max(own, min(asked_s, LONGEST_ASKED_S) + jitter)


def retry_after(answer: httpx.Response, now: float) -> float | None:
    """How many seconds the server asks to be left alone, which it may write as a number or as a date."""
    text = answer.headers.get("retry-after", "").strip()
    if re.fullmatch("[0-9]{1,9}", text):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def verify(
    headers: Mapping[str, str],
    body: bytes,
    secret: str | Sequence[str],
    *,
    tolerance_s: float = 300,
    now: float | None = None,
) -> dict[str, Any]:
    """Read a webhook that one of the secrets signed (Standard Webhooks), or raise NotVerified.

    `body` is the bytes as they came. Repeats carry the same `webhook-id`, by which a receiver knows them.

        item = verify(request.headers, await request.body(), "whsec_...")
    """
    keys = [key_of(each) for each in ([secret] if isinstance(secret, str) else secret)]
    given = {name.lower(): value for name, value in headers.items()}
    if missing := [name for name in SIGNED if not given.get(name)]:
        raise NotVerified(f"The header {missing[0]} is missing.")
    id, sent, signatures = (given[name] for name in SIGNED)
    check_time(sent, time.time() if now is None else now, tolerance_s)
    signed = b".".join([id.encode(errors="replace"), sent.encode(), body])
    expected = [b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in keys]
    offered = signatures.encode(errors="replace").split()
    if not any(hmac.compare_digest(one, other) for one in expected for other in offered):
        raise NotVerified("No signature in webhook-signature matches the secret and the body.")
    return dict(json.loads(body))


def key_of(secret: str) -> bytes:
    """The bytes of a secret; one that is empty or misspelt is a fault of the receiver, not of the webhook."""
    text = secret.removeprefix("whsec_")
    with suppress(ValueError):
        if key := base64.b64decode(text + "=" * (-len(text) % 4), validate=True):
            return key
    raise ValueError("A secret is `whsec_` and base64; this one is not.")


def check_time(sent: str, now: float, tolerance_s: float) -> None:
    """Refuse what was sent too long ago, lest it be a repeat by somebody else, or in the future."""
    if not re.fullmatch("[0-9]{1,12}", sent):
        raise NotVerified("The header webhook-timestamp is not a number of seconds.")
    if abs(int(sent) - now) > tolerance_s:
        raise NotVerified(f"The header webhook-timestamp is {'too old' if int(sent) < now else 'in the future'}.")
