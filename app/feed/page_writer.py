"""Writes a page of changes as JSON: whole where it is short, else in pieces while others have their turn."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

from starlette.responses import Response

from app.events.formats.export import JSON, page_response, slices
from app.feed.reader import ChangePage
from app.kit.json_lines import dump_json
from app.kit.offload import run_in_thread

# A longer page leaves in pieces of about so many bytes.
PIECE_BYTES = 512 * 1024


async def change_page_response(page: ChangePage, members: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    """Answer with the page; `members` stand after its items."""
    return await page_response(write_off_loop(page_pieces(page, members)), headers, JSON)


async def change_array_response(page: ChangePage, headers: Mapping[str, str]) -> Response:
    """Answer with the items of the page alone, as an array."""
    return await page_response(write_off_loop(join_pieces(page, b"[", b"]")), headers, JSON)


async def page_digest(page: ChangePage, members: Mapping[str, Any]) -> str:
    """Hash the bytes of the answer; those of a long page on another thread."""
    pieces = page_pieces(page, members)
    if sum(len(encoded.frame) for encoded in page.pieces) <= PIECE_BYTES:
        return digest_of(pieces)
    return await run_in_thread(digest_of, pieces)


def page_pieces(page: ChangePage, members: Mapping[str, Any]) -> Iterator[bytes]:
    """Write a page as JSON, in one piece unless it is long."""
    return join_pieces(page, b'{"items":[', b"]," + dump_json(members)[1:])


def join_pieces(page: ChangePage, before: bytes, tail: bytes) -> Iterator[bytes]:
    """Write the items of a page between two ends."""
    held = b""
    for part in slices((encoded.item for encoded in page.pieces), len(page.pieces), PIECE_BYTES):
        if held:
            yield held
        held, before = before + b",".join(part), b","
    yield (held or before) + tail


def digest_of(pieces: Iterable[bytes]) -> str:
    """Hash the whole of the pieces."""
    found = hashlib.sha256()
    for encoded in pieces:
        found.update(encoded)
    return found.hexdigest()


async def write_off_loop(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Give the pieces; others have their turn after each."""
    for encoded in pieces:
        yield encoded
        await asyncio.sleep(0)
