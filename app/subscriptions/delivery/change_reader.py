"""What a push subscription reads: the next changes that match, and the exact bytes of one that is sent again."""

from __future__ import annotations

from collections.abc import Callable

from app.changes import ChangeRecord, Head, feed_item
from app.changes.log import PICKED_ITEMS
from app.events.read.filter import ChangeFilter
from app.feed.matcher import Matcher
from app.feed.notifier import Notifier
from app.feed.reader import ChangePage, PageReader
from app.feed.recent_changes import bare

# One reading goes no further in the log, where its index tells what matches.
MAX_PASSED = 1_000_000


class ChangeReader:
    """Goes along the log for one filter, the newest changes from the notifier's memory where they are there."""

    def __init__(self, notifier: Notifier, wanted: ChangeFilter, wake: Callable[[], None]) -> None:
        """Call `wake` from now on when a change may match; `close` when that is over."""
        self._notifier = notifier
        self._matcher = Matcher(wanted)
        self._reader = PageReader(notifier.log, self._matcher, notifier.recent, bare)
        notifier.term_updates.follow(self._matcher, wake)

    def close(self) -> None:
        """Follow no more."""
        self._notifier.term_updates.leave(self._matcher)

    def is_past(self, after: int, head: Head) -> bool:
        """Nothing matches between the two, as far as the notifier knows the log."""
        return self._notifier.term_updates.is_resting(self._matcher, after, (head.epoch, head.seq))

    async def read(self, after: int, limit: int, head: Head) -> ChangePage:
        """The next matches, at most `limit`, and how far the log was read; bounded, so that it may find none yet."""
        if self.is_past(after, head):
            return ChangePage([], head.seq, more=False)
        page = await self._reader.page(after, limit, head, MAX_PASSED)
        if page.next == head.seq:
            self._notifier.term_updates.rest(self._matcher, (head.epoch, head.seq))
        return page


async def body_at(notifier: Notifier, seq: int) -> bytes | None:
    """The push body of a change, the same bytes at every try; None when the log has no such change."""
    db = notifier.log.db
    rows = await db.rows(
        PICKED_ITEMS[db.dialect], {"seqs": db.as_list([seq])}, primary=True
    )  # a replica may not have it yet
    return feed_item(ChangeRecord(*rows[0]), await notifier.log.source()) if rows else None
