"""Write an event of each kind, read it back and delete it, by the client that openapi-python-client generated."""

from __future__ import annotations

import os
from uuid import UUID

from sitrep_client import AuthenticatedClient
from sitrep_client.api.events import count_events, create_event, delete_event, get_event, list_events, write_batch
from sitrep_client.models import (
    AttackIn,
    AttackOut,
    BatchIn,
    BatchOut,
    Count,
    CreateItem,
    DeletionReason,
    EventList,
    KindName,
    NegotiationRoundIn,
    NegotiationRoundOut,
    Problem,
    SanctionMoveIn,
    SanctionMoveOut,
    SecurityGuaranteeIn,
    SecurityGuaranteeOut,
)

ENVELOPE = {"title": "A round trip", "started_at": "2025-09-08T04:00:00Z", "sources": [{"publisher": "Example Wire"}]}
MEASURE = {"type": "asset_freeze", "targets": [{"name": "Example Bank", "schema": "Company"}]}
ATTACK = AttackIn.from_dict(
    {
        **ENVELOPE,
        "kind": "attack",
        "detail": {"munitions": [{"category": "uav_one_way_attack", "launched": {"low": 20, "best": 24, "high": 30}}]},
    }
)
Event = AttackIn | NegotiationRoundIn | SanctionMoveIn | SecurityGuaranteeIn
EVENTS: tuple[Event, ...] = (
    ATTACK,
    NegotiationRoundIn.from_dict({**ENVELOPE, "kind": "negotiation_round", "detail": {"state": "held"}}),
    SanctionMoveIn.from_dict(
        {
            **ENVELOPE,
            "kind": "sanction_move",
            "detail": {
                "authority": {"name": "European Union", "type": "igo"},
                "stage": "proposed",
                "measures": [MEASURE],
            },
        }
    ),
    SecurityGuaranteeIn.from_dict(
        {**ENVELOPE, "kind": "security_guarantee", "detail": {"stage": "pledged", "pledgers": {"count": 26}}}
    ),
)
OUT = {
    "attack": AttackOut,
    "negotiation_round": NegotiationRoundOut,
    "sanction_move": SanctionMoveOut,
    "security_guarantee": SecurityGuaranteeOut,
}


def main() -> None:
    """Make the round trip against the server that the environment names."""
    client = AuthenticatedClient(base_url=os.environ["SITREP_CHECK_URL"], token=os.environ["SITREP_CHECK_KEY"])
    for event in EVENTS:
        made = create_event.sync(client=client, body=event)
        assert made is not None, event.kind
        assert not isinstance(made, Problem), made
        assert isinstance(made, OUT[event.kind])
        id = UUID(str(made.id))
        read = get_event.sync(id, client=client)
        assert read is not None, id
        assert not isinstance(read, Problem), read
        assert read.title == "A round trip"
        listed = list_events.sync(client=client, kind=[KindName(event.kind)], limit=5)
        assert isinstance(listed, EventList), listed
        assert any(item.id == read.id for item in listed.items)
        gone = delete_event.sync_detailed(id, client=client, reason=DeletionReason.ERRONEOUS)
        assert gone.status_code == 204
    batch = write_batch.sync(client=client, body=BatchIn(items=[CreateItem(op="create", event=ATTACK)]))
    assert isinstance(batch, BatchOut), batch
    assert batch.results[0].status == 201
    count = count_events.sync(client=client, kind=[KindName.ATTACK])
    assert isinstance(count, Count), count
    assert count.count >= 1
    refused = list_events.sync(client=client, limit=0)
    assert isinstance(refused, Problem), refused


main()
