"""What a push subscription reads: the next changes that match, and the exact bytes of one that is sent again."""

from __future__ import annotations

from app.changes import ChangeRecord, Head, feed_item
from app.events.read.filter import ChangeFilter
from app.feed.matcher import Matcher
from app.feed.notifier import Notifier
from app.feed.reader import PICKED, ChangePage, PageReader
from app.feed.recent_changes import bare


class ChangeReader:
    """Goes along the log for one filter, the newest changes from the notifier's memory where they are there."""

    def __init__(self, notifier: Notifier, wanted: ChangeFilter) -> None:
        """Follow the filter's values from now on; `close` when that is over."""
        self._notifier = notifier
        self._matcher = Matcher(wanted)
        self._reader = PageReader(notifier.log, self._matcher, notifier.recent, bare)
        notifier.term_updates.follow(self._matcher)

    def close(self) -> None:
        """Follow no more."""
        self._notifier.term_updates.leave(self._matcher)

    async def read(self, after: int, limit: int, head: Head) -> ChangePage:
        """The next matches, at most `limit`, and how far the log was read; bounded, so that it may find none yet."""
        recent = self._notifier.recent
        held = recent.between(after, head.seq) if recent.reaches(head) else None
        if held is None:
            return await self._reader.page(after, limit, head)
        found = await self._reader.among(held, limit)
        full = len(found) == limit
        return ChangePage(found, found[-1].entry.seq if full else head.seq, more=full)


async def body_at(notifier: Notifier, seq: int) -> bytes | None:
    """The push body of a change, the same bytes at every try; None when the log has no such change."""
    db = notifier.log.db
    rows = await db.rows(PICKED[db.dialect], {"seqs": db.as_list([seq])}, primary=True)  # a replica may not have it yet
    return feed_item(ChangeRecord._make(rows[0]), await notifier.log.source()) if rows else None
