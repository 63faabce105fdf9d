"""Downloads files of sources: conditional, resumed after a break, checked, limited, and from vetted addresses only."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import orjson

from app.sources.failures import TRIES, FetchFailed, describe
from app.sources.http_client import GuardedClient, origin, read_answer

T = TypeVar("T")
FIRST_PAUSE_S, MAX_PAUSE_S = 2.0, 60.0
JITTER = 0.25
MAX_JSON_BYTES = 256 * 1024**2
CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server calls one version of a file (RFC 9110, 8.8)."""

    etag: str | None = None
    last_modified: str | None = None

    @property
    def for_range(self) -> str | None:
        """What a resumed download proves by that the file is still the same: a weak ETag proves nothing."""
        strong = self.etag if self.etag and not self.etag.startswith("W/") else None
        return strong or self.last_modified


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that was downloaded; `is_whole` is False if it is only the end of the file at the URL."""

    path: Path
    sha256: str
    validators: Validators = Validators()
    is_whole: bool = True


@dataclass
class _Part:
    """What has arrived of a file so far."""

    path: Path
    size: int = 0
    validators: Validators = Validators()
    is_whole: bool = True

    def restart(self) -> None:
        self.path.write_bytes(b"")
        self.size = 0


@dataclass
class Fetcher:
    """Downloads for one source into a folder, with its header fields and within its limits.

    `headers`, which may hold secrets, go to the origin of the source's own `url` alone, whatever its index or a
    redirect names.
    """

    client: GuardedClient
    folder: Path
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    max_bytes: int = 4 * 1024**3
    timeout_s: float = 3600.0
    _numbers: count[int] = field(default_factory=count)

    async def download(
        self,
        url: str,
        *,
        name: str | None = None,
        headers: Mapping[str, str] | None = None,
        known: Validators | None = None,
        checksum: tuple[str, str] | None = None,
        tail: int | None = None,
    ) -> Fetched | None:
        """Download a file; None when it is still the version that `known` names. Raises FetchFailed.

        `checksum` is the name of an algorithm and the expected digest. `tail` asks for the last so many bytes.
        """
        folder = self.folder / str(next(self._numbers))
        folder.mkdir()
        part = _Part(folder / (name or file_name(url)))

        async def once() -> Fetched | None:
            own = self.headers if origin(url) == origin(self.url) else {}
            if not await self._receive(url, part, {**own, **(headers or {})}, known, tail):
                return None
            if checksum is not None and (found := await digest(part.path, checksum[0])) != checksum[1].lower():
                part.restart()
                told = (
                    f"{describe(url)} has the {checksum[0].upper()} checksum {found}, not {checksum[1]} as published."
                )
                raise FetchFailed(told, tries=2)
            return Fetched(part.path, await digest(part.path, "sha256"), part.validators, part.is_whole)

        return await self._persist(url, once)

    async def read_json(self, url: str, *, headers: Mapping[str, str] | None = None) -> Any:
        """Read a JSON document of up to 256 MB."""
        limited = replace(self, max_bytes=min(self.max_bytes, MAX_JSON_BYTES))
        fetched = await limited.download(url, headers=headers)
        if fetched is None:  # it cannot be, as nothing was known
            raise FetchFailed(f"{describe(url)} answered 304 to a plain request.")
        text = fetched.path.read_bytes()
        fetched.path.unlink()
        return parse_json(url, text)

    async def post_form(self, url: str, fields: Mapping[str, str]) -> Any:
        """Send a form, and read the JSON that it is answered with; a redirect is refused."""

        async def once() -> Any:
            async with self.client.open(url, {}, form=fields) as response:
                return parse_json(url, await read_answer(response, url))

        return await self._persist(url, once)

    async def _persist(self, url: str, once: Callable[[], Awaitable[T]]) -> T:
        """Try several times where that may help, with growing pauses, within the time limit as a whole."""
        try:
            async with asyncio.timeout(self.timeout_s):
                for tried in count(1):
                    try:
                        return await once()
                    except FetchFailed as failure:
                        pause = FIRST_PAUSE_S * 2 ** (tried - 1)
                        asked = failure.retry_after.total_seconds() if failure.retry_after else 0.0
                        if tried >= failure.tries or asked > MAX_PAUSE_S:
                            raise
                        await self.client.tools.sleep(max(pause * (1 + JITTER * self.client.tools.chance()), asked))
        except TimeoutError:
            raise FetchFailed(f"{describe(url)} took longer than {self.timeout_s:g} s.") from None
        raise AssertionError  # the loop has no end

    async def _receive(
        self, url: str, part: _Part, headers: Mapping[str, str], known: Validators | None, tail: int | None
    ) -> bool:
        """Receive what is missing of the file; False when it has not changed."""
        begin = part.size if part.validators.for_range and tail is None else 0
        conditions: dict[str, str] = {}
        if begin:
            conditions = {"range": f"bytes={begin}-", "if-range": part.validators.for_range or ""}
        elif tail is not None:
            conditions = {"range": f"bytes=-{tail}"}
        elif known is not None:
            named = {"if-none-match": known.etag, "if-modified-since": known.last_modified}
            conditions = {name: value for name, value in named.items() if value}
        try:
            async with self.client.open(url, {**headers, **conditions}) as response:
                if response.status_code == 304 and known is not None and not begin:
                    return False
                begin = self._begin(url, response, part, begin, tail)
                await self._write(url, response, part, begin)
        except FetchFailed as failure:
            if failure.status != 416:
                raise
            part.restart()  # the file has become shorter than what is here of it
            raise FetchFailed(failure.detail, status=416, tries=2) from None
        return True

    def _begin(self, url: str, response: httpx.Response, part: _Part, asked: int, tail: int | None) -> int:
        """Tell where the body begins, and make the part fit: a server may send all of it rather than the rest."""
        begin = 0
        if response.status_code == 206:
            match = CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
            if match is None or not (asked or tail) or (asked and int(match[1]) != asked):
                part.restart()
                raise FetchFailed(f"{describe(url)} answered with another range than was asked for.", tries=TRIES)
            part.is_whole = asked > 0 or match[1] == "0"
            begin = asked
        elif response.status_code != 200:
            raise FetchFailed(f"{describe(url)} answered {response.status_code}.", status=response.status_code)
        else:
            part.is_whole = True
        if not begin:
            part.restart()
            part.validators = Validators(response.headers.get("etag"), response.headers.get("last-modified"))
        return begin

    async def _write(self, url: str, response: httpx.Response, part: _Part, begin: int) -> None:
        """Append the body; a body that is shorter than announced is a failure, one beyond the limit ends at once."""
        announced = response.headers.get("content-length", "")
        expected = int(announced) if announced.isdigit() else None
        if expected is not None and begin + expected > self.max_bytes:
            raise self._too_large(url)
        if "content-encoding" in response.headers:
            part.validators = Validators()  # its bytes are not those that a range would count
        try:
            with part.path.open("ab") as file:
                async for piece in response.aiter_bytes():
                    part.size += len(piece)
                    if part.size > self.max_bytes:
                        raise self._too_large(url)
                    file.write(piece)
        except (httpx.TransportError, httpx.DecodingError) as fault:
            told = f" of {begin + expected:,}" if expected is not None else ""
            reason = f"{describe(url)} broke off after {part.size:,}{told} bytes."
            raise FetchFailed(reason, tries=TRIES) from fault
        if expected is not None and response.num_bytes_downloaded != expected:
            told = f"{describe(url)} broke off after {part.size:,} of {begin + expected:,} bytes."
            raise FetchFailed(told, tries=TRIES)

    def _too_large(self, url: str) -> FetchFailed:
        return FetchFailed(f"{describe(url)} is larger than the limit of {self.max_bytes:,} bytes (max_mb).")


def file_name(url: str) -> str:
    """Name the file as the last part of its path does, in characters that are safe in a file's name."""
    last = urlsplit(url).path.rstrip("/").rpartition("/")[2]
    return re.sub(r"[^A-Za-z0-9._-]", "_", last).lstrip(".")[-100:] or "download"


def parse_json(url: str, text: bytes) -> Any:
    """Parse an answer."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise FetchFailed(f"{describe(url)} did not answer in JSON.") from None


async def digest(path: Path, algorithm: str) -> str:
    """Compute the digest of a file in hexadecimal digits, in another thread."""

    def compute() -> str:
        with path.open("rb") as file:
            return hashlib.file_digest(file, algorithm).hexdigest()

    return await asyncio.to_thread(compute)
