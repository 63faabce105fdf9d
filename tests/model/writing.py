"""Writes to the service in every way there is, and tells the model what was acknowledged."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING, Any

from calls import good

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from book import Book, Event
    from drawing import Drawing

SYSTEM = "model"
# Above so many live events more are deleted than made.
POPULATION = 150


class Writer:
    """Draws writes and makes them, several at a time on events that have nothing to do with each other."""

    def __init__(self, drawing: Drawing, book: Book) -> None:
        self._drawing = drawing
        self._book = book
        self._numbers = count(1)
        self.written = 0

    async def volley(self, api: Callable[[], httpx.AsyncClient]) -> None:
        """Up to three writes at once, each to a server of its own choice."""
        random, free = self._drawing.random, list(self._book.live.values())
        random.shuffle(free)
        crowded = len(free) > POPULATION
        weights = [5, 3, 4, 4, 4, 12 if crowded else 3, 2]
        ways = [self.create, self.put, self.patch, self.upsert, self.batch, self.delete, self.repeat]
        jobs = [way(api(), free) for way in random.choices(ways, weights, k=random.choice([1, 1, 2, 3]))]
        found = [change for changes in await asyncio.gather(*jobs) for change in changes]
        for cursor, after, tombstone in sorted(found, key=lambda change: change[0]):
            self._book.record(cursor, after, tombstone)
        self.written += len(found)

    def fresh(self, old: Event | None = None) -> Event:
        """A new event, of the kind of an old one, with a key and perhaps a relation to an event that is not the old."""
        event = self._drawing.event(old["kind"] if old else None)
        known = [id for id in (*self._book.live, *self._book.gone) if old is None or id != old["id"]]
        related = [{"type": "follows", "event_id": self._drawing.random.choice(known)}] if known else []
        key = {"system": SYSTEM, "id": f"{next(self._numbers)}:a/b"}
        return event | {"external_ids": [key], "relations": self._drawing.random.choice([[], related])}

    async def create(self, api: httpx.AsyncClient, _free: list[Event]) -> Changes:
        answer = await api.post("/v1/events", json=self.fresh())
        return [(answer.headers["feed-cursor"], good(answer, 201), None)]

    async def put(self, api: httpx.AsyncClient, free: list[Event]) -> Changes:
        if not free:
            return []
        old = free.pop()
        event = self.fresh(old) | {"external_ids": old["external_ids"]}
        answer = await api.put(f"/v1/events/{old['id']}", json=event, headers={"if-match": f'"{old["version"]}"'})
        return changed(answer)

    async def patch(self, api: httpx.AsyncClient, free: list[Event]) -> Changes:
        if not free:
            return []
        old = free.pop()
        answer = await api.patch(
            f"/v1/events/{old['id']}", json=self._drawing.patch(old), headers={"if-match": f'"{old["version"]}"'}
        )
        return changed(answer)

    async def upsert(self, api: httpx.AsyncClient, free: list[Event]) -> Changes:
        old = free.pop() if free and self._drawing.random.random() < 0.6 else None
        event = self.fresh(old)
        key = (old or event)["external_ids"][0]
        event["external_ids"] = [key]
        answer = await api.put(f"/v1/events/by-external-id/{key['system']}/{key['id']}", json=event)
        return changed(answer, 200 if old else 201)

    async def repeat(self, api: httpx.AsyncClient, free: list[Event]) -> Changes:
        """What is there already is written again, and is no change."""
        if free:
            old = free.pop()
            headers = {"if-match": f'"{old["version"]}"'}
            answer = await api.put(f"/v1/events/{old['id']}", json=old, headers=headers)
            assert good(answer) == old
            assert "feed-cursor" not in answer.headers
        return []

    async def delete(self, api: httpx.AsyncClient, free: list[Event]) -> Changes:
        if not free:
            return []
        old = free.pop()
        reason = self._drawing.random.choice(["duplicate", "erroneous", "out_of_scope", "legal"])
        answer = await api.delete(f"/v1/events/{old['id']}?reason={reason}")
        assert answer.status_code == 204, answer.text
        return [(answer.headers["feed-cursor"], None, await tombstone_of(api, old["id"]))]

    async def batch(self, api: httpx.AsyncClient, free: list[Event]) -> Changes:
        """Some writes together, in which later ones see earlier ones."""
        items, random = [], self._drawing.random
        for _ in range(random.randint(2, 6)):
            old = free.pop() if free else None
            op = random.choice(["create", "upsert", "replace", "patch", "delete"]) if old else "create"
            items += self.item(op, old)
        answer = await api.post("/v1/events/batch?partial=" + random.choice(["true", "false"]), json={"items": items})
        found: Changes = []
        for result in good(answer)["results"]:
            assert result["status"] < 300, result
            if result["cursor"] is None:
                continue
            if result["status"] == 204:
                found.append((result["cursor"], None, await tombstone_of(api, result["id"])))
            else:
                event = good(await api.get(f"/v1/events/{result['id']}?version={result['version']}"))
                found.append((result["cursor"], event, None))
        return found

    def item(self, op: str, old: Event | None) -> list[Event]:
        """Items of a batch about one event; sometimes two, of which the second sees the first."""
        if old is None or op == "create":
            return [{"op": "create", "event": self.fresh()}]
        known = {"id": old["id"], "if_match": old["version"]}
        new = self.fresh(old) | {"external_ids": old["external_ids"]}
        key = old["external_ids"][0]
        if op == "upsert":
            return [{"op": op, "system": key["system"], "external_id": key["id"], "event": new}]
        if op == "delete":
            return [{"op": op, "id": old["id"], "reason": self._drawing.random.choice(["duplicate", "erroneous"])}]
        first = {"op": op, **known, **({"event": new} if op == "replace" else {"patch": {"tags": ["batch"]}})}
        unchanged = op == "patch" and old["tags"] == ["batch"]
        again = {"op": "patch", "id": old["id"], "if_match": old["version"] + (not unchanged), "patch": {"tags": []}}
        return [first, again] if self._drawing.random.random() < 0.3 else [first]


# The cursor, the event after it, and the tombstone where there is none.
Changes = list[tuple[str, Any, Any]]


def changed(answer: httpx.Response, status: int = 200) -> Changes:
    """The change that an answer tells of; none where the content was the same."""
    event = good(answer, status)
    cursor = answer.headers.get("feed-cursor")
    return [] if cursor is None else [(cursor, event, None)]


async def tombstone_of(api: httpx.AsyncClient, id: str) -> Any:
    answer = await api.get(f"/v1/events/{id}")
    assert answer.status_code == 410, answer.text
    return answer.json()["tombstone"]
