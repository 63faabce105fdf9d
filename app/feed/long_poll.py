"""A page of the feed, waited for at its end as long as the reader wishes; no connection is held meanwhile."""

from __future__ import annotations

import asyncio

from app.changes import Head
from app.errors import CursorEpoch
from app.events.read.filter import ChangeFilter
from app.feed.matcher import Matcher
from app.feed.notifier import MIN_INTERVAL_S, Notifier
from app.feed.reader import MAX_SCANNED, ChangePage, PageReader


async def wait_for_page(
    notifier: Notifier, wanted: ChangeFilter, start: int, head: Head, *, limit: int, wait: float
) -> tuple[Head, ChangePage]:
    """The page after `start`, and the head up to which the log was read; CursorEpoch (410) when that changes."""
    log, clock = notifier.log, asyncio.get_running_loop().time
    deadline = clock() + wait
    reader = PageReader(log, Matcher(wanted), notifier.recent)
    epoch, page = head.epoch, await reader.page(start, limit, head)
    while not (page.pieces or page.more or notifier.draining) and (left := deadline - clock()) > 0:
        await notifier.wait(page.next, left, epoch)
        head = await log.head()
        notifier.notice(head)
        if head.epoch != epoch:
            raise log.gone(CursorEpoch, "The feed was restored since that cursor; read the list again.", head)
        if head.seq <= page.next:  # another server than the hub asked, and it is behind
            await asyncio.sleep(MIN_INTERVAL_S)
        # What was passed over while waiting counts: the answer is the one that a fresh call would get.
        rest = start + MAX_SCANNED - page.next
        if rest <= 0:
            return head, page._replace(more=head.seq > page.next)
        page = await reader.page(page.next, limit, head, rest)
    return head, page
