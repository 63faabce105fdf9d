"""How changes and positions are written into a stream of server-sent events: Sitrep's own way, and Durable Streams'."""

from __future__ import annotations

import time
from collections.abc import Sequence
from random import randint
from typing import Protocol

from app.changes import format_cursor
from app.feed.recent_changes import EncodedChange, join_frames, position
from app.kit.json_lines import dump_json

RETRY = b"retry: 3000\n\n"
# Durable Streams 1.0, 8.1: cursors count intervals since 9 October 2024, and run ahead by up to an hour.
CURSOR_EPOCH_S = 1_728_432_000
CURSOR_INTERVAL_S = 20
MAX_CURSOR_JITTER_S = 3600


class StreamFormat(Protocol):
    """What one stream is made of; `position` is asked at a heartbeat, and after changes if `positions_follow`."""

    opening: bytes
    positions_follow: bool

    def join(self, pieces: Sequence[EncodedChange]) -> bytes:
        """Write these changes."""
        ...

    def position(self, epoch: int, seq: int, *, up_to_date: bool) -> bytes:
        """Write how far the reader is, and whether that is the end of the log."""
        ...


class FeedFormat:
    """Sitrep's own: a block for each change with its position as `id`, and blocks with an `id` alone."""

    opening = RETRY
    positions_follow = False
    join = staticmethod(join_frames)

    def position(self, epoch: int, seq: int, *, up_to_date: bool) -> bytes:
        """An `id` alone; whether it is the end is not told."""
        del up_to_date
        return position(epoch, seq)


def join_data(pieces: Sequence[EncodedChange]) -> bytes:
    """Write changes as one `data` event of Durable Streams: a JSON array."""
    return b"event: data\ndata: [" + b",".join([encoded.item for encoded in pieces]) + b"]\n\n"


class DurableFormat:
    """Durable Streams' (1.0, 5.7): `data` events, each followed by a `control` event with the position after it."""

    opening = b""
    positions_follow = True
    join = staticmethod(join_data)

    def __init__(self, cursor: str | None) -> None:
        """`cursor` is the one that the reader sent."""
        self._cursor = cursor

    def position(self, epoch: int, seq: int, *, up_to_date: bool) -> bytes:
        """A control event."""
        told = {"streamNextOffset": format_cursor(epoch, seq), "streamCursor": next_stream_cursor(self._cursor)}
        return b"event: control\ndata: " + dump_json(told | ({"upToDate": True} if up_to_date else {})) + b"\n\n"


def next_stream_cursor(sent: str | None) -> str:
    """Give the number of the current interval, or one beyond the cursor that was sent, so that no cache goes round."""
    now = int(time.time() - CURSOR_EPOCH_S) // CURSOR_INTERVAL_S
    if sent is None or int(sent) < now:
        return str(now)
    return str(int(sent) + randint(1, MAX_CURSOR_JITTER_S // CURSOR_INTERVAL_S))  # noqa: S311 (spreads caches, guards nothing)
