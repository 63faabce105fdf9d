"""Writes a page of changes as JSON: whole where it is short, else in pieces while others have their turn."""

from __future__ import annotations

import asyncio
import hashlib
from array import array
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

from starlette.responses import Response

from app.events.formats.export import JSON, enclose, page_response, slices
from app.feed.reader import ChangePage
from app.kit.json_lines import dump_json
from app.version import get_version

VERSION = get_version()
# A longer page leaves in pieces of about so many bytes.
PIECE_BYTES = 512 * 1024


async def change_page_response(page: ChangePage, members: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    """Answer with the page; `members` stand after its items."""
    return await page_response(write_off_loop(page_pieces(page, members)), headers, JSON)


async def change_array_response(page: ChangePage, headers: Mapping[str, str]) -> Response:
    """Answer with the items of the page alone, as an array."""
    return await page_response(write_off_loop(join_pieces(page, b"[", b"]")), headers, JSON)


def page_etag(page: ChangePage, source: str, members: Mapping[str, Any]) -> str:
    """Make a strong ETag of what the bytes of the page follow from.

    A change of one source is written by one program as the same bytes for ever, unless its erasure shortens it.
    """
    told = hashlib.blake2b(repr((VERSION, source, members)).encode(), digest_size=16)
    told.update(array("q", [piece.entry.seq for piece in page.pieces]))
    told.update(array("q", [piece.end - piece.start for piece in page.pieces]))
    return f'"{told.hexdigest()}"'


def page_pieces(page: ChangePage, members: Mapping[str, Any]) -> Iterator[bytes]:
    """Write a page as JSON, in one piece unless it is long."""
    return join_pieces(page, b'{"items":[', b"]," + dump_json(members)[1:])


def join_pieces(page: ChangePage, before: bytes, tail: bytes) -> Iterator[bytes]:
    """Write the items of a page between two ends."""
    parts = slices((encoded.item for encoded in page.pieces), len(page.pieces), PIECE_BYTES)
    held = next(parts, [])
    for part in parts:
        yield enclose(before, held, b",")
        held, before = part, b""
    yield enclose(before, held, tail)


async def write_off_loop(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Give the pieces; others have their turn between them."""
    for count, piece in enumerate(pieces):
        if count:
            await asyncio.sleep(0)
        yield piece
