"""GDELT 2.0: a file of events every 15 minutes, with a list of the newest files and a master list of all.

Source: the GDELT Event Database codebook 2.0; each line of a list has a size, an MD5 checksum and a URL.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urljoin

from app.sources.failures import FetchFailed, describe
from app.sources.fetch import Fetcher
from app.sources.providers.base import Progress, Provider, SourceFile

STEP = timedelta(minutes=15)
# Files are looked for so long after their time: some come late, and some are published again, corrected.
WINDOW = timedelta(days=1)
# How often the end of the master list is read although no file is missing: it alone tells of corrected ones.
CHECK_INTERVAL = timedelta(hours=6)
LINE = re.compile(r"\d+ ([0-9a-fA-F]{32}) (\S+/(\d{14})(\.translation)?\.export\.CSV\.zip)\s*", re.ASCII)
STAMP = "%Y%m%d%H%M%S"
# The master list has some three lines for each step, of which the longest seen had 130 bytes.
BYTES_A_STEP, TAIL_MARGIN = 3 * 140, 64 * 1024
Files = dict[datetime, tuple[str, str]]  # time of the file -> checksum and name


class Gdelt(Provider):
    """`url` is that of lastupdate.txt, or of lastupdate-translation.txt; files are taken from the same folder.

    The lists name their files by http; those at the `url` are the same ones, and are asked for as it is.
    """

    type = "gdelt"
    always_has_news = True
    leaves_out_unreadable = True

    async def files(self, progress: Progress, fetcher: Fetcher) -> AsyncGenerator[SourceFile, None]:
        """Give the files that are not in yet or have another checksum now, oldest first."""
        taken: dict[datetime, str] = {read_stamp(text): md5 for text, md5 in progress.get("taken", {}).items()}
        listed = await self._read_list(self.source.url, fetcher)
        if not listed:
            raise FetchFailed(f"{describe(self.source.url)} names no file of events (.export.CSV.zip).")
        newest = max(listed)
        begin = min(taken, default=self._read_since(newest))
        checked = progress.get("checked_at")
        is_due = checked is not None and self.now() - datetime.fromisoformat(checked) >= CHECK_INTERVAL
        if is_due or is_incomplete(begin, newest, {*taken, *listed}):
            listed = {**await self._read_master(begin, newest, fetcher), **listed}
        if is_due or checked is None:
            checked = self.now().isoformat()
        for at in sorted(listed):
            md5, name = listed[at]
            if at < begin or taken.get(at) == md5:
                continue
            try:
                fetched = await fetcher.download(urljoin(self.source.url, name), checksum=("md5", md5))
            except FetchFailed as failure:
                if failure.status not in {404, 410} or at == newest:
                    raise
                self.notes.append(f"{name} is listed, but is not there.")
                continue
            taken[at] = md5
            taken = {time: known for time, known in taken.items() if time > max(taken) - WINDOW}
            yield make_file(fetched.path if fetched else None, taken, progress.get("checked_at"))
        if checked != progress.get("checked_at") and taken:
            yield make_file(None, taken, checked)

    def _read_since(self, newest: datetime) -> datetime:
        """Tell from when on to take files in at first: the newest alone, unless `since` is set."""
        if self.source.options.since is None:
            return newest
        since = datetime.fromisoformat(self.source.options.since)
        return since if since.tzinfo else since.replace(tzinfo=UTC)

    async def _read_list(self, url: str, fetcher: Fetcher) -> Files:
        fetched = await fetcher.download(url)
        return {} if fetched is None else await asyncio.to_thread(read_files, fetched.path, None)

    async def _read_master(self, begin: datetime, newest: datetime, fetcher: Fetcher) -> Files:
        """Read the end of the master list, as much of it as reaches back to `begin`: the whole has over 100 MB."""
        folder, _, name = self.source.url.rpartition("/")
        if not name.startswith("lastupdate"):
            raise FetchFailed(f"{describe(self.source.url)} is not GDELT's lastupdate.txt.")
        url = f"{folder}/{name.replace('lastupdate', 'masterfilelist', 1)}"
        size = TAIL_MARGIN + BYTES_A_STEP * ((newest - begin) // STEP + 1)
        while True:
            fetched = await fetcher.download(url, tail=size)
            if fetched is None:
                return {}
            found = await asyncio.to_thread(read_files, fetched.path, begin)
            first = await asyncio.to_thread(first_time, fetched.path)
            fetched.path.unlink()
            if fetched.is_whole or (first is not None and first <= begin):
                return found
            size *= 8


def make_file(path: Path | None, taken: Mapping[datetime, str], checked_at: str | None) -> SourceFile:
    """Give a file with the progress that it makes."""
    kept = {time.strftime(STAMP): md5 for time, md5 in taken.items()}
    return SourceFile(path, max(kept), {"taken": kept, "checked_at": checked_at})


def read_stamp(text: str) -> datetime:
    """Read the time in a file's name, which is in UTC."""
    return datetime.strptime(text, STAMP).replace(tzinfo=UTC)


def read_lines(lines: Iterable[str]) -> Iterator[tuple[datetime, str, str]]:
    """Read the lines that name a file of events."""
    for line in lines:
        match = LINE.fullmatch(line)
        if match is not None:
            yield read_stamp(match[3]), match[1].lower(), match[2].rpartition("/")[2]


def read_files(path: Path, begin: datetime | None) -> Files:
    """Read a list; of files that it has several times the last counts."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        return {at: (md5, name) for at, md5, name in read_lines(lines) if begin is None or at >= begin}


def first_time(path: Path) -> datetime | None:
    """Tell how far back a list reaches."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        return next((at for at, _, _ in read_lines(lines)), None)


def is_incomplete(begin: datetime, newest: datetime, known: Iterable[datetime]) -> bool:
    """Tell whether a quarter of an hour from `begin` to `newest` has no file that is known."""
    there = set(known)
    at = datetime.fromtimestamp(-(-begin.timestamp() // STEP.total_seconds()) * STEP.total_seconds(), UTC)
    while at <= newest:
        if at not in there:
            return True
        at += STEP
    return False
