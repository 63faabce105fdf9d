"""Follows the feed of a running server over HTTP, through lost connections, as `follow` and `subscribe` do."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import stat
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import typer

if TYPE_CHECKING:  # `sitrep --help` loads nothing of the service
    import httpx

LOCAL = "http://127.0.0.1:8000"
FIRST_PAUSE_S, MAX_PAUSE_S, MAX_ASKED_S = 0.5, 30.0, 86_400.0
CONNECT_TIMEOUT_S, SILENCE_TIMEOUT_S = 10.0, 45.0  # a stream says something every 15 s
PASSING = {408, 429}
USAGE_STATUSES = {400, 422}
MAX_ALLOWED = 12  # values that are listed when another one is refused

UrlOption = Annotated[
    str, typer.Option("--url", metavar="URL", envvar="SITREP_URL", show_envvar=False, help="The server.")
]
KeyFileOption = Annotated[
    Path | None,
    typer.Option("--key-file", metavar="FILE", help="Has the key; else SITREP_KEY.", show_default=False),
]
AfterOption = Annotated[
    str, typer.Option("--after", metavar="POSITION", help="Where to begin: a cursor, oldest, now or a time.")
]


class ServerRefused(Exception):
    """What was asked cannot be had, and could not at another try; the text is for the person at the terminal."""

    def __init__(self, text: str, status: int = 1) -> None:
        """`status` is the exit status: 2 where what was typed is wrong."""
        super().__init__(text)
        self.status = status


class _Passing(Exception):
    """The server cannot answer now; `asked_s` is how long it wants to be left alone."""

    def __init__(self, status: int, asked_s: float | None) -> None:
        super().__init__(f"status {status}")
        self.asked_s = asked_s


class Change(NamedTuple):
    """A position of the feed and the change there, as the server wrote it; None where nothing matched up to there.

    `is_last` tells that nothing more has arrived yet.
    """

    cursor: str
    item: bytes | None
    is_last: bool


@dataclass
class ServerFeed:
    """The feed of one server, with a filter; `position` is that after the last change that was taken.

    `say` tells the person about lost connections, once each; `sleep` is how it pauses between tries.
    """

    url: str
    key: str | None
    filters: Sequence[tuple[str, str]]
    say: Callable[[str], None]
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    position: str = "now"
    _is_away: bool = field(default=False, init=False)

    async def changes(self, after: str) -> AsyncGenerator[Change, None]:
        """Give every change after a position, in order and without end; raises ServerRefused.

        A change counts as taken when the next one is asked for.
        """
        import httpx

        self.position = after
        async with self._connect() as client:
            attempt = 0
            while True:
                asked_s = None
                try:
                    if self.position == "now":  # else what happens before the first block would be lost with it
                        self.position = await self._head(client)
                    query = urlencode([("after", self.position), *self.filters])
                    async with client.stream("GET", "/v1/feed/stream", params=query) as response:
                        await self._check(response, "text/event-stream")
                        async for change in read_blocks(response):
                            attempt = 0
                            yield change
                            self.position = change.cursor
                except _Passing as passing:
                    asked_s = passing.asked_s
                    self._tell_away(str(passing))
                except httpx.RequestError as error:
                    self._tell_away(describe(error))
                await self.sleep(pause(attempt, asked_s, random.random()))  # noqa: S311 (no secret)
                attempt += 1

    async def check(self) -> None:
        """Raise ServerRefused where the server refuses this key; one that is away is waited for later."""
        import httpx

        async with self._connect() as client:
            with suppress(_Passing, httpx.RequestError):
                await self._head(client)

    def _connect(self) -> httpx.AsyncClient:
        import httpx

        headers = {"accept": "text/event-stream, application/json", "accept-encoding": "identity"}
        if self.key is not None:
            headers["authorization"] = f"Bearer {self.key}"
        timeout = httpx.Timeout(CONNECT_TIMEOUT_S, read=SILENCE_TIMEOUT_S)
        return httpx.AsyncClient(base_url=check_url(self.url), headers=headers, timeout=timeout)

    async def _head(self, client: httpx.AsyncClient) -> str:
        """The position of the last change there is."""
        response = await client.get("/v1/feed/head")
        await self._check(response, "application/json")
        with suppress(ValueError, KeyError, TypeError):
            return str(response.json()["head"])
        raise self._is_other()

    async def _check(self, response: httpx.Response, media_type: str) -> None:
        """Note that the server answers as it should, or raise."""
        status = response.status_code
        if status >= 500 or status in PASSING:
            raise _Passing(status, seconds(response.headers.get("retry-after", "")))
        if response.is_redirect:
            raise ServerRefused(f"{self.url} leads on to {response.headers.get('location')}: use that as --url.", 2)
        if status != 200:
            await response.aread()
            raise refusal_of(response, self.url)
        if not response.headers.get("content-type", "").startswith(media_type):
            raise self._is_other()
        if self._is_away:
            self._is_away = False
            self.say("Connected again.")

    def _is_other(self) -> ServerRefused:
        return ServerRefused(f"What answers at {self.url} is not Sitrep.", 2)

    def _tell_away(self, reason: str) -> None:
        if not self._is_away:
            self._is_away = True
            self.say(f"No connection to {self.url} ({reason}); trying again until there is one.")


async def read_blocks(response: httpx.Response) -> AsyncIterator[Change]:
    """Give the changes and positions of a stream of server-sent events."""
    rest = b""
    async for data in response.aiter_bytes():
        *blocks, rest = (rest + data).split(b"\n\n")
        for n, block in enumerate(blocks, 1):
            fields = dict(line.partition(b": ")[::2] for line in block.split(b"\n"))
            if b"id" in fields:
                yield Change(fields[b"id"].decode(), fields.get(b"data"), n == len(blocks))


def refusal_of(response: httpx.Response, url: str) -> ServerRefused:
    """The refusal in the server's words, with what would do."""
    try:
        problem: dict[str, Any] = dict(response.json())
    except ValueError:
        return ServerRefused(f"What answers at {url} is not Sitrep (status {response.status_code}).")
    status = 2 if response.status_code in USAGE_STATUSES else 1
    faults = [describe_fault(fault) for fault in problem.get("errors") or ()]
    detail = str(problem.get("detail") or problem.get("title") or f"Status {response.status_code}.")
    if response.status_code == 404:
        detail = f"There is no Sitrep at {url}: {detail}"
    if response.status_code == 401:
        wish = "wants another key" if "authorization" in response.request.headers else "wants a key"
        detail = f"The server {wish}: set SITREP_KEY, or name a file by --key-file."
    if response.status_code == 410:
        detail += f" The oldest position left is {problem.get('oldest')}."
    return ServerRefused("\n".join(faults) or detail, status)


