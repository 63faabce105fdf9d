"""A database that was restored under a running server, or changed hands between two statements, is not trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import sqlalchemy as sa
from calls import good, written
from sqlmodel import col

from app.changes.epoch import raise_epoch
from app.events.tables import EventFacet, FacetValue
from app.events.write.commands import EventVersion
from app.events.write.load import matches_holder
from app.kit.ids import IdSource

if TYPE_CHECKING:
    import httpx
    from conftest import MakeEvent

    from app.db import Database, Transaction


async def test_ids_of_facet_values_are_read_anew_after_a_restore(
    api: httpx.AsyncClient, db: Database, make_event: MakeEvent
) -> None:
    await written(api, make_event(tags=["alpha"]))

    async def restore(tx: Transaction) -> None:
        """What a backup from before that event lacks: its tag, whose number another tag has now."""
        await tx.run(sa.update(FacetValue).where(col(FacetValue.value) == "alpha").values(value="beta", label="beta"))
        await tx.run(sa.delete(EventFacet))

    await db.write(restore)
    await raise_epoch(db)
    await written(api, make_event(tags=["alpha"]))

    assert good(await api.get("/v1/events/count?tag=alpha"))["count"] == 1
    assert good(await api.get("/v1/events/count?tag=beta"))["count"] == 0


def test_a_locked_event_must_still_have_the_external_id_it_was_found_by() -> None:
    body = orjson.dumps({"external_ids": [{"system": "wire", "id": "1"}]})
    holder = EventVersion(IdSource()(), "attack", 1, deleted=False, body=body)

    assert matches_holder(holder, ("wire", "1"))
    assert not matches_holder(holder, ("wire", "2"))
    assert not matches_holder(EventVersion(holder.id, "attack", 2, deleted=True, body=b"{}"), ("wire", "1"))
