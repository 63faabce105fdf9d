"""Fetches a file for the command; sources have a way of their own, with conditions, resumption and a guard."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

import httpx

from app.imports.files.data_file import DataFile, open_pieces
from app.imports.files.file_error import MIB, FileError

URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
READ_TIMEOUT_S = 60.0
WHOLE_TIMEOUT_S = 6 * 3600.0


def is_url(text: str) -> bool:
    """Whether it is an address, and not a path."""
    return URL.match(text) is not None


def open_url(url: str) -> DataFile:
    """Fetch a file over http or https, and open it; raises FileError.

    Its name is the last part of the address; what else is in the address may be secret, and is not kept.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise FileError(f"{url} is no address: {error}.") from None
    if parts.scheme.lower() not in {"http", "https"}:
        raise FileError(f"Files are fetched over http and https, not over {parts.scheme}.")
    try:
        return open_pieces(_fetch(url), unquote(parts.path.rpartition("/")[2]) or parts.netloc.rpartition("@")[2])
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error).rstrip(".") or type(error).__name__
        raise FileError(f"{parts.hostname} did not give the file: {reason}.") from None
    except OSError as error:
        raise FileError(f"What was fetched cannot be kept: {(error.strerror or str(error)).lower()}.") from None


def _fetch(url: str) -> Iterator[bytes]:
    end = time.monotonic() + WHOLE_TIMEOUT_S
    with (
        httpx.Client(follow_redirects=True, timeout=READ_TIMEOUT_S, headers={"accept-encoding": "identity"}) as client,
        client.stream("GET", url) as answer,
    ):
        if answer.status_code != 200:
            raise FileError(f"{answer.url.host} answered {answer.status_code} {answer.reason_phrase}, not the file.")
        for piece in answer.iter_bytes(MIB):
            yield piece
            if time.monotonic() > end:
                raise FileError(f"{answer.url.host} took more than 6 hours to give the file.")
