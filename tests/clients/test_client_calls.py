"""What the Python client reads and writes, sync and async, and that a repeated write is made once."""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from calls import written
from roundtrip import BY_KIND, look_around, make_round_trips

from sitrep_client import (
    AsyncClient,
    Client,
    Forbidden,
    Invalid,
    InvalidUrl,
    RateLimited,
    Unreachable,
    VersionMismatch,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import MakeEvent


async def test_every_kind_makes_its_round_trip(server: httpx.AsyncClient) -> None:
    def run() -> None:
        key = server.headers["authorization"].removeprefix("Bearer ")
        with httpx.Client(trust_env=False) as http, Client(str(server.base_url), key, http=http) as sitrep:
            make_round_trips(sitrep)
            look_around(sitrep)

    await asyncio.to_thread(run)


async def test_the_async_client_does_the_same(api: httpx.AsyncClient) -> None:
    async with AsyncClient(str(api.base_url), http=api) as sitrep:
        ids = [(await sitrep.create(event))["id"] for event in BY_KIND.values()]
        assert {each["id"] async for each in sitrep.events(limit=3)} == {*ids}
        assert await sitrep.count() == len(ids)
        assert [item["subject"] async for item in sitrep.feed()] == ids
        async for page in sitrep.follow_pages():
            assert [item["subject"] for item in page["items"]] == ids
            break


def test_both_clients_have_the_same_methods() -> None:
    def shown(cls: type, names: tuple[str, ...]) -> dict[str, tuple[Any, ...]]:
        found = inspect.getmembers(cls, inspect.isfunction)
        return {
            name: (list(inspect.signature(method).parameters.values()), method.__doc__)
            for name, method in found
            if not name.startswith("_") and name not in names
        }

    assert shown(Client, ()) == shown(AsyncClient, ())


class Lossy(httpx.BaseTransport):
    """A way to a server on which answers get lost, one in so many; what arrived has been done."""

    def __init__(self, lost: Callable[[httpx.Request, int], bool]) -> None:
        self._inner = httpx.HTTPTransport()
        self._lost = lost
        self.sent: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        response = self._inner.handle_request(request)
        if self._lost(request, len(self.sent)):
            response.read()
            response.close()
            raise httpx.ReadError("reset")
        return response

    def close(self) -> None:
        self._inner.close()


async def test_a_write_whose_answer_was_lost_is_made_once(server: httpx.AsyncClient, make_event: MakeEvent) -> None:
    event: Any = make_event()
    pauses: list[float] = []

    def run() -> None:
        way = Lossy(lambda _, n: n % 2 == 1)  # the first answer of each call
        http = httpx.Client(transport=way, headers={"authorization": server.headers["authorization"]}, timeout=60)
        with http, Client(str(server.base_url), http=http, sleep=pauses.append) as sitrep:
            made = sitrep.create(event)
            assert sitrep.count() == 1
            keys = [request.headers.get("idempotency-key") for request in way.sent[:2]]
            assert keys[0] == keys[1] is not None
            sitrep.batch([{"op": "create", "event": event}, {"op": "create", "event": event}])
            assert sitrep.count() == 3
            assert sitrep.upsert("desk", "1", event)["version"] == 1
            with pytest.raises(VersionMismatch, match="read the event before") as unsure:
                sitrep.patch(made["id"], {"tags": ["a"]}, if_match=1)
            assert (unsure.value.uncertain, unsure.value.current) == (True, 2)
            assert sitrep.get(made["id"])["tags"] == ["a"]
            sitrep.delete(made["id"], "duplicate")
            assert len(pauses) * 2 == len(way.sent)

    await asyncio.to_thread(run)
    head = (await server.get("/v1/feed/head")).json()["head"]
    assert head == "e1-000000000006"


def test_a_call_gives_up_in_the_end_and_tells_why() -> None:
    for address in ("nonsense", "", "ftp://sitrep.test", "http://"):
        with pytest.raises(InvalidUrl, match="is not the address of a server"):
            Client(address)
    cases: list[tuple[httpx.Response | Exception, type[Exception], int]] = [
        (httpx.ConnectError("refused"), Unreachable, 3),
        (httpx.Response(429, headers={"retry-after": "1"}), RateLimited, 3),
        (httpx.Response(429, headers={"retry-after": "3600"}), RateLimited, 1),
        (httpx.Response(403, json={"type": "/problems/forbidden", "detail": "No."}), Forbidden, 1),
    ]
    for answer, refusal, tries in cases:
        asked: list[httpx.Request] = []

        def reply(request: httpx.Request, asked: list[httpx.Request] = asked, answer: Any = answer) -> httpx.Response:
            asked.append(request)
            if isinstance(answer, Exception):
                raise answer
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

        http = httpx.Client(transport=httpx.MockTransport(reply))
        sitrep = Client("http://sitrep.test/feed/", "key", retries=2, http=http, sleep=lambda _: None)
        with pytest.raises(refusal):
            sitrep.create(BY_KIND["attack"])
        assert len(asked) == tries
        assert {str(each.url) for each in asked} == {"http://sitrep.test/feed/v1/events"}
        assert {each.headers["authorization"] for each in asked} == {"Bearer key"}
        assert len({each.headers["idempotency-key"] for each in asked}) == 1
        assert json.loads(asked[0].content) == BY_KIND["attack"]


def test_a_refusal_tells_what_would_do() -> None:
    fault = {"parameter": "kind", "code": "enum", "detail": "That value is unknown.", "allowed": ["attack", "talks"]}
    refused = Invalid(422, {"detail": "See errors.", "errors": [fault, {**fault, "allowed": None}]})
    assert str(refused).endswith("kind: That value is unknown. Allowed: attack, talks. kind: That value is unknown.")


async def test_a_data_frame_has_times_numbers_and_lists(api: httpx.AsyncClient, make_event: MakeEvent) -> None:
    pandas = pytest.importorskip("pandas")
    places = [{"name": "=Kyiv;\\ Київ", "country": "UA", "role": "target"}, {"name": "NA", "role": "impact"}]
    sources = [{"publisher": "a;b"}, {"publisher": "c"}]
    await written(api, make_event(title="+ =quoted", summary="-1", sources=sources, locations=places))
    await written(api, make_event(started_at="2025-09-07T04:00:00.5Z", time_precision="instant", casualties=[]))
    async with AsyncClient(str(api.base_url), http=api) as sitrep:
        frame = await sitrep.to_dataframe({"kind": "attack"})
        assert list(frame["launched_best"]) == [810, 810]
        assert str(frame["started_at"].dt.tz) == "UTC"
        assert [at.isoformat() for at in frame["started_at"]] == [
            "2025-09-07T04:00:00.500000+00:00",
            "2025-09-06T21:00:00+00:00",
        ]
        first = frame.iloc[1]
        assert (first["title"], first["summary"], first["place"]) == ("+ =quoted", "-1", "=Kyiv;\\ Київ")
        assert (first["places"], first["publishers"]) == (["=Kyiv;\\ Київ", "NA"], ["a;b", "c"])
        assert first["killed_best"] == 3
        assert pandas.isna(frame.iloc[0]["killed_best"])
        assert first["munition"] == ["uav_one_way_attack"]
        assert frame.explode("munition")["munition"].value_counts()["uav_one_way_attack"] == 2
        assert len(await sitrep.to_dataframe({"kind": "sanction_move"})) == 0
        pytest.importorskip("polars")
        rows = (await sitrep.to_dataframe({"kind": "attack"}, library="polars")).to_dicts()
        assert rows[1]["places"] == first["places"]
        assert [row["started_at"] for row in rows] == [at.to_pydatetime() for at in frame["started_at"]]
        assert rows[1]["title"] == first["title"]
        assert [row["killed_best"] for row in rows] == [None, 3]
        assert (await sitrep.to_dataframe({"kind": "sanction_move"}, library="polars")).is_empty()
