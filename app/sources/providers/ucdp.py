"""UCDP's API: all pages of a release as one file, imported when its rows have changed.

Source: the documentation of the UCDP API; since 2026 it asks for a token in the header x-ucdp-access-token.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from app.sources.failures import FetchFailed, describe
from app.sources.fetch import Fetcher, digest
from app.sources.providers.base import Progress, Provider, SourceFile, append_lines, with_query

PAGE_SIZE = 1000
CANDIDATE_MONTHS = 12


class Ucdp(Provider):
    """`url` names a release, as .../api/gedevents/26.1; with `candidates` it ends before the release.

    The monthly candidate releases of the last twelve months, 26.0.1 for January 2026, are then taken in as they come.
    """

    type = "ucdp_api"

    async def files(self, progress: Progress, fetcher: Fetcher) -> AsyncGenerator[SourceFile, None]:
        """Give each release whose rows are other ones than those that are in."""
        taken: dict[str, str] = dict(progress.get("releases", {}))
        base, _, query = self.source.url.partition("?")
        if self.source.options.candidates:
            names = candidate_releases(self.now())
            urls = {name: f"{base.rstrip('/')}/{name}{'?' if query else ''}{query}" for name in names}
        else:
            urls = {base.rstrip("/").rpartition("/")[2]: self.source.url}
        for name, url in urls.items():
            try:
                path = await self._read_pages(url, name, fetcher)
            except FetchFailed as failure:
                if failure.status != 404 or not self.source.options.candidates:
                    raise
                continue  # it is not published yet
            if path is None or (found := await digest(path, "sha256")) == taken.get(name):
                continue
            taken = {**taken, name: found}
            yield SourceFile(path, name, {"releases": taken})

    async def _read_pages(self, url: str, name: str, fetcher: Fetcher) -> Path | None:
        """Read all pages into a file of JSON lines; None when the release has no rows."""
        path = fetcher.folder / f"ucdp-{name}.ndjson"
        rows = 0
        for page in count():
            body = await fetcher.read_json(with_query(url, pagesize=PAGE_SIZE, page=page))
            found = rows_of(url, body)
            await asyncio.to_thread(append_lines, path, found)
            rows += len(found)
            if page + 1 >= int(body.get("TotalPages") or 0) or not found:
                if rows != int(body.get("TotalCount") or 0):
                    told = f"{describe(url)} announced {body.get('TotalCount')} rows and gave {rows}."
                    raise FetchFailed(told)
                break
        return path if rows else None


def rows_of(url: str, body: Any) -> list[Any]:
    """Give the rows of a page."""
    found = body.get("Result") if isinstance(body, dict) else None
    if not isinstance(found, list):
        raise FetchFailed(f"{describe(url)} answered with something else than a page of UCDP's API.")
    return found


def candidate_releases(now: datetime) -> list[str]:
    """Name the candidate releases of the last twelve months, oldest first."""
    months = [divmod(now.year * 12 + now.month - 1 - back, 12) for back in range(CANDIDATE_MONTHS)]
    return [f"{year % 100}.0.{month + 1}" for year, month in reversed(months)]
