"""What a pump has found out and the database does not know yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from app.subscriptions.delivery.result_writer import Lease, ResultBatch
from app.subscriptions.delivery.retry_policy import Attempt, Health
from app.subscriptions.tables import Delivery, Notice


@dataclass(slots=True)
class PendingResults:
    """Results, new deliveries, notices and the endpoint's health, until they are written together.

    `delivered` has what the first attempt delivered, with its JSON list; `changed` has all else that came of attempts.
    `attempts` are what the health was judged by, should the subscription turn out to be another than was thought.
    """

    changed: dict[UUID, Delivery] = field(default_factory=dict)
    added: list[Delivery] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    health: Health | None = None
    pinged: bool = False
    verified: bool = False
    delivered: dict[UUID, str] = field(default_factory=dict)

    @property
    def any(self) -> bool:
        """There is something to write."""
        found = self.delivered or self.changed or self.added or self.notices or self.pinged
        return bool(found) or self.health is not None

    def step(self, lease: Lease, version: int, generation: int, cursor: int | None) -> ResultBatch:
        """All of it as one step."""
        return ResultBatch(
            lease,
            version,
            generation,
            delivered=self.delivered,
            changed=list(self.changed.values()),
            added=self.added,
            cursor=cursor,
            health=self.health,
            pinged=self.pinged,
            verified=self.verified,
            notices=self.notices,
        )

    def has_news_of(self, id: UUID) -> bool:
        """What came of that delivery is not written yet."""
        return id in self.delivered or id in self.changed

    def after(self, later: PendingResults) -> PendingResults:
        """This, which could not be written, and what came up since."""
        shown = {id: told for id, told in self.changed.items() if id not in later.delivered}
        return PendingResults(
            {**shown, **later.changed},
            self.added + later.added,
            self.notices + later.notices,
            self.attempts + later.attempts,
            later.health or self.health,
            self.pinged or later.pinged,
            self.verified or later.verified,
            {**self.delivered, **later.delivered},
        )
