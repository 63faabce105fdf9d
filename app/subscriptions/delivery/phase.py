"""The phases of delivering one subscription under one lease, and the events that lead from one to another; no I/O.

      lease taken
           |
           v   begin_loading             finish_loading
         STALE -----------------> LOADING ------------> READY
          | ^                      |   |                |   |
          | +---- fail_loading ----+   |                |   |
          | +---- note_change ---------+----------------+   |
          |                            |                    |
          | stop                  stop |               stop |
          |        +-------------------+                    |
          v        v         finish_loading                 v
         STOPPING ------------------------------------> DRAINING
             ^                                              |
             +---------------- note_change -----------------+

    lose_lease leads from each of these to LOST; close leads from each, and from LOST, to CLOSED.

A change that comes while the row is read makes it STALE again, so that it is read once more. Who stops reads a changed
row once more, too, because late results are judged by what the subscription is now.
"""

from __future__ import annotations

from enum import Enum


class IllegalTransition(Exception):
    """An event came in a phase in which it cannot happen."""


class Phase(Enum):
    """Where the delivery of a subscription stands; how its endpoint is doing is its health's matter."""

    STALE = "its row must be read: the lease is new, or somebody changed the subscription"
    LOADING = "its row and its unfinished deliveries are being read"
    READY = "changes are read and sent, or the endpoint is pinged, as its health allows"
    STOPPING = "nothing more is sent, and the row must be read once more"
    DRAINING = "nothing more is sent; requests under way may end, and what came of them is written"
    LOST = "another worker has the lease"
    CLOSED = "it was given up"


_LIVE = (Phase.STALE, Phase.LOADING, Phase.READY, Phase.STOPPING, Phase.DRAINING)
_OVER = {Phase.LOST: Phase.LOST, Phase.CLOSED: Phase.CLOSED}
TRANSITIONS: dict[str, dict[Phase, Phase]] = {
    "begin_loading": {Phase.STALE: Phase.LOADING, Phase.STOPPING: Phase.STOPPING},
    "finish_loading": {
        Phase.LOADING: Phase.READY,
        Phase.STALE: Phase.STALE,
        Phase.STOPPING: Phase.DRAINING,
        Phase.LOST: Phase.LOST,
    },
    "fail_loading": {
        Phase.LOADING: Phase.STALE,
        Phase.STALE: Phase.STALE,
        Phase.STOPPING: Phase.STOPPING,
        Phase.LOST: Phase.LOST,
    },
    "note_change": {
        Phase.STALE: Phase.STALE,
        Phase.LOADING: Phase.STALE,
        Phase.READY: Phase.STALE,
        Phase.STOPPING: Phase.STOPPING,
        Phase.DRAINING: Phase.STOPPING,
        **_OVER,
    },
    "stop": {
        Phase.STALE: Phase.STOPPING,
        Phase.LOADING: Phase.STOPPING,
        Phase.READY: Phase.DRAINING,
        Phase.STOPPING: Phase.STOPPING,
        Phase.DRAINING: Phase.DRAINING,
        **_OVER,
    },
    "lose_lease": {**dict.fromkeys(_LIVE, Phase.LOST), **_OVER},
    "close": dict.fromkeys(Phase, Phase.CLOSED),
}


def next_phase(phase: Phase, event: str) -> Phase:
    """The phase after an event; raises IllegalTransition where the event cannot happen."""
    after = TRANSITIONS[event].get(phase)
    if after is None:
        raise IllegalTransition(f"{event} cannot happen while {phase.name}.")
    return after
