"""What every type of source is made of: files to import in order, each with the progress that is stored after it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import orjson

from app.sources.config import Source
from app.sources.fetch import Fetcher

Progress = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to import, and the `progress` and `version` that the source has come to once it is in.

    Without a path there is nothing to import, only progress to remember. With `tombstone_missing`, known records that
    the file lacks are deleted, unless the source's options say otherwise.
    """

    path: Path | None
    version: str
    progress: Progress
    tombstone_missing: bool = False


class Provider(ABC):
    """One source of a type; it lives as long as the process, and keeps in memory what must not be stored."""

    type: ClassVar[str]
    always_has_news: ClassVar[bool] = False  # a run that finds nothing new is a sign that the publisher stands still
    leaves_out_unreadable: ClassVar[bool] = False  # a file that is not what it seems does not hold up the next ones

    def __init__(self, source: Source, now: Callable[[], datetime]) -> None:
        """Serve this source."""
        self.source = source
        self.now = now
        self.notes: list[str] = []  # sentences about what was odd in a run that succeeds all the same

    @abstractmethod
    def files(self, progress: Progress, fetcher: Fetcher) -> AsyncGenerator[SourceFile, None]:
        """Download what is new since that progress, file after file, oldest first; raises FetchFailed."""


def with_query(url: str, **values: object) -> str:
    """Add parameters to a URL, in the place of those that it has of the same name."""
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in values]
    return urlunsplit(parts._replace(query=urlencode([*kept, *((name, str(value)) for name, value in values.items())])))


def append_lines(path: Path, rows: Iterable[Any]) -> None:
    """Append rows as lines of JSON."""
    with path.open("ab") as file:
        for row in rows:
            file.write(orjson.dumps(row) + b"\n")