def describe_fault(fault: dict[str, Any]) -> str:
    """One refused parameter, with what it may be where that is a short list."""
    allowed = fault.get("allowed") or ()
    hint = f" Allowed: {', '.join(map(str, allowed))}." if 0 < len(allowed) <= MAX_ALLOWED else ""
    return f"{fault.get('parameter')}: {fault.get('detail')}{hint}"


def read_key(key_file: Path | None) -> str | None:
    """The key from the file, else from SITREP_KEY: neither shows in a list of processes. None without one."""
    if key_file is None:
        key = os.environ.get("SITREP_KEY", "").strip()
    else:
        key = read_text(key_file)
        if not key:
            raise ServerRefused(f"There is no key in {key_file}.", 2)
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ServerRefused("The key has characters that no key has.", 2)
    return key or None


def read_text(path: Path) -> str:
    """The text of a small file, without white space around it."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ServerRefused(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}.", 2
        ) from None


def check_url(url: str) -> str:
    """The address of a server, or ServerRefused."""
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return url
    raise ServerRefused(f"{url} is not an address like {LOCAL} or https://sitrep.example.org.", 2)


def pause(attempt: int, asked_s: float | None, jitter: float) -> float:
    """How many seconds to wait after a try, the first being 0; jitter is from 0 to 1."""
    own = min(MAX_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(attempt, 10)) * (1 - jitter / 2)
    return own if asked_s is None else max(own, min(asked_s, MAX_ASKED_S))


def seconds(text: str) -> float | None:
    """What Retry-After asks for, where it is a number."""
    return float(text) if text.isascii() and text.isdigit() else None


def describe(error: httpx.RequestError) -> str:
    """A fault of the network in a few words."""
    import httpx

    if isinstance(error, httpx.TimeoutException):
        return "it took too long"
    if str(error) == "All connection attempts failed":
        return "nothing listens there"
    if isinstance(error, httpx.RemoteProtocolError):
        return "it broke off"
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__


async def run_until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Work until it is done, until SIGINT or SIGTERM, or until nobody reads stdout any more (BrokenPipeError)."""
    loop, task, is_unread = asyncio.get_running_loop(), asyncio.ensure_future(work), False

    def leave() -> None:
        nonlocal is_unread
        is_unread = True
        loop.remove_reader(sys.stdout.fileno())
        task.cancel()

    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, task.cancel)
    if stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode):
        loop.add_reader(sys.stdout.fileno(), leave)  # a pipe that is written to becomes readable when it breaks
    await asyncio.wait({task})
    if is_unread:
        raise BrokenPipeError
    if not task.cancelled():
        task.result()
