"""What lists, counts and exports are asked for, and the rows that they find."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from app.changes import Position
from app.events.read.filter import BaseEventFilter


class Row(NamedTuple):
    """An event of a page: its body, place in the order and version; questions about the past have its packed state."""

    body: bytes
    at: int
    key: int
    version: int
    after: bytes | None = None


class Page(NamedTuple):
    """A page of the list, and the place after which the next one begins."""

    rows: list[Row]
    last: tuple[int, int] | None


class ResolvedQuery(NamedTuple):
    """A filter with what only lists, counts and exports ask beside it, and up to where the log is known at least."""

    filter: BaseEventFilter
    changed_since: int | None = None
    as_of: int | None = None
    known: Position | None = None


async def single_chunk(bodies: list[bytes]) -> AsyncIterator[list[bytes]]:
    """Give a single page."""
    yield bodies


async def read_bodies(pages: AsyncIterator[list[Row]]) -> AsyncIterator[list[bytes]]:
    """Give only the bodies of the pages."""
    async for rows in pages:
        yield [row.body for row in rows]
