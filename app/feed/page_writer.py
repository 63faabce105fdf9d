"""Writes a page of changes as JSON: whole where it is short, else in pieces while others have their turn."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

from app.events.formats.export import JSON, page_response, slices
from app.kit.json_lines import as_json
from app.kit.offload import aside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping

    from starlette.responses import Response

    from app.feed.reader import Page

# A longer page leaves in pieces of about so many bytes.
PIECE_BYTES = 512 * 1024


async def page_answer(page: Page, members: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    """Answer with the page; `members` stand after its items."""
    return await page_response(in_turn(page_pieces(page, members)), headers, JSON)


async def page_digest(page: Page, members: Mapping[str, Any]) -> str:
    """Hash the bytes of the answer; those of a long page on another thread."""
    pieces = page_pieces(page, members)
    if sum(len(piece.frame) for piece in page.pieces) <= PIECE_BYTES:
        return digest_of(pieces)
    return await aside(digest_of, pieces)


def page_pieces(page: Page, members: Mapping[str, Any]) -> Iterator[bytes]:
    """Write a page as JSON, in one piece unless it is long."""
    tail = b"]," + as_json(members)[1:]
    before = b'{"items":['
    held = b""
    for part in slices((piece.item for piece in page.pieces), len(page.pieces), PIECE_BYTES):
        if held:
            yield held
        held, before = before + b",".join(part), b","
    yield (held or before) + tail


def digest_of(pieces: Iterable[bytes]) -> str:
    """Hash the whole of the pieces."""
    found = hashlib.sha256()
    for piece in pieces:
        found.update(piece)
    return found.hexdigest()


async def in_turn(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Give the pieces; others have their turn after each."""
    for piece in pieces:
        yield piece
        await asyncio.sleep(0)
