"""ACLED's API: pages of what was uploaded since the last run, with a token that is got by a password and refreshed.

Source: ACLED's API documentation of 2025, "Getting started" (OAuth) and "Elements of the API" (limit, page, timestamp).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from app.sources.config import expand
from app.sources.failures import FetchFailed, describe
from app.sources.fetch import Fetcher, digest
from app.sources.providers.base import Progress, Provider, SourceFile, append_lines, with_query

PAGE_SIZE = 5000
# A token is renewed so long before it ends.
EARLY = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, when it ends, and the token that gets the next one."""

    access: str
    refresh: str | None
    expires_at: datetime


class Acled(Provider):
    """`url` may choose events by parameters, such as `?country=Ukraine`; tokens are kept in memory only."""

    type = "acled_api"

    _token: Token | None = None

    async def files(self, progress: Progress, fetcher: Fetcher) -> AsyncGenerator[SourceFile, None]:
        """Give one file of all rows that were uploaded since, those of the same second again; then what was deleted."""
        since, digests = progress.get("timestamp"), dict(progress.get("digests", {}))
        begun = int(self.now().timestamp())
        path, newest = await self._read_pages(self.source.url, "timestamp", since, fetcher)
        latest = {**progress, "timestamp": newest, "deleted_since": progress.get("deleted_since", begun)}
        if (found := await new_digest(path, digests.get("rows"))) is not None:
            digests["rows"] = found
            yield SourceFile(path, str(newest), {**latest, "digests": digests})
        url, deleted_since = deleted_url(self.source.url), progress.get("deleted_since")
        if url is None or deleted_since is None:  # before the first run there is nothing that could be deleted
            return
        path, newest_deleted = await self._read_pages(url, "deleted_timestamp", deleted_since, fetcher)
        if (found := await new_digest(path, digests.get("deleted"))) is not None:
            digests["deleted"] = found
            yield SourceFile(path, str(newest), {**latest, "deleted_since": newest_deleted, "digests": digests})

    async def _read_pages(self, url: str, stamp: str, since: int | None, fetcher: Fetcher) -> tuple[Path, int]:
        """Read all pages of what has a time stamp since then into a file, and tell the newest time stamp."""
        url = with_query(url, _format="json", limit=PAGE_SIZE)
        if since is not None:
            url = with_query(url, **{stamp: since, f"{stamp}_where": ">="})
        path = fetcher.folder / f"acled-{stamp}.ndjson"
        newest, is_denied = int(since or 0), False
        for page in count(1):
            try:
                body = await fetcher.read_json(with_query(url, page=page), headers=await self._authorise(fetcher))
            except FetchFailed as failure:
                if failure.status != 401 or is_denied:
                    raise
                is_denied = True  # the token may have been taken back before its time
                body = await fetcher.read_json(
                    with_query(url, page=page), headers=await self._authorise(fetcher, renew=True)
                )
            rows = rows_of(url, body)
            await asyncio.to_thread(append_lines, path, rows)
            newest = max([newest, *(int(row.get(stamp) or 0) for row in rows)])
            if len(rows) < PAGE_SIZE:
                break
        return path, newest

    async def _authorise(self, fetcher: Fetcher, *, renew: bool = False) -> Mapping[str, str]:
        """Give the header field with a token that is good for a while."""
        if self._token is None or renew or self._token.expires_at - EARLY <= self.now():
            self._token = await self._get_token(fetcher)
        return {"authorization": f"Bearer {self._token.access}"}

    async def _get_token(self, fetcher: Fetcher) -> Token:
        """Refresh the token, or log in where there is none or it is refused."""
        oauth = self.source.oauth
        if oauth is None:
            raise FetchFailed("oauth is missing.")
        url, client = expand(oauth.token_url), {"client_id": expand(oauth.client_id)}
        if self._token is not None and self._token.refresh is not None:
            asked = {"grant_type": "refresh_token", "refresh_token": self._token.refresh, **client}
            self._token = None
            try:
                return self._read_token(url, await fetcher.post_form(url, asked))
            except FetchFailed as failure:
                if failure.status not in {400, 401, 403}:
                    raise
        named = {"username": expand(oauth.username), "password": expand(oauth.password)}
        return self._read_token(url, await fetcher.post_form(url, {"grant_type": "password", **named, **client}))

    def _read_token(self, url: str, body: Any) -> Token:
        access = body.get("access_token") if isinstance(body, dict) else None
        if not isinstance(access, str):
            raise FetchFailed(f"{describe(url)} gave no access token.")
        seconds, refresh = body.get("expires_in"), body.get("refresh_token")
        lasts = timedelta(seconds=seconds if isinstance(seconds, int | float) else 3600)
        return Token(access, refresh if isinstance(refresh, str) else None, self.now() + lasts)


def deleted_url(url: str) -> str | None:
    """Give the address at which ACLED lists the events that it has deleted, beside that of the events."""
    base = url.partition("?")[0].rstrip("/")
    return f"{base.removesuffix('/acled/read')}/deleted/read" if base.endswith("/acled/read") else None


async def new_digest(path: Path, known: str | None) -> str | None:
    """Give the digest of a file that has rows, and other ones than the last time."""
    if not await asyncio.to_thread(os.path.getsize, path):
        return None
    found = await digest(path, "sha256")
    return None if found == known else found


def rows_of(url: str, body: Any) -> list[dict[str, Any]]:
    """Give the rows of a page; a refusal comes with status 200 and says so inside."""
    if not isinstance(body, dict) or not isinstance(body.get("data"), list):
        told = body.get("message") or body.get("error") if isinstance(body, dict) else None
        hint = f": {str(told)[:200]}" if told else ""
        raise FetchFailed(f"{describe(url)} answered with something else than a page of ACLED's API{hint}.")
    rows: list[dict[str, Any]] = body["data"]
    if body.get("success") is False or (isinstance(body.get("count"), int) and body["count"] != len(rows)):
        raise FetchFailed(f"{describe(url)} announced {body.get('count')} rows and gave {len(rows)}.")
    return rows
