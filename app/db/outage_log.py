"""What keeps the database from being used, logged once for all who meet it, and once when it is over."""

from __future__ import annotations

import structlog

from app.db.faults import reason
from app.errors import Problem

log = structlog.get_logger(__name__)


class OutageLog:
    """Who of a process fails at its database, and why.

    Background tasks try again for as long as it takes. Of what they meet, each reason is one line in the log, however
    many meet it and however often, until all of them get through again.
    """

    def __init__(self) -> None:
        """Nothing is wrong yet."""
        self._reasons: dict[str, str] = {}

    def report(self, who: str, error: BaseException) -> None:
        """Log why `who` failed, unless that is known."""
        why = reason(error) if isinstance(error, Problem) else f"{type(error).__name__}: {error}"
        if why not in self._reasons.values():
            log.warning("the database cannot be used", task=who, reason=why)
        self._reasons[who] = why

    def clear(self, who: str) -> None:
        """Note that `who` got through."""
        if self._reasons.pop(who, None) is not None and not self._reasons:
            log.info("the database can be used again")
