"""A file at a fixed address, or on this machine: imported whenever it has changed."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from app.sources.failures import FetchFailed
from app.sources.fetch import Fetched, Fetcher, Validators, digest
from app.sources.providers.base import Progress, Provider, SourceFile


class Plain(Provider):
    """One file; a server that sends an older one again, as a mirror that lags behind does, is not believed."""

    type = "plain"

    async def files(self, progress: Progress, fetcher: Fetcher) -> AsyncGenerator[SourceFile, None]:
        """Give the file if its ETag, its date or, without them, its bytes have changed."""
        before = Validators(progress.get("etag"), progress.get("last_modified"))
        if self.source.url.lower().startswith("file://"):
            fetched: Fetched | None = await copy_local(self.source.url, fetcher)
        else:
            fetched = await fetcher.download(self.source.url, known=before)
        if fetched is None:
            return
        found = fetched.validators
        if is_older(found.last_modified, before.last_modified):
            self.notes.append(
                f"The server sent the file of {found.last_modified} again, older than that of {before.last_modified}; "
                "it is left out."
            )
            return
        now: dict[str, Any] = {"etag": found.etag, "last_modified": found.last_modified, "sha256": fetched.sha256}
        date = read_date(found.last_modified)
        version = fetched.sha256[:12] if date is None else date.strftime("%Y-%m-%dT%H:%M:%SZ")
        is_same = fetched.sha256 == progress.get("sha256")
        yield SourceFile(None if is_same else fetched.path, version, now)


def read_date(text: str | None) -> datetime | None:
    """Read a date as HTTP has it; None when there is none."""
    try:
        return None if text is None else parsedate_to_datetime(text).astimezone(UTC)
    except ValueError:
        return None


def is_older(text: str | None, than: str | None) -> bool:
    """Tell whether one date of HTTP lies before another."""
    one, other = read_date(text), read_date(than)
    return one is not None and other is not None and one < other


async def copy_local(url: str, fetcher: Fetcher) -> Fetched:
    """Copy a file of this machine, so that it stays as it is while it is imported."""
    path = Path(unquote(urlsplit(url).path))
    copy = fetcher.folder / path.name

    def work() -> None:
        if path.stat().st_size > fetcher.max_bytes:
            raise FetchFailed(f"{path} is larger than the limit of {fetcher.max_bytes:,} bytes (max_mb).")
        shutil.copyfile(path, copy)

    try:
        await asyncio.to_thread(work)
    except OSError as error:
        raise FetchFailed(f"{path} cannot be read: {error.strerror}.") from None
    return Fetched(copy, await digest(copy, "sha256"))
