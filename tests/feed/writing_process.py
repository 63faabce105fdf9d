"""A process that writes events through the public API, with refusals and rolled back transactions between them.

Usage: writing_process.py URL KEY NAME ROUNDS. Each acknowledged change id goes to stdout on a line of its own.
"""

from __future__ import annotations

import asyncio
import random
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx

from app.changes import PendingChange, append
from app.kit.ids import IdSource, key_of
from app.main import create_app
from app.settings import Settings

if TYPE_CHECKING:
    from app.db import Database, Transaction

AT_ONCE = 4
NEW_ID = IdSource()


class UndoneError(Exception):
    """The transaction is to be rolled back."""


def event_of(name: str, number: int) -> dict[str, Any]:
    return {
        "kind": "attack",
        "title": f"{name} {number}",
        "started_at": "2025-09-07T00:00:00Z",
        "tags": [name, f"n{number}"],
        "sources": [{"publisher": "Example Wire"}],
        "detail": {"munitions": [{"category": "other", "launched": number}]},
    }


async def write(client: httpx.AsyncClient, db: Database, name: str, number: int) -> list[str]:
    """One round: three changes that stay, one request that is refused, one transaction that is undone."""
    made = await client.post("/v1/events", json=event_of(name, number))
    address = made.headers["location"]
    changed = await client.patch(address, json={"title": "changed"}, headers={"if-match": '"1"'})
    refused = await client.patch(address, json={"title": "late"}, headers={"if-match": '"1"'})
    await undo(db)
    gone = await client.delete(f"{address}?reason=duplicate")
    statuses = [answer.status_code for answer in (made, changed, refused, gone)]
    if statuses != [201, 200, 412, 204]:
        raise RuntimeError(f"unexpected answers: {statuses}")
    return [answer.headers["feed-cursor"] for answer in (made, changed, gone)]


async def undo(db: Database) -> None:
    """Take a place in the log, hold it for a moment, and give it back."""
    new = NEW_ID()
    draft = PendingChange(key_of(new), new, 1, "attack", "created", datetime.now(UTC), None, b'{"never":"seen"}')

    async def work(tx: Transaction) -> None:
        await append(tx, [draft], datetime.now(UTC))
        if db.dialect == "postgresql":
            await asyncio.sleep(random.random() / 300)
        raise UndoneError

    try:
        await db.write(work)
    except UndoneError:
        return


async def main(url: str, key: str, name: str, rounds: int) -> None:
    app = create_app(Settings(database_url=url))
    headers = {"authorization": f"Bearer {key}"}
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://sitrep.test", headers=headers) as client:

            async def task(first: int) -> None:
                for number in range(first, rounds, AT_ONCE):
                    print(*await write(client, app.state.services.db, name, number), sep="\n", flush=True)  # noqa: T201 (the answer)

            await asyncio.gather(*(task(first) for first in range(AT_ONCE)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
